"""The PNG writer against Pillow, and letters that can be told apart."""

from __future__ import annotations

import io

import numpy as np
import pytest

from audio_lstm.music.sheet.png import draw_text, png_bytes, text_width


def test_pixels_come_back_from_an_independent_reader() -> None:
    image = pytest.importorskip("PIL.Image", reason="needs Pillow, which comes with gradio")
    pixels = np.random.default_rng(0).integers(0, 256, (7, 11, 3), np.uint8)
    with image.open(io.BytesIO(png_bytes(pixels))) as opened:
        assert opened.mode == "RGB"
        np.testing.assert_array_equal(np.asarray(opened), pixels)


def test_every_letter_looks_different() -> None:
    letters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-.#:/()&' "
    shapes = set()
    for letter in letters:
        pixels = np.zeros((7, 6, 3), np.uint8)
        draw_text(pixels, (0, 0), letter, 255)
        shapes.add(pixels.tobytes())
    assert len(shapes) == len(letters)


def test_small_letters_are_drawn_as_capitals_and_strange_ones_as_gaps() -> None:
    small, capital, strange = (np.zeros((7, text_width("ab"), 3), np.uint8) for _ in range(3))
    draw_text(small, (0, 0), "ab", 255)
    draw_text(capital, (0, 0), "AB", 255)
    draw_text(strange, (0, 0), "né", 255)
    np.testing.assert_array_equal(small, capital)
    assert not strange[:, 6:].any()


def test_text_is_cut_off_at_the_edges() -> None:
    pixels = np.zeros((10, 10, 3), np.uint8)
    for corner in ((-3, -3), (8, 8), (40, 40)):
        draw_text(pixels, corner, "W", 255, scale=2)
    assert pixels.any()
