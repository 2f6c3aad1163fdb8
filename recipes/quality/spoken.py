"""How well figures are spelled out: against real labels, and for `align` on real recordings.

    python recipes/quality/spoken.py --data ../shared/speech
    python recipes/quality/spoken.py --data ../shared/speech --corpus an4.dev --model an4

Written texts that a manifest has beside its labels (the key `written`) are spelled out and compared with the labels.
Labels have their numbers put into figures, by a search for the longest words that `number_forms` gives for one, and
are spelled out again: how often the likeliest way is what was said (without AN4 and speechocean762, whose speakers were
given rows of digits to say). With `--model`, recordings whose labels then hold
figures are aligned with the figures and with the words: how many of the script's words are found in either.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from audio_lstm.speech.aligning.align_script import align
from audio_lstm.speech.hearing.recogniser import load_speech
from audio_lstm.speech.text.alphabet import ENGLISH
from audio_lstm.speech.text.data import Utterance, normalise_text, read_manifest
from audio_lstm.speech.text.spoken import spell_out
from audio_lstm.speech.text.spoken_numbers import number_forms
from audio_lstm.speech.training.metrics import score
from audio_lstm.training.options import run_recipe

_DIGIT_ROWS = ("an4", "so762")
_LARGEST = 9999  # number that is looked for in labels
_LONGEST = 9  # words of one


def spelled(text: str) -> str:
    """A written text as a label."""
    return normalise_text(spell_out(text), ENGLISH)


def rows(data: Path) -> Iterator[dict[str, str]]:
    """The labelled rows of all manifests."""
    for file in sorted(data.glob("*.jsonl")):
        for line in file.read_text("utf-8").split("\n"):
            row = json.loads(line) if line else {}
            if row.get("text"):
                yield row


def figures_of() -> dict[tuple[str, ...], str]:
    """Figures by the words that they may be said with; the smallest number and the likeliest way come first."""
    found: dict[tuple[str, ...], tuple[int, str]] = {}
    for number in range(_LARGEST + 1):
        for rank, way in enumerate(number_forms(str(number))):
            words = tuple(way.upper().split())
            if words not in found or rank < found[words][0]:
                found[words] = (rank, str(number))
    return {words: figures for words, (_, figures) in found.items() if words not in (("O",), ("OH",), ("ONE",))}


def with_figures(text: str, known: dict[tuple[str, ...], str]) -> tuple[str, int]:
    """A label with its numbers in figures, and how many there are."""
    words, written, n_numbers = text.split(), list[str](), 0
    while words:
        length = next((n for n in range(min(_LONGEST, len(words)), 0, -1) if tuple(words[:n]) in known), 0)
        written.append(known[tuple(words[:length])] if length else words[0])
        n_numbers += length > 0
        words = words[max(length, 1) :]
    return " ".join(written), n_numbers


def compare(data: Path) -> None:
    """Print how well the likeliest ways agree with labels."""
    pairs = [(row["text"], row["written"]) for row in rows(data) if row.get("written")]
    start = time.perf_counter()
    heard = [spelled(written) for _, written in pairs]
    n_words = sum(len(written.split()) for _, written in pairs)
    same = sum(text == other for (text, _), other in zip(pairs, heard, strict=True))
    wer = score([text for text, _ in pairs], heard).wer
    print(f"written against text: {same} of {len(pairs)} the same, {100 * wer:.2f} % of the words differ")
    print(f"{n_words / (time.perf_counter() - start):.0f} words a second")
    known, n_numbers, n_texts, n_same, differing = figures_of(), 0, 0, 0, list[tuple[str, str]]()
    for row in rows(data):
        if row["id"].startswith(_DIGIT_ROWS):
            continue
        written, n_figures = with_figures(row["text"], known)
        if n_figures:
            n_numbers, n_texts = n_numbers + n_figures, n_texts + 1
            again = spelled(written)
            n_same += again == row["text"]
            differing += [(row["text"], written)] if again != row["text"] else []
    print(f"labels with figures: {n_same} of {n_texts} are said in the likeliest way, {n_numbers} numbers")
    for text, written in differing[:: max(1, len(differing) // 20)]:
        print(f"  {written[:70]}  |  {text[:90]}")


def align_figures(utterances: Sequence[Utterance], model: str) -> None:
    """Print how many words of scripts are found, with numbers in words and in figures."""
    recogniser, known = load_speech(model), figures_of()
    counts = {"words": [0, 0], "figures": [0, 0]}
    for utterance in utterances:
        written, n_figures = with_figures(utterance.text, known)
        for kind, text in {"words": utterance.text, "figures": written}.items() if n_figures else ():
            words = align(utterance.audio, text, model=recogniser).words
            counts[kind][0] += sum(word.matched for word in words)
            counts[kind][1] += len(words)
    for kind, (found, n_words) in counts.items():
        print(f"numbers in {kind}: {found} of {n_words} words found")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of manifests")
    parser.add_argument("--corpus", default="an4.dev", help="manifest to align, without its suffix")
    parser.add_argument("--model", help="align with this model")
    options = parser.parse_args(arguments)
    if options.model:
        align_figures(read_manifest(options.data / f"{options.corpus}.jsonl"), options.model)
    else:
        compare(options.data)
    return 0


if __name__ == "__main__":
    run_recipe(main)
