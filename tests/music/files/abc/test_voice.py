"""The order in which an ABC tune is played."""

from __future__ import annotations

from fractions import Fraction

import pytest

from audio_lstm.errors import ScoreError
from audio_lstm.music.files.abc import voice as abc_voice
from audio_lstm.music.files.abc.text import abc_to_score
from audio_lstm.music.files.abc.voice import AbcBar, AbcSigns, AbcVoice, play_out


def voice_of(*sounds: list[tuple[int, Fraction, bool]]) -> AbcVoice:
    voice = AbcVoice(AbcSigns(), Fraction(1, 8))
    for notes in sounds:
        voice.add(notes, Fraction(1, 4))
    return voice


def test_ties_join_and_stop_where_the_pitch_changes() -> None:
    quarter = Fraction(1, 4)
    voice = voice_of([(60, quarter, True), (64, quarter, True)], [(60, quarter, False)], [], [(60, quarter, True)])
    (played,) = play_out([voice])
    assert played.notes == [(0, 2 * quarter, 60), (0, quarter, 64), (3 * quarter, quarter, 60)]


def test_broken_rhythm_without_a_note_before_changes_nothing() -> None:
    voice = AbcVoice(AbcSigns(), Fraction(1, 8))
    voice.broken(">")
    voice.add([(60, Fraction(1, 8), False)], Fraction(1, 8))
    assert play_out([voice])[0].notes == [(0, Fraction(1, 8), 60)]


def test_endless_tunes_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(abc_voice, "_MAX_SYMBOLS", 2)
    voice = AbcVoice(AbcSigns(), Fraction(1, 8))
    for _ in range(4):
        voice.add([(60, Fraction(1, 8), False)], Fraction(1, 8))
        voice.bar(AbcBar())
    with pytest.raises(ScoreError, match="the ABC tune has more than 2 notes; cut it"):
        play_out([voice])


def test_parts_begin_together_in_all_voices() -> None:
    tune = "X:1\nP:BA2\nL:1/4\nK:C\nP:A\nV:1\nCD|\nV:2\nE|\nP:B\nV:1\nF|\nV:2\nGAB|\n"
    score = abc_to_score(tune.encode())
    found = [(int(n["start_ticks"]) // 480, int(n["track"]), int(n["pitch"])) for n in score.notes]
    assert found == [
        *((0, 0, 65), (0, 1, 67), (1, 1, 69), (2, 1, 71)),
        *((3, 0, 60), (3, 1, 64), (4, 0, 62)),
        *((5, 0, 60), (5, 1, 64), (6, 0, 62)),
    ]


@pytest.mark.parametrize(
    ("order", "played"),
    [("AB", "CD"), ("A(BA)2", "CDCDC"), ("A3.B", "CCCD"), ("((AB)2A)2", "CDCDCCDCDC"), ("XY", "CD"), ("", "CD")],
)
def test_parts_are_played_in_the_order_of_the_header(order: str, played: str) -> None:
    score = abc_to_score(f"X:1\nP:{order}\nK:C\nP:A\nC|\nP:B\nD|\n".encode())
    assert "".join("C D"[int(pitch) - 60] for pitch in score.notes["pitch"]) == played
