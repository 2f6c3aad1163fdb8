"""What a worker answers, in this process; batch.py's tests run it as a process of its own."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from audio_lstm.audio.files import write_wav
from audio_lstm.errors import ModelError
from audio_lstm.speech.batch.worker import Transcriber
from audio_lstm.speech.hearing.transcribe import transcribe
from audio_lstm.speech.hearing.transcript import Transcript
from audio_lstm.workers import read_frame, write_frame


def settings(model: Path | str) -> dict[str, object]:
    return {"model": str(model), "device": "cpu", "decoding": None, "max_seconds": 5.0, "allow_truncated": False}


@pytest.fixture
def said(voice: Callable[..., NDArray[np.float32]], tmp_path: Path) -> Path:
    write_wav(tmp_path / "a.wav", voice(0.5), 16_000)
    return tmp_path / "a.wav"


def test_a_job_writes_what_transcribe_hears_and_says_how_far_it_is(
    always_a_folder: Path, said: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = Transcriber.load(settings(always_a_folder))
    outputs = {"json": str(tmp_path / "new" / "a.json"), "txt": str(tmp_path / "a.txt")}
    monkeypatch.setattr("audio_lstm.speech.batch.worker._PROGRESS_S", 0.0)
    told: list[object] = []
    answer = worker.transcribe_job({"audio": str(said), "outputs": outputs}, told.append)
    assert answer == {"duration_s": 0.5, "n_words": 1, "notes": []}
    assert told == [(0.5, 0.5)]
    expected = transcribe(said, model=always_a_folder)
    assert Transcript.from_json((tmp_path / "new" / "a.json").read_text()) == expected
    assert (tmp_path / "a.txt").read_text() == "A\n"


@pytest.mark.parametrize(
    ("raised", "message"),
    [
        (MemoryError(), "a.wav: too large for the memory that is free; use fewer workers"),
        (OSError(28, "No space left on device", "x"), "x: No space left on device"),
        (OSError("odd"), "a.wav: odd"),
        (ValueError("times must be finite"), "times must be finite"),
    ],
)
def test_a_failure_is_an_answer_of_one_line(
    always_a_folder: Path, raised: Exception, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise raised

    monkeypatch.setattr("audio_lstm.speech.batch.worker.transcribe", fail)
    answer = Transcriber.load(settings(always_a_folder)).transcribe_job({"audio": "a.wav", "outputs": {}}, print)
    assert answer == {"error": message}


def test_a_recording_that_cannot_be_used_leaves_no_file(always_a_folder: Path, tmp_path: Path) -> None:
    job = {"audio": str(tmp_path / "no.wav"), "outputs": {"txt": str(tmp_path / "no.txt")}}
    answer = Transcriber.load(settings(always_a_folder)).transcribe_job(job, print)
    assert answer == {"error": f"{tmp_path / 'no.wav'}: no such file; check the path"}
    assert not list(tmp_path.iterdir())


def test_a_model_that_is_not_found_is_refused() -> None:
    with pytest.raises(ModelError, match="model 'nosuch' not found"):
        Transcriber.load(settings("nosuch"))


def test_the_process_ends_with_its_pipe(always_a_folder: Path, said: Path, tmp_path: Path) -> None:
    def ask(*requests: dict[str, object]) -> tuple[int, list[dict[str, object]]]:
        frames = io.BytesIO()
        for request in requests:
            write_frame(frames, request)
        done = subprocess.run(
            [sys.executable, "-m", "audio_lstm.speech.batch.worker"],
            input=frames.getvalue(),
            capture_output=True,
            timeout=120,
        )
        assert not done.stderr
        out, answers = io.BytesIO(done.stdout), []
        while (frame := read_frame(out)) is not None:
            answers.append(frame[0])
        return done.returncode, [answer for answer in answers if "progress" not in answer]  # a busy machine takes long

    job = {"audio": str(said), "outputs": {"txt": str(tmp_path / "a.txt")}}
    assert ask(settings(always_a_folder), job, job) == (0, [{}, *[{"duration_s": 0.5, "n_words": 1, "notes": []}] * 2])
    status, answers = ask(settings("nosuch"), job)
    assert (status, answers[0]["kind"], len(answers)) == (1, "ModelError", 1)


@pytest.mark.parametrize(("number", "ends"), [(28, True), (30, True), (36, False), (13, True)])
def test_a_transcript_that_cannot_be_written_says_whether_others_could(
    always_a_folder: Path, said: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, ends: object
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(number, "odd", "x")

    worker = Transcriber.load(settings(always_a_folder))
    job = {"audio": str(said), "outputs": {"txt": str(tmp_path / "new" / "a.txt")}}
    monkeypatch.setattr("os.replace", fail)
    answer = worker.transcribe_job(job, lambda _: None)
    assert answer["ends_batch"] is ends
    assert answer["error"].startswith(f"{tmp_path / 'new' / 'a.txt'}: cannot be written (odd)")
    monkeypatch.setattr("os.makedirs", fail)
    answer = worker.transcribe_job(job, lambda _: None)
    assert answer == {"error": f"{tmp_path / 'new' / 'a.txt'}: cannot be written (odd)", "ends_batch": ends}
