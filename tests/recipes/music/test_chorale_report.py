"""The chorale report counts what it says it counts."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from tests.music.models.fill_models import write_random_model


@pytest.fixture
def report(load_recipe: Callable[[str], ModuleType]) -> ModuleType:
    return load_recipe("music/chorale_report")


C_MAJOR = [72, 67, 64, 48]  # C over C
D_MAJOR = [74, 69, 66, 50]  # the same, a tone higher: every interval moves in parallel


def test_chords_and_endings(report: ModuleType) -> None:
    assert report.is_chord(np.array(C_MAJOR))
    assert report.is_chord(np.array([72, -1, 64, 48]))
    assert not report.is_chord(np.array([72, 73, 74, 48]))
    assert report.ends_well(np.array([D_MAJOR, C_MAJOR]))
    assert not report.ends_well(np.array([C_MAJOR, [72, 67, 60, 52]]))  # C major over E


def test_parallels_count_fifths_and_octaves_of_moving_voices(report: ModuleType) -> None:
    n_parallels, n_changes = report.count_parallels(np.array([C_MAJOR, C_MAJOR, D_MAJOR]))
    assert n_changes == 1
    assert n_parallels == 2  # soprano and bass in octaves, alto and bass in fifths
    held = np.array([[72, 67, 64, 48], [74, 67, 64, 48]])
    assert report.count_parallels(held) == (0, 1)


def test_copies_are_found_whatever_their_key(report: ModuleType) -> None:
    rng = np.random.default_rng(0)
    source = rng.integers(40, 80, (32, 4))
    piece = np.concatenate([rng.integers(40, 80, (4, 4)), source[8:20] + 3, rng.integers(40, 80, (4, 4))])
    assert report.CopyFinder([source]).longest_beats(piece) == 3.0  # 12 steps
    assert report.CopyFinder([rng.integers(40, 80, (32, 4))]).longest_beats(piece) < 1.0


def test_report_of_a_set(report: ModuleType) -> None:
    pieces = [np.array([C_MAJOR] * 4 + [D_MAJOR] * 4), np.array([D_MAJOR] * 4 + [C_MAJOR] * 4)]
    figures = report.describe(pieces, report.CopyFinder(pieces[:1]))
    assert figures.chords == 1.0
    assert figures.ends_well == 1.0
    assert figures.crossings == 0.0
    assert figures.copied_beats_most == 2.0
    assert len(report.shuffled_voices(pieces)) == 2


def test_sopranos_of_the_validation_set_are_harmonised(
    report: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = np.random.default_rng(0)
    pieces = [np.stack([rng.integers(low, low + 8, 16) for low in (66, 60, 54, 45)], axis=1).tolist() for _ in range(3)]
    (tmp_path / "data.json").write_text(json.dumps({"train": pieces[:1], "valid": pieces[1:]}))
    model = write_random_model(tmp_path / "fill")
    arguments = [
        "--fill",
        str(model),
        "--data",
        str(tmp_path / "data.json"),
        "--n",
        "2",
        "--out",
        str(tmp_path / "out"),
    ]
    assert report.main(arguments) == 0
    printed = capsys.readouterr().out
    for row in ("| real (valid) |", "| the same 2, by Bach |", "| harmonised (2) |", "| voices shuffled |"):
        assert row in printed
    assert len(list((tmp_path / "out").glob("*.mid"))) == 2
