"""Punctuation and capitalisation restoration: an LSTM that reads heard words and their pauses. Runs without torch.

    load_writer().write(["SHE", "SAID", "YES"])     # ("She", "said", "yes.")

One model with two outputs. A causal LSTM reads the words; its look-ahead convolution (Amodei et al. 2016, section 3.5)
answers `look_ahead` words late, for live captions. A bidirectional LSTM on top of it answers for finished text. Each
answers two questions for every word: the mark after it, and its case. (The task, with pauses: Tilk & Alumäe 2016; both
answers by one network: Sunkara et al. 2020.) Words are sums of hashed pieces, so that none is unknown and the table
stays small (Bojanowski et al. 2017; hashed twice, as by Svenstrup et al. 2017).
"""

from __future__ import annotations

import os
import unicodedata
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from audio_lstm.checkpoint import open_model
from audio_lstm.config import LSTMConfig, config_from_dict
from audio_lstm.errors import ConfigError, ModelError
from audio_lstm.runtime import Engine, OnnxEngine, State

__all__ = [
    "CASES",
    "MARKS",
    "SENTENCE_ENDS",
    "Answers",
    "PunctuationConfig",
    "Writer",
    "apply_case",
    "load_writer",
    "pause_ids",
    "spelt_out",
    "word_ids",
]

MARKS = ("", ",", ".", "?", "!", ";", ":", " –")  # what may follow a word
SENTENCE_ENDS = (".", "?", "!")
CASES = ("lower", "Capitalised", "UPPER", "listed")  # listed: as PunctuationConfig.forms spells it
LOWER, CAPITALISED, UPPER, LISTED = range(4)

_PAUSES_S = np.array([0.02, 0.04, 0.07, 0.1, 0.15, 0.2, 0.27, 0.35, 0.45, 0.6, 0.8, 1.1, 1.6, 2.5])
_CONFIDENCES = np.array([0.3, 0.5, 0.7, 0.85, 0.95])
N_PAUSES, N_CONFIDENCES = len(_PAUSES_S) + 2, len(_CONFIDENCES) + 2  # unknown is the first of each
_FIRST_BUCKET = N_PAUSES + N_CONFIDENCES
N_PIECES = 8
N_INPUTS = N_PIECES + 2  # ids of a word: its pieces, its pause, its confidence
_WINDOW, _MARGIN = 256, 32  # words that are read at once, and how many of them at either end are context only
_MAX_LETTERS = 40  # of a word that are looked at


@dataclass(frozen=True)
class PunctuationConfig:
    """Everything needed to build a `PunctuationModel` and to feed it."""

    # Reads the words in their order; its state is what live captions carry on.
    causal: LSTMConfig = field(
        default_factory=lambda: LSTMConfig(input_size=96, hidden_size=320, n_layers=1, dropout=0.05)
    )
    # Reads what the causal one made of them, both ways.
    both_ways: LSTMConfig = field(
        default_factory=lambda: LSTMConfig(
            input_size=320, hidden_size=224, n_layers=1, bidirectional=True, dropout=0.05
        )
    )
    look_ahead: int = 4  # words that live captions wait for before they write one
    head_size: int = 128  # of the look-ahead convolution
    n_buckets: int = 18_000  # rows of the table of pieces
    forms: tuple[str, ...] = ()  # words with a spelling of their own: "McDonald", "café"
    mark_bias: tuple[float, ...] = (0.0,) * len(MARKS)  # added to the log-probabilities of the marks
    language: str = "en"  # an IETF tag

    def __post_init__(self) -> None:
        if self.causal.bidirectional or not self.both_ways.bidirectional:
            raise ConfigError("set causal.bidirectional to false and both_ways.bidirectional to true")
        if self.both_ways.input_size != self.causal.output_size:
            raise ConfigError(
                f"both_ways.input_size must be the output of the causal LSTM, {self.causal.output_size}, got "
                f"{self.both_ways.input_size}"
            )
        if not 0 <= self.look_ahead <= 16:
            raise ConfigError(f"look_ahead must lie in 0..16 words, got {self.look_ahead}")
        if not 1 <= self.n_buckets <= 1 << 22 or not 1 <= self.head_size <= 4096:
            raise ConfigError(
                f"n_buckets must lie in 1..{1 << 22} and head_size in 1..4096, got {self.n_buckets}, {self.head_size}"
            )
        if len(self.mark_bias) != len(MARKS):
            raise ConfigError(f"mark_bias needs {len(MARKS)} values, one a mark, got {len(self.mark_bias)}")

    @property
    def n_rows(self) -> int:
        """Rows of the embedding: pauses, confidences, pieces."""
        return _FIRST_BUCKET + self.n_buckets

    @property
    def n_answers(self) -> int:
        """Width of one output: marks, then cases."""
        return len(MARKS) + len(CASES)

    @property
    def spellings(self) -> Mapping[str, str]:
        """The listed forms by their lower-case letters."""
        return {plain_letters(form): form for form in self.forms}


