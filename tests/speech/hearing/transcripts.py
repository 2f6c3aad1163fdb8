"""Transcripts for the tests of what is made of them: exact ones, and random ones of any disorder."""

from __future__ import annotations

import math

from hypothesis import strategies as st

from audio_lstm.speech.hearing.transcript import Segment, Transcript, Word

__all__ = ["SAMPLE", "SILENCE", "disordered", "said", "spoken"]


def said(*words: tuple[str, float, float], duration_s: float = 60.0) -> Transcript:
    """A transcript of one segment."""
    segment = Segment(0.0, duration_s, tuple(Word(text, start, end, 0.5) for text, start, end in words))
    return Transcript((segment,), duration_s, "tiny", -3.0)


SILENCE = Transcript((), 3.0, "tiny", -math.inf)
SAMPLE = Transcript(
    (
        Segment(
            0.0,
            4.5,
            (
                Word("THE", 0.52, 0.6, 0.99),
                Word("QUICK", 0.64, 0.96, 0.9),
                Word("BROWN", 1.0, 1.32, 0.8),
                Word("FOX", 1.36, 1.72, 0.7),
                Word("JUMPS", 1.8, 2.2, 0.6),
                Word("OVER", 2.24, 2.48, 0.5),
                Word("THE", 2.52, 2.6, 0.4),
                Word("LAZY", 2.64, 3.0, 0.3),
                Word("DOG", 3.04, 3.4, 0.2),
            ),
        ),
        Segment(6.0, 8.0, (Word('"R&B"', 6.2004, 6.8, 0.95), Word("<NOW>", 6.9, 7.4, 0.85))),
    ),
    8.0,
    "tiny",
    -1.5,
)

_LETTERS = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ'&<>-\"é1", min_size=1, max_size=60)
_TIMES = st.floats(0, 30, allow_nan=False)
_CONFIDENCES = st.floats(0, 1)


@st.composite
def spoken(draw: st.DrawFn) -> Transcript:
    """Words in order at the pace of speech, with pauses, from any place of a long recording on."""
    time_s = draw(st.sampled_from([0.0, 59.9, 3599.5, 359_998.0]))
    segments = []
    for _ in range(draw(st.integers(0, 3))):
        start_s = time_s
        words = []
        for _ in range(draw(st.integers(1, 25))):
            text = draw(st.text("ABCDE'é", min_size=1, max_size=14))
            length_s = draw(st.floats(0.04, 1.2))
            words.append(Word(text, time_s, time_s + length_s, draw(_CONFIDENCES)))
            time_s += length_s + draw(st.sampled_from([0.0, 0.04, 0.12, 0.5, 1.1]))
        segments.append(Segment(start_s, time_s, tuple(words)))
        time_s += draw(st.floats(0, 5))
    return Transcript(tuple(segments), time_s + draw(st.floats(0.1, 3)), "tiny", -3.0)


@st.composite
def disordered(draw: st.DrawFn) -> Transcript:
    """Whatever the types allow: empty segments, words that overlap, go back, last no time, are too long."""
    segments = []
    for _ in range(draw(st.integers(0, 4))):
        words = draw(st.lists(st.tuples(_LETTERS, _TIMES, _TIMES, _CONFIDENCES), max_size=12))
        start_s, end_s = sorted((draw(_TIMES), draw(_TIMES)))
        segments.append(
            Segment(start_s, end_s, tuple(Word(text, min(a, b), max(a, b), sure) for text, a, b, sure in words))
        )
    peak_db = draw(st.one_of(st.just(-math.inf), st.floats(-100, 20)))
    return Transcript(tuple(segments), draw(_TIMES), "tiny", peak_db, draw(st.sampled_from(["en", "de-AT"])))
