import io
import json
import sys

import pytest

from audio_lstm.training import report
from audio_lstm.training.report import Progress, Reporter, StepReport, duration_text, listed
from audio_lstm.training.runs import RunFolder


class Clock:
    def __init__(self):
        self.now = 1000.0

    def monotonic(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(report, "time", clock)
    return clock


def test_away_from_a_terminal_a_line_comes_every_half_minute_with_the_time_left(clock, capsys):
    progress = Progress(total=1000, done=100)
    for step in range(101, 131):
        clock.now += 3.0
        progress.step(step, "loss 1.0")
    progress.close()
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines() == [
        "step 110/1000  loss 1.0  44 min 30 s left",
        "step 120/1000  loss 1.0  44 min 00 s left",
        "step 130/1000  loss 1.0  43 min 30 s left",
    ]


def test_on_a_terminal_there_is_a_bar(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    progress = Progress(total=10, done=2)
    progress.step(3, "loss 1.5")
    progress.line("epoch 1 is over")
    progress.step(10, "loss 1.25")
    progress.close()
    text = terminal.getvalue()
    assert "2/10" in text
    assert "10/10" in text
    assert "loss 1.25" in text
    assert "epoch 1 is over\n" in text


def test_records_average_the_steps_since_the_last_one(clock, tmp_path, capsys):
    reporter = Reporter(RunFolder(tmp_path, tensorboard=False), total=10, done=0, log_every=2)
    for step, (loss_sum, n_units, norm) in enumerate([(10.0, 5, 1.0), (30.0, 15, 3.0), (4.0, 1, 9.0)], start=1):
        clock.now += 2.0
        reporter.step(StepReport(step, 1, loss_sum, n_units, norm, 0.1))
    reporter.evaluation({"step": 3, "epoch": 1, "score": 0.25}, best=True, took_s=61.0)
    reporter.close()
    first, second = map(json.loads, (tmp_path / "log.jsonl").read_text().splitlines())
    assert first == {
        "kind": "train",
        "step": 2,
        "epoch": 1,
        "loss": 2.0,
        "gradient_norm": 2.0,
        "gradient_norm_max": 3.0,
        "learning_rate": 0.1,
        "units_per_s": 5.0,
    }
    assert second == {"kind": "evaluate", "step": 3, "epoch": 1, "score": 0.25}
    assert capsys.readouterr().err == "epoch 1  step 3  score 0.2500  (best)  in 1 min 01 s\n"


def test_time_spent_evaluating_does_not_slow_the_units_per_second(clock, tmp_path):
    reporter = Reporter(RunFolder(tmp_path, tensorboard=False), total=10, done=0, log_every=1)
    clock.now += 100.0
    reporter.evaluation({"step": 0, "epoch": 0, "score": 1.0}, best=False, took_s=100.0)
    clock.now += 2.0
    reporter.step(StepReport(1, 1, 1.0, 10, 1.0, 0.1))
    assert json.loads((tmp_path / "log.jsonl").read_text().splitlines()[1])["units_per_s"] == 5.0


def test_durations_read_as_people_write_them():
    assert [duration_text(s) for s in (0.2, 59.4, 60, 3599, 7620)] == [
        "0 s",
        "59 s",
        "1 min 00 s",
        "59 min 59 s",
        "2 h 07 min",
    ]


def test_names_are_listed_up_to_twenty():
    assert listed(()) == "not named"
    assert listed(("a", "b")) == "a, b"
    assert listed([str(number) for number in range(23)]).endswith("18, 19 and 3 more")


def test_a_skipped_step_is_a_line_with_its_items(tmp_path, capsys):
    Reporter(RunFolder(tmp_path, tensorboard=False), total=10, done=0, log_every=1).skipped(4, ("a", "b"))
    assert capsys.readouterr().err == "step 4 skipped: no units to learn from (items: a, b)\n"