@dataclass(frozen=True, eq=False)
class Answers:
    """What the model says of each of n words."""

    marks: NDArray[np.float32]  # (n, marks) natural logs
    cases: NDArray[np.float32]  # (n, cases) natural logs


@dataclass(frozen=True)
class Writer:
    """A punctuation model ready to run. Holds no state between calls, so several threads may share one."""

    name: str
    config: PunctuationConfig
    engine: Engine

    def write(
        self,
        words: Sequence[str],
        *,
        pauses_s: Sequence[float | None] | None = None,
        confidences: Sequence[float | None] | None = None,
    ) -> tuple[str, ...]:
        """Give words their marks and capitals.

        Examples:
            >>> load_writer().write("MY NAME IS ADA LOVELACE I LIVE IN LONDON".split())
            ('My', 'name', 'is', 'Ada', 'Lovelace,', 'I', 'live', 'in', 'London.')

        Args:
            words: Of one speaker in their order, any number, in whatever case.
            pauses_s: The silence after each word in seconds; None where it is not known.
            confidences: How sure the recogniser is of each word, 0..1; None where that is not known.

        Returns:
            As many written words, each with the mark after it. The last one ends a sentence.
        """
        answers = self.answers(words, pauses_s=pauses_s, confidences=confidences)
        return self.spell(words, answers, ends=True)

    def answers(
        self,
        words: Sequence[str],
        *,
        pauses_s: Sequence[float | None] | None = None,
        confidences: Sequence[float | None] | None = None,
    ) -> Answers:
        """What the bidirectional output says of finished text.

        Args:
            words: As for `write`.
            pauses_s: As for `write`.
            confidences: As for `write`.

        Returns:
            Log-probabilities for each word. A long text is read in windows that overlap.
        """
        ids = self.encode(words, pauses_s, confidences)
        if not len(ids):
            return self._parted(np.zeros((0, self.config.n_answers), np.float32))
        found = np.zeros((len(words), self.config.n_answers), np.float32)
        step = _WINDOW - 2 * _MARGIN
        firsts = [0] if len(words) <= _WINDOW else list(range(0, len(words) - 2 * _MARGIN, step))
        windows = [ids[first : first + _WINDOW] for first in firsts]
        for begin in range(0, len(windows), 8):
            batch = windows[begin : begin + 8]
            lengths = np.array([len(window) for window in batch], np.int64)
            padded = np.zeros((len(batch), int(lengths.max(initial=1)), N_INPUTS), np.int64)
            for row, window in enumerate(batch):
                padded[row, : len(window)] = window
            outputs, _ = self.engine.run(padded, lengths, None)
            for row, first in enumerate(firsts[begin : begin + 8]):
                skipped = _MARGIN if first else 0
                length = int(lengths[row])
                found[first + skipped : first + length] = outputs[row, skipped:length, : self.config.n_answers]
        return self._parted(found)

    def live_answers(self, ids: NDArray[np.int64], state: State | None) -> tuple[Answers, State]:
        """What the causal output says of the next words.

        Args:
            ids: From `encode` (n, inputs), n >= 1; the answers for the last `look_ahead` words may still change.
            state: After the words before; None at the start.

        Returns:
            Log-probabilities for each word, and the state after the last one.
        """
        outputs, after = self.engine.run(ids[None], np.array([len(ids)], np.int64), state)
        return self._parted(outputs[0, :, self.config.n_answers :]), after

    def _parted(self, found: NDArray[np.float32]) -> Answers:
        return Answers(found[:, : len(MARKS)] + np.asarray(self.config.mark_bias, np.float32), found[:, len(MARKS) :])

    def encode(
        self,
        words: Sequence[str],
        pauses_s: Sequence[float | None] | None = None,
        confidences: Sequence[float | None] | None = None,
    ) -> NDArray[np.int64]:
        """What the model reads of words.

        Args:
            words: As for `write`.
            pauses_s: As for `write`.
            confidences: As for `write`.

        Returns:
            Rows of the embedding (n, inputs).

        Raises:
            ValueError: If there are not as many pauses or confidences as words.
        """
        for name, values in (("pauses_s", pauses_s), ("confidences", confidences)):
            if values is not None and len(values) != len(words):
                raise ValueError(f"expected {len(words)} {name}, one a word, got {len(values)}")
        ids = np.zeros((len(words), N_INPUTS), np.int64)
        if not words:
            return ids
        ids[:, :N_PIECES] = [word_ids(word, self.config.n_buckets) for word in words]
        ids[:, N_PIECES] = pause_ids(_floats(pauses_s, len(words)))
        ids[:, N_PIECES + 1] = confidence_ids(_floats(confidences, len(words)))
        return ids

    def spell(
        self, words: Sequence[str], answers: Answers, *, starts: bool = True, ends: bool = False
    ) -> tuple[str, ...]:
        """The words as the likeliest answers write them.

        Args:
            words: As heard.
            answers: Of the model, for these words.
            starts: Whether the first one begins a sentence.
            ends: Whether the last one must end one.

        Returns:
            The written words.
        """
        marks = likeliest_marks(answers.marks)
        if ends and words and MARKS[marks[-1]] not in SENTENCE_ENDS:
            first, last = MARKS.index("."), MARKS.index("!")
            marks[-1] = first + int(answers.marks[-1, first : last + 1].argmax())
        cases = answers.cases.argmax(axis=1)
        cases[spelt_out(words)] = UPPER
        written = []
        for word, mark, case in zip(words, marks, cases.tolist(), strict=True):
            spelled = apply_case(word, CAPITALISED if starts and case == LOWER else case, self._spellings)
            written.append(spelled + MARKS[mark])
            starts = MARKS[mark] in SENTENCE_ENDS
        return tuple(written)

    @cached_property
    def _spellings(self) -> Mapping[str, str]:
        return self.config.spellings


