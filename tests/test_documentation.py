"""What the documents promise of the repository: names, paths, versions and figures that are there."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

import pytest

import audio_lstm
from audio_lstm.checkpoint import shipped_models

REPOSITORY = Path(__file__).resolve().parent.parent
README = (REPOSITORY / "README.md").read_text("utf-8")
PAGES = sorted((REPOSITORY / "docs").rglob("*.md"))
DOCUMENTS = [
    *PAGES,
    *(REPOSITORY / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "recipes/README.md")),
]
_PATH = re.compile(r"`((?:audio_lstm|recipes|tests|demos|docs)/[\w./-]+)`|python (recipes/[\w/]+\.py)")


def name(page: Path) -> str:
    return page.relative_to(REPOSITORY).as_posix()


def test_every_public_name_is_in_the_reference_once() -> None:
    pages = [page.read_text("utf-8") for page in PAGES if page.parent.name == "reference"]
    found = re.findall(r"^::: audio_lstm\.(\w+)$", "\n".join(pages), re.MULTILINE)
    named = [word for word in found if word != "errors"]
    assert sorted(named) == sorted(set(audio_lstm.__all__) - {"__version__", "AudioLSTMError"})  # errors.py is there


@pytest.mark.parametrize("page", DOCUMENTS, ids=name)
def test_the_paths_that_a_document_names_exist(page: Path) -> None:
    for match in _PATH.finditer(page.read_text("utf-8")):
        path = match[1] or match[2]
        assert (REPOSITORY / path).exists(), f"{name(page)} names {path}"


@pytest.mark.parametrize("page", DOCUMENTS, ids=name)
def test_the_links_of_a_document_lead_to_files(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#:\s]+)(?:#[\w.-]*)?\)", page.read_text("utf-8")):
        assert (page.parent / target).exists(), f"{name(page)} links to {target}"


@pytest.mark.parametrize("page", DOCUMENTS, ids=name)
def test_the_lines_of_python_in_a_document_are_python(page: Path) -> None:
    for block in re.findall(r"^```python\n(.*?)^```", page.read_text("utf-8"), re.MULTILINE | re.DOTALL):
        ast.parse(block)


def test_the_readme_is_short_and_stands_alone() -> None:
    assert README.count("\n") <= 100
    assert "../shared" not in README


def test_the_figures_of_the_readme_are_those_of_the_cards() -> None:
    n_figures = 0
    for line in README.splitlines():
        for model in re.findall(r"`([\w-]+)`", line.split("|")[1] if line.startswith("| `") else ""):
            if model not in shipped_models():
                continue
            card = (shipped_models()[model] / "README.md").read_text("utf-8")
            known = {round(float(figure), 1) for figure in re.findall(r"\d+\.\d+", card)}
            for figure in re.findall(r"WER ([\d., %a-zA-Z]+)", line):
                for value in re.findall(r"\d+\.\d", figure):
                    assert float(value) in known, f"{model}: {value} is not in its card"
                    n_figures += 1
    assert n_figures >= 9


def test_the_version_is_the_same_everywhere() -> None:
    citation = (REPOSITORY / "CITATION.cff").read_text("utf-8")
    changelog = (REPOSITORY / "CHANGELOG.md").read_text("utf-8")
    assert f"\nversion: {audio_lstm.__version__}\n" in citation
    newest = re.search(r"^## (\S+)", changelog, re.MULTILINE)
    assert newest is not None
    assert newest[1] == audio_lstm.__version__


def test_the_documentation_is_in_the_source_distribution() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))
    assert {"docs", "mkdocs.yml", "CITATION.cff"} <= set(
        project["tool"]["hatch"]["build"]["targets"]["sdist"]["include"]
    )
