"""Choosing a token: temperature, cuts, what is held, and a draw among the choices alone."""

from __future__ import annotations

import json
from dataclasses import asdict

import numpy as np
import pytest
from numpy.typing import NDArray

from audio_lstm.errors import ConfigError, ModelError
from audio_lstm.music.writing.choose import SamplingConfig, choose_tokens, token_probabilities

SCORES = np.log(np.array([[0.5, 0.05, 0.3, 0.15]], dtype=np.float32))
ALL = np.ones((1, 4), dtype=np.bool_)


def probabilities(
    scores: NDArray[np.float32] = SCORES, legal: NDArray[np.bool_] = ALL, **options: float
) -> list[float]:
    return token_probabilities(scores, legal, SamplingConfig(**options))[0].tolist()  # type: ignore[arg-type]


def test_temperature_one_is_the_softmax_over_what_is_legal() -> None:
    assert probabilities() == pytest.approx([0.5, 0.05, 0.3, 0.15])
    legal = np.array([[False, True, True, True]])
    assert probabilities(legal=legal) == pytest.approx([0, 0.1, 0.6, 0.3])


def test_temperature_sharpens_and_zero_takes_the_best() -> None:
    squares = np.array([0.5, 0.05, 0.3, 0.15]) ** 2
    assert probabilities(temperature=0.5) == pytest.approx((squares / squares.sum()).tolist())
    assert probabilities(temperature=0) == [1, 0, 0, 0]
    assert probabilities(temperature=1e-300) == [1, 0, 0, 0]
    assert probabilities(temperature=0, legal=np.array([[False, True, True, True]])) == [0, 0, 1, 0]


def test_top_k_keeps_the_best_tokens_and_never_illegal_ones() -> None:
    assert probabilities(top_k=2) == pytest.approx([0.625, 0, 0.375, 0])
    assert probabilities(top_k=9) == pytest.approx([0.5, 0.05, 0.3, 0.15])
    one = np.array([[False, False, False, True]])
    assert probabilities(top_k=3, legal=one) == [0, 0, 0, 1]


def test_top_p_keeps_the_smallest_set_that_reaches_p() -> None:
    assert probabilities(top_p=0.4) == [1, 0, 0, 0]
    assert probabilities(top_p=0.7) == pytest.approx([0.625, 0, 0.375, 0])
    assert probabilities(top_p=0.9) == pytest.approx([0.5 / 0.95, 0, 0.3 / 0.95, 0.15 / 0.95])
    assert probabilities(top_p=1.0) == pytest.approx([0.5, 0.05, 0.3, 0.15])


def test_top_p_counts_within_top_k() -> None:
    assert probabilities(top_k=2, top_p=0.6) == [1, 0, 0, 0]  # 0.625 of the two


def test_illegal_scores_may_be_anything() -> None:
    scores = np.array([[np.nan, 0.0, np.inf, 0.0]], dtype=np.float32)
    assert probabilities(scores, np.array([[False, True, False, True]])) == [0, 0.5, 0, 0.5]