def likeliest_marks(log_probs: NDArray[np.float32]) -> list[int]:
    """The mark after each word: first whether a sentence ends, then which mark.

    Args:
        log_probs: (n, marks) natural logs.

    Returns:
        Indices of MARKS.
    """
    first, last = MARKS.index("."), MARKS.index("!")
    ends = np.logaddexp.reduce(log_probs[:, first : last + 1], axis=1)
    others = log_probs.copy()
    others[:, first : last + 1] = -np.inf
    which_end = first + log_probs[:, first : last + 1].argmax(axis=1)
    return [int(mark) for mark in np.where(ends > others.max(axis=1), which_end, others.argmax(axis=1))]


def spelt_out(words: Sequence[str]) -> NDArray[np.bool_]:
    """Which words are letters that were spelt one by one.

    Args:
        words: In whatever case.

    Returns:
        Bool (n,): True in each run of two single letters or more, but for those that may be words ("I", "a", "o").
    """
    single = [len(word) == 1 and word.isalpha() for word in words]
    found = np.zeros(len(words), np.bool_)
    begin = 0
    for place in range(len(words) + 1):
        if place < len(words) and single[place]:
            continue
        if place - begin >= 2 and any(word not in "aioAIO" for word in words[begin:place]):
            found[begin:place] = True
        begin = place + 1
    return found


