"""What `evaluate music --generated` does: pieces beside real ones, and beside what their model was trained on."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audio_lstm.commands.console import answer, complain, require_output, require_writable
from audio_lstm.errors import ConfigError

if TYPE_CHECKING:
    from audio_lstm.music.compare.novelty import NoveltyIndex, NoveltyReport

__all__ = ["add_sets", "evaluate_sets"]


def add_sets(parser: argparse.ArgumentParser) -> None:
    """Add the options that compare sets of pieces.

    Args:
        parser: Of `evaluate music`.
    """
    parser.add_argument("--generated", metavar="DIR", help="pieces to measure: MIDI, or anything that --data takes")
    parser.add_argument("--real", metavar="PATH", help="real pieces to compare with (a corpus, of which --split)")
    parser.add_argument("--plot", metavar="FILE", help="plot the comparison: .png, .svg or .pdf (needs --real)")


def evaluate_sets(options: argparse.Namespace) -> int:
    """Measure generated pieces and print the tables.

    Args:
        options: Of the command line.

    Returns:
        The exit status: 1 if a file was left out.

    Raises:
        ConfigError: If options do not go together.
    """
    from audio_lstm.checkpoint import open_model
    from audio_lstm.music.compare.novelty import load_index
    from audio_lstm.music.compare.set_comparison import compare_sets, describe_set, set_summary
    from audio_lstm.music.compare.set_plot import check_plot, plot_sets
    from audio_lstm.music.training.data import load_pieces
    from audio_lstm.music.training.novelty_build import as_scores

    if options.plot is not None:
        if options.real is None:
            raise ConfigError("--plot draws a comparison; say with --real what to compare with")
        check_plot(options.plot)
        require_writable([Path(options.plot)], force=True)
    require_output()
    index = load_index(open_model(options.model, "music").path) if options.model else None
    generated = load_pieces(options.generated, options.split)
    scores = list(as_scores(generated))
    faults = list(generated.faults)
    reports = [index.report(score) for score in scores] if index else []
    result: dict[str, Any]
    if options.real is None:
        pieces = describe_set(scores)
        result, table = {"generated": set_summary(pieces)}, pieces.table()
    else:
        real = load_pieces(options.real, options.split)
        faults += real.faults
        comparison = compare_sets(scores, list(as_scores(real)))
        result, table = comparison.to_dict(), comparison.table()
        if options.plot is not None:
            copied = [report.n_notes for report in reports]
            plot_sets(comparison, options.plot, copied=copied, held_out=index.held_out if index else None)
    for line in faults:
        complain(f"{line} (left out)")
    if options.json:
        if index:
            named = zip(generated.names, reports, strict=True)
            result["novelty"] = [{"piece": name, **report.to_dict()} for name, report in named]
        answer(json.dumps(result))
    else:
        answer(table)
        if index:
            _tell_novelty(generated.names, reports, index)
    return 1 if faults else 0


def _tell_novelty(names: tuple[str, ...], reports: list[NoveltyReport], index: NoveltyIndex) -> None:
    """A table of the longest runs, those that copy most first."""
    answer(
        "\n| longest run shared with the training set | notes | seconds | from | shared with |\n|---|---|---|---|---|"
    )
    for name, report in sorted(zip(names, reports, strict=True), key=lambda pair: -pair[1].n_notes):
        run = report.longest
        found = f"{run.n_notes} | {run.duration_s:.1f} | {run.start_s:.1f} s | {run.piece}" if run else "under 8 | | | "
        answer(f"| {name} | {found} |")
    if len(index.held_out):
        answer(
            f"\nReal pieces that were held out ({len(index.held_out)}): median {reports[0].held_out_median:g} notes, "
            f"90 % at most {reports[0].held_out_90:g}."
        )
