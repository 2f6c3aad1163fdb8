"""When the words of a text were said, by their sounds: the likeliest path through their pronunciations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from audio_lstm.speech.ctc.decode import WordSpan
from audio_lstm.speech.ctc.forward import ANYTHING, TextGraphs, graphs_of_words
from audio_lstm.speech.decoding.lexicon import Lexicon
from audio_lstm.speech.text.alphabet import BLANK

__all__ = ["phoneme_spans", "surer_spans"]


def phoneme_spans(
    log_probs: NDArray[np.floating], words: Sequence[str], lexicon: Lexicon
) -> tuple[WordSpan | None, ...]:
    """Where the sounds of words were heard, and how surely.

    Args:
        log_probs: Natural-log probabilities (T, phonemes + 1); the blank comes first.
        words: In the order in which they were said, in capitals.
        lexicon: How they are said; each word takes the way that fits best.

    Returns:
        A span for each word, its log-probability the mean over its phonemes, each at its surest frame. None for words
        that the lexicon cannot say, and for all where the words do not fit into the frames.
    """
    ways = lexicon.pronounce(words)
    graph = graphs_of_words([ways])
    path = _best_path(log_probs, graph)
    if not len(path):
        return (None,) * len(words)
    owners = np.repeat(
        np.arange(2 * len(words) + 1),
        [size for each in ways for size in (1, sum(2 * len(way) - 1 for way in each or ((ANYTHING,),)))] + [1],
    )  # of each state: twice the word, and one more; even where it lies between two
    emitted = log_probs[np.arange(len(path)), np.maximum(graph.labels[path], BLANK)].astype(np.float64)
    spans: list[WordSpan | None] = []
    for number, (word, said) in enumerate(zip(words, ways, strict=True)):
        frames = np.flatnonzero((owners[path] == 2 * number + 1) & (graph.labels[path] != BLANK))
        if not said or not len(frames):
            spans.append(None)
            continue
        states = path[frames]
        firsts = np.flatnonzero(np.diff(states, prepend=-1))
        surest = np.maximum.reduceat(emitted[frames], firsts)
        spans.append(WordSpan(word, int(frames[0]), int(frames[-1]), float(surest.mean())))
    return tuple(spans)


def surer_spans(letters: Sequence[WordSpan], sounds: Sequence[WordSpan | None]) -> tuple[WordSpan, ...]:
    """The spans of the head that is surer of a text; words are as sure as both heads are on average.

    Args:
        letters: Of each word, by its letters.
        sounds: The same by its sounds; None where they are not known.

    Returns:
        One span a word. Times of words come from one head as long as it knows them, so that they stay in order.
    """
    if any(span is None for span in sounds) or len(sounds) != len(letters):
        return tuple(letters)
    pairs = [(spelled, heard) for spelled, heard in zip(letters, sounds, strict=True) if heard is not None]
    by_sound = sum(heard.log_prob - spelled.log_prob for spelled, heard in pairs) > 0
    return tuple(
        replace(heard if by_sound else spelled, log_prob=(spelled.log_prob + heard.log_prob) / 2)
        for spelled, heard in pairs
    )


def _best_path(log_probs: NDArray[np.floating], graph: TextGraphs) -> NDArray[np.int64]:
    """The state of each frame on the likeliest path through a text; none if there is no path."""
    n_frames, n_states = len(log_probs), len(graph.labels)
    if not n_frames:
        return np.zeros(0, np.int64)
    columns = np.concatenate([log_probs, log_probs.max(axis=1, keepdims=True)], axis=1).astype(np.float64)
    steps, skips = np.flatnonzero(graph.steps), np.flatnonzero(graph.skips)
    tos = np.concatenate([np.arange(n_states), steps, skips, graph.tos])  # staying comes first, so ties stay
    froms = np.concatenate([np.arange(n_states), steps - 1, skips - 2, graph.froms])
    order = tos.argsort(kind="stable")
    tos, froms = tos[order], froms[order]
    counts = np.bincount(tos, minlength=n_states)
    places = np.arange(len(tos)) - np.repeat(np.cumsum(counts) - counts, counts)
    before = np.full((n_states, int(counts.max())), n_states)  # the state after the last is never reached
    before[tos, places] = froms
    scores = np.full(n_states + 1, -np.inf)
    scores[:-1] = np.where(graph.starts, columns[0].take(graph.labels, mode="wrap"), -np.inf)
    reached_from = np.zeros((n_frames, n_states), np.int64)
    rows = np.arange(n_states)
    for frame in range(1, n_frames):
        reached = scores.take(before)
        choice = reached.argmax(axis=1)
        reached_from[frame] = before[rows, choice]
        scores[:-1] = reached[rows, choice] + columns[frame].take(graph.labels, mode="wrap")
    ends = np.where(graph.finals, scores[:-1], -np.inf)
    state = int(ends.argmax())
    if np.isneginf(ends[state]):
        return np.zeros(0, np.int64)
    path = np.empty(n_frames, np.int64)
    for frame in range(n_frames - 1, -1, -1):
        path[frame] = state
        state = int(reached_from[frame, state])
    return path
