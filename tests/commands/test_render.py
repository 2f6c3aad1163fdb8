"""`render` on the command line: every ending, and wrong wishes before any work."""

from __future__ import annotations

import sys
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import soundfile

from audio_lstm.music.files.files import read_score, write_midi
from audio_lstm.music.score.score import Score, Track, make_notes

if TYPE_CHECKING:
    from tests.conftest import CommandLine

TUNE = Score(480, make_notes([0, 480], 480, [67, 69]), (Track("Flute", 73),))


@pytest.fixture
def tune(tmp_path: Path) -> Path:
    write_midi(TUNE, tmp_path / "tune.mid")
    return tmp_path / "tune.mid"


def test_a_score_becomes_several_files(run: CommandLine, tune: Path, tmp_path: Path) -> None:
    names = ["x.wav", "x.png", "x.abc", "x.json"]
    outs = [tmp_path / name for name in names]
    status, out, err = run("render", tune, "--rate", "8000", "--out", *outs)
    assert (status, err) == (0, "")
    assert out.splitlines() == [f"{path}: 2 notes, 1.0 s" for path in outs]
    assert soundfile.info(outs[0]).samplerate == 8_000
    assert "T:tune\n" in outs[2].read_text()


def test_what_was_written_is_read_again(run: CommandLine, tune: Path, tmp_path: Path) -> None:
    pytest.importorskip("verovio")
    chain = [tune, *(tmp_path / name for name in ("a.json", "b.musicxml", "c.abc", "d.mid"))]
    for source, target in pairwise(chain):
        assert run("render", source, "--out", target)[0] == 0
    again = read_score(chain[-1]).resample_ticks(480)
    assert again.notes["pitch"].tolist() == [67, 69]
    assert again.notes["duration_ticks"].tolist() == [480, 480]


def test_titles_are_printed(run: CommandLine, tune: Path, tmp_path: Path) -> None:
    out = tmp_path / "x.musicxml"
    assert run("render", tune, "--title", "My Air", "--out", out)[0] == 0
    assert "<work-title>My Air</work-title>" in out.read_text()


def test_nothing_is_overwritten_unless_asked(run: CommandLine, tune: Path, tmp_path: Path) -> None:
    old, new = tmp_path / "old.png", tmp_path / "new.png"
    old.write_bytes(b"old")
    status, out, err = run("render", tune, "--out", new, old)
    assert (status, out) == (1, "")
    assert "old.png: exists already; pass --force" in err
    assert old.read_bytes() == b"old"
    assert not new.exists()
    assert run("render", tune, "--out", old, "--force")[0] == 0
    assert old.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["--out", "x.mp3"], 2, "--out x.mp3: cannot write '.mp3'; use one of .mid .midi .wav"),
        (["--out", "nowhere/x.wav"], 1, "the folder nowhere does not exist; create it first"),
        (["--out", "x.wav", "--rate", "5"], 2, "sample_rate is in Hz, from 8,000 to 96,000, got 5"),
        (["--out", "x.wav", "--soundfont", "no.sf2"], 1, "no.sf2: no such sound font"),
        (["--out", "x.mid", "x.wav", "--rate", "5"], 2, "sample_rate is in Hz, from 8,000 to 96,000, got 5"),
        (["--out", "x.mid", "x.wav", "--soundfont", "no.sf2"], 1, "no.sf2: no such sound font"),
        (["--out", "x.mid", "x.png", "./x.mid"], 1, "x.mid: is to be written twice; name it once"),
    ],
)
def test_wrong_wishes_are_one_line_and_write_nothing(
    run: CommandLine,
    tune: Path,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    arguments: list[str],
    status: int,
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    got, out, err = run("render", tune, *arguments)
    assert (got, out) == (status, "")
    assert message in err
    assert len(err.splitlines()) == 1
    assert list(tmp_path.iterdir()) == [tune]


def test_what_some_file_cannot_hold_is_refused_before_the_first_is_written(
    run: CommandLine, tune: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    two = Score(480, make_notes([0, 480], 480, [67, 69], track=[0, 1]), (Track("Flute", 73), Track("Oboe", 68)))
    write_midi(two, tmp_path / "two.mid")
    write_midi(Score(480), tmp_path / "empty.mid")
    monkeypatch.setitem(sys.modules, "verovio", None)
    before = sorted(tmp_path.iterdir())
    for source, last, message in (
        (tmp_path / "two.mid", "x.abc", "x.abc: ABC holds single lines, and this score has 2 parts"),
        (tmp_path / "empty.mid", "x.json", "empty.mid: there is no note in it"),
        (tune, "x.svg", "x.svg: sheet music needs verovio"),
    ):
        status, out, err = run("render", source, "--out", tmp_path / "x.png", tmp_path / last)
        assert (status, out) == (1, "")
        run.assert_one_complaint(err, message)
        assert sorted(tmp_path.iterdir()) == before


def test_a_score_that_cannot_be_read_is_one_line(run: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("{}")
    for name, message in (("x.json", "JSON, but not a score"), ("y.json", "no such file"), ("y.mid", "no such file")):
        status, _, err = run("render", tmp_path / name, "--out", tmp_path / "x.png")
        assert status == 1
        assert f"{name}: " in err
        assert message in err
