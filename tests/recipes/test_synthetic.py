"""Synthetic clips: texts within the vocabulary, and a clear line where no synthesiser is installed."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from audio_lstm.errors import DataError, MissingDependencyError
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


@pytest.fixture
def synthesisers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Programs named flite and espeak-ng that know few voices and say nothing."""
    folder = tmp_path / "bin"
    folder.mkdir()
    programs = {
        "flite": "if '-lv' in sys.argv: print('Voices available: kal slt rms awb kal16')",
        "espeak-ng": "sys.exit('The voice does not exist.\\n' if 'nosuch' in sys.argv else 0)",
    }
    for name, program in programs.items():
        (folder / name).write_text(f"#!{sys.executable} -S\nimport sys\n{program}\n")
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))
    assert shutil.which("flite")


@pytest.mark.skipif(sys.platform == "win32", reason="scripts as programs")
@pytest.mark.usefixtures("synthesisers")
@pytest.mark.parametrize(
    ("voice", "message"),
    [
        ("flite:nosuch", "voice flite:nosuch: flite has no such voice; it has awb, kal, kal16, rms, slt"),
        ("espeak:nosuch", r"voice espeak:nosuch: espeak-ng failed \(The voice does not exist\.\)"),
    ],
)
def test_an_unknown_voice_is_named(recipe: ModuleType, tmp_path: Path, voice: str, message: str) -> None:
    recipe.speak("YES", "flite:slt", 1.0, tmp_path / "yes.wav")
    with pytest.raises(DataError, match=message):
        recipe.speak("YES", voice, 1.0, tmp_path / "yes.wav")


def test_no_text_of_train_occurs_in_dev(
    recipe: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    texts = iter(["YES", "NO", "YES", *"ABCDEFG", "NO", "YES", "GO"])
    monkeypatch.setattr(recipe, "random_text", lambda _: next(texts))
    monkeypatch.setattr(recipe, "speak", lambda *_: None)
    assert recipe.main(["--out", str(tmp_path), "--n", "10"]) == 0
    assert [file.read_text() for file in sorted((tmp_path / "dev").iterdir())] == ["GO\n"]
    assert len(list((tmp_path / "train").iterdir())) == 10
    assert "train: 10 recordings of 6 voices" in capsys.readouterr().out
