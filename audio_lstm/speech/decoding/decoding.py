"""How a model's output becomes words: what the model was tuned with, and what the caller asks for.

    decoder = build_decoder(Decoding(hotwords=("KUBERNETES",)), alphabet, folder=model_folder)
    words = decoder.words(log_probs)

What a model was tuned with is in its folder's decoding.json (decoding_file.py); without it decoding is greedy. A model
that hears phonemes beside letters, and has a lexicon, is searched through both wherever there is a language model.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audio_lstm.checkpoint import LANGUAGE_MODEL_SUFFIX, SHIPPED
from audio_lstm.errors import ConfigError, DataError, ModelError
from audio_lstm.speech.ctc.align import word_spans
from audio_lstm.speech.ctc.decode import WordSpan, greedy
from audio_lstm.speech.ctc.timing import Timing
from audio_lstm.speech.decoding.beam import BeamDecoder, Hypothesis
from audio_lstm.speech.decoding.confidence import Calibration
from audio_lstm.speech.decoding.decoding_file import DecodingConfig, read_decoding, write_decoding
from audio_lstm.speech.decoding.lexicon import Lexicon, load_lexicon
from audio_lstm.speech.decoding.phoneme_beam import PhonemeBeamDecoder
from audio_lstm.speech.decoding.phoneme_tree import MAX_SPELLED
from audio_lstm.speech.decoding.pooling import Pool, PoolingConfig
from audio_lstm.speech.decoding.rescore import Rescorer, RescoringConfig
from audio_lstm.speech.decoding.sound_spans import phoneme_spans, surer_spans
from audio_lstm.speech.text.alphabet import Alphabet
from audio_lstm.speech.text.numerals import Letters, Numbers, check_choices
from audio_lstm.speech.text.punctuation import Writer
from audio_lstm.speech.words.automaton import WordAutomaton, fold_case, misfits
from audio_lstm.speech.words.hotwords import DEFAULT_BOOST, HotWords

__all__ = [
    "Decoding",
    "DecodingConfig",
    "WordDecoder",
    "build_decoder",
    "language_model_file",
    "read_decoding",
    "write_decoding",
]

_LOG = logging.getLogger(__name__)
# Where only a few words are allowed, the search has to go through letters that the model finds unlikely.
_CLOSED_BEAM_SIZE = 100
_CLOSED: dict[str, Any] = {
    "lm_weight": 1.0,
    "word_bonus": 0.0,
    "symbols_per_frame": 64,
    "min_symbol_log_prob": -25.0,
    "score_margin": 100.0,
}


@dataclass(frozen=True)
class Decoding:
    """What the caller asks of decoding; the defaults are what the model was tuned with.

    Examples:
        >>> import audio_lstm
        >>> hot = Decoding(hotwords=("SIXTY FOUR",))
        >>> audio_lstm.transcribe("demos/samples/control.wav", decoding=hot).text
        'Enter sixty four.'
        >>> closed = Decoding(vocabulary=("ENTER", "ERASE", "SIXTY", "FOUR"))
        >>> audio_lstm.transcribe("demos/samples/control.wav", decoding=closed).text
        'ENTER SIXTY FOUR'
    """

    # "default": the model's own, if it has one; a file (ARPA or .lm) or a shipped one's name; an automaton; None: none
    language_model: str | os.PathLike[str] | WordAutomaton | None = "default"
    beam_size: int | None = None  # texts kept after each frame; None: as tuned; without a language model: greedy
    lm_weight: float | None = None  # None: as tuned
    word_bonus: float | None = None  # None: as tuned
    hotwords: Sequence[str] = ()  # words and phrases to be preferred where the sound is in doubt
    places: Mapping[str, str] = field(default_factory=dict)  # where words of either list stand, for messages: "a.txt:3"
    hotword_boost: float = DEFAULT_BOOST  # how much: nats, natural-log score, of a whole hot word
    vocabulary: Sequence[str] = ()  # closed list: nothing but these words, in any order
    grammar: str = ""  # closed list of sentences in JSGF (words/grammar.py): its text, or the path of a .jsgf file
    # Character language model that judges the texts found once more: a model folder, or a shipped one's name.
    # "default": the one that the model was tuned with, where its own language model is used too; None: none
    rescorer: str | os.PathLike[str] | Rescorer | None = "default"
    rescorer_weight: float | None = None  # None: as tuned, or 0.3
    # Punctuation model that writes what was heard: a model folder, or a shipped one's name. "default": the model's own,
    # if it has one and hears more than a closed list; None: none
    writer: str | os.PathLike[str] | Writer | None = "default"
    numbers: Numbers = "words"  # "digits": in figures
    letters: Letters = "apart"  # "joined": those that were spelt one by one, as one word

    def __post_init__(self) -> None:
        check_choices(self.numbers, self.letters)
        if isinstance(self.hotwords, str) or isinstance(self.vocabulary, str):
            raise ConfigError("hotwords and vocabulary are lists of words; pass ['WORD'] for a single one")
        if self.vocabulary and self.grammar:
            raise ConfigError("vocabulary and grammar exclude each other; write the words into the grammar")
        closed = "vocabulary" if self.vocabulary else "grammar" if self.grammar else ""
        if closed and self.language_model not in ("default", None):
            raise ConfigError(f"{closed} and language_model exclude each other; leave one of them out")
        if self.language_model is None and not closed and (self.lm_weight is not None or self.word_bonus is not None):
            raise ConfigError("lm_weight and word_bonus weigh a language model, but language_model is None")
        if closed and self.rescorer not in ("default", None):
            raise ConfigError(f"{closed} and rescorer exclude each other; leave one of them out")
        if self.rescorer_weight is not None and (self.rescorer is None or closed):
            raise ConfigError("rescorer_weight weighs a rescorer, but there is none; leave it out")
        if self.beam_size is not None and self.beam_size < 1:
            raise ConfigError(f"beam_size must be at least 1, got {self.beam_size}")


@dataclass(frozen=True, eq=False)
class WordDecoder:
    """Log-probabilities in, words with times and confidence out."""

    alphabet: Alphabet
    beam: BeamDecoder | None = None  # None: greedy
    calibration: Calibration | None = None
    timing: Timing = field(default_factory=Timing)
    source: str = ""  # of the words that the beam search may or likes to write, for reports: "language model english"
    rescorer: Rescorer | None = None  # has the last word on what the beam search found
    notes: tuple[str, ...] = ()  # what its user should know: words of a language model that are never heard
    pool: Pool | None = None  # of the beam search and one through sounds, for a model that hears phonemes too

    @property
    def is_closed(self) -> bool:
        """Whether nothing is written but what a grammar or word list holds."""
        return self.beam is not None and self.beam.closed_vocabulary

    def describe(self) -> str:
        """How it decodes, in words that let a figure be repeated."""
        if self.beam is None:
            return "greedy"
        config, parts = self.beam.config, [f"beam {self.beam.config.beam_size}"]
        if self.beam.language_model is not None:
            parts.append(self.source or "language model")
            parts.append(f"weight {config.lm_weight:g}, word bonus {config.word_bonus:g}")
        if isinstance(self.beam.hot_words, HotWords):
            phrases = self.beam.hot_words.phrases
            boosts = sorted({f"{boost:g}" for boost in phrases.values()})
            parts.append(f"{len(phrases)} hot word{'s' * (len(phrases) > 1)}, boost {' '.join(boosts)}")
        if self.pool is not None:
            judged = self.pool.config
            parts.append(
                f"sounds beam {judged.beam.beam_size}, weight {judged.beam.lm_weight:g}, "
                f"pooled: letters {judged.letters:g}, sounds {judged.phonemes:g}, words {judged.lm_weight:g}"
            )
        if self.rescorer is not None:
            judge = self.rescorer.config
            parts.append(f"rescored by {self.rescorer.char_lm.name}, weight {judge.weight:g}, {judge.n_best} best")
        return ", ".join(parts)

    def words(self, log_probs: NDArray[np.floating]) -> tuple[WordSpan, ...]:
        """The words of one phrase.

        Args:
            log_probs: Natural-log probabilities (time, alphabet.size) of letters; of a model that hears phonemes too,
                those after them.

        Returns:
            The words in order; none where nothing was heard, or nothing that a closed vocabulary allows. NaN, or
            values above 0, are a ValueError.
        """
        return self.words_of_all([log_probs])[0]

    def words_of_all(self, batch: Sequence[NDArray[np.floating]]) -> list[tuple[WordSpan, ...]]:
        """The words of several phrases, faster than one by one.

        Args:
            batch: Of each phrase, as for `words`.

        Returns:
            What `words` finds in each.
        """
        if self.beam is None:
            return [greedy(self._letters(log_probs), self.alphabet).words for log_probs in batch]
        return [self.spans(log_probs, best) for log_probs, best in zip(batch, self.search(batch), strict=True)]

    def search(self, batch: Sequence[NDArray[np.floating]]) -> list[Hypothesis]:
        """The text of each of several phrases, as the beam search and the rescorer choose it.

        Args:
            batch: Of each phrase, as for `words`.

        Returns:
            The best hypothesis of each.

        Raises:
            ValueError: If this decoder is greedy.
        """
        if self.beam is None:
            raise ValueError("a greedy decoder does not search; ask for its words")
        n_best = 1 if self.rescorer is None else self.rescorer.config.n_best
        if self.pool is not None and all(log_probs.shape[1] > self.alphabet.size for log_probs in batch):
            found = self.pool.decode(batch, n_best=n_best)
        else:
            found = self.beam.decode([self._letters(log_probs) for log_probs in batch], n_best=n_best)
        return [best for best, *_ in found] if self.rescorer is None else [self.rescorer.best(each) for each in found]

    def spans(self, log_probs: NDArray[np.floating], hypothesis: Hypothesis) -> tuple[WordSpan, ...]:
        """The words of a text that the beam search found, where they were heard; none if it had to be refused."""
        if not hypothesis.text or (self.is_closed and not hypothesis.complete):
            return ()
        spans = word_spans(self._letters(log_probs), hypothesis.text, self.alphabet)
        sounds = log_probs[:, self.alphabet.size :]
        if self.pool is None or not sounds.shape[1]:
            return spans
        return surer_spans(spans, phoneme_spans(sounds, hypothesis.text.split(), self.pool.phonemes.lexicon))

    def _letters(self, log_probs: NDArray[np.floating]) -> NDArray[np.floating]:
        """The letters' part of a model's output."""
        size = self.alphabet.size
        return log_probs[:, :size] if log_probs.ndim == 2 and log_probs.shape[1] > size else log_probs

    def confidence(self, word: WordSpan) -> float:
        """The chance that a word is right, 0..1: calibrated if the model has a calibration."""
        return self.calibration.confidence(word) if self.calibration else word.confidence


def build_decoder(
    wanted: Decoding, alphabet: Alphabet, *, folder: Path | None = None, n_phonemes: int = 0
) -> WordDecoder:
    """The decoder of a model, as it was tuned and as the caller wants it.

    Files that cannot be read or do not fit are a DataError, a damaged decoding.json is a ModelError.

    Args:
        wanted: What the caller asks for.
        alphabet: The model's.
        folder: The model's folder; None for a model that has none.
        n_phonemes: Phonemes that the model hears beside letters; its folder has a lexicon.

    Returns:
        The decoder.

    Raises:
        ConfigError: If weights are wanted where there is no language model, or a wish lies outside what is allowed.
    """
    stored = read_decoding(folder) if folder else DecodingConfig()
    automaton, source = _closed(wanted, alphabet)
    is_closed = automaton is not None
    notes: tuple[str, ...] = ()
    if automaton is None:
        automaton, source = _language_model(wanted, stored, folder)
        automaton = automaton and fold_case(automaton, alphabet)
        if automaton is not None and wanted.language_model != "default":
            notes = tuple(f"{source}: {note}" for note in misfits(automaton, alphabet))
    for note in notes:
        _LOG.warning(note)
    beam = stored.beam
    if is_closed:
        beam = replace(beam, **_CLOSED, beam_size=max(beam.beam_size, _CLOSED_BEAM_SIZE))
    given = {name: getattr(wanted, name) for name in ("beam_size", "lm_weight", "word_bonus")}
    beam = replace(beam, **{name: value for name, value in given.items() if value is not None})
    if automaton is None and (wanted.lm_weight is not None or wanted.word_bonus is not None):
        raise ConfigError(
            "lm_weight and word_bonus weigh a language model, but this model comes without one; choose a language model"
        )
    rescorer = None if is_closed else _rescorer(wanted, stored, folder, alphabet)
    if automaton is None and rescorer is None and not wanted.hotwords and wanted.beam_size is None:
        return WordDecoder(alphabet, None, stored.calibration, stored.timing)
    hotwords = None
    if wanted.hotwords:
        from audio_lstm.speech.words.grammar import spell_words

        phrases = spell_words(wanted.hotwords, alphabet, noun="hot word", places=wanted.places)
        hotwords = HotWords.from_phrases(phrases, alphabet, boost=wanted.hotword_boost)
    decoder = BeamDecoder(alphabet, beam, language_model=automaton, closed_vocabulary=is_closed, hot_words=hotwords)
    pool = None
    pooling = stored.pooling or (None if stored.language_model else PoolingConfig())  # tuned without it: without it
    if folder is not None and n_phonemes and pooling is not None and automaton is not None:
        pool = _pool(decoder, pooling, load_lexicon(folder, n_phonemes), given)
    return WordDecoder(alphabet, decoder, stored.calibration, stored.timing, source, rescorer, notes, pool)


def language_model_file(language_model: str | os.PathLike[str]) -> Path:
    """Where a language model lies that is named like a model: by a shipped one's name, or by its file.

    Args:
        language_model: A name without folder and suffix, or a path.

    Returns:
        The file; whether a path exists shows when it is read.
    """
    name = os.fspath(language_model)
    shipped = SHIPPED / f"{name}{LANGUAGE_MODEL_SUFFIX}"
    return shipped if Path(name).name == name and os.path.isfile(shipped) else Path(name)


def _pool(letters: BeamDecoder, config: PoolingConfig, lexicon: Lexicon, given: dict[str, Any]) -> Pool | None:
    """Both searches and their judge; None where none of the words can be pronounced: they are searched by letters."""
    automaton = letters.language_model
    if automaton is None:
        return None
    if not (lexicon.places_of(automaton.words) >= 0).any() and not any(
        lexicon.pronounce(automaton.words[:MAX_SPELLED])
    ):
        return None
    changes = {name: value for name, value in given.items() if value is not None}
    beam, judged = config.beam, {name: value for name, value in changes.items() if name != "beam_size"}
    if letters.closed_vocabulary:
        beam = replace(beam, **_CLOSED, beam_size=letters.config.beam_size)
        judged = {"lm_weight": 1.0, "word_bonus": 0.0, "unknown_word": 0.0, **judged}
    sounds = PhonemeBeamDecoder(
        letters.alphabet,
        lexicon,
        automaton,
        replace(beam, **changes),
        closed_vocabulary=letters.closed_vocabulary,
        hot_words=letters.hot_words,
    )
    return Pool(letters, sounds, replace(config, **judged))


def _closed(wanted: Decoding, alphabet: Alphabet) -> tuple[WordAutomaton | None, str]:
    """The automaton of a closed vocabulary or grammar, if one is wanted, and what to call it."""
    if not wanted.vocabulary and not wanted.grammar:
        return None, ""
    from audio_lstm.speech.words.grammar import grammar_from_text, read_grammar, spell_words, word_list

    if wanted.vocabulary:
        words = spell_words(wanted.vocabulary, alphabet, noun="word", places=wanted.places)
        automaton, source = word_list(words), f"vocabulary of {len(words)} word{'s' * (len(words) > 1)}"
    elif wanted.grammar.rstrip().endswith(";"):
        automaton, source = grammar_from_text(wanted.grammar, alphabet=alphabet), "grammar"
    else:
        automaton, source = read_grammar(wanted.grammar, alphabet=alphabet), f"grammar {wanted.grammar}"
    return automaton, source


def _language_model(wanted: Decoding, stored: DecodingConfig, folder: Path | None) -> tuple[WordAutomaton | None, str]:
    """The automaton of the language model, if there is to be one, and what to call it."""
    from audio_lstm.speech.words.lm_file import read_language_model

    if wanted.language_model is None or isinstance(wanted.language_model, WordAutomaton):
        return wanted.language_model, "language model"
    if wanted.language_model != "default":
        return (
            read_language_model(language_model_file(wanted.language_model)),
            f"language model {os.fspath(wanted.language_model)}",
        )
    if not stored.language_model:
        return None, ""
    name = stored.language_model + LANGUAGE_MODEL_SUFFIX
    places = [place / name for place in (folder, SHIPPED) if place is not None]
    file = next((place for place in places if os.path.isfile(place)), None)  # a name may be too long
    if file is None:
        raise ModelError(f"{folder}: its language model {name} is missing; copy the model again, or choose another one")
    return read_language_model(file), f"language model {stored.language_model}"


def _rescorer(wanted: Decoding, stored: DecodingConfig, folder: Path | None, alphabet: Alphabet) -> Rescorer | None:
    """The character language model that has the last word, if there is to be one."""
    from audio_lstm.speech.words.char_lm import load_char_lm

    config = stored.rescoring if wanted.language_model == "default" else None
    if wanted.rescorer is None or (wanted.rescorer == "default" and config is None):
        if wanted.rescorer_weight is not None:
            raise ConfigError(
                "rescorer_weight weighs a rescorer, but this model comes without one; choose a character language model"
            )
        return None
    if isinstance(wanted.rescorer, Rescorer):
        char_lm, config = wanted.rescorer.char_lm, wanted.rescorer.config
    else:
        name = config.model if config and wanted.rescorer == "default" else os.fspath(wanted.rescorer)
        own = folder / name if folder is not None and wanted.rescorer == "default" else None
        char_lm = load_char_lm(own if own is not None and own.is_dir() else name)
        config = config if config and config.model == name else RescoringConfig(name)
    if wanted.rescorer_weight is not None:
        config = replace(config, weight=wanted.rescorer_weight)
    missing = sorted({letter for symbol in alphabet.symbols for letter in symbol} - set(char_lm.alphabet.symbols))
    if missing:
        raise DataError(
            f"rescorer {char_lm.name!r} does not know the letter {missing[0]!r} that the model writes; choose another "
            "character language model, or train one on texts with this alphabet"
        )
    return Rescorer(char_lm, config)
