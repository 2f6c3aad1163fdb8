"""What recordings say of pauses and errors is counted by mark and by word."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from audio_lstm.errors import DataError

ROW: dict[str, Any] = {
    "text": "YES HE CAME AND I WENT",
    "reference": [["Yes,", 0.0, 0.5], ["he", 0.8, 1.0], ["came.", 1.0, 1.4], ["And", 2.2, 2.4], ["I", 2.4, 2.5]],
    "recognised": [["YES", 0, 0.5, 0.9], ["SHE", 0.8, 1, 0.5], ["CAME", 1, 1.4, 0.9], ["I", 2.4, 2.5, 0.9]],
}


@pytest.fixture
def recipe(load_recipe: Callable[[str], ModuleType]) -> ModuleType:
    return load_recipe("speech/punctuation_speech")


def test_pauses_are_counted_by_the_mark_that_is_printed(recipe: ModuleType) -> None:
    shares = recipe.pause_shares([ROW] * 50)
    assert set(shares) == {"none", "comma", "end"}
    longest = {kind: max(range(len(bins)), key=bins.__getitem__) for kind, bins in shares.items()}
    edges = recipe.EDGES_S
    assert edges[longest["none"]] == 0.0
    assert edges[longest["comma"]] <= 0.3 < edges[longest["comma"] + 1]
    assert edges[longest["end"]] <= 0.8 < edges[longest["end"] + 1] or edges[longest["end"]] == 0.6
    with pytest.raises(DataError, match="no pause after"):
        recipe.pause_shares([{**ROW, "reference": ROW["reference"][:2]}])


def test_confusions_and_rates_are_counted(recipe: ModuleType) -> None:
    table, rates = recipe.confusions([ROW])
    assert table == {"HE": ["SHE"]}
    assert rates == {"substituted": round(1 / 6, 4), "dropped": round(2 / 6, 4)}
