"""What an n-gram language model of a text costs: training, files, reading, queries a second, perplexity.

    python recipes/benchmarks/language_model.py --text ../shared/speech/lm_text.txt [--order 3] [--json]

One thread; seconds are processor time, which other work on the machine hardly changes. Every 50th line is held out for
the perplexity and for the real queries; queries are (state, word) pairs:

- real: the words of the held-out lines in the states in which they come
- mixed: those states with words drawn evenly from the vocabulary, most of which take two back-off arcs
- random: states drawn evenly as well
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from audio_lstm.speech.words.automaton import WordAutomaton
from audio_lstm.speech.words.lm_file import SUFFIXES, read_language_model, read_ngram, write_language_model
from audio_lstm.speech.words.lm_text import read_lm_text
from audio_lstm.speech.words.ngram import NgramModel, train_ngram
from audio_lstm.speech.words.perplexity import perplexity
from audio_lstm.training.options import run_recipe

HELD_OUT_EVERY = 50
N_ROUNDS = 5
BATCH_SIZES = (64, 1024, 1_000_000)  # queries a call


def seconds(run: Callable[[], object]) -> float:
    """The median of several calls."""
    times = []
    for _ in range(N_ROUNDS):
        start = time.process_time()
        run()
        times.append(time.process_time() - start)
    return statistics.median(times)


def queries_per_s(automaton: WordAutomaton, sentences: Sequence[str]) -> dict[str, float]:
    """Millions a second, for every kind of query and number of queries a call."""
    states, words = real_queries(automaton, sentences)
    rng = np.random.default_rng(0)
    figures = {}
    for size in BATCH_SIZES:
        state, word = np.resize(states, size), np.resize(words, size)
        any_word = rng.integers(0, len(automaton.words), size)
        any_state = rng.integers(0, automaton.n_states, size)
        n_calls = max(1, 20_000 // size)
        for name, pair in (("real", (state, word)), ("mixed", (state, any_word)), ("random", (any_state, any_word))):

            def calls(pair: tuple[NDArray[np.int64], NDArray[np.int64]] = pair, n_calls: int = n_calls) -> None:
                for _ in range(n_calls):
                    automaton.advance(*pair)

            figures[f"{name}, {size} a call"] = n_calls * size / seconds(calls) / 1e6
    return figures


def real_queries(automaton: WordAutomaton, sentences: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The states and words that the sentences come through, in order."""
    states, words = [], []
    for sentence in sentences:
        state = np.array([automaton.start])
        for word in automaton.word_ids(sentence.split()):
            states.append(int(state[0]))
            words.append(int(word))
            state = automaton.advance(state, word[None])[1].astype(np.int64)
    return np.array(states), np.array(words)


def file_figures(model: NgramModel, held_out: Sequence[str], folder: Path) -> dict[str, dict[str, float]]:
    """Size, times and perplexity of each format."""
    figures = {}
    for suffix in SUFFIXES:
        file = folder / f"lm{suffix}"
        start = time.process_time()
        write_language_model(model, file)
        write_s = time.process_time() - start
        start = time.process_time()
        read_ngram(file)
        read_s = time.process_time() - start
        automaton = read_language_model(file)
        figures[suffix] = {
            "MB": file.stat().st_size / 1e6,
            "write s": write_s,
            "read s": read_s,
            "perplexity": perplexity(automaton, held_out).perplexity,
        }
    return figures


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--text", type=Path, required=True)
    parser.add_argument("--order", type=int, default=3)
    parser.add_argument("--min-count", type=int, nargs="+", default=[1])
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args(arguments)
    start = time.process_time()
    sentences = read_lm_text(options.text).sentences
    read_s = time.process_time() - start
    held_out = sentences[::HELD_OUT_EVERY]
    rest = [sentence for number, sentence in enumerate(sentences) if number % HELD_OUT_EVERY]
    start = time.process_time()
    model = train_ngram(rest, order=options.order, min_counts=options.min_count)
    train_s = time.process_time() - start
    start = time.process_time()
    automaton = model.to_automaton()
    automaton_s = time.process_time() - start
    measured = perplexity(automaton, held_out)
    with tempfile.TemporaryDirectory() as folder:
        files = file_figures(model, held_out, Path(folder))
    queries = queries_per_s(automaton, held_out)
    times = {"read and normalise text": read_s, "train": train_s, "make automaton": automaton_s}
    if options.json:
        print(json.dumps({"n_grams": model.order_sizes, "s": times, "files": files, "M queries/s": queries}))
        return 0
    print(f"{len(rest)} sentences, n-grams {model.order_sizes}, {automaton.n_states} states")
    print(f"perplexity {measured.perplexity:.2f} without, {measured.perplexity_with_unknown:.2f} with unknown words")
    for name, value in times.items():
        print(f"{name:28} {value:8.2f} s")
    for suffix, figures in files.items():
        print(f"{suffix:10}", *(f"{name} {value:.3f}  " for name, value in figures.items()))
    for name, value in queries.items():
        print(f"{name:28} {value:8.2f} M queries/s")
    return 0


if __name__ == "__main__":
    run_recipe(main)
