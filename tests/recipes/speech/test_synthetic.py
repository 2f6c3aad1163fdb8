"""Synthetic clips: texts within the vocabulary, and a clear line where no synthesiser is installed."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from audio_lstm.audio.files import write_wav
from audio_lstm.errors import DataError, MissingDependencyError
from audio_lstm.speech.text.alphabet import ENGLISH
from audio_lstm.speech.text.data import read_folder, read_manifest


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


def say_a_tone(_text: str, _voice: str, _rate: float, path: Path) -> None:
    write_wav(path, 0.1 * np.sin(np.arange(4000, dtype=np.float32)), 16_000)


def test_no_text_of_train_occurs_in_dev(
    recipe: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    texts = iter(["YES", "NO", "YES", *"ABCDEFGH", "NO", "YES", "GO"])
    monkeypatch.setattr(recipe, "random_text", lambda _: next(texts))
    monkeypatch.setattr(recipe, "speak", say_a_tone)
    assert recipe.main(["--out", str(tmp_path), "--n", "10"]) == 0
    assert [item.text for item in read_folder(tmp_path / "dev")] == ["GO"]
    assert len(read_folder(tmp_path / "train")) == 10
    (row,) = read_manifest(tmp_path / "synthetic.dev.jsonl")
    assert (row.audio, row.text, row.duration_s) == (tmp_path / "dev/00000.wav", "GO", 0.25)
    assert "train: 10 recordings of 6 voices, 0.00 h" in capsys.readouterr().out


def test_reads_sentences_of_a_text(recipe: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sentences = [f"{word} went home." for word in ["ANNE", "BERTA", "CLARA", "DORA", "EMMA"]]
    (tmp_path / "text.txt").write_text("\n".join([*sentences, "one", "In 1812.", sentences[0], "a " * 30]) + "\n")
    monkeypatch.setattr(recipe, "speak", say_a_tone)
    arguments = ["--out", str(tmp_path), "--text", str(tmp_path / "text.txt"), "--workers", "2", "--n"]
    assert recipe.main([*arguments, "4"]) == 0
    rows = [*read_manifest(tmp_path / "synthetic.train.jsonl"), *read_manifest(tmp_path / "synthetic.dev.jsonl")]
    assert sorted(row.text for row in rows) == sorted(text.upper().rstrip(".") for text in sentences)
    assert {row.speaker for row in rows[:-1]} <= set(recipe.READERS)
    with pytest.raises(DataError, match=r"5 different sentences of 2 to 18 words, 11 needed; ask for fewer with --n"):
        recipe.main([*arguments, "10"])
