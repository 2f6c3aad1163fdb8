"""Forced alignment against every path, against torchaudio, and against what greedy decoding reports."""

from __future__ import annotations

import itertools
import math
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from audio_lstm.errors import DataError
from audio_lstm.speech.ctc.align import SymbolAlignment, align_symbols, word_spans
from audio_lstm.speech.ctc.decode import greedy
from audio_lstm.speech.text.alphabet import Alphabet, n_ctc_frames

AB = Alphabet(("A", "B", " "))


def emissions(n_frames: int, n_symbols: int, seed: int) -> NDArray[np.float64]:
    """Random log-probabilities (T, V), each row a distribution."""
    logits = np.random.default_rng(seed).normal(0, 2, (n_frames, n_symbols))
    return logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))


def spans_of(path: tuple[int, ...]) -> list[tuple[int, int, int]]:
    """(symbol, first frame, last frame) of each run that is not blank."""
    runs, frame = [], 0
    for symbol, group in itertools.groupby(path):
        length = len(list(group))
        if symbol:
            runs.append((symbol, frame, frame + length - 1))
        frame += length
    return runs


def check_consistency(alignment: SymbolAlignment, log_probs: NDArray[np.float64], ids: list[int]) -> None:
    """The spans are a path that writes the ids, with the probabilities that are claimed."""
    path = np.zeros(len(log_probs), np.int64)
    for symbol, start, end, log_prob in zip(
        ids, alignment.start_frames, alignment.end_frames, alignment.log_probs, strict=True
    ):
        assert start <= end
        path[start : end + 1] = symbol
        assert log_prob == log_probs[start : end + 1, symbol].max()
    assert [symbol for symbol, _, _ in spans_of(tuple(path.tolist()))] == ids
    assert alignment.log_prob == pytest.approx(log_probs[np.arange(len(path)), path].sum())


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1, 2), max_size=3), st.integers(0, 5), st.integers(0, 1000))
def test_the_path_is_the_best_of_all_that_write_the_text(ids: list[int], n_frames: int, seed: int) -> None:
    log_probs = emissions(n_frames, 3, seed)
    writing = [p for p in itertools.product(range(3), repeat=n_frames) if [s for s, _, _ in spans_of(p)] == ids]
    if not writing:
        assert n_ctc_frames(ids) > n_frames
        return
    best = max(writing, key=lambda p: log_probs[np.arange(n_frames), p].sum() if p else 0.0)
    alignment = align_symbols(log_probs, ids)
    assert list(zip(ids, alignment.start_frames, alignment.end_frames, strict=True)) == spans_of(best)
    check_consistency(alignment, log_probs, ids)


@pytest.mark.parametrize("n_letters", [1, 2, 20])  # with one letter every neighbour is a repeat
@pytest.mark.parametrize("n_frames", [21, 60, 200])
def test_the_path_equals_torchaudios(n_frames: int, n_letters: int, torchaudio: ModuleType) -> None:
    import torch
    from torchaudio import functional

    n_aligned = 0
    for seed in range(10):
        log_probs = emissions(n_frames, n_letters + 1, seed)
        ids = np.random.default_rng(seed + 100).integers(1, n_letters + 1, 10)
        expected, _ = functional.forced_align(torch.from_numpy(log_probs)[None], torch.from_numpy(ids)[None], blank=0)
        alignment = align_symbols(log_probs, ids)
        spans = list(zip(ids, alignment.start_frames, alignment.end_frames, strict=True))
        assert spans == spans_of(tuple(expected[0].tolist()))
        check_consistency(alignment, log_probs, ids.tolist())
        n_aligned += 1
    assert n_aligned == 10


@pytest.mark.parametrize(("ids", "n_frames"), [([1, 1], 3), ([1, 2, 1], 3), ([2], 1), ([1, 1, 1, 2], 6)])
def test_a_text_that_just_fits_is_aligned(ids: list[int], n_frames: int) -> None:
    log_probs = emissions(n_frames, 3, seed=0)
    check_consistency(align_symbols(log_probs, ids), log_probs, ids)


@pytest.mark.parametrize("n_frames", [0, 1, 4])
def test_no_symbols_align_to_blanks(n_frames: int) -> None:
    log_probs = emissions(n_frames, 3, seed=0)
    alignment = align_symbols(log_probs, [])
    assert alignment.start_frames.shape == alignment.log_probs.shape == (0,)
    assert alignment.log_prob == pytest.approx(log_probs[:, 0].sum())


