"""`audio-lstm memory`: numbers on standard output, a picture if asked for, one line where it cannot be done."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import audio_lstm
from tests.conftest import CommandLine


def test_a_recording_is_measured_in_seconds_and_drawn(run: CommandLine, repository: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib comes with the extra plot")
    clip, picture = repository / "demos" / "samples" / "control.wav", tmp_path / "memory.png"
    status, out, err = run("memory", str(clip), "--model", "an4", "--probes", "2", "--span", "3", "--out", str(picture))
    assert status == 0, err
    assert [line.split(":")[0] for line in out.splitlines()][-1] == "answer"
    assert "seconds back" in out
    assert "ahead" in out
    assert picture.read_bytes().startswith(b"\x89PNG")
    status, _, err = run("memory", str(clip), "--model", "an4", "--out", str(picture))
    assert status == 1
    assert "exists already; pass --force" in err


def test_pieces_are_measured_in_beats_and_json_holds_the_numbers(run: CommandLine, tmp_path: Path) -> None:
    files = [str(audio_lstm.compose(seed=seed, bars=3).save(tmp_path / f"{seed}.mid")) for seed in (1, 2)]
    status, out, err = run("memory", *files, "--probes", "3", "--json")
    assert status == 0, err
    found = json.loads(out)
    assert (found["unit"], found["n_sources"], found["n_probes"]) == ("beats", 2, 6)
    assert len(found["layers"]) == 2
    assert len(found["reach"]) == 3
    assert min(found["lags"]) > 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("piece.mid", "clip.wav"), "over recordings or over pieces, got both"),
        (("missing.wav",), "missing.wav"),
        (("x.mid", "--model", "english-base"), "a model of the speech wing"),
        (("x.wav", "--probes", "0"), "n_probes must be at least 1, got 0"),
    ],
)
def test_what_cannot_be_measured_is_one_line(run: CommandLine, arguments: tuple[str, ...], message: str) -> None:
    status, out, err = run("memory", *arguments)
    assert status in (1, 2)
    assert out == ""
    assert message in err
    assert len(err.splitlines()) == 1
