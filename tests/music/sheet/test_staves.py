"""Scores as written: parts, hands, clefs, voices, ties, triplets, accidentals; nothing is lost on the way."""

from __future__ import annotations

from collections import Counter

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from audio_lstm.music.score.score import KeySignature, Score, TimeSignature, Track, make_notes
from audio_lstm.music.sheet.staves import Notation, WrittenPart, score_to_notation


def sounding(notation: Notation) -> Counter[tuple[int, int, int]]:
    """Start, end and pitch of every note, ties joined."""
    notes: Counter[tuple[int, int, int]] = Counter()
    for part in notation.parts:
        open_notes: dict[tuple[int, int, int], int] = {}  # by staff, pitch and end so far: the start
        for bar in part.bars:
            for voice, staff in zip(bar.voices, bar.staves, strict=True):
                for symbol in voice:
                    start = bar.grid.start + symbol.value.start
                    end = start + symbol.value.units
                    for head in symbol.heads:
                        begin = open_notes.pop((staff, head.midi, start)) if symbol.tied_from else start
                        if symbol.tied_on:
                            open_notes[staff, head.midi, end] = begin
                        else:
                            notes[begin, end, head.midi] += 1
        assert not open_notes
    return notes


def only_part(score: Score) -> WrittenPart:
    (part,) = score_to_notation(score).parts
    return part


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 90), st.integers(1, 40), st.integers(36, 84)), min_size=1, max_size=14),
    st.sampled_from([(4, 4), (3, 4), (6, 8), (7, 8), (5, 4)]),
    st.sampled_from([4, 12]),
)
def test_every_note_is_written_once(rows: list[tuple[int, int, int]], metre: tuple[int, int], division: int) -> None:
    by_pitch = {pitch: (start, length) for start, length, pitch in rows}  # one note a pitch: none are joined or cut
    starts, lengths = zip(*by_pitch.values(), strict=True)
    score = Score(
        division,
        make_notes(starts, lengths, list(by_pitch)),
        (Track("Harp", 46),),
        time_signatures=(TimeSignature(0, *metre),),
    )
    unit = 24 // division
    expected = Counter((start * unit, (start + length) * unit, pitch) for pitch, (start, length) in by_pitch.items())
    assert sounding(score_to_notation(score)) == expected


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 60), st.integers(1, 20)), min_size=1, max_size=10))
def test_voices_never_overlap_and_the_first_fills_its_bars(rows: list[tuple[int, int]]) -> None:
    starts, lengths = zip(*rows, strict=True)
    score = Score(12, make_notes(starts, lengths, 72 + np.arange(len(rows)) % 5), (Track("Flute", 73),))
    for bar in only_part(score).bars:
        for number, voice in enumerate(bar.voices):
            ends = 0
            for symbol in voice:
                assert symbol.value.start >= ends
                assert number or symbol.value.start == ends
                ends = symbol.value.start + symbol.value.units
            assert number or ends == bar.grid.size


def test_a_piano_has_two_staves_and_a_flute_one() -> None:
    notes = make_notes([0, 0, 4], 4, [40, 76, 72])
    assert only_part(Score(4, notes, (Track("Piano"),))).clefs == ("G", "F")
    assert only_part(Score(4, notes, (Track("Flute", 73),))).clefs == ("G",)
    assert only_part(Score(4, make_notes(0, 4, [64, 67, 72]), (Track("Piano"),))).clefs == ("G",)
    one_staff = score_to_notation(Score(4, notes, (Track("Piano"),)), keep_one_staff=True)
    assert one_staff.parts[0].clefs == ("G",)


def test_two_keyboard_tracks_of_one_name_are_two_hands() -> None:
    hands = Score(4, make_notes([0, 0], 4, [72, 48], 80, [0, 1]), (Track("Piano"), Track("Piano")))
    part = only_part(hands)
    assert part.clefs == ("G", "F")
    assert part.bars[0].staves == (0, 1)
    crossed = Score(4, make_notes([0, 0], 4, [48, 72], 80, [0, 1]), (Track("Piano"), Track("Piano")))
    assert len(score_to_notation(crossed).parts) == 2


def test_voices_of_a_choir_have_their_clefs() -> None:
    choir = Score(
        4,
        make_notes(0, 4, [72, 65, 57, 45], 80, [0, 1, 2, 3]),
        tuple(Track(name, 52) for name in ("Soprano", "Alto", "Tenor", "Bass")),
    )
    assert [part.clefs for part in score_to_notation(choir).parts] == [("G",), ("G",), ("G8",), ("F",)]


def test_tracks_without_notes_are_left_out_and_nameless_ones_numbered() -> None:
    score = Score(4, make_notes(0, 4, [60, 36], 80, [1, 2]), (Track("Empty"), Track(" ", 73), Track(is_drum=True)))
    assert [part.name for part in score_to_notation(score).parts] == ["Part 2", "Drums"]


def test_an_empty_score_is_a_bar_of_rest() -> None:
    for score in (Score(4), Score(4, tracks=(Track("Oboe", 68),))):
        (symbol,) = only_part(score).bars[0].voices[0]
        assert symbol.fills_bar


def test_notes_over_the_bar_line_are_tied() -> None:
    bars = only_part(Score(4, make_notes(12, 8, 60), (Track("Flute", 73),))).bars
    last, first = bars[0].voices[0][-1], bars[1].voices[0][0]
    assert (last.tied_from, last.tied_on) == (False, True)
    assert (first.tied_from, first.tied_on) == (True, False)


def test_accidentals_hold_for_the_bar_and_are_taken_back() -> None:
    score = Score(
        4,
        make_notes([0, 4, 8, 12, 16], 4, [66, 66, 65, 66, 66]),
        (Track("Flute", 73),),
        key_signatures=(KeySignature(0, 0),),
    )
    first, second = only_part(score).bars
    assert [symbol.heads[0].accidental for symbol in first.voices[0]] == [1, None, 0, 1]
    assert second.voices[0][0].heads[0].accidental == 1


def test_the_signature_says_what_need_not_be_printed() -> None:
    score = Score(4, make_notes([0, 4], 4, [66, 65]), (Track("Flute", 73),), key_signatures=(KeySignature(0, 1),))
    heads = [symbol.heads[0].accidental for symbol in only_part(score).bars[0].voices[0] if symbol.heads]
    assert heads == [None, 0]


def test_a_tied_note_is_not_marked_again() -> None:
    score = Score(4, make_notes([12], [8], 66), (Track("Flute", 73),), key_signatures=(KeySignature(0, 0),))
    assert only_part(score).bars[1].voices[0][0].heads[0].accidental is None


def test_a_triplet_has_its_bracket_and_its_rests() -> None:
    score = Score(3, make_notes([0, 2], 1, [72, 74]), (Track("Flute", 73),))
    first, rest, last, *_ = only_part(score).bars[0].voices[0]
    assert (first.triplet, first.n_in_triplet, rest.triplet, last.triplet) == ("start", 3, "", "stop")
    assert not rest.heads
    assert rest.value.in_triplet


def test_the_key_is_estimated_where_none_is_given() -> None:
    scale = Score(4, make_notes(np.arange(0, 32, 4), 4, [62, 64, 66, 67, 69, 71, 73, 74]), (Track("Flute", 73),))
    assert score_to_notation(scale).keys[0].sharps == 2
