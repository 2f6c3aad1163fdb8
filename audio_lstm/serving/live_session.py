"""One live session without its socket: bytes of PCM in, messages out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from audio_lstm.serving.answers import ApiError, segment_to_dict, transcript_to_dict, words_of
from audio_lstm.speech.recogniser import SpeechRecogniser
from audio_lstm.speech.stream import StreamingTranscriber
from audio_lstm.speech.transcript import Segment

__all__ = ["LiveSession"]

_FORMATS: dict[str, np.dtype[Any]] = {"s16le": np.dtype("<i2"), "f32le": np.dtype("<f4")}
_RATES = (4_000, 192_000)  # Hz
_DEFAULT_RATE, _DEFAULT_FORMAT = 16_000, "s16le"


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
            message: sample_rate in Hz, format ("s16le", "f32le"); both may be left out.

        Raises:
            ApiError: If it asks for something else, or comes after the first samples.
        """
        rate, sample_format = message.get("sample_rate", _DEFAULT_RATE), message.get("format", _DEFAULT_FORMAT)
        if self._n_samples or self._rest:
            raise ApiError(400, "the start message came after the first samples; send it first", code="invalid_message")
        if not isinstance(rate, int) or isinstance(rate, bool) or not _RATES[0] <= rate <= _RATES[1]:
            expected = f"a whole number of Hz from {_RATES[0]:,} to {_RATES[1]:,}"
            raise ApiError(400, f"sample_rate must be {expected}, got {rate!r:.40}", param="sample_rate")
        if not isinstance(sample_format, str) or sample_format not in _FORMATS:
            known = " or ".join(_FORMATS)
            raise ApiError(400, f"format must be {known}, got {sample_format!r:.40}", param="format")
        self._expect(rate, sample_format)

    def feed(self, data: bytes) -> list[dict[str, Any]]:
        """Hear some samples. Those that are not finite are an AudioError.

        Args:
            data: PCM as announced; may end within a sample.

        Returns:
            What to tell the client.

        Raises:
            ApiError: If there are more than the session may have; what is within the limit was heard.
        """
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
