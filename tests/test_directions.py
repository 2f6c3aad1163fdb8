"""Imports point one way: which folder may import which is said here once, and nowhere else."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
PACKAGE = REPOSITORY / "audio_lstm"
MODULES = sorted(PACKAGE.rglob("*.py"))
MAX_MODULES_A_FOLDER = 20

# What each folder may import beside itself and what lies at the top of the package. A folder comes after all that it
# may import. "" is the modules at the top of the folder that the table is of.
FOLDERS = {
    "": "",  # the foundations; DOORS are at the top as well
    "audio": "",
    "inspection": "",
    "training": "",
    "speech": "audio inspection training",
    "music": "audio inspection training",
    "serving": "audio speech",
    "demo": "audio serving",
    "commands": "audio speech music serving demo",
}
DOORS = {"__init__.py", "cli.py", "inside.py"}  # they serve both wings
SPEECH = {
    "text": "",
    "sound": "",
    "ctc": "text",
    "words": "text",
    "acoustic": "text sound",
    "decoding": "text ctc words",
    "hearing": "text sound ctc words acoustic decoding",
    "aligning": "text sound ctc words acoustic decoding hearing",
    "batch": "text sound ctc words acoustic decoding hearing",
    "training": "text sound ctc words acoustic decoding hearing",
    "": "text sound ctc words acoustic decoding hearing",  # inside.py
}
MUSIC = {
    "score": "",
    "files": "score",
    "tokens": "score",
    "sheet": "score files",  # the instruments of MusicXML are written as they are read
    "sound": "score files",
    "models": "score tokens",
    "compare": "score files models",
    "request": "score files compare",
    "writing": "score files tokens models compare request",
    "training": "score files tokens models compare request writing",
    "": "score files tokens sheet sound models compare request writing",  # the verbs
}
TABLES = {"": FOLDERS, "speech": SPEECH, "music": MUSIC}


@cache
def tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text("utf-8"), filename=str(file))


@cache
def checked_only(file: Path) -> frozenset[ast.AST]:
    """What stands under `if TYPE_CHECKING`, and so is never imported."""
    blocks = [node for node in ast.walk(tree(file)) if isinstance(node, ast.If)]
    return frozenset(node for block in blocks if ast.unparse(block.test) == "TYPE_CHECKING" for node in ast.walk(block))


def imported(file: Path, *, types: bool = True) -> Iterator[str]:
    """The absolute names of all that a file imports, inside functions and, on demand, for type checks too."""
    for node in ast.walk(tree(file)):
        if not types and node in checked_only(file):
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}:{node.lineno}: a relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def name_of(file: Path) -> str:
    return file.relative_to(REPOSITORY).as_posix()


@cache
def file_of(name: str) -> Path | None:
    """The file of the module that a dotted name is, or lies in; None outside the package."""
    parts = name.split(".")
    for n in range(len(parts), 0, -1):
        place = REPOSITORY.joinpath(*parts[:n])
        for file in (place.with_suffix(".py"), place / "__init__.py"):
            if parts[0] == "audio_lstm" and file.is_file():
                return file
    return None


def folder_of(file: Path, below: Path) -> str:
    """The first folder below another in which a file lies; "" at the top."""
    parts = file.relative_to(below).parts
    return parts[0] if len(parts) > 1 else ""


def inside(folder: str) -> list[Path]:
    return [file for file in MODULES if file.is_relative_to(PACKAGE / folder)]


def offenders(files: list[Path], *forbidden: str) -> list[str]:
    """Which of the files import what begins with a forbidden name."""
    return [
        f"{name_of(file)} imports {name}"
        for file in files
        for name in imported(file)
        if any(name == start or name.startswith(f"{start}.") for start in forbidden)
    ]


def climbs(table: str) -> list[str]:
    """The imports between the folders of a table that it does not allow."""
    below = PACKAGE / table
    found = []
    for file in inside(table):
        here = folder_of(file, below)
        allowed = {*TABLES[table][here].split(), here} | ({""} if not table else set())
        for name in imported(file):
            target = file_of(name)
            if target is None or not target.is_relative_to(below) or target == below / "__init__.py":
                continue
            if not table and here == "" and file.name in DOORS:
                continue
            if folder_of(target, below) not in allowed:
                found.append(f"{name_of(file)} imports {name}")
    return found


@pytest.mark.parametrize("table", TABLES)
def test_no_import_climbs(table: str) -> None:
    assert not climbs(table)


@pytest.mark.parametrize("table", TABLES)
def test_the_table_names_every_folder_and_allows_only_what_comes_before(table: str) -> None:
    below = PACKAGE / table
    assert set(TABLES[table]) == {folder_of(file, below) for file in inside(table)}
    seen: set[str] = set()
    for folder, allowed in TABLES[table].items():
        assert set(allowed.split()) <= seen, folder
        seen.add(folder)


def test_the_check_sees_an_import_that_climbs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(MUSIC, "sheet", "score")
    assert climbs("music")
    monkeypatch.setitem(FOLDERS, "serving", "audio")
    assert any("serving" in offence for offence in climbs(""))


def test_the_sweep_sees_the_whole_package() -> None:
    assert len(MODULES) > 250
    assert sum(1 for file in MODULES for name in imported(file) if file_of(name)) > 1000


def test_no_modules_import_each_other() -> None:
    """At run time; for type checks alone, two modules of one folder may name each other."""
    edges = {file: {file_of(name) for name in imported(file, types=False)} - {file, None} for file in MODULES}
    while leaves := {file for file, targets in edges.items() if not targets & edges.keys()}:
        edges = {file: targets for file, targets in edges.items() if file not in leaves}
    assert not sorted(map(name_of, edges))


def test_no_folder_has_more_than_twenty_modules() -> None:
    folders = {file.parent for name in ("audio_lstm", "recipes", "demos") for file in (REPOSITORY / name).rglob("*.py")}
    folders |= {file.parent for file in (REPOSITORY / "tests").rglob("test_*.py")}
    counts = {
        name_of(folder): len(list(folder.glob("test_*.py" if folder.is_relative_to(REPOSITORY / "tests") else "*.py")))
        - (folder / "__init__.py").is_file()
        for folder in folders
    }
    assert len(counts) > 50
    assert not {name: n for name, n in counts.items() if n > MAX_MODULES_A_FOLDER}


def test_the_package_never_imports_recipes_demos_or_tests() -> None:
    assert not offenders(MODULES, "recipes", "demos", "tests")


def test_the_demo_calls_only_what_is_public() -> None:
    import audio_lstm

    demo = inside("demo")
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


@pytest.mark.parametrize(("folder", "door"), [("demo", "commands/demo.py"), ("serving", "commands/serve.py")])
def test_only_its_command_opens_the_demo_and_the_service(folder: str, door: str) -> None:
    others = [file for file in MODULES if folder_of(file, PACKAGE) not in (folder, "demo")]
    assert {offence.split()[0] for offence in offenders(others, f"audio_lstm.{folder}")} == {f"audio_lstm/{door}"}


def test_only_the_command_line_imports_the_commands() -> None:
    commands = inside("commands")
    others = [file for file in MODULES if file not in commands]
    assert len(commands) > 4
    assert {offence.split()[0] for offence in offenders(others, "audio_lstm.commands")} == {"audio_lstm/cli.py"}
    assert not offenders([file for file in MODULES if file.name != "cli.py"], "audio_lstm.cli")


def test_the_commands_of_a_wing_leave_the_other_alone() -> None:
    music = [PACKAGE / "commands" / name for name in ("fill.py", "music.py", "music_sets.py", "render.py")]
    others = [file for file in inside("commands") if file not in music]
    assert all(offenders([file], "audio_lstm.music") for file in music)
    assert not offenders(music, "audio_lstm.speech")
    assert not offenders(others, "audio_lstm.music")


def test_only_what_trains_imports_the_training_loop() -> None:
    users = {file.split()[0].rpartition("/")[0] for file in offenders(MODULES, "audio_lstm.training")}
    trainers = {f"audio_lstm/{folder}" for folder in ("training", "speech/training", "music/training")}
    assert users == trainers


def test_only_the_backbone_names_the_lstm_of_torch() -> None:
    users = [
        name_of(file)
        for file in MODULES
        for node in ast.walk(tree(file))
        if isinstance(node, ast.Attribute) and node.attr in ("LSTM", "GRU", "RNN", "LSTMCell")
    ]
    assert set(users) == {"audio_lstm/backbone.py"}
