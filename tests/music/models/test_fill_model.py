"""The reader sees all that is given, the generator only what it has written; nothing else leaks."""

from __future__ import annotations

import numpy as np
import torch

from audio_lstm.music.models.fill_config import UNKNOWN, reader_columns
from audio_lstm.music.models.fill_model import FillModel
from tests.music.models.fill_models import GRID, fill_config, random_model


def cells(n_steps: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(3, GRID.vocabulary_size, (n_steps, 4))


def scores(model: FillModel, tokens: np.ndarray, missing: np.ndarray) -> torch.Tensor:
    flat = tokens.reshape(-1)
    columns = torch.from_numpy(GRID.columns(flat))[None]
    given = torch.from_numpy(reader_columns(np.where(missing, UNKNOWN, tokens)))[None]
    with torch.no_grad():
        return model(columns, given, torch.tensor([len(tokens)]))[0]


def test_a_score_does_not_see_the_missing_cells_that_come_later() -> None:
    model, tokens = random_model(), cells(12)
    missing = np.zeros((12, 4), np.bool_)
    missing[4:8, 1:] = True
    changed = tokens.copy()
    changed[6, 2] = 3 if tokens[6, 2] != 3 else 4
    one, other = scores(model, tokens, missing), scores(model, changed, missing)
    place = 6 * 4 + 2
    torch.testing.assert_close(one[: place + 1], other[: place + 1])
    assert not torch.allclose(one[place + 1], other[place + 1])


def test_a_score_sees_what_is_given_later() -> None:
    model, tokens = random_model(), cells(12)
    missing = np.zeros((12, 4), np.bool_)
    missing[:6] = True
    changed = tokens.copy()
    changed[11, 0] = 3 if tokens[11, 0] != 3 else 4
    assert not torch.allclose(scores(model, tokens, missing)[0], scores(model, changed, missing)[0])


def test_padding_changes_nothing() -> None:
    model, short, long = random_model(), cells(7), cells(12, seed=1)
    columns = torch.zeros((2, 48, len(GRID.column_sizes)), dtype=torch.int64)
    given = torch.zeros((2, 12, 6), dtype=torch.int64)
    for row, tokens in enumerate((short, long)):
        columns[row, : tokens.size] = torch.from_numpy(GRID.columns(tokens.reshape(-1)))
        given[row, : len(tokens)] = torch.from_numpy(reader_columns(tokens))
    with torch.no_grad():
        together = model(columns, given, torch.tensor([7, 12]))
    alone = scores(model, short, np.zeros((7, 4), np.bool_))
    torch.testing.assert_close(together[0, :28], alone, atol=1e-5, rtol=1e-5)


def test_a_new_model_is_told_nothing_yet() -> None:
    torch.manual_seed(0)
    model = FillModel(fill_config()).eval()
    given = torch.from_numpy(reader_columns(cells(5)))[None]
    assert not model.read(given, torch.tensor([5])).any()
