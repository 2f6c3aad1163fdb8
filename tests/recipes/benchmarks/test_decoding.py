"""The decoding benchmark on seconds of synthetic emissions, with and without its peers."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from audio_lstm.errors import DataError
from audio_lstm.speech.ctc.decode import greedy
from audio_lstm.speech.text.alphabet import ENGLISH

SENTENCES = ["THE CAT SAT ON THE MAT", "A DOG RAN TO THE CAT", "THE MAT WAS RED", "ON A RED MAT THE DOG SAT"] * 5


@pytest.fixture
def recipe(load_recipe: Callable[[str], ModuleType]) -> ModuleType:
    return load_recipe("benchmarks/decoding")


def test_the_benchmark_prints_every_decoder_and_the_memory(
    recipe: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = tmp_path / "text.txt"
    text.write_text("\n".join([*SENTENCES, "digits 1 2 3", ""]), "utf-8")
    assert recipe.main(["--text", str(text), "--preset", "tiny", "--rounds", "1", "--beam-size", "4"]) == 0
    printed = capsys.readouterr().out
    assert "2 utterances, 4 s," in printed
    for name in (
        "greedy",
        "audio_lstm, beam 4, LM",
        "audio_lstm, beam 4, LM, one at a time",
        "audio_lstm, beam 4, no LM",
    ):
        assert re.search(rf"\| {re.escape(name)} \| [\d.]+ \| [\d,]+ \| [\d.]+ \| [\d.]+% \|", printed)
    assert re.search(r"\| pyctcdecode, beam 4, LM \(kenlm\) \| (not installed|[\d.]+) \|", printed)
    assert re.search(r"\| flashlight-text, beam 4, LM \(kenlm\), lexicon \| (not installed|[\d.]+) \|", printed)
    assert re.search(r"2 s in one utterance: \d+ MiB at the peak", printed)


def test_synthetic_emissions_are_mostly_blank_and_mostly_right(recipe: ModuleType) -> None:
    rng = np.random.default_rng(0)
    for _ in range(3):
        log_probs, text = recipe.synthetic(SENTENCES, 15.0, rng)
        assert log_probs.shape == (375, ENGLISH.size)
        np.testing.assert_allclose(np.exp(log_probs.astype(np.float64)).sum(axis=1), 1.0, rtol=1e-4)
        assert 0.8 < (log_probs.argmax(axis=1) == 0).mean() < 0.92
        heard, said = set(greedy(log_probs, ENGLISH).text.split()), set(text.split())
        assert len(heard & said) > len(said) / 2


def test_a_text_that_is_not_there_is_refused(recipe: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nothing\.txt: cannot be read \(.*\); name a text with --text"):
        recipe.main(["--text", str(tmp_path / "nothing.txt")])


@pytest.mark.shared
def test_the_benchmark_takes_a_models_emissions(
    recipe: ModuleType, tmp_path: Path, shared: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest = tmp_path / "few.jsonl"
    lines = (shared / "speech" / "an4.dev.jsonl").read_text("utf-8").splitlines()[:2]
    manifest.write_text("\n".join(line.replace('"an4/', f'"{shared}/speech/an4/') for line in lines) + "\n", "utf-8")
    text = tmp_path / "text.txt"
    text.write_text("\n".join(SENTENCES), "utf-8")
    arguments = ["--text", str(text), "--preset", "tiny", "--rounds", "1", "--manifest", str(manifest)]
    assert recipe.main(arguments) == 0
    assert "2 utterances, " in capsys.readouterr().out
