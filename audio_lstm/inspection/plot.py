"""Drawing an Inspection with matplotlib: the words or notes above, a panel for each gate and state below them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from audio_lstm.atomic import atomic_write
from audio_lstm.errors import ConfigError, DataError, MissingDependencyError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from audio_lstm.inspection.inspection import Inspection

__all__ = ["draw", "units_to_draw"]

_SUFFIXES = (".png", ".svg", ".pdf")
_TITLES = {
    "input_gate": "input gate",
    "forget_gate": "forget gate",
    "candidate": "candidate",
    "output_gate": "output gate",
    "cell": "cell",
    "hidden": "hidden state",
}
_GATES = ("input_gate", "forget_gate", "output_gate")  # from 0 to 1; the others have a sign
_MAX_TEXTS = 60  # more words than this would lie on top of each other


def draw(
    inspection: Inspection,
    path: str | os.PathLike[str] | None,
    *,
    quantities: tuple[str, ...],
    event: str | None,
    n_units: int,
) -> Figure:
    """See `Inspection.plot`.

    Args:
        inspection: What to draw.
        path: Where to write, or None.
        quantities: The panels.
        event: Decides which units come first.
        n_units: Most units a panel.

    Returns:
        The figure.

    Raises:
        ConfigError: If there is nothing to draw, or the suffix is unknown.
        DataError: If the file cannot be written.
        MissingDependencyError: If matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingDependencyError("a plot needs matplotlib: pip install 'audio-lstm[plot]'") from error
    if not quantities:
        raise ConfigError("quantities must name at least one thing to draw, got none")
    target = None if path is None else Path(path)
    if target is not None and target.suffix.lower() not in _SUFFIXES:
        raise ConfigError(f"{target}: cannot draw {target.suffix or 'a name without suffix'!r}; use .png, .svg or .pdf")
    units = units_to_draw(inspection, event=event, n_units=n_units)
    figure = Figure(figsize=(11, 1.6 + 1.35 * len(quantities)), layout="constrained")
    rows = figure.subplots(
        1 + len(quantities), 1, sharex=True, height_ratios=[0.7, *[1.0] * len(quantities)], squeeze=False
    )[:, 0]
    _draw_marks(rows[0], inspection)
    for axes, name in zip(rows[1:], quantities, strict=True):
        _draw_quantity(figure, axes, inspection, name, units)
    order = f"by {event}" if event else "by movement"
    side = f", {inspection.direction}" if inspection.direction == "backward" else ""
    rows[0].set_title(f"{inspection.model}, layer {inspection.layer} of {inspection.n_layers}{side}; units {order}")
    rows[-1].set_xlabel("seconds")
    if target is not None:
        try:
            with atomic_write(target) as scratch:
                figure.savefig(scratch, dpi=120, format=target.suffix.lower()[1:])
        except OSError as error:
            raise DataError(f"{target}: cannot be written ({error.strerror}); check the folder") from error
    return figure


def units_to_draw(inspection: Inspection, *, event: str | None, n_units: int) -> NDArray[np.int64]:
    """Which units to show, most telling first.

    Args:
        inspection: Of a layer.
        event: Those that follow this event most closely (by the cell); None: those whose cell moves most.
        n_units: Most of them.

    Returns:
        Their numbers.
    """
    if event is not None:
        found = inspection.strongest(event, quantity="cell", n_units=n_units)
        if found:
            return np.array([item.unit for item in found], np.int64)
    movement = inspection.trace.cell.std(axis=0)
    return np.argsort(-movement, kind="stable")[:n_units]


def _draw_marks(axes: Any, inspection: Inspection) -> None:
    axes.set_yticks([])
    pitches = [mark.pitch for mark in inspection.marks if mark.pitch is not None]
    for mark in inspection.marks:
        width = max(mark.end_s - mark.start_s, 0.01)
        if mark.pitch is None:
            axes.add_patch(_box(mark.start_s, 0.1, width, 0.8, "#cfe3f5"))
            if len(inspection.marks) <= _MAX_TEXTS:
                axes.text(mark.start_s + width / 2, 0.5, mark.text, ha="center", va="center", fontsize=8, clip_on=True)
        else:
            axes.add_patch(_box(mark.start_s, mark.pitch - 0.4, width, 0.8, f"C{mark.part % 10}"))
    axes.set_ylim((min(pitches) - 2, max(pitches) + 2) if pitches else (0, 1))


def _box(x: float, y: float, width: float, height: float, colour: str) -> Any:
    from matplotlib.patches import Rectangle

    return Rectangle((x, y), width, height, facecolor=colour, edgecolor="#335", linewidth=0.4)


def _draw_quantity(figure: Any, axes: Any, inspection: Inspection, name: str, units: NDArray[np.int64]) -> None:
    values = inspection.trace.quantity(name)[:, units]
    reach = 1.0 if name != "cell" else max(1e-6, float(np.quantile(np.abs(values), 0.99)))
    low, colours = (0.0, "viridis") if name in _GATES else (-reach, "RdBu_r")
    rows = np.arange(len(units) + 1)
    picture = axes.pcolormesh(inspection.edges_s, rows, values.T, vmin=low, vmax=reach, cmap=colours, rasterized=True)
    axes.invert_yaxis()
    axes.set_ylabel(_TITLES[name], fontsize=9)
    axes.set_yticks([])
    figure.colorbar(picture, ax=axes, pad=0.01)
