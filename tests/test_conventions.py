"""The shape of the code: nothing grows too large, every module has its test, nothing is left for later."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
PACKAGE = REPOSITORY / "audio_lstm"
CODE = sorted(file for folder in ("audio_lstm", "recipes", "demos") for file in (REPOSITORY / folder).rglob("*.py"))
MODULES = [file for file in CODE if file.is_relative_to(PACKAGE)]

MAX_MODULE_LINES = 400
MAX_FUNCTION_LINES = 60
EMPTY_NAMES = {"utils", "util", "helpers", "helper", "common", "base", "misc"}
# Nothing to test in it, or tested by what uses it: errors.py holds classes without bodies.
WITHOUT_A_TEST = {"version.py", "errors.py"}


@cache
def tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text("utf-8"), filename=str(file))


def imported(file: Path) -> Iterator[str]:
    """The absolute names of all modules and names that a file imports, inside functions and type checks too."""
    for node in ast.walk(tree(file)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}:{node.lineno}: a relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def name_of(file: Path) -> str:
    return file.relative_to(REPOSITORY).as_posix()


def offenders(files: list[Path], *forbidden: str) -> list[str]:
    """Which of the files import what begins with a forbidden name."""
    return [
        f"{name_of(file)} imports {name}"
        for file in files
        for name in imported(file)
        if any(name == start or name.startswith(f"{start}.") for start in forbidden)
    ]


def test_no_module_is_longer_than_400_lines() -> None:
    lengths = {name_of(file): len(file.read_text("utf-8").splitlines()) for file in CODE}
    assert not {name: n_lines for name, n_lines in lengths.items() if n_lines > MAX_MODULE_LINES}


def docstring_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    text = ast.get_docstring(node, clean=False)
    return 0 if text is None else text.count("\n") + 1


def test_no_function_is_longer_than_60_lines() -> None:
    # What a docstring says of arguments and errors makes no function harder to follow.
    functions = [
        (f"{name_of(file)}:{node.name}", (node.end_lineno or 0) - node.lineno + 1 - docstring_lines(node))
        for file in CODE
        for node in ast.walk(tree(file))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    assert len(functions) > 400
    assert not [(name, n_lines) for name, n_lines in functions if n_lines > MAX_FUNCTION_LINES]


def test_every_module_has_its_mirrored_test() -> None:
    modules = {file.relative_to(PACKAGE).as_posix() for file in MODULES if file.name != "__init__.py"}
    assert modules >= WITHOUT_A_TEST
    missing = [
        module
        for module in sorted(modules - WITHOUT_A_TEST)
        if not (REPOSITORY / "tests" / Path(module).with_name(f"test_{Path(module).name}")).is_file()
    ]
    assert not missing


def test_no_module_has_a_name_that_says_nothing() -> None:
    assert not [name_of(file) for file in CODE if file.stem in EMPTY_NAMES]


@pytest.mark.parametrize("word", ["NotImplementedError", r"\bTODO\b", r"\bFIXME\b", r"\bXXX\b"])
def test_nothing_is_left_for_later(word: str) -> None:
    assert not [name_of(file) for file in CODE if re.search(word, file.read_text("utf-8"))]


def test_nothing_is_left_for_later_in_the_documents() -> None:
    documents = [*REPOSITORY.glob("*.md")]
    for folder in ("audio_lstm", "recipes", "demos", "tests", "docs", ".github"):
        documents += (REPOSITORY / folder).rglob("*.md")
    assert len(documents) > 4
    assert not [name_of(file) for file in documents if re.search("@[A-Z]+@", file.read_text("utf-8"))]


def test_nothing_is_ever_pickled() -> None:
    assert not offenders(CODE, "pickle", "dill", "joblib", "shelve", "marshal")
    calls = [
        f"{name_of(file)}:{node.lineno}"
        for file in CODE
        for node in ast.walk(tree(file))
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and (node.value.id, node.attr) in {("torch", "load"), ("torch", "save")}
    ]
    assert not calls
    loads = [
        node
        for file in CODE
        for node in ast.walk(tree(file))
        if isinstance(node, ast.keyword) and node.arg == "allow_pickle"
    ]
    assert all(isinstance(node.value, ast.Constant) and node.value.value is False for node in loads)


def test_only_the_command_line_and_training_write_to_the_terminal() -> None:
    calls = [
        f"{name_of(file)}:{node.lineno}"
        for file in MODULES
        for node in ast.walk(tree(file))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]
    assert not calls
    users = {
        name_of(file)
        for file in MODULES
        for node in ast.walk(tree(file))
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and (node.value.id, node.attr) in {("sys", "stdout"), ("sys", "stderr")}
    }
    flushes = {"audio_lstm/training/distributed.py"}  # before a process leaves at once
    assert users == {"audio_lstm/cli.py", "audio_lstm/commands/console.py", "audio_lstm/training/report.py"} | flushes


def test_assert_is_for_tests_only() -> None:
    assert not [name_of(file) for file in MODULES for node in ast.walk(tree(file)) if isinstance(node, ast.Assert)]


def test_no_path_of_one_machine_is_written_down() -> None:
    shipped = [*CODE, *(REPOSITORY / "tests").rglob("*.py")]
    home = re.compile(r"""["'\s](/home/|/root/|/Users/|/work/)""")
    assert not [name_of(file) for file in shipped if home.search(file.read_text("utf-8")) and file != Path(__file__)]


def test_every_error_is_one_of_ours_and_named_in_public() -> None:
    from audio_lstm import errors

    assert all(issubclass(getattr(errors, name), errors.AudioLSTMError) for name in errors.__all__)
    assert {name for name in vars(errors) if name.endswith("Error")} == set(errors.__all__)


def test_the_version_is_a_release_number() -> None:
    from audio_lstm.version import __version__

    assert re.fullmatch(r"\d+\.\d+\.\d+(\.?(dev|a|b|rc)\d+)?", __version__)
