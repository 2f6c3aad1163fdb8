"""Arrays as pictures inside a page: heat maps as PNG, lines and waves as SVG, all without a request."""

from __future__ import annotations

import base64
import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

__all__ = ["DIVERGING", "GLOW", "columns_of", "heat_map", "wave_path"]

# Anchors of colour scales, evenly spaced; between them colours are mixed. GLOW is close to matplotlib's magma,
# DIVERGING goes from blue through nothing (transparent, so that it fits a light and a dark page) to orange.
GLOW = ((8, 6, 32, 255), (82, 22, 124, 255), (183, 55, 121, 255), (252, 137, 97, 255), (252, 247, 190, 255))
DIVERGING = ((20, 80, 200, 255), (90, 150, 235, 200), (128, 128, 128, 0), (245, 150, 60, 200), (215, 70, 0, 255))
_MAX_COLUMNS = 2400  # a picture is never wider than the page can show


def columns_of(values: NDArray[np.floating], n_columns: int = _MAX_COLUMNS) -> NDArray[np.floating]:
    """At most so many columns: neighbours are averaged.

    Args:
        values: (rows, columns).
        n_columns: The most.

    Returns:
        (rows, fewer or as many columns).
    """
    n = values.shape[1]
    if n <= n_columns:
        return values
    starts = np.arange(n_columns) * n // n_columns
    means: NDArray[np.floating] = np.add.reduceat(values, starts, axis=1) / np.diff(starts, append=n)
    return means


def heat_map(
    values: NDArray[np.floating], *, low: float, high: float, scale: tuple[tuple[int, ...], ...] = GLOW
) -> str:
    """A picture of an array, as a data URI.

    Args:
        values: (rows, columns); the first row is at the top.
        low: What has the first colour; anything below too.
        high: What has the last one.
        scale: Colours, as red, green, blue and opacity, 0..255 each.

    Returns:
        A PNG in base64, a pixel for each value.
    """
    anchors = np.array(scale, np.float64)  # (n, 4)
    shares = np.clip((columns_of(values) - low) / max(high - low, 1e-12), 0.0, 1.0) * (len(anchors) - 1)
    below = np.minimum(shares.astype(int), len(anchors) - 2)
    mix = (shares - below)[..., None]
    pixels = (1 - mix) * anchors[below] + mix * anchors[below + 1]
    file = io.BytesIO()
    Image.fromarray(pixels.round().astype(np.uint8), "RGBA").quantize(255).save(file, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


def wave_path(samples: NDArray[np.float32], *, n_columns: int = 1200) -> str:
    """The outline of a sound, for the attribute `d` of an SVG path in a box of n_columns x 2.

    Args:
        samples: (n,), at least one, float in [-1, 1].
        n_columns: Points of the upper and the lower edge; fewer for a shorter sound.

    Returns:
        A closed path around the middle, y from 0 (top) to 2, as loud as its box is high.
    """
    n = min(n_columns, len(samples))
    starts = np.arange(n) * len(samples) // n
    tops, bottoms = np.maximum.reduceat(samples, starts), np.minimum.reduceat(samples, starts)
    loudest = max(1e-3, float(np.abs(samples).max()))
    x = np.arange(n) * n_columns / n
    upper = [f"{at:.0f} {1 - value / loudest:.3f}" for at, value in zip(x, tops, strict=True)]
    lower = [f"{at:.0f} {1 - value / loudest:.3f}" for at, value in zip(x[::-1], bottoms[::-1], strict=True)]
    return f"M{' L'.join(upper + lower)}Z"
