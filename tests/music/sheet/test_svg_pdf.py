"""SVG to PDF: paths and texts by their numbers, and files whose tables are right."""

from __future__ import annotations

import re
import zlib

import pytest

from audio_lstm.music.sheet.svg_pdf import path_operators, svg_to_pdf, text_units

HEAD = (
    '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"><defs><g id="E0A4-x">'
    '<path transform="scale(1,-1)" d="M0 0h100v50z"/></g></defs>'
    '<svg class="definition-scale" viewBox="0 0 21000 29700"><g transform="translate(500, 600)">'
)
TAIL = "</g></svg></svg>"


def streams(data: bytes) -> list[str]:
    """The contents of all streams, unpacked."""
    found = re.findall(rb"stream\n(.*?)\nendstream", data, re.DOTALL)
    return [zlib.decompress(part).decode("latin-1") for part in found]


def page(body: str, glyph: str | None = None) -> str:
    """All operators that a drawing gives, glyphs first."""
    return "\n".join(streams(svg_to_pdf([HEAD + body + TAIL], lambda code: glyph if code == "ECA5" else None)))


@pytest.mark.parametrize(
    ("data", "operators"),
    [
        ("M10 20 L30 40", "10 20 m 30 40 l"),
        ("m10 20 5 5 l1-1z", "10 20 m 15 25 l 16 24 l h"),
        ("M1,2H5V6h-1v-2", "1 2 m 5 2 l 5 6 l 4 6 l 4 4 l"),
        ("M0 0C1 1 2 2 3 3S5 5 6 6", "0 0 m 1 1 2 2 3 3 c 4 4 5 5 6 6 c"),
        ("M0 0c1 1 2 2 3 3s2 2 3 3", "0 0 m 1 1 2 2 3 3 c 4 4 5 5 6 6 c"),
        ("M0 0S5 5 6 6", "0 0 m 0 0 5 5 6 6 c"),
        ("M0 0Q3 3 6 0", "0 0 m 2 2 4 2 6 0 c"),
        ("M.5-.5L1e1-2", "0.5 -0.5 m 10 -2 l"),
        ("M1 1h2zl5 5", "1 1 m 3 1 l h 6 6 l"),
    ],
)
def test_paths_become_operators(data: str, operators: str) -> None:
    assert path_operators(data) == operators


def test_the_tables_of_the_file_point_at_its_objects() -> None:
    data = svg_to_pdf([HEAD + TAIL] * 3, lambda code: None)
    assert data.startswith(b"%PDF-1.4\n")
    assert data.endswith(b"%%EOF\n")
    start = int(re.findall(rb"startxref\n(\d+)", data)[0])
    rows = re.findall(rb"(\d{10}) 00000 n ", data[start:])
    for number, offset in enumerate(rows, 1):
        assert data[int(offset) :].startswith(b"%d 0 obj\n" % number)
    assert b"/Count 3" in data
    assert data.count(b"/MediaBox [0 0 595.276 841.89]") == 3


def test_glyphs_are_kept_once_and_placed_often() -> None:
    use = '<use xlink:href="#E0A4-x" transform="translate(30, 40) scale(0.72, 0.72)"/>'
    content = page(use * 5)
    assert content.count("0 0 m 100 0 l 100 50 l h f") == 1
    assert content.count("q 0.72 0 0 0.72 30 40 cm /G") == 5
    assert "q 1 0 0 1 500 600 cm" in content


def test_shapes_are_filled_and_stroked() -> None:
    assert "27 w 0 J 0 j 1 2 m 3 4 l B" in page('<path d="M1 2 L3 4" stroke-width="27"/>')
    assert "1 J 1 j" in page('<path d="M1 2 L3 4" stroke-width="9" stroke-linecap="round"/>')
    assert "0 0 m 4 0 l 4 4 l h B" in page('<polygon points="0,0 4,0 4,4"/>')
    assert "0 0 m 4 0 l B" in page('<polyline points="0,0 4,0"/>')
    assert "1 2 3 4 re B" in page('<rect x="1" y="2" width="3" height="4"/>')
    ellipse = page('<ellipse cx="10" cy="10" rx="5" ry="2"/>')
    assert ellipse.count(" c") == 4 + ellipse.count(" cm")
    assert "15 10 m" in ellipse


def test_text_is_text_in_its_face_and_place() -> None:
    plain = page('<text x="100" y="50" font-size="0px"><tspan><tspan font-size="400px">A (b)</tspan></tspan></text>')
    assert r"BT /Times-Roman 400 Tf 1 0 0 -1 100 50 Tm (A \(b\)) Tj ET" in plain
    assert "/Times-Bold 400 Tf" in page('<g class="tempo"><text font-size="400px">Allegro</text></g>')
    assert "/Times-Italic 400 Tf" in page('<g class="mNum"><text font-size="400px">5</text></g>')


def test_text_is_centred_and_right_aligned_by_its_width() -> None:
    text = '<text x="1000" y="0" text-anchor="{}" font-size="1000px">AA</text>'
    assert "1 0 0 -1 278 0 Tm" in page(text.format("middle"))
    assert "1 0 0 -1 -444 0 Tm" in page(text.format("end"))


def test_stretches_follow_each_other_and_start_anew_where_placed() -> None:
    runs = page(
        '<text x="0" y="9" font-size="1000px"><tspan>AA</tspan><tspan>B</tspan><tspan x="7" y="8">C</tspan></text>'
    )
    assert "0 9 Tm (AA)" in runs
    assert "1444 9 Tm (B)" in runs
    assert "7 8 Tm (C)" in runs


def test_musical_symbols_in_text_are_drawn() -> None:
    text = '<text x="5" y="6"><tspan font-size="720px">\ueca5\ue000</tspan></text>'
    assert "q 0.72 0 0 0.72 5 6 cm /G" in page(text, "M0 0L9 9z")


def test_letters_outside_western_europe_show_as_question_marks() -> None:
    assert "(\xe9?) Tj" in page('<text font-size="10px">é夜</text>')


def test_what_the_style_sheet_hides_is_left_out() -> None:
    assert " re B" not in page('<g class="section placeholder"><rect width="3" height="4"/></g>')
    assert page("<desc>hello</desc>") == page("")


def test_letters_are_as_wide_as_in_times() -> None:
    assert [text_units(letter) for letter in " AWil~é夜"] == [250, 722, 944, 278, 278, 541, 444, 500]


def test_a_document_without_a_drawing_is_an_empty_page() -> None:
    assert b"/Count 1" in svg_to_pdf(['<svg xmlns="http://www.w3.org/2000/svg"/>'], lambda code: None)
