"""Recordings -> punctuation_speech.json: how long people pause at which mark, and what is heard for which word.

    python recipes/speech/punctuation_speech.py --data '["../shared/speech/ljspeech.train.jsonl"]'

The recogniser hears every recording; where a manifest has `written` texts, its words are aligned with them too, and
the pauses after them are counted by the mark that is printed there. What was heard is kept in `--heard`, a line a
recording, so that a run that was stopped goes on. Only training sets belong here.
"""

from __future__ import annotations

import difflib
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

import audio_lstm
from audio_lstm.atomic import atomic_write
from audio_lstm.errors import AudioLSTMError, DataError
from audio_lstm.speech.text.punctuation import MARKS, SENTENCE_ENDS
from audio_lstm.speech.text.punctuation_text import TextReader
from audio_lstm.training.options import parse_recipe, run_recipe

EDGES_S = (0.0, 0.02, 0.04, 0.07, 0.1, 0.15, 0.2, 0.27, 0.35, 0.45, 0.6, 0.8, 1.1, 1.6, 2.5)
SPEECH = Path("../shared/speech")


@dataclass(frozen=True)
class Recipe:
    """Everything that can be set."""

    data: tuple[Path, ...] = tuple(
        SPEECH / f"{name}.train.jsonl" for name in ("ljspeech", "kathleen", "vctk", "libri5", "cv1", "cv13")
    )
    max_recordings: int = 150  # of each manifest
    model: str = "english-base"
    heard: Path = Path("runs/punctuation-heard.jsonl")
    out: Path = Path(__file__).with_name("punctuation_speech.json")


BASE = Recipe()
TINY = replace(BASE, max_recordings=2)


def hear(recipe: Recipe) -> list[dict[str, Any]]:
    """What the recogniser made of each recording; those heard before are read from the file."""
    recipe.heard.parent.mkdir(parents=True, exist_ok=True)
    rows = []
    if recipe.heard.exists():
        rows = [json.loads(line) for line in recipe.heard.read_text("utf-8").splitlines()]
    known = {row["id"] for row in rows}
    recogniser = audio_lstm.load_speech(recipe.model)
    with recipe.heard.open("a", encoding="utf-8") as file:
        for manifest in recipe.data:
            lines = [json.loads(line) for line in manifest.read_text("utf-8").splitlines() if line.strip()]
            wanted = np.random.default_rng(0).permutation(len(lines))[: recipe.max_recordings].tolist()
            for line in (lines[number] for number in wanted):
                if line["id"] in known or not line.get("text"):
                    continue
                row = heard_row(line, manifest.parent / line["audio"], recogniser)
                if row is not None:
                    rows.append(row)
                    file.write(json.dumps(row) + "\n")
    return rows


def heard_row(line: dict[str, Any], audio: Path, recogniser: audio_lstm.SpeechRecogniser) -> dict[str, Any] | None:
    """A recording's words as they were read and as they were heard; None where it cannot be read."""
    reference = []
    try:
        if line.get("written"):
            aligned = audio_lstm.align(audio, line["written"], model=recogniser).words
            reference = [(word.text, word.start_s, word.end_s) for word in aligned]
        words = audio_lstm.transcribe(audio, model=recogniser).words
    except AudioLSTMError:
        return None
    recognised = [(word.spoken, word.start_s, word.end_s, round(word.confidence, 3)) for word in words]
    return {**line, "reference": reference, "recognised": recognised}


def pause_shares(rows: Iterable[dict[str, Any]]) -> dict[str, list[float]]:
    """How long people pause after no mark, after a comma and its like, and after the end of a sentence."""
    reader = TextReader()
    found: dict[str, list[float]] = defaultdict(list)
    for row in rows:
        for (token, _, end_s), (_, start_s, _) in zip(row["reference"], row["reference"][1:], strict=False):
            heard = reader.read(token)
            if not heard or end_s is None or start_s is None:
                continue
            mark = MARKS[heard[-1].mark]
            kind = "end" if mark in SENTENCE_ENDS else "comma" if mark else "none"
            found[kind].append(min(max(0.0, start_s - end_s), EDGES_S[-1] - 1e-6))
    missing = {"none", "comma", "end"} - set(found)
    if missing:
        raise DataError(f"no pause after {', '.join(sorted(missing))} in the recordings; give manifests with written")
    shares = {}
    for kind, pauses in found.items():
        counts = np.histogram(pauses, EDGES_S)[0] + 0.5
        shares[kind] = [round(float(share), 5) for share in counts / counts.sum()]
    return shares


def confusions(rows: Iterable[dict[str, Any]]) -> tuple[dict[str, list[str]], dict[str, float]]:
    """What is heard for which word, and how often words are misheard and left out."""
    heard_as: dict[str, Counter[str]] = defaultdict(Counter)
    n_words = n_substituted = n_dropped = 0
    for row in rows:
        said, heard = row["text"].split(), [word for word, *_ in row["recognised"]]
        n_words += len(said)
        for kind, i1, i2, j1, j2 in difflib.SequenceMatcher(a=said, b=heard, autojunk=False).get_opcodes():
            if kind == "delete":
                n_dropped += i2 - i1
            elif kind == "replace":
                n_substituted += i2 - i1
                if i2 - i1 == j2 - j1:
                    for wanted, found in zip(said[i1:i2], heard[j1:j2], strict=True):
                        heard_as[wanted][found] += 1
    table = {word: [other for other, _ in found.most_common(4)] for word, found in sorted(heard_as.items())}
    n_words = max(1, n_words)
    return table, {"substituted": round(n_substituted / n_words, 4), "dropped": round(n_dropped / n_words, 4)}


def main(arguments: Sequence[str] | None = None) -> int:
    """Hear, count, write the file."""
    recipe = parse_recipe(Recipe, {"base": BASE, "tiny": TINY}, arguments)
    rows = hear(recipe)
    table, rates = confusions(rows)
    facts = {"edges_s": EDGES_S, "pauses": pause_shares(rows), "confusions": table, **rates, "inserted": 0.01}
    with atomic_write(recipe.out) as scratch:
        scratch.write_text(json.dumps(facts, indent=None) + "\n", "utf-8")
    print(f"{recipe.out}: {len(rows)} recordings, {len(table)} words with confusions, {rates}")
    return 0


if __name__ == "__main__":
    run_recipe(main)
