"""Labels by a teacher: which are kept, where long recordings are cut, and that a stopped run goes on."""

from __future__ import annotations

import errno
import json
import sys
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from audio_lstm.audio.files import load_audio, write_wav
from audio_lstm.errors import DataError, MissingDependencyError, ModelError
from audio_lstm.speech.text.data import read_manifest

DIGITS = "demos/samples/digits.wav"
SURE: dict[str, Any] = {"language": "en", "language_probability": 0.9, "log_probability": -0.1, "duration_s": 2.0}


@pytest.fixture
def recipe(load_recipe: Callable[[str], ModuleType]) -> ModuleType:
    return load_recipe("speech/label")


class FakeTeacher:
    """Says how long a clip is, and counts what it has heard."""

    def __init__(self, name: str, language: str, n_threads: int) -> None:
        self.n_heard = 0

    def hear(self, samples: NDArray[np.float32]) -> dict[str, Any]:
        self.n_heard += 1
        text = f"It lasts about {'ten' if len(samples) > 80_000 else 'two'} seconds."
        return {**SURE, "greedy": text, "beam": text}


@pytest.fixture
def recordings(tmp_path: Path) -> Path:
    folder = tmp_path / "recordings"
    folder.mkdir()
    for number in range(3):
        write_wav(folder / f"{number}.wav", 0.1 * np.sin(np.arange(32_000, dtype=np.float32) * (number + 1)), 16_000)
    return folder


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({}, ""),
        ({"error": "damaged"}, "unreadable"),
        ({"beam": "…"}, "silent"),
        ({"language": "cy"}, "language"),
        ({"language_probability": 0.3}, "language"),
        ({"log_probability": -1.2}, "log-probability"),
        ({"beam": "no no no no no no no no no no no no no no no no no no no no", "duration_s": 5.0}, "repetition"),
        ({"duration_s": 20.0}, "speed"),
        ({"duration_s": 0.2}, "speed"),
        ({"greedy": "A dog sat there on a mat"}, "agreement"),
        ({"beam": "The cat sat 東京 mat", "greedy": "The cat sat 東京 mat"}, "letters"),
    ],
)
def test_a_label_is_kept_only_if_it_can_be_trusted(recipe: ModuleType, change: dict[str, Any], reason: str) -> None:
    row = {**SURE, "greedy": "The cat sat on a mat.", "beam": "The cat sat on a mat.", **change}
    assert recipe.judge(row, recipe.Limits(), "en")[0] == reason


