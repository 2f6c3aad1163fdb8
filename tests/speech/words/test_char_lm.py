"""Judging texts: exact probabilities, whatever stands beside a text, and every wrong input and folder named."""

from __future__ import annotations

import itertools
import json
import math
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from audio_lstm.config import LSTMConfig
from audio_lstm.errors import ConfigError, DataError, ModelError
from audio_lstm.runtime import OnnxEngine, TorchEngine
from audio_lstm.speech.acoustic.config import SpeechModelConfig
from audio_lstm.speech.acoustic.model import SpeechModel
from audio_lstm.speech.training.export import export_speech
from audio_lstm.speech.words import char_lm as char_lm_module
from audio_lstm.speech.words.char_lm import BOUNDARY, CharLM, CharLMConfig, load_char_lm, pad_texts
from audio_lstm.speech.words.char_lm_export import char_lm_graph, export_char_lm
from audio_lstm.speech.words.char_lm_model import CharLMModel

CONFIG = CharLMConfig(LSTMConfig(8, hidden_size=16, n_layers=2, projection_size=8, layer_norm=True), ("A", "B", " "))
TEXTS = ["A", "", "AB BA", "BBBBBBB A", "A"]


def untrained(config: CharLMConfig = CONFIG) -> CharLMModel:
    """Random weights, larger than usual so that texts differ."""
    torch.manual_seed(0)
    model = CharLMModel(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(2.0)
    return model


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An exported model with int8 weights."""
    return export_char_lm(untrained(), tmp_path_factory.mktemp("models") / "tiny", name="tiny", card="# Tiny\n")


@pytest.fixture(scope="module")
def precise(tmp_path_factory: pytest.TempPathFactory) -> CharLM:
    """The same model on ONNX Runtime with float32 weights."""
    file = tmp_path_factory.mktemp("graphs") / "precise.onnx"
    onnx.save(char_lm_graph(untrained()), file)
    return CharLM("precise", CONFIG, CONFIG.alphabet, OnnxEngine(file))


@pytest.fixture
def damaged(folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(folder, tmp_path / "damaged"))


def edit(folder: Path, **changes: object) -> None:
    content = json.loads((folder / "config.json").read_text())
    content["model"].update(changes)
    (folder / "config.json").write_text(json.dumps(content))


def test_torch_and_onnx_agree(precise: CharLM) -> None:
    in_torch = replace(precise, engine=TorchEngine(untrained(), streams=True))
    expected = in_torch.log_probs(TEXTS)
    assert np.ptp(expected) > 1
    np.testing.assert_allclose(precise.log_probs(TEXTS), expected, atol=1e-4)


def test_a_texts_probability_is_the_product_of_its_steps(precise: CharLM) -> None:
    text = "AB BA"
    ids = [*precise.alphabet.encode(text).tolist(), BOUNDARY]
    total, state, before = 0.0, None, BOUNDARY
    for symbol in ids:
        log_probs, state = precise.engine.run(np.array([[[before]]]), np.array([1]), state)
        assert np.exp(log_probs).sum() == pytest.approx(1, abs=1e-5)
        total += float(log_probs[0, 0, symbol])
        before = symbol
    assert precise.log_probs([text])[0] == pytest.approx(total, abs=1e-4)


def test_the_probabilities_of_all_texts_add_up_to_one() -> None:
    model = untrained(replace(CONFIG, symbols=("A", "B")))
    with torch.no_grad():
        model.head.weight.mul_(0.2)
        model.head.bias.copy_(torch.tensor([1.5, 0.0, 0.0]))  # the end is likely, so long texts are not
    letters = CharLM("letters", model.config, model.config.alphabet, TorchEngine(model, streams=True))
    texts = ["".join(word) for length in range(11) for word in itertools.product("AB", repeat=length)]
    assert len(texts) == 2**11 - 1
    assert 0.99 < np.exp(letters.log_probs(texts)).sum() < 1


def test_every_next_symbol_has_a_share_of_one(folder: Path) -> None:
    inputs, _, _ = pad_texts([CONFIG.alphabet.encode("AB BA")])
    log_probs, _ = load_char_lm(folder).engine.run(inputs, np.array([6]), None)
    assert log_probs.shape == (1, 6, 4)
    assert log_probs.dtype == np.float32
    np.testing.assert_allclose(np.exp(log_probs).sum(axis=2), 1, atol=1e-5)


def test_a_padded_batch_equals_texts_alone(precise: CharLM) -> None:
    alone = [precise.log_probs([text])[0] for text in TEXTS]
    np.testing.assert_allclose(precise.log_probs(TEXTS), alone, atol=1e-5)


def test_int8_rounds_a_batch_and_texts_alone_apart_by_little(folder: Path, precise: CharLM) -> None:
    char_lm = load_char_lm(folder)
    alone = [char_lm.log_probs([text])[0] for text in TEXTS]
    n_characters = np.array([len(text) + 1 for text in TEXTS])
    np.testing.assert_array_less(np.abs(char_lm.log_probs(TEXTS) - alone) / n_characters, 0.05)
    np.testing.assert_array_less(np.abs(precise.log_probs(TEXTS) - alone) / n_characters, 0.1)


@settings(deadline=None, max_examples=40)
@given(texts=st.lists(st.text("AB", max_size=12), max_size=8), seed=st.integers(0, 99))
def test_the_order_of_texts_does_not_matter(precise: CharLM, texts: list[str], seed: int) -> None:
    order = np.random.default_rng(seed).permutation(len(texts))
    log_probs = precise.log_probs(texts)
    assert log_probs.dtype == np.float64
    assert (log_probs < 0).all()
    np.testing.assert_allclose(precise.log_probs([texts[number] for number in order]), log_probs[order], atol=1e-5)


def test_long_texts_and_many_are_read_in_parts(precise: CharLM, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = ["AB A" * 9, "", "B", "BA" * 7, "A B" * 3]
    whole = precise.log_probs(texts)
    monkeypatch.setattr(char_lm_module, "_STRETCH", 5)
    monkeypatch.setattr(char_lm_module, "_MAX_BATCH_SYMBOLS", 30)
    np.testing.assert_allclose(precise.log_probs(texts), whole, atol=1e-4)


def test_an_empty_text_costs_its_end_and_no_texts_cost_nothing(precise: CharLM) -> None:
    log_probs, _ = precise.engine.run(np.array([[[BOUNDARY]]]), np.array([1]), None)
    assert precise.log_probs([""])[0] == pytest.approx(float(log_probs[0, 0, BOUNDARY]))
    assert precise.log_probs([]).shape == (0,)


def test_texts_are_normalised(precise: CharLM) -> None:
    np.testing.assert_array_equal(precise.log_probs(["“ab”,  ba!"]), precise.log_probs(["AB BA"]))


@pytest.mark.parametrize("text", ["AC", "A1", "Ä"])
def test_a_letter_outside_the_alphabet_is_named_with_its_text(precise: CharLM, text: str) -> None:
    with pytest.raises(DataError, match=rf"^text 1 \(from 0\): '{text[-1]}' at position \d of '{text}' is not among"):
        precise.log_probs(["AB", text])


def test_bits_per_character_count_the_ends(precise: CharLM) -> None:
    expected = -precise.log_probs(["AB", ""]).sum() / math.log(2) / 4
    assert precise.bits_per_character(["AB", ""]) == pytest.approx(expected)
    with pytest.raises(DataError, match="no texts to measure the language model on; give at least one"):
        precise.bits_per_character([])


def test_texts_are_padded_after_their_ends() -> None:
    inputs, targets, weights = pad_texts([np.array([3, 1]), np.array([], np.int64)])
    assert inputs[:, :, 0].tolist() == [[0, 3, 1], [0, 0, 0]]
    assert targets.tolist() == [[3, 1, 0], [0, 0, 0]]
    assert weights.tolist() == [[1, 1, 1], [1, 0, 0]]
    assert weights.dtype == np.float32


def test_a_loaded_model_knows_its_name_and_alphabet(folder: Path) -> None:
    char_lm = load_char_lm(folder)
    assert (char_lm.name, char_lm.config, char_lm.alphabet) == ("tiny", CONFIG, CONFIG.alphabet)
    assert load_char_lm(char_lm) is char_lm


def test_loading_and_scoring_never_import_torch(folder: Path) -> None:
    program = (
        "import sys; from audio_lstm.speech.words.char_lm import load_char_lm;"
        "load_char_lm(sys.argv[1]).log_probs(['AB']); assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program, str(folder)], check=True, timeout=120)


def test_pieces_are_refused() -> None:
    with pytest.raises(ConfigError, match="reads single characters, got the piece ' AB'"):
        CharLMConfig(CONFIG.lstm, (" AB", "A", "B", " "))


def test_a_model_that_reads_both_ways_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"a language model reads one way: set lstm\.bidirectional to false"):
        CharLMConfig(replace(CONFIG.lstm, bidirectional=True))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"surprise": 1}, r"damaged: unknown field 'surprise'.*; the model folder is damaged or of another version"),
        ({"symbols": ["A", "A"]}, r"damaged: symbols must differ .*; the model folder is damaged"),
    ],
)
def test_a_wrong_configuration_names_the_folder(damaged: Path, changes: dict[str, object], message: str) -> None:
    edit(damaged, **changes)
    with pytest.raises(ModelError, match=message):
        load_char_lm(damaged)


def test_a_graph_that_does_not_fit_is_refused(damaged: Path) -> None:
    edit(damaged, symbols=["A", "B", " ", "C"])
    with pytest.raises(ModelError, match=r"does not fit config\.json \(expected input width 1, output width 5, a stat"):
        load_char_lm(damaged)


def test_a_recogniser_is_no_language_model(speech_config: SpeechModelConfig, tmp_path: Path) -> None:
    recogniser = export_speech(SpeechModel(speech_config).eval(), tmp_path / "speech", name="speech", card="")
    with pytest.raises(ModelError, match="of the speech wing, but a language model is needed; use it with `transcribe"):
        load_char_lm(recogniser)
