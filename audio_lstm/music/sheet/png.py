"""A PNG file from an array of pixels, and letters for pictures: nothing but zlib."""

from __future__ import annotations

import struct
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["draw_text", "png_bytes", "text_width"]

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_RGB = 2  # colour type

# Seven bits a column from the top down, five columns a letter, as dot-matrix displays have them.
_CHARACTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-.#:/()&'"
_COLUMNS = bytes.fromhex(
    "3e5149453e 00427f4000 7249494946 2141494d33 1814127f10 2745454539 3c4a494931 4121110907 3649494936 464949291e "
    "7c1211127c 7f49494936 3e41414122 7f4141413e 7f49494941 7f09090901 3e41415173 7f0808087f 00417f4100 2040413f01 "
    "7f08142241 7f40404040 7f021c027f 7f0408107f 3e4141413e 7f09090906 3e4151215e 7f09192946 2649494932 03017f0103 "
    "3f4040403f 1f2040201f 3f4038403f 6314081463 0304780403 6159494d43 0808080808 0060600000 147f147f14 0000140000 "
    "2010080402 001c224100 0041221c00 3649562050 0000070000 "
)
_LETTERS = {letter: _COLUMNS[5 * number : 5 * number + 5] for number, letter in enumerate(_CHARACTERS)}


def png_bytes(pixels: NDArray[np.uint8]) -> bytes:
    """A PNG file of 8-bit colours.

    Args:
        pixels: (height, width, 3), red, green and blue.

    Returns:
        The bytes of the file.
    """
    height, width, _ = pixels.shape
    header = struct.pack(">IIBBBBB", width, height, 8, _RGB, 0, 0, 0)
    # Each row starts with its filter: 0, the bytes as they are.
    rows = np.concatenate([np.zeros((height, 1), np.uint8), pixels.reshape(height, -1)], axis=1)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows.tobytes(), 6)), (b"IEND", b""))
    return _SIGNATURE + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )


def text_width(text: str, scale: int = 1) -> int:
    """How many pixels a text takes; see `draw_text`."""
    return 6 * scale * len(text)


def draw_text(pixels: NDArray[np.uint8], corner: tuple[int, int], text: str, colour: Any, *, scale: int = 1) -> None:
    """Write capitals and digits into a picture, in place; what lies outside is cut off.

    Args:
        pixels: (height, width, 3).
        corner: x and y of the upper left corner.
        text: letters are shown as capitals, unknown characters as gaps.
        colour: red, green, blue.
        scale: pixels a dot.
    """
    x, y = corner
    for number, letter in enumerate(text.upper()):
        columns = _LETTERS.get(letter, b"")
        for column, bits in enumerate(columns):
            for row in range(7):
                if bits >> row & 1:
                    left, top = x + (6 * number + column) * scale, y + row * scale
                    pixels[max(top, 0) : max(top + scale, 0), max(left, 0) : max(left + scale, 0)] = colour
