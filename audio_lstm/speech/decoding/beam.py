"""CTC beam search decoding: log-probabilities of recordings -> their best texts, with language model and hot words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from audio_lstm.errors import ConfigError
from audio_lstm.speech.decoding.beam_frames import IMPOSSIBLE, ActiveFrames, active_frames, check_log_probs, parts
from audio_lstm.speech.decoding.beam_search import (
    BASE,
    HISTORY,
    HOT,
    HOT_STATE,
    LM,
    MAX_CANDIDATES,
    MAX_UTTERANCES,
    NODE,
    STATE,
    TOTAL,
    UTTERANCE,
    Finished,
    Search,
    search,
)
from audio_lstm.speech.decoding.beam_words import build_word_tree
from audio_lstm.speech.text.alphabet import Alphabet
from audio_lstm.speech.words.automaton import WordAutomaton
from audio_lstm.speech.words.hotwords import HotWords

__all__ = ["BeamConfig", "BeamDecoder", "Hypothesis"]

_MAX_BATCH = min(64, MAX_UTTERANCES)  # utterances searched in step; more would only take more memory
_MAX_MARGIN = 1000.0  # so that ranks resolve a millionth
_SEED = 1729  # of the numbers that texts are hashed with
_TINY = 1e-30  # a language model of weight 0 still refuses words: 0 * -inf would be NaN


@dataclass(frozen=True)
class BeamConfig:
    """How to search. Log-probabilities are natural."""

    beam_size: int = 32  # texts kept after each frame
    symbols_per_frame: int = 12  # tried in a frame at most, the likeliest
    min_symbol_log_prob: float = -7.0  # symbols below this are not tried; frames without one are taken for blanks
    blank_threshold: float = 0.999  # frames whose blank is likelier write nothing; 1: every frame may
    score_margin: float = 12.0  # texts this far below the best are dropped, up to 1000: less than what an unknown word
    # costs, lm_weight * -unknown_word_log_prob, and there are no unknown words
    lm_weight: float = 0.4  # of the language model's log-probability; to be tuned on dev
    word_bonus: float = 2.5  # score for each word, against the language model's taste for few; to be tuned on dev
    unknown_word_log_prob: float = -10.0  # added to an unknown word's log-probability; to be tuned on dev
    look_ahead: bool = False  # score a word's beginning by the best word it may become: finds slightly likelier texts,
    # which had no fewer errors (an4.dev, synthetic emissions; measured)

    def __post_init__(self) -> None:
        for name in ("beam_size", "symbols_per_frame"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} must be at least 1, got {getattr(self, name)}")
        if self.beam_size * (self.symbols_per_frame + 1) > MAX_CANDIDATES:
            raise ConfigError(
                f"beam_size x symbols_per_frame must be below {MAX_CANDIDATES}, "
                f"got {self.beam_size} x {self.symbols_per_frame}"
            )
        if not 0 < self.blank_threshold <= 1:
            raise ConfigError(f"blank_threshold must be a probability above 0, got {self.blank_threshold}")
        if not 0 < self.score_margin <= _MAX_MARGIN:
            raise ConfigError(f"score_margin must lie in (0, {_MAX_MARGIN:g}], got {self.score_margin}")
        if not 0 <= self.lm_weight < math.inf:
            raise ConfigError(f"lm_weight must be 0 or more, got {self.lm_weight}")
        if not math.isfinite(self.word_bonus):
            raise ConfigError(f"word_bonus must be a number, got {self.word_bonus}")
        for name in ("min_symbol_log_prob", "unknown_word_log_prob"):
            if not -math.inf < getattr(self, name) <= 0:
                raise ConfigError(f"{name} must be a log-probability, 0 or below, got {getattr(self, name)}")

    def active_frames(self, batch: Sequence[NDArray[np.floating]]) -> ActiveFrames:
        """The frames of a batch that may write something."""
        return active_frames(
            batch,
            blank_log_prob=math.log(self.blank_threshold),
            n_symbols=self.symbols_per_frame,
            min_log_prob=self.min_symbol_log_prob,
        )


@dataclass(frozen=True)
class Hypothesis:
    """A text that a recording may say."""

    text: str  # words, one space between them
    score: float  # ctc_log_prob + lm_weight * lm_log_prob + word_bonus * n_words + hot_word_boost
    ctc_log_prob: float  # natural log of the probability of the paths found that write the text
    lm_log_prob: float  # natural log, the end of the sentence and unknown words' penalties in it; 0 without a model
    hot_word_boost: float  # 0 without hot words
    complete: bool  # False: the language model refuses the text or its end, but allows no other found either

    @property
    def n_words(self) -> int:
        """Words of the text."""
        return len(self.text.split())


@dataclass(frozen=True, eq=False)
class BeamDecoder:
    """CTC prefix beam search (Graves 2012; Hannun et al. 2014), of many utterances at once.

    Sums the probabilities of the paths that write a text, where `greedy` takes one path. A text's score is
    ctc_log_prob + lm_weight * lm_log_prob + word_bonus * n_words (Hannun et al. 2014, equation 2) + hot_word_boost.
    The model scores words at their ends and the sentence at its end; what can only become an unknown word is scored
    as one at once. Without a language model lm_weight and word_bonus play no part. Holds no state between calls.

    Examples:
        >>> from audio_lstm.speech.words.lm_file import read_language_model
        >>> alphabet = Alphabet(("A", "B", " "))
        >>> decoder = BeamDecoder(alphabet, BeamConfig(lm_weight=0.8), language_model=read_language_model("lm.arpa"))
        >>> log_probs = np.log(np.eye(4)[[1, 1, 0, 1, 3, 2]] * 0.96 + 0.01).astype(np.float32)
        >>> decoder.decode([log_probs])[0][0].text
        'AA B'
    """

    alphabet: Alphabet
    config: BeamConfig = BeamConfig()
    _: KW_ONLY
    language_model: WordAutomaton | None = None  # an n-gram model or a grammar
    closed_vocabulary: bool = False  # only words of the language model; also so where that refuses unknown words
    hot_words: HotWords | None = None

    def __post_init__(self) -> None:
        if self.closed_vocabulary and self.language_model is None:
            raise ConfigError("a closed vocabulary needs a language model or grammar that says which words it holds")
        self._search  # noqa: B018  # builds the tree of words, which refuses a model that does not fit

    @cached_property
    def _search(self) -> Search:
        tree = None
        config = self.config
        if self.language_model is not None:
            tree = build_word_tree(
                self.language_model,
                self.alphabet,
                closed=self.closed_vocabulary,
                unknown_log_prob=config.unknown_word_log_prob,
                look_ahead=config.look_ahead,
            )
        weight = max(config.lm_weight, _TINY)
        rng = np.random.default_rng(_SEED)
        return Search(
            alphabet=self.alphabet,
            beam_size=config.beam_size,
            margin=config.score_margin,
            lm_weight=weight,
            word_bonus=config.word_bonus,
            tree=tree,
            look_ahead=weight * tree.look_ahead if tree else np.zeros(0),
            hot_words=self.hot_words,
            space=self.alphabet.symbols.index(" ") + 1 if " " in self.alphabet else -1,
            mixers=rng.integers(np.iinfo(np.int64).max, size=self.alphabet.size),
        )

    def decode(self, batch: Sequence[NDArray[np.floating]], *, n_best: int = 1) -> list[tuple[Hypothesis, ...]]:
        """Find the best texts of each utterance.

        Args:
            batch: Natural-log probabilities (time_i, alphabet.size) of each utterance; the blank comes first. No
                frame is fine. An utterance's texts do not depend on the others.
            n_best: How many texts to return at most.

        Returns:
            For each utterance at least one hypothesis, the best first, no two with the same text; equal scores in
            alphabetical order.

        Raises:
            ValueError: If n_best is below 1, a shape is wrong, or values hold NaN or lie above 0.
        """
        if n_best < 1:
            raise ValueError(f"n_best must be at least 1, got {n_best}")
        for number, log_probs in enumerate(batch):
            check_log_probs(log_probs, self.alphabet.size, number)
        n_candidates = self.config.beam_size * (self.config.symbols_per_frame + 1)  # of an utterance, at most
        size = min(_MAX_BATCH, MAX_CANDIDATES // n_candidates)
        return [best for part in parts(batch, size) for best in self._decode(part, n_best)]

    def _decode(self, batch: Sequence[NDArray[np.floating]], n_best: int) -> list[tuple[Hypothesis, ...]]:
        frames = self.config.active_frames(batch)
        finished = search(frames, self._search)
        utterances = frames.order.take(finished.ints[UTTERANCE])
        ctc = finished.floats[TOTAL] + frames.tails.take(finished.ints[UTTERANCE])
        endings = _end(finished, self._search)
        texts = _texts(finished, self.alphabet)
        rows_of: dict[tuple[int, str], list[int]] = {}
        for row in endings.counts.nonzero()[0].tolist():
            rows_of.setdefault((int(utterances[row]), texts[row]), []).append(row)
        found: list[list[tuple[float, str, float, int]]] = [[] for _ in batch]
        for (utterance, text), rows in rows_of.items():  # rows with a space at the end, or of other pieces: summed
            total = float(np.logaddexp.reduce(ctc[rows]))
            found[utterance].append((-total - float(endings.scores[rows[0]]), text, total, rows[0]))
        return [
            tuple(endings.hypothesis(text, total, row) for _, text, total, row in sorted(candidates)[:n_best])
            for candidates in found
        ]


@dataclass(frozen=True, eq=False)
class _Endings:
    """What the rows of a search come to at the end of their utterances: (n,) each."""

    scores: NDArray[np.float64]  # all but the CTC log-probability
    lm: NDArray[np.float64]
    hot: NDArray[np.float64]
    complete: NDArray[np.bool_]  # whether the language model lets the text end
    counts: NDArray[np.bool_]  # complete, or none of the utterance's rows is

    def hypothesis(self, text: str, ctc_log_prob: float, row: int) -> Hypothesis:
        """The result that a row stands for."""
        possible = ctc_log_prob > IMPOSSIBLE / 2
        return Hypothesis(
            text=text,
            score=ctc_log_prob + float(self.scores[row]) if possible else -math.inf,
            ctc_log_prob=ctc_log_prob if possible else -math.inf,
            lm_log_prob=float(self.lm[row]),
            hot_word_boost=float(self.hot[row]),
            complete=bool(self.complete[row]),
        )


def _end(finished: Finished, settings: Search) -> _Endings:
    """End the last words and the sentences."""
    floats, ints = finished.floats, finished.ints
    scores, lm, hot = floats[BASE].copy(), floats[LM].copy(), floats[HOT].copy()
    complete = np.ones(len(scores), np.bool_)
    counts = complete
    if settings.tree:
        log_probs, states, begun = settings.tree.end_word(ints[NODE], ints[STATE])
        finals = np.where(states >= 0, settings.tree.automaton.final_log_probs.take(states, mode="clip"), -np.inf)
        complete = np.isfinite(log_probs) & np.isfinite(finals)
        of_utterance = np.bincount(ints[UTTERANCE], weights=complete)
        counts = complete | (of_utterance.take(ints[UTTERANCE]) == 0)
        gained = np.where(np.isfinite(log_probs), log_probs, 0.0) + np.where(np.isfinite(finals), finals, 0.0)
        lm += gained
        scores += settings.lm_weight * gained + settings.word_bonus * begun
    if settings.hot_words:
        boosts = settings.hot_words.final_boosts.take(ints[HOT_STATE]).astype(np.float64)
        hot += boosts
        scores += boosts
    return _Endings(scores, lm, hot, complete, counts)


def _texts(finished: Finished, alphabet: Alphabet) -> list[str]:
    """The text of every row, one space between its words."""
    entries = finished.ints[HISTORY]
    columns = []  # the rows' symbols, the last ones first; the blank once a row's text has begun
    while entries.any():
        columns.append(finished.symbols.take(entries))
        entries = finished.parents.take(entries)
    if not columns:
        return [""] * len(entries)
    numbers = np.stack(columns[::-1], axis=1)  # (n, longest)
    if alphabet.is_characters:
        codes = np.array([0, *map(ord, alphabet.symbols)], np.uint32).take(numbers)
        written = codes.view(f"U{codes.shape[1]}")[:, 0].tolist()
        return [text.strip("\0 ") for text in written]  # the search writes no two spaces in a row
    pieces = ["", *alphabet.symbols]
    return [" ".join("".join([pieces[number] for number in row]).split()) for row in numbers.tolist()]
