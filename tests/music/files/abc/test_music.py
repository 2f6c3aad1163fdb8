"""The music lines of ABC tunes: lengths, chords, decorations, overlays, macros."""

from __future__ import annotations

import pytest

from audio_lstm.music.files.abc.text import abc_to_score
from audio_lstm.music.score.score import Score

HEADER = "X:1\nT:Tune\nM:4/4\nL:1/8\nK:C\n"


def read(body: str, header: str = HEADER) -> Score:
    return abc_to_score((header + body + "\n").encode())


def pitches(body: str, header: str = HEADER) -> list[int]:
    return [int(pitch) for pitch in read(body, header).notes["pitch"]]


def eighths(body: str, header: str = HEADER) -> list[float]:
    return [float(length) / 240 for length in read(body, header).notes["duration_ticks"]]


def starts(score: Score) -> list[tuple[float, int, float]]:
    return [(n["start_ticks"] / 480, int(n["pitch"]), n["duration_ticks"] / 480) for n in score.notes]


def test_lengths_broken_rhythm_and_tuplets() -> None:
    assert eighths("C2 C/ C// C3/2 C") == [2, 0.5, 0.25, 1.5, 1]
    assert eighths("C>D E<F G>>A") == [1.5, 0.5, 0.5, 1.5, 1.75, 0.25]
    assert eighths("C>D/ E") == [1, 0.5, 1]  # undefined between notes of different lengths
    assert eighths("(3CDE F (3:2:2C2D")[:4] == [pytest.approx(2 / 3, abs=0.01)] * 3 + [1]
    assert eighths("C", "X:1\nM:2/4\nK:C\n") == [0.5]
    assert eighths("C", "X:1\nM:6/8\nK:C\n") == [1]


def test_what_does_not_sound_is_passed_over() -> None:
    assert pitches('"Am"C !trill!D {cd}~E (FG) % words here\nw: la la\nA \\\nB y ') == [60, 62, 64, 65, 67, 69, 71]


def test_letters_and_signs_that_decorate_do_not_sound() -> None:
    assert pitches("kCkDuEvF HGTA") == [60, 62, 64, 65, 67, 69]
    assert pitches("!segno!C +fermata+D !E F! `G;*A #") == [60, 62, 64, 65, 67, 69]
    assert pitches("U: k = !open!\nkC") == [60]
    assert pitches("CD\nw: A-B c d_ |\n+: e f g\nEF\nW: abc") == [60, 62, 64, 65]
    score = read("{ab}C {/c}D")
    assert score.remarks == ("3 grace notes are left out, as they have no time of their own in ABC",)


def test_chords_overlays_and_rests_of_bars() -> None:
    assert starts(read("[C2E4G]2 C2")) == [(0, 60, 2), (0, 64, 4), (0, 67, 1), (2, 60, 1)]
    assert starts(read("+CE+2 C")) == [(0, 60, 1), (0, 64, 1), (1, 60, 0.5)]
    assert starts(read("C8|E4F4&G,8|D8")) == [(0, 60, 4), (4, 55, 4), (4, 64, 2), (6, 65, 2), (8, 62, 4)]
    assert starts(read("C8|Z2|D8")) == [(0, 60, 4), (12, 62, 4)]
    assert starts(read("[M:3/4]C6|X|D6")) == [(0, 60, 3), (6, 62, 3)]


def test_macros_are_written_out() -> None:
    assert pitches("m: ~G2 = GAG\n~G2 C") == [67, 69, 67, 60]
    assert pitches("m: ~n2 = non\n~G2 ~B2") == [67, 69, 67, 71, 72, 71]


def test_accidentals_hold_as_the_file_says() -> None:
    assert pitches("^Cc C'") == [61, 73, 73]
    for rule, sounding in (("octave", [61, 72, 61]), ("not", [61, 72, 60]), ("pitch", [61, 73, 61])):
        assert pitches(f"%%propagate-accidentals {rule}\n^CcC") == sounding
    assert pitches("%%MIDI nobarlines\n^CcC\n%%MIDI barlines\n^CcC") == [61, 72, 60, 61, 73, 61]


def test_jumps_are_not_followed_and_said() -> None:
    score = read("C !fine! D | !segno! E !D.C.alfine! | F !D.S.! | [!dacoda!G]")
    assert score.n_notes == 5
    assert score.remarks == ("2 signs such as D.C. or D.S. are not followed: the music goes on behind them",)
