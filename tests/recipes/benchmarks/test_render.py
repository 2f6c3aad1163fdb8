"""The benchmark of sound: its pieces are a minute long, and its measures are of what they say."""

from __future__ import annotations

import numpy as np
import pytest

from recipes.benchmarks import render as benchmark


@pytest.mark.parametrize("make", [benchmark.piano, benchmark.chorale, benchmark.band])
def test_pieces_last_as_long_as_asked(make: benchmark.Callable) -> None:
    assert make(4).duration_s == pytest.approx(4.0, abs=0.7)
    assert make().duration_s == pytest.approx(60.0, abs=1.0)


def test_a_piano_measures_as_one() -> None:
    measures = benchmark.tone_measures(0)
    assert abs(measures["pitch_cents"]) < 2
    assert measures["attack_ms"] < 20
    assert measures["second_later_db"] < -3
    assert measures["folded_db"] < -50


def test_pieces_are_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(benchmark, "RATE", 22_050)
    measures = benchmark.piece_measures(benchmark.band(2))
    assert measures["lufs"] == pytest.approx(-18.0, abs=1.0)
    assert measures["true_peak_db"] < 0
    assert 0 < measures["tail_s"] < 4


def test_speeds_have_a_row_for_each_peer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(benchmark, "RATE", 8_000)
    monkeypatch.setattr(benchmark, "N_ROUNDS", 1)
    speeds = benchmark.speeds(benchmark.chorale(2), None)
    assert set(speeds) == {"built-in", "pretty_midi sines"}
    assert all(np.isfinite(value) and value > 0 for value in speeds.values())
