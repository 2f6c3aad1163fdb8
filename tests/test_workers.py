"""Processes of our own: the same package in them, and nothing that happens to lie in the working directory."""

from __future__ import annotations

import ast
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from audio_lstm.workers import Deadline, Worker, module_command, module_environment

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
    assert [name for name in named if name.startswith("audio_lstm")] == ["audio_lstm/workers.py"]
    begun = [words for lists in named.values() for words in lists]
    assert len(begun) >= 6
    assert all(words[0] in ("'-P'", "__file__") for words in begun), named


def python(script: str) -> subprocess.CompletedProcess[str]:
    folder = Path(__file__).resolve().parents[1]
    return subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False, cwd=folder
    )


DEADLINE = """
import os, time
from audio_lstm.workers import Deadline
with open(os.devnull, "w") as nowhere:
    deadline = Deadline(nowhere)
    {alarm}
    deadline.start(0.05)
    {work}
    deadline.stop()
    time.sleep(0.1)
print("alive")
"""


@pytest.mark.skipif(os.name != "posix", reason="alarms are a Unix thing")
@pytest.mark.parametrize("alarm", ["", "deadline._alarm = False"])
def test_a_process_ends_at_its_deadline_even_if_it_hangs_in_c(alarm: str) -> None:
    late = python(DEADLINE.format(alarm=alarm, work="sum(range(10**10))"))
    assert late.returncode == (1 if alarm else -signal.SIGALRM)
    assert late.stdout == ""
    early = python(DEADLINE.format(alarm=alarm, work=""))
    assert early.stdout == "alive\n"


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="alarms are a Unix thing")
def test_a_deadline_takes_back_what_its_parent_ignored() -> None:
    before = signal.signal(signal.SIGALRM, signal.SIG_IGN)
    try:
        with open(os.devnull, "w") as nowhere:
            Deadline(nowhere)
        assert signal.getsignal(signal.SIGALRM) == signal.SIG_DFL
    finally:
        signal.signal(signal.SIGALRM, before)


@pytest.mark.skipif(os.name != "posix", reason="the limit is a Unix thing")
def test_memory_is_bounded() -> None:
    script = "from audio_lstm.workers import limit_memory; limit_memory(1 << 28); bytearray(1 << 29)"
    assert "MemoryError" in python(script).stderr


PARROT = """
import os, signal, socket, sys, time
from audio_lstm.workers import Requests
def main(*arguments):
    requests = Requests(timeout_s=20.0)
    for header, payload in requests:
        print("what a library prints")
        for step in range(header.get("steps", 0)):
            requests.progress([step, header["steps"]])
        if "exit" in header:
            sys.exit("the last line")
        if "signal" in header:
            os.kill(os.getpid(), header["signal"])
        if "files" in header:
            with socket.socket(fileno=int(arguments[0])) as connection:
                (descriptor,) = socket.recv_fds(connection, 1, 1)[1]
            payload = os.pread(descriptor, 100, 0)
        requests.answer({"arguments": arguments}, payload * 2)
if __name__ == "__main__":
    main(*sys.argv[1:])
"""


@pytest.fixture
def parrot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A worker that says everything twice, or dies as it is told to."""
    (tmp_path / "parrot.py").write_text(PARROT)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return "parrot"


def test_a_worker_is_found_takes_its_arguments_and_answers_until_it_is_closed(parrot: str) -> None:
    worker = Worker(parrot, 1, 0.5)
    assert worker.ask({}) is None
    worker.start()
    process = worker.process
    assert process is not None
    for payload in (b"", b"ab", bytes(1_000_000)):
        assert worker.ask({"any": "thing"}, payload) == ({"arguments": ["1", "0.5"]}, payload * 2)
    assert worker.is_running
    for _ in range(2):
        worker.close()
        assert not worker.is_running
        assert process.returncode == -signal.SIGKILL
        assert process.stdin is not None
        assert process.stdin.closed


def test_what_comes_before_the_answer_is_handed_on(parrot: str) -> None:
    worker, seen = Worker(parrot), []
    worker.start()
    answer = worker.ask({"steps": 3}, b"x", progress=seen.append)
    assert seen == [[0, 3], [1, 3], [2, 3]]
    assert answer == worker.ask({"steps": 3}, b"x") == ({"arguments": []}, b"xx")
    worker.close()


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_how_a_worker_died_is_said_in_words(parrot: str) -> None:
    worker = Worker(parrot, keeps_stderr=True)
    for header, words in (
        ({"signal": signal.SIGSEGV}, "SIGSEGV"),
        ({"signal": 40}, "signal 40"),
        ({"exit": True}, "exit status 1: the last line"),
    ):
        worker.start()
        assert worker.ask(header) is None
        assert worker.how_it_ended == words
        assert worker.process is None
    silent = Worker(parrot)
    silent.start()
    silent.ask({"exit": True})
    assert silent.how_it_ended == "exit status 1"


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_an_answer_that_is_wanted_no_longer_ends_the_worker_at_once(parrot: str) -> None:
    class TooLateError(Exception):
        pass

    def late() -> None:
        raise TooLateError

    worker = Worker(parrot)
    worker.start()
    process = worker.process
    assert process is not None
    process.send_signal(signal.SIGSTOP)
    with pytest.raises(TooLateError):
        worker.ask({}, poll=late)
    assert process.poll() == -signal.SIGKILL
    assert worker.process is None


@pytest.mark.skipif(os.name != "posix", reason="files are sent over a socket of Unix")
def test_open_files_go_along_and_no_descriptor_is_left(parrot: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"inside")
    before = len(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").is_dir() else None
    worker = Worker(parrot, 7, takes_files=True)
    worker.start()
    with (tmp_path / "file").open("rb") as file:
        answer = worker.ask({"files": 1}, files=[file.fileno()])
    assert answer is not None
    assert answer[1] == b"inside" * 2
    assert answer[0]["arguments"][1:] == ["7"]
    worker.close()
    if before is not None:
        assert len(os.listdir("/proc/self/fd")) == before
