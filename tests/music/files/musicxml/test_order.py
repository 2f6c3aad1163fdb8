"""In which order the measures of a page are played: repeats, endings, jumps, movements."""

from __future__ import annotations

import pytest

from audio_lstm.errors import ScoreError
from audio_lstm.music.files.musicxml.order import Signs, play_order
from audio_lstm.music.files.musicxml.reader import musicxml_to_score
from tests.music.files.musicxml.musicxml_texts import (
    LEFT_REPEAT,
    RIGHT_REPEAT,
    A,
    B,
    C,
    D,
    E,
    F,
    direction,
    document,
    ending,
    heard,
    note,
    numbered,
    pitches,
    read,
    sound,
)


@pytest.mark.parametrize(
    ("measures", "expected"),
    [
        ((LEFT_REPEAT + A, B + RIGHT_REPEAT, C), [60, 62, 60, 62, 64]),
        ((A + RIGHT_REPEAT, B + RIGHT_REPEAT, C), [60, 60, 62, 62, 64]),
        ((A, B + LEFT_REPEAT.replace("left", "right"), C + RIGHT_REPEAT, D), [60, 62, 64, 64, 65]),
        ((A, B + RIGHT_REPEAT.replace("/>", ' times="3"/>')), [60, 62] * 3),
        ((LEFT_REPEAT + A, ending("1", B), C, D), [60, 62, 60, 64, 65]),
        ((A, ending("1", B), ending("2", C, repeats=False), D), [60, 62, 60, 64, 65]),
        ((A, ending("1", B), ending("2", C)), [60, 62, 60, 64]),
        ((A, ending("1,2", B), ending("3", C, repeats=False)), [60, 62, 60, 62, 60, 64]),
        ((A, ending("1, 3", B), ending("2", C), ending("4", D, repeats=False)), [60, 62, 60, 64, 60, 62, 60, 65]),
        ((A, ending("1-3", B), ending("4", C, repeats=False)), [60, 62, 60, 62, 60, 62, 60, 64]),
        (
            (A, ending("1", B).replace('type="stop"', 'type="discontinue"'), ending("2", C, repeats=False)),
            [60, 62, 60, 64],
        ),
        ((A, ending("1", B), ending("2", C, repeats=False), D + RIGHT_REPEAT), [60, 62, 60, 64, 65, 65]),
        ((A, ending("", B), ending("", C, repeats=False)), [60, 62, 60, 64]),
        ((A, ending("1", B, repeats=False), ending("2", C, repeats=False)), [60, 62, 60, 64]),  # the sign is missing
        ((A, ending("1", B).replace('<ending number="1" type="stop"/>', ""), C), [60, 62, 60, 64]),
    ],
)
def test_repeats_and_endings_are_played(measures: tuple[str, ...], expected: list[int]) -> None:
    assert pitches(read("|".join(measures))) == expected


DC, FINE = sound(dacapo="yes"), sound(fine="yes")


@pytest.mark.parametrize(
    ("measures", "expected"),
    [
        ((A, B + FINE, C + DC), [60, 62, 64, 60, 62]),
        ((A, B, C + DC), [60, 62, 64] * 2),
        ((A, sound(segno="s") + B, C + FINE, D + sound(dalsegno="s")), [60, 62, 64, 65, 62, 64]),
        (
            (A + sound(tocoda="c"), B, C + DC, sound(coda="c") + D, E),
            [60, 62, 64, 60, 65, 67],
        ),
        ((A + RIGHT_REPEAT, B + FINE, C + DC), [60, 60, 62, 64, 60, 62]),
        ((A, ending("1", B), ending("2", C, repeats=False), D + DC), [60, 62, 60, 64, 65, 60, 64, 65]),
        ((A + sound(tocoda="c"), B + DC, sound(coda="c") + C + RIGHT_REPEAT), [60, 62, 60, 64, 64]),
        ((A, B + direction("<words>Fine</words>"), C + direction("<words>D.C. al Fine</words>")), [60, 62, 64, 60, 62]),
        (
            (
                A,
                direction("<segno/>") + B,
                C + direction("<coda/>"),
                D + direction("<words>D.S. al Coda</words>"),
                direction("<coda/>") + E,
            ),
            [60, 62, 64, 65, 62, 64, 67],
        ),
        (
            (A, B + direction("<words>alla fine del mondo</words>"), C + direction("<words>con brio</words>")),
            [60, 62, 64],
        ),
    ],
)
def test_jumps_are_played(measures: tuple[str, ...], expected: list[int]) -> None:
    assert pitches(read("|".join(measures))) == expected


def test_movements_whose_bars_are_counted_anew_are_played_each_by_itself() -> None:
    text = document("|".join((A, B + FINE, C + DC, D + RIGHT_REPEAT, E, F + DC)))
    expected = [60, 62, 64, 60, 62, 65, 65, 67, 69, 65, 67, 69]
    assert pitches(numbered(text, 1, 2, 3, 1, 2, 3)) == expected


def test_a_trio_leads_back_to_the_beginning_of_its_minuet() -> None:
    text = document("|".join((E, F, A, B + FINE, C, D + DC, E)))
    assert pitches(numbered(text, 1, 2, 1, 2, 1, 2, 1)) == [67, 69, 60, 62, 64, 65, 60, 62, 67]


def test_signs_in_one_part_hold_for_all() -> None:
    assert heard(read(f"{A}|{B}{RIGHT_REPEAT}", f"{note('C3', 4)}|{note('D3', 4)}")).split()[4:] == [
        "8:60+4", "8:48+4", "12:62+4", "12:50+4",
    ]  # fmt: skip


def test_repeats_without_end_are_refused() -> None:
    many = RIGHT_REPEAT.replace("/>", ' times="99999"/>')
    with pytest.raises(ScoreError, match="its repeats ask for more than 50,000 measures; check the repeat signs"):
        read(A + many)
    with pytest.raises(ScoreError, match="too large: 100 notes, more than 99; raise max_notes to read it"):
        musicxml_to_score(document(A + many.replace("99999", "100")).encode(), max_notes=99)


def order(*signs: Signs) -> list[int]:
    return [place for place, _ in play_order(signs)]


def test_measures_without_signs_are_played_as_they_stand() -> None:
    assert play_order([]) == []
    assert play_order([Signs(), Signs(), Signs()]) == [(0, 1), (1, 1), (2, 1)]


def test_each_measure_is_given_with_its_pass_through_the_repeat() -> None:
    assert play_order([Signs(forward=True), Signs(backward=3), Signs()]) == [
        (0, 1), (1, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 1),
    ]  # fmt: skip


def test_of_two_coda_signs_without_to_coda_the_first_is_where_one_leaves() -> None:
    signs = [Signs(codas={""}), Signs(da_capo=True), Signs(codas={""})]
    assert order(*signs) == [0, 1, 0, 2]


def test_of_several_segnos_the_jump_goes_to_the_one_that_it_names() -> None:
    signs = [Signs(segnos={"a"}), Signs(segnos={"b"}), Signs(dal_segno="a"), Signs()]
    assert order(*signs) == [0, 1, 2, 0, 1, 2, 3]
    signs[2].dal_segno = "unknown"  # then the nearest before it
    assert order(*signs) == [0, 1, 2, 1, 2, 3]


def test_a_jump_to_a_sign_that_is_not_there_is_none() -> None:
    assert order(Signs(), Signs(dal_segno=""), Signs()) == [0, 1, 2]


def test_a_fine_before_any_jump_does_not_end_the_piece() -> None:
    assert order(Signs(fine=True), Signs()) == [0, 1]
