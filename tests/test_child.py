"""Processes of our own: the same package in them, and nothing that happens to lie in the working directory."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

from audio_lstm.child import module_command, module_environment

NAME = "sys.executable"
PLANTED = ("numpy", "soundfile", "av", "soxr", "json", "symusic", "mido", "onnxruntime", "sitecustomize")
# A script of a user's, in a folder of its own, that makes each kind of worker do its work.
DECODE = """
import sys, tempfile
from audio_lstm.serving.decode_process import DecodeProcess, Upload
from audio_lstm.serving.job import Job
process = DecodeProcess(max_memory_bytes=2_000_000_000)
with open(sys.argv[1], "rb") as file:
    with process.decoded(Upload(file, "a.wav"), Job.lasting(60), sample_rate=16_000, max_seconds=60) as decoded:
        assert len(decoded.samples) > 16_000
process.close()
"""
PARSE = """
import sys
from audio_lstm.music.files.files import ScoreReader
with ScoreReader() as reader:
    assert reader.read(sys.argv[2]).n_notes == 4
"""
BATCH = """
import sys
from audio_lstm import transcribe_files
assert not transcribe_files(sys.argv[1], sys.argv[3], model="an4").failures
"""


@pytest.fixture
def trap(tmp_path: Path) -> tuple[Path, Path]:
    """A folder with modules that leave a mark where they are run, and the mark."""
    folder, mark = tmp_path / "trap", tmp_path / "mark"
    folder.mkdir()
    for name in PLANTED:
        (folder / f"{name}.py").write_text(f"open({str(mark)!r}, 'a').write({name!r} + ' ')\nraise SystemExit(3)\n")
    return folder, mark


@pytest.mark.parametrize("path", [None, f".{os.pathsep}{os.pathsep}/nowhere"])
@pytest.mark.parametrize("script", [DECODE, PARSE, BATCH], ids=["decode", "parse", "batch"])
def test_no_worker_runs_what_lies_in_the_working_directory(
    script: str, path: str | None, trap: tuple[Path, Path], tmp_path: Path, repository: Path
) -> None:
    folder, mark = trap
    (tmp_path / "song.abc").write_text("X:1\nK:C\nL:1/4\nC D E F|\n")
    program = tmp_path / "program.py"
    # The working directory and PYTHONPATH change once the program itself runs: what it imports is its own affair.
    put = "" if path is None else f"os.environ['PYTHONPATH'] = {path!r}\n"
    start = f"import os, sys\nsys.path.append({str(repository)!r})\nimport numpy\nos.chdir({str(folder)!r})\n"
    program.write_text(f"{start}os.environ.pop('PYTHONPATH', None)\n{put}{script}")
    sample = repository / "demos" / "samples" / "spelling.wav"
    command = [sys.executable, program, sample, tmp_path / "song.abc", tmp_path / "out"]
    done = subprocess.run(list(map(os.fspath, command)), capture_output=True, text=True, timeout=120, check=False)
    assert not mark.exists(), mark.read_text()
    assert done.returncode == 0, done.stderr


def test_a_worker_keeps_the_paths_that_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "parrot.py").write_text("import sys, audio_lstm; print(sys.argv[1:])")
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    for entry in (str(tmp_path), ".."):
        monkeypatch.setenv("PYTHONPATH", os.pathsep.join(["./", entry, "", "."]))
        environment = module_environment({"PARROT": "1"})
        assert environment["PARROT"] == "1"
        assert environment["PYTHONPATH"].split(os.pathsep)[1:] == [entry]
        done = subprocess.run(module_command("parrot", 1, 0.5), env=environment, capture_output=True, check=True)
        assert done.stdout == b"['1', '0.5']\n"


def test_every_python_that_is_started_stays_out_of_the_working_directory(repository: Path) -> None:
    def starts(file: Path) -> list[list[str]]:
        """The words after sys.executable in each list that begins with it; expressions as their source."""
        lists = [node for node in ast.walk(ast.parse(file.read_text("utf-8"))) if isinstance(node, ast.List)]
        return [words[1:] for one in lists if (words := [ast.unparse(word) for word in one.elts])[:1] == [NAME]]

    files = [file for folder in ("audio_lstm", "recipes", "demos") for file in (repository / folder).rglob("*.py")]
    files = [file for file in files if NAME in file.read_text("utf-8")]
    named = {file.relative_to(repository).as_posix(): starts(file) for file in files}
    assert [name for name in named if name.startswith("audio_lstm")] == ["audio_lstm/child.py"]
    begun = [words for lists in named.values() for words in lists]
    assert len(begun) >= 6
    assert all(words[0] in ("'-P'", "__file__") for words in begun), named
