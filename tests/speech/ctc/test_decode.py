"""Best-path decoding against the definition, with the frames and confidences of words."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from audio_lstm.speech.ctc.decode import GreedyPath, greedy
from audio_lstm.speech.text.alphabet import ENGLISH, Alphabet

AB = Alphabet(("A", "B", " "))


def path_probs(ids: list[int], alphabet: Alphabet = AB, peak: float = 0.7) -> NDArray[np.float32]:
    """Log-probabilities (T, V) whose best path is `ids`, each with probability `peak`."""
    rest = (1 - peak) / (alphabet.size - 1)
    probabilities = np.full((len(ids), alphabet.size), rest)
    probabilities[np.arange(len(ids)), ids] = peak
    return np.log(probabilities).astype(np.float32)


@settings(max_examples=200)
@given(st.lists(st.integers(0, AB.size - 1), max_size=30))
def test_the_text_is_the_path_without_repeats_blanks_and_spare_spaces(ids: list[int]) -> None:
    merged = [key for key, _ in itertools.groupby(ids) if key != 0]
    path = greedy(path_probs(ids), AB)
    assert path.text == " ".join(AB.decode(merged).split())
    assert path.text == " ".join(word.text for word in path.words)
    ends = [-1, *(word.end_frame for word in path.words)]
    for word, end_before in zip(path.words, ends, strict=False):
        assert end_before < word.start_frame <= word.end_frame < len(ids)
        letters = {AB.symbols[ids[word.start_frame] - 1], AB.symbols[ids[word.end_frame] - 1]}
        assert letters == {word.text[0], word.text[-1]}
        assert word.start_frame == 0 or ids[word.start_frame - 1] != ids[word.start_frame]
        assert word.end_frame == len(ids) - 1 or ids[word.end_frame + 1] != ids[word.end_frame]
        assert word.confidence == pytest.approx(0.7, rel=1e-5)


def test_words_carry_the_first_and_last_frame_of_their_letters() -> None:
    path = greedy(path_probs([0, 1, 1, 0, 2, 0, 3, 3, 0, 2, 2, 2, 0]), AB)
    assert [(word.text, word.start_frame, word.end_frame) for word in path.words] == [("AB", 1, 4), ("B", 9, 11)]


def test_a_blank_between_equal_letters_keeps_both() -> None:
    assert greedy(path_probs([1, 1, 0, 1]), AB).text == "AA"


def test_spaces_at_the_ends_and_in_a_row_make_no_words() -> None:
    path = greedy(path_probs([3, 1, 3, 0, 3, 2, 3]), AB)
    assert path.text == "A B"
    assert [word.text for word in path.words] == ["A", "B"]


@pytest.mark.parametrize("ids", [[], [0], [0, 0, 0], [3], [3, 0, 3]])
def test_no_frames_blanks_and_spaces_alone_are_empty_text(ids: list[int]) -> None:
    path = greedy(path_probs(ids), AB)
    assert path.text == ""
    assert path.words == ()
    assert path.log_prob == pytest.approx(len(ids) * math.log(0.7), rel=1e-5)


def test_confidence_is_the_geometric_mean_of_the_letters_at_their_surest_frames() -> None:
    log_probs = np.concatenate([path_probs([1, 1], peak=0.5), path_probs([1], peak=0.9), path_probs([2], peak=0.4)])
    (word,) = greedy(log_probs, AB).words
    assert word.text == "AB"
    assert word.log_prob == pytest.approx((math.log(0.9) + math.log(0.4)) / 2, rel=1e-5)
    assert word.confidence == pytest.approx(math.sqrt(0.9 * 0.4), rel=1e-5)


def test_the_path_probability_is_the_product_of_every_frames_best() -> None:
    log_probs = np.concatenate([path_probs([0, 1], peak=0.5), path_probs([0], peak=0.8)])
    assert greedy(log_probs, AB).log_prob == pytest.approx(math.log(0.5 * 0.5 * 0.8), rel=1e-5)


def test_confidence_stays_within_0_and_1_at_the_edges() -> None:
    with np.errstate(divide="ignore"):
        sure = np.log(np.eye(4, dtype=np.float32)[[1, 3, 2]])
    assert [word.confidence for word in greedy(sure, AB).words] == [1.0, 1.0]
    rounded = sure + np.float32(1e-4)  # half-precision softmax can end up above 0
    assert [word.confidence for word in greedy(rounded, AB).words] == [1.0, 1.0]
    impossible = np.full((1, 4), -np.inf, np.float32)
    assert greedy(impossible, AB) == GreedyPath((), -math.inf)


def test_a_tie_goes_to_the_blank() -> None:
    assert greedy(np.log(np.full((5, 4), 0.25)), AB).text == ""


def test_an_alphabet_without_space_makes_one_word() -> None:
    alphabet = Alphabet(("你", "好"))
    path = greedy(path_probs([1, 0, 2], alphabet), alphabet)
    assert path.text == "你好"
    assert (path.words[0].start_frame, path.words[0].end_frame) == (0, 2)


PIECES = Alphabet(("HE", " A", " THE", "A", "E", "H", "R", "T", " "))


def ids_of(*pieces: str) -> list[int]:
    """Ids of pieces; "" is the blank."""
    return [PIECES.symbols.index(piece) + 1 if piece else 0 for piece in pieces]


def test_words_of_pieces_begin_at_a_leading_space() -> None:
    path = greedy(path_probs(ids_of("", " THE", " THE", "", "R", "E", "", " A", " ", "HE", ""), PIECES), PIECES)
    spans = [(word.text, word.start_frame, word.end_frame) for word in path.words]
    assert spans == [("THERE", 1, 5), ("A", 7, 7), ("HE", 9, 9)]
    assert path.text == "THERE A HE"


def test_pieces_before_the_first_space_are_a_word() -> None:
    path = greedy(path_probs(ids_of("HE", "", "HE", " A", " A", " "), PIECES), PIECES)
    assert [(word.text, word.end_frame) for word in path.words] == [("HEHE", 2), ("A", 4)]


def test_confidence_of_a_word_of_pieces_is_their_geometric_mean() -> None:
    log_probs = np.concatenate(
        [path_probs(ids_of(piece), PIECES, peak) for piece, peak in ((" ", 0.3), ("T", 0.9), ("HE", 0.4))]
    )
    (word,) = greedy(log_probs, PIECES).words
    assert (word.text, word.start_frame) == ("THE", 1)
    assert word.confidence == pytest.approx(math.sqrt(0.9 * 0.4), rel=1e-5)


@settings(max_examples=200)
@given(st.lists(st.integers(0, PIECES.size - 1), max_size=30))
def test_the_text_of_pieces_is_what_the_alphabet_decodes(ids: list[int]) -> None:
    merged = [key for key, _ in itertools.groupby(ids) if key != 0]
    path = greedy(path_probs(ids, PIECES), PIECES)
    assert path.text == PIECES.decode(merged)
    assert all(word.text and " " not in word.text for word in path.words)


def test_half_precision_decodes_like_single() -> None:
    log_probs = path_probs([1, 0, 2, 3, 1])
    assert greedy(log_probs.astype(np.float16), AB).text == greedy(log_probs, AB).text


def test_an_hour_of_frames_decodes() -> None:
    ids = np.random.default_rng(0).integers(0, ENGLISH.size, 90_000)
    log_probs = path_probs(ids.tolist(), ENGLISH)
    merged = [key for key, _ in itertools.groupby(ids.tolist()) if key != 0]
    assert greedy(log_probs, ENGLISH).text == " ".join(ENGLISH.decode(merged).split())


@pytest.mark.parametrize("shape", [(5,), (5, 3), (5, 5), (2, 5, 4), (0, 3)])
def test_a_wrong_shape_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"expected log-probabilities of shape \(time, 4\), got \("):
        greedy(np.full(shape, -1.0, np.float32), AB)


def test_nan_is_refused_with_its_frame() -> None:
    log_probs = path_probs([1, 2, 0])
    log_probs[1, 3] = np.nan
    with pytest.raises(ValueError, match="frame 1 hold NaN"):
        greedy(log_probs, AB)


def test_logits_are_refused() -> None:
    with pytest.raises(ValueError, match=r"got 3; apply log-softmax"):
        greedy(np.eye(4, dtype=np.float32) * 3, AB)
