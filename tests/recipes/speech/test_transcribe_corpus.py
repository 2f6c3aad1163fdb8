"""A corpus on a local Ray of two processes: shards, URLs, bad recordings, resumption; and every refusal."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from audio_lstm.errors import AudioError, AudioLSTMError, ConfigError, DataError, MissingDependencyError, ModelError
from audio_lstm.speech.hearing.transcribe import transcribe


@pytest.fixture
def recipe(load_recipe: Callable[[str], ModuleType]) -> ModuleType:
    return load_recipe("speech/transcribe_corpus")


@pytest.fixture
def manifest(tmp_path: Path, repository: Path) -> Path:
    """Five recordings: a path, a missing file, a URL, a URL of nothing, a path again."""
    samples = repository / "demos" / "samples"
    (tmp_path / "clip.wav").write_bytes((samples / "spelling.wav").read_bytes())
    names = ["clip.wav", "missing.wav", (samples / "digits.wav").as_uri(), "memory://nothing.wav", "./clip.wav"]
    file = tmp_path / "corpus.jsonl"
    file.write_text("".join(json.dumps({"audio": name}) + "\n" for name in names))
    return file


def rows(file: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in file.read_text("utf-8").splitlines()]


def test_a_corpus_is_transcribed_by_two_processes_and_resumed(manifest: Path, repository: Path, tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="Ray is not installed: pip install 'audio-lstm[cluster]'")
    out = tmp_path / "out"
    recipe = repository / "recipes" / "speech" / "transcribe_corpus.py"
    wish = [sys.executable, str(recipe), "--manifest", str(manifest), "--out", str(out)]
    wish += ["--shard-size", "2", "--workers", "2"]
    search = os.pathsep.join(filter(None, (str(repository), os.environ.get("PYTHONPATH"))))
    options = {"capture_output": True, "text": True, "timeout": 500, "env": {**os.environ, "PYTHONPATH": search}}
    (out / "shard-00001.jsonl").mkdir(parents=True)  # as if it could not be written
    failed = subprocess.run(wish, **options)
    assert failed.returncode == 1
    assert "shard-00001.jsonl: cannot be written (" in failed.stdout
    assert failed.stderr == "transcribe_corpus.py: 1 of 3 shards failed; the same command does them again\n"
    shard = rows(out / "shard-00000.jsonl")
    assert [row["audio"] for row in shard] == ["clip.wav", "missing.wav"]
    clip = transcribe(tmp_path / "clip.wav")
    assert rows(out / "shard-00002.jsonl") == [{"audio": "./clip.wav", **json.loads(clip.to_json())}]
    (out / "shard-00001.jsonl").rmdir()
    (out / "shard-00000.jsonl").write_text("done before\n")
    done = subprocess.run(wish, **options)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("3 shards, 2 of them there already\n")
    assert "shard-00001.jsonl: 2 recordings, 1 failed; " in done.stdout
    assert "\n2 recordings, 0.00 h, real-time factor " in done.stdout
    assert done.stdout.endswith(", 1 failed\n")
    assert sorted(file.name for file in out.iterdir()) == [
        "corpus.json",
        *(f"shard-0000{number}.jsonl" for number in range(3)),
    ]
    assert (out / "shard-00000.jsonl").read_text() == "done before\n"
    digits, nothing = rows(out / "shard-00001.jsonl")
    assert digits["text"] == transcribe(repository / "demos" / "samples" / "digits.wav").text
    assert str(nothing["error"]).startswith("memory://nothing.wav: cannot be fetched (FileNotFoundError: ")


def test_a_shard_holds_a_line_for_each_recording(recipe: ModuleType, manifest: Path, tmp_path: Path) -> None:
    file = tmp_path / "shard.jsonl"
    shard = {"file": str(file), "folder": str(tmp_path), "model": "an4", "max_seconds": 60.0}
    counts = recipe.transcribe_shard({**shard, "names": ["clip.wav", "missing.wav"]})
    clip, missing = rows(file)
    assert clip == {"audio": "clip.wav", **json.loads(transcribe(tmp_path / "clip.wav", model="an4").to_json())}
    assert missing == {"audio": "missing.wav", "error": f"{tmp_path / 'missing.wav'}: no such file; check the path"}
    assert counts == {
        "shard": "shard.jsonl",
        "error": "",
        "n_files": 2,
        "n_failed": 1,
        "audio_s": clip["duration_s"],
    }
    lost = recipe.transcribe_shard({**shard, "names": ["clip.wav"], "model": "nosuch"})
    assert lost["error"].startswith("model 'nosuch' not found")


def test_a_url_is_fetched_to_a_file_that_goes_away(recipe: ModuleType, tmp_path: Path) -> None:
    fsspec = pytest.importorskip("fsspec", reason="fsspec is not installed: pip install 'audio-lstm[cluster]'")
    with fsspec.open("memory://talks/a.wav", "wb") as target:
        target.write(b"sound")
    with recipe.local_file("memory://talks/a.wav", str(tmp_path)) as file:
        assert Path(file).name == "a.wav"
        assert Path(file).read_bytes() == b"sound"
    assert not Path(file).exists()
    with recipe.local_file("a.wav", str(tmp_path)) as file:
        assert file == str(tmp_path / "a.wav")
    with (
        pytest.raises(AudioError, match=r"nosuch://a\.wav: cannot be fetched \(ValueError: .*nosuch"),
        recipe.local_file("nosuch://a.wav", ""),
    ):
        pass


def test_a_folder_belongs_to_one_manifest_and_model(recipe: ModuleType, manifest: Path, tmp_path: Path) -> None:
    wish = ["--manifest", str(manifest), "--out", str(tmp_path / "out")]
    (tmp_path / "out").mkdir()
    for number in range(3):
        (tmp_path / "out" / f"shard-0000{number}.jsonl").touch()
    assert recipe.main([*wish, "--shard-size", "2"]) == 0  # all there: Ray is not even started
    with pytest.raises(DataError, match="holds the shards of another manifest, model or --shard-size; pass another"):
        recipe.main([*wish, "--shard-size", "3"])
    with pytest.raises(DataError, match="holds the shards of another manifest, model"):
        recipe.main([*wish, "--shard-size", "2", "--model", "an4"])
    (tmp_path / "out" / "corpus.json").write_text("{")
    with pytest.raises(DataError, match=r"out: cannot be used \(Expecting .*\); pass another --out"):
        recipe.main(wish)


def test_wishes_that_cannot_be_met_are_refused(
    recipe: ModuleType, manifest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wish = ["--manifest", str(manifest), "--out", str(tmp_path / "out")]
    with pytest.raises(ConfigError, match="--workers and --shard-size must be at least 1"):
        recipe.main([*wish, "--workers", "0"])
    with pytest.raises(ModelError, match="model 'nosuch' not found"):
        recipe.main([*wish, "--model", "nosuch"])
    assert not (tmp_path / "out").exists()
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingDependencyError, match=r"needs Ray \(.*\): pip install 'audio-lstm\[cluster\]'"):
        recipe.main(wish)


@pytest.mark.parametrize("kind", ["no cluster", "a lost machine"])
def test_what_stops_ray_is_one_line(
    recipe: ModuleType, manifest: Path, tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ray = pytest.importorskip("ray", reason="Ray is not installed: pip install 'audio-lstm[cluster]'")

    def fail(**_: object) -> None:
        raise ConnectionError(kind) if kind == "no cluster" else ray.exceptions.RayError(kind)

    monkeypatch.setattr(ray, "init", fail)
    with pytest.raises(AudioLSTMError, match=rf"Ray gave up \({kind}\); the same command goes on where it stopped"):
        recipe.main(["--manifest", str(manifest), "--out", str(tmp_path / "out"), "--address", "auto"])
