"""The recipe of the writer: from text to a folder that writes, with held-out books kept apart."""

from __future__ import annotations

import json
import lzma
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from audio_lstm.errors import ConfigError, DataError
from audio_lstm.speech.text.punctuation import load_writer


@pytest.fixture
def recipe(load_recipe: Callable[[str], ModuleType]) -> ModuleType:
    return load_recipe("speech/punctuation")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    file = tmp_path / "text.txt"
    file.write_text("Bob came, and Ann left.\nDid she go?\nA HEADING\nYes, she did.\n" * 60, "utf-8")
    return file


def test_tiny_writes_a_run_and_a_model_that_writes(
    recipe: ModuleType, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    arguments = ["--preset", "tiny", "--data", str(data), "--out", str(out), "--train.device", "cpu"]
    assert recipe.main(arguments) == 0
    assert "F1 of ends" in capsys.readouterr().out
    writer = load_writer(out / "model")
    assert writer.name == "english-writer"
    assert len(writer.write(["BOB", "CAME"])) == 2
    card = (out / "model" / "README.md").read_text("utf-8")
    for promise in ("Does not", "Data:", "Made by", "Apache-2.0", "text.txt"):
        assert promise in card


def test_held_out_books_are_development_and_of_other_text_the_end(recipe: ModuleType) -> None:
    first, last = next(iter(recipe.HELD_OUT.values()))
    lines = ["Before.", f"{first} of mine.", "Within.", f"{last} at last.", "After."]
    assert recipe.part(lines, 2.0) == (["Before.", "After."], lines[1:4])
    assert recipe.part(["One."] * 10, 20.0) == (["One."] * 8, ["One."] * 2)


def test_texts_are_read_plain_compressed_or_from_manifests(recipe: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "a.txt.xz").write_bytes(lzma.compress(b"One.\nTwo."))
    assert recipe.read_lines(tmp_path / "a.txt.xz") == ["One.", "Two."]
    rows = [{"written": "One."}, {"text": "TWO"}]
    (tmp_path / "b.jsonl").write_text("\n".join(map(json.dumps, rows)), "utf-8")
    assert recipe.read_lines(tmp_path / "b.jsonl") == ["One."]
    (tmp_path / "c.txt.xz").write_bytes(b"no archive")
    with pytest.raises(DataError, match="cannot be read as text"):
        recipe.read_lines(tmp_path / "c.txt.xz")


def test_a_percentage_outside_its_range_is_refused(recipe: ModuleType, data: Path) -> None:
    with pytest.raises(ConfigError, match="dev_percent must lie between 0 and 100"):
        recipe.main(["--data", str(data), "--dev_percent", "0"])


def test_headings_are_no_prose(recipe: ModuleType) -> None:
    assert [line for line in ("He came.", "“Why?”", "CHAPTER ONE.", "A Heading", "") if recipe.is_prose(line)] == [
        "He came.",
        "“Why?”",
    ]