def test_a_score_that_is_not_finite_is_refused() -> None:
    scores = np.array([[np.nan, 0.0, 0.0, 0.0]], dtype=np.float32)
    with pytest.raises(ModelError, match="scores hold NaN or infinity"):
        probabilities(scores)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"temperature": -0.1}, "temperature must lie in 0..100, got -0.1"),
        ({"temperature": float("nan")}, "temperature must lie in 0..100, got nan"),
        ({"top_k": 0}, "top_k must be >= 1, or None for all tokens, got 0"),
        ({"top_p": 0.0}, "top_p must lie above 0 and not above 1, got 0.0"),
        ({"min_p": 1.5}, "min_p must lie in 0..1, got 1.5"),
        ({"max_repeats": 0}, "max_repeats must be >= 1, or None for any number, got 0"),
        ({"best_of": 0}, "best_of must lie in 1..64, got 0"),
        ({"beam_size": 65}, "beam_size must lie in 1..64, got 65"),
        ({"max_tokens": 0}, "max_tokens must be >= 1, got 0"),
    ],
)
def test_bad_settings_are_refused(options: dict[str, float], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        SamplingConfig(**options)  # type: ignore[arg-type]


def test_settings_go_through_json() -> None:
    config = SamplingConfig(temperature=0.9, top_k=5)
    assert SamplingConfig(**json.loads(json.dumps(asdict(config)))) == config


def test_what_is_held_keeps_the_models_probability_at_any_temperature() -> None:
    logits = np.log(np.array([[0.001, 0.7, 0.2, 0.08, 0.019]], np.float32))
    legal = np.array([[False, True, True, True, True]])
    natural = token_probabilities(logits, legal, SamplingConfig())
    for config in (SamplingConfig(temperature=0.3), SamplingConfig(top_k=1), SamplingConfig(top_p=0.5)):
        chosen = token_probabilities(logits, legal, config, held=np.array([1]))
        assert chosen[0, 1] == pytest.approx(natural[0, 1])
        assert chosen.sum() == pytest.approx(1.0)
        assert chosen[0, 2] / (1 - chosen[0, 1]) > natural[0, 2] / (1 - natural[0, 1])
    np.testing.assert_allclose(token_probabilities(logits, legal, SamplingConfig(), held=np.array([1])), natural)
    nothing_held = token_probabilities(logits, legal, SamplingConfig(temperature=0.3), held=np.array([0]))
    np.testing.assert_allclose(nothing_held, token_probabilities(logits, legal, SamplingConfig(temperature=0.3)))
    alone = np.array([[False, True, False, False, False]])
    assert token_probabilities(logits, alone, SamplingConfig(top_k=1), held=np.array([1]))[0, 1] == 1.0


def test_min_p_keeps_what_is_not_much_less_likely_than_the_best() -> None:
    assert probabilities(min_p=0.5) == pytest.approx([0.625, 0, 0.375, 0])
    assert probabilities(min_p=1.0) == [1, 0, 0, 0]


def test_a_token_is_drawn_among_its_choices_as_the_probabilities_say() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(3, 12)).astype(np.float32)
    choices = [np.array([1, 5, 7, 9]), np.arange(12), np.array([4])]
    legal = np.zeros((3, 12), np.bool_)
    for row, tokens in enumerate(choices):
        legal[row, tokens] = True
    for config in (SamplingConfig(), SamplingConfig(temperature=0.5, top_k=3), SamplingConfig(top_p=0.7, min_p=0.1)):
        for held in (None, np.array([5, 0, 4])):
            expected = token_probabilities(logits, legal, config, held=held)
            counts = np.zeros((3, 12))
            for luck in np.linspace(0, 1, 2000, endpoint=False):
                chosen = choose_tokens(logits, choices, np.full(3, luck), config, held=held)
                counts[np.arange(3), chosen] += 1
            np.testing.assert_allclose(counts / 2000, expected, atol=2e-3)


def test_a_row_is_chosen_alike_alone_and_beside_others() -> None:
    rng = np.random.default_rng(1)
    logits = rng.normal(size=(4, 30)).astype(np.float32)
    choices = [np.sort(rng.choice(30, size=n, replace=False)) for n in (1, 7, 30, 12)]
    luck = rng.random(4)
    config = SamplingConfig(top_p=0.9)
    together = choose_tokens(logits, choices, luck, config)
    alone = [choose_tokens(logits[i : i + 1], choices[i : i + 1], luck[i : i + 1], config)[0] for i in range(4)]
    assert together == alone
    assert choose_tokens(logits, choices, np.full(4, 1 - 2**-53), config)[0] == choices[0][0]


def test_only_scores_of_choices_have_to_be_finite() -> None:
    logits = np.array([[np.nan, 0.0, 1.0]], np.float32)
    assert choose_tokens(logits, [np.array([2])], np.zeros(1), SamplingConfig()) == [2]
    with pytest.raises(ModelError, match="scores hold NaN or infinity"):
        choose_tokens(logits, [np.array([0, 2])], np.zeros(1), SamplingConfig())
