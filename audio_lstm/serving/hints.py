"""The client's `prompt`, where it is a list of words: they become hot words for this one request."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import lru_cache

from audio_lstm.errors import AudioLSTMError
from audio_lstm.speech.decoding.decoding import Decoding
from audio_lstm.speech.hearing.recogniser import SpeechRecogniser
from audio_lstm.speech.text.data import normalise_text
from audio_lstm.speech.words.hotwords import HotWords

__all__ = ["HintedRecognisers", "phrases_in"]

_MOST_WORDS = 4  # of a phrase; a longer one is running text
_MOST_PHRASES = 100
_MOST_CHARACTERS = 60  # of a phrase
_REMEMBERED = 8  # prompts whose tables are kept: clients send the same one again and again


def phrases_in(prompt: str) -> tuple[str, ...]:
    """The words and phrases of a prompt that is a list of them: "ESPRESSO, flat white; Aleksander".

    A prompt may also be running text (what was said before, say); it says nothing about which words to prefer.

    Args:
        prompt: What the client sent.

    Returns:
        The phrases in order; none if the prompt is no list of at most 100 phrases of at most four words.
    """
    phrases = [" ".join(phrase.split()).rstrip(".!?") for phrase in re.split(r"[,;\n]", prompt)]
    phrases = [phrase for phrase in dict.fromkeys(phrases) if phrase]
    is_list = len(phrases) <= _MOST_PHRASES and all(
        len(phrase.split()) <= _MOST_WORDS and len(phrase) <= _MOST_CHARACTERS for phrase in phrases
    )
    return tuple(phrases) if is_list else ()


class HintedRecognisers:
    """One model, with the hot words of each request. Several threads may use it."""

    def __init__(self, plain: SpeechRecogniser, decoding: Decoding) -> None:
        """Keep the model.

        Args:
            plain: Without hints.
            decoding: With which it was loaded.
        """
        self.plain = plain
        beam = plain.decoder.beam
        loaded = None if beam is None else beam.language_model
        # What was read from disk once is not read again for each prompt.
        self._decoding = decoding
        if not plain.decoder.is_closed:
            self._decoding = replace(decoding, language_model=loaded, rescorer=plain.decoder.rescorer)
        self._decoding = replace(self._decoding, writer=plain.writing.writer)
        self._hinted = lru_cache(_REMEMBERED)(self._with_hot_words)

    def hearing(self, prompt: str) -> SpeechRecogniser:
        """The model, preferring the phrases of a prompt.

        Args:
            prompt: What the client sent. Phrases that the model cannot write are passed over.

        Returns:
            The model.
        """
        phrases = self._writable(phrases_in(prompt))
        return self._hinted(phrases) if phrases else self.plain

    def _writable(self, phrases: tuple[str, ...]) -> tuple[str, ...]:
        """The phrases as the model writes them; without those that it does not, or that the server prefers anyway."""
        alphabet = self.plain.alphabet
        given = {normalise_text(word, alphabet) for word in self._decoding.hotwords}
        spelled = (normalise_text(phrase, alphabet) for phrase in phrases)
        return tuple(phrase for phrase in dict.fromkeys(spelled) if phrase not in given and self._fits(phrase))

    def _fits(self, phrase: str) -> bool:
        try:
            HotWords.from_phrases([phrase], self.plain.alphabet)
        except AudioLSTMError:
            return False
        return True

    def _with_hot_words(self, phrases: tuple[str, ...]) -> SpeechRecogniser:
        try:
            return self.plain.with_decoding(replace(self._decoding, hotwords=(*self._decoding.hotwords, *phrases)))
        except AudioLSTMError:  # too many together, say: a hint is no order
            return self.plain
