"""One live session without its socket: bytes of PCM in, messages out."""

from __future__ import annotations

import contextlib
import difflib
import io
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from audio_lstm.audio.headers import sniff
from audio_lstm.errors import AudioError
from audio_lstm.serving.answers import ApiError, segment_to_dict, transcript_to_dict, words_of
from audio_lstm.speech.hearing.recogniser import SpeechRecogniser
from audio_lstm.speech.hearing.stream import StreamingTranscriber
from audio_lstm.speech.hearing.transcript import Segment

__all__ = ["LiveSession"]

_FORMATS: dict[str, np.dtype[Any]] = {"s16le": np.dtype("<i2"), "f32le": np.dtype("<f4")}
_RATES = (4_000, 192_000)  # Hz
_DEFAULT_RATE, _DEFAULT_FORMAT = 16_000, "s16le"
_KEYS = ("sample_rate", "format")  # of a start message, beside its type
_OTHER_NAMES = {"sampleRate": "sample_rate"}
_VOSK_KEYS = ("words",)  # of its config, which mean nothing here: words are always told
_HEAD_BYTES = 12  # that tell a file from samples
_FRAMES = ("mp3", "aac")  # files that only the distances of their frames tell: samples might have them by chance
_TAGGED = (b"ID3\2", b"ID3\3", b"ID3\4")  # begin a tag before such frames, which may lie far behind a picture
_STEP_S = 1.0  # of a long message, heard at once


