"""One worker process: files in, outcomes out, replaced when it dies; batches are tested in test_batch.py."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from audio_lstm.audio.files import write_wav
from audio_lstm.errors import AudioLSTMError, ConfigError, ModelError
from audio_lstm.speech.batch.inputs import Job
from audio_lstm.speech.batch.process import FileOutcome, TranscriberProcess, WorkerSettings
from audio_lstm.speech.decoding.decoding import Decoding
from audio_lstm.speech.decoding.rescore import Rescorer, RescoringConfig
from audio_lstm.speech.words.char_lm import load_char_lm
from audio_lstm.speech.words.grammar import word_list


@pytest.fixture
def job(voice: Callable[..., NDArray[np.float32]], tmp_path: Path) -> Job:
    write_wav(tmp_path / "a.wav", voice(0.5), 16_000)
    return Job(tmp_path / "a.wav", {"txt": tmp_path / "a.txt"})


def test_one_process_takes_file_after_file_and_ends_with_its_block(always_a_folder: Path, job: Job) -> None:
    missing = Job(job.audio.with_name("no.wav"), job.outputs)
    with TranscriberProcess(WorkerSettings(str(always_a_folder))) as process:
        heard = FileOutcome(job.audio, "", 0.5, 1)
        assert process.transcribe(job) == heard
        running = process._worker.process
        assert running is not None
        assert process.transcribe(missing).error.endswith("no.wav: no such file; check the path")
        assert process.transcribe(job) == heard
        assert process._worker.process is running
    assert running.poll() is not None
    assert job.outputs["txt"].read_text() == "A\n"


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_a_process_that_was_killed_is_replaced(always_a_folder: Path, job: Job) -> None:
    with TranscriberProcess(WorkerSettings(str(always_a_folder))) as process:
        process.transcribe(job)
        assert process._worker.process is not None
        process._worker.process.kill()
        process._worker.process.wait()
        assert "its worker process died (SIGKILL); the file may be" in process.transcribe(job).error
        assert process.transcribe(job).error == ""


def test_a_process_that_was_stopped_does_nothing(job: Job) -> None:
    with TranscriberProcess(WorkerSettings("an4")) as process:
        process.stop()
        assert process.transcribe(job) == FileOutcome(job.audio, "stopped")
    assert not job.outputs["txt"].exists()


def test_what_stops_a_process_from_beginning_is_raised(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        pytest.raises(ModelError, match="model 'nosuch' not found"),
        TranscriberProcess(WorkerSettings("nosuch")) as process,
    ):
        process.transcribe(job)
    monkeypatch.setattr("audio_lstm.speech.batch.process._WORKER_MODULE", "no_such_module")
    with (
        pytest.raises(AudioLSTMError, match=r"died while it loaded the model \(exit status 1: .*no_such_module"),
        TranscriberProcess(WorkerSettings("an4")) as process,
    ):
        process.transcribe(job)


def test_settings_are_json_values(tmp_path: Path, likes_b_folder: Path) -> None:
    wish = Decoding(language_model=tmp_path / "x.lm", hotwords=("A", "B"), rescorer=likes_b_folder)
    values = json.loads(json.dumps(WorkerSettings("an4", decoding=wish, max_seconds=3.0).to_json()))
    assert values["decoding"]["language_model"] == str(tmp_path / "x.lm")
    assert Decoding(**{**values["decoding"], "hotwords": ("A", "B"), "vocabulary": ()}) == Decoding(
        language_model=str(tmp_path / "x.lm"), hotwords=("A", "B"), rescorer=str(likes_b_folder)
    )
    assert (values["model"], values["max_seconds"], WorkerSettings("an4").to_json()["decoding"]) == ("an4", 3.0, None)
    with pytest.raises(ConfigError, match="workers load the language model themselves; pass its name or file"):
        WorkerSettings("an4", decoding=Decoding(language_model=word_list(["A"])))
    rescorer = Rescorer(load_char_lm(likes_b_folder), RescoringConfig("likes-b"))
    with pytest.raises(ConfigError, match="workers load the rescorer themselves; pass its name or folder"):
        WorkerSettings("an4", decoding=Decoding(rescorer=rescorer))
