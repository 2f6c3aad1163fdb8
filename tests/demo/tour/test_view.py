"""The tour's stored results: whole, of the recipes, and shown as they are."""

from __future__ import annotations

import pytest

from audio_lstm.demo.tour import view as tour_view
from audio_lstm.demo.tour.view import flow_view, lag_view, stored

ROW = {"task": "adding", "learning_rate": 0.01}


def test_every_stored_result_names_the_command_that_made_it() -> None:
    assert stored("long_lag")["command"].startswith("python -m recipes.lstm.long_lag")
    assert stored("gradient_flow")["command"].startswith("python -m recipes.lstm.gradient_flow")


def test_what_is_stored_meets_the_bar_of_the_adding_problem() -> None:
    rows = {(row["model"], row["lag"]): row for row in stored("long_lag")["rows"] if row["task"] == "adding"}
    assert stored("long_lag")["n_seeds"] == 3
    assert rows["lstm", 400]["n_solved"] == 3
    assert rows["rnn", 200]["n_solved"] == 0


def test_there_is_a_block_for_every_lag_and_one_of_them_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [
        ROW | {"model": "lstm", "lag": 50, "n_solved": 3, "n_steps": [700, 500, 600]},
        ROW | {"model": "lstm", "lag": 400, "n_solved": 2, "n_steps": [2000, 2100, 3000]},
        ROW | {"model": "rnn", "lag": 50, "n_solved": 0, "n_steps": [3000] * 3},
        ROW | {"model": "rnn", "lag": 400, "n_solved": None, "n_steps": []},
        ROW | {"task": "order", "model": "lstm", "lag": 999, "n_solved": 3, "n_steps": [1]},
    ]
    found = {"command": "python x.py", "n_seeds": 3, "rows": rows}
    monkeypatch.setattr(tour_view, "stored", lambda _: found)
    html = lag_view()
    assert html.count("data-key=") == 2
    assert html.count('" hidden>') == 1
    assert 'data-name="400 steps"' in html
    assert "<b>LSTM</b>: solved by 3 of 3 runs, after about 600 training steps" in html
    assert "<b>tanh RNN</b>: solved by none of 3 runs" in html
    assert "<b>tanh RNN</b>: not tried; it solved nothing at shorter lags" in html
    assert "999" not in html
    assert "<code>python x.py</code>" in html


def test_there_is_a_picture_for_every_task_before_and_after_training() -> None:
    html = flow_view()
    tasks = {row["task"] for row in stored("gradient_flow")["rows"]}
    assert html.count("data-key=") == html.count("<svg") == 2 * len(tasks)
    assert html.count('" hidden>') == 2 * len(tasks) - 1
    assert html.count(" checked>") == 2
    assert "forget gates stand at 0." in html