class LiveSession:
    """Takes a client's samples to the transcriber, and its answers to messages."""

    def __init__(self, recogniser: SpeechRecogniser, *, max_seconds: float) -> None:
        """Begin, with samples of s16le at 16 kHz until something else is announced.

        Args:
            recogniser: The model.
            max_seconds: Of audio; more is refused.
        """
        self._recogniser = recogniser
        self._max_seconds = max_seconds
        self._head = b""  # the first bytes
        self._rest = b""  # of a sample whose other bytes have not come
        self._n_samples = self._n_segments = 0
        self._last = ("", "")  # the partial result that the client knows
        self._expect(_DEFAULT_RATE, _DEFAULT_FORMAT)

    def _expect(self, sample_rate: int, sample_format: str) -> None:
        self._rate = sample_rate
        self._dtype = _FORMATS[sample_format]
        self._transcriber = StreamingTranscriber(self._recogniser, sample_rate=sample_rate)

    @property
    def heard_s(self) -> float:
        """Seconds of audio so far."""
        return self._n_samples / self._rate

    def start(self, message: Mapping[str, Any]) -> None:
        """Follow a start message.

        Args:
            message: sample_rate in Hz, format ("s16le", "f32le"); both may be left out. They may stand below the key
                config, as Vosk's clients write it.

        Raises:
            ApiError: If it asks for something else, or comes after the first samples.
        """
        if self._n_samples or self._rest:
            raise ApiError(400, "the start message came after the first samples; send it first", code="invalid_message")
        wish = _wish(message)
        rate, sample_format = wish.get("sample_rate", _DEFAULT_RATE), wish.get("format", _DEFAULT_FORMAT)
        if isinstance(rate, float) and rate.is_integer():
            rate = int(rate)
        if not isinstance(rate, int) or isinstance(rate, bool) or not _RATES[0] <= rate <= _RATES[1]:
            expected = f"a whole number of Hz from {_RATES[0]:,} to {_RATES[1]:,}"
            raise ApiError(400, f"sample_rate must be {expected}, got {rate!r:.40}", param="sample_rate")
        if not isinstance(sample_format, str) or sample_format not in _FORMATS:
            known = " or ".join(_FORMATS)
            raise ApiError(400, f"format must be {known}, got {sample_format!r:.40}", param="format")
        self._expect(rate, sample_format)

    def steps(self, data: bytes) -> Iterator[bytes]:
        """A message in parts of a second or less, so that a long one does not keep its words back.

        Args:
            data: PCM.

        Yields:
            What to pass to `feed`, one after the other; at least one.
        """
        n_bytes = max(1, int(_STEP_S * self._rate)) * self._dtype.itemsize
        for start in range(0, max(1, len(data)), n_bytes):
            yield data[start : start + n_bytes]

    def feed(self, data: bytes) -> list[dict[str, Any]]:
        """Hear some samples. Those that are not finite are an AudioError.

        Args:
            data: PCM as announced; may end within a sample.

        Returns:
            What to tell the client.

        Raises:
            ApiError: If there are more than the session may have; what is within the limit was heard. Also if they
                begin as a file does.
        """
        self._refuse_file(data)
        data = self._rest + data
        n_whole = len(data) - len(data) % self._dtype.itemsize
        self._rest = data[n_whole:]
        samples = np.frombuffer(data[:n_whole], self._dtype).astype(self._dtype.newbyteorder("="))  # (n,)
        room = max(0, int(self._max_seconds * self._rate) - self._n_samples)
        too_long = len(samples) > room
        messages = self._hear(samples[:room])
        self._n_samples += min(len(samples), room)
        if too_long:
            limit = f"{self._max_seconds:g} s"
            raise ApiError(413, f"a session may last {limit}; open another one", code="session_too_long")
        return messages

    def _refuse_file(self, data: bytes) -> None:
        """Refuse what a recorder packs (a browser's MediaRecorder, say): heard as samples it would be noise."""
        if len(self._head) >= _HEAD_BYTES:
            return
        self._head += data[: _HEAD_BYTES - len(self._head)]
        name = ""
        with contextlib.suppress(AudioError):
            name = sniff(io.BytesIO(self._head), "").name
        if self._head[:4] in _TAGGED:
            name = name or "mp3"
        elif name in _FRAMES:
            return
        if name:
            raise ApiError(
                400,
                f"this is the beginning of a {name} file; send raw samples, mono, {' or '.join(_FORMATS)} (in a "
                "browser of an AudioWorklet, not of MediaRecorder), or POST the whole file to /v1/audio/transcriptions",
                code="invalid_audio",
            )

    def _hear(self, samples: np.ndarray[Any, Any]) -> list[dict[str, Any]]:
        partial = self._transcriber.feed(samples)
        messages = self._finals(partial.segments)
        if (partial.stable, partial.tentative) != self._last:
            self._last = (partial.stable, partial.tentative)
            messages.append({"type": "partial", "stable": partial.stable, "tentative": partial.tentative})
        return messages

    def _finals(self, segments: Iterable[Segment]) -> list[dict[str, Any]]:
        messages = []
        for segment in segments:
            body = segment_to_dict(self._n_segments, segment)
            messages.append({"type": "final", **body, "words": words_of(segment.words)})
            self._n_segments += 1
        return messages

    def finish(self) -> list[dict[str, Any]]:
        """End the session.

        Returns:
            What to tell the client: the segments that it does not know, and the transcript.
        """
        transcript = self._transcriber.finish()
        messages = self._finals(transcript.segments[self._n_segments :])
        return [*messages, {"type": "transcript", **transcript_to_dict(transcript)}]


def _wish(message: Mapping[str, Any]) -> dict[str, Any]:
    """What a start message asks for; keys that nobody knows are refused, since they would ask for nothing."""
    inner = message.get("config", {})
    if not isinstance(inner, dict):
        raise ApiError(400, f"config must be an object, got {inner!r:.40}", code="invalid_message", param="config")
    wish: dict[str, Any] = {}
    for key, value in [*message.items(), *inner.items()]:
        name = _OTHER_NAMES.get(key, key)
        if (key in ("type", "config") and key in message) or (key in _VOSK_KEYS and key in inner):
            continue
        if name not in _KEYS:
            close = difflib.get_close_matches(key, _KEYS, n=1, cutoff=0.5)
            meant = f"did you mean {close[0]}?" if close else f"it has {' and '.join(_KEYS)}"
            text = f"the start message has no key {key[:40]!r}; {meant}"
            raise ApiError(400, text, code="invalid_message", param=key[:40])
        if wish.setdefault(name, value) != value:
            raise ApiError(400, f"{name} is there twice, {wish[name]!r:.40} and {value!r:.40}", param=name)
    return wish
