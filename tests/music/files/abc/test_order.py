"""Repeats and endings: what is played how often."""

from __future__ import annotations

import pytest

from audio_lstm.music.files.abc.text import abc_to_score


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
        ("|: C |1 D :|2 E :| F |: G :|", "CDCEFGG"),
        ("|: C | D", "CD"),
        ("C |1 D :|2 E || F :|", "CDCEFF"),  # from the latest double bar line
        ("C |1 D :|2 E |] F |1 G :|2 C |]", "CDCEFGFC"),
    ],
)
def test_repeats_are_played_out(body: str, played: str) -> None:
    score = abc_to_score(f"X:1\nK:C\n{body}\n".encode())
    assert "".join("CDEFGAB"[[0, 2, 4, 5, 7].index(int(pitch) - 60)] for pitch in score.notes["pitch"]) == played


@pytest.mark.parametrize(
    ("body", "played"),
    [
        ("|: C |1 D :|2 E :| F |1 G :|2 A :|", "CDCEFGFA"),  # a sign behind the last ending repeats nothing
        ("C |1 D :|2 E :|3 F |]", "CDCECF"),
        ("|: C [1,3 D :|[2 E :|[4 F |]", "CDCECDCF"),
        ("C |1-3 D :|4 E", "CDCDCDCE"),
        ("C [|]:| D [|]:|", "CCDD"),
        ("|: C [1 D :| E F", "CDCEF"),
        ("C :| D || E :|", "CCDEE"),
        ("C || D :|", "CDCD"),
        ("|:: C ::| D", "CCCD"),
        ("|: C |: D :|", "CDD"),
        ("C |1 D |2 E | F", "CDCEF"),
        ("|: C |1 D :|2 E | F | G :|", "CDCEFGFG"),  # the last ending is as long as the first
        ("|: C |1 D :|2 E | F |1 G :|2 A |]", "CDCEFGFA"),
        ("C |:|", "C"),
        ("C :| [2 D", "CCD"),
        ("C | D :|\n: E :|", "CDCDEE"),
    ],
)
def test_endings_are_played_in_their_rounds(body: str, played: str) -> None:
    score = abc_to_score(f"X:1\nK:C\n{body}\n".encode())
    assert "".join("CDEFGAB"[[0, 2, 4, 5, 7, 9, 11].index(int(pitch) - 60)] for pitch in score.notes["pitch"]) == played
