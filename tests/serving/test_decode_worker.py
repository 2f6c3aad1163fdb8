"""What the decoding process answers, in this process and in its own."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from audio_lstm.serving import decode_worker
from audio_lstm.serving.decode_worker import answer
from audio_lstm.workers import Worker
from tests.serving.conftest import tone, wav

REQUEST = {
    "name": "a.wav",
    "sample_rate": 16_000,
    "max_seconds": 10.0,
    "allow_truncated": False,
    "track": None,
    "timeout_s": 60.0,
}


def answered(data: bytes, path: Path, **changes: Any) -> tuple[dict[str, Any], np.ndarray[Any, Any]]:
    with tempfile.TemporaryFile() as upload:
        upload.write(data)
        upload.flush()
        samples = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC)
        reply = answer({**REQUEST, **changes}, os.dup(upload.fileno()), samples)
    return reply, np.fromfile(path, np.float32)


def test_samples_are_written_as_floats(tmp_path: Path) -> None:
    reply, samples = answered(wav(tone(0.5)), tmp_path / "out")
    assert reply == {"n_samples": 8000, "notes": [], "channel_peaks_db": []}
    np.testing.assert_allclose(samples, tone(0.5) / 32768, atol=1e-7)


def test_another_rate_is_resampled(tmp_path: Path) -> None:
    reply, samples = answered(wav(tone(0.5, 8000), 8000), tmp_path / "out")
    assert reply == {"n_samples": 8000, "notes": [], "channel_peaks_db": []}
    assert len(samples) == 8000


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "a.wav: "),
        (b"no recording at all, only text", "a.wav: "),
        (
            wav(tone(2.0))[:20_000],
            "a.wav: the wav file is cut short (its header announces 64,044 bytes, 20,000 are there)",
        ),
        (wav(tone(11.0)), "a.wav: announces 11 s of audio, more than the 10 s allowed"),
    ],
)
def test_a_bad_upload_is_named_as_the_client_names_it(data: bytes, message: str, tmp_path: Path) -> None:
    reply, _ = answered(data, tmp_path / "out")
    assert reply["error"].startswith(message)
    assert str(tmp_path) not in reply["error"]


def test_what_is_there_of_a_cut_upload_can_be_asked_for(tmp_path: Path) -> None:
    reply, samples = answered(wav(tone(2.0))[:20_044], tmp_path / "out", allow_truncated=True)
    assert reply["n_samples"] == len(samples)
    assert reply["notes"] == [
        "the file is cut short (its header announces 64,044 bytes, 20,044 are there); what is there is read"
    ]
    assert len(samples) == 10_000


def test_too_little_memory_is_an_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def greedy(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr(decode_worker, "read_blocks", greedy)
    reply, _ = answered(wav(tone(0.5)), tmp_path / "out")
    assert reply["error"] == "a.wav: decoding it takes more memory than allowed; export it again, as wav"


def test_a_full_disk_is_not_the_uploads_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    if not os.path.exists("/dev/full"):
        pytest.skip("needs /dev/full")
    with tempfile.TemporaryFile() as upload:
        upload.write(wav(tone(0.5)))
        upload.flush()
        reply = answer(REQUEST, os.dup(upload.fileno()), os.open("/dev/full", os.O_WRONLY))
    assert reply == {"failure": "decoded audio cannot be stored (No space left on device)"}


def test_the_process_answers_until_the_pipe_closes(tmp_path: Path) -> None:
    worker = Worker("audio_lstm.serving.decode_worker", 2_000_000_000, takes_files=True)
    worker.start()
    with tempfile.TemporaryFile() as upload, tempfile.TemporaryFile() as out:
        upload.write(wav(tone(0.5)))
        upload.flush()
        for _ in range(2):
            answer = worker.ask(REQUEST, files=[upload.fileno(), out.fileno()])
            assert answer == ({"n_samples": 8000, "notes": [], "channel_peaks_db": []}, b"")
        out.seek(0)
        assert len(out.read()) == 2 * 4 * 8000
    process = worker.process
    assert process is not None
    assert process.stdin is not None
    process.stdin.close()
    assert process.wait(20) == 0
    worker.close()
