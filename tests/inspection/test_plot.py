"""The plot of an Inspection: it is drawn, it lands in the file, and it says what it cannot do."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from audio_lstm.errors import ConfigError, DataError, MissingDependencyError
from audio_lstm.inspection.gates import QUANTITIES, GateTrace
from audio_lstm.inspection.inspection import Inspection, Mark
from audio_lstm.inspection.plot import units_to_draw

pytest.importorskip("matplotlib", reason="matplotlib comes with the extra plot")


@pytest.fixture
def seen() -> Inspection:
    values = np.random.default_rng(0).normal(size=(20, 12)).astype(np.float32)
    values[:, 3] *= 9  # moves most
    happens = np.arange(20) % 5 == 0
    values[:, 7] = 0.1 * happens
    trace = GateTrace(*(values for _ in QUANTITIES))
    marks = (Mark("HELLO", 0.0, 0.3), Mark("C4", 0.3, 0.5, pitch=60, part=1))
    return Inspection("tiny", 1, 2, "forward", trace, np.arange(21) * 0.04, marks, {"beat": happens})


def test_a_picture_is_written_whole(seen: Inspection, tmp_path: Path) -> None:
    figure = seen.plot(tmp_path / "gates.png", event="beat", n_units=5)
    assert (tmp_path / "gates.png").read_bytes().startswith(b"\x89PNG")
    assert [file.name for file in tmp_path.iterdir()] == ["gates.png"]
    titles = [axes.get_ylabel() for axes in figure.axes]
    assert titles[1 : 1 + len(QUANTITIES)] == [
        "input gate",
        "forget gate",
        "candidate",
        "output gate",
        "cell",
        "hidden state",
    ]


def test_units_come_by_event_or_by_movement(seen: Inspection) -> None:
    assert units_to_draw(seen, event="beat", n_units=2)[0] == 7
    assert units_to_draw(seen, event=None, n_units=2)[0] == 3
    assert len(units_to_draw(seen, event=None, n_units=100)) == seen.n_units


def test_a_plot_may_hold_one_panel_and_no_file(seen: Inspection) -> None:
    assert len(seen.plot(quantities=["cell"]).axes) == 3  # words, cell, its scale


def test_an_unknown_suffix_is_refused(seen: Inspection, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot draw '.bmp'; use .png, .svg or .pdf"):
        seen.plot(tmp_path / "x.bmp")


def test_nothing_to_draw_is_refused(seen: Inspection) -> None:
    with pytest.raises(ConfigError, match="quantities must name at least one thing to draw"):
        seen.plot(quantities=[])


def test_a_missing_folder_is_refused(seen: Inspection, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be written"):
        seen.plot(tmp_path / "missing" / "x.png", quantities=["cell"])


def test_without_matplotlib_the_way_out_is_named(seen: Inspection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'audio-lstm\[plot\]'"):
        seen.plot()
