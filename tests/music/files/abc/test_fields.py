"""Keys, metres, lengths and tempi of ABC tunes, in all the ways in which they are written."""

from __future__ import annotations

import pytest

from audio_lstm.music.files.abc.text import abc_to_score
from audio_lstm.music.score.score import Score, TimeSignature

HEADER = "X:1\nT:Tune\nM:4/4\nL:1/8\nK:C\n"


def read(body: str, header: str = HEADER) -> Score:
    return abc_to_score((header + body + "\n").encode())


def pitches(body: str, header: str = HEADER) -> list[int]:
    return [int(pitch) for pitch in read(body, header).notes["pitch"]]


def eighths(body: str, header: str = HEADER) -> list[float]:
    return [float(length) / 240 for length in read(body, header).notes["duration_ticks"]]


@pytest.mark.parametrize(
    ("key", "sounding", "sharps"),
    [
        ("Dphr ^f", [66, 60, 70, 67], -2),
        ("D exp _b ^f", [66, 60, 70, 67], 0),
        ("D ^g", [66, 61, 71, 68], 3),
        ("HP", [66, 61, 71, 67], 2),
        ("none", [65, 60, 71, 67], 0),
        ("C octave=-1", [53, 48, 59, 55], 0),
        ("C transpose=-2", [63, 58, 69, 65], 0),
        ("C treble-8", [53, 48, 59, 55], 0),
        ("clef=treble+8", [77, 72, 83, 79], 0),
        ("Em clef=bass-8 transpose=1", [55, 49, 60, 56], 1),
        ("Gmix bass middle=d", [65, 60, 71, 67], 0),
        ("Bn", [66, 61, 71, 68], 5),
        ("H", [66, 61, 71, 68], 5),
        ("H-moll", [66, 61, 71, 67], 2),
        ("Es", [65, 60, 70, 67], -3),
        ("As", [65, 60, 70, 67], -4),
        ("Asm", [64, 59, 70, 66], -7),
        ("Des dur", [65, 60, 70, 66], -5),
        ("Fis-Dur", [66, 61, 71, 68], 6),
        ("Cism", [66, 61, 71, 68], 4),
        ("E flat", [65, 60, 70, 67], -3),
        ("F-sharp minor", [66, 61, 71, 68], 3),
        ("B♭ dorian", [65, 60, 70, 67], -4),
    ],
)
def test_keys_bring_accidentals_and_shifts(key: str, sounding: list[int], sharps: int) -> None:
    score = read("F C B G", f"X:1\nL:1/8\nK:{key}\n")
    assert [int(pitch) for pitch in score.notes["pitch"]] == sounding
    assert score.key_signatures[0].sharps == sharps


@pytest.mark.parametrize(
    ("metre", "found"),
    [("2+3/8", (5, 8)), ("(2+3)/8", (5, 8)), ("C", (4, 4)), ("c|", (2, 2)), ("3/4 2/4", (3, 4)), ("FREI4/4", None)],
)
def test_metres_as_they_are_written(metre: str, found: tuple[int, int] | None) -> None:
    signatures = read("C", f"X:1\nM:{metre}\nL:1/8\nK:C\n").time_signatures
    assert signatures == ((TimeSignature(0, *found),) if found else ())


@pytest.mark.parametrize(
    ("tempo", "bpm"),
    [("1/4=90", 90), ('"Fast" 3/8=60', 90), ("90", 45), ("C=90", 45), ("C3=60", 90), ("1/4 1/8=60 ", 90), ("=70", 70)],
)
def test_tempi_as_they_are_written(tempo: str, bpm: float) -> None:
    assert read("C", f"X:1\nQ:{tempo}\nL:1/8\nK:C\n").tempi[0].bpm == pytest.approx(bpm)


def test_tuplets_follow_the_metre() -> None:
    assert eighths("(5CDEFG A") == [pytest.approx(0.4, abs=0.01)] * 5 + [1]
    assert eighths("(5CDEFG A", "X:1\nM:6/8\nL:1/8\nK:C\n") == [pytest.approx(0.6, abs=0.01)] * 5 + [1]
    assert eighths("(3:2C2DE F") == [pytest.approx(4 / 3, abs=0.01)] + [pytest.approx(2 / 3, abs=0.01)] * 2 + [1]
    assert eighths("((3CDE) F")[3] == 1
