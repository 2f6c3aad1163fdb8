"""The English recipe runs top to bottom over several corpora, both ways and one way."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from audio_lstm import load_speech, transcribe
from audio_lstm.audio.files import write_wav
from audio_lstm.errors import ConfigError, DataError, ModelError
from audio_lstm.speech.decoding.lexicon import load_lexicon

LETTERS = {"A": 300.0, "B": 500.0, "C": 800.0}  # each letter is a tone, in Hz


@pytest.fixture
def recipe(load_recipe: Callable[[str], ModuleType]) -> ModuleType:
    return load_recipe("speech/english")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Two corpora with four clips to train on and two to choose by: letters as tones."""
    rng = np.random.default_rng(0)
    folder = tmp_path / "data"
    folder.mkdir()
    for corpus in ("one", "two"):
        for split, n_clips in (("train", 4), ("dev", 2)):
            lines = []
            for number in range(n_clips):
                letters = rng.choice(list(LETTERS), 3)
                time_s = np.arange(6400) / 16_000  # 0.4 s a letter
                tones = [0.3 * np.sin(2 * np.pi * LETTERS[letter] * time_s) for letter in letters]
                name = f"{corpus}-{split}{number}"
                write_wav(folder / f"{name}.wav", np.concatenate(tones).astype(np.float32), 16_000)
                lines.append(json.dumps({"id": name, "audio": f"{name}.wav", "text": " ".join(letters)}))
            (folder / f"{corpus}.{split}.jsonl").write_text("\n".join(lines) + "\n")
    return folder


def arguments(data: Path, out: Path, *more: str) -> list[str]:
    corpora = ["--train_corpora", '["one", "two"]', "--dev_corpora", '["one", "two"]', "--weights", "[1.0, 0.5]"]
    return ["--preset", "tiny", "--data", str(data), "--out", str(out), "--train.device", "cpu", *corpora, *more]


