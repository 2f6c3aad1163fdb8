"""espeak-ng's speech with the times of its words, which its C library tells while it speaks.

spoken = say("ENTER SIXTY FOUR", voice="en-us+f5")
spoken.samples, spoken.sample_rate, spoken.words    # ((start_s, end_s), …)

apt-get install espeak-ng
"""

from __future__ import annotations

import ctypes
import ctypes.util
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audio_lstm.errors import DataError, MissingDependencyError

# From espeak-ng/speak_lib.h.
_SYNCHRONOUS, _PHONEME_EVENTS, _CHARS_UTF8, _RATE = 2, 1, 1, 1
_LIST_TERMINATED, _WORD, _END, _PHONEME = 0, 1, 5, 7


class _Id(ctypes.Union):
    _fields_ = (("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8))


class _Event(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _Id),
    )


_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))


@dataclass(frozen=True, eq=False)
class Spoken:
    """Synthetic speech."""

    samples: NDArray[np.float32]  # (n,)
    sample_rate: int
    words: tuple[tuple[float, float], ...]  # start and end of each word in seconds


class _Voice:
    """The library, which has one voice and one callback in a process."""

    def __init__(self) -> None:
        name = ctypes.util.find_library("espeak-ng")
        if name is None:
            raise MissingDependencyError("libespeak-ng is not installed: apt-get install espeak-ng")
        self._library = ctypes.CDLL(name)
        self.sample_rate = int(self._library.espeak_Initialize(_SYNCHRONOUS, 0, None, _PHONEME_EVENTS))
        if self.sample_rate <= 0:
            raise MissingDependencyError("libespeak-ng finds no voices: apt-get install --reinstall espeak-ng-data")
        self._blocks: list[NDArray[np.int16]] = []
        self._events: list[tuple[int, int, bytes]] = []  # type, sample, phoneme
        self._callback = _Callback(self._hear)
        self._library.espeak_SetSynthCallback(self._callback)

    def _hear(self, samples: Any, n_samples: int, events: Any) -> int:
        if n_samples > 0:
            self._blocks.append(np.ctypeslib.as_array(samples, (n_samples,)).copy())
        position = 0
        while events[position].type != _LIST_TERMINATED:
            event = events[position]
            self._events.append((event.type, event.sample, bytes(event.id.string)))
            position += 1
        return 0

    def say(self, text: str, voice: str, words_a_minute: int) -> Spoken:
        self._blocks, self._events = [], []
        if self._library.espeak_SetVoiceByName(voice.encode()) != 0:
            raise DataError(f"voice {voice!r}: espeak-ng has no such voice; espeak-ng --voices lists them")
        self._library.espeak_SetParameter(_RATE, words_a_minute, 0)
        data = text.encode()
        self._library.espeak_Synth(data, len(data) + 1, 0, 1, 0, _CHARS_UTF8, None, None)
        self._library.espeak_Synchronize()
        samples = np.concatenate([*self._blocks, np.zeros(0, np.int16)]).astype(np.float32) / np.float32(32768)
        edges = []  # of words and of the pauses after them
        for kind, sample, phoneme in self._events:
            if kind == _WORD:
                edges.append((sample, True))
            elif kind == _END or (kind == _PHONEME and phoneme.startswith(b"_")):
                edges.append((sample, False))
        edges.append((len(samples), False))
        words = [
            (begin / self.sample_rate, end / self.sample_rate)
            for (begin, is_word), (end, _) in pairwise(edges)
            if is_word
        ]
        return Spoken(samples, self.sample_rate, tuple(words))


@cache
def _voice() -> _Voice:
    return _Voice()


def say(text: str, *, voice: str, words_a_minute: int = 150) -> Spoken:
    """Let espeak-ng say a text.

    Args:
        text: Words with spaces between them; capitals are spelled.
        voice: "en-us+f5", say.
        words_a_minute: How fast.

    Returns:
        The sound and the times of its words: where there is no pause a word ends where the next begins.
    """
    return _voice().say(text, voice, words_a_minute)
