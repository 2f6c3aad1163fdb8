"""The model of frames is one exact distribution: causal in time and along the keys, and adding up to 1."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from audio_lstm.config import LSTMConfig
from recipes.music.rolls.config import FrameModelConfig
from recipes.music.rolls.context import echoes, frame_inputs
from recipes.music.rolls.model import FrameModel, frame_loss


def inputs_of(roll: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(frame_inputs(roll, echoes(roll), 0, len(roll)))[None]


def roll_of(n_frames: int, n_keys: int = 20, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((n_frames, n_keys)) < 0.3


def test_the_probabilities_of_all_frames_add_up_to_one() -> None:
    torch.manual_seed(0)
    sizes = {"key_size": 4, "key_state": 4, "note_size": 8, "name_size": 2}
    model = FrameModel(FrameModelConfig(LSTMConfig(4, hidden_size=4, n_layers=1), low=3, high=9, **sizes)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    past = roll_of(5, 6)
    total = 0.0
    for keys in itertools.product((False, True), repeat=6):
        roll = np.concatenate([past, [keys]])
        with torch.no_grad():
            costs = frame_loss(model(inputs_of(roll))[0], torch.from_numpy(roll[None].astype(np.float32)))
        total += float(torch.exp(-costs[0, -1]))
    assert total == pytest.approx(1.0, abs=1e-5)


def test_a_key_is_decided_by_the_past_and_the_keys_below(frames_model: FrameModel) -> None:
    roll = roll_of(12)
    changed = roll.copy()
    changed[7, 8:] = ~changed[7, 8:]
    with torch.no_grad():
        before, after = (frames_model(inputs_of(piece))[0][0] for piece in (roll, changed))
    torch.testing.assert_close(after[:7], before[:7])
    torch.testing.assert_close(after[7, :9], before[7, :9])
    assert not torch.allclose(after[7, 9:], before[7, 9:])
    assert not torch.allclose(after[8:], before[8:])


def test_chunks_with_their_state_equal_the_whole(frames_model: FrameModel) -> None:
    inputs = torch.cat([inputs_of(roll_of(30)), inputs_of(roll_of(30, seed=1))])
    with torch.no_grad():
        whole, _ = frames_model(inputs)
        state, parts = None, []
        for chunk in inputs.split((11, 1, 18), dim=1):
            part, state = frames_model(chunk, None, state)
            parts.append(part)
    torch.testing.assert_close(torch.cat(parts, dim=1), whole)
    assert tuple(state.keys_hidden.shape) == (1, 2, 20, 6)


def test_a_batch_equals_its_items_alone(frames_model: FrameModel) -> None:
    items = [inputs_of(roll_of(9, seed=seed)) for seed in range(3)]
    with torch.no_grad():
        together = frames_model(torch.cat(items))[0]
        for row, item in enumerate(items):
            torch.testing.assert_close(together[row : row + 1], frames_model(item)[0])


def test_what_the_backbone_says_is_there_to_be_cached(frames_model: FrameModel) -> None:
    with torch.no_grad():
        told, _ = frames_model.read_frames(inputs_of(roll_of(9)))
    assert tuple(told.shape) == (1, 9, 8)


def test_inputs_of_another_width_are_refused(frames_model: FrameModel) -> None:
    with pytest.raises(ValueError, match=r"expected inputs of shape \(batch, time, 408\), got \(1, 2, 5\)"):
        frames_model(torch.zeros(1, 2, 5))
