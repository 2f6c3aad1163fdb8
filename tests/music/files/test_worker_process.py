"""Worker processes: found from anywhere, bounded, and ended when a file takes too long."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from audio_lstm.music.files.worker_process import Deadline, end_worker, how_it_ended, start_worker


def python(script: str) -> subprocess.CompletedProcess[str]:
    folder = Path(__file__).resolve().parents[3]
    return subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False, cwd=folder
    )


def test_a_worker_is_found_from_any_folder_and_takes_its_arguments(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "parrot.py").write_text("import sys, audio_lstm; print(sys.argv[1:], flush=True)")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    process = start_worker("parrot", (1, 0.5))
    out, _ = process.communicate(timeout=60)
    assert out == b"['1', '0.5']\n"
    assert process.returncode == 0


def test_how_a_process_ended_is_said_in_words() -> None:
    assert how_it_ended(3) == "exit status 3"
    assert how_it_ended(-signal.SIGSEGV) == "SIGSEGV"
    assert how_it_ended(-200) == "signal 200"


DEADLINE = """
import os, time
from audio_lstm.music.files.worker_process import Deadline
with open(os.devnull, "w") as nowhere:
    deadline = Deadline(0.05, nowhere)
    {alarm}
    deadline.start()
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
            Deadline(60.0, nowhere)
        assert signal.getsignal(signal.SIGALRM) == signal.SIG_DFL
    finally:
        signal.signal(signal.SIGALRM, before)


@pytest.mark.skipif(os.name != "posix", reason="the limit is a Unix thing")
def test_memory_is_bounded() -> None:
    script = "from audio_lstm.music.files.worker_process import limit_memory; limit_memory(1 << 28); bytearray(1 << 29)"
    assert "MemoryError" in python(script).stderr


def test_a_worker_is_ended_whatever_it_does_and_once_more() -> None:
    process = start_worker("audio_lstm.music.files.parse_worker", [2**30, 60.0])
    for _ in range(2):
        end_worker(process)
        assert process.returncode == -signal.SIGKILL
        assert process.stdin is not None
        assert process.stdin.closed
