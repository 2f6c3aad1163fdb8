"""Decoding elsewhere: the same samples, and nothing that an upload does reaches this process."""

from __future__ import annotations

import io
import os
import signal
import tempfile
import threading
from collections.abc import Iterator

import numpy as np
import pytest

from audio_lstm.audio.files import load_audio
from audio_lstm.errors import AudioError, AudioLSTMError
from audio_lstm.serving.decode_process import DecodeProcess, Upload
from audio_lstm.serving.job import Job, JobCancelled, JobTimedOut
from tests.serving.conftest import tone, wav


@pytest.fixture
def process() -> Iterator[DecodeProcess]:
    process = DecodeProcess(max_memory_bytes=2_000_000_000)
    yield process
    process.close()


def decoded(process: DecodeProcess, data: bytes, job: Job | None = None, *, max_seconds: float = 10) -> np.ndarray:
    with tempfile.TemporaryFile() as file:
        file.write(data)
        upload = Upload(file, "a.wav")
        with process.decoded(upload, job or Job.lasting(60), sample_rate=16_000, max_seconds=max_seconds) as found:
            return np.array(found.samples)


def test_the_samples_are_those_of_the_file(process: DecodeProcess) -> None:
    import soundfile

    file = io.BytesIO()
    soundfile.write(file, tone(1.0, 22_050), 22_050, format="OGG", subtype="VORBIS")
    data = file.getvalue()
    for one in (wav(tone(0.5)), data):
        np.testing.assert_array_equal(decoded(process, one), load_audio(io.BytesIO(one)))


def test_an_error_is_the_uploads(process: DecodeProcess) -> None:
    with pytest.raises(AudioError, match=r"^a\.wav: announces 11 s of audio, more than the 10 s allowed"):
        decoded(process, wav(tone(11)))
    assert len(decoded(process, wav(tone(0.5)))) == 8000


def test_a_crash_ends_one_upload_and_the_next_is_decoded(process: DecodeProcess) -> None:
    os.kill(process._worker.process.pid, signal.SIGSTOP)  # so that it cannot answer before it dies
    threading.Timer(0.3, os.kill, [process._worker.process.pid, signal.SIGKILL]).start()
    with pytest.raises(AudioError, match=r"a\.wav: the decoder crashed on it; export it again, e\.g\. as wav or flac"):
        decoded(process, wav(tone(0.5)))
    assert len(decoded(process, wav(tone(0.5)))) == 8000


def test_a_process_that_died_between_uploads_is_replaced(process: DecodeProcess) -> None:
    process._worker.process.kill()
    process._worker.process.wait()
    assert len(decoded(process, wav(tone(0.5)))) == 8000


def test_a_decoder_that_hangs_is_killed_at_the_deadline(process: DecodeProcess) -> None:
    hanging = process._worker.process
    os.kill(hanging.pid, signal.SIGSTOP)
    with pytest.raises(JobTimedOut):
        decoded(process, wav(tone(0.5)), Job.lasting(0.3))
    assert hanging.poll() is not None
    assert len(decoded(process, wav(tone(0.5)))) == 8000


def test_a_cancelled_job_ends_the_decoding(process: DecodeProcess) -> None:
    job = Job.lasting(60)
    os.kill(process._worker.process.pid, signal.SIGSTOP)
    threading.Timer(0.2, job.cancel).start()
    with pytest.raises(JobCancelled):
        decoded(process, wav(tone(0.5)), job)


def test_the_process_is_replaced_after_many_uploads(process: DecodeProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("audio_lstm.serving.decode_process._MOST_UPLOADS", 1)
    first = process._worker.process
    decoded(process, wav(tone(0.5)))
    assert process._worker.process is first
    decoded(process, wav(tone(0.5)))
    assert process._worker.process is not first
    assert first.poll() is not None


def test_memory_is_limited(process: DecodeProcess) -> None:
    limits = open(f"/proc/{process._worker.process.pid}/limits") if os.path.exists("/proc/self/limits") else None  # noqa: SIM115
    if limits is None:
        pytest.skip("needs /proc")
    decoded(process, wav(tone(0.5)))
    with limits:
        lines = {line[:26].strip(): line[26:].split()[0] for line in limits}
    assert lines["Max address space"] == "2000000000"
    assert lines["Max file size"] == str((10 * 16_000 + 1) * 4)


def test_a_machine_that_cannot_store_is_not_the_uploads_fault(
    process: DecodeProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "_ask", lambda *_: {"failure": "decoded audio cannot be stored (disk full)"})
    with pytest.raises(AudioLSTMError, match=r"^decoded audio cannot be stored \(disk full\)$") as caught:
        decoded(process, wav(tone(0.5)))
    assert not isinstance(caught.value, AudioError)
