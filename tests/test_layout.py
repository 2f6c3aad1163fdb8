"""The shape of the code: imports point one way, nothing grows too large, every module has its test."""

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
# Nothing to test in them, or tested by what uses them: errors.py holds classes without bodies.
WITHOUT_A_TEST = {"__init__.py", "version.py", "errors.py", "speech/__init__.py", "music/__init__.py"}
WITHOUT_A_TEST |= {"training/__init__.py", "commands/__init__.py", "serving/__init__.py", "demo/__init__.py"}


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


def test_the_sweep_sees_the_whole_package() -> None:
    assert len(MODULES) > 50
    assert len(CODE) > len(MODULES)
    assert {file.parent.name for file in MODULES} == {
        "audio_lstm",
        "commands",
        "demo",
        "serving",
        "speech",
        "music",
        "training",
    }


def test_the_wings_never_import_each_other() -> None:
    speech, music = ([file for file in MODULES if file.parent.name == wing] for wing in ("speech", "music"))
    assert not offenders(speech, "audio_lstm.music")
    assert not offenders(music, "audio_lstm.speech")


def test_only_its_command_and_the_demo_import_the_service() -> None:
    others = [file for file in MODULES if file.parent.name not in ("serving", "demo")]
    assert {offence.split()[0] for offence in offenders(others, "audio_lstm.serving")} == {
        "audio_lstm/commands/serve.py"
    }


def test_the_demo_calls_only_what_is_public() -> None:
    import audio_lstm

    demo = [file for file in MODULES if file.parent.name == "demo"]
    assert len(demo) > 10
    doors = ("audio_lstm.demo", "audio_lstm.serving", "audio_lstm.errors", "audio_lstm.audio.files")
    inner = [name for file in demo for name in imported(file) if name.startswith("audio_lstm.")]
    assert all(name.startswith(doors) for name in inner)
    used = {
        node.attr
        for file in demo
        for node in ast.walk(tree(file))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "audio_lstm"
    }
    assert len(used) > 5
    assert used <= set(audio_lstm.__all__)


def test_only_its_command_imports_the_demo() -> None:
    others = [file for file in MODULES if file.parent.name != "demo"]
    assert {offence.split()[0] for offence in offenders(others, "audio_lstm.demo")} == {"audio_lstm/commands/demo.py"}


def test_training_knows_neither_wing() -> None:
    training = [file for file in MODULES if file.parent.name == "training"]
    assert not offenders(training, "audio_lstm.speech", "audio_lstm.music")


def test_the_package_never_imports_recipes_demos_or_tests() -> None:
    assert not offenders(MODULES, "recipes", "demos", "tests")


def test_the_foundations_know_nothing_above_them() -> None:
    above = ("cli.py", "__init__.py", "inside.py")  # the doors of the package: what serves both wings
    foundations = [file for file in MODULES if file.parent == PACKAGE and file.name not in above]
    higher = ("commands", "demo", "serving", "speech", "music", "training", "cli")
    assert not offenders(foundations, *(f"audio_lstm.{name}" for name in higher))


def test_only_the_command_line_imports_the_commands() -> None:
    commands = [file for file in MODULES if file.parent.name == "commands"]
    others = [file for file in MODULES if file not in commands]
    assert len(commands) > 4
    assert {offence.split()[0] for offence in offenders(others, "audio_lstm.commands")} == {"audio_lstm/cli.py"}
    assert not offenders([file for file in MODULES if file.name != "cli.py"], "audio_lstm.cli")


def test_the_commands_of_a_wing_leave_the_other_alone() -> None:
    music = [PACKAGE / "commands" / name for name in ("fill.py", "music.py", "music_sets.py", "render.py")]
    others = [file for file in MODULES if file.parent.name == "commands" and file not in music]
    assert all(offenders([file], "audio_lstm.music") for file in music)
    assert not offenders(music, "audio_lstm.speech")
    assert not offenders(others, "audio_lstm.music")


def test_only_the_wings_tasks_import_the_training_loop() -> None:
    wings = [file for file in MODULES if file.parent.name in ("speech", "music")]
    users = {offence.split()[0] for offence in offenders(wings, "audio_lstm.training")}
    assert users <= {
        "audio_lstm/speech/training/task.py",
        "audio_lstm/music/training/task.py",
        "audio_lstm/music/training/windows.py",
    } | {
        "audio_lstm/speech/training/char_lm_task.py",
        "audio_lstm/speech/training/pronouncer_task.py",
        "audio_lstm/music/training/fill_task.py",
        "audio_lstm/music/frames/task.py",
    }


def test_only_the_backbone_names_the_lstm_of_torch() -> None:
    users = [
        name_of(file)
        for file in MODULES
        for node in ast.walk(tree(file))
        if isinstance(node, ast.Attribute) and node.attr in ("LSTM", "GRU", "RNN", "LSTMCell")
    ]
    assert set(users) == {"audio_lstm/backbone.py"}


def test_no_module_is_longer_than_400_lines() -> None:
    lengths = {name_of(file): len(file.read_text("utf-8").splitlines()) for file in CODE}
    assert not {name: n_lines for name, n_lines in lengths.items() if n_lines > MAX_MODULE_LINES}


def test_no_function_is_longer_than_60_lines() -> None:
    functions = [
        (f"{name_of(file)}:{node.name}", (node.end_lineno or 0) - node.lineno + 1)
        for file in CODE
        for node in ast.walk(tree(file))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    assert len(functions) > 400
    assert not [(name, n_lines) for name, n_lines in functions if n_lines > MAX_FUNCTION_LINES]


def test_every_module_has_its_mirrored_test() -> None:
    modules = {file.relative_to(PACKAGE).as_posix() for file in MODULES}
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
