"""Letters and sounds together: the texts that either beam search finds, each judged by both heads of the model.

    pool = Pool(letters, phonemes, PoolingConfig())
    texts = pool.decode([log_probs], n_best=16)         # wide: letters' columns, then phonemes'

A beam finds what its own head likes. What both find is judged anew: by the probability of all paths that write its
letters, of all that say its words in any of their ways, and by the language model. To tune, `judge` once and weigh
what it returns with every setting.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, fields

import numpy as np
from numpy.typing import NDArray

from audio_lstm.errors import ConfigError
from audio_lstm.speech.ctc.decode import greedy
from audio_lstm.speech.ctc.forward import forward_log_probs, graphs_of_symbols, graphs_of_words
from audio_lstm.speech.decoding.beam import BeamConfig, BeamDecoder, Hypothesis
from audio_lstm.speech.decoding.lexicon import Lexicon, Pronunciation
from audio_lstm.speech.decoding.phoneme_beam import PHONEME_BEAM, PhonemeBeamDecoder
from audio_lstm.speech.words.automaton import WordAutomaton
from audio_lstm.speech.words.hotwords import HotWords

__all__ = ["FEATURES", "JudgedTexts", "Pool", "PoolingConfig"]

FEATURES = ("letters", "phonemes", "lm_weight", "word_bonus", "unknown_word", "unpronounced_word")
"""The weights of a `PoolingConfig`, in the order of `JudgedTexts.features`."""

_MAX_WAYS = 4  # to say a word that are judged
_REFUSED = -1e6  # log-probability of a text that does not fit into its frames, so that weight 0 forgets it


@dataclass(frozen=True)
class PoolingConfig:
    """How letters and sounds are judged together; part of decoding.json."""

    beam: BeamConfig = field(default_factory=lambda: PHONEME_BEAM)  # of the search through sounds
    n_best: int = 20  # texts of each beam that are judged
    letters: float = 0.2  # weight of the natural log-probability of a text's letters
    phonemes: float = 0.5  # of that of its sounds
    lm_weight: float = 0.5  # of that of its words
    word_bonus: float = 1.0  # score for each word
    unknown_word: float = -4.0  # for each that the language model lacks
    unpronounced_word: float = -4.0  # for each that the lexicon cannot say: its sounds count as the likeliest

    def __post_init__(self) -> None:
        if not 1 <= self.n_best <= 1000:
            raise ConfigError(f"n_best must lie in 1..1000, got {self.n_best}")
        for each in fields(self):
            value = getattr(self, each.name)
            if each.name in FEATURES and not (isinstance(value, int | float) and math.isfinite(value)):
                raise ConfigError(f"{each.name} must be a number, got {value!r}")
        for name in FEATURES[:3]:
            if getattr(self, name) < 0:
                raise ConfigError(f"{name} must be 0 or more, got {getattr(self, name)}")

    @property
    def weights(self) -> NDArray[np.float64]:
        """The weights in the order of FEATURES."""
        return np.array([getattr(self, name) for name in FEATURES])


@dataclass(frozen=True, eq=False)
class JudgedTexts:
    """The pool of one utterance."""

    texts: tuple[str, ...]
    features: NDArray[np.float64]  # (n, 6) log-probabilities of letters, sounds and words; how many words, and such
    boosts: NDArray[np.float64]  # (n,) of hot words
    complete: NDArray[np.bool_]  # (n,) whether the language model allows the text; all, where it allows none

    def ranked(self, weights: NDArray[np.float64]) -> tuple[Hypothesis, ...]:
        """The texts that are allowed, the best first.

        Args:
            weights: (6,) as `PoolingConfig.weights`.

        Returns:
            Their hypotheses; the CTC log-probability is that of both heads, weighted.
        """
        heads = self.features[:, :2] @ weights[:2]
        scores = self._scores(weights)
        return tuple(
            Hypothesis(
                text=self.texts[row],
                score=float(scores[row]),
                ctc_log_prob=float(heads[row]),
                lm_log_prob=float(self.features[row, 2]),
                hot_word_boost=float(self.boosts[row]),
                complete=bool(self.complete[row]),
            )
            for row in self.order(weights)
        )

    def order(self, weights: NDArray[np.float64]) -> list[int]:
        """The texts that are allowed, the best first.

        Args:
            weights: As for `ranked`.

        Returns:
            Their positions.
        """
        scores = self._scores(weights)
        allowed = self.complete if self.complete.any() else ~self.complete
        return sorted(np.flatnonzero(allowed).tolist(), key=lambda row: (-scores[row], self.texts[row]))

    def best(self, weights: NDArray[np.float64]) -> int:
        """The position of the best text that is allowed.

        Args:
            weights: As for `ranked`.

        Returns:
            The first of `order`, where no two are equally good.
        """
        scores = self._scores(weights)
        return int(np.where(self.complete, scores, -np.inf).argmax() if self.complete.any() else scores.argmax())

    def _scores(self, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(self.features @ weights + self.boosts)


@dataclass(frozen=True, eq=False)
class Pool:
    """Two beam searches and the judge of what they find."""

    letters: BeamDecoder  # with a language model
    phonemes: PhonemeBeamDecoder
    config: PoolingConfig = field(default_factory=PoolingConfig)

    def decode(self, batch: Sequence[NDArray[np.floating]], *, n_best: int = 1) -> list[tuple[Hypothesis, ...]]:
        """Find the best texts of each utterance.

        Args:
            batch: Natural-log probabilities (time_i, columns) of each utterance: blank and letters, blank and phonemes.
            n_best: How many texts to return at most.

        Returns:
            For each utterance at least one hypothesis, the best first, no two with the same text. Values that are no
            log-probabilities are a ValueError.
        """
        return [judged.ranked(self.config.weights)[:n_best] for judged in self.judge(batch)]

    def judge(self, batch: Sequence[NDArray[np.floating]]) -> list[JudgedTexts]:
        """Search and judge, without weights.

        Args:
            batch: As for `decode`.

        Returns:
            The pool of each utterance.
        """
        size = self.letters.alphabet.size
        letters, phonemes = ([each[:, part] for each in batch] for part in (slice(0, size), slice(size, None)))
        spelled = self.letters.decode(letters, n_best=self.config.n_best)
        heard = self.phonemes.decode(phonemes, n_best=self.config.n_best)
        return [self._judge(*parts) for parts in zip(letters, phonemes, spelled, heard, strict=True)]

    def _judge(
        self,
        letters: NDArray[np.floating],
        phonemes: NDArray[np.floating],
        spelled: Sequence[Hypothesis],
        heard: Sequence[Hypothesis],
    ) -> JudgedTexts:
        """Judge the texts of one utterance."""
        alphabet, automaton = self.letters.alphabet, self.phonemes.language_model
        found = dict.fromkeys(each.text for each in (*spelled, *heard))
        if not self.letters.closed_vocabulary:
            found[greedy(letters, alphabet).text] = None
        writable = frozenset("".join(alphabet.symbols))
        texts = tuple(text for text in found if writable.issuperset(text))
        words = [text.split() for text in texts]
        ways = _ways(words, self.phonemes.lexicon)
        lm, n_unknown, complete = _language(words, automaton)
        symbols = [alphabet.encode(text) for text in texts]
        space = alphabet.symbols.index(" ") + 1 if " " in alphabet.symbols else -1
        columns = [
            np.maximum(forward_log_probs(letters, graphs_of_symbols(symbols, space)), _REFUSED),
            np.maximum(forward_log_probs(phonemes, graphs_of_words(ways)), _REFUSED),
            lm,
            np.array([len(row) for row in words], np.float64),
            n_unknown,
            np.array([sum(not each for each in row) for row in ways], np.float64),
        ]
        boosts = _boosts(symbols, self.letters.hot_words) if self.letters.hot_words else np.zeros(len(texts))
        return JudgedTexts(texts, np.stack(columns, axis=1), boosts, complete)


def _ways(words: Sequence[Sequence[str]], lexicon: Lexicon) -> list[list[tuple[Pronunciation, ...]]]:
    """The ways to say each word of each text."""
    different = list(dict.fromkeys(word for row in words for word in row))
    known = {word: ways[:_MAX_WAYS] for word, ways in zip(different, lexicon.pronounce(different), strict=True)}
    return [[known[word] for word in row] for row in words]


def _language(
    words: Sequence[Sequence[str]], automaton: WordAutomaton
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    """Of each text (n,): its log-probability, its words that the automaton lacks, and whether it may end there."""
    n = len(words)
    longest = max((len(row) for row in words), default=0)
    ids = np.full((n, longest), -1, np.int64)
    inside = np.zeros((n, longest), np.bool_)
    for row, text in enumerate(words):
        ids[row, : len(text)] = automaton.word_ids(text)
        inside[row, : len(text)] = True
    states, total = np.full(n, automaton.start, np.int64), np.zeros(n)
    for column in range(longest):
        rows = inside[:, column].nonzero()[0]
        log_probs, states[rows] = automaton.advance(states[rows], ids[rows, column])
        total[rows] += np.where(np.isfinite(log_probs), log_probs, 0.0)
    finals = np.where(states >= 0, automaton.final_log_probs.take(states, mode="clip"), -np.inf).astype(np.float64)
    complete = np.isfinite(finals)
    unknown = (inside & ((ids == automaton.unknown) | (ids < 0))).sum(axis=1).astype(np.float64)
    return total + np.where(complete, finals, 0.0), unknown, complete


def _boosts(texts: Sequence[NDArray[np.int64]], hot: HotWords) -> NDArray[np.float64]:
    """What the hot words in each text (n,) are worth."""
    rows = np.zeros((len(texts), max(map(len, texts), default=0)), np.int64)
    for row, symbols in zip(rows, texts, strict=True):
        row[: len(symbols)] = symbols
    states, total = np.full(len(texts), hot.start), np.zeros(len(texts))
    for column in rows.T:
        boosts, states = hot.advance(states, column)
        total += boosts
    return total + hot.final_boosts.take(states)
