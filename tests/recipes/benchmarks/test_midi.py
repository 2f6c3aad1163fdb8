"""The benchmark of MIDI: every contestant takes its turn, and duplicates are found."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import ModuleType

import pytest

from audio_lstm.errors import ConfigError


@pytest.fixture
def recipe(load_recipe: Callable[[str], ModuleType]) -> ModuleType:
    return load_recipe("benchmarks/midi")


@pytest.mark.skipif(sys.platform != "linux", reason="the worker's clock is read from /proc")
def test_a_table_is_printed_for_each_set(recipe: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    assert recipe.main(["--files", "2", "--rounds", "1"]) == 0
    printed = capsys.readouterr().out
    assert "made at random: 2 files, 1000 notes on average" in printed
    for row in ("worker process (tokenise)", "this process", "symusic, parsing alone"):
        assert f"| {row} | " in printed


def test_every_pair_of_a_made_up_corpus_is_found(recipe: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    assert recipe.main(["--duplicates", "40"]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("40 songs: ")
    assert "4 of 4 pairs found, 0 others" in printed
    with pytest.raises(ConfigError, match=r"must be 1 or more"):
        recipe.main(["--duplicates", "0"])
