"""Recipes are files, not modules of a package: they are loaded from their path."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture
def load_recipe(repository: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], ModuleType]:
    """Load recipes/NAME.py."""

    def load(name: str) -> ModuleType:
        module_name = f"recipe_{name.replace('/', '_')}"
        spec = importlib.util.spec_from_file_location(module_name, repository / "recipes" / f"{name}.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, module_name, module)  # dataclasses look their module up
        spec.loader.exec_module(module)
        return module

    return load
