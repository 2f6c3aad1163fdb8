"""Filling in: what is given stays, the rest is music under the rules, and its price is exact."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from audio_lstm.errors import ModelError, ScoreError
from audio_lstm.music.models.fill_config import UNKNOWN
from audio_lstm.music.tokens.chorale import END, ChoraleGrid
from audio_lstm.music.writing.fill import MISSING, Filler, fill, fill_constraints, load_fill_model, missing_costs
from audio_lstm.music.writing.sample import SamplingConfig, Writer
from tests.music.models.fill_models import GRID, write_random_model

HYMN = np.tile([[72, 67, 64, 48], [74, 67, 65, 43], [76, 67, 60, 48], [74, 71, 62, 43]], (1, 1)).repeat(4, axis=0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_random_model(tmp_path_factory.mktemp("fill") / "model")


@pytest.fixture(scope="module")
def filler(folder: Path) -> Filler:
    return load_fill_model(folder)


def with_holes(missing: NDArray[np.bool_]) -> NDArray[np.int64]:
    return np.where(missing, MISSING, HYMN)


def test_what_is_given_stays_and_the_rest_is_written(filler: Filler) -> None:
    missing = np.zeros(HYMN.shape, np.bool_)
    missing[4:12, 1:] = True
    drafts = fill(filler, with_holes(missing), seed=1, n_drafts=3)
    assert len(drafts) == 3
    for draft in drafts:
        np.testing.assert_array_equal(draft.grid[~missing], HYMN[~missing])
        assert (draft.grid[missing] >= 0).all()  # no rests
        assert draft.n_missing == missing.sum()
        assert draft.tokens[-1] == END
    assert [draft.nats for draft in drafts] == sorted(draft.nats for draft in drafts)
    again = fill(filler, with_holes(missing), seed=1, n_drafts=3)
    np.testing.assert_array_equal(again[0].grid, drafts[0].grid)
    other = fill(filler, with_holes(missing), seed=2, n_drafts=3)
    assert any((a.grid != b.grid).any() for a, b in zip(drafts, other, strict=True))


def test_prices_are_those_of_a_distribution(filler: Filler) -> None:
    """Over all that one missing cell may be, the probabilities add up to 1; END and what is given cost nothing."""
    missing = np.zeros(HYMN.shape, np.bool_)
    missing[5, 2] = True
    total = 0.0
    for pitch in (-1, *range(GRID.low, GRID.high + 1)):
        whole = HYMN.copy()
        whole[5, 2] = pitch
        (cost,) = missing_costs(filler, whole, missing)
        total += np.exp(-cost)
    assert total == pytest.approx(1.0, abs=2e-3)  # int8 rounds each piece a little differently
    assert missing_costs(filler, HYMN, np.zeros(HYMN.shape, np.bool_)).shape == (0,)


def test_any_order_of_voices_will_do(folder: Path, tmp_path: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    other = tmp_path / "other"
    other.mkdir()
    for file in folder.iterdir():
        (other / file.name).write_bytes(file.read_bytes())
    config["representation"]["chorale"]["order"] = "BSTA"
    (other / "config.json").write_text(json.dumps(config))
    filler = load_fill_model(other)
    missing = np.zeros(HYMN.shape, np.bool_)
    missing[:, [1, 2]] = True
    (draft,) = fill(filler, with_holes(missing), seed=0, n_drafts=1, sampling=SamplingConfig(temperature=0.5))
    np.testing.assert_array_equal(draft.grid[:, [0, 3]], HYMN[:, [0, 3]])


def test_rules_bend_where_what_is_given_leaves_no_choice() -> None:
    grid = ChoraleGrid(low=60, high=60)  # one pitch: the chord can but freeze
    writer = Writer(grid.cursor(2), fill_constraints(np.full(200, UNKNOWN)))
    for _ in range(4 * 20):
        assert [tokens.tolist() for tokens in writer.choices()] == [[3], [3]]  # neither END nor a rest
        writer.push([3, 3])


def test_a_piece_without_holes_and_what_is_no_piece_are_named(filler: Filler) -> None:
    with pytest.raises(ScoreError, match="nothing is missing in the piece; say which voices or bars to write"):
        fill(filler, HYMN, seed=0)
    with pytest.raises(ScoreError, match=r"a voice grid has the shape \(steps, 4\), steps >= 1; got \(0, 4\)"):
        fill(filler, np.zeros((0, 4)), seed=0)
    with pytest.raises(ScoreError, match=r"step 0, voice S: pitch 100 is outside 33-84"):
        fill(filler, np.array([[100, MISSING, MISSING, MISSING]]), seed=0)


def test_models_that_cannot_fill_in_are_named(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(
        ModelError, match="chorale: composes, but cannot fill in; pass a model of recipes/music/chorale_fill"
    ):
        load_fill_model("chorale")
    config = json.loads((folder / "config.json").read_text())
    broken = tmp_path / "broken"
    broken.mkdir()
    for file in folder.iterdir():
        (broken / file.name).write_bytes(file.read_bytes())
    config["model"]["generator"]["vocabulary_size"] = 60
    (broken / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match=r"config\.json is at odds with itself; copy the model again"):
        load_fill_model(broken)
    del config["model"]["reader"]
    (broken / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match="the model folder is damaged or of another version"):
        load_fill_model(broken)
