"""Charts: values lie where their axes say, and names are escaped."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import pytest

from audio_lstm.demo.tour.charts import Axis, Line, line_chart

X = Axis("steps <back>", 0.0, 100.0, (0.0, 50.0, 100.0))
Y = Axis("gradient", 1e-8, 1e4, (1e-8, 1.0, 1e4), log=True)


def test_values_lie_linearly_or_by_their_logarithm_and_outside_ones_on_the_edge() -> None:
    assert [X.place(value) for value in (0.0, 25.0, 200.0)] == [0.0, 0.25, 1.0]
    assert [Y.place(value) for value in (1e-8, 1e-2, 1e9, 0.0)] == pytest.approx([0.0, 0.5, 1.0, 0.0])
    assert [Y.text(value) for value in Y.ticks] == ["10^-8", "1", "10^4"]


def test_a_chart_is_a_picture_with_a_name_axes_and_a_legend() -> None:
    lines = [Line("A & B", ((0.0, 1.0), (50.0, 1e-4)), 0), Line("C", ((0.0, 1e4),), 1, dashed=True, marked=True)]
    html = line_chart(lines, X, Y, title='flow "1"', cursor=50.0)
    svg = re.search(r"<svg.*</svg>", html, re.DOTALL)
    assert svg is not None
    drawn = ET.fromstring(svg[0])
    assert drawn.attrib["aria-label"] == 'flow "1"'
    assert len(drawn.findall("polyline")) == 2
    assert len(drawn.findall("circle")) == 1
    cursor = next(line for line in drawn.findall("line") if line.attrib["class"] == "cursor")
    assert float(cursor.attrib["x1"]) == pytest.approx((52 + 348) / 2)
    assert "A &amp; B" in html
    assert "steps &lt;back&gt;" in html
