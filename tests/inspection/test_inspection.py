"""An Inspection finds the units that follow an event, and says what luck would have found."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from audio_lstm.errors import ConfigError
from audio_lstm.inspection.gates import GateTrace
from audio_lstm.inspection.inspection import Inspection, Mark, choose_layer


def seen(hidden: NDArray[np.float32], **events: NDArray[np.bool_]) -> Inspection:
    zeros = np.zeros_like(hidden)
    trace = GateTrace(zeros, zeros, zeros, zeros, cell=hidden, hidden=hidden)
    edges_s = np.arange(len(hidden) + 1) * 0.04
    return Inspection("tiny", 1, 2, "forward", trace, edges_s, (Mark("A", 0.0, 0.4),), events)


def test_a_unit_that_follows_an_event_is_found_and_lies_above_chance() -> None:
    rng = np.random.default_rng(0)
    happens = rng.random(200) < 0.1
    hidden = rng.normal(size=(200, 30)).astype(np.float32)
    hidden[:, 17] -= 4 * happens
    best, second = seen(hidden, word=happens).strongest("word", n_units=2)
    assert best.unit == 17
    assert best.correlation < -0.7
    assert abs(best.correlation) > 2 * best.chance > 0
    assert abs(second.correlation) < best.chance * 1.2


def test_a_regular_event_is_not_its_own_chance() -> None:
    rng = np.random.default_rng(2)
    happens = np.arange(200) % 10 < 2
    hidden = rng.normal(size=(200, 30)).astype(np.float32)
    hidden[:, 3] += 4 * happens
    best = seen(hidden, beat=happens).strongest("beat")[0]
    assert best.unit == 3
    assert best.correlation > 1.5 * best.chance


def test_among_noise_nothing_lies_far_above_chance() -> None:
    rng = np.random.default_rng(1)
    found = seen(rng.normal(size=(300, 40)).astype(np.float32), word=rng.random(300) < 0.1).strongest("word")
    assert len(found) == 8
    assert abs(found[0].correlation) < 1.3 * found[0].chance


def test_an_event_that_never_or_always_happens_has_no_units() -> None:
    inspection = seen(np.ones((5, 3), np.float32), never=np.zeros(5, bool), always=np.ones(5, bool))
    assert inspection.strongest("never") == ()
    assert inspection.strongest("always") == ()


def test_a_unit_that_never_moves_correlates_with_nothing() -> None:
    hidden = np.zeros((40, 2), np.float32)
    hidden[::4, 1] = 1
    best, still = seen(hidden, beat=np.arange(40) % 4 == 0).strongest("beat")
    assert (best.unit, still.correlation) == (1, 0.0)


def test_it_knows_its_size() -> None:
    inspection = seen(np.zeros((5, 3), np.float32))
    assert (inspection.n_steps, inspection.n_units) == (5, 3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"event": "sneeze"}, "event must be one of word, got 'sneeze'"),
        ({"event": "word", "quantity": "peephole"}, "quantity must be one of input_gate, .*, got 'peephole'"),
        ({"event": "word", "n_units": 0}, "n_units must be at least 1, got 0"),
    ],
)
def test_a_wish_that_cannot_be_met_is_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        seen(np.zeros((5, 3), np.float32), word=np.arange(5) == 1).strongest(**options)


def test_layers_are_counted_from_one_and_default_to_the_last() -> None:
    assert choose_layer(None, 3, "forward", bidirectional=False) == 2
    assert choose_layer(1, 3, "backward", bidirectional=True) == 0


@pytest.mark.parametrize(
    ("layer", "direction", "message"),
    [
        (4, "forward", r"layer must lie in 1\.\.3, got 4"),
        (0, "forward", r"layer must lie in 1\.\.3, got 0"),
        (1, "sideways", "direction must be 'forward' or 'backward', got 'sideways'"),
        (1, "backward", "this model reads forward only"),
    ],
)
def test_a_layer_or_direction_that_is_not_there_is_refused(layer: int, direction: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        choose_layer(layer, 3, direction, bidirectional=False)


def test_a_plot_of_an_unknown_quantity_is_refused() -> None:
    with pytest.raises(ConfigError, match="quantity must be one of"):
        seen(np.zeros((5, 3), np.float32)).plot(quantities=["peephole"])
