"""One's own recordings: a folder of audio and texts becomes a model, from scratch or from a model that exists."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from audio_lstm import load_speech, transcribe
from audio_lstm.audio.files import write_wav
from audio_lstm.errors import ConfigError, DataError, TrainingError
from audio_lstm.speech.acoustic.model import SpeechModel
from audio_lstm.speech.decoding.decoding_file import DecodingConfig, read_decoding, write_decoding
from audio_lstm.speech.decoding.lexicon import Lexicon, read_lexicon
from audio_lstm.speech.training.export import export_speech
from audio_lstm.speech.words.pronunciations import PHONEMES
from audio_lstm.training.runs import best_weights


@pytest.fixture
def recipe(load_recipe: Callable[[str], ModuleType]) -> ModuleType:
    return load_recipe("speech/finetune")


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    """Three clips with their texts beside them."""
    folder = tmp_path / "clips"
    folder.mkdir()
    for number, text in enumerate(("YES", "no", "Yes, no!")):
        noise = 0.1 * np.random.default_rng(number).standard_normal(16_000)
        write_wav(folder / f"{number}.wav", noise.astype(np.float32), 16_000)
        (folder / f"{number}.txt").write_text(text + "\n")
    return folder


def test_tiny_trains_from_scratch_and_then_from_its_own_result(recipe: ModuleType, clips: Path, tmp_path: Path) -> None:
    places = ["--train_data", str(clips), "--dev_data", str(clips), "--train.device", "cpu"]
    assert recipe.main(["--preset", "tiny", *places, "--out", str(tmp_path / "one")]) == 0
    first = tmp_path / "one" / "model"
    assert transcribe(clips / "0.wav", model=first).model == "finetuned"
    again = ["--preset", "tiny", *places, "--init", str(first), "--name", "mine", "--out", str(tmp_path / "two")]
    assert recipe.main(again) == 0
    second = load_speech(tmp_path / "two" / "model")
    assert second.name == "mine"
    assert second.config == load_speech(first).config
    assert "starting from `finetuned`" in (tmp_path / "two" / "model" / "README.md").read_text("utf-8")
    moved = first.rename(tmp_path / "moved")
    again[again.index(str(first))] = str(moved)
    assert recipe.main(again) == 0
    again[again.index(str(moved))] = str(tmp_path / "two" / "model")
    with pytest.raises(TrainingError, match=r"other settings \(recipe\.init was sha256 \w{16}, is sha256 \w{16}\)"):
        recipe.main(again)
    (clips / "0.txt").write_text("GO")
    with pytest.raises(TrainingError, match=r"other settings \(recipe\.data was 3 \+ 3 items, sha256"):
        recipe.main(["--preset", "tiny", *places, "--out", str(tmp_path / "one")])


def test_two_folders_and_one_run(recipe: ModuleType, clips: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(clips, other)
    (other / "2.txt").write_text("NO")
    out = ["--preset", "tiny", "--dev_data", str(clips), "--out", str(tmp_path / "run"), "--train.device", "cpu"]
    assert recipe.main([*out, "--train_data", str(clips)]) == 0
    with pytest.raises(TrainingError, match=r"recipe\.data was "):
        recipe.main([*out, "--train_data", str(other)])


def test_a_model_cannot_be_chosen_and_started_from(recipe: ModuleType, clips: Path, tmp_path: Path) -> None:
    places = ["--train_data", str(clips), "--dev_data", str(clips), "--out", str(tmp_path / "run")]
    with pytest.raises(ConfigError, match=r"--model\.\* cannot be set together with --init an4"):
        recipe.main([*places, "--model.lstm.hidden_size", "64"])
    assert not (tmp_path / "run").exists()


def test_the_recommended_values_are_those_of_an4(recipe: ModuleType, load_recipe: Callable[[str], ModuleType]) -> None:
    an4 = load_recipe("speech/an4")
    assert (recipe.BASE.model, recipe.BASE.ctc) == (an4.BASE.model, an4.BASE.ctc)


def test_missing_data_are_named(recipe: ModuleType, clips: Path) -> None:
    with pytest.raises(ConfigError, match="--train_data is missing: give a folder of recordings and texts"):
        recipe.main(["--preset", "tiny", f"--dev_data={clips}"])


def test_every_tenth_recording_is_kept_apart_without_dev_data(recipe: ModuleType, clips: Path) -> None:
    sets = recipe.read_sets(recipe.Recipe(train_data=(clips, clips, clips, clips)))
    assert [utterance.id for utterance in sets.dev] == ["0", "1"]
    assert len(sets.train) == 10
    for name in ("1", "2"):
        (clips / f"{name}.wav").unlink()
        (clips / f"{name}.txt").unlink()
    with pytest.raises(DataError, match="one recording cannot both teach and test; give more of them, or --dev_data"):
        recipe.read_sets(recipe.Recipe(train_data=(clips,)))


@pytest.fixture
def hears_sounds(recipe: ModuleType, tmp_path: Path) -> Path:
    """A tiny model that hears phonemes and knows how YES and NO are said."""
    config = replace(recipe.TINY.model, n_phonemes=len(PHONEMES), phoneme_output=True)
    lexicon = Lexicon.from_pronunciations({"YES": [(37, 11, 29)], "NO": [(23, 25)]})
    folder = export_speech(SpeechModel(config).eval(), tmp_path / "sounds", name="sounds", card="#", lexicon=lexicon)
    write_decoding(folder, DecodingConfig(language_model="english"))
    return folder


def test_a_model_that_hears_sounds_goes_on_learning_them(
    recipe: ModuleType, clips: Path, hears_sounds: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (clips / "1.txt").write_text("GO")
    out = tmp_path / "run"
    check = f'["{clips}"]'
    arguments = ["--preset", "tiny", "--train_data", str(clips), "--check_data", check, "--init", str(hears_sounds)]
    assert recipe.main([*arguments, "--out", str(out), "--keep", "0.75", "--train.device", "cpu"]) == 0
    model = load_speech(out / "model")
    assert model.config.phoneme_output
    assert read_decoding(out / "model").language_model == "english"
    lexicon = read_lexicon(out / "model" / "lexicon.lex")
    assert set(lexicon.words) == {"YES", "NO", "GO"}
    assert lexicon.pronunciations("GO") == ((15, 25),)  # G OW, by the spelling-to-sound model
    old, new, written = (
        load_file(hears_sounds / "model.safetensors"),
        best_weights(out),
        load_file(out / "model" / "model.safetensors"),
    )
    assert not torch.equal(old["phoneme_head.weight"], new["phoneme_head.weight"])
    torch.testing.assert_close(written["front.weight"], 0.75 * old["front.weight"] + 0.25 * new["front.weight"])
    table = [line for line in capsys.readouterr().out.splitlines() if line.startswith("|")]
    assert table[0] == "| WER, as decoded | `sounds` | this model |"
    assert [row.split(" | ")[0] for row in table[2:]] == ["| dev", "| clips"]
    assert "\n".join(table) in (out / "model" / "README.md").read_text("utf-8")


@pytest.mark.parametrize("keep", ["1", "-0.1"])
def test_a_share_to_keep_that_is_none(recipe: ModuleType, clips: Path, keep: str) -> None:
    with pytest.raises(ConfigError, match="keep is the share of the weights of --init, at least 0 and below 1, got"):
        recipe.main(["--train_data", str(clips), f"--keep={keep}"])
