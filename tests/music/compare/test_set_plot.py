"""The picture of two sets: written in each format, with a panel for each thing, or one clear line."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from audio_lstm.errors import ConfigError, DataError, MissingDependencyError
from audio_lstm.music.compare.set_comparison import SetComparison, compare_sets
from audio_lstm.music.compare.set_plot import check_plot, plot_sets
from audio_lstm.music.score.score import Score, Track, make_notes

pytest.importorskip("matplotlib", reason="matplotlib comes with the extra plot")


@pytest.fixture(scope="module")
def comparison() -> SetComparison:
    pieces = [
        Score(480, make_notes(np.arange(40) * 240, 240, np.random.default_rng(i).integers(50, 80, 40)), (Track(),))
        for i in range(8)
    ]
    return compare_sets(pieces[:3], pieces[3:])


@pytest.mark.parametrize(("suffix", "start"), [(".png", b"\x89PNG"), (".svg", b"<?xml"), (".pdf", b"%PDF")])
def test_each_format_is_written(comparison: SetComparison, tmp_path: Path, suffix: str, start: bytes) -> None:
    plot_sets(comparison, tmp_path / f"sets{suffix}")
    assert (tmp_path / f"sets{suffix}").read_bytes().startswith(start)


def test_there_is_a_panel_for_each_histogram_each_measure_and_novelty(
    comparison: SetComparison, tmp_path: Path
) -> None:
    figure = plot_sets(comparison, tmp_path / "a.png", copied=[9, 300, 0], held_out=np.array([8, 11, 50]))
    titles = [axes.get_title() for axes in figure.axes]
    assert len(titles) == 4 + 5 + 1
    assert titles[0].startswith("pitch: ")
    assert titles[-1] == "longest run shared with the training set"
    assert figure.axes[-1].get_xlabel() == "notes (40: or more)"
    assert len(plot_sets(comparison, tmp_path / "b.png").axes) == 9
    assert len(plot_sets(comparison, tmp_path / "c.png", copied=[9, 12, 0]).axes) == 10


def test_an_empty_histogram_is_drawn_as_nothing(tmp_path: Path) -> None:
    notes = make_notes([0, 480], 480, [38, 38])
    drums = [Score(480, notes, (Track(is_drum=True),)) for _ in range(4)]
    plot_sets(compare_sets(drums, drums), tmp_path / "drums.png")
    assert (tmp_path / "drums.png").is_file()


def test_a_plot_that_cannot_be_drawn_is_one_clear_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match=r"cannot draw '.tiff'; use .png or .svg or .pdf"):
        check_plot(tmp_path / "sets.tiff")
    with pytest.raises(DataError, match=r"the folder .*nowhere does not exist; create it first"):
        check_plot(tmp_path / "nowhere" / "sets.png")
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'audio-lstm\[plot\]'"):
        check_plot(tmp_path / "sets.png")


def test_a_file_that_cannot_be_written_is_named(comparison: SetComparison, tmp_path: Path) -> None:
    (tmp_path / "sets.png").mkdir()
    with pytest.raises(DataError, match=r"sets.png: cannot be written"):
        plot_sets(comparison, tmp_path / "sets.png")
