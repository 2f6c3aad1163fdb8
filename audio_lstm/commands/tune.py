"""The command `tune`: find out how a speech model decodes best and when its words are said, for its folder."""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import tempfile
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audio_lstm.commands.console import add_model, answer, complain, progress, require_output
from audio_lstm.errors import ConfigError, ModelError

if TYPE_CHECKING:
    from audio_lstm.speech.decoding.beam import BeamConfig
    from audio_lstm.speech.decoding.rescore import Rescorer
    from audio_lstm.speech.hearing.recogniser import SpeechRecogniser
    from audio_lstm.speech.text.data import Utterance
    from audio_lstm.speech.training.timing_fit import TimingFit
    from audio_lstm.speech.training.tune import HeardCorpus, Setting, TuneResult

__all__ = ["add_tune"]

# Heavy imports live inside the command, as in cli.py: `audio-lstm --help` answers at once.


def add_tune(commands: Any) -> None:
    """Add the command to the command line.

    Args:
        commands: What `add_subparsers` returned.
    """
    parser = commands.add_parser(
        "tune",
        allow_abbrev=False,
        help="tune language model weights of a speech model",
        description="Decode development data with many language model weights, keep the best (or greedy decoding "
        "where that is better), calibrate confidence, measure how far the model's word times lie from the sound, and "
        "write the results into the model folder.",
    )
    parser.add_argument(
        "--manifest",
        action="append",
        default=[],
        metavar="PATH",
        help="development data: a manifest or a folder; repeatable, all weigh the same",
    )
    add_model(parser, None)
    parser.add_argument(
        "--lm", metavar="FILE", help="language model: .arpa, .arpa.gz, .lm, or a shipped one's name; with --manifest"
    )
    parser.add_argument(
        "--rescorer", metavar="MODEL", help="character language model to judge the texts once more, where that helps"
    )
    parser.add_argument("--beam-size", type=int, default=None, metavar="N", help="texts kept after each frame (32)")
    parser.add_argument(
        "--timing",
        action="append",
        default=[],
        metavar="PATH",
        help="recordings, of training will do, on which to measure when words begin and end; alone or with the others",
    )
    parser.add_argument("--dry-run", action="store_true", help="write nothing")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(command=_tune)


def _tune(options: argparse.Namespace) -> int:
    from audio_lstm.speech.decoding.beam import BeamConfig
    from audio_lstm.speech.decoding.decoding import Decoding, read_decoding, write_decoding
    from audio_lstm.speech.hearing.recogniser import load_speech
    from audio_lstm.speech.text.data import read_utterances

    _check_wish(options)
    if options.dry_run:
        require_output()
    beam = BeamConfig() if options.beam_size is None else BeamConfig(beam_size=options.beam_size)
    rescorer = _rescorer(options.rescorer) if options.rescorer else None
    sets = [(_corpus_name(path), read_utterances(path)) for path in options.manifest]
    for_timing = [utterance for path in options.timing for utterance in read_utterances(path)]
    recogniser = load_speech(options.model, device=options.device, decoding=Decoding(language_model=None))
    folder = recogniser.folder or Path(options.model)
    config = read_decoding(folder)
    facts: dict[str, Any] = {"model": recogniser.name}
    lines: list[str] = []
    written: list[Path] = []
    with tempfile.TemporaryDirectory() as scratch:
        compiled = None
        if sets:
            name, compiled = _language_model(options.lm, folder, Path(scratch))
        if not options.dry_run:
            _require_writable([folder / "decoding.json", *([folder / compiled.name] if compiled else [])])
        if compiled is not None:
            result, corpora = _tune_decoding((options.lm, name, compiled), sets, recogniser, beam, rescorer)
            config = replace(result.config, timing=config.timing)
            facts |= {"language_model": name, "beam_size": beam.beam_size, **_to_dict(result, corpora)}
            lines += [_table(result, corpora), _summary(result, name, beam.beam_size)]
        if for_timing:
            fit = _fit_timing(for_timing, recogniser)
            config = replace(config, timing=fit.timing)
            facts["timing"] = asdict(fit)
            lines.append(_timing_line(fit))
        if not options.dry_run:
            if compiled is not None and config.language_model and Path(scratch) in compiled.parents:
                written.append(_install(compiled, folder / compiled.name))
            written.append(write_decoding(folder, config))
    if options.json:
        answer(json.dumps({**facts, "files": [str(file) for file in written]}))
    else:
        answer(
            "\n".join([*lines, *(f"wrote {file}" for file in written)] + ["dry run: nothing written"] * (not written))
        )
    return 0


def _check_wish(options: argparse.Namespace) -> None:
    """Complain about options that do not belong together."""
    if not options.manifest and not options.timing:
        raise ConfigError("pass --manifest and --lm to choose how to decode, --timing to measure word times, or all")
    if options.rescorer and not options.lm:
        raise ConfigError("--rescorer judges what a search with a language model finds: add --lm and --manifest")
    if bool(options.manifest) != bool(options.lm):
        raise ConfigError("--manifest and --lm go together: a language model is tuned on development data")
    for name in ("manifest", "timing"):
        paths = getattr(options, name)
        if len(set(paths)) < len(paths):
            raise ConfigError(f"the same --{name} is given twice; name it once")


