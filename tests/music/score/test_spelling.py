"""Names of pitches in keys."""

from __future__ import annotations

import pytest

from audio_lstm.music.score.score import KeySignature, Score
from audio_lstm.music.score.spelling import alter_in_key, key_at, spell


def names(pitches: list[int], sharps: int, *, is_minor: bool = False) -> str:
    signs = {-2: "bb", -1: "b", 0: "", 1: "#", 2: "x"}
    spelled = (spell(pitch, KeySignature(0, sharps, is_minor)) for pitch in pitches)
    return " ".join(f"{name.step}{signs[name.alter]}{name.octave}" for name in spelled)


def test_scales_are_written_with_each_letter_once() -> None:
    assert names([60, 62, 64, 65, 67, 69, 71], 0) == "C4 D4 E4 F4 G4 A4 B4"
    assert names([62, 64, 66, 67, 69, 71, 73], 2) == "D4 E4 F#4 G4 A4 B4 C#5"
    assert names([61, 63, 65, 66, 68, 70, 72], -5) == "Db4 Eb4 F4 Gb4 Ab4 Bb4 C5"
    assert names([61, 63, 65, 66, 68, 70, 72], 7) == "C#4 D#4 E#4 F#4 G#4 A#4 B#4"
    assert names([59, 61, 63, 64, 66, 68, 70], -7) == "Cb4 Db4 Eb4 Fb4 Gb4 Ab4 Bb4"


def test_leading_notes_of_minor_keys_are_sharp() -> None:
    assert names([68, 66, 63], 0, is_minor=True) == "G#4 F#4 D#4"  # A minor
    assert names([61, 59], -1, is_minor=True) == "C#4 B3"  # D minor
    assert names([71, 69, 68, 63], -3, is_minor=True) == "B4 A4 Ab4 Eb4"  # C minor


def test_blue_notes_of_major_keys_are_flat_and_the_fourth_is_sharp() -> None:
    assert names([58, 63, 66], 0) == "Bb3 Eb4 F#4"


@pytest.mark.parametrize("sharps", range(-7, 8))
@pytest.mark.parametrize("mode", ["major", "minor"])
def test_every_pitch_sounds_as_written_in_every_key(sharps: int, mode: str) -> None:
    key = KeySignature(0, sharps, mode == "minor")
    for pitch in range(128):
        written = spell(pitch, key)
        assert written.midi == pitch
        assert -2 <= written.alter <= 2


def test_signatures_alter_their_steps() -> None:
    assert [alter_in_key(step, KeySignature(0, 2)) for step in "FCGDAEB"] == [1, 1, 0, 0, 0, 0, 0]
    assert [alter_in_key(step, KeySignature(0, -2)) for step in "FCGDAEB"] == [0, 0, 0, 0, 0, -1, -1]
    assert alter_in_key("B", KeySignature(0, 0)) == 0


def test_the_key_in_force_is_the_last_one_before() -> None:
    score = Score(4, key_signatures=(KeySignature(8, 1), KeySignature(16, 2)))
    assert [key_at(score, tick).sharps for tick in (0, 8, 15, 16, 99)] == [0, 1, 1, 2, 2]
