"""The ablation runs top to bottom, gives every variant the same budget, and says what is missing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from audio_lstm.errors import ConfigError, DataError
from recipes.lstm import odyssey
from recipes.lstm.cells import VARIANTS
from recipes.lstm.odyssey import PAPER, TINY, Example, Network, losses, main, priced, summed_up, table


@pytest.fixture
def rolls(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    arrays = {}
    for split, lengths in {"train": [12, 7, 20, 9, 10, 11], "valid": [9, 4]}.items():
        arrays |= {split: (rng.random((sum(lengths), 88)) < 0.05).astype(np.uint8), f"{split}_len": np.array(lengths)}
    np.savez(tmp_path / "toy.npz", **arrays)
    return tmp_path / "toy.npz"


def options(rolls: Path, out: Path, *more: str) -> list[str]:
    return ["--preset", "tiny", "--sets", "chorales", "--music", str(rolls), "--out", str(out), *more]


def test_tiny_prints_every_variant_beside_the_paper_and_is_not_run_twice(
    rolls: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "run"
    assert main(options(rolls, out)) == 0
    printed = capsys.readouterr().out
    for variant, kind in VARIANTS.items():
        assert f"| {variant} ({kind.short}) |" in printed
        assert PAPER[variant] in printed
    rows = json.loads((out / "odyssey.json").read_text("utf-8"))["rows"]
    assert [row["variant"] for row in rows] == list(VARIANTS)
    assert all(len(row["seeds"]) == 2 for row in rows)
    monkeypatch.setattr(odyssey, "trained", None)
    assert main(options(rolls, out)) == 0
    assert capsys.readouterr().out == printed


def test_a_variant_that_has_not_been_run_is_named_as_missing() -> None:
    row = {"set": "chorales", "variant": "vanilla", "mean": 9.0, "spread": 0.1, "n_weights": 10, "learning_rate": 1e-2}
    printed = table([row], TINY)
    assert "| vanilla (V without peepholes) | 10 | 9.000 ± 0.100 |" in printed
    assert printed.count("| not run |") == 2 * len(VARIANTS) - 1


def test_each_network_pays_for_its_own_batch_and_padding_costs_nothing() -> None:
    torch.manual_seed(0)
    networks = [Network("vanilla", 88, 88, 4) for _ in range(2)]
    short, long = (Example(torch.rand(n, 88), (torch.rand(n, 88) < 0.1).float()) for n in (3, 9))
    cost, n = losses("chorales", networks, [[short, long], [long, short]])
    assert n.tolist() == [12, 12]
    for number, network in enumerate(networks):
        alone = sum(losses("chorales", [network], [[one]])[0][0] for one in (short, long))
        torch.testing.assert_close(cost[number], torch.as_tensor(alone))
    assert priced("chorales", networks, [short, long]) == pytest.approx([float(value) / 12 for value in cost])


def test_ctc_is_paid_a_letter() -> None:
    torch.manual_seed(0)
    networks = [Network("vanilla", 6, 2 * 29, 4) for _ in range(2)]
    examples = [Example(torch.rand(5, 6), torch.tensor([3, 4])), Example(torch.rand(8, 6), torch.tensor([1, 1, 2]))]
    cost, n = losses("speech", networks, [examples, examples])
    assert n.tolist() == [5, 5]
    for number, network in enumerate(networks):
        alone = sum(losses("speech", [network], [[one]])[0][0] for one in examples)
        torch.testing.assert_close(cost[number], torch.as_tensor(alone))


def test_learning_rate_and_epoch_are_chosen_without_a_look_at_what_is_reported() -> None:
    run: dict[str, Any] = {
        "plan": [(1e-3, 0), (1e-3, 1), (1e-2, 0), (1e-2, 1)],
        "evaluations": [
            {"epoch": 1, "choose": [5.0, 5.0, 3.0, 9.0], "report": [1.0, 1.0, 7.0, 7.0]},
            {"epoch": 2, "choose": [6.0, 6.0, 4.0, 2.0], "report": [1.0, 1.0, 8.0, 9.0]},
        ],
    }
    found = summed_up(run)
    assert found["learning_rate"] == 1e-2
    assert found["seeds"] == [7.0, 9.0]
    run["evaluations"][0]["choose"][2] = float("nan")
    assert summed_up(run)["seeds"] == [8.0, 9.0]


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--variants", "no cell"], "variants must be some of vanilla, .*; got 'no cell'"),
        (["--sets", "handwriting"], "sets must be some of chorales, speech; got 'handwriting'"),
        (["--seeds", "[]"], "seeds and learning_rates need at least one value each"),
        (["--window", "1"], "window must be at least 2, got 1"),
    ],
)
def test_wrong_options_are_one_line(rolls: Path, tmp_path: Path, more: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        main(options(rolls, tmp_path / "run", *more))


def test_data_that_is_missing_or_too_little_is_named(rolls: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="6 training pieces are too few to hold out 6: lower held_out"):
        main(options(rolls, tmp_path / "run", "--held_out", "6"))
    with pytest.raises(DataError, match="none"):
        main(options(tmp_path / "none.npz", tmp_path / "run"))


@pytest.mark.shared
def test_tiny_runs_on_speech(shared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    variants = ["--variants", '["vanilla", "coupled gates"]']
    tiny = ["--preset", "tiny", "--sets", "speech", "--speech", str(shared / "speech"), "--out", str(tmp_path / "run")]
    assert main([*tiny, *variants]) == 0
    assert "| coupled gates (CIFG) |" in capsys.readouterr().out
    with pytest.raises(DataError, match=r"no recording lasts at most 0.1 s; raise max_recording_s"):
        main([*tiny, "--max_recording_s", "0.1"])
