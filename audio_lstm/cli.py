"""The command line: thin over the Python API. Results go to stdout, progress and complaints to stderr.

Exit status: 0 all well, 1 something failed (each failure has its line on stderr), 2 wrong usage, 130 interrupted.
"""

from __future__ import annotations

import argparse
import difflib
import io
import json
import os
import re
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

from audio_lstm.errors import AudioLSTMError, ConfigError

__all__ = ["main"]

_HELD = "; in chorales the pitch being held keeps the model's own probability"

# Heavy imports live inside the commands: `audio-lstm --help` answers at once, and nothing here imports torch.


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        arguments: Without the program's name; None reads sys.argv.

    Returns:
        The exit status; wrong usage and --help raise SystemExit, as argparse does.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="surrogateescape")  # a file's name is printed with the bytes that it has
    try:
        options = _parser().parse_args(arguments)
        command: Callable[[argparse.Namespace], int] = options.command
        status = command(options)
        sys.stdout.flush()  # here, where a reader that went away is dealt with
        return status
    except AudioLSTMError as error:
        _complain(str(error))
        return 2 if isinstance(error, ConfigError) else 1
    except KeyboardInterrupt:
        _complain("interrupted")
        return 130
    except BrokenPipeError:  # the reader of our output went away, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:  # what no command has foreseen: a full disk, say
        _complain(f"{error.filename or 'output'}: {error.strerror or error}")
        return 1


