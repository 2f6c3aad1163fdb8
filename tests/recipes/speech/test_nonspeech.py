"""Sounds without speech: every kind is there, finite and repeatable, and a recogniser can be trained on them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

from audio_lstm.audio.files import load_audio
from audio_lstm.errors import DataError
from audio_lstm.speech.text.data import read_manifest
from audio_lstm.speech.training.corpus import load_corpus
from audio_lstm.speech.training.task import SMALL_BIDIRECTIONAL, CTCConfig, CTCTask


@pytest.fixture
def recipe(load_recipe: Callable[[str], ModuleType]) -> ModuleType:
    return load_recipe("speech/nonspeech")


@pytest.fixture
def chorales(tmp_path: Path) -> Path:
    file = tmp_path / "chorales.json"
    file.write_text(json.dumps({"train": [[[72, 67, 64, 48]] * 8 + [[71, 67, 62, 43]] * 8]}))
    return file


def test_writes_all_kinds_alike_each_time(recipe: ModuleType, chorales: Path, tmp_path: Path) -> None:
    for out in ("one", "two"):
        assert recipe.main(["--out", str(tmp_path / out), "--n", "10", "--chorales", str(chorales)]) == 0
    rows = read_manifest(tmp_path / "one/nonspeech.train.jsonl")
    assert len(rows) == 10
    assert {row.text for row in rows} == {""}
    loudest = []
    for row in rows:
        samples = load_audio(row.audio)
        np.testing.assert_array_equal(samples, load_audio(tmp_path / "two" / row.audio.relative_to(tmp_path / "one")))
        assert row.duration_s == pytest.approx(len(samples) / 16_000)
        loudest.append(20 * np.log10(np.abs(samples).max()))
    assert max(loudest) <= -0.9
    assert min(loudest) == loudest[9] < -54  # the tenth kind is silence
    assert not {row.audio.read_bytes() for row in rows} & {
        row.audio.read_bytes() for row in read_manifest(tmp_path / "one/nonspeech.dev.jsonl")
    }


def test_plays_the_notes_of_a_chorale(recipe: ModuleType) -> None:
    samples = recipe.chorale([[[69, 0, 0, 0]] * 400])(np.random.default_rng(0), 16_000)
    spectrum = np.abs(np.fft.rfft(samples))
    strongest = np.flatnonzero(spectrum > 0.3 * spectrum.max())
    assert np.abs(strongest / 440 - np.round(strongest / 440)).max() < 0.02


def test_ctc_learns_to_write_nothing(recipe: ModuleType, tmp_path: Path) -> None:
    recipe.main(["--out", str(tmp_path), "--n", "3"])
    recordings = load_corpus(read_manifest(tmp_path / "nonspeech.train.jsonl"), SMALL_BIDIRECTIONAL)
    task = CTCTask(SMALL_BIDIRECTIONAL, recordings, {}, options=CTCConfig(), seed=0)
    task.model.eval()  # no dropout
    batch = task.batch(0, 0, 0, 1)
    assert batch is not None
    loss = task.loss(batch, None)
    assert loss.n_units == 0
    with torch.inference_mode():
        log_probs, lengths, _ = task.model(batch.features, batch.lengths)
    blanks = -sum(float(item[:length, 0].sum()) for item, length in zip(log_probs, lengths.tolist(), strict=True))
    assert float(loss.loss_sum.detach()) == pytest.approx(blanks, rel=1e-4)


@pytest.mark.parametrize("content", ["{}", "no", None])
def test_what_is_no_set_of_chorales_is_refused(recipe: ModuleType, tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "bad.json"
    if content is not None:
        file.write_text(content)
    with pytest.raises(DataError, match="not a set of chorales"):
        recipe.main(["--out", str(tmp_path / "out"), "--chorales", str(file)])
