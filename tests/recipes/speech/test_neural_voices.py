"""Neural voices: speakers and sentences never cross the sets, rare words come first, a stopped run goes on."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from audio_lstm.errors import ConfigError, DataError, MissingDependencyError, ModelError
from audio_lstm.speech.text.data import read_manifest

PACKS = ["af_alloy", "af_nova", "am_adam", "am_eric", "bf_emma", "bm_george", "zf_xiaoni"]
EVERYDAY = [f"{name} has {number} dogs at home." for name in ("Anne", "Berta", "Clara") for number in range(2, 22)]
RARE = ["The zephyr blew over the isthmus.", "A dog is at home.", "She has dogs at home.", "Quixotic phlegm ensued."]


@pytest.fixture
def recipe(load_recipe: Callable[[str], ModuleType]) -> ModuleType:
    return load_recipe("speech/neural_voices")


@pytest.fixture
def kokoro(tmp_path: Path) -> Path:
    folder = tmp_path / "kokoro"
    (folder / "voices").mkdir(parents=True)
    (folder / "model.onnx").write_bytes(b"")
    for number, name in enumerate(PACKS):
        np.full((510, 256), number, np.float32).tofile(folder / "voices" / f"{name}.bin")
    return folder


@pytest.fixture
def command(recipe: ModuleType, kokoro: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The recipe's arguments, with an engine that hums, in this process."""

    class Hums:
        n_said = 0

        def say(self, task: Any) -> NDArray[np.float32]:
            Hums.n_said += 1
            seconds = 60.0 if "5 dogs" in task.written else len(task.written) / 12
            return np.full(round(seconds * recipe.SAMPLE_RATE), 0.1, np.float32)

    monkeypatch.setattr(recipe, "_engine", Hums())
    monkeypatch.setattr(recipe, "make", lambda tasks, options: [row for task in tasks if (row := recipe._make(task))])
    (tmp_path / "everyday.txt").write_text("\n".join(EVERYDAY), "utf-8")
    (tmp_path / "rare.txt").write_text("\n".join(RARE), "utf-8")
    arguments = [
        "--kokoro",
        str(kokoro),
        "--text",
        str(tmp_path / "everyday.txt"),
        "--rare",
        str(tmp_path / "rare.txt"),
    ]
    return [*arguments, "--out", str(tmp_path / "out"), "--n", "40", "--speakers", "12"]


def test_speakers_and_sentences_never_cross_the_sets(recipe: ModuleType, command: list[str], tmp_path: Path) -> None:
    assert recipe.main(command) == 0
    train, dev = (read_manifest(tmp_path / "out" / f"voices.{split}.jsonl") for split in ("train", "dev"))
    assert len({item.speaker for item in train}) == 12
    assert not {item.text for item in train} & {item.text for item in dev}
    used = {split: " ".join(str(item.speaker) for item in items) for split, items in (("train", train), ("dev", dev))}
    assert not any(pack in used["train"] for pack in recipe.DEV_PACKS)
    assert any(pack in used["dev"] for pack in recipe.DEV_PACKS)
    row = json.loads((tmp_path / "out" / "voices.dev.jsonl").read_text("utf-8").split("\n")[0])
    assert recipe.spoken(row["written"]) == row["text"]


def test_a_recording_that_does_not_fit_its_text_is_thrown_away(
    recipe: ModuleType, command: list[str], tmp_path: Path
) -> None:
    assert recipe.main(command) == 0
    texts = [item.text for item in read_manifest(tmp_path / "out" / "voices.train.jsonl")]
    assert len(texts) < 40
    assert not any("FIVE DOGS" in text.replace("TWENTY FIVE", "") and "FIFTEEN" not in text for text in texts)


def test_a_stopped_run_makes_only_what_is_missing(recipe: ModuleType, command: list[str], tmp_path: Path) -> None:
    assert recipe.main(command) == 0
    manifest = tmp_path / "out" / "voices.train.jsonl"
    whole = manifest.read_text("utf-8")
    (tmp_path / "out" / "voices" / "train" / "000007.flac").unlink()
    before = type(recipe._engine).n_said
    assert recipe.main(command) == 0
    assert type(recipe._engine).n_said == before + 1
    assert manifest.read_text("utf-8") == whole


