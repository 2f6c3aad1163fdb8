"""Synthetic clips: texts within the vocabulary, and a clear line where no synthesiser is installed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from audio_lstm.errors import MissingDependencyError
from audio_lstm.speech.alphabet import ENGLISH


@pytest.fixture
def recipe(load_recipe: Callable[[str], ModuleType]) -> ModuleType:
    return load_recipe("speech/synthetic")


def test_texts_are_varied_and_within_the_alphabet(recipe: ModuleType) -> None:
    rng = np.random.default_rng(0)
    texts = [recipe.random_text(rng) for _ in range(200)]
    assert len(set(texts)) > 180
    for text in texts:
        assert len(ENGLISH.encode(text)) == len(text)
    assert recipe.spoken("R TWO") == "R. two"


def test_dev_voices_never_speak_in_train(recipe: ModuleType) -> None:
    assert not set(recipe.TRAIN_VOICES) & set(recipe.DEV_VOICES)


@pytest.mark.parametrize("voice", ["flite:slt", "espeak:en-us"])
def test_missing_synthesiser_is_named(
    recipe: ModuleType, voice: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(MissingDependencyError, match="apt-get install flite espeak-ng"):
        recipe.speak("YES", voice, 1.0, tmp_path / "yes.wav")
