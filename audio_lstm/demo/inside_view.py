"""How the inside of a layer looks on the page: gates and states as heat maps under the words or notes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

import audio_lstm
from audio_lstm.demo.pictures import DIVERGING, GLOW, heat_map
from audio_lstm.demo.wording import escaped

__all__ = ["inside_view", "unit_table"]

_COLUMNS = 700  # of a heat map
_PIXELS_PER_S = 60
_N_UNITS = 40  # rows of a heat map
_CURVE = 600  # width of a unit's curve in its own units
_ROWS = (
    ("forget_gate", "Forget gate: how much of the cell is kept (dark 0, bright 1)"),
    ("input_gate", "Input gate: how much is written into the cell"),
    ("candidate", "Candidate: what would be written (blue −1, orange +1)"),
    ("output_gate", "Output gate: how much of the cell is shown"),
    ("cell", "Cell: the memory itself"),
    ("hidden", "Hidden state: what the next layer sees"),
)


def inside_view(
    seen: audio_lstm.Inspection, units: Sequence[int], *, event: str, quantity: str, audio_url: str = ""
) -> str:
    """The panel of an inspection.

    Args:
        seen: The layer.
        units: Which ones to draw, from top to bottom.
        event: Whose steps are marked; "" marks none.
        quantity: What of the first unit is drawn as a curve.
        audio_url: Where the page finds the sound of the span; "" where there is none.

    Returns:
        HTML.
    """
    start_s, end_s = float(seen.edges_s[0]), float(seen.edges_s[-1])
    duration_s = max(end_s - start_s, 1e-3)
    steps = _steps(seen, start_s, duration_s)
    chosen = np.array(units[:_N_UNITS], np.int64)
    rows = [_marks(seen, start_s, duration_s), _event_row(seen, event, start_s, duration_s)]
    if len(chosen):
        rows.append(_curve(seen, int(chosen[0]), quantity, steps))
    for name, title in _ROWS:
        values = seen.trace.quantity(name)[:, chosen].T[:, steps]  # (units, columns)
        reach = 1.0 if name != "cell" else max(1e-6, float(np.quantile(np.abs(values), 0.99)))
        signed = name in ("candidate", "cell", "hidden")
        picture = heat_map(values, low=-reach if signed else 0.0, high=reach, scale=DIVERGING if signed else GLOW)
        more = f" (±{reach:.1f})" if name == "cell" else ""
        rows.append(
            f'<div class="caption">{escaped(title)}{more}</div>'
            f'<div class="row gates"><img alt="{escaped(title)}" src="{picture}"></div>'
        )
    sound = ""
    if audio_url:
        sound = (
            f'<audio class="sound" controls preload="metadata" src="{escaped(audio_url)}" '
            'aria-label="The sound of this span"></audio>'
        )
    side = ", reading backward" if seen.direction == "backward" else ""
    head = (
        f"<p><b>{escaped(seen.model)}</b>, layer {seen.layer} of {seen.n_layers}{side}: {seen.n_units} units, "
        f"{seen.n_steps} steps from {start_s:.2f} to {end_s:.2f} s. Each line of a picture is a unit, the same one in "
        f"all of them; {len(chosen)} are shown.</p>"
    )
    return (
        f'<div class="panel" data-duration="{duration_s:.3f}">{head}{sound}'
        '<div class="scroll" tabindex="0" role="group" aria-label="Gates over time">'
        f'<div class="timeline" style="min-width:{_PIXELS_PER_S * duration_s:.0f}px">{"".join(rows)}'
        '<div class="playhead"></div></div></div></div>'
    )


def unit_table(seen: audio_lstm.Inspection, event: str, quantity: str) -> tuple[list[list[object]], str]:
    """Which units follow an event.

    Args:
        seen: The layer.
        event: One of `seen.events`.
        quantity: What of the units is compared.

    Returns:
        Rows of unit, correlation and judgement, and a sentence.
    """
    found = seen.strongest(event, quantity=quantity, n_units=12)
    if not found:
        return [], f"“{event}” never happens in this span, or at every step: nothing to compare."
    chance = found[0].chance
    rows: list[list[object]] = [
        [item.unit, round(item.correlation, 3), "more than chance" if abs(item.correlation) > chance else "may be luck"]
        for item in found
    ]
    best = found[0]
    verdict = "more than luck explains" if abs(best.correlation) > chance else "no more than luck explains"
    n_steps = int(seen.events[event].sum())
    return rows, (
        f"Unit {best.unit} follows “{event}” ({n_steps} of {seen.n_steps} steps) most closely, with a correlation of "
        f"{best.correlation:+.2f}. By luck, the best of {seen.n_units} units would reach {chance:.2f}: "
        f"this is {verdict}."
    )


def _steps(seen: audio_lstm.Inspection, start_s: float, duration_s: float) -> NDArray[np.int64]:
    """Which step each column of the pictures shows: columns are even in time, the steps of a piece are not."""
    n_columns = min(_COLUMNS, max(seen.n_steps, 50))
    times = start_s + (np.arange(n_columns) + 0.5) / n_columns * duration_s
    found = np.searchsorted(seen.edges_s, times, side="right") - 1
    return np.clip(found, 0, seen.n_steps - 1)


def _marks(seen: audio_lstm.Inspection, start_s: float, duration_s: float) -> str:
    pitches = [mark.pitch for mark in seen.marks if mark.pitch is not None]
    low, high = (min(pitches) - 1, max(pitches) + 2) if pitches else (0, 1)
    boxes = []
    for mark in seen.marks:
        left, right = max(mark.start_s, start_s), min(mark.end_s, start_s + duration_s)
        place = f"left:{100 * (left - start_s) / duration_s:.3f}%;width:{100 * (right - left) / duration_s:.3f}%"
        times = f'data-start="{left - start_s:.3f}" data-end="{right - start_s:.3f}"'
        if mark.pitch is None:
            boxes.append(f'<button type="button" class="tag" style="{place}" {times}>{escaped(mark.text)}</button>')
        else:
            top = 100 * (high - mark.pitch - 1) / (high - low)
            boxes.append(
                f'<i class="note part{mark.part % 4}" style="{place};top:{top:.2f}%;height:{100 / (high - low):.2f}%" '
                f'{times} title="{escaped(mark.text)}"></i>'
            )
    kind = "notes" if pitches else "tags"
    return f'<div class="row {kind}">{"".join(boxes)}</div>'


def _event_row(seen: audio_lstm.Inspection, event: str, start_s: float, duration_s: float) -> str:
    if event not in seen.events:
        return ""
    happens = seen.events[event]
    begins = np.flatnonzero(happens & ~np.concatenate([[False], happens[:-1]]))
    ends = np.flatnonzero(happens & ~np.concatenate([happens[1:], [False]])) + 1
    boxes = "".join(
        f'<i style="left:{100 * (seen.edges_s[begin] - start_s) / duration_s:.3f}%;'
        f'width:{100 * (seen.edges_s[end] - seen.edges_s[begin]) / duration_s:.3f}%"></i>'
        for begin, end in zip(begins.tolist(), ends.tolist(), strict=True)
    )
    return f'<div class="caption">Event: {escaped(event)}</div><div class="row events">{boxes}</div>'


def _curve(seen: audio_lstm.Inspection, unit: int, quantity: str, steps: NDArray[np.int64]) -> str:
    values = seen.trace.quantity(quantity)[steps, unit]
    name = f"{quantity.replace('_', ' ')} of unit {unit}"
    reach = max(1e-6, float(np.abs(values).max()))
    x = np.linspace(0, _CURVE, len(values))
    points = " ".join(f"{at:.1f},{1 - value / reach:.3f}" for at, value in zip(x, values, strict=True))
    return (
        f'<div class="caption">The {name}, the first line below (±{reach:.2f})</div><div class="row curve">'
        f'<svg viewBox="0 0 {_CURVE} 2" preserveAspectRatio="none" role="img" aria-label="{name}">'
        f'<line x1="0" x2="{_CURVE}" y1="1" y2="1"/><polyline points="{points}"/></svg></div>'
    )