def apply_case(word: str, case: int, spellings: Mapping[str, str]) -> str:
    """A word in its case.

    Args:
        word: In whatever case.
        case: Index of CASES.
        spellings: Listed forms by their lower-case letters; a word that has none is capitalised.

    Returns:
        The word.
    """
    if case == UPPER:
        return word.upper()
    lower = word.lower()
    if case == LOWER:
        return lower
    if case == LISTED:
        stem = lower.removesuffix("'s")
        if stem in spellings:
            return spellings[stem] + lower[len(stem) :]
        if lower[:2] in ("mc", "o'"):
            return lower[0].upper() + lower[1] + lower[2:].capitalize()
    return lower[:1].upper() + lower[1:]


def plain_letters(form: str) -> str:
    """A listed form as the recogniser writes it, in lower case and without accents."""
    parts = unicodedata.normalize("NFD", form.lower())
    return "".join(part for part in parts if not unicodedata.combining(part))


@lru_cache(maxsize=1 << 17)
def word_ids(word: str, n_buckets: int) -> tuple[int, ...]:
    """The rows of a word's pieces: the whole word twice, beginnings, endings, and its length.

    Args:
        word: In whatever case.
        n_buckets: Rows for pieces.

    Returns:
        As many as N_PIECES.
    """
    lower = word.lower()[:_MAX_LETTERS]
    pieces = (
        f"a{lower}",
        f"b{lower}",
        f"c{lower[:3]}",
        f"d{lower[:5]}",
        f"e{lower[-2:]}",
        f"f{lower[-3:]}",
        f"g{lower[-4:]}",
        f"h{min(len(lower), 12)}{chr(39) in lower}",
    )
    return tuple(_FIRST_BUCKET + zlib.crc32(piece.encode("utf-8", "replace")) % n_buckets for piece in pieces)


def pause_ids(pauses_s: NDArray[np.float64]) -> NDArray[np.int64]:
    """Rows of pauses in seconds, NaN where one is not known."""
    return np.where(np.isnan(pauses_s), 0, np.searchsorted(_PAUSES_S, np.nan_to_num(pauses_s), side="right") + 1)


def confidence_ids(confidences: NDArray[np.float64]) -> NDArray[np.int64]:
    """Rows of confidences, NaN where one is not known."""
    known = np.searchsorted(_CONFIDENCES, np.nan_to_num(confidences), side="right") + 1
    return N_PAUSES + np.where(np.isnan(confidences), 0, known)


def _floats(values: Sequence[float | None] | None, n: int) -> NDArray[np.float64]:
    known = (None,) * n if values is None else values
    return np.array([np.nan if value is None else value for value in known], np.float64)


def load_writer(model: str | os.PathLike[str] | Writer = "english-writer", *, n_threads: int = 1) -> Writer:
    """Load a punctuation model; ONNX Runtime runs it on the CPU.

    Args:
        model: A model folder, a shipped model's name, or a hub id; a loaded model is returned as it is.
        n_threads: CPU threads for one batch.

    Returns:
        The model.

    Raises:
        ModelError: If it is not found, is damaged, or is no punctuation model.
    """
    if isinstance(model, Writer):
        return model
    folder = open_model(model, "punctuation")
    try:
        config = config_from_dict(PunctuationConfig, folder.config, where=str(folder.path))
    except ConfigError as error:
        raise ModelError(f"{error}; the model folder is damaged or of another version") from error
    engine = OnnxEngine(folder.graph, n_threads=n_threads)
    engine.check(input_size=N_INPUTS, output_size=2 * config.n_answers, streams=True)
    return Writer(folder.name, config, engine)
