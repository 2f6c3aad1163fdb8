"""espeak-ng's words have times that lie where it speaks."""

from __future__ import annotations

import ctypes.util

import numpy as np
import pytest

from audio_lstm.errors import DataError, MissingDependencyError
from recipes.quality import espeak_words
from recipes.quality.espeak_words import say

needs_espeak = pytest.mark.skipif(ctypes.util.find_library("espeak-ng") is None, reason="libespeak-ng is not installed")


@needs_espeak
def test_words_have_their_times_and_pauses_are_in_none() -> None:
    spoken = say("enter, sixty four", voice="en-us+f5", words_a_minute=130)
    assert len(spoken.words) == 3
    (_, enter_end), (sixty, sixty_end), (four, four_end) = spoken.words
    assert enter_end + 0.1 < sixty < sixty_end == four < four_end <= len(spoken.samples) / spoken.sample_rate
    pause = spoken.samples[round((enter_end + 0.05) * spoken.sample_rate) : round((sixty - 0.05) * spoken.sample_rate)]
    word = spoken.samples[round(sixty * spoken.sample_rate) : round(sixty_end * spoken.sample_rate)]
    assert np.abs(pause).max() < 0.02 < 0.1 < np.abs(word).max()
    assert len(say("enter sixty four", voice="en-us+f5").words) == 3  # once more in this process


@needs_espeak
def test_an_unknown_voice_is_refused() -> None:
    with pytest.raises(
        DataError, match="voice 'xx-nobody': espeak-ng has no such voice; espeak-ng --voices lists them"
    ):
        say("one", voice="xx-nobody")


def test_without_the_library_the_way_out_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes.util, "find_library", lambda name: None)
    espeak_words._voice.cache_clear()
    with pytest.raises(MissingDependencyError, match="libespeak-ng is not installed: apt-get install espeak-ng"):
        say("one", voice="en")


@needs_espeak
def test_a_library_without_voices_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    class Empty:
        @staticmethod
        def espeak_Initialize(*_: object) -> int:  # noqa: N802
            return -1

    monkeypatch.setattr(espeak_words.ctypes, "CDLL", lambda name: Empty())
    espeak_words._voice.cache_clear()
    with pytest.raises(MissingDependencyError, match="libespeak-ng finds no voices: apt-get install --reinstall"):
        say("one", voice="en")
    espeak_words._voice.cache_clear()