def test_numbers_are_spelled_out_and_the_written_form_is_kept(
    recipe: ModuleType, recordings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Counting(FakeTeacher):
        def hear(self, samples: NDArray[np.float32]) -> dict[str, Any]:
            return {**SURE, "greedy": "He had 25 dogs.", "beam": "He had 25 dogs."}

    monkeypatch.setattr(recipe, "Teacher", Counting)
    out = tmp_path / "out"
    assert recipe.main(["--data", str(recordings), "--teacher", "fake", "--out", str(out)]) == 0
    rows = [json.loads(line) for line in (out / "labelled.train.jsonl").read_text("utf-8").split("\n") if line]
    assert [(row["text"], row["written"]) for row in rows] == [("HE HAD TWENTY FIVE DOGS", "He had 25 dogs.")] * 3


def test_a_stopped_run_goes_on_where_it_stopped(
    recipe: ModuleType,
    recordings: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    clips = recipe.read_clips([str(recordings)])
    recipe.hear_all(clips[:1], FakeTeacher("", "en", 1), out)
    with (out / "heard.jsonl").open("a") as journal:
        journal.write('{"id": "1", "audio": "half of a li')  # the process was killed here
    teacher = FakeTeacher("", "en", 1)
    assert len(recipe.hear_all(clips, teacher, out)) == 3
    assert teacher.n_heard == 2
    monkeypatch.setattr(recipe, "Teacher", FakeTeacher)
    assert recipe.main(["--data", str(recordings), "--teacher", "fake", "--out", str(out), "--name", "mine"]) == 0
    assert "kept 3 of 3 clips (100.0%), 0.00 h" in capsys.readouterr().out
    assert [item.text for item in read_manifest(out / "mine.train.jsonl")] == ["IT LASTS ABOUT TWO SECONDS"] * 3


def test_a_damaged_recording_is_rejected_with_its_reason(
    recipe: ModuleType,
    recordings: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (recordings / "1.wav").write_bytes(b"RIFF nothing")
    monkeypatch.setattr(recipe, "Teacher", FakeTeacher)
    out = tmp_path / "out"
    assert recipe.main(["--data", str(recordings), "--teacher", "fake", "--out", str(out)]) == 0
    (row,) = [json.loads(line) for line in (out / "labelled.rejected.jsonl").read_text("utf-8").split("\n") if line]
    assert (row["id"], row["reason"]) == ("1", "unreadable")
    assert "1.wav" in row["error"]
    assert "rejected for unreadable: 1" in capsys.readouterr().out


def test_labels_are_measured_where_the_data_has_texts(
    recipe: ModuleType,
    recordings: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    rows = [
        {"audio": f"{n}.wav", "text": "IT LASTS ABOUT TWO SECONDS" if n else "IT LASTS ABOUT TWO MINUTES"}
        for n in range(2)
    ]
    manifest = recordings / "all.jsonl"
    manifest.write_text("".join(json.dumps(row) + "\n" for row in rows))
    monkeypatch.setattr(recipe, "Teacher", FakeTeacher)
    assert recipe.main(["--data", str(manifest), "--teacher", "fake", "--out", str(tmp_path / "out")]) == 0
    assert "word error rate of kept 2 labels against the texts: 10.00%" in capsys.readouterr().out


def test_long_recordings_are_cut_in_their_pauses(recipe: ModuleType, tmp_path: Path) -> None:
    clip = load_audio(DIGITS, sample_rate=recipe.SAMPLE_RATE)
    pause = np.zeros(2 * recipe.SAMPLE_RATE, np.float32)
    joined = np.concatenate([*(part for _ in range(8) for part in (clip, pause))])
    pieces = recipe.cut_at_pauses(joined)
    assert len(pieces) == 2  # of 44.6 s
    assert pieces[0][0] == 0
    assert pieces[-1][1] == len(joined)
    assert all(left[1] == right[0] for left, right in pairwise(pieces))
    assert all(end - begin <= recipe.LONGEST_S * recipe.SAMPLE_RATE for begin, end in pieces)
    for _, end in pieces[:-1]:
        assert end % (len(clip) + len(pause)) > len(clip)  # inside a pause
    write_wav(tmp_path / "long.wav", joined, recipe.SAMPLE_RATE)
    heard = recipe.hear_all(recipe.read_clips([str(tmp_path / "long.wav")]), FakeTeacher("", "en", 1), tmp_path)
    assert list(heard) == [f"long-{number:04d}" for number in range(len(pieces))]
    assert [len(load_audio(row["audio"], sample_rate=16_000)) for row in heard.values()] == [e - b for b, e in pieces]


def test_a_teacher_that_is_missing_is_named(
    recipe: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "faster_whisper", None)
    with pytest.raises(MissingDependencyError, match=r"pip install '\.\[label\]'"):
        recipe.Teacher("base", "en", 1)


def test_a_folder_that_is_no_teacher_is_named(
    recipe: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module, inner = ModuleType("faster_whisper"), ModuleType("faster_whisper.tokenizer")
    module.WhisperModel = inner.Tokenizer = None  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "faster_whisper", module)
    monkeypatch.setitem(sys.modules, "faster_whisper.tokenizer", inner)
    with pytest.raises(ModelError, match=r"no Whisper folder for faster-whisper \(it has no model\.bin\)"):
        recipe.Teacher(str(tmp_path), "en", 1)


def test_a_full_disk_keeps_what_is_done(
    recipe: ModuleType, recordings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clips = recipe.read_clips([str(recordings)])
    recipe.hear_all(clips[:1], FakeTeacher("", "en", 1), tmp_path)

    class Full(FakeTeacher):
        def hear(self, samples: NDArray[np.float32]) -> dict[str, Any]:
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(DataError, match=r"cannot be written \(No space left on device\); what is done is kept"):
        recipe.hear_all(clips, Full("", "en", 1), tmp_path)
    assert len(recipe.hear_all(clips[:1], Full("", "en", 1), tmp_path)) == 1


def test_two_recordings_of_one_id_are_refused(recipe: ModuleType, recordings: Path) -> None:
    with pytest.raises(DataError, match="two recordings have the id '0'"):
        recipe.read_clips([str(recordings), str(recordings)])


def test_a_limit_can_be_changed(recipe: ModuleType) -> None:
    row = {**SURE, "greedy": "The cat sat.", "beam": "The cat sat.", "log_probability": -0.7}
    assert recipe.judge(row, recipe.Limits(), "en")[0] == "log-probability"
    assert recipe.judge(row, replace(recipe.Limits(), min_log_probability=-1.0), "en")[0] == ""
