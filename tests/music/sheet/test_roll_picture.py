"""Piano rolls: notes are where they should be, both pictures agree, and long pieces stay small."""

from __future__ import annotations

import io
from xml.etree import ElementTree

import numpy as np
import pytest
from numpy.typing import NDArray

from audio_lstm.music.score.score import Score, TimeSignature, Track, make_notes
from audio_lstm.music.sheet.roll_picture import roll_png, roll_svg

TUNE = Score(
    480,
    make_notes([0, 480, 960, 0], [480, 480, 960, 240], [60, 64, 67, 38], 100, [0, 0, 1, 2]),
    (Track("Flute & <Co>", 73), Track("Cello", 42), Track("Kit", is_drum=True)),
    time_signatures=(TimeSignature(0, 3, 4),),
)
SVG = "{http://www.w3.org/2000/svg}"


def pixels_of(score: Score) -> NDArray[np.uint8]:
    image = pytest.importorskip("PIL.Image", reason="needs Pillow, which comes with gradio")
    with image.open(io.BytesIO(roll_png(score))) as opened:
        return np.asarray(opened)


def test_the_first_note_is_drawn_at_its_time_and_pitch_in_its_colour() -> None:
    pixels = pixels_of(TUNE)
    blue = (pixels == (0x00, 0x72, 0xB2)).all(axis=2)[:-22]  # the legend is at the bottom
    rows, columns = np.nonzero(blue)
    assert columns.min() == 44
    assert columns.max() == 44 + 48 - 2  # two quarters of 24 pixels, a gap of one at the end
    assert len(set(rows.tolist())) in (12, 13, 14)  # two rows of notes
    higher = rows[columns > 70]
    assert higher.max() < rows[columns < 60].min()  # E above C
    assert rows[columns < 60].min() - higher.min() == 4 * 8


def test_drums_have_a_strip_of_their_own_below() -> None:
    pixels = pixels_of(TUNE)
    grey = (pixels == 0x66).all(axis=2)[:-22]
    assert np.nonzero(grey)[0].min() > 30 + 25 * 8


def test_both_pictures_agree() -> None:
    root = ElementTree.fromstring(roll_svg(TUNE))
    assert root.get("width") == str(pixels_of(TUNE).shape[1])
    fills = [box.get("fill") for box in root.iter(f"{SVG}rect")]
    assert fills.count("#0072b2") == 3  # two notes and the legend
    texts = [text.text for text in root.iter(f"{SVG}text")]
    assert {"C4", "1", "2", "Flute & <Co>", "Cello", "Kit"} <= set(texts)


def test_soft_notes_are_paler() -> None:
    soft = Score(4, make_notes(0, 4, 60, 10), (Track(),))
    assert 'fill="#0072b2"' not in roll_svg(soft).split('y="2')[0]
    assert "#738" not in roll_svg(soft)
    assert roll_svg(soft) != roll_svg(Score(4, make_notes(0, 4, 60, 100), (Track(),)))


def test_an_empty_score_is_an_empty_grid() -> None:
    assert pixels_of(Score(480)).shape[0] > 200


def test_a_piece_of_hours_stays_a_picture_that_opens() -> None:
    starts = np.arange(0, 30_000, 7)
    long_piece = Score(1, make_notes(starts, 3, 60 + starts % 24), (Track(),))
    assert pixels_of(long_piece).shape[1] <= 16_000


def test_notes_at_the_ends_of_the_keyboard_fit() -> None:
    extremes = Score(4, make_notes([0, 4], 4, [0, 127]), (Track(),))
    assert pixels_of(extremes).shape[0] > 128 * 8


def test_a_hundred_tracks_share_the_colours() -> None:
    tracks = tuple(Track(f"Part {number}") for number in range(100))
    notes = make_notes(0, 4, 30 + np.arange(100) // 2, 80, np.arange(100))
    assert "Part 1" in roll_svg(Score(4, notes, tracks))
