"""What frames cost, and the floors of the field on the real sets."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from audio_lstm.errors import DataError, ModelError
from audio_lstm.music.models.composer import load_music
from audio_lstm.runtime import State, TorchEngine
from recipes.music.rolls.data import independent_floor, load_rolls, previous_value_floor
from recipes.music.rolls.export import export_frames
from recipes.music.rolls.model import FrameModel
from recipes.music.rolls.score import FrameCosts, load_frame_model, outside_costs, roll_costs, score_rolls


def test_three_ways_to_sum_up() -> None:
    costs = FrameCosts((np.array([6.0, 2.0, 1.0]), np.array([3.0])))
    assert costs.per_frame == 3.0
    assert costs.per_frame_without_first == 1.5
    assert costs.mean_over_pieces == 3.0
    assert np.isnan(FrameCosts((np.array([3.0]),)).per_frame_without_first)


@pytest.mark.parametrize("pieces", [(), (np.ones(2), np.zeros(0))])
def test_nothing_to_score_is_refused(pieces: tuple[np.ndarray, ...]) -> None:
    with pytest.raises(DataError, match=f"no frames to score: the corpus holds {len(pieces)} pieces"):
        FrameCosts(pieces)


class Indifferent:
    """An engine that gives every key even odds."""

    value = 0.0

    def run(self, inputs: np.ndarray, lengths: np.ndarray, state: State | None) -> tuple[np.ndarray, State]:
        return np.full((1, inputs.shape[1], 20), self.value, np.float32), ()


def test_all_keys_are_paid_for(frames_model: FrameModel) -> None:
    roll = np.zeros((300, 88), np.bool_)
    roll[7, [0, 35, 87]] = True
    costs = roll_costs(Indifferent(), frames_model.config, roll)
    silent = 20 * np.log(2) - 68 * np.log(1 - 1e-3)
    assert costs[0] == pytest.approx(silent)
    assert costs[7] == pytest.approx(silent + 2 * np.log((1 - 1e-3) / 1e-3))
    assert outside_costs(frames_model.config, roll)[0] == pytest.approx(-68 * np.log(1 - 1e-3))


def test_onnx_and_torch_charge_the_same(frames_model: FrameModel, tmp_path: Path) -> None:
    rolls = [np.random.default_rng(seed).random((n, 88)) < 0.1 for seed, n in enumerate((600, 1, 20))]
    scorer = load_frame_model(export_frames(frames_model, tmp_path / "model", name="toy", card=""))
    expected = score_rolls(TorchEngine(frames_model, streams=True), frames_model.config, rolls)
    found = scorer.score(rolls)
    assert (scorer.name, scorer.config) == ("toy", frames_model.config)
    for one, other in zip(found.pieces, expected.pieces, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-4)
    np.testing.assert_array_equal(scorer.costs(rolls[2]), found.pieces[2])


def test_a_roll_of_another_width_and_odds_without_sense_are_refused(frames_model: FrameModel) -> None:
    with pytest.raises(DataError, match=r"expected a roll of shape \(frames >= 1, 88\), got \(4, 87\)"):
        roll_costs(Indifferent(), frames_model.config, np.zeros((4, 87), np.bool_))
    broken = Indifferent()
    broken.value = np.nan
    with pytest.raises(ModelError, match="log-odds hold NaN or infinity"):
        roll_costs(broken, frames_model.config, np.zeros((4, 88), np.bool_))


def test_models_of_frames_and_of_tokens_are_not_taken_for_each_other(frames_model: FrameModel, tmp_path: Path) -> None:
    folder = export_frames(frames_model, tmp_path / "model", name="toy", card="")
    with pytest.raises(ModelError, match="prices piano rolls and does not compose"):
        load_music(folder)
    with pytest.raises(ModelError, match="a model that composes token by token; load it with load_music"):
        load_frame_model("chorale")


def test_a_damaged_configuration_is_refused(frames_model: FrameModel, tmp_path: Path) -> None:
    folder = export_frames(frames_model, tmp_path / "model", name="toy", card="")
    content = json.loads((folder / "config.json").read_text())
    content["model"]["low"] = 99
    (folder / "config.json").write_text(json.dumps(content))
    with pytest.raises(ModelError, match=r"low < high .*; the model folder is damaged or of another version"):
        load_frame_model(folder)


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "independent", "previous"),
    [("jsb", 10.95, 10.13), ("nott", 10.00, 5.25), ("muse", 11.85, 8.66), ("piano", 11.49, 9.24)],
)
def test_the_floors_of_the_four_sets(shared: Path, name: str, independent: float, previous: float) -> None:
    file = shared / "music" / "bl" / f"{name}.npz"
    train, valid = (load_rolls(file, split).pieces for split in ("train", "valid"))
    assert independent_floor(train, valid).nats_per_unit == pytest.approx(independent, abs=0.01)
    assert previous_value_floor(train, valid).nats_per_unit == pytest.approx(previous, abs=0.01)
