"""The sweep of random requests, with a few of them."""

from __future__ import annotations

import re
from collections.abc import Callable
from types import ModuleType

import pytest


@pytest.fixture
def recipe(load_recipe: Callable[[str], ModuleType]) -> ModuleType:
    return load_recipe("quality/wishes")


def test_random_requests_are_counted_and_none_is_broken(recipe: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    assert recipe.main(["--n", "40", "--seed", "5"]) == 0
    printed = capsys.readouterr().out
    assert re.search(r"events: 40 requests, \d+ pieces, \d+ wishes, 0 not kept", printed)
    assert re.search(r"chorales: 4 requests, \d+ pieces, \d+ wishes, 0 not kept", printed)
