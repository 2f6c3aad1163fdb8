"""Beam search: likelier than what is drawn, the same each time, and within the wishes."""

from __future__ import annotations

from typing import Any

import pytest

from audio_lstm.errors import ConfigError
from audio_lstm.music.compose import compose, compose_takes
from audio_lstm.music.models.composer import Composer


def test_more_beams_find_a_likelier_piece_than_one_and_than_luck(chorale_composer: Composer) -> None:
    wishes: dict[str, Any] = {"model": chorale_composer, "bars": 1, "max_repeats": None}
    narrow, wide = (compose(seed=1, beam_size=size, **wishes) for size in (1, 6))
    drawn = compose(seed=1, temperature=1.0, **wishes)
    assert wide.nats_per_unit <= narrow.nats_per_unit < drawn.nats_per_unit
    again = compose(seed=2, beam_size=6, **wishes)
    assert again.tokens.tolist() == wide.tokens.tolist()


def test_takes_are_the_likeliest_beams_in_order_and_keep_every_wish(chorale_composer: Composer) -> None:
    takes = compose_takes(
        n_takes=3, model=chorale_composer, seed=1, beam_size=4, bars=2, key="D minor", ending=True, density="4-20"
    )
    prices = [take.nats_per_unit for take in takes]
    assert prices == pytest.approx(sorted(prices))
    assert len({tuple(take.tokens.tolist()) for take in takes}) == 3
    assert all(take.report.kept and take.ended for take in takes)


def test_what_cannot_be_searched_is_named(chorale_composer: Composer, events_composer: Composer) -> None:
    with pytest.raises(ConfigError, match="beam_size searches chorales of a given length"):
        compose(model=chorale_composer, beam_size=2)
    with pytest.raises(ConfigError, match="beam_size searches chorales of a given length"):
        compose(model=events_composer, beam_size=2, bars=2)
    with pytest.raises(ConfigError, match="3 takes of 2 beams"):
        compose_takes(n_takes=3, model=chorale_composer, beam_size=2, bars=1)
