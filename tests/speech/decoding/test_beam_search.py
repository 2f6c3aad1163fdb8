"""The search itself; what it finds is tested in test_beam.py."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from audio_lstm.speech.decoding import beam_search
from audio_lstm.speech.decoding.beam_frames import active_frames
from audio_lstm.speech.decoding.beam_search import HASH, HISTORY, PB, PNB, TOTAL, UTTERANCE, Finished, Search, search
from audio_lstm.speech.text.alphabet import Alphabet

AB = Alphabet(("A", "B", " "))


def found(seed: int, *, beam_size: int = 6, n_frames: tuple[int, ...] = (30, 0, 12, 30)) -> Finished:
    rng = np.random.default_rng(seed)
    batch = [rng.normal(size=(n, AB.size)) for n in n_frames]
    batch = [logits - np.logaddexp.reduce(logits, axis=1, keepdims=True) for logits in batch]
    frames = active_frames(batch, blank_log_prob=0.0, n_symbols=3, min_log_prob=-50.0)
    return search(
        frames,
        Search(
            alphabet=AB,
            beam_size=beam_size,
            margin=100.0,
            lm_weight=1.0,
            word_bonus=0.0,
            tree=None,
            look_ahead=np.zeros(0),
            hot_words=None,
            space=3,
            mixers=rng.integers(2**62, size=AB.size),
        ),
    )


def histories(finished: Finished) -> list[tuple[int, ...]]:
    texts = []
    for entry in finished.ints[HISTORY].tolist():
        ids = []
        while entry:
            ids.append(int(finished.symbols[entry]))
            entry = int(finished.parents[entry])
        texts.append(tuple(ids[::-1]))
    return texts


def test_each_utterance_keeps_its_own_beam() -> None:
    finished = found(0)
    assert np.bincount(finished.ints[UTTERANCE]).tolist() == [6, 6, 6, 1]


@pytest.mark.parametrize("seed", range(5))
def test_no_two_rows_of_an_utterance_have_one_history(seed: int) -> None:
    finished = found(seed)
    rows = list(zip(finished.ints[UTTERANCE].tolist(), histories(finished), strict=True))
    assert len(set(rows)) == len(rows)
    assert len(set(finished.ints[HASH].tolist())) == len(rows)


def test_no_history_has_two_spaces_in_a_row_or_begins_with_one() -> None:
    for history in histories(found(1, beam_size=50)):
        assert (3, 3) not in list(itertools.pairwise(history))
        assert not history or history[0] != 3


def test_totals_are_the_sums_of_their_paths() -> None:
    finished = found(2)
    np.testing.assert_allclose(finished.floats[TOTAL], np.logaddexp(finished.floats[PB], finished.floats[PNB]))


def test_a_wider_beam_never_finds_a_less_likely_best() -> None:
    best = [float(found(4, beam_size=size, n_frames=(25,)).floats[TOTAL].max()) for size in (1, 4, 16, 256)]
    assert best[-1] == max(best)
    assert best[0] < best[-1]


def test_histories_outgrow_their_first_arrays() -> None:
    finished = found(3, beam_size=300, n_frames=(40, 40))
    assert len(finished.parents) > 4096
    assert (finished.parents < np.arange(len(finished.parents)))[1:].all()


def test_the_search_stays_within_what_its_ranks_can_hold() -> None:
    assert beam_search.MAX_UTTERANCES >= 64
