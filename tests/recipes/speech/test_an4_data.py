"""AN4's archive becomes manifests and wav files; anything else is named."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import soundfile

from audio_lstm.audio.files import load_audio
from audio_lstm.errors import DataError
from audio_lstm.speech.text.data import read_manifest


@pytest.fixture
def recipe(load_recipe: Callable[[str], ModuleType]) -> ModuleType:
    return load_recipe("speech/an4_data")


def sphere(n_samples: int) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, np.linspace(-0.5, 0.5, n_samples), 16000, format="NIST", subtype="PCM_16")
    return file.getvalue()


def write_archive(path: Path, files: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(f"an4/{name}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return path


FILES = {
    "etc/an4_train.transcription": b"<s> ENTER SIXTY FOUR </s> (an36-mblw-b)\n<s> P I </s> (cen5-fash-b)\n",
    "etc/an4_test.transcription": b"YES (an251-fcaw-b)\n",
    "wav/an4_clstk/mblw/an36-mblw-b.sph": sphere(3200),
    "wav/an4_clstk/fash/cen5-fash-b.sph": sphere(1600),
    "wav/an4test_clstk/fcaw/an251-fcaw-b.sph": sphere(800),
}


def test_archive_becomes_two_manifests(recipe: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    archive = write_archive(tmp_path / "an4.tar.gz", FILES)
    assert recipe.main(["--out", str(tmp_path / "out"), "--archive", str(archive)]) == 0
    assert "2 recordings" in capsys.readouterr().out
    train = read_manifest(tmp_path / "out" / "an4.train.jsonl")
    assert [(u.id, u.text, u.speaker, u.duration_s) for u in train] == [
        ("an4-an36-mblw-b", "ENTER SIXTY FOUR", "an4-mblw", 0.2),
        ("an4-cen5-fash-b", "P I", "an4-fash", 0.1),
    ]
    assert len(load_audio(train[0].audio)) == 3200
    (dev,) = read_manifest(tmp_path / "out" / "an4.dev.jsonl")
    assert dev.text == "YES"


@pytest.mark.parametrize(
    ("missing", "message"),
    [
        ("etc/an4_test.transcription", "holds no an4_test.transcription; is this AN4's archive"),
        ("wav/an4_clstk/fash/cen5-fash-b.sph", "cen5-fash-b is missing from an4_clstk"),
    ],
)
def test_incomplete_archives_are_named(recipe: ModuleType, tmp_path: Path, missing: str, message: str) -> None:
    archive = write_archive(tmp_path / "a.tar.gz", {name: data for name, data in FILES.items() if name != missing})
    with pytest.raises(DataError, match=message):
        recipe.convert(archive, tmp_path / "out")


def test_other_files_are_named(recipe: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "text.tar.gz").write_text("not an archive")
    with pytest.raises(DataError, match="not readable as an archive"):
        recipe.convert(tmp_path / "text.tar.gz", tmp_path / "out")
    with pytest.raises(DataError, match="no such file; leave --archive out"):
        recipe.main(["--out", str(tmp_path / "out"), "--archive", str(tmp_path / "nothing")])
    with pytest.raises(DataError, match=r"line 1: 'what' is not 'TEXT \(recording\)'"):
        recipe.read_transcripts("what\n", "transcripts")
    monkeypatch.setattr(recipe, "SOURCE", "http://127.0.0.1:9/an4.tar.gz")
    with pytest.raises(DataError, match=r"cannot be fetched [^;]*; fetch it elsewhere and pass --archive FILE"):
        recipe.fetch(tmp_path / "fetched.tar.gz")
    assert not (tmp_path / "fetched.tar.gz").exists()
