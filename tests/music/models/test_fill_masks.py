"""Masks: what they leave out, and that all kinds of them come."""

from __future__ import annotations

import numpy as np
import pytest

from audio_lstm.music.models.fill_masks import random_mask, region_mask, voices_mask


def test_voices_and_regions() -> None:
    given = np.array([True, False, False, True])
    assert voices_mask(3, given).tolist() == [[False, True, True, False]] * 3
    assert region_mask(4, 1, 3).any(axis=1).tolist() == [False, True, True, False]
    assert region_mask(4, 1, 3).all(axis=1).tolist() == [False, True, True, False]


@pytest.mark.parametrize("n_steps", [1, 3, 17, 200])
def test_random_masks_miss_something_and_repeat_with_the_seed(n_steps: int) -> None:
    for seed in range(60):
        mask = random_mask(n_steps, np.random.default_rng(seed), soprano=2)
        assert mask.shape == (n_steps, 4)
        assert mask.any()
        np.testing.assert_array_equal(mask, random_mask(n_steps, np.random.default_rng(seed), soprano=2))


def test_every_kind_of_task_comes() -> None:
    masks = [random_mask(200, np.random.default_rng(seed), soprano=0) for seed in range(400)]
    harmonise = np.mean([(mask == [False, True, True, True]).all() for mask in masks])
    nothing_given = np.mean([mask.all() for mask in masks])
    regions = np.mean([not mask[0].any() and not mask[-1].any() and mask.any() for mask in masks])
    assert 0.25 < harmonise < 0.42
    assert 0.04 < nothing_given < 0.17
    assert regions > 0.1
