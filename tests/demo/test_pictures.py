"""Pictures in the page: a pixel a value, colours by scale, waves within their box."""

from __future__ import annotations

import base64
import io
import re

import numpy as np
from PIL import Image

from audio_lstm.demo.pictures import GLOW, columns_of, heat_map, wave_path


def opened(uri: str) -> np.ndarray:
    kind, data = uri.split(",", 1)
    assert kind == "data:image/png;base64"
    return np.array(Image.open(io.BytesIO(base64.b64decode(data))).convert("RGBA"))


def test_a_heat_map_has_a_pixel_for_each_value_in_the_colours_of_its_scale() -> None:
    pixels = opened(heat_map(np.array([[0.0, 1.0, 9.0], [-5.0, 0.5, 1.0]]), low=0.0, high=1.0))
    assert pixels.shape == (2, 3, 4)
    assert tuple(pixels[0, 0]) == tuple(pixels[1, 0]) == GLOW[0]
    assert tuple(pixels[0, 1]) == tuple(pixels[0, 2]) == GLOW[-1]
    assert tuple(pixels[1, 1]) == GLOW[2]


def test_columns_beyond_the_width_of_a_page_are_averaged() -> None:
    values = np.arange(10.0)[None]
    assert columns_of(values, 5).tolist() == [[0.5, 2.5, 4.5, 6.5, 8.5]]
    assert columns_of(values, 10) is values
    assert columns_of(values, 3)[0, -1] == 7.5


def test_a_constant_picture_is_drawn_too() -> None:
    assert opened(heat_map(np.ones((2, 2)), low=1.0, high=1.0)).shape == (2, 2, 4)


def test_a_wave_fills_its_box_and_stays_inside() -> None:
    path = wave_path(np.sin(np.linspace(0, 50, 5000)).astype(np.float32) * 0.1, n_columns=100)
    points = np.array([[float(number) for number in pair] for pair in re.findall(r"(\d+) (-?[\d.]+)", path)])
    assert len(points) == 200
    assert points[:, 0].max() <= 100
    assert points[:, 1].min() >= 0
    assert points[:, 1].max() <= 2
    assert np.ptp(points[:, 1]) > 1.9
    assert wave_path(np.zeros(1, np.float32)).startswith("M0 1.000")
