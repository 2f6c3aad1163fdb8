"""The benchmark of the demo: its clip is as long as it says, and users who fail are counted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from audio_lstm.audio.files import load_audio


@pytest.fixture
def recipe(load_recipe: Callable[[str], ModuleType]) -> ModuleType:
    return load_recipe("benchmarks/demo")


def test_the_clip_has_ten_seconds(recipe: ModuleType, tmp_path: Path) -> None:
    assert len(load_audio(recipe.ten_seconds(tmp_path))) == 160_000


def test_users_who_fail_are_counted_and_memory_is_compared(
    recipe: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Pretend:
        url = "http://localhost:1"
        memories_mb = iter((100.0, 105.0))

        def __init__(self, *arguments: Any, **options: Any) -> None:
            pass

        def memory_mb(self) -> float:
            return next(self.memories_mb)

        def predict(self, **wishes: Any) -> None:
            if wishes["api_name"] == "/inspect":
                raise ValueError("no such layer")

    monkeypatch.setattr("gradio_client.Client", Pretend)
    figures = recipe.many_users(Pretend(), recipe.ten_seconds(tmp_path), n_users=2, seconds=0.1)
    assert figures["wishes"] > 0
    assert figures["failures"] > 0
    assert figures["memory_growth"] == pytest.approx(0.05)
    assert "no such layer" in capsys.readouterr().err
