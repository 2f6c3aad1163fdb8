"""The flow of gradients: torch's numbers are the product of the steps' Jacobians, and the recipe runs top to bottom."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from audio_lstm.backbone import LSTMState
from audio_lstm.errors import ConfigError, DataError
from recipes.lstm.gradient_flow import TINY, built, flow, main, windows
from recipes.lstm.tasks import Reader

pytest.importorskip("matplotlib", reason="matplotlib comes with the extra plot")


def step_of(network: Reader, x: Tensor, state: Tensor) -> Tensor:
    """The state after one step, as one row (hidden, and the LSTM's cell after it), from the state before it."""
    given: Any = state[None, None]
    if network.kind == "lstm":
        hidden, cell = state.chunk(2)
        given = LSTMState(hidden[None, None], cell[None, None])
    _, end = network(x[None, None], given)
    return torch.cat([part[0, 0] for part in end]) if network.kind == "lstm" else end[0, 0]


@pytest.mark.parametrize("kind", ["rnn", "gru", "lstm"])
def test_norms_are_those_of_the_product_of_jacobians(kind: str) -> None:
    torch.manual_seed(0)
    network = Reader(kind, input_size=2, output_size=1, hidden_size=3).double()
    x = torch.randn(1, 7, 2, dtype=torch.float64)
    states = [torch.zeros(6 if kind == "lstm" else 3, dtype=torch.float64)]
    for row in x[0]:
        states.append(step_of(network, row, states[-1]).detach())
    last = states[-1][:3].clone().requires_grad_()
    (1.5 * network.head(last).sum()).backward()  # type: ignore[no-untyped-call]
    gradient = torch.zeros_like(states[-1])
    gradient[:3] = last.grad
    reached = [gradient]
    for number in range(6, 0, -1):

        def ahead(state: Tensor, row: Tensor = x[0, number]) -> Tensor:
            return step_of(network, row, state)

        jacobian: Any = torch.autograd.functional.jacobian(ahead, states[number])  # type: ignore[no-untyped-call]
        reached.append(reached[-1] @ jacobian)
    reached.reverse()
    found = flow(network, x, lambda said: 1.5 * said.sum(dim=1))
    scale = reached[-1][:3].norm()
    expected = [float(one[:3].norm() / scale) for one in reached]
    np.testing.assert_allclose(found.hidden, expected, rtol=1e-9)
    if kind == "lstm":
        assert found.cell is not None
        np.testing.assert_allclose(found.cell[:-1], [float(one[3:].norm() / scale) for one in reached[:-1]], rtol=1e-9)
    else:
        assert found.cell is None


def test_the_picture_of_a_tiny_network_holds_these_numbers() -> None:
    torch.manual_seed(1)
    network = Reader("rnn", input_size=1, output_size=1, hidden_size=1)
    with torch.no_grad():
        for name, value in (("weight_ih_l0", 1.0), ("weight_hh_l0", 0.5), ("bias_ih_l0", 0.0), ("bias_hh_l0", 0.0)):
            network.layer.get_parameter(name).fill_(value)
    x = torch.tensor([[[0.3], [-0.2], [0.1], [0.4]]])
    h, factors = 0.0, []
    for value in x[0, :, 0].tolist():
        h = float(np.tanh(value + 0.5 * h))
        factors.append(0.5 * (1 - h * h))
    expected = [factors[1] * factors[2] * factors[3], factors[2] * factors[3], factors[3], 1.0]
    np.testing.assert_allclose(flow(network, x, lambda said: said[:, 0]).hidden, expected, rtol=1e-6)


def test_an_open_forget_gate_lets_the_cell_pass_and_a_shut_one_does_not() -> None:
    network, x = Reader("lstm", input_size=2, output_size=1, hidden_size=3), torch.randn(2, 20, 2)
    bias = next(value for name, value in network.named_parameters() if "bias_ih" in name)
    arrived, kept = [], []
    for height in (-6.0, 6.0):
        with torch.no_grad():
            bias[3:6] = height
        found = flow(network, x, lambda said: said[:, 0])
        assert found.cell is not None
        assert found.kept is not None
        arrived.append(float(found.cell[0]))
        kept.append(float(found.kept.mean()))
    assert kept[0] < 0.1 < 0.9 < kept[1]
    assert arrived[0] < 1e-9 < 1e-3 < arrived[1]


def test_tiny_prints_a_table_and_writes_numbers_and_picture(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "run"
    assert main(["--preset", "tiny", "--out", str(out)]) == 0
    assert "| adding, LSTM, cell state |" in capsys.readouterr().out
    rows = json.loads((out / "gradient_flow.json").read_text("utf-8"))["rows"]
    assert len(rows) == 7
    assert all(row["hidden"][-1] == 1.0 for row in rows)
    assert (out / "gradient_flow.png").read_bytes().startswith(b"\x89PNG")


def test_doubled_weights_are_twice_those_of_the_same_seed() -> None:
    batch = torch.zeros(1, 3, 2), torch.zeros(1, 1)
    plain, doubled = (built(TINY, kind, batch).layer.get_parameter("weight_hh_l0") for kind in ("rnn", "rnn doubled"))
    torch.testing.assert_close(2 * plain, doubled)


def test_a_piece_too_short_for_the_lag_is_one_line() -> None:
    pieces = [np.zeros((n, 2), np.float32) for n in (5, 8)]
    message = r"^no piece is longer than 8 steps \(the longest has 8\): ask for fewer steps$"
    with pytest.raises(DataError, match=message):
        windows(pieces, 8, "piece")
    x, following = windows(pieces, 7, "piece")(4, torch.Generator())
    assert (x.shape, following.shape) == ((4, 7, 2), (4, 2))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--tasks", "painting"], "tasks must be some of adding, speech, chorales; got 'painting'"),
        (["--lag", "1"], "lag must be at least 2 steps, got 1"),
        (["--n_items", "0"], "n_items must be at least 1, got 0"),
    ],
)
def test_wrong_options_are_one_line(options: list[str], message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=message):
        main(["--preset", "tiny", "--out", str(tmp_path / "run"), *options])


def test_missing_data_is_named(tmp_path: Path) -> None:
    for task in ("speech", "chorales"):
        options = ["--tasks", task, "--speech", str(tmp_path / "none"), "--music", str(tmp_path / "none.npz")]
        with pytest.raises(DataError, match="none"):
            main(["--preset", "tiny", "--out", str(tmp_path / "run"), *options])


@pytest.mark.shared
def test_tiny_runs_on_speech_and_chorales(shared: Path, tmp_path: Path) -> None:
    options = ["--tasks", '["speech", "chorales"]', "--max_recordings", "3", "--speech_steps", "20"]
    places = ["--speech", str(shared / "speech"), "--music", str(shared / "music" / "bl" / "jsb.npz")]
    assert main(["--preset", "tiny", "--out", str(tmp_path / "run"), "--music_steps", "10", *options, *places]) == 0
    rows = json.loads((tmp_path / "run" / "gradient_flow.json").read_text("utf-8"))["rows"]
    assert {row["task"] for row in rows} == {"speech", "chorales"}