def test_impossible_frames_are_avoided_where_they_can_be() -> None:
    with np.errstate(divide="ignore"):
        log_probs = np.log(np.eye(3)[[0, 1, 0, 0, 2, 0]])
    alignment = align_symbols(log_probs, [1, 2])
    assert (alignment.start_frames.tolist(), alignment.end_frames.tolist()) == ([1, 4], [1, 4])
    assert alignment.log_prob == 0.0
    impossible = align_symbols(log_probs, [2, 1])
    check_consistency(impossible, log_probs, [2, 1])
    assert impossible.log_prob == -math.inf


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_lower_precision_aligns_alike(dtype: type[np.floating]) -> None:
    log_probs = emissions(40, 5, seed=3)
    low, high = align_symbols(log_probs.astype(dtype), [1, 1, 4, 2]), align_symbols(log_probs, [1, 1, 4, 2])
    assert low.log_prob == pytest.approx(high.log_prob, rel=1e-3)
    assert low.log_probs.dtype == np.float64


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, AB.size - 1), min_size=1, max_size=30))
def test_the_words_of_the_best_path_are_greedys(ids: list[int]) -> None:
    probabilities = np.full((len(ids), AB.size), 0.1)
    probabilities[np.arange(len(ids)), ids] = 0.7
    log_probs = np.log(probabilities)
    path = greedy(log_probs, AB)
    letters = [symbol for symbol, _, _ in spans_of(tuple(ids))]  # with all their spaces: the very path
    assert word_spans(log_probs, path.text, AB, ids=letters) == path.words


def test_words_of_several_pieces_have_their_first_and_last_frame() -> None:
    log_probs = np.log(np.eye(12)[[0, 1, 0, 2, 2, 0, 3, 4, 4, 0]] * 0.88 + 0.01)
    pieces = Alphabet((" HE", "LLO", " ", "WORLD", *"DEHLORW"))
    words = word_spans(log_probs, "HELLO WORLD", pieces, ids=[1, 2, 3, 4])
    assert [(word.text, word.start_frame, word.end_frame) for word in words] == [("HELLO", 1, 4), ("WORLD", 7, 8)]
    assert [word.log_prob for word in words] == pytest.approx([math.log(0.89)] * 2)
    assert words == greedy(log_probs, pieces).words


def test_pieces_are_those_that_the_alphabet_encodes() -> None:
    log_probs = np.log(np.eye(6)[[1, 0, 2, 3, 0]] * 0.7 + 0.05)
    pieces = Alphabet((" A", "B", "A", " ", "C"))
    spans = word_spans(log_probs, "AB", pieces)  # " A", "B": the A in the last frame but one is not needed
    assert [(word.text, word.start_frame, word.end_frame) for word in spans] == [("AB", 0, 2)]


@pytest.mark.parametrize("text", ["", " "])
def test_an_empty_text_has_no_words(text: str) -> None:
    assert word_spans(emissions(3, 4, seed=0), text, AB) == ()


def test_spare_spaces_in_the_text_change_nothing() -> None:
    log_probs = emissions(12, 4, seed=1)
    assert word_spans(log_probs, "  AB   B ", AB) == word_spans(log_probs, "AB B", AB)


def test_a_text_that_does_not_fit_its_frames_is_refused() -> None:
    with pytest.raises(DataError, match=r"^3 symbols need at least 4 frames, and the recording has 3; check that"):
        align_symbols(emissions(3, 3, seed=0), [1, 1, 2])
    with pytest.raises(DataError, match=r"^4 symbols need at least 5 frames, and the recording has 0"):
        word_spans(np.zeros((0, 4)), "AA B", AB)


@pytest.mark.parametrize(("ids", "position"), [([1, 0], 1), ([-1], 0), ([1, 2, 3], 2)])
def test_ids_out_of_range_are_refused(ids: list[int], position: int) -> None:
    with pytest.raises(ValueError, match=rf"ids lie in 1\.\.2, got {ids[position]} at position {position}"):
        align_symbols(emissions(9, 3, seed=0), ids)


@pytest.mark.parametrize("ids", [[[1, 2]], [1.0, 2.0], 1])
def test_ids_that_are_no_row_of_integers_are_refused(ids: object) -> None:
    with pytest.raises(ValueError, match=r"expected integer ids of shape \(n,\), got "):
        align_symbols(emissions(9, 3, seed=0), ids)  # type: ignore[arg-type]


@pytest.mark.parametrize("shape", [(5,), (5, 0), (2, 5, 3)])
def test_a_wrong_shape_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"expected log-probabilities of shape \(time, symbols\), got \("):
        align_symbols(np.full(shape, -1.0), [1])
    with pytest.raises(ValueError, match=r"expected log-probabilities of shape \(time, 4\), got \("):
        word_spans(np.full(shape, -1.0), "A", AB)


def test_nan_and_logits_are_refused() -> None:
    log_probs = emissions(5, 3, seed=0)
    with pytest.raises(ValueError, match=r"got 3; apply log-softmax"):
        align_symbols(np.eye(3) * 3, [1])
    log_probs[3, 2] = np.nan
    with pytest.raises(ValueError, match="frame 3 hold NaN"):
        align_symbols(log_probs, [1])


def test_ids_that_write_another_text_are_refused() -> None:
    with pytest.raises(ValueError, match="expected 'AB', they write 'BA'"):
        word_spans(emissions(9, 4, seed=0), "AB", AB, ids=[2, 1])


def test_a_letter_that_the_alphabet_lacks_is_refused() -> None:
    with pytest.raises(DataError, match="'C' at position 1 of 'AC' is not among the 3 symbols"):
        word_spans(emissions(9, 4, seed=0), "AC", AB)
