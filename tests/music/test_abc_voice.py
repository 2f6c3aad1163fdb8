"""The order in which an ABC tune is played."""

from __future__ import annotations

from fractions import Fraction

import pytest

from audio_lstm.errors import ScoreError
from audio_lstm.music import abc_voice
from audio_lstm.music.abc_text import abc_to_score
from audio_lstm.music.abc_voice import Voice, play_out


@pytest.mark.parametrize(
    ("body", "played"),
    [
        ("C | D | E |]", "CDE"),
        ("C D :| E", "CDCDE"),
        ("C |: D E :| F", "CDEDEF"),
        ("|: C :: D :|", "CCDD"),
        ("|: C :||: D :| E", "CCDDE"),
        ("|: C |1 D :|2 E | F", "CDCEF"),
        ("|: C [1 D :| [2 E || F", "CDCEF"),
        ("|: C |1 D :|2 E |: F :|", "CDCEFF"),
        ("|: C |1 D :|2 E :| F |: G :|", "CDCEEFGG"),
        ("|: C | D", "CD"),
    ],
)
def test_repeats_are_played_out(body: str, played: str) -> None:
    score = abc_to_score(f"X:1\nK:C\n{body}\n".encode())
    assert "".join("CDEFGAB"[[0, 2, 4, 5, 7].index(int(pitch) - 60)] for pitch in score.notes["pitch"]) == played


def test_ties_join_and_stop_where_the_pitch_changes() -> None:
    voice = Voice()
    quarter = Fraction(1, 4)
    voice.add((60, 64), quarter, ties=(60, 64))
    voice.add((60,), quarter, ties=())
    voice.add((), quarter, ties=())
    voice.add((60,), quarter, ties=(60,))
    assert play_out(voice) == [(0, 2 * quarter, 60), (0, quarter, 64), (3 * quarter, quarter, 60)]


def test_broken_rhythm_without_a_note_before_changes_nothing() -> None:
    voice = Voice()
    voice.broken(">")
    voice.add((60,), Fraction(1, 8), ties=())
    assert play_out(voice) == [(0, Fraction(1, 8), 60)]


def test_endless_tunes_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(abc_voice, "_MAX_SYMBOLS", 2)
    voice = Voice()
    for _ in range(4):
        voice.add((60,), Fraction(1, 8), ties=())
        voice.bar("|")
    with pytest.raises(ScoreError, match="the ABC tune has more than 2 notes; cut it"):
        play_out(voice)