def _tune_decoding(
    language_model: tuple[str, str, Path],
    sets: list[tuple[str, tuple[Utterance, ...]]],
    recogniser: SpeechRecogniser,
    beam: BeamConfig,
    rescorer: Rescorer | None,
) -> tuple[TuneResult, list[HeardCorpus]]:
    """Choose the weights of a language model (as it was asked for, its name, its file) on development sets."""
    from audio_lstm.speech.training.tune import N_TRIALS, hear_corpus, tune
    from audio_lstm.speech.words.automaton import fold_case, misfits
    from audio_lstm.speech.words.lm_file import read_language_model

    wanted, name, compiled = language_model
    automaton = fold_case(read_language_model(compiled), recogniser.alphabet)
    for note in misfits(automaton, recogniser.alphabet):
        complain(f"{wanted}: {note}")
    corpora = [
        hear_corpus(corpus, utterances, recogniser, progress=progress(len(utterances), f"utterances of {corpus}"))
        for corpus, utterances in sets
    ]
    shown = progress(N_TRIALS, "settings")
    result = tune(
        corpora,
        recogniser,
        language_model=name,
        automaton=automaton,
        beam=beam,
        rescorer=rescorer,
        progress=shown,
    )
    return result, corpora


def _rescorer(wanted: str) -> Rescorer:
    """The character language model, under a name that is still good where the tuned model is used."""
    from audio_lstm.checkpoint import SHIPPED, resolve_model
    from audio_lstm.speech.decoding.rescore import Rescorer, RescoringConfig
    from audio_lstm.speech.words.char_lm import load_char_lm

    path = resolve_model(wanted)
    name = path.name if path.parent == SHIPPED else str(path.resolve())
    return Rescorer(load_char_lm(path), RescoringConfig(name))


def _fit_timing(utterances: list[Utterance], recogniser: SpeechRecogniser) -> TimingFit:
    """Measure when words begin and end."""
    from audio_lstm.speech.training.timing_fit import N_JOINTS, fit_timing

    n_pairs = min(N_JOINTS, len(utterances) - 1)
    return fit_timing(utterances, recogniser, progress=progress(n_pairs, "pairs of recordings"))


def _timing_line(fit: TimingFit) -> str:
    """What was measured about word times."""
    timing = fit.timing
    return (
        f"word times: from start to first peak {1000 * timing.start_s:.0f} ms (words of one symbol "
        f"{1000 * timing.single_start_s:.0f} ms), from last peak to end {1000 * timing.end_s:.0f} ms "
        f"({1000 * timing.single_end_s:.0f} ms); median error at {fit.n_joints} joints {1000 * fit.error_s:.0f} ms "
        f"(of the peaks {1000 * fit.peak_error_s:.0f} ms)"
    )


def _corpus_name(path: str) -> str:
    """What a manifest is called in the table."""
    return Path(os.path.abspath(path)).name.removesuffix(".jsonl")


def _language_model(wanted: str, folder: Path, scratch: Path) -> tuple[str, Path]:
    """The name for decoding.json, and the binary file: a shipped one, or one made in the scratch folder."""
    from audio_lstm.checkpoint import LANGUAGE_MODEL_SUFFIX, SHIPPED
    from audio_lstm.speech.decoding.decoding import language_model_file
    from audio_lstm.speech.words.lm_file import read_ngram, write_language_model

    source = language_model_file(wanted)
    if source.parent == SHIPPED:
        own = folder / source.name
        if folder != SHIPPED and own.exists():
            raise ModelError(
                f"{own}: would hide the shipped language model of this name; remove it, or pass it as --lm"
            )
        return source.stem, source
    name = re.sub(r"\.(arpa|arpa\.gz|lm)$", "", source.name, flags=re.IGNORECASE)
    if not name.strip(". "):
        raise ConfigError(f"--lm {wanted}: the file needs a name before its suffix, which the model is to remember")
    compiled = scratch / f"{name}{LANGUAGE_MODEL_SUFFIX}"
    write_language_model(read_ngram(source), compiled)
    return name, compiled


def _require_writable(files: list[Path]) -> None:
    """Complain about a folder that takes no files before the work is done, not after."""
    from audio_lstm.atomic import check_writable

    folder = files[0].parent
    try:
        for file in files:
            check_writable(file)
    except OSError as error:
        raise ModelError(
            f"{folder}: cannot be written ({error.strerror}); copy the model to a folder of your own, or pass --dry-run"
        ) from error


def _install(compiled: Path, target: Path) -> Path:
    """Put the language model into the model's folder."""
    from audio_lstm.atomic import atomic_write

    try:
        with atomic_write(target) as scratch:
            shutil.copyfile(compiled, scratch)
    except OSError as error:
        raise ModelError(
            f"{target}: cannot be written ({error.strerror}); check the folder and the space left"
        ) from error
    return target


