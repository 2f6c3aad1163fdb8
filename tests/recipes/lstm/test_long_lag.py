"""The recipe of long lags: it trains, keeps a book of its runs, prints its tables and draws them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from audio_lstm.errors import ConfigError
from recipes.lstm import long_lag
from recipes.lstm.long_lag import BASE, TINY, Book, Outcome, Run, main, plain_run, swept, tables, trained

pytest.importorskip("matplotlib", reason="matplotlib comes with the extra plot")

EASY = replace(plain_run(BASE, "copy", "lstm", 3, 0, 1e-2), max_steps=300)


def test_tiny_prints_its_tables_and_is_not_run_twice(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "run"
    assert main(["--preset", "tiny", "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    assert "| adding, tanh RNN |" in printed
    assert "| LSTM, no forget bias |" in printed
    assert "| GRU, no clipping |" in printed
    found = json.loads((out / "long_lag.json").read_text("utf-8"))
    assert {(row["model"], row["lag"]) for row in found["rows"]} == {
        (model, lag) for model in ("rnn", "gru", "lstm") for lag in (2, 3)
    }
    assert (out / "long_lag.png").read_bytes().startswith(b"\x89PNG")

    def never(*_: object) -> None:
        raise AssertionError("trained again")

    monkeypatch.setattr(long_lag, "trained", never)
    assert main(["--preset", "tiny", "--out", str(out)]) == 0
    assert capsys.readouterr().out == printed


def test_an_easy_task_is_solved_and_training_stops_there() -> None:
    _, outcome = trained(EASY)
    assert outcome.solved
    assert outcome.n_steps < 300
    assert outcome.error < 0.01
    assert not outcome.exploded


def test_the_same_run_gives_the_same_outcome() -> None:
    run = replace(EASY, task="adding", max_steps=7)
    first, second = (trained(run)[1] for _ in range(2))
    assert (first.error, first.largest_gradient) == (second.error, second.largest_gradient)
    assert trained(replace(run, seed=1))[1].error != first.error


def test_what_explodes_is_counted() -> None:
    assert Outcome(False, 0.1, 5, 101.0, 1.0).exploded
    assert Outcome(False, float("inf"), 5, float("inf"), 1.0).exploded
    assert not Outcome(False, 0.1, 5, 99.0, 1.0).exploded
    wild = replace(EASY, task="adding", model="rnn", learning_rate=1e30, clip_norm=0.0, max_steps=5)
    assert trained(wild)[1].exploded


def test_after_three_hopeless_lags_longer_ones_are_not_tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tried = []

    def pretend(run: Run) -> tuple[None, Outcome]:
        tried.append(run.lag)
        return None, Outcome(run.lag < 20, 0.5, 10, 1.0, 0.1)

    monkeypatch.setattr(long_lag, "trained", pretend)
    recipe = replace(TINY, lags=(10, 20, 30, 40, 50, 60), seeds=(0,))
    rows = swept(recipe, Book(tmp_path / "runs.jsonl", 1), "adding", "rnn", 1e-3)
    assert [row["n_solved"] for row in rows] == [1, 0, 0, 0, None, None]
    assert tried == [10, 20, 30, 40]
    assert "not tried | not tried" in tables(recipe, rows, [])


def test_a_damaged_book_is_named_by_its_line(tmp_path: Path) -> None:
    (tmp_path / "runs.jsonl").write_text('{"run": {"task": "adding"}}\n', "utf-8")
    with pytest.raises(ConfigError, match=r"runs\.jsonl, line 1: not a run of this recipe; delete the line"):
        Book(tmp_path / "runs.jsonl", 1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--tasks", "subtraction"], "tasks must be some of adding, order, copy, noisy copy; got 'subtraction'"),
        (["--models", "transformer"], "models must be some of rnn, gru, lstm; got 'transformer'"),
        (["--lags", "[1]"], "a lag must be at least 2 steps, got 1"),
        (["--seeds", "[]"], "need at least one value each"),
        (["--max_steps", "0"], "must be at least 1"),
        (["--clip_norm", "-1"], "clip_norm must be 0"),
        (["--laggs", "5"], "unknown option --laggs; did you mean --lags"),
    ],
)
def test_wrong_options_are_one_line(options: list[str], message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        main(["--preset", "tiny", "--out", str(tmp_path / "run"), *options])
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "run").exists()
