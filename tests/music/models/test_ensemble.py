"""Ensembles of music models: the mean of the members, whose states stay apart, in torch as in the graph."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from audio_lstm.config import LSTMConfig
from audio_lstm.errors import ConfigError
from audio_lstm.music.models.composer import load_music
from audio_lstm.music.models.ensemble import MusicEnsemble, build_model
from audio_lstm.music.models.export import export_music, music_graph
from audio_lstm.music.models.model import MusicModel
from audio_lstm.music.tokens.chorale import ChoraleGrid
from audio_lstm.music.tokens.config import MusicModelConfig

GRID = ChoraleGrid()
CONFIG = MusicModelConfig(
    GRID.column_sizes,
    GRID.vocabulary_size,
    LSTMConfig(8, hidden_size=8, n_layers=2),
    relative=GRID.relative,
    n_members=3,
    n_absolute=1,
)


def ensemble() -> MusicEnsemble:
    torch.manual_seed(0)
    model = build_model(CONFIG).eval()
    assert isinstance(model, MusicEnsemble)
    return model


def columns(n_steps: int) -> torch.Tensor:
    tokens = np.random.default_rng(0).integers(20, 50, 4 * n_steps)
    return torch.from_numpy(GRID.columns(tokens))[None]


@torch.no_grad()
def test_the_scores_are_the_mean_of_the_members() -> None:
    model, ids = ensemble(), columns(5)
    alone = [member(ids)[0] for member in model.members]
    assert not torch.allclose(alone[0], alone[1])
    scores, _ = model(ids)
    torch.testing.assert_close(scores, (alone[0] + alone[1] + alone[2]) / 3)
    separate, _ = model.separately(ids)
    torch.testing.assert_close(separate, torch.stack(alone))


@torch.no_grad()
def test_chunks_with_carried_state_equal_the_whole() -> None:
    model, ids = ensemble(), columns(6)
    whole, end = model(ids)
    state, parts = model.initial_state(1), []
    for chunk in ids.split([1, 7, 16], dim=1):
        scores, state = model(chunk, None, state)
        parts.append(scores)
    torch.testing.assert_close(torch.cat(parts, dim=1), whole, atol=1e-5, rtol=0)
    assert end.hidden.shape == (6, 1, 8)
    torch.testing.assert_close(state.cell, end.cell, atol=1e-5, rtol=0)


def test_one_member_is_a_plain_model_whose_weights_have_their_old_names() -> None:
    model = build_model(replace(CONFIG, n_members=1, n_absolute=0))
    assert isinstance(model, MusicModel)
    assert "head.weight" in model.state_dict()


def test_the_folder_of_an_ensemble_answers_as_the_torch_model_in_steps_and_at_once(tmp_path: Path) -> None:
    model = ensemble()
    graph = music_graph(model).graph
    assert sum(node.op_type == "LSTM" for node in graph.node) == 6
    composer = load_music(export_music(model, GRID, tmp_path / "model", name="three", card="# Three\n"))
    assert composer.config == CONFIG
    ids = columns(3)
    with torch.no_grad():
        expected, _ = model(ids)
    whole, _ = composer.engine.run(ids.numpy(), np.array([ids.shape[1]]), None)
    state, steps = None, []
    for step in range(ids.shape[1]):
        scores, state = composer.step(ids[:, step].numpy(), state)
        steps.append(scores)
    np.testing.assert_allclose(np.concatenate(steps), whole[0], atol=0.02)
    np.testing.assert_allclose(whole, expected.numpy(), atol=0.05)  # int8


@pytest.mark.parametrize("n_members", [0, 65])
def test_a_number_of_members_that_cannot_be_is_refused(n_members: int) -> None:
    with pytest.raises(ConfigError, match=rf"n_members must lie in 1\.\.64, got {n_members}"):
        replace(CONFIG, n_members=n_members)


def test_the_last_members_are_absolute_and_one_at_least_is_not() -> None:
    assert [hasattr(member, "distance_head") for member in ensemble().members] == [True, True, False]
    with pytest.raises(ConfigError, match=r"n_absolute must lie in 0\.\.2, below n_members, got 3; relative None"):
        replace(CONFIG, n_absolute=3)
