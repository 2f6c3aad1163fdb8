"""Charts as SVG: lines over an axis, in the page's own colours, legible on a phone and in the dark."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from audio_lstm.demo.wording import escaped

__all__ = ["Axis", "Line", "line_chart"]

_WIDTH, _HEIGHT = 360.0, 260.0  # of the drawing, in its own units; the page scales it
_LEFT, _RIGHT, _TOP, _BOTTOM = 52.0, 12.0, 12.0, 42.0


@dataclass(frozen=True)
class Axis:
    """One axis."""

    label: str
    low: float
    high: float
    ticks: tuple[float, ...]
    log: bool = False

    def place(self, value: float) -> float:
        """Where a value lies, 0..1; what is outside lies on the edge."""
        low, high = self.low, self.high
        if self.log:
            low, high, value = math.log10(low), math.log10(high), math.log10(max(value, 1e-300))
        return min(1.0, max(0.0, (value - low) / (high - low)))

    def text(self, value: float) -> str:
        """A tick's label."""
        if self.log and (value < 0.01 or value >= 10_000):
            return f"10^{round(math.log10(value))}"
        return f"{value:g}"


@dataclass(frozen=True)
class Line:
    """A line with its name."""

    name: str
    points: tuple[tuple[float, float], ...]
    colour: int  # of app.css: 0 to 3
    dashed: bool = False
    marked: bool = False  # a dot at every point


def line_chart(lines: Sequence[Line], x: Axis, y: Axis, *, title: str, cursor: float | None = None) -> str:
    """Lines in a frame, with a legend below.

    Args:
        lines: What to draw.
        x: Across.
        y: Up.
        title: Read by those who do not see the picture.
        cursor: Where on x an upright line stands; None: nowhere.

    Returns:
        HTML.
    """
    parts = [_grid(x, y)]
    if cursor is not None:
        at = _across(x.place(cursor))
        parts.append(f'<line class="cursor" x1="{at:.1f}" x2="{at:.1f}" y1="{_TOP}" y2="{_HEIGHT - _BOTTOM}"/>')
    for line in lines:
        places = [(_across(x.place(one)), _up(y.place(other))) for one, other in line.points]
        path = " ".join(f"{one:.1f},{other:.1f}" for one, other in places)
        dashes = " dashed" if line.dashed else ""
        parts.append(f'<polyline class="line{line.colour}{dashes}" points="{path}"/>')
        if line.marked:
            parts += [
                f'<circle class="line{line.colour}" cx="{one:.1f}" cy="{other:.1f}" r="4"/>' for one, other in places
            ]
    legend = "".join(
        f'<span><i class="key part{line.colour}{" dashed" if line.dashed else ""}"></i>{escaped(line.name)}</span>'
        for line in lines
    )
    return (
        f'<figure class="chart"><svg viewBox="0 0 {_WIDTH:g} {_HEIGHT:g}" role="img" aria-label="{escaped(title)}">'
        f'{"".join(parts)}</svg><figcaption class="legend">{legend}</figcaption></figure>'
    )


def _across(share: float) -> float:
    return _LEFT + share * (_WIDTH - _LEFT - _RIGHT)


def _up(share: float) -> float:
    return _HEIGHT - _BOTTOM - share * (_HEIGHT - _TOP - _BOTTOM)


def _grid(x: Axis, y: Axis) -> str:
    bottom, right = _HEIGHT - _BOTTOM, _WIDTH - _RIGHT
    parts = []
    for tick in x.ticks:
        at = _across(x.place(tick))
        parts.append(f'<line class="grid" x1="{at:.1f}" x2="{at:.1f}" y1="{_TOP}" y2="{bottom}"/>')
        parts.append(f'<text x="{at:.1f}" y="{bottom + 15}" text-anchor="middle">{_label(x.text(tick))}</text>')
    for tick in y.ticks:
        at = _up(y.place(tick))
        parts.append(f'<line class="grid" x1="{_LEFT}" x2="{right}" y1="{at:.1f}" y2="{at:.1f}"/>')
        parts.append(f'<text x="{_LEFT - 6}" y="{at + 4:.1f}" text-anchor="end">{_label(y.text(tick))}</text>')
    middle = (_TOP + bottom) / 2
    parts.append(
        f'<text x="{(_LEFT + right) / 2}" y="{_HEIGHT - 6}" text-anchor="middle">{escaped(x.label)}</text>'
        f'<text transform="translate(13 {middle}) rotate(-90)" text-anchor="middle">{escaped(y.label)}</text>'
    )
    return "".join(parts)


def _label(text: str) -> str:
    base, _, power = text.partition("^")
    return f'{base}<tspan dy="-5" font-size="9">{power}</tspan>' if power else base
