"""The command `evaluate speech`, and the options that say how to decode, which `transcribe` has too."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audio_lstm.commands.console import (
    add_model,
    answer,
    complain,
    progress,
    require_folder,
    require_output,
    require_writable,
)
from audio_lstm.errors import ConfigError, DataError
from audio_lstm.text_files import read_text

if TYPE_CHECKING:
    from audio_lstm.speech.decoding.decoding import Decoding

__all__ = ["add_decoding", "add_evaluate_speech", "add_writing", "decoding_of"]

# Heavy imports live inside the commands, as in cli.py: `audio-lstm --help` answers at once.

_MAX_LIST_BYTES = 50_000_000  # of a word list: what is larger is something else


def add_evaluate_speech(wings: Any) -> None:
    """Add `evaluate speech` to the command line.

    Args:
        wings: What `add_subparsers` of `evaluate` returned.
    """
    parser = wings.add_parser("speech", allow_abbrev=False, help="word and character error rate on a manifest")
    parser.add_argument(
        "--manifest", required=True, metavar="PATH", help="JSON lines: audio, text, … or a folder of a.wav + a.txt"
    )
    add_model(parser, "english-base")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument(
        "--per-utterance", type=Path, metavar="FILE", help="write hypothesis and reference of each utterance"
    )
    parser.add_argument("--errors", action="store_true", help="list utterances with errors, aligned with what was said")
    add_decoding(parser)
    parser.set_defaults(command=_evaluate)


def add_decoding(parser: argparse.ArgumentParser) -> None:
    """Add the options that say how a model's output becomes words; `decoding_of` reads them.

    Args:
        parser: Of the command.
    """
    group = parser.add_argument_group("decoding", "How sound becomes words; by default as the model was tuned.")
    group.add_argument(
        "--lm",
        metavar="FILE",
        help="language model: an .arpa, .arpa.gz or .lm file, or a shipped name; none: greedy decoding",
    )
    group.add_argument("--beam-size", type=int, metavar="N", help="hypotheses kept after each frame; more is slower")
    group.add_argument("--lm-weight", type=float, metavar="X", help="weight of the language model")
    group.add_argument(
        "--word-bonus",
        type=float,
        metavar="X",
        help="added to the score for each word, since language models prefer few words",
    )
    group.add_argument(
        "--rescorer",
        metavar="MODEL",
        help="character language model that rescores the best hypotheses; none: no rescoring",
    )
    group.add_argument("--rescorer-weight", type=float, metavar="X", help="weight of the rescorer")
    group.add_argument("--hotword", action="append", metavar="PHRASE", help="prefer this word or phrase; repeatable")
    group.add_argument("--hotwords-file", type=Path, metavar="FILE", help="file of hot words, one a line")
    group.add_argument(
        "--hotword-boost", type=float, metavar="X", help="strength of the preference, in nats (default: 5)"
    )
    group.add_argument("--vocabulary", type=Path, metavar="FILE", help="allow only the words in this file")
    group.add_argument("--grammar", type=Path, metavar="FILE", help="allow only the sentences of this JSGF file")


def add_writing(parser: argparse.ArgumentParser) -> None:
    """Add the options that say how words are written down; `decoding_of` reads them too.

    Args:
        parser: Of the command.
    """
    group = parser.add_argument_group("writing", "How words are written down; by default with marks and capitals.")
    group.add_argument("--spoken", action="store_true", help="as they were heard: no marks, no capitals, no figures")
    group.add_argument("--writer", metavar="MODEL", help="punctuation model: a folder or a shipped one's name; none")
    group.add_argument("--numbers", choices=("words", "digits"), help="TWENTY FIVE PERCENT: 25 %% (default: words)")
    group.add_argument("--letters", choices=("apart", "joined"), help="M U S I C: MUSIC (default: apart)")


def decoding_of(options: argparse.Namespace) -> Decoding:
    """What the options of `add_decoding`, and of `add_writing` where the command has them, ask for.

    Args:
        options: From the parser.

    Returns:
        The wish. A list that cannot be read is a DataError.

    Raises:
        ConfigError: If options contradict each other.
    """
    from audio_lstm.speech.decoding.decoding import Decoding
    from audio_lstm.speech.words.hotwords import DEFAULT_BOOST

    closed = next((name for name in ("vocabulary", "grammar") if getattr(options, name)), None)
    weights = next(
        (name for name in ("lm-weight", "word-bonus") if vars(options)[name.replace("-", "_")] is not None), None
    )
    if options.vocabulary and options.grammar:
        raise ConfigError("--vocabulary and --grammar exclude each other; write the words into the grammar")
    if closed and options.lm not in (None, "none"):
        raise ConfigError(f"--{closed} and --lm exclude each other: nothing but its words is heard; leave one out")
    if weights and not closed and options.lm == "none":
        raise ConfigError(f"--{weights} weighs a language model, but --lm is none; leave one of them out")
    if closed and options.rescorer not in (None, "none"):
        raise ConfigError(f"--{closed} and --rescorer exclude each other: nothing but its words is heard")
    if options.rescorer_weight is not None and (closed or options.rescorer == "none"):
        raise ConfigError("--rescorer-weight weighs a rescorer, but there is none; leave it out")
    if options.hotword_boost is not None and not (options.hotword or options.hotwords_file):
        raise ConfigError("--hotword-boost needs words to boost; add --hotword or --hotwords-file")
    hotwords = dict.fromkeys(options.hotword or [], "")
    if options.hotwords_file:
        for place, line in _lines(options.hotwords_file, "hot word"):
            hotwords.setdefault(line, place)
    vocabulary: dict[str, str] = {}
    if options.vocabulary:
        for place, line in _lines(options.vocabulary, "word"):
            for word in line.split():
                vocabulary.setdefault(word, place)
    return Decoding(
        language_model={None: "default", "none": None}.get(options.lm, options.lm),
        beam_size=options.beam_size,
        lm_weight=options.lm_weight,
        word_bonus=options.word_bonus,
        hotwords=tuple(hotwords),
        hotword_boost=DEFAULT_BOOST if options.hotword_boost is None else options.hotword_boost,
        vocabulary=tuple(vocabulary),
        places={word: place for word, place in [*hotwords.items(), *vocabulary.items()] if place},
        grammar=str(options.grammar) if options.grammar else "",
        rescorer={None: "default", "none": None}.get(options.rescorer, options.rescorer),
        rescorer_weight=options.rescorer_weight,
        **_writing(options),
    )


def _writing(options: argparse.Namespace) -> dict[str, Any]:
    """What the options of `add_writing` ask for; nothing where the command has none."""
    given = {name: getattr(options, name, None) for name in ("writer", "numbers", "letters")}
    wanted = {name: value for name, value in given.items() if value is not None}
    if getattr(options, "spoken", False):
        if wanted:
            raise ConfigError(f"--spoken and --{next(iter(wanted))} exclude each other; leave one of them out")
        return {"writer": None}
    return {name: None if (name, value) == ("writer", "none") else value for name, value in wanted.items()}


def _lines(file: Path, noun: str) -> list[tuple[str, str]]:
    """The lines of a text file that hold something, and where they stand."""
    text = read_text(
        file,
        what=f"a list with one {noun} a line",
        way_out=f"expected a text file, one {noun} a line",
        max_bytes=_MAX_LIST_BYTES,
    )
    lines = [(f"{file}:{number}", line.strip()) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
    if not lines:
        raise DataError(f"{file}: is empty; expected one {noun} a line")
    return lines


def _evaluate(options: argparse.Namespace) -> int:
    from audio_lstm.speech.hearing.recogniser import load_speech
    from audio_lstm.speech.text.data import read_utterances
    from audio_lstm.speech.training.evaluate import evaluate_speech

    require_output()
    if options.per_utterance:
        require_folder(options.per_utterance)
        require_writable([options.per_utterance], force=True)
    decoding = decoding_of(options)
    utterances = read_utterances(options.manifest)
    recogniser = load_speech(options.model, device=options.device, decoding=decoding)
    evaluation = evaluate_speech(utterances, recogniser, progress=progress(len(utterances), "utterances"))
    for line in evaluation.unreadable:
        complain(f"{line} (counted as empty)")
    if evaluation.unwritable:
        complain(
            f"{len(evaluation.unwritable)} of {len(utterances)} references hold letters that the model cannot write, "
            f"which count as errors: spell them out (the first: {evaluation.unwritable[0]!r})"
        )
    if options.per_utterance:
        evaluation.write_per_utterance(options.per_utterance, utterances)
    result = evaluation.to_dict()
    if options.json:
        answer(json.dumps(result))
    else:
        answer(f"WER {100 * result['wer']:.2f} %   CER {100 * result['cer']:.2f} %")
        hours = result["audio_s"] / 3600
        answer(f"{result['n_utterances']} utterances, {result['n_words']} words, {hours:.2f} h of audio")
        answer(f"calibration error {100 * result['calibration_error']:.1f} %")
        answer(f"decoding: {result['decoding']}")
        answer(f"real-time factor {result['real_time_factor']}")
    if options.errors:
        answer(evaluation.report.listing(), beside=options.json)
    return 1 if evaluation.unreadable else 0
