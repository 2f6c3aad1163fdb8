"""`evaluate music --generated`: tables, JSON, a plot, novelty, and one line for every bad input."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from audio_lstm.music.files.files import write_midi
from audio_lstm.music.score.voices import voice_grid_to_score

if TYPE_CHECKING:
    from tests.conftest import CommandLine


def grid(seed: int) -> list[list[int]]:
    roots = np.random.default_rng(seed).integers(-5, 6, 12)
    return [[int(pitch + root) for pitch in (72, 67, 64, 48)] for root in roots for _ in range(4)]


@pytest.fixture
def generated(tmp_path: Path) -> Path:
    folder = tmp_path / "generated"
    folder.mkdir()
    for seed in range(3):
        write_midi(voice_grid_to_score(grid(seed)), folder / f"{seed}.mid")
    return folder


@pytest.fixture
def real(tmp_path: Path) -> Path:
    file = tmp_path / "satb.json"
    file.write_text(json.dumps({"valid": [grid(seed) for seed in range(10, 16)]}))
    return file


def test_generated_pieces_alone_are_measured(run: CommandLine, generated: Path) -> None:
    status, out, err = run("evaluate", "music", "--generated", generated)
    assert (status, err) == (0, "")
    assert out.startswith("| | generated (3) |\n|---|---|\n| pitch class entropy | ")
    assert "shared" not in out


def test_they_are_compared_with_real_ones_drawn_and_searched_for_copies(
    run: CommandLine, generated: Path, real: Path, tmp_path: Path
) -> None:
    plot = tmp_path / "sets.svg"
    arguments = ("--generated", generated, "--real", real, "--model", "chorale", "--plot", plot)
    status, out, err = run("evaluate", "music", *arguments)
    assert (status, err) == (0, "")
    assert "| | generated (3) | real (6) |" in out
    assert "| overlap of | mean histograms | overlapped area |" in out
    assert "| longest run shared with the training set | notes |" in out
    assert "| 0.mid | " in out
    assert "Real pieces that were held out (76): median 14 notes, 90 % at most 35." in out
    assert plot.read_bytes().startswith(b"<?xml")


def test_the_json_has_everything(run: CommandLine, generated: Path, real: Path) -> None:
    arguments = ("--generated", generated, "--real", real, "--model", "chorale", "--json")
    status, out, _ = run("evaluate", "music", *arguments)
    assert status == 0
    result = json.loads(out)
    assert set(result) == {"generated", "real", "overlaps", "novelty"}
    assert [row["piece"] for row in result["novelty"]] == ["0.mid", "1.mid", "2.mid"]
    assert result["novelty"][0]["held_out_median"] == 14.0
    alone = json.loads(run("evaluate", "music", "--generated", generated, "--json")[1])
    assert alone == {"generated": result["generated"]}


def test_a_damaged_piece_is_left_out_and_said(run: CommandLine, generated: Path) -> None:
    (generated / "bad.mid").write_bytes(b"MThd")
    status, out, err = run("evaluate", "music", "--generated", generated)
    assert status == 1
    assert out.startswith("| | generated (3) |")
    assert "bad.mid: " in err
    assert "(left out)" in err


def test_options_that_do_not_go_together_are_wrong_usage(run: CommandLine, generated: Path, real: Path) -> None:
    for arguments, message in {
        (): "pass --data (likelihood of a corpus) or --generated (measures of pieces), one of the two",
        ("--data", real, "--generated", generated): "one of the two",
        ("--data", real, "--real", real): "--real and --plot go with --generated, not with --data",
        (
            "--generated",
            generated,
            "--plot",
            "x.png",
        ): "--plot draws a comparison; say with --real what to compare with",
        ("--generated", generated, "--real", real, "--plot", "x.gif"): "cannot draw '.gif'",
    }.items():
        status, out, err = run("evaluate", "music", *arguments)
        assert (status, out) == (2, "")
        assert message in err
        assert err.count("\n") == 1


def test_a_model_without_an_index_is_named(run: CommandLine, generated: Path) -> None:
    status, _, err = run("evaluate", "music", "--generated", generated, "--model", "nowhere")
    assert status == 1
    assert "model 'nowhere' not found" in err
