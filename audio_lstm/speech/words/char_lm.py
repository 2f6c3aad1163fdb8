"""A character language model: the backbone as a judge of whole texts, for rescoring (rescore.py). Runs without torch.

    load_char_lm("runs/char-lm/model").log_probs(["THE CAT SAT", "THE KAT SAT"])     # natural logs

A text is its characters and a mark at its end; the state starts from zero for every text. (Character LSTMs: Sutskever,
Martens & Hinton 2011; their use on a recogniser's n-best lists: Mikolov et al. 2010, section 3, with words.)
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from audio_lstm.checkpoint import open_config, open_model
from audio_lstm.config import LSTMConfig
from audio_lstm.errors import ConfigError, DataError
from audio_lstm.runtime import Engine, OnnxEngine, State
from audio_lstm.speech.text.alphabet import BLANK, ENGLISH, Alphabet
from audio_lstm.speech.text.data import longest_first, normalise_text

__all__ = ["BOUNDARY", "CharLM", "CharLMConfig", "load_char_lm", "pad_texts"]

BOUNDARY = BLANK  # what is read before a text and predicted after it: no text holds the id of the CTC blank

_MAX_BATCH_SYMBOLS = 1 << 14  # rows times longest row of one call of the engine: 2 MB of log-probabilities
_STRETCH = 4096  # symbols of a row read in one call; longer texts carry the state on


@dataclass(frozen=True)
class CharLMConfig:
    """Everything needed to build a `CharLMModel` and to feed it."""

    lstm: LSTMConfig = field(default_factory=lambda: LSTMConfig(input_size=64, hidden_size=512, n_layers=1))
    symbols: tuple[str, ...] = ENGLISH.symbols  # single characters, those of the recogniser; i has id i + 1

    def __post_init__(self) -> None:
        if not Alphabet(self.symbols).is_characters:
            piece = next(symbol for symbol in self.symbols if len(symbol) > 1)
            raise ConfigError(f"a character language model reads single characters, got the piece {piece!r}")
        if self.lstm.bidirectional:
            raise ConfigError("a language model reads one way: set lstm.bidirectional to false")

    @property
    def alphabet(self) -> Alphabet:
        """The characters that texts may hold."""
        return Alphabet(self.symbols)

    @property
    def n_outputs(self) -> int:
        """Width of the output: the end of the text and the symbols."""
        return len(self.symbols) + 1


@dataclass(frozen=True)
class CharLM:
    """A character language model ready to run. Holds no state between calls, so several threads may share one."""

    name: str
    config: CharLMConfig
    alphabet: Alphabet
    engine: Engine

    def log_probs(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """How likely whole texts are.

        The probabilities of all texts, the empty one included, add up to 1. A model with int8 weights rounds its
        activations over the whole batch, so that a text's value hangs, in its last digits, on those beside it.

        Examples:
            >>> known, unknown = load_char_lm("english-char").log_probs(["THE CAT SAT", "THE KXT SAT"])
            >>> known > unknown
            np.True_

        Args:
            texts: Any number; each is brought to the alphabet by `normalise_text`.

        Returns:
            float64 (n,): natural log of each text's probability, its end included. A letter that the alphabet lacks is
            a DataError, which names it and the text.
        """
        rows = [self._encode(text, number) for number, text in enumerate(texts)]
        result = np.zeros(len(rows))
        for batch in longest_first([len(row) + 1 for row in rows], _MAX_BATCH_SYMBOLS):
            result[batch] = self._score([rows[number] for number in batch])
        return result

    def bits_per_character(self, texts: Sequence[str]) -> float:
        """How well the model predicts texts.

        Args:
            texts: At least one; normalised as in `log_probs`.

        Returns:
            Bits a character, the end of each text counted as one.

        Raises:
            DataError: If there are no texts, or one does not fit the alphabet.
        """
        if not texts:
            raise DataError("no texts to measure the language model on; give at least one")
        n_characters = sum(len(self._encode(text, number)) + 1 for number, text in enumerate(texts))
        return -float(self.log_probs(texts).sum()) / (math.log(2) * n_characters)

    def _encode(self, text: str, number: int) -> NDArray[np.int64]:
        try:
            return self.alphabet.encode(normalise_text(text, self.alphabet))
        except DataError as error:
            raise DataError(f"text {number} (from 0): {error}") from error

    def _score(self, rows: Sequence[NDArray[np.int64]]) -> NDArray[np.float64]:
        """Natural log-probabilities (n,) of texts that are read side by side."""
        inputs, targets, weights = pad_texts(rows)
        totals = np.zeros(len(rows))
        state: State | None = None
        for begin in range(0, inputs.shape[1], _STRETCH):
            here = slice(begin, begin + _STRETCH)
            # Padding comes after a text, so the model may read it: it has no weight.
            lengths = np.full(len(rows), inputs[:, here].shape[1], np.int64)
            log_probs, state = self.engine.run(inputs[:, here], lengths, state)  # (B, T, n_outputs)
            chosen = np.take_along_axis(log_probs, targets[:, here, None], axis=2)[:, :, 0]
            totals += (chosen * weights[:, here]).sum(axis=1, dtype=np.float64)
        return totals


def load_char_lm(model: str | os.PathLike[str] | CharLM, *, n_threads: int = 1) -> CharLM:
    """Load a character language model; ONNX Runtime runs it on the CPU.

    Args:
        model: A model folder, a shipped model's name, or a hub id; a loaded model is returned as it is.
        n_threads: CPU threads for one batch.

    Returns:
        The model.

    Raises:
        ModelError: If it is not found, is damaged, or is no language model.
    """  # noqa: DOC502 - raised by what it calls
    if isinstance(model, CharLM):
        return model
    folder = open_model(model, "language")
    config = open_config(folder, CharLMConfig)
    engine = OnnxEngine(folder.graph, n_threads=n_threads)
    engine.check(input_size=1, output_size=config.n_outputs, streams=True)
    return CharLM(folder.name, config, config.alphabet, engine)


def pad_texts(
    rows: Sequence[NDArray[np.int64]],
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
    """What the model reads of texts, and what it is to predict.

    Args:
        rows: The symbol ids (n_i,) of at least one text; an empty text is fine.

    Returns:
        Inputs (batch, time, 1): the boundary, then the text. Targets (batch, time): the text, then the boundary.
        Weights (batch, time): 1 for these, 0 for padding. Time is the longest n_i + 1.
    """
    sizes = np.array([len(row) + 1 for row in rows])
    inputs = np.full((len(rows), int(sizes.max()), 1), BOUNDARY, np.int64)
    targets = np.full(inputs.shape[:2], BOUNDARY, np.int64)
    for number, row in enumerate(rows):
        inputs[number, 1 : len(row) + 1, 0] = row
        targets[number, : len(row)] = row
    weights = (np.arange(inputs.shape[1]) < sizes[:, None]).astype(np.float32)
    return inputs, targets, weights
