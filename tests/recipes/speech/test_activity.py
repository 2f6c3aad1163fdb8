"""The detector's recipe runs top to bottom: from recordings to weights that the detector reads."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from numpy.typing import NDArray

from audio_lstm.audio.files import write_wav
from audio_lstm.speech.sound.features import extract_features
from audio_lstm.speech.sound.vad import SpeechDetector, activity_features, context_windows


@pytest.fixture
def recipe(load_recipe: Callable[[str], ModuleType]) -> ModuleType:
    return load_recipe("speech/activity")


def test_tiny_writes_weights_that_the_detector_reads(
    recipe: ModuleType,
    voice: Callable[..., NDArray[np.float32]],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    write_wav(tmp_path / "a.wav", voice(2.5), 16_000)
    line = json.dumps({"id": "a", "audio": "a.wav", "text": "A"}) + "\n"
    for split in ("train", "dev"):
        (tmp_path / f"mine.{split}.jsonl").write_text(line)
    out = tmp_path / "run"
    corpora = [option for split in ("train", "dev") for option in (f"--{split}_corpora", '["mine"]')]
    arguments = ["--preset", "tiny", "--data", str(tmp_path), "--out", str(out), *corpora, "--train.device", "cpu"]
    assert recipe.main(arguments) == 0
    printed = capsys.readouterr().out
    assert "mine_speech_missed" in printed
    assert "sounds_taken_for_speech" in printed
    detector = SpeechDetector(16_000, weights=out / "activity.safetensors")
    assert len(np.concatenate([detector.feed(voice(1.0)), detector.finish()])) == 50


def test_the_recipe_sees_what_the_detector_sees(
    recipe: ModuleType, voice: Callable[..., NDArray[np.float32]], monkeypatch: pytest.MonkeyPatch
) -> None:
    samples = voice(2.0)
    inputs = recipe._frames(samples, np.zeros(100, np.int64)).inputs.numpy()
    seen = []
    monkeypatch.setattr(
        "audio_lstm.speech.sound.vad.context_windows",
        lambda frames: seen.append(context_windows(frames)) or seen[-1],
    )
    detector = SpeechDetector(16_000)
    detector.feed(samples)
    detector.finish()
    np.testing.assert_allclose(np.concatenate(seen)[:95], inputs[:95], atol=1e-5)
    assert len(extract_features(samples, activity_features(16_000))) == 199


def test_labels_are_loud_quiet_and_in_between(recipe: ModuleType, voice: Callable[..., NDArray[np.float32]]) -> None:
    silence = np.zeros(16_000, np.float32)
    labels = recipe.speech_labels(np.concatenate([silence, voice(2.0), silence]))
    assert (labels[:43] == 0).all()
    assert (labels[157:] == 0).all()
    assert (labels[44:50] == recipe.IGNORED).all()
    assert np.mean(labels[50:150] == 1) > 0.7
