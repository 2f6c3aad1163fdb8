"""`harmonise` and `infill` on the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from audio_lstm import harmonise
from audio_lstm.music.files.files import read_score, write_midi
from audio_lstm.music.score.voices import score_to_voice_grid, voice_grid_to_score
from tests.music.models.fill_models import write_random_model

if TYPE_CHECKING:
    from tests.conftest import CommandLine

HYMN = np.tile([[72, 67, 64, 48], [74, 67, 65, 43]], (8, 1)).repeat(4, axis=0)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_random_model(tmp_path_factory.mktemp("fill") / "model"))


@pytest.fixture
def hymn(tmp_path: Path) -> Path:
    write_midi(voice_grid_to_score(HYMN), tmp_path / "hymn.mid")
    return tmp_path / "hymn.mid"


def test_a_melody_becomes_a_chorale_as_in_python(run: CommandLine, model: str, hymn: Path, tmp_path: Path) -> None:
    out_file = tmp_path / "out.mid"
    status, out, err = run("harmonise", hymn, "--model", model, "--seed", "4", "--tempo", "70", "--out", out_file)
    assert (status, err) == (0, "audio-lstm: left out, since the melody alone is harmonised: Alto, Tenor, Bass\n")
    assert out.startswith(f"{out_file}: ")
    assert "seed 4" in out
    harmonise(hymn, model=model, seed=4, tempo_bpm=70).save(tmp_path / "python.mid")
    assert out_file.read_bytes() == (tmp_path / "python.mid").read_bytes()


def test_bars_are_written_anew(run: CommandLine, model: str, hymn: Path, tmp_path: Path) -> None:
    out_file = tmp_path / "out.mid"
    for bars, rows in (("2", slice(16, 32)), ("2-3", slice(16, 48))):
        status, out, _ = run(
            "infill", hymn, "--bars", bars, "--model", model, "--seed", "1", "--out", out_file, "--force", "--json"
        )
        assert status == 0
        assert json.loads(out)["file"] == str(out_file)
        changed = score_to_voice_grid(read_score(out_file)) != HYMN
        assert changed[rows].any()
        changed[rows] = False
        assert not changed.any()


def test_bad_wishes_are_one_line_and_nothing_is_written(
    run: CommandLine, model: str, hymn: Path, tmp_path: Path
) -> None:
    out_file = tmp_path / "out.mid"
    for wishes, message in (
        (["infill", hymn, "--bars", "x-3"], "bars 'x-3': expected a bar such as 5, a range such as 5-8"),
        (["infill", hymn, "--bars", "2-9"], "the piece: its bars are 1 to 4"),
        (["infill", hymn], "bars and voices are both everything"),
        (["harmonise", tmp_path / "none.mid"], "no such file"),
        (["harmonise", hymn, "--device", "cuda"], "bars are filled in on the CPU only"),
    ):
        status, out, err = run(*wishes, "--model", model, "--out", out_file)
        assert (status, out) in {(1, ""), (2, "")}
        assert message in err
        assert err.count("\n") == 1
        assert not out_file.exists()
    status, _, err = run("harmonise", hymn, "--model", model, "--out", tmp_path / "x.txt")
    assert "--out" in err
    assert ".mid" in err
    status, _, err = run("harmonise", hymn, "--model", model, "--out", hymn)
    assert "exists" in err


def test_notes_are_harmonised_and_takes_varied(run: CommandLine, model: str, tmp_path: Path) -> None:
    tune = "C5 D5 E5:2 C5 D5 E5:2"
    status, _, err = run("harmonise", tune, "--model", model, "--seed", "1", "--out", tmp_path / "a.mid")
    assert status == 0, err
    status, _, err = run(
        "infill", tmp_path / "a.mid", "--keep", "1", "--model", model, "--seed", "2", "--out", tmp_path / "b.mid"
    )
    assert status == 0, err
    one, other = (read_score(tmp_path / name) for name in ("a.mid", "b.mid"))
    first = one.notes["start_ticks"] < 4 * one.ticks_per_quarter
    assert one.notes[first]["pitch"].tolist() == other.notes[: int(first.sum())]["pitch"].tolist()