def _table(result: TuneResult, corpora: list[HeardCorpus]) -> str:
    """The grid, greedy decoding first."""
    names = [corpus.name for corpus in corpora]
    widths = [max(7, len(name)) for name in names]
    rows = [
        "  ".join(["lm weight", "word bonus", "mean WER", *(f"{n:>{w}}" for n, w in zip(names, widths, strict=True))])
    ]
    for setting in result.settings:
        weight, bonus = "greedy", ""
        if setting.lm_weight is not None:
            weight, bonus = f"{setting.lm_weight:g}", f"{setting.word_bonus:g}"
        wers = [f"{100 * wer:{width}.2f}" for wer, width in zip(setting.wers, widths, strict=True)]
        rows.append("  ".join([f"{weight:>9}", f"{bonus:>10}", f"{100 * setting.wer:8.2f}", *wers]))
    return "\n".join(rows)


def _summary(result: TuneResult, name: str, beam_size: int) -> str:
    """What was chosen, and what that does to errors and to confidence."""
    greedy, best = result.settings[0], result.best
    weights = f"language model {name}, weight {best.lm_weight:g}, word bonus {best.word_bonus:g}, beam {beam_size}"
    if result.chosen.lm_weight is None:
        lines = [
            f"greedy decoding stays: the language model does not help (WER {100 * greedy.wer:.2f} % greedy, "
            f"{100 * best.wer:.2f} % with {weights})"
        ]
    else:
        lines = [f"chosen: {weights}: WER {100 * best.wer:.2f} % (greedy {100 * greedy.wer:.2f} %)"]
    if result.rescored is not None:
        judge = result.rescored.config
        verdict = "rescored by" if result.config.rescoring else "not rescored: no better with"
        lines.append(
            f"{verdict} {Path(judge.model).name}, weight {judge.weight:g}, length bonus {judge.length_bonus:g}: "
            f"WER {100 * result.rescored.wer:.2f} % ({', '.join(f'{100 * wer:.2f}' for wer in result.rescored.wers)})"
        )
    if result.pooled is not None:
        lines.append(_pooled_line(result))
    if result.calibration_error is None:
        lines.append(
            f"calibration error {100 * result.raw_calibration_error:.1f} %, not calibrated: that needs right and wrong "
            "words in both halves of the data"
        )
    else:
        kept = "" if result.config.calibration else ": confidence stays as it is"
        lines.append(
            f"calibration error {100 * result.raw_calibration_error:.1f} % before, "
            f"{100 * result.calibration_error:.1f} % after (fitted on one half, measured on the other){kept}"
        )
    return "\n".join(lines)


def _pooled_line(result: TuneResult) -> str:
    """What sounds beside letters do to errors."""
    from audio_lstm.speech.decoding.pooling import FEATURES

    pooled = result.pooled
    if pooled is None:
        return ""
    config, verdict = (
        pooled.pooling,
        "letters and sounds" if result.config.pooling else "letters only: no better are both",
    )
    weights = ", ".join(f"{name.replace('_', ' ')} {getattr(config, name):g}" for name in FEATURES)
    judge = pooled.rescoring
    rescored = f", {Path(judge.model).name} {judge.weight:g} and {judge.length_bonus:g} a letter" if judge else ""
    beam = f"sounds' beam {config.beam.beam_size}, weight {config.beam.lm_weight:g}, bonus {config.beam.word_bonus:g}"
    wers = ", ".join(f"{100 * wer:.2f}" for wer in pooled.wers)
    return f"{verdict} ({beam}; {weights}{rescored}): WER {100 * pooled.wer:.2f} % ({wers})"


def _to_dict(result: TuneResult, corpora: list[HeardCorpus]) -> dict[str, Any]:
    """The whole grid and what was chosen as JSON values."""

    def plain(setting: Setting) -> dict[str, Any]:
        values: dict[str, Any] = {"lm_weight": setting.lm_weight, "word_bonus": setting.word_bonus}
        return {**values, "wer": setting.wer, "wers": list(setting.wers)}

    rescored = result.rescored and {
        **asdict(result.rescored.config),
        "wer": result.rescored.wer,
        "wers": list(result.rescored.wers),
        "kept": result.config.rescoring is not None,
    }
    pooled = result.pooled and {
        "pooling": asdict(result.pooled.pooling),
        "rescoring": result.pooled.rescoring and asdict(result.pooled.rescoring),
        "wer": result.pooled.wer,
        "wers": list(result.pooled.wers),
        "kept": result.config.pooling is not None,
    }
    return {
        "corpora": [corpus.name for corpus in corpora],
        "rescored": rescored,
        "pooled": pooled,
        "settings": [plain(setting) for setting in result.settings],
        "best_with_language_model": plain(result.best),
        "greedy_stays": result.chosen.lm_weight is None,
        "calibration_error_before": result.raw_calibration_error,
        "calibration_error": result.calibration_error,
        "is_calibrated": result.config.calibration is not None,
    }
