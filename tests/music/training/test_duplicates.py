"""Versions of a piece are found in any key, and stay on one side of a split."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from audio_lstm.errors import ConfigError
from audio_lstm.music.score.lines import Line
from audio_lstm.music.training.duplicates import Duplicate, find_duplicates, group_pieces, split_groups


def tune(seed: int, n: int = 60) -> NDArray[np.int64]:
    return np.asarray(60 + np.random.default_rng(seed).integers(-9, 10, n), np.int64)


def piece(*parts: NDArray[np.int64]) -> tuple[Line, ...]:
    return tuple(Line(track, np.arange(len(part)) * 240, part) for track, part in enumerate(parts))


def test_a_version_in_another_key_with_another_accompaniment_is_found() -> None:
    pieces = [
        piece(tune(0), tune(1)),
        piece(tune(2)),
        piece(tune(3, 200), np.concatenate([tune(4, 20), tune(0) + 3])),
        piece(tune(5)),
    ]
    (pair,) = find_duplicates(pieces)
    assert (pair.first, pair.second) == (0, 2)
    assert pair.share == pytest.approx(0.5)  # 49 of the first one's 98 passages
    assert find_duplicates(pieces, least_share=0.6) == []


def test_scales_and_figures_that_many_have_say_nothing() -> None:
    figure = np.tile([48, 55, 52, 55], 30)
    assert find_duplicates([piece(figure, tune(i)) for i in range(4)]) == []
    everywhere = tune(99)
    assert find_duplicates([piece(everywhere, tune(i)) for i in range(9)]) == []
    assert len(find_duplicates([piece(everywhere, tune(i)) for i in range(3)])) == 3


def test_short_and_empty_pieces_share_nothing() -> None:
    assert find_duplicates([(), piece(tune(0, 5)), piece(tune(0, 5))]) == []


def test_groups_reach_through_others() -> None:
    pairs = [Duplicate(3, 4, 0.5), Duplicate(1, 3, 0.4), Duplicate(0, 5, 1.0)]
    assert group_pieces(6, pairs).tolist() == [0, 1, 2, 1, 1, 0]


@pytest.mark.parametrize("seed", range(5))
def test_a_split_keeps_groups_whole(seed: int) -> None:
    groups = np.array([0, 0, 0, 3, 4, 5, 5, 7, 8, 9, 10, 11, 11, 11, 11, 15, 16, 17, 18, 19])
    chosen = split_groups(groups, one_in=5, seed=seed)
    assert 1 <= chosen.sum() <= 4
    for group in set(groups.tolist()):
        assert len(set(chosen[groups == group].tolist())) == 1


def test_two_pieces_are_enough_to_split_and_one_is_not() -> None:
    assert split_groups(np.array([0, 1])).sum() == 1
    assert not split_groups(np.array([0, 0])).any()


def test_values_out_of_range_are_named() -> None:
    with pytest.raises(ConfigError, match=r"least_share must lie above 0 and not above 1, got 0"):
        find_duplicates([], least_share=0)
    with pytest.raises(ConfigError, match=r"one_in must be 2 or more, got 1"):
        split_groups(np.array([0, 1]), one_in=1)
