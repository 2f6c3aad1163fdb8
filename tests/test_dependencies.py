"""pyproject.toml and its two constraints files agree; what does not load says what to install; breakers are named."""

from __future__ import annotations

import ast
import importlib.util
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

HOW = "run `.ci/run lock`"


def _project(repository: Path) -> dict[str, list[Requirement]]:
    """The direct dependencies by extra, "" for the base; not the project's own extras."""
    project = tomllib.loads((repository / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    groups = {"": project["dependencies"], **project["optional-dependencies"]}
    parsed = {group: [Requirement(line) for line in lines] for group, lines in groups.items()}
    return {group: [r for r in found if r.name != "audio-lstm"] for group, found in parsed.items()}


DATA_TOOLS = {"label", "voices"}  # extras for making training data: no test needs them, and `all` leaves them out


def _direct(repository: Path) -> list[Requirement]:
    project = _project(repository)
    return [requirement for extra in project.keys() - DATA_TOOLS for requirement in project[extra]]


def _pins(repository: Path, name: str) -> dict[str, set[Version]]:
    """The releases of a constraints file by package: several where Pythons or systems differ."""
    pins: dict[str, set[Version]] = {}
    for line in (repository / "constraints" / name).read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            requirement = Requirement(line)
            assert re.fullmatch(r"==[\w.]+", str(requirement.specifier)), line
            assert requirement.url is None, line
            pins.setdefault(canonicalize_name(requirement.name), set()).add(Version(str(requirement.specifier)[2:]))
    return pins


def test_the_lock_holds_every_direct_dependency_in_its_range(repository: Path) -> None:
    pins = _pins(repository, "newest.txt")
    for requirement in _direct(repository):
        found = pins.get(canonicalize_name(requirement.name), set())
        assert found, f"{requirement.name} is not in constraints/newest.txt: {HOW}"
        assert all(requirement.specifier.contains(version) for version in found), f"{requirement}, {found}: {HOW}"
    assert len(pins) > 100


def test_the_oldest_environment_has_exactly_the_lower_bounds(repository: Path) -> None:
    pins = _pins(repository, "oldest.txt")
    lowest: dict[str, Version] = {}
    for requirement in _direct(repository):
        bounds = [Version(part.version) for part in requirement.specifier if part.operator == ">="]
        assert len(bounds) == 1, f"{requirement} needs a lower bound that has been tried"
        name = canonicalize_name(requirement.name)
        lowest[name] = max(bounds[0], lowest.get(name, bounds[0]))
    assert {name: min(pins[name]) for name in lowest} == lowest, HOW  # later Pythons need later releases
    assert len(lowest) > 30


def test_a_package_has_the_same_bounds_in_every_extra(repository: Path) -> None:
    seen: dict[str, str] = {}
    for requirement in _direct(repository):
        name = canonicalize_name(requirement.name)
        assert seen.setdefault(name, str(requirement.specifier)) == str(requirement.specifier), name
    assert seen


def test_neither_torch_nor_torchaudio_is_needed_to_use_a_model(repository: Path) -> None:
    groups = _project(repository)
    heavy = {"torch", "torchaudio"}
    assert {group for group, found in groups.items() if heavy & {r.name for r in found}} == {"train", "test"}
    assert "torchaudio" not in {requirement.name for requirement in groups["train"]}


def test_only_tests_import_torchaudio(repository: Path) -> None:
    n_files = 0
    for path in [*(repository / "audio_lstm").rglob("*.py"), *(repository / "recipes").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not any(name.split(".")[0] == "torchaudio" for name in names), path
        n_files += 1
    assert n_files > 100


def test_beside_a_cpu_only_torch_the_tests_of_torchaudio_skip_and_say_what_to_install(
    repository: Path, tmp_path: Path
) -> None:
    pytest.importorskip("torch", reason="training is tested where torch is installed")
    (tmp_path / "torchaudio.py").write_text('raise OSError("libc10_cuda.so: cannot open shared object file")\n')
    tests = [
        "tests/speech/sound/test_filters.py",
        "tests/speech/sound/test_features.py",
        "tests/speech/ctc/test_align.py",
    ]
    command = [sys.executable, "-m", "pytest", "-n", "0", "-rs", "-p", "no:cacheprovider", "-k", "torchaudio", *tests]
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    ended = subprocess.run(
        command, cwd=repository, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stdout
    reasons = [line for line in ended.stdout.splitlines() if line.startswith("SKIPPED")]
    assert reasons
    assert all("libc10_cuda.so" in line and "pip install" in line for line in reasons), reasons
    assert re.search(r"^\d+ skipped, \d+ deselected", ended.stdout.splitlines()[-1]), ended.stdout


@pytest.fixture
def blame(repository: Path):  # type: ignore[no-untyped-def]
    """The script of the gate, loaded as a module."""
    spec = importlib.util.spec_from_file_location("blame", repository / ".ci" / "blame.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _blamed(blame, monkeypatch, capsys, newer: dict[str, tuple[str, str]], breaks: set[str]) -> str:
    """What the gate says of a command that fails with the releases `breaks`, "name==version" each."""
    monkeypatch.setattr(blame, "newer_releases", lambda _: [(n, *map(Version, v)) for n, v in newer.items()])
    monkeypatch.setattr(blame, "passes", lambda _, pins: not breaks & set(pins))
    blame.main("pytest")
    return capsys.readouterr().out


@pytest.mark.parametrize("culprit", ["a", "b", "c", "d", "e"])
def test_a_release_that_breaks_the_tests_is_named(blame, monkeypatch, capsys, culprit: str) -> None:
    newer = dict.fromkeys("abcde", ("1.0", "2.0"))
    said = _blamed(blame, monkeypatch, capsys, newer, {f"{culprit}==2.0"})
    assert said.splitlines()[-1] == f"blame: {culprit} 2.0 breaks `pytest`; with {culprit} 1.0 (the lock's) it passes"


def test_a_fault_of_our_own_is_not_blamed_on_a_release(blame, monkeypatch, capsys) -> None:
    said = _blamed(blame, monkeypatch, capsys, {"a": ("1.0", "2.0")}, {"a==1.0", "a==2.0"})
    assert "not a new release" in said
    assert "not a new release" in _blamed(blame, monkeypatch, capsys, {}, set())


def test_what_is_newer_than_the_lock_is_found(blame, tmp_path: Path) -> None:
    lock = tmp_path / "newest.txt"
    lock.write_text("# made\npytest==0.1\nnumpy==0.1 ; python_version < '3'\nnumpy==999\nabsent==1\n", encoding="utf-8")
    locked = blame.locked_versions(lock)
    assert locked == {"pytest": Version("0.1"), "numpy": Version("999"), "absent": Version("1")}
    assert blame.newer_releases(locked) == [("pytest", Version("0.1"), Version(pytest.__version__))]
