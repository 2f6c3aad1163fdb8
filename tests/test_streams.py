"""The command line on streams that are closed, full, gone, or cannot encode a letter: nothing is lost, no traceback."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from audio_lstm import cli
from audio_lstm.commands import console
from audio_lstm.errors import AudioLSTMError
from audio_lstm.streams import prepare_streams

COMMANDS = ("transcribe", "align", "listen", "serve", "compose", "harmonise", "infill", "render", "demo", "evaluate")
COMMANDS += ("evaluate speech", "evaluate music", "tune", "train-lm", "models")
if TYPE_CHECKING:
    from tests.conftest import CommandLine

posix = pytest.mark.skipif(os.name != "posix", reason="needs a shell's redirections")


def shell(redirection: str, *arguments: str | Path) -> subprocess.CompletedProcess[bytes]:
    """The command line in a process of its own, with a redirection."""
    command = ["sh", "-c", f'exec "$@" {redirection}', "sh", sys.executable, "-m", "audio_lstm.cli", *arguments]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    done = subprocess.run(list(map(str, command)), capture_output=True, timeout=120, check=False, env=environment)
    assert b"Traceback" not in done.stderr
    assert b"Exception ignored" not in done.stderr
    return done


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "cp437", "ascii", "koi8-r"])
def test_help_is_written_in_every_encoding(encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    for words in ["", *COMMANDS]:
        raw = io.BytesIO()
        monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding))
        with pytest.raises(SystemExit, match="0"):
            cli.main([*words.split(), "--help"])
        text = raw.getvalue().decode(encoding)
        assert text.startswith(f"usage: audio-lstm {words}".rstrip())
        assert "\\u" not in text
        assert ("A,B,..." in text) == (words == "train-lm" and encoding not in ("cp1252",))


def test_what_an_encoding_lacks_is_written_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    for encoding, expected in (
        ("utf-8", "“é” … 語 \udcff\n".encode("utf-8", "surrogateescape")),
        ("latin-1", b'"\xe9" ... \\u8a9e \xff\n'),
        ("cp1252", b"\x93\xe9\x94 \x85 \\u8a9e \xff\n"),
        ("ascii", b'"\\xe9" ... \\u8a9e \xff\n'),
    ):
        out, err = io.BytesIO(), io.BytesIO()
        monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(out, encoding, newline="\n"))
        monkeypatch.setattr(sys, "stderr", io.TextIOWrapper(err, encoding, newline="\n"))
        prepare_streams()
        console.answer("“é” … 語 \udcff")
        console.complain("“é” … 語 \udcff")
        assert out.getvalue() == expected
        assert err.getvalue() == b"audio-lstm: " + expected


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "cp1252", "ascii"])
def test_json_stays_json_in_every_encoding(encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    values = {"text": "“é” … 語 🎵", "name": "a\udcff.wav"}
    out = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(out, encoding))
    prepare_streams()
    console.answer_json(json.dumps(values, ensure_ascii=False))
    assert json.loads(out.getvalue().decode("utf-8")) == values


@posix
def test_closed_streams_are_one_line_or_nothing(tmp_path: Path) -> None:
    done = shell(">&-", "models")
    assert (done.returncode, done.stdout) == (1, b"")
    assert b"standard output is closed, and the result would go there" in done.stderr
    assert shell(">/dev/null", "models").returncode == 0
    assert shell("2>&-", "models").stdout.startswith(b"an4\t")
    assert shell("2>&-", "nosuch").returncode == 2
    assert shell(">&- 2>&-", "nosuch").returncode == 2
    assert shell(">&- 2>&- <&-", "--help").returncode == 0
    for arguments in (["transcribe", "-"], ["listen", "--stdin"]):
        done = shell("<&-", *arguments, "--model", "an4")
        assert (done.returncode, done.stdout) == (1, b"")
        assert done.stderr.startswith(b"audio-lstm: standard input is closed; pipe something into it")


@posix
@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_full_streams_are_one_line_or_nothing() -> None:
    for arguments in (["models"], ["--help"], ["compose", "--help"]):
        done = shell(">/dev/full", *arguments)
        assert (done.returncode, done.stderr) == (1, b"audio-lstm: output: No space left on device\n")
    done = shell("2>/dev/full", "nosuch")
    assert (done.returncode, done.stdout) == (2, b"")
    assert shell("2>/dev/full", "models").returncode == 0


@posix
@pytest.mark.parametrize("redirection", [">&-", "2>&-", ">&- 2>&- <&-", "2>/dev/full"])
def test_what_is_written_to_files_is_not_lost_with_the_streams(
    redirection: str, tmp_path: Path, repository: Path
) -> None:
    (tmp_path / "song.abc").write_text("X:1\nK:C\nL:1/4\nC D E F|\n")
    sample = repository / "demos" / "samples" / "spelling.wav"
    outs = [tmp_path / "song.json", tmp_path / "song.mid"]
    assert shell(redirection, "render", tmp_path / "song.abc", "--out", *outs).returncode == 0
    assert all(out.stat().st_size for out in outs)
    assert outs[0].read_text().startswith("{")  # nothing that was meant for a stream is in it
    assert shell(redirection, "transcribe", sample, "--model", "an4", "--out", tmp_path / "out").returncode == 0
    assert (tmp_path / "out" / "spelling.txt").read_text().strip()


def test_complaints_and_progress_that_nobody_can_read_do_not_end_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    class Gone(io.StringIO):
        def write(self, text: str) -> int:
            raise OSError(5, "Input/output error")

        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stderr", Gone())
    console.complain("x")
    console.answer("x", beside=True)
    for show in (console.progress(2, "files"), console.live_line()):
        assert show is not None
        show(1 if show.__qualname__.startswith("progress") else "x")  # type: ignore[arg-type, operator]


def test_a_name_that_the_locale_cannot_write_is_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object, **__: object) -> None:
        "é.wav".encode("ascii")

    monkeypatch.setattr("audio_lstm.checkpoint.shipped_models", fails)
    assert cli.main(["models"]) == 1
    message = r"'\xe9.wav' holds the letter '\xe9', which ascii lacks; set PYTHONUTF8=1, or another locale"
    assert capsys.readouterr() == ("", f"audio-lstm: {message}\n")


def test_outputs_are_checked_before_anything_is_done(tmp_path: Path) -> None:
    (tmp_path / "old").write_text("mine")
    new = tmp_path / "new.mid"
    console.require_writable([new, tmp_path / "later" / "new.mid"], force=False)
    for files, message in (
        ([new, tmp_path / "old"], "old: exists already; pass --force to overwrite it, or another --out"),
        ([new, tmp_path], "is a folder; pass another --out"),
        ([new, tmp_path / "x" / ".." / "new.mid"], "new.mid: is to be written twice; name it once"),
        ([new, tmp_path / "old" / "x.mid"], "x.mid: .*old is a file, not a folder; pass another --out"),
        ([new, Path("/proc/x.mid")], r"x\.mid: cannot be written: .* \(/proc\); check its folder and the space left"),
    ):
        with pytest.raises(AudioLSTMError, match=message):
            console.require_writable(files, force=False)
    console.require_writable([tmp_path / "old"], force=True)
    assert [file.name for file in tmp_path.iterdir()] == ["old"]


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="needs a folder that takes no files, for root neither")
@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ("align no.wav text --out /proc/x.srt", "/proc/x.srt"),
        ("compose --out /proc/x.mid", "/proc/x.mid"),
        ("compose --takes 2 --out /proc/pieces --format mid,wav", "/proc/pieces/composition-1.mid"),
        ("harmonise no.mid --out /proc/x.mid", "/proc/x.mid"),
        ("infill no.mid --bars 1 --out /proc/x.mid", "/proc/x.mid"),
        ("render no.mid --out x.mid /proc/x.wav", "/proc/x.wav"),
        ("train-lm no.txt --out /proc/x.lm", "/proc/x.lm"),
        ("transcribe no.wav --out /proc/x --format srt,json", "/proc/x/no.srt"),
        ("evaluate speech --manifest no.jsonl --per-utterance /proc/x.jsonl", "/proc/x.jsonl"),
        ("evaluate music --generated no --real no --plot /proc/x.png", "/proc/x.png"),
    ],
)
def test_every_command_that_writes_files_tries_them_before_it_reads_anything(
    arguments: str, named: str, run: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    status, out, err = run(*arguments.split())
    assert (status, out) == (1, "")
    run.assert_one_complaint(err, f"{named}: cannot be written: ", "(/proc); check")
    assert not list(tmp_path.iterdir())