class _Parser(argparse.ArgumentParser):
    """One line per usage error, with the option or command that was probably meant."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> tuple[Any, list[str]]:
        """As in argparse, but what a command does not know is reported by that command, which knows its options."""
        known, unknown = super().parse_known_args(args, namespace)
        if unknown:
            word = unknown[0].partition("=")[0]
            what = "unknown option" if word.startswith("-") else "unexpected argument"
            self.error(f"{what} {word}{_meant(word, self._option_string_actions)}")
        return known, unknown

    def error(self, message: str) -> NoReturn:
        """Complain in one line and leave with status 2."""
        choice = re.search(r"argument \S+: invalid choice: '(.*)' \(choose from (.*)\)", message, re.DOTALL)
        if choice:
            commands = re.findall(r"[\w-]+", choice[2])
            hint = _meant(choice[1], commands) or f"; known: {', '.join(commands)}"
            message = f"unknown command {choice[1]}{hint}"
        _complain(f"{message} (see {self.prog} --help)")
        raise SystemExit(2)


def _meant(word: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(word, list(known), n=1)
    return f"; did you mean {close[0]}?" if close else ""


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="audio-lstm",
        description="Write down speech and write music with small LSTMs, offline.",
        allow_abbrev=False,  # or a new option could break old scripts
    )
    parser.add_argument("--version", action="version", version=f"audio-lstm {_version()}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True, parser_class=_Parser)
    _add_transcribe(commands)
    _add_compose(commands)
    _add_evaluate(commands)
    models = commands.add_parser("models", allow_abbrev=False, help="list the models that come with this package")
    models.set_defaults(command=_models)
    return parser


def _add_transcribe(commands: Any) -> None:
    parser = commands.add_parser(
        "transcribe",
        allow_abbrev=False,
        help="write down what is said in recordings",
        description="Write down what is said in recordings: one line of text a file (with several files, the file's "
        "name and a tab come first). Reads wav, flac, ogg, opus, mp3, m4a, mp4, webm, mkv, amr, wma.",
    )
    parser.add_argument("files", nargs="+", metavar="FILE", help="audio or video files")
    _add_model(parser, "an4")
    parser.add_argument("--json", action="store_true", help="one JSON object a file: words with times, confidence")
    parser.add_argument(
        "--max-seconds", type=_positive_float, default=None, metavar="S", help="refuse longer recordings (14400: 4 h)"
    )
    parser.add_argument("--allow-truncated", action="store_true", help="take what is left of a file that breaks off")
    parser.set_defaults(command=_transcribe)


def _add_compose(commands: Any) -> None:
    parser = commands.add_parser("compose", allow_abbrev=False, help="write music to a MIDI file")
    _add_model(parser, "chorale")
    parser.add_argument("--out", type=Path, default=Path("composition.mid"), metavar="FILE", help="%(default)s")
    parser.add_argument("--force", action="store_true", help="overwrite files that exist")
    parser.add_argument("--seed", type=int, default=None, metavar="N", help="repeat a result; random if not given")
    parser.add_argument("--bars", type=int, default=None, metavar="N", help="exactly this long; else as the model ends")
    parser.add_argument("--tempo", type=_positive_float, default=None, metavar="BPM", help="quarter notes a minute")
    parser.add_argument(
        "--temperature", type=float, default=None, metavar="T", help=f"below 1 safer, above 1 wilder{_HELD}"
    )
    parser.add_argument("--top-k", type=int, default=None, metavar="K", help=f"choose among the K best only{_HELD}")
    parser.add_argument(
        "--top-p", type=float, default=None, metavar="P", help=f"choose among the best that make up P{_HELD}"
    )
    parser.add_argument("--takes", type=int, default=1, metavar="N", help="pieces to write: FILE-1.mid, FILE-2.mid, …")
    parser.add_argument("--json", action="store_true", help="print one JSON object a piece")
    parser.set_defaults(command=_compose)


def _add_evaluate(commands: Any) -> None:
    parser = commands.add_parser("evaluate", allow_abbrev=False, help="measure a model on data")
    wings = parser.add_subparsers(title="wings", metavar="speech|music", required=True, parser_class=_Parser)
    speech = wings.add_parser("speech", allow_abbrev=False, help="word and character error rate on a manifest")
    speech.add_argument(
        "--manifest", required=True, metavar="PATH", help="JSON lines: audio, text, … or a folder of a.wav + a.txt"
    )
    _add_model(speech, "an4")
    speech.add_argument("--json", action="store_true", help="print one JSON object")
    speech.add_argument("--per-utterance", type=Path, metavar="FILE", help="write hypothesis and reference a line")
    speech.add_argument("--errors", action="store_true", help="list every utterance with errors, aligned")
    speech.set_defaults(command=_evaluate_speech)
    music = wings.add_parser("music", allow_abbrev=False, help="negative log-likelihood of a corpus")
    music.add_argument("--data", required=True, metavar="PATH", help="chorale JSON, roll npz, or a folder of scores")
    music.add_argument("--split", default="valid", metavar="NAME", help="train, valid (default) or test")
    _add_model(music, "chorale")
    music.add_argument("--json", action="store_true", help="print one JSON object")
    music.set_defaults(command=_evaluate_music)


def _add_model(parser: argparse.ArgumentParser, default: str) -> None:
    parser.add_argument("--model", default=default, metavar="M", help=f"name, folder or hub id (default: {default})")
    parser.add_argument("--device", default="cpu", metavar="D", help="cpu (default) or cuda")


def _transcribe(options: argparse.Namespace) -> int:
    from audio_lstm.audio import DEFAULT_MAX_SECONDS
    from audio_lstm.speech.recogniser import load_speech
    from audio_lstm.speech.transcribe import transcribe

    recogniser = load_speech(options.model, device=options.device)
    n_failed = 0
    for file in options.files:
        try:
            transcript = transcribe(
                file,
                model=recogniser,
                max_seconds=options.max_seconds or DEFAULT_MAX_SECONDS,
                allow_truncated=options.allow_truncated,
            )
        except AudioLSTMError as error:
            _complain(str(error))
            n_failed += 1
            continue
        if not transcript.text:
            _complain(f"{file}: no speech found ({transcript.loudness}); check the recording, or try another --model")
            n_failed += 1
        if options.json:
            print(json.dumps({"file": file, **transcript.to_dict()}, ensure_ascii=False), flush=True)
        elif transcript.text:
            print(transcript.text if len(options.files) == 1 else f"{file}\t{transcript.text}", flush=True)
    return 1 if n_failed else 0


def _compose(options: argparse.Namespace) -> int:
    from audio_lstm.music.compose import DEFAULT_SAMPLING, compose_takes

    given = {name: getattr(options, name) for name in ("temperature", "top_k", "top_p")}
    sampling = replace(DEFAULT_SAMPLING, **{name: value for name, value in given.items() if value is not None})
    outputs = _outputs(options)
    takes = compose_takes(
        n_takes=options.takes,
        model=options.model,
        seed=options.seed,
        bars=options.bars,
        tempo_bpm=options.tempo,
        sampling=sampling,
        device=options.device,
    )
    for path, composition in zip(outputs, takes, strict=True):
        composition.save(path)
        if options.json:
            print(json.dumps({"file": str(path), **composition.to_dict()}))
        else:
            print(f"{path}: {composition.summary()}")
    return 0


def _outputs(options: argparse.Namespace) -> list[Path]:
    """Where the takes go, once it is known that they can be written there."""
    out: Path = options.out
    if options.takes < 1:
        raise ConfigError(f"--takes must be at least 1, got {options.takes}")
    if out.suffix.lower() not in (".mid", ".midi"):
        raise ConfigError(f"--out {out}: expected a name that ends in .mid")
    _require_folder(out)
    outputs = [out]
    if options.takes > 1:
        outputs = [out.with_stem(f"{out.stem}-{take}") for take in range(1, options.takes + 1)]
    existing = [path for path in outputs if path.exists()]
    if existing and existing[0].is_dir():
        raise AudioLSTMError(f"{existing[0]}: is a folder; pass another --out")
    if existing and not options.force:
        raise AudioLSTMError(f"{existing[0]}: exists already; pass --force to overwrite it, or another --out")
    return outputs


def _require_folder(file: Path) -> None:
    """Complain about a missing folder before the work is done, not after."""
    if not file.parent.is_dir():
        raise AudioLSTMError(f"{file}: the folder {file.parent} does not exist; create it first")


def _evaluate_speech(options: argparse.Namespace) -> int:
    from audio_lstm.speech.data import read_utterances
    from audio_lstm.speech.evaluate import evaluate_speech
    from audio_lstm.speech.recogniser import load_speech

    if options.per_utterance:
        _require_folder(options.per_utterance)
    utterances = read_utterances(options.manifest)
    recogniser = load_speech(options.model, device=options.device)
    evaluation = evaluate_speech(utterances, recogniser, progress=_progress(len(utterances), "utterances"))
    for line in evaluation.unreadable:
        _complain(f"{line} (counted as empty)")
    if evaluation.unwritable:
        _complain(
            f"{len(evaluation.unwritable)} of {len(utterances)} references hold letters that the model cannot write, "
            f"which count as errors: spell them out (the first: {evaluation.unwritable[0]!r})"
        )
    if options.per_utterance:
        evaluation.write_per_utterance(options.per_utterance, utterances)
    result = evaluation.to_dict()
    if options.json:
        print(json.dumps(result))
    else:
        print(f"WER {100 * result['wer']:.2f} %   CER {100 * result['cer']:.2f} %")
        hours = result["audio_s"] / 3600
        print(f"{result['n_utterances']} utterances, {result['n_words']} words, {hours:.2f} h of audio")
        print(f"real-time factor {result['real_time_factor']}")
    if options.errors:  # beside JSON it goes where complaints go: stdout holds the object alone
        print(evaluation.report.listing(), file=sys.stderr if options.json else sys.stdout)
    return 1 if evaluation.unreadable else 0


def _evaluate_music(options: argparse.Namespace) -> int:
    from audio_lstm.music.composer import load_music
    from audio_lstm.music.data import load_pieces
    from audio_lstm.music.evaluate import evaluate_music

    composer = load_music(options.model, device=options.device)
    data = load_pieces(options.data, options.split)
    evaluation = evaluate_music(data, composer, progress=_progress(len(data.pieces), "pieces"))
    for line in evaluation.unusable:
        _complain(f"{line} (left out)")
    result = evaluation.to_dict()
    if options.json:
        print(json.dumps(result))
    else:
        print(f"NLL {result['nll']:.4f} {result['unit']}")
        print(
            f"{result['n_pieces']} pieces, {result['n_steps']} time steps, {result['n_units']} units, "
            f"{result['n_tokens']} tokens"
        )
    return 1 if evaluation.unusable else 0


def _models(options: argparse.Namespace) -> int:
    from audio_lstm.checkpoint import shipped_models

    for name, folder in shipped_models().items():
        card = (folder / "README.md").read_text("utf-8").splitlines()
        summary = next((line for line in card if line and not line.startswith(("#", "-", "|"))), "")
        print(f"{name}\t{summary}")
    return 0


def _progress(n_items: int, noun: str) -> Callable[[int], None] | None:
    """A counter with the time left, on a terminal only."""
    if not sys.stderr.isatty():
        return None
    start = time.perf_counter()

    def show(done: int) -> None:
        left_s = (time.perf_counter() - start) / done * (n_items - done)
        end = "\n" if done == n_items else ""
        print(f"\r{done}/{n_items} {noun}, {left_s:.0f} s left ", end=end, file=sys.stderr, flush=True)

    return show


def _complain(line: str) -> None:
    print(f"audio-lstm: {' '.join(line.split())}", file=sys.stderr, flush=True)


def _positive_float(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0.0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"expected a number above 0, got {text!r}")
    return value


def _version() -> str:
    from audio_lstm.version import __version__

    return __version__


if __name__ == "__main__":
    raise SystemExit(main())
