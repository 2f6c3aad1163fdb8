"""How well a language model predicts text."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from audio_lstm.speech.words.automaton import WordAutomaton

__all__ = ["Perplexity", "perplexity"]


@dataclass(frozen=True)
class Perplexity:
    """How well a model predicts sentences; the end of each counts as a word."""

    n_sentences: int
    n_words: int  # unknown words among them, sentence ends not
    n_unknown: int
    log_prob: float  # natural log, of the known words and the sentence ends
    unknown_log_prob: float  # natural log, of the unknown words

    @property
    def perplexity(self) -> float:
        """Per known word and sentence end: unknown words are left out, but the words after them see them (SRILM's)."""
        return _per_token(self.log_prob, self.n_words - self.n_unknown + self.n_sentences)

    @property
    def perplexity_with_unknown(self) -> float:
        """Per word and sentence end: unknown words cost P(<unk>) (KenLM's)."""
        return _per_token(self.log_prob + self.unknown_log_prob, self.n_words + self.n_sentences)


def perplexity(automaton: WordAutomaton, sentences: Sequence[str]) -> Perplexity:
    """Measure a model on sentences that it was not trained on.

    Args:
        automaton: An n-gram model or grammar.
        sentences: Words with white space between them.

    Returns:
        Counts and log-probabilities, and from them the perplexity; infinite where a sentence cannot be.
    """
    rows = sorted((automaton.word_ids(sentence.split()) for sentence in sentences), key=len, reverse=True)
    lengths = np.array([len(row) for row in rows], np.int64)
    root = automaton.start
    while automaton.backoff_states[root] >= 0:
        root = int(automaton.backoff_states[root])
    states = np.full(len(rows), automaton.start, np.int32)
    log_prob = unknown_log_prob = 0.0
    n_unknown = 0
    for place in range(int(lengths.max(initial=0))):
        n_active = int(np.count_nonzero(lengths > place))
        words = np.array([row[place] for row in rows[:n_active]])
        is_unknown = words == automaton.unknown
        found, following = automaton.advance(states[:n_active], words)
        if automaton.unknown < 0:  # nothing is known after a word that the model has no symbol for
            following[is_unknown] = root
        states[:n_active] = following
        log_prob += float(found[~is_unknown].sum(dtype=np.float64))
        unknown_log_prob += float(found[is_unknown].sum(dtype=np.float64))
        n_unknown += int(np.count_nonzero(is_unknown))
    ends = np.where(states >= 0, automaton.final_log_probs[states], -np.inf)
    log_prob += float(ends.sum(dtype=np.float64))
    return Perplexity(len(rows), int(lengths.sum()), n_unknown, log_prob, unknown_log_prob)


def _per_token(log_prob: float, n_tokens: int) -> float:
    try:
        return math.exp(-log_prob / max(1, n_tokens))
    except OverflowError:
        return math.inf
