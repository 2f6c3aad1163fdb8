"""A recipe is run by its path beside an installed package: it must find its neighbours from there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
WITH_NEIGHBOURS = [
    file.relative_to(ROOT).as_posix()
    for file in sorted((ROOT / "recipes").glob("*/*.py"))
    if re.search(r"^from recipes\.", file.read_text("utf-8"), re.MULTILINE)
]


def test_the_sweep_sees_recipes_with_neighbours() -> None:
    assert len(WITH_NEIGHBOURS) > 6


@pytest.mark.parametrize("recipe", WITH_NEIGHBOURS)
def test_a_recipe_finds_its_neighbours_where_only_the_package_is_installed(recipe: str, tmp_path: Path) -> None:
    (tmp_path / "audio_lstm").symlink_to(ROOT / "audio_lstm")
    script = (
        f"import sys; sys.path = [p for p in sys.path if p not in ('', {str(ROOT)!r})]; "
        f"import importlib.util; assert not importlib.util.find_spec('recipes'); sys.argv = [{recipe!r}, '--help']; "
        f"import runpy; runpy.run_path({str(ROOT / recipe)!r}, run_name='__main__')"
    )
    ran = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
    )
    assert ran.returncode == 0, ran.stderr
    assert "usage:" in ran.stdout