def test_shards_are_the_whole_in_parts(recipe: ModuleType, command: list[str], tmp_path: Path) -> None:
    assert recipe.main(command) == 0
    out = tmp_path / "out"
    whole = {item.id: item.text for item in read_manifest(out / "voices.train.jsonl")}
    parts: dict[str, str] = {}
    for part in (1, 2, 3):
        recipe.main([*command, "--shard", f"{part}/3"])
        parts |= {item.id: item.text for item in read_manifest(out / f"voices.{part}of3.train.jsonl")}
    assert parts == whole


def test_excluded_sentences_are_not_said(recipe: ModuleType, command: list[str], tmp_path: Path) -> None:
    said = [recipe.spoken(text) for text in EVERYDAY[:15]]
    rows = [{"audio": f"{number}.wav", "text": text} for number, text in enumerate(said)]
    (tmp_path / "dev.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert recipe.main([*command, "--exclude", str(tmp_path / "dev.jsonl")]) == 0
    texts = {
        item.text for split in ("train", "dev") for item in read_manifest(tmp_path / "out" / f"voices.{split}.jsonl")
    }
    assert texts
    assert not texts & set(said)


def test_eight_words_in_a_row_count_as_the_same_sentence(recipe: ModuleType, tmp_path: Path) -> None:
    text = "ONE TWO THREE FOUR FIVE SIX SEVEN EIGHT NINE"
    (tmp_path / "dev.jsonl").write_text(json.dumps({"audio": "a.wav", "text": text}) + "\n")
    excluded = recipe.Excluded([tmp_path / "dev.jsonl"])
    assert excluded.holds("AND TWO THREE FOUR FIVE SIX SEVEN EIGHT NINE")
    assert not excluded.holds("AND THREE FOUR FIVE SIX SEVEN EIGHT NINE")


def test_words_that_were_said_least_come_first(recipe: ModuleType) -> None:
    chosen = recipe.choose(EVERYDAY, RARE, 4, np.random.default_rng(0))
    assert len(set(chosen)) == 4
    assert {RARE[0], RARE[3]} == set(chosen) & set(RARE)


def test_speakers_are_drawn_until_the_packs_are_used_up(recipe: ModuleType) -> None:
    rng = np.random.default_rng(0)
    packs = ["a", "b", "c"]
    assert len({speaker.name for speaker in recipe.draw_speakers(packs, 12, rng)}) == 12
    with pytest.raises(ConfigError, match="3 style packs make at most 12 speakers, 13 are wanted"):
        recipe.draw_speakers(packs, 13, rng)


def test_wrong_style_packs_are_named(recipe: ModuleType, kokoro: Path) -> None:
    np.zeros(510 * 128, np.float32).tofile(kokoro / "voices" / "am_adam.bin")
    with pytest.raises(ModelError, match=r"am_adam\.bin: holds 65280 numbers; a style pack has 510 x 256"):
        recipe.read_styles(kokoro)
    (kokoro / "model.onnx").unlink()
    with pytest.raises(ModelError, match=r"no model\.onnx in it"):
        recipe.read_styles(kokoro)


def test_a_text_without_a_usable_sentence_is_named(recipe: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("One\n" + "word " * 40 + "\n東京 へ 行く よ\n", "utf-8")
    with pytest.raises(DataError, match="no usable sentence; expected a sentence of 3 to 18 words a line"):
        recipe.read_sentences(tmp_path / "text.txt", recipe.Excluded([]))


def test_a_missing_engine_is_named(recipe: ModuleType, kokoro: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "kokoro_onnx", None)
    with pytest.raises(MissingDependencyError, match=r"pip install '\.\[voices\]'"):
        recipe.Kokoro(kokoro)


def test_a_wrong_shard_is_named(recipe: ModuleType) -> None:
    for text in ("0/3", "4/3", "x", "1"):
        with pytest.raises(argparse.ArgumentTypeError, match="expected K/N"):
            recipe._shard(text)
