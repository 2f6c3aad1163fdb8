"""Beam search: likelier than what is drawn, the same each time, and within the wishes."""

from __future__ import annotations

from typing import Any

import numpy as np
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


def test_pieces_of_events_are_searched_too_and_keep_every_wish(events_composer: Composer) -> None:
    wishes: dict[str, Any] = {"bars": 2, "key": "D minor", "parts": "voice,piano", "ranges": "C4-A5,C2-C5"}
    wishes |= {"model": events_composer, "ending": True}
    takes = compose_takes(n_takes=3, seed=1, beam_size=3, **wishes)
    assert all(take.report.kept and take.ended for take in takes)
    assert len({tuple(take.tokens.tolist()) for take in takes}) == 3
    again = compose(seed=2, beam_size=3, **wishes)
    assert again.tokens.tolist() == takes[0].tokens.tolist()


def test_a_search_with_the_shipped_model_of_songs_beats_luck_under_every_kind_of_wish() -> None:
    wishes: dict[str, Any] = {"bars": 2, "key": "D minor", "parts": "voice,piano", "density": "2-9", "rests": "50%"}
    wishes |= {"model": "lieder", "max_polyphony": 4, "ending": True, "max_copied": 10}
    found, drawn = compose(seed=1, beam_size=2, **wishes), compose(seed=1, temperature=1.0, **wishes)
    assert found.report.kept, found.report
    assert found.nats_per_unit < drawn.nats_per_unit


def test_what_begins_with_something_or_keeps_to_chords_is_searched(
    chorale_composer: Composer, events_composer: Composer
) -> None:
    for composer in (chorale_composer, events_composer):
        for given in ({"primer": "C4 E4 G4:2", "bars": 2}, {"chords": "Am F"}):
            piece = compose(model=composer, seed=1, beam_size=2, **given)  # type: ignore[arg-type]
            assert piece.ended
            assert piece.report.kept, piece.report


def test_loops_are_left_by_every_beam_on_its_own(chorale_composer: Composer, events_composer: Composer) -> None:
    for composer in (chorale_composer, events_composer):
        representation = composer.representation
        for take in compose_takes(n_takes=2, model=composer, seed=1, beam_size=2, bars=4, max_repeats=1):
            assert np.all(representation.legal(take.tokens)[np.arange(len(take.tokens)), take.tokens])


def test_what_cannot_be_searched_is_named(chorale_composer: Composer, events_composer: Composer) -> None:
    for composer in (chorale_composer, events_composer):
        with pytest.raises(ConfigError, match="beam_size searches pieces of a given length"):
            compose(model=composer, beam_size=2)
    with pytest.raises(ConfigError, match="3 takes of 2 beams"):
        compose_takes(n_takes=3, model=chorale_composer, beam_size=2, bars=1)
