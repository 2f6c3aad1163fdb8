"""Caches and dynamic evaluation: exact, causal, and without a trace in the model."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from audio_lstm.errors import ConfigError
from audio_lstm.runtime import TorchEngine
from recipes.music.rolls.adaptive import CacheConfig, DynamicConfig, cached, dynamic
from recipes.music.rolls.model import FrameModel
from recipes.music.rolls.score import FrameCosts, score_rolls


def static(model: FrameModel, rolls: list[np.ndarray]) -> FrameCosts:
    return score_rolls(TorchEngine(model, streams=True), model.config, rolls)


def chords(n_frames: int) -> np.ndarray:
    roll = np.zeros((n_frames, 88), np.bool_)
    roll[:, 32] = roll[::2, 36] = roll[1::2, 39] = True
    return roll


def test_a_cache_helps_where_frames_come_again(frames_model: FrameModel) -> None:
    alone = static(frames_model, [chords(20)])
    found = cached(frames_model, [chords(20)], alone, CacheConfig(share=0.5, sharpness=1.0))
    assert found.pieces[0][0] == alone.pieces[0][0]
    assert found.per_frame < alone.per_frame
    assert (found.pieces[0][2:] < -np.log(0.5 * 0.1)).all()


def test_a_cache_that_knows_no_such_frame_costs_its_share(frames_model: FrameModel) -> None:
    roll = np.eye(88, dtype=np.bool_)[30:50]
    alone = static(frames_model, [roll])
    found = cached(frames_model, [roll], alone, CacheConfig(share=0.25))
    np.testing.assert_allclose(found.pieces[0][1:] - alone.pieces[0][1:], -np.log(0.75))


def test_dynamic_evaluation_learns_the_piece_and_leaves_no_trace(frames_model: FrameModel) -> None:
    before = {name: tensor.clone() for name, tensor in frames_model.state_dict().items()}
    rolls = [chords(64), chords(64)]
    alone = static(frames_model, rolls)
    found = dynamic(frames_model, rolls, DynamicConfig(learning_rate=0.2, segment=8))
    assert found.pieces[0][32:].mean() < 0.8 * alone.pieces[0][32:].mean()
    np.testing.assert_allclose(found.pieces[0][:8], alone.pieces[0][:8], rtol=1e-4)
    np.testing.assert_array_equal(found.pieces[0], found.pieces[1])  # each starts from the trained weights
    for name, tensor in frames_model.state_dict().items():
        assert torch.equal(tensor, before[name])


def test_dynamic_evaluation_never_learns_from_what_it_is_still_to_predict(frames_model: FrameModel) -> None:
    one, other = chords(24), chords(24)
    other[16:] = np.roll(other[16:], 3, axis=1)
    costs = [dynamic(frames_model, [roll], DynamicConfig(segment=8)).pieces[0] for roll in (one, other)]
    np.testing.assert_array_equal(costs[0][:16], costs[1][:16])


def test_values_out_of_range_are_refused() -> None:
    with pytest.raises(ConfigError, match="share must lie between 0 and 1 and sharpness above 0, got 1"):
        CacheConfig(share=1.0)
    with pytest.raises(ConfigError, match="learning_rate must be above 0 and segment at least 1, got"):
        DynamicConfig(0.1, segment=0)
