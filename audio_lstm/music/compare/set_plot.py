"""Drawing two sets of pieces side by side with matplotlib: their histograms above, their measures and novelty below."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from audio_lstm.atomic import atomic_write
from audio_lstm.errors import ConfigError, DataError, MissingDependencyError
from audio_lstm.music.compare.measures import HISTOGRAMS, MEASURES, NOTE_VALUES
from audio_lstm.music.compare.set_comparison import PieceSet, SetComparison

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["PLOT_SUFFIXES", "check_plot", "plot_sets"]

PLOT_SUFFIXES = (".png", ".svg", ".pdf")
_REAL, _GENERATED = "#9aa5b1", "#d1495b"
_UNITS = {
    "pitch": "MIDI pitch",
    "interval": "semitones, up to the right",
    "duration": "quarters",
    "onset": "quarters after the bar line",
}
_TITLES = {
    "pitch_class_entropy": "pitch class\nentropy, bits",
    "scale_consistency": "scale\nconsistency",
    "groove_consistency": "groove\nconsistency",
    "polyphony": "polyphony,\npitches",
    "empty_beat_rate": "empty beats",
}


def check_plot(path: str | os.PathLike[str]) -> None:
    """Complain about a plot that cannot be drawn before the work is done, not after.

    Args:
        path: Where it is to go.

    Raises:
        ConfigError: If the suffix is unknown.
        DataError: If there is no such folder.
        MissingDependencyError: If matplotlib is not installed.
    """
    target = Path(path)
    if target.suffix.lower() not in PLOT_SUFFIXES:
        known = " or ".join(PLOT_SUFFIXES)
        raise ConfigError(f"{target}: cannot draw {target.suffix or 'a name without suffix'!r}; use {known}")
    if not target.parent.is_dir():
        raise DataError(f"{target}: the folder {target.parent} does not exist; create it first")
    try:
        import matplotlib.figure  # noqa: F401
    except ImportError as error:
        raise MissingDependencyError("a plot needs matplotlib: pip install 'audio-lstm[plot]'") from error


def plot_sets(
    comparison: SetComparison,
    path: str | os.PathLike[str],
    *,
    copied: Sequence[int] = (),
    held_out: NDArray[np.int64] | None = None,
) -> Figure:
    """Draw a comparison.

    Args:
        comparison: From `compare_sets`.
        path: Ends in .png, .svg or .pdf.
        copied: Notes of the longest run that each generated piece shares with the training set; empty: not known.
        held_out: The same of real pieces (`NoveltyIndex.held_out`).

    Returns:
        The figure, already written. A plot that cannot be drawn raises what `check_plot` raises.

    Raises:
        DataError: If the file cannot be written.
    """
    check_plot(path)
    from matplotlib.figure import Figure

    target = Path(path)
    figure = Figure(figsize=(13, 6.4), layout="constrained")
    above, below = np.asarray(figure.subfigures(2, 1)).tolist()
    for axes, name in zip(above.subplots(1, len(HISTOGRAMS)), HISTOGRAMS, strict=True):
        _draw_histogram(axes, name, comparison)
    handles, labels = above.axes[0].get_legend_handles_labels()
    title = "overlapped area, in brackets that of one half of the real pieces with the other"
    figure.legend(handles, labels, loc="outside upper center", ncols=2, frameon=False, title=title)
    widths = [1.0] * len(MEASURES) + [2.2] * bool(len(copied))
    panels = below.subplots(1, len(widths), width_ratios=widths)
    for axes, name in zip(panels, MEASURES, strict=False):
        _draw_measure(axes, name, comparison)
    if len(copied):
        _draw_copied(panels[-1], copied, held_out)
    try:
        with atomic_write(target) as scratch:
            figure.savefig(scratch, dpi=120, format=target.suffix.lower()[1:])
    except OSError as error:
        raise DataError(f"{target}: cannot be written ({error.strerror}); check the folder") from error
    return figure


def _draw_histogram(axes: Any, name: str, comparison: SetComparison) -> None:
    real, generated = (pieces.histograms[name].mean(axis=0) for pieces in (comparison.real, comparison.generated))
    used = np.flatnonzero(real + generated)
    first, last = (int(used[0]), int(used[-1])) if len(used) else (0, 0)
    bins = np.arange(first, last + 1)
    axes.bar(bins, real[first : last + 1], width=1.0, color=_REAL, label=f"real ({len(comparison.real)})")
    edges = np.append(bins, last + 1) - 0.5
    axes.stairs(
        generated[first : last + 1],
        edges,
        color=_GENERATED,
        linewidth=1.6,
        label=f"generated ({len(comparison.generated)})",
    )
    overlap = comparison.overlaps[name]
    axes.set_title(f"{name}: {overlap.area:.2f} ({overlap.real_area:.2f})".replace("nan", "–"), fontsize=10)
    axes.set_xlabel(_UNITS[name])
    axes.set_yticks([])
    _label_bins(axes, name, first, last)


def _label_bins(axes: Any, name: str, first: int, last: int) -> None:
    if name == "interval":
        ticks = [tick for tick in range(1, 26, 4) if first <= tick <= last]
        axes.set_xticks(ticks, [f"{tick - 13:+d}" if tick != 13 else "0" for tick in ticks])
    elif name == "duration":
        ticks = list(range(first, last + 1, 2))
        axes.set_xticks(ticks, [f"{NOTE_VALUES[tick] / 12:.3g}" for tick in ticks])
    elif name == "onset":
        ticks = list(range(first - first % 12, last + 1, 12))
        axes.set_xticks(ticks, [str(tick // 12) for tick in ticks])


def _draw_measure(axes: Any, name: str, comparison: SetComparison) -> None:
    for place, (pieces, colour) in enumerate(((comparison.real, _REAL), (comparison.generated, _GENERATED))):
        values = _finite(pieces, name)
        spread = np.random.default_rng(0).uniform(-0.18, 0.18, len(values))  # so that points lie beside each other
        axes.plot(place + spread, values, ".", color=colour, alpha=0.6, markersize=4)
        if len(values):
            axes.hlines(values.mean(), place - 0.3, place + 0.3, color="black", linewidth=1.4)
    axes.set_xticks([0, 1], ["real", "gen."])
    axes.set_xlim(-0.5, 1.5)
    axes.set_title(_TITLES[name], fontsize=10)


def _finite(pieces: PieceSet, name: str) -> NDArray[np.float64]:
    values = pieces.measures[name]
    finite: NDArray[np.float64] = values[np.isfinite(values)]
    return finite


def _draw_copied(axes: Any, copied: Sequence[int], held_out: NDArray[np.int64] | None) -> None:
    most = max(max(copied), int(held_out.max()) if held_out is not None and len(held_out) else 0)
    shown = min(most, 40)  # a version of a training piece may share hundreds of notes
    edges = np.arange(-0.5, shown + 1.5)
    if held_out is not None and len(held_out):
        shares = np.histogram(np.minimum(held_out, shown), edges)[0] / len(held_out)
        axes.bar(edges[:-1] + 0.5, shares, width=1.0, color=_REAL)
    shares = np.histogram(np.minimum(copied, shown), edges)[0] / len(copied)
    axes.stairs(shares, edges, color=_GENERATED, linewidth=1.6)
    more = f" ({shown}: or more)" if most > shown else ""
    axes.set_title("longest run shared with the training set", fontsize=10)
    axes.set_xlabel(f"notes{more}")
    axes.set_yticks([])
