"""The load test, for a second, with and without failures."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from audio_lstm.errors import AudioLSTMError, DataError


@pytest.fixture
def recipe(load_recipe: Callable[[str], ModuleType], monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    recipe = load_recipe("benchmarks/serve")
    monkeypatch.setattr(recipe, "WARM_UP_S", 0.1)
    return recipe


def test_every_request_is_answered_and_the_figures_are_printed(
    recipe: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    assert recipe.main(["--clients", "3", "--seconds", "1", "--", "--workers", "1"]) == 0
    printed = capsys.readouterr().out
    found = re.search(r"3 clients for [\d.]+ s: (\d+) requests, 0 errors, 0 lost\n", printed)
    assert found
    assert int(found[1]) >= 3
    assert re.search(r"latency p50 [\d.]+ s, p95 [\d.]+ s, worst [\d.]+ s\n", printed)
    assert re.search(r"resident, MB: start \d+, middle \d+, end \d+\n", printed)


def test_a_wrong_answer_is_a_failure(
    recipe: ModuleType, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = recipe.Recording(b"--recording--\r\n", "no", 1.0)
    monkeypatch.setattr(recipe, "recordings", lambda *_: [wrong])
    assert recipe.main(["--clients", "1", "--seconds", "0.2", "--", "--workers", "1"]) == 1
    printed = capsys.readouterr()
    assert re.search(r"requests, [1-9]\d* errors, 0 lost", printed.out)
    assert 'failed: status 400: b\'{"error":{"message":"the form holds no recording' in printed.err


def test_a_server_that_does_not_start_is_an_error(recipe: ModuleType) -> None:
    with pytest.raises(
        AudioLSTMError, match=r"the server did not start: audio-lstm: workers must be at least 1, got 0"
    ):
        recipe.main(["--", "--workers", "0"])


def test_a_server_that_leaves_badly_is_an_error(recipe: ModuleType) -> None:
    import os
    import signal

    with (
        pytest.raises(AudioLSTMError, match=r"the server left with status -9, expected 0"),
        recipe.server(["--workers", "1"]) as (pid, _),
    ):
        os.kill(pid, signal.SIGKILL)


def test_no_recordings_are_an_error(recipe: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recipe, "SAMPLES", tmp_path)
    with pytest.raises(DataError, match=r"no recordings; name a folder with an4\.dev\.jsonl with --data"):
        recipe.main([])
