"""The card of a finished model: what was measured, and how large it is."""

from __future__ import annotations

from pathlib import Path

import pytest
from torch import nn

from audio_lstm.training.loop import TrainResult
from audio_lstm.training.model_card import Card


@pytest.fixture
def card() -> Card:
    return Card("toy", "Counts beans.", "Licence: none.", TrainResult("steps", 7, 0.5, ()))


def test_a_card_has_name_purpose_figures_sizes_and_notes(card: Card, tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(bytes(20_000))
    assert card.write(tmp_path, nn.Linear(100, 100), {"beans": "3"}, tables="| a |\n|---|") == "0.02 MB"
    assert (tmp_path / "README.md").read_text("utf-8") == (
        "# toy\n\nCounts beans.\n\n| a |\n|---|\n\n| | |\n|---|---|\n| beans | 3 |\n| parameters | 0.01 M |\n"
        "| model.onnx | 0.02 MB |\n| training steps | 7 |\n\nLicence: none."
    )


def test_the_size_of_a_model_of_two_parts_is_that_of_both(card: Card, tmp_path: Path) -> None:
    for name in ("model.onnx", "reader.onnx"):
        (tmp_path / name).write_bytes(bytes(1_500_000))
    assert card.write(tmp_path, nn.Linear(1, 1), {}) == "3.0 MB"
    assert "| model.onnx and reader.onnx | 3.0 MB |" in (tmp_path / "README.md").read_text("utf-8")
