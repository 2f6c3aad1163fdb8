"""Loading a music model: steps equal the whole, costs are exact, and every wrong folder is named."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from audio_lstm.errors import ConfigError, ModelError
from audio_lstm.music.models import composer as composer_module
from audio_lstm.music.models.composer import Composer, load_music
from audio_lstm.music.models.metrics import negative_log_likelihood
from audio_lstm.music.score.notation import parse_notes
from audio_lstm.music.tokens.chorale import ChoraleGrid
from audio_lstm.music.tokens.events import EventVocabulary
from audio_lstm.runtime import TorchEngine

GRID = ChoraleGrid()


def piece(n_steps: int = 12) -> np.ndarray:
    rng = np.random.default_rng(0)
    return GRID.encode(rng.integers(48, 72, (n_steps, 4)))


def test_steps_with_carried_state_equal_the_whole_piece(chorale_composer: Composer) -> None:
    tokens = piece()
    whole = chorale_composer.logits(tokens)
    cursor, state = GRID.cursor(1), None
    for t, token in enumerate(tokens):
        logits, state = chorale_composer.step(cursor.columns(), state)
        assert logits.shape == (1, GRID.vocabulary_size)
        np.testing.assert_allclose(logits[0], whole[t], atol=0.05)  # int8 rounds a step and a piece apart
        cursor.push(np.array([token]))


def test_costs_are_the_exact_likelihood_of_the_scores(chorale_composer: Composer) -> None:
    tokens = piece()
    expected = negative_log_likelihood(chorale_composer.logits(tokens), tokens, GRID.legal(tokens))
    np.testing.assert_allclose(chorale_composer.costs(tokens), expected)


def test_costs_of_a_long_piece_are_read_in_stretches(
    chorale_composer: Composer, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens = piece(30)
    whole = chorale_composer.costs(tokens)
    monkeypatch.setattr(composer_module, "_STRETCH", 17)
    np.testing.assert_allclose(chorale_composer.costs(tokens), whole, atol=0.05)
    assert chorale_composer.costs(tokens[:0]).shape == (0,)


def test_a_loaded_composer_is_returned_as_it_is(chorale_composer: Composer) -> None:
    assert load_music(chorale_composer) is chorale_composer


def test_the_torch_engine_scores_like_onnx_runtime(chorale_folder: Path) -> None:
    from audio_lstm.checkpoint import open_model

    on_cpu = load_music(chorale_folder)
    engine = composer_module._torch_engine(open_model(chorale_folder, "music"), on_cpu.config, "cpu")
    assert isinstance(engine, TorchEngine)
    in_torch = Composer(on_cpu.name, on_cpu.config, GRID, engine)
    tokens = piece()
    np.testing.assert_allclose(in_torch.logits(tokens), on_cpu.logits(tokens), atol=0.1)


def test_loading_and_scoring_never_import_torch(chorale_folder: Path) -> None:
    program = (
        "import sys, numpy, audio_lstm; composer = audio_lstm.load_music(sys.argv[1]);"
        "composer.costs(numpy.array([5, 6, 7, 8, 1])); assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program, str(chorale_folder)], check=True, timeout=120)


def test_a_name_that_is_nowhere_is_refused_with_what_was_tried() -> None:
    with pytest.raises(ModelError, match="model 'no such model' not found; tried a shipped model"):
        load_music("no such model")


def test_an_unknown_device_is_refused(chorale_folder: Path) -> None:
    with pytest.raises(ConfigError, match="device must be 'cpu' or 'cuda', got 'tpu'"):
        load_music(chorale_folder, device="tpu")


@pytest.fixture
def damaged(chorale_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(chorale_folder, tmp_path / "damaged"))


def edit(folder: Path, part: str, **changes: object) -> None:
    content = json.loads((folder / "config.json").read_text())
    (content if part == "top" else content[part]).update(changes)
    (folder / "config.json").write_text(json.dumps(content))


@pytest.mark.parametrize(
    ("part", "changes", "message"),
    [
        ("model", {"surprise": 1}, r"damaged: unknown field 'surprise'.*; the model folder is damaged or of another"),
        ("model", {"vocabulary_size": 1}, r"vocabulary_size must lie in .*; the model folder is damaged"),
        ("representation", {"kind": "tune"}, r"damaged: unknown representation kind 'tune'.*; the model folder is dam"),
        ("representation", {"low": 200}, r"damaged: chorale representation: .*; the model folder is damaged"),
        ("representation", {"low": 40}, r"config\.json is at odds with itself .*; copy the model again"),
        (
            "top",
            {"wing": "speech"},
            r"a model of the speech wing, but a music model is needed; use it with `transcribe`",
        ),
    ],
)
def test_a_wrong_configuration_names_the_folder(
    damaged: Path, part: str, changes: dict[str, object], message: str
) -> None:
    edit(damaged, part, **changes)
    with pytest.raises(ModelError, match=message) as caught:
        load_music(damaged)
    assert str(damaged) in str(caught.value)


def test_a_graph_of_another_model_is_refused(damaged: Path, events_folder: Path) -> None:
    shutil.copy(events_folder / "model.onnx", damaged / "model.onnx")
    with pytest.raises(ModelError, match=r"model\.onnx: does not fit config\.json"):
        load_music(damaged)


def test_a_folder_that_is_no_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"not a model folder \(no config\.json\)"):
        load_music(tmp_path)


def test_a_beginning_that_is_read_at_once_leaves_the_state_of_its_steps(events_composer: Composer) -> None:
    tune = parse_notes("C4 E4 G4 C5")
    vocabulary = events_composer.representation
    assert isinstance(vocabulary, EventVocabulary)
    tokens = vocabulary.encode(tune)[:-1]
    cursor, state = vocabulary.cursor(2), None
    for token in tokens:
        _, state = events_composer.step(cursor.columns(), state)
        cursor.push(np.array([token, token]))
    assert state is not None
    read = events_composer.read(tokens, 2)
    assert read is not None
    for one, other in zip(read, state, strict=True):
        np.testing.assert_allclose(one, other, atol=0.03)  # int8: each run has its own scale
    assert events_composer.read(tokens[:0], 2) is None
