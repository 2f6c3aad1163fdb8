"""From spelling to sound: a bidirectional LSTM with CTC that says how words are pronounced. Runs without torch.

    load_pronouncer().pronounce(["BRILLIG", "TOVES"])

After Rao, Peng, Sak & Beaufays 2015 ("Grapheme-to-phoneme conversion using long short-term memory recurrent neural
networks"), who repeat letters so that CTC has frames enough. Here the LSTM reads each letter once and its output layer
writes several frames for it, which costs a third.
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from audio_lstm.checkpoint import open_config, open_model
from audio_lstm.config import LSTMConfig
from audio_lstm.errors import ConfigError, DataError
from audio_lstm.runtime import Engine, OnnxEngine
from audio_lstm.speech.decoding.beam import BeamConfig, BeamDecoder
from audio_lstm.speech.text.alphabet import ENGLISH, Alphabet
from audio_lstm.speech.text.data import longest_first, normalise_text
from audio_lstm.speech.words.pronunciations import PHONEMES

__all__ = ["BOUNDARY", "Pronouncer", "PronouncerConfig", "Pronunciation", "load_pronouncer", "pad_words"]

BOUNDARY = 0  # is read before and after the letters of a word

_MAX_FRAMES_PER_LETTER = 16
_MAX_BATCH_LETTERS = 1 << 12  # words times longest word of one call of the engine
_MAX_WAYS, _LEAST_LIKELY = 3, -math.log(3)  # of a word in a lexicon: more would only be confused with other words
_FIRST_CHARACTER = 0xE000  # phonemes as single characters, of Unicode's private use, for the beam search
_BEAM = BeamConfig(beam_size=12, symbols_per_frame=8, blank_threshold=1.0)


@dataclass(frozen=True)
class PronouncerConfig:
    """Everything needed to build a `PronouncerModel` and to feed it."""

    lstm: LSTMConfig = field(
        default_factory=lambda: LSTMConfig(input_size=64, hidden_size=128, n_layers=2, bidirectional=True)
    )
    letters: tuple[str, ...] = tuple(symbol for symbol in ENGLISH.symbols if symbol != " ")  # i has id i + 1
    phonemes: tuple[str, ...] = PHONEMES  # i has id i + 1; the CTC blank is 0
    frames_per_letter: int = 3  # how many phonemes a letter may stand for at most; X stands for two

    def __post_init__(self) -> None:
        Alphabet(self.letters)
        if not all(len(letter) == 1 and not letter.isspace() for letter in self.letters):
            raise ConfigError("letters are single characters without the space: words are pronounced one by one")
        if not self.phonemes or len(set(self.phonemes)) != len(self.phonemes) or not all(self.phonemes):
            raise ConfigError(f"phonemes must be different names, at least one, got {list(self.phonemes)!r:.80}")
        if not 1 <= self.frames_per_letter <= _MAX_FRAMES_PER_LETTER:
            raise ConfigError(
                f"frames_per_letter must lie in 1..{_MAX_FRAMES_PER_LETTER}, got {self.frames_per_letter}"
            )
        if not self.lstm.bidirectional:
            raise ConfigError("how a letter sounds hangs on those after it: set lstm.bidirectional to true")

    @property
    def alphabet(self) -> Alphabet:
        """The letters that words may hold."""
        return Alphabet(self.letters)

    @property
    def n_outputs(self) -> int:
        """Width of the output: the blank and the phonemes."""
        return len(self.phonemes) + 1


@dataclass(frozen=True)
class Pronunciation:
    """One way to say a word."""

    phonemes: tuple[str, ...]  # ARPAbet without stress, at least one
    log_prob: float  # natural log of the probability that the word is said so


@dataclass(frozen=True)
class Pronouncer:
    """A spelling-to-sound model ready to run. Holds no state between calls, so several threads may share one."""

    name: str
    config: PronouncerConfig
    engine: Engine

    def pronounce(self, words: Sequence[str], *, n_best: int = 1) -> list[tuple[Pronunciation, ...]]:
        """Say how words are pronounced.

        Examples:
            >>> load_pronouncer().pronounce(["BRILLIG"])[0][0].phonemes
            ('B', 'R', 'IH', 'L', 'IH', 'G')

        Args:
            words: Any number, each one word in letters; case does not matter.
            n_best: How many pronunciations to return of each at most.

        Returns:
            For each word its pronunciations, the likeliest first, no two the same. What is no word in the letters of
            the model is a DataError, which names it.

        Raises:
            ValueError: If n_best is below 1.
            TypeError: If one text is given instead of several words.
        """
        if n_best < 1:
            raise ValueError(f"n_best must be at least 1, got {n_best}")
        if isinstance(words, str):
            raise TypeError(f"expected a list of words, got the text {words!r:.40}; split it")
        rows = [self._encode(word) for word in words]
        results: list[tuple[Pronunciation, ...]] = [()] * len(rows)
        for batch in longest_first([len(row) + 2 for row in rows], _MAX_BATCH_LETTERS):
            inputs, lengths = pad_words([rows[number] for number in batch])
            log_probs, _ = self.engine.run(inputs, lengths, None)  # (B, T * frames_per_letter, n_outputs)
            n_frames = (lengths * self.config.frames_per_letter).tolist()
            items = [item[:n] for item, n in zip(log_probs, n_frames, strict=True)]
            found = self._decoder.decode(items, n_best=n_best + 1)  # one of them may be silence
            for number, item, hypotheses in zip(batch, items, found, strict=True):
                said = [(self._spell(h.text), h.ctc_log_prob) for h in hypotheses if h.text][:n_best]
                results[number] = tuple(Pronunciation(*pair) for pair in said) or (self._likeliest(item),)
        return results

    def spell(self, words: Sequence[str]) -> list[tuple[tuple[int, ...], ...]]:
        """What a lexicon takes for words that it lacks (`Lexicon.speller`).

        Args:
            words: Any number.

        Returns:
            For each word the numbers of its phonemes, 1 being the first of the model's, in the likeliest way and in
            those at least a third as likely, three at most; none for what is no word in the letters of the model, as an
            apostrophe alone.
        """
        letters = frozenset(self.config.letters)
        writable = [
            number
            for number, word in enumerate(words)
            if letters.issuperset(word) and len(normalise_text(word, self.config.alphabet).split()) == 1
        ]
        numbers = {phoneme: number for number, phoneme in enumerate(self.config.phonemes, 1)}
        results: list[tuple[tuple[int, ...], ...]] = [()] * len(words)
        ways_of = self.pronounce([words[number] for number in writable], n_best=_MAX_WAYS)
        for place, ways in zip(writable, ways_of, strict=True):
            likely = [way for way in ways if way.log_prob >= ways[0].log_prob + _LEAST_LIKELY]
            results[place] = tuple(tuple(numbers[phoneme] for phoneme in way.phonemes) for way in likely)
        return results

    def _encode(self, word: str) -> NDArray[np.int64]:
        try:
            row = self.config.alphabet.encode(normalise_text(word, self.config.alphabet))
        except DataError as error:
            raise DataError(f"the word {word!r:.60} cannot be pronounced: {error}") from error
        if not len(row) or len(word.split()) != 1:
            raise DataError(f"{word!r:.60} cannot be pronounced: expected one word in letters; give each word alone")
        return row

    def _spell(self, text: str) -> tuple[str, ...]:
        return tuple(self.config.phonemes[ord(character) - _FIRST_CHARACTER] for character in text)

    def _likeliest(self, log_probs: NDArray[np.float32]) -> Pronunciation:
        """The one phoneme that was heard best, where the search found none."""
        best = log_probs[:, 1:].max(axis=0)
        return Pronunciation((self.config.phonemes[int(best.argmax())],), float(best.max()))

    @cached_property
    def _decoder(self) -> BeamDecoder:
        characters = tuple(chr(_FIRST_CHARACTER + number) for number in range(len(self.config.phonemes)))
        return BeamDecoder(Alphabet(characters), _BEAM)


def load_pronouncer(model: str | os.PathLike[str] | Pronouncer = "english-sounds", *, n_threads: int = 1) -> Pronouncer:
    """Load a spelling-to-sound model; ONNX Runtime runs it on the CPU.

    Args:
        model: A model folder, a shipped model's name, or a hub id; a loaded model is returned as it is.
        n_threads: CPU threads for one batch.

    Returns:
        The model.

    Raises:
        ModelError: If it is not found, is damaged, or is no spelling-to-sound model.
    """  # noqa: DOC502 - raised by what it calls
    if isinstance(model, Pronouncer):
        return model
    folder = open_model(model, "pronunciation")
    config = open_config(folder, PronouncerConfig)
    engine = OnnxEngine(folder.graph, n_threads=n_threads)
    engine.check(input_size=1, output_size=config.n_outputs, streams=False)
    return Pronouncer(folder.name, config, engine)


def pad_words(rows: Sequence[NDArray[np.int64]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """What the model reads of words.

    Args:
        rows: The letter ids (n_i,) of at least one word.

    Returns:
        Inputs (batch, time, 1): a boundary, the letters, a boundary, then padding; and the lengths n_i + 2 (batch,).
    """
    lengths = np.array([len(row) + 2 for row in rows])
    inputs = np.full((len(rows), int(lengths.max()), 1), BOUNDARY, np.int64)
    for number, row in enumerate(rows):
        inputs[number, 1 : len(row) + 1, 0] = row
    return inputs, lengths
