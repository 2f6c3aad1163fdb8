"""The LibriSpeech recipe runs top to bottom on a small copy of the corpus's folders, with letters and with pieces."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from audio_lstm import load_speech, transcribe
from audio_lstm.audio.files import load_audio
from audio_lstm.errors import ConfigError, DataError, TrainingError
from audio_lstm.speech.text.alphabet import ENGLISH
from audio_lstm.speech.text.data import read_manifest

WORDS = ("THE", "CAT", "SAT", "ON", "A", "MAT", "IT'S", "THAT", "HAT")


@pytest.fixture
def recipe(load_recipe: Callable[[str], ModuleType]) -> ModuleType:
    return load_recipe("speech/librispeech")


def write_chapter(subset: Path, speaker: int, clips: list[tuple[NDArray[np.float32], str]]) -> None:
    """Recordings and texts of a speaker's only chapter, as LibriSpeech has them."""
    folder = subset / str(speaker) / "7"
    folder.mkdir(parents=True)
    lines = []
    for number, (samples, text) in enumerate(clips):
        soundfile.write(folder / f"{speaker}-7-{number:04d}.flac", samples, 16_000)
        lines.append(f"{speaker}-7-{number:04d} {text}\n")
    (folder / f"{speaker}-7.trans.txt").write_text("".join(lines))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Three subsets: words as noise of 0.4 s each."""
    rng = np.random.default_rng(0)
    for number, (subset, n_clips) in enumerate((("train-clean-100", 6), ("dev-clean", 2), ("test-clean", 2))):
        for speaker in (10 + number, 20 + number):
            clips = []
            for _ in range(n_clips):
                words = rng.choice(WORDS, 3)
                clips.append((0.1 * rng.standard_normal(6_400 * 3).astype(np.float32), " ".join(words)))
            write_chapter(tmp_path / "LibriSpeech" / subset, speaker, clips)
    return tmp_path / "LibriSpeech"


def arguments(data: Path, out: Path, *more: str) -> list[str]:
    return ["--preset", "tiny", "--data", str(data), "--out", str(out), "--train.device", "cpu", *more]


@pytest.mark.parametrize("units", ["characters", "bpe"])
def test_tiny_writes_a_run_and_a_model_that_transcribes(
    recipe: ModuleType, data: Path, tmp_path: Path, units: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    assert recipe.main(arguments(data, out, "--units", units, "--test_subsets", "test-clean")) == 0
    printed = capsys.readouterr().out
    assert "\ndev-clean: WER " in f"\n{printed}"
    assert "\ntest-clean: WER " in printed
    card = (out / "model" / "README.md").read_text("utf-8")
    assert "trained on 0.0 h of LibriSpeech (train-clean-100)" in card
    assert "| test-clean | " in card
    recogniser = load_speech(out / "model")
    assert recogniser.name == "librispeech-tiny"
    assert recogniser.alphabet.is_characters == (units == "characters")
    assert recogniser.alphabet.size == (29 if units == "characters" else 41)
    assert set(ENGLISH.symbols) <= set(recogniser.alphabet.symbols)
    transcript = transcribe(data / "dev-clean/11/7/11-7-0000.flac", model=recogniser)
    assert transcript.duration_s == pytest.approx(1.2)
    settings = json.loads((out / "config.json").read_text())["recipe"]
    assert settings["model"]["symbols"] == list(recogniser.alphabet.symbols)
    assert settings["data"].startswith("6 + 4 items")  # every second of 12, as max_utterances is 8


def test_a_run_that_was_cut_off_goes_on_to_the_same_weights(
    recipe: ModuleType, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = ("--ctc.batch_frames", "300", "--train.checkpoint_every_steps", "1")
    assert recipe.main(arguments(data, tmp_path / "whole", *options)) == 0
    loss, steps = recipe.CTCTask.loss, iter(range(3))

    def fail(*given: object) -> object:
        if next(steps, None) is None:
            raise OSError("the power went")
        return loss(*given)

    with monkeypatch.context() as patch:
        patch.setattr(recipe.CTCTask, "loss", fail)
        with pytest.raises(OSError, match="the power went"):
            recipe.main(arguments(data, tmp_path / "cut", *options))
    assert not (tmp_path / "cut" / "model").exists()
    assert recipe.main(arguments(data, tmp_path / "cut", *options)) == 0
    weights = [tmp_path / name / "model" / "model.safetensors" for name in ("whole", "cut")]
    assert weights[0].read_bytes() == weights[1].read_bytes()


def test_a_finished_run_is_measured_again_but_not_trained(
    recipe: ModuleType, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    recipe.main(arguments(data, out))
    first = capsys.readouterr().out
    monkeypatch.setattr(recipe.CTCTask, "loss", None)
    assert recipe.main(arguments(data, out)) == 0
    assert capsys.readouterr().out == first


def test_other_units_or_pieces_do_not_go_on_with_a_run(recipe: ModuleType, data: Path, tmp_path: Path) -> None:
    recipe.main(arguments(data, tmp_path / "run"))
    for options in (("--units", "characters"), ("--n_pieces", "41")):
        with pytest.raises(TrainingError, match="began with other settings"):
            recipe.main(arguments(data, tmp_path / "run", *options))


def test_other_processes_of_a_run_write_no_model(
    recipe: ModuleType, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RANK", "1")
    assert recipe.main(arguments(data, tmp_path / "run")) == 0
    assert not (tmp_path / "run" / "model").exists()


def test_what_cannot_be_done_is_said_before_training(recipe: ModuleType, data: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    with pytest.raises(ConfigError, match=r"--model\.symbols cannot be set: --units chooses the symbols"):
        recipe.main(arguments(data, out, "--model.symbols", '["A", "B"]'))
    with pytest.raises(ConfigError, match=r"n_symbols must be above 28, .* got 20"):
        recipe.main(arguments(data, out, "--n_pieces", "20"))
    with pytest.raises(DataError, match=r"dev-other: no such subset .* fetch https://\S+/dev-other\.tar\.gz"):
        recipe.main(arguments(data, out, "--test_subsets", "dev-other"))
    assert not out.exists()


def test_the_presets_say_what_differs(recipe: ModuleType) -> None:
    assert recipe.Recipe() == recipe.BASE
    assert recipe.BASE.train_subsets == ("train-clean-100",)
    assert recipe.FULL.train_subsets == ("train-clean-100", "train-clean-360", "train-other-500")
    assert recipe.FULL.model.lstm.hidden_size == 2 * recipe.BASE.model.lstm.hidden_size
    assert recipe.BASE.model.lstm.bidirectional


@pytest.mark.shared
@pytest.mark.parametrize("units", ["characters", "bpe"])
def test_tiny_runs_on_real_recordings_in_librispeechs_folders(
    recipe: ModuleType, shared: Path, tmp_path: Path, units: str
) -> None:
    utterances = read_manifest(shared / "speech" / "libri3.train.jsonl")
    speakers = sorted({item.speaker or "" for item in utterances})
    assert len(speakers) == 3
    for speaker in speakers:
        mine = sorted((item for item in utterances if item.speaker == speaker), key=lambda item: item.duration_s or 0)
        clips = [(load_audio(item.audio), item.text) for item in mine[:6]]
        subset = "dev-clean" if speaker == speakers[0] else "train-clean-100"
        write_chapter(tmp_path / "LibriSpeech" / subset, int(speaker.removeprefix("ls-")), clips)
    out = tmp_path / "run"
    options = ("--units", units, "--train.max_epochs", "1")
    assert recipe.main(arguments(tmp_path / "LibriSpeech", out, *options)) == 0
    audio = next((tmp_path / "LibriSpeech" / "dev-clean").rglob("*.flac"))
    assert transcribe(audio, model=out / "model").model == "librispeech-tiny"
