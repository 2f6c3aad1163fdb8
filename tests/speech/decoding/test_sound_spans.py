"""When words were said by their sounds: against the enumeration of paths, and beside the letters."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from audio_lstm.speech.ctc.decode import WordSpan
from audio_lstm.speech.decoding.lexicon import Lexicon
from audio_lstm.speech.decoding.sound_spans import phoneme_spans, surer_spans

LEXICON = Lexicon.from_pronunciations({"A": [(1,)], "BA": [(2, 1), (2,)]}, phonemes=("ah", "b"))


def log_probs(*frames: int, peak: float = 0.9) -> np.ndarray:
    rows = np.full((len(frames), 3), (1 - peak) / 2)
    rows[np.arange(len(frames)), list(frames)] = peak
    return np.log(rows)


def test_words_lie_where_their_phonemes_are_in_the_way_that_fits() -> None:
    spans = phoneme_spans(log_probs(0, 2, 2, 1, 0, 0, 1, 0, 2, 0), ["BA", "A", "BA"], LEXICON)
    assert [(span.start_frame, span.end_frame) for span in spans if span] == [(1, 3), (6, 6), (8, 8)]
    assert [span.text for span in spans if span] == ["BA", "A", "BA"]
    assert [span.log_prob for span in spans if span] == pytest.approx([np.log(0.9)] * 3)


@pytest.mark.parametrize("seed", range(4))
def test_the_path_is_the_likeliest_of_all(seed: int) -> None:
    logits = np.random.default_rng(seed).normal(scale=2.0, size=(6, 3))
    values = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
    best, paths = -np.inf, {(1, 2, 1), (1, 2)}
    for path in itertools.product(range(3), repeat=6):
        if tuple(key for key, _ in itertools.groupby(path) if key) in paths:
            best = max(best, float(values[np.arange(6), list(path)].sum()))
    spans = phoneme_spans(values, ["A", "BA"], LEXICON)
    first, second = spans
    assert first is not None
    assert second is not None
    assert first.end_frame < second.start_frame
    inside = [f for span in (first, second) for f in range(span.start_frame, span.end_frame + 1)]
    blanks = sum(values[frame, 0] for frame in range(6) if frame not in inside)
    assert blanks + sum(values[frame].max() for frame in inside) >= best - 1e-9


def test_what_nobody_can_say_or_does_not_fit_has_no_span() -> None:
    heard = phoneme_spans(log_probs(1, 0, 2, 0, 1), ["A", "B", "A"], LEXICON)
    assert heard[1] is None
    assert heard[0] is not None
    assert phoneme_spans(log_probs(1), ["A", "A"], LEXICON) == (None, None)
    assert phoneme_spans(np.zeros((0, 3)), ["A"], LEXICON) == (None,)


def test_times_come_from_the_surer_head_and_confidence_from_both() -> None:
    letters = (WordSpan("A", 1, 2, -0.4), WordSpan("BA", 4, 6, -0.2))
    sounds = (WordSpan("A", 0, 2, -0.1), WordSpan("BA", 3, 6, -0.3))
    chosen = surer_spans(letters, sounds)
    assert [(span.start_frame, span.log_prob) for span in chosen] == [
        (0, pytest.approx(-0.25)),
        (3, pytest.approx(-0.25)),
    ]
    assert [span.start_frame for span in surer_spans(sounds, letters)] == [0, 3]
    assert surer_spans(letters, (sounds[0], None)) == letters
