"""How a model's output becomes words: what the model was tuned with, and what the caller asks for.

    decoder = build_decoder(Decoding(hotwords=("KUBERNETES",)), alphabet, folder=model_folder)
    words = decoder.words(log_probs)

`decoding.json` in a model folder holds a `DecodingConfig`: the language model that goes with the model, the weights
that `audio-lstm tune` found on development data, and the calibration of confidence. Without it decoding is greedy.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from audio_lstm.atomic import atomic_write
from audio_lstm.checkpoint import DECODING_FILE, LANGUAGE_MODEL_SUFFIX, SHIPPED
from audio_lstm.config import config_from_dict, config_to_dict
from audio_lstm.errors import ConfigError, ModelError
from audio_lstm.speech.align import word_spans
from audio_lstm.speech.alphabet import Alphabet
from audio_lstm.speech.automaton import WordAutomaton, check_fits
from audio_lstm.speech.beam import BeamConfig, BeamDecoder, Hypothesis
from audio_lstm.speech.confidence import Calibration
from audio_lstm.speech.decode import WordSpan, greedy
from audio_lstm.speech.hotwords import DEFAULT_BOOST, HotWords

__all__ = ["Decoding", "DecodingConfig", "WordDecoder", "build_decoder", "read_decoding", "write_decoding"]

_MAX_BYTES = 100_000


@dataclass(frozen=True)
class DecodingConfig:
    """The contents of decoding.json."""

    language_model: str = ""  # name of a .lm file in the model's folder, or of a shipped one; "" decodes greedily
    beam: BeamConfig = field(default_factory=BeamConfig)
    calibration: Calibration | None = None  # of the words' confidence; None leaves the letters' probabilities

    def __post_init__(self) -> None:
        if self.language_model and Path(self.language_model).name != self.language_model:
            raise ConfigError(f"language_model is the name of a file without a folder, got {self.language_model!r}")


@dataclass(frozen=True)
class Decoding:
    """What the caller asks of decoding; the defaults are what the model was tuned with.

    Example:
        >>> audio_lstm.transcribe("order.wav", decoding=Decoding(hotwords=("ESPRESSO",)))
        >>> audio_lstm.transcribe("reply.wav", decoding=Decoding(vocabulary=("YES", "NO")))
    """

    # "default": the model's own, if it has one; a file (ARPA or .lm); an automaton; None: no language model
    language_model: str | os.PathLike[str] | WordAutomaton | None = "default"
    beam_size: int | None = None  # texts kept after each frame; None: as tuned; without a language model: greedy
    lm_weight: float | None = None  # None: as tuned
    word_bonus: float | None = None  # None: as tuned
    hotwords: Sequence[str] = ()  # words and phrases to be preferred where the sound is in doubt
    hotword_boost: float = DEFAULT_BOOST  # how much: nats, natural-log score, of a whole hot word
    vocabulary: Sequence[str] = ()  # closed list: nothing but these words, in any order
    grammar: str = ""  # closed list of sentences in JSGF (speech/grammar.py): its text, or the path of a .jsgf file

    def __post_init__(self) -> None:
        if isinstance(self.hotwords, str) or isinstance(self.vocabulary, str):
            raise ConfigError("hotwords and vocabulary are lists of words; pass ['WORD'] for a single one")
        if self.vocabulary and self.grammar:
            raise ConfigError("vocabulary and grammar exclude each other; write the words into the grammar")
        closed = "vocabulary" if self.vocabulary else "grammar" if self.grammar else ""
        if closed and self.language_model not in ("default", None):
            raise ConfigError(f"{closed} and language_model exclude each other; leave one of them out")
        if self.language_model is None and not closed and (self.lm_weight is not None or self.word_bonus is not None):
            raise ConfigError("lm_weight and word_bonus weigh a language model, but language_model is None")
        if self.beam_size is not None and self.beam_size < 1:
            raise ConfigError(f"beam_size must be at least 1, got {self.beam_size}")


@dataclass(frozen=True, eq=False)
class WordDecoder:
    """Log-probabilities in, words with times and confidence out."""

    alphabet: Alphabet
    beam: BeamDecoder | None = None  # None: greedy
    calibration: Calibration | None = None

    def words(self, log_probs: NDArray[np.floating]) -> tuple[WordSpan, ...]:
        """The words of one phrase.

        Args:
            log_probs: Natural-log probabilities (time, alphabet.size).

        Returns:
            The words in order; none where nothing was heard, or nothing that a closed vocabulary allows. NaN, or
            values above 0, are a ValueError.
        """
        if self.beam is None:
            return greedy(log_probs, self.alphabet).words
        return self.spans(log_probs, self.beam.decode([log_probs])[0][0])

    def spans(self, log_probs: NDArray[np.floating], hypothesis: Hypothesis) -> tuple[WordSpan, ...]:
        """The words of a text that the beam search found, where they were heard; none if it had to be refused."""
        if not hypothesis.text or (self.beam and self.beam.closed_vocabulary and not hypothesis.complete):
            return ()
        return word_spans(log_probs, hypothesis.text, self.alphabet)

    def confidence(self, word: WordSpan) -> float:
        """The chance that a word is right, 0..1: calibrated if the model has a calibration."""
        return self.calibration.confidence(word) if self.calibration else word.confidence


def build_decoder(wanted: Decoding, alphabet: Alphabet, *, folder: Path | None = None) -> WordDecoder:
    """The decoder of a model, as it was tuned and as the caller wants it.

    Files that cannot be read or do not fit are a DataError, contradictory wishes a ConfigError, a damaged
    decoding.json a ModelError.

    Args:
        wanted: What the caller asks for.
        alphabet: The model's.
        folder: The model's folder; None for a model that has none.

    Returns:
        The decoder.
    """
    stored = read_decoding(folder) if folder else DecodingConfig()
    beam = stored.beam
    if wanted.beam_size is not None:
        beam = replace(beam, beam_size=wanted.beam_size)
    closed = _closed(wanted, alphabet)
    automaton = closed if closed is not None else _language_model(wanted, stored, folder)
    if closed is not None:
        beam = replace(beam, lm_weight=1.0, word_bonus=0.0)
    elif automaton is not None and wanted.language_model != "default":
        check_fits(automaton, alphabet)
    if wanted.lm_weight is not None:
        beam = replace(beam, lm_weight=wanted.lm_weight)
    if wanted.word_bonus is not None:
        beam = replace(beam, word_bonus=wanted.word_bonus)
    if automaton is None and not wanted.hotwords and wanted.beam_size is None:
        return WordDecoder(alphabet, None, stored.calibration)
    hotwords = None
    if wanted.hotwords:
        hotwords = HotWords.from_phrases(_spelled(wanted.hotwords, alphabet), alphabet, boost=wanted.hotword_boost)
    decoder = BeamDecoder(
        alphabet, beam, language_model=automaton, closed_vocabulary=closed is not None, hot_words=hotwords
    )
    return WordDecoder(alphabet, decoder, stored.calibration)


def read_decoding(folder: Path) -> DecodingConfig:
    """The decoding.json of a model folder.

    Args:
        folder: The model's.

    Returns:
        Its configuration; greedy if there is none.

    Raises:
        ModelError: If the file is damaged.
    """
    file = folder / DECODING_FILE
    if not file.is_file():
        return DecodingConfig()
    if file.stat().st_size > _MAX_BYTES:
        raise ModelError(f"{file}: {file.stat().st_size} bytes is too large for a configuration; not a model's file")
    try:
        content = json.loads(file.read_text("utf-8"))
        return config_from_dict(DecodingConfig, content, where=str(file))
    except (ValueError, RecursionError) as error:  # ConfigError among them
        raise ModelError(f"{error}; {file.name} is damaged, copy the model again or tune it anew") from error
    except OSError as error:
        raise ModelError(f"{file}: cannot be read ({error.strerror}); check its permissions") from error


def write_decoding(folder: Path, config: DecodingConfig) -> None:
    """Write the decoding.json of a model folder.

    Args:
        folder: The model's, which exists.
        config: What to write.

    Raises:
        ModelError: If it cannot be written.
    """
    file = folder / DECODING_FILE
    try:
        with atomic_write(file) as scratch:
            scratch.write_text(json.dumps(config_to_dict(config), indent=1) + "\n", "utf-8")
    except OSError as error:
        raise ModelError(
            f"{file}: cannot be written ({error.strerror}); check the folder and the space left"
        ) from error


def _closed(wanted: Decoding, alphabet: Alphabet) -> WordAutomaton | None:
    """The automaton of a closed vocabulary or grammar, if one is wanted."""
    if not wanted.vocabulary and not wanted.grammar:
        return None
    from audio_lstm.speech.grammar import check_words, grammar_from_text, read_grammar, word_list

    if wanted.vocabulary:
        automaton = word_list(_spelled(wanted.vocabulary, alphabet))
    elif wanted.grammar.rstrip().endswith(";"):
        automaton = grammar_from_text(wanted.grammar)
    else:
        automaton = read_grammar(wanted.grammar)
    check_words(automaton, alphabet)
    return automaton


def _language_model(wanted: Decoding, stored: DecodingConfig, folder: Path | None) -> WordAutomaton | None:
    """The automaton of the language model, if there is to be one."""
    from audio_lstm.speech.lm_file import read_language_model

    if wanted.language_model is None or isinstance(wanted.language_model, WordAutomaton):
        return wanted.language_model
    if wanted.language_model != "default":
        return read_language_model(wanted.language_model)
    if not stored.language_model:
        return None
    name = stored.language_model + LANGUAGE_MODEL_SUFFIX
    places = [place / name for place in (folder, SHIPPED) if place is not None]
    file = next((place for place in places if place.is_file()), None)
    if file is None:
        raise ModelError(
            f"{folder}: its language model {name} is missing; copy the model again, or pass language_model=None"
        )
    return read_language_model(file)


def _spelled(words: Sequence[str], alphabet: Alphabet) -> tuple[str, ...]:
    """Words in the case of the alphabet, where it has only one."""
    from audio_lstm.speech.data import normalise_text

    return tuple(normalise_text(word, alphabet) if word.strip() else word for word in words)
