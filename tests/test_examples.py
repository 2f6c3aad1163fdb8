"""Every example in a docstring runs, in a folder with the samples and a few small files, and prints what it says."""

from __future__ import annotations

import ast
import doctest
import importlib
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import audio_lstm
from audio_lstm.music.score.notation import parse_notes
from audio_lstm.speech.words.arpa import write_arpa
from audio_lstm.speech.words.ngram import train_ngram

PACKAGE = Path(audio_lstm.__file__).parent
SENTENCES = ["THE CAT SAT", "THE CAT RAN", "ENTER SIXTY FOUR", "AA B", "HELLO WORLD"]
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def examples() -> Iterator[tuple[str, str]]:
    """Module and name within it of whatever has an example."""
    for file in sorted(PACKAGE.rglob("*.py")):
        module = ".".join(file.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")
        yield from ((module, name) for name, docstring in _docstrings(file) if ">>>" in docstring)


def _docstrings(file: Path) -> Iterator[tuple[str, str]]:
    def walk(node: ast.AST, path: tuple[str, ...]) -> Iterator[tuple[str, str]]:
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            yield ".".join(path), ast.get_docstring(node) or ""
            for child in node.body:
                yield from walk(child, (*path, getattr(child, "name", "")))

    yield from walk(ast.parse(file.read_text("utf-8")), ())


@pytest.fixture(scope="module")
def workbench(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the examples run in."""
    folder = tmp_path_factory.mktemp("examples")
    samples = shutil.copytree(repository / "demos" / "samples", folder / "demos" / "samples")
    (folder / "talks").mkdir()
    shutil.copy(samples / "control.wav", folder / "talks" / "a.wav")
    shutil.copy(samples / "spelling.wav", folder / "talks" / "b.wav")
    (folder / "dev.jsonl").write_text(
        '{"audio": "talks/b.wav", "text": "M U S I C"}\n{"audio": "talks/a.wav", "text": "ENTER SIXTY FOUR"}\n'
    )
    (folder / "book.txt").write_text("\n".join(SENTENCES))
    for name in ("lm.arpa", "lm.arpa.gz"):
        write_arpa(train_ngram(SENTENCES), folder / name)
    (folder / "songs").mkdir()
    for path in ("song.mid", "songs/song.mid"):
        audio_lstm.save_score(parse_notes("C4 E4 G4:2"), folder / path)
    return folder


@pytest.mark.parametrize(("module", "name"), [pytest.param(*pair, id=".".join(pair)) for pair in examples()])
def test_the_example_prints_what_it_says(
    module: str, name: str, workbench: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(workbench)
    value: object = importlib.import_module(module)
    names = {**vars(value), "np": np}
    for part in filter(None, name.split(".")):
        value = getattr(value, part)
    docstring = value.__doc__
    test = doctest.DocTestParser().get_doctest(docstring or "", names, f"{module}.{name}", None, 0)
    said: list[str] = []
    results = doctest.DocTestRunner(optionflags=FLAGS).run(test, out=said.append)
    assert results.attempted > 0
    assert not results.failed, "".join(said)


def test_the_sweep_finds_the_examples() -> None:
    found = list(examples())
    assert len(found) > 45
    verbs = {name for module, name in found if "." not in name}
    assert {"transcribe", "align", "compose", "harmonise", "infill", "inspect", "novelty"} <= verbs


def test_examples_stand_under_the_heading_that_the_documentation_knows() -> None:
    for file in PACKAGE.rglob("*.py"):
        assert not re.search(r"^ +Example:$", file.read_text("utf-8"), re.MULTILINE), f"{file}: call it Examples:"
