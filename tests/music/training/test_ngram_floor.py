"""n-grams of tokens: exact small cases, proper distributions, longer contexts, errors."""

from __future__ import annotations

import numpy as np
import pytest

from audio_lstm.errors import ConfigError, DataError
from audio_lstm.music.tokens.chorale import ChoraleGrid
from audio_lstm.music.tokens.events import EventVocabulary
from audio_lstm.music.training.ngram_floor import NgramFloor

GRID = ChoraleGrid(low=60, high=63)  # START, END, REST and four pitches


def piece(*pitches: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return GRID.encode(np.array(pitches).reshape(-1, 4))


def test_a_unigram_is_the_discounted_share_of_what_is_legal() -> None:
    floor = NgramFloor.fit([piece(60, 60, 61, 62)], GRID, order=1)  # counts 2, 1, 1 and END once
    discount = 3 / (3 + 2 * 1)
    left = discount * 4 / 5 / 7  # spread over all seven tokens
    at = {3: (2 - discount) / 5 + left, 4: (1 - discount) / 5 + left, 5: (1 - discount) / 5 + left, 6: left, 2: left}
    costs = floor.costs(piece(60, 61, 62, 63))
    expected = [-np.log(at[token] / sum(at.values())) for token in (3, 4, 5, 6)]
    np.testing.assert_allclose(costs[:4], expected)


def test_every_context_has_a_proper_distribution() -> None:
    rng = np.random.default_rng(0)
    pieces = [piece(*rng.integers(60, 64, 24)) for _ in range(4)]
    for order in (1, 2, 3, 4):
        floor = NgramFloor.fit(pieces, GRID, order=order)
        for start in (piece(60, 61, 62, 63)[:-1], piece(*rng.integers(60, 64, 8))[:-1]):
            for place in (len(start) - 1, len(start) - 2):
                prices = []
                for token in np.flatnonzero(GRID.legal(start)[place]):
                    changed = start[: place + 1].copy()
                    changed[place] = token
                    prices.append(floor.costs(changed)[place])
                assert np.exp(-np.array(prices)).sum() == pytest.approx(1.0)


def test_longer_contexts_foretell_a_pattern_better() -> None:
    pattern = [60, 61, 60, 62] * 8
    pieces = [piece(*pattern) for _ in range(3)]
    one, two, three = (NgramFloor.fit(pieces, GRID, order=order).costs(piece(*pattern)).sum() for order in (1, 2, 3))
    assert three < two < one
    assert three < 0.5 * two


def test_tokens_that_were_never_seen_have_a_finite_price() -> None:
    floor = NgramFloor.fit([piece(60, 60, 60, 60)], GRID, order=5)
    assert np.isfinite(floor.costs(piece(63, 62, 61, -1))).all()
    assert floor.costs(np.zeros(0, np.int64)).shape == (0,)


def test_an_order_out_of_range_and_no_pieces_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"order must lie in 1\.\.6 for 921 tokens, got 7"):
        NgramFloor.fit([], EventVocabulary(), order=7)
    with pytest.raises(ConfigError, match="got 0"):
        NgramFloor.fit([], EventVocabulary(), order=0)
    with pytest.raises(DataError, match="no pieces to count n-grams in"):
        NgramFloor.fit([], GRID, order=2)