def test_tiny_writes_a_model_that_streams_and_a_card_with_a_row_a_corpus(
    recipe: ModuleType, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    assert recipe.main(arguments(data, out, "--dev_utterances", "1")) == 0
    assert "one WER" in capsys.readouterr().out
    card = (out / "model" / "README.md").read_text("utf-8")
    assert "% | 2 | 6 |" in card  # all of each development set, not the one clip that chose the epoch
    assert "| streams | yes, algorithmic latency 95 ms |" in card
    evaluations = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    assert any("two_wer" in evaluation for evaluation in evaluations)
    assert load_speech(out / "model").config.latency_s == pytest.approx(0.095)
    assert transcribe(data / "one-dev0.wav", model=out / "model").model == "english-base"


def test_training_starts_from_a_model_of_the_same_shape(recipe: ModuleType, data: Path, tmp_path: Path) -> None:
    recipe.main(arguments(data, tmp_path / "first"))
    init = str(tmp_path / "first" / "model")
    assert recipe.main(arguments(data, tmp_path / "second", "--init", init, "--train.learning_rate", "1e-9")) == 0
    one, other = (load_speech(tmp_path / run / "model") for run in ("first", "second"))
    features = np.random.default_rng(0).normal(size=(40, 20)).astype(np.float32)
    np.testing.assert_allclose(one.log_probs(features)[0], other.log_probs(features)[0], atol=1e-3)
    with pytest.raises(ModelError, match=r"asks for|does not fit"):
        recipe.main(arguments(data, tmp_path / "third", "--init", init, "--model.lstm.hidden_size", "16"))


def test_every_corpus_needs_a_weight(recipe: ModuleType, data: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"--weights needs one number for each of the 2 --train_corpora, got 1"):
        recipe.main([*arguments(data, tmp_path / "run"), "--weights", "[1.0]"])


def test_both_encoders_keep_their_budgets(recipe: ModuleType) -> None:
    from audio_lstm.speech.acoustic.model import SpeechModel

    small, base = (
        sum(parameter.numel() for parameter in SpeechModel(preset.model).parameters())
        for preset in (recipe.SMALL, recipe.BASE)
    )
    assert small <= 6_000_000
    assert base <= 16_000_000
    assert recipe.SMALL.model.latency_s <= 0.32
    assert recipe.SMALL.model.features.normalisation == "running"  # or it could not stream
    assert recipe.BASE.model.latency_s is None


def test_writes_pieces_of_words_where_they_are_wanted(recipe: ModuleType, data: Path, tmp_path: Path) -> None:
    assert recipe.main(arguments(data, tmp_path / "run", "--n_pieces", "30", "--train.max_epochs", "1")) == 0
    alphabet = load_speech(tmp_path / "run" / "model").alphabet
    assert len(alphabet.symbols) == 30
    assert not alphabet.is_characters


def test_a_large_corpus_is_decoded_as_it_is_used_and_an_empty_text_is_one_too(
    recipe: ModuleType, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for split, n_clips in (("train", 4), ("dev", 2)):
        manifest = data / f"two.{split}.jsonl"
        rows = [json.loads(line) | {"duration_s": 1.2} for line in manifest.read_text().splitlines()]
        manifest.write_text("".join(json.dumps(row | {"text": "" if n_clips == 4 else "A"}) + "\n" for row in rows))
    lazy: list[int] = []
    real = recipe.list_recordings
    monkeypatch.setattr(recipe, "list_recordings", lambda rows, model: lazy.append(len(rows)) or real(rows, model))
    assert recipe.main(arguments(data, tmp_path / "run", "--memory_hours", "0.001")) == 0
    assert lazy == [4]  # the four clips of "two"; nothing is known of how long those of "one" are


DICTIONARY = "a EY1\nb B IY1\nb(2) B EH1\nc S IY1\n"


def test_phonemes_of_the_last_layer_become_an_output_and_the_dictionary_the_lexicon(
    recipe: ModuleType, load_recipe: Callable[[str], ModuleType], data: Path, tmp_path: Path
) -> None:
    dictionary, out = tmp_path / "small.dict", tmp_path / "run"
    dictionary.write_text(DICTIONARY)
    more = ["--pronunciations", str(dictionary), "--ctc.loss.phoneme_weight", "0.5"]
    assert recipe.main(arguments(data, out, *more, "--ctc.loss.phoneme_layer", "1")) == 0
    assert load_lexicon(out / "model", 39).words == ("A", "B", "C")
    features = np.random.default_rng(0).normal(size=(40, 20)).astype(np.float32)
    both = load_speech(out / "model").log_probs(features)[0]
    assert both.shape == (10, 29 + 40)

    of_run = load_recipe("speech/model_of_run")
    wanted = ["--run", str(out), "--out", str(tmp_path / "again")]
    assert of_run.main([*wanted, "--pronunciations", str(dictionary)]) == 0
    again = load_speech(tmp_path / "again")
    assert again.name == "english-base"
    assert again.log_probs(features)[0].shape == both.shape
    assert load_lexicon(tmp_path / "again", 39).pronunciations("B") == load_lexicon(out / "model", 39).pronunciations(
        "B"
    )
    assert of_run.main([*wanted, "--name", "letters"]) == 0
    assert load_speech(tmp_path / "again").log_probs(features)[0].shape == (10, 29)


def test_a_run_that_cannot_become_a_model_with_sounds_is_refused(
    recipe: ModuleType, load_recipe: Callable[[str], ModuleType], data: Path, tmp_path: Path
) -> None:
    out, dictionary = tmp_path / "run", tmp_path / "small.dict"
    dictionary.write_text(DICTIONARY)
    of_run = load_recipe("speech/model_of_run")
    wanted = ["--run", str(out), "--out", str(tmp_path / "model")]
    with pytest.raises(DataError, match=r"config\.json: cannot be read \(No such file .*pass the folder of a run"):
        of_run.main(wanted)
    recipe.main(arguments(data, out))
    with pytest.raises(ConfigError, match=r"the last layer, 1, has not learned phonemes .*leave --pronunciations out"):
        of_run.main([*wanted, "--pronunciations", str(dictionary)])
    (out / "config.json").write_text("{}")
    with pytest.raises(DataError, match=r"config\.json: not the settings of a run of english\.py"):
        of_run.main(wanted)
    assert not (tmp_path / "model").exists()
