"""ABC: read back by verovio as the same notes; what is no single line is refused."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter

import numpy as np
import pytest

from audio_lstm.errors import ScoreError
from audio_lstm.music.files.abc.text import abc_to_score
from audio_lstm.music.files.midi_bytes import midi_to_score
from audio_lstm.music.score.score import KeySignature, Score, Tempo, TimeSignature, Track, make_notes
from audio_lstm.music.sheet.abc_writer import score_to_abc

FLUTE = (Track("Flute", 73),)

SCORES = [
    Score(4, make_notes(np.arange(0, 96, 2), 2, 58 + np.arange(48) * 5 % 27), FLUTE),
    Score(12, make_notes([0, 4, 8, 12, 18, 24, 26, 28, 30, 36], [4, 4, 4, 6, 6, 2, 2, 2, 6, 30], 60), FLUTE),
    Score(4, make_notes(np.arange(0, 48, 2), 2, 67), FLUTE, time_signatures=(TimeSignature(0, 6, 8),)),
    Score(4, make_notes([0, 1, 3, 6, 10], [1, 2, 3, 4, 9], [73, 72, 73, 73, 30]), FLUTE),
    Score(4, make_notes([0, 0, 0, 4, 12], [4, 4, 4, 6, 4], [60, 64, 67, 100, 62]), (Track("Piano"),)),
]
NAMES = ["eighths", "triplets", "compound", "accidentals and ties", "chord, rest, piano"]


def units(score: Score, *, late: int = 0) -> Counter[tuple[int, int, int]]:
    scale = 24 / score.ticks_per_quarter
    return Counter(
        (
            round(int(note["start_ticks"]) * scale),
            round((int(note["duration_ticks"]) + late) * scale),
            int(note["pitch"]),
        )
        for note in score.notes
    )


# In a process of its own: verovio's reader keeps the key of a tune for the next one in C.
READER = """
import base64, sys, verovio
toolkit = verovio.toolkit()
toolkit.setInputFrom("abc")
assert toolkit.loadData(sys.stdin.read())
sys.stdout.buffer.write(base64.b64decode(toolkit.renderToMIDI()))
"""


def read_back(tune: str) -> Counter[tuple[int, int, int]]:
    pytest.importorskip("verovio")
    done = subprocess.run([sys.executable, "-c", READER], input=tune.encode(), capture_output=True, check=True)
    return units(midi_to_score(done.stdout), late=1)


@pytest.mark.parametrize("score", SCORES, ids=NAMES)
def test_verovio_finds_the_same_notes(score: Score) -> None:
    assert read_back(score_to_abc(score)) == units(score)


@pytest.mark.parametrize("score", SCORES, ids=NAMES)
def test_our_own_reader_finds_the_same_notes(score: Score) -> None:
    assert units(abc_to_score(score_to_abc(score).encode())) == units(score)


def test_a_tune_is_written_as_tune_books_do() -> None:
    tune = Score(
        4,
        make_notes([0, 2, 4, 8, 12, 14, 16], [2, 2, 4, 4, 2, 2, 8], [62, 67, 69, 70, 66, 67, 55]),
        FLUTE,
        (Tempo(0, 600_000),),
        (TimeSignature(0, 3, 4),),
        (KeySignature(0, -2, True),),
    )
    assert score_to_abc(tune, title="A  Tune\nB").splitlines() == [
        "X:1",
        "T:A Tune B",
        "M:3/4",
        "L:1/8",
        "Q:1/4=100",
        "K:Gm",
        "DG A2 B2 | ^FG G,4 |]",
    ]


def test_changes_stand_where_they_happen_and_low_lines_have_their_clef() -> None:
    score = Score(
        4,
        make_notes(np.arange(0, 44, 4), 4, 48),
        (Track("Cello", 42),),
        time_signatures=(TimeSignature(0, 4, 4), TimeSignature(32, 3, 4)),
        key_signatures=(KeySignature(0, 0), KeySignature(16, 1)),
    )
    tune = score_to_abc(score)
    assert "K:C clef=bass\n" in tune
    assert "[K:G]" in tune
    assert "[M:3/4]" in tune


def test_several_parts_are_refused_by_name() -> None:
    score = Score(4, make_notes(0, 4, [60, 64], 80, [0, 1]), (Track("Flute", 73), Track("Oboe", 68)))
    with pytest.raises(
        ScoreError, match=r"ABC holds single lines, and this score has 2 parts \(Flute, Oboe\); save one"
    ):
        score_to_abc(score)


def test_drums_are_refused() -> None:
    with pytest.raises(ScoreError, match="ABC holds single lines, and this score has drums only; use"):
        score_to_abc(Score(4, make_notes(0, 4, 38), (Track(is_drum=True),)))


def test_overlapping_notes_are_refused_with_their_bar() -> None:
    score = Score(4, make_notes([0, 16, 18], [16, 4, 4], [60, 64, 67]), FLUTE)
    with pytest.raises(ScoreError, match=r"ABC holds single lines, and notes overlap in bar 2; use \.musicxml"):
        score_to_abc(score)


def test_nothing_is_no_tune() -> None:
    with pytest.raises(ScoreError, match="there is no note in it"):
        score_to_abc(Score(4))
