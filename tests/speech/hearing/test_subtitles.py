"""Cues follow the conventions of subtitles, on exact samples and on random transcripts."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given, settings

from audio_lstm.speech.hearing.subtitles import break_lines, cues, one_line, whole_units
from audio_lstm.speech.hearing.transcript import Segment, Transcript, Word
from tests.speech.hearing.transcripts import SAMPLE, SILENCE, disordered, said, spoken


def shown(transcript: Transcript) -> list[tuple[int, int, str]]:
    return [(cue.start_ms, cue.end_ms, "/".join(cue.lines)) for cue in cues(transcript)]


def test_a_sample_cue_by_cue() -> None:
    assert shown(SAMPLE) == [
        (520, 3400, "THE QUICK BROWN FOX/JUMPS OVER THE LAZY DOG"),
        (6200, 7400, '"R&B" <NOW>'),
    ]


def test_silence_has_no_cues() -> None:
    assert cues(SILENCE) == ()
    assert cues(said()) == ()
    assert cues(said(("", 1.0, 2.0), (" \n", 2.0, 3.0))) == ()


def test_a_short_word_stays_a_second_where_there_is_room() -> None:
    assert shown(said(("GO", 1.0, 1.2))) == [(1000, 2000, "GO")]
    assert shown(said(("GO", 1.0, 1.2), ("ON", 3.0, 3.2))) == [(1000, 2000, "GO"), (3000, 4000, "ON")]
    assert shown(said(("GO", 1.0, 1.2), duration_s=1.5)) == [(1000, 1500, "GO")]


def test_a_cue_lingers_until_it_can_be_read() -> None:
    text = "A" * 34  # two seconds at 17 characters a second
    assert shown(said((text, 1.0, 1.2))) == [(1000, 3000, text)]
    assert shown(said((text, 1.0, 1.2), ("B", 2.5, 2.6))) == [(1000, 2500, text), (2500, 3500, "B")]


@pytest.mark.parametrize(("gap_s", "end_ms"), [(0.199, 3000), (0.2, 2800), (1.5, 2000)])
def test_a_blink_between_cues_is_closed(gap_s: float, end_ms: int) -> None:
    first = ("A", 1.0, 3.0 - gap_s)
    assert shown(said(first, ("B" * 42, 3.0, 4.0), ("C" * 42, 4.0, 5.0)))[0] == (
        1000,
        end_ms,
        "A",
    )


def test_a_word_that_lasts_longer_than_seven_seconds_leaves_the_screen() -> None:
    assert shown(said(("AH", 1.0, 12.0))) == [(1000, 8000, "AH")]
    assert shown(said(("AH", 1.0, 8.1), ("OH", 8.1, 9.0))) == [(1000, 7900, "AH"), (8100, 9100, "OH")]


def test_a_long_word_stands_alone_on_its_line() -> None:
    long = "X" * 50
    for cue in cues(said(("A", 1.0, 1.1), (long, 1.1, 2.0), ("B", 2.0, 2.1))):
        assert all(line == long or len(line) <= 42 for line in cue.lines)
    assert break_lines(["A", long]) == ("A", long)


def test_a_pause_of_a_second_divides_cues_and_a_shorter_one_draws_the_break() -> None:
    assert [cue.lines for cue in cues(said(("A", 0.0, 0.4), ("B", 1.4, 1.8)))] == [("A",), ("B",)]
    words, time_s = [], 0.0
    for position in range(16):  # 95 characters: two cues, though one break in fifteen is at a breath
        words.append(("WORDS", time_s, time_s + 0.3))
        time_s += 0.7 if position == 9 else 0.35
    assert [len(" ".join(cue.lines).split()) for cue in cues(said(*words))] == [10, 6]


def test_lines_are_balanced() -> None:
    assert break_lines(["ONE", "TWO"]) == ("ONE TWO",)
    assert break_lines(["THE", "QUICK", "BROWN", "FOX", "JUMPS", "OVER", "THE", "LAZY", "DOG", "TODAY"]) == (
        "THE QUICK BROWN FOX JUMPS",
        "OVER THE LAZY DOG TODAY",
    )
    assert break_lines(["A" * 20, "B" * 20, "C" * 20]) == ("A" * 20, f"{'B' * 20} {'C' * 20}")  # a pyramid


@pytest.mark.parametrize(
    ("spans", "end", "expected"),
    [
        ([(0.0, 0.5), (0.5, 1.0)], None, [(0, 500), (500, 1000)]),
        ([(0.9996, 1.9994)], None, [(1000, 1999)]),  # no carry is lost
        ([(0.0, 0.5), (0.2, 0.3), (0.1, 0.9)], None, [(0, 500), (500, 501), (501, 900)]),
        ([(-1.0, -0.5), (2.0, 2.0)], None, [(0, 1), (2000, 2001)]),
        ([(5.0, 6.0), (6.0, 7.0)], 3, [(1, 2), (2, 3)]),
        ([], 3, []),
    ],
)
def test_times_become_units_that_rise(
    spans: list[tuple[float, float]], end: int | None, expected: list[tuple[int, int]]
) -> None:
    assert whole_units(spans, 1000, end) == expected


@pytest.mark.parametrize("time_s", [math.nan, math.inf, -math.inf])
def test_a_time_that_is_not_finite_is_refused(time_s: float) -> None:
    with pytest.raises(ValueError, match=r"times must be finite, got 0\.0 to (nan|inf|-inf) s"):
        whole_units([(0.0, time_s)], 1000)


def test_text_becomes_one_line() -> None:
    assert one_line(" a\t b\r\n\u2028c ") == "a b c"


@given(spoken())
@settings(max_examples=150, deadline=None)
def test_cues_of_speech_follow_the_conventions(transcript: Transcript) -> None:
    words = [word for word in transcript.words if word.text.strip()]
    found = cues(transcript)
    assert [text for cue in found for text in " ".join(cue.lines).split()] == [word.text for word in words]
    position = 0
    starts = whole_units(((word.start_s, word.end_s) for word in words), 1000)
    for cue in found:
        n_words = len(" ".join(cue.lines).split())
        assert cue.start_ms == starts[position][0]  # not before its first word, and not after
        assert cue.end_ms >= min(starts[position + n_words - 1][1], cue.start_ms + 6800)
        position += n_words
        assert len(cue.lines) <= 2
        assert all(len(line) <= 42 for line in cue.lines)
        assert 0 < cue.end_ms - cue.start_ms <= 7000
    assert position == len(words)
    for cue, following in pairwise(found):
        gap_ms = following.start_ms - cue.end_ms
        assert gap_ms == 0 or gap_ms >= 200
        characters = len(" ".join(cue.lines))
        wanted = min(max(1000, round(1000 * characters / 17)), 6800)
        assert cue.end_ms - cue.start_ms >= min(wanted, following.start_ms - cue.start_ms)
    assert not found or found[-1].end_ms <= math.ceil(1000 * transcript.duration_s)


@given(disordered())
@settings(max_examples=150, deadline=None)
def test_disorder_does_not_break_the_rules_that_players_need(transcript: Transcript) -> None:
    found = cues(transcript)
    assert " ".join(" ".join(cue.lines) for cue in found).split() == transcript.text.split()
    assert all(1 <= len(cue.lines) <= 2 for cue in found)
    assert all(len(line) <= 42 or " " not in line for cue in found for line in cue.lines)
    assert all(0 <= cue.start_ms < cue.end_ms <= cue.start_ms + 7000 for cue in found)
    assert all(one.end_ms <= other.start_ms for one, other in pairwise(found))


def test_cues_end_with_sentences_first_and_commas_next() -> None:
    text = "We went to the market in the old town, where they sold bread and cheese. Nobody had told us about the rain."
    words = [Word(word, 0.45 * place, 0.45 * place + 0.44, 1.0) for place, word in enumerate(text.split())]
    shown = [" ".join(cue.lines) for cue in cues(Transcript((Segment(0, 12, tuple(words)),), 12.0, "tiny", -3.0))]
    assert shown[-1] == "Nobody had told us about the rain."
    assert all(cue.endswith((".", ",")) for cue in shown)
