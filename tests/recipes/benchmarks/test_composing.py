"""The benchmark of composing, with few steps and a small model."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from audio_lstm.config import LSTMConfig


@pytest.fixture
def recipe(load_recipe: Callable[[str], ModuleType]) -> ModuleType:
    return load_recipe("benchmarks/composing")


def test_every_peer_walks_the_same_model(recipe: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recipe, "LSTMConfig", lambda *_, **__: LSTMConfig(8, hidden_size=8, n_layers=1))
    onnx_model, torch_model = recipe.reference(tmp_path)
    rates = [recipe.bare(onnx_model, 2, 5), recipe.bare(torch_model, 2, 5)]
    rates += [recipe.sampled(onnx_model, wishes, 2, 20) for wishes in ({}, recipe.WISHES)]
    assert all(rate > 0 for rate in rates)
    assert recipe.medians({"a": lambda: 3.0}) == {"a": 3.0}
