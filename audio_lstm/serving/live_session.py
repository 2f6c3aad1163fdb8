"""One live session without its socket: bytes of PCM in, messages out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import soxr
from numpy.typing import NDArray

from audio_lstm.serving.answers import ApiError, segment_to_dict, transcript_to_dict, words_of
from audio_lstm.speech.recogniser import SpeechRecogniser
from audio_lstm.speech.stream import StreamingTranscriber
from audio_lstm.speech.transcript import Segment

__all__ = ["LiveSession"]

_FORMATS: dict[str, np.dtype[Any]] = {"s16le": np.dtype("<i2"), "f32le": np.dtype("<f4")}
_FULL_SCALE = 32768.0
_RATES = (4_000, 192_000)  # Hz
_DEFAULT_RATE, _DEFAULT_FORMAT = 16_000, "s16le"


class LiveSession:
    """Takes a client's samples in whatever rate and chunks to the transcriber, and its answers to messages."""

    def __init__(self, recogniser: SpeechRecogniser, *, max_seconds: float) -> None:
        """Begin. A model that cannot stream is an AudioLSTMError.

        Args:
            recogniser: A model that streams.
            max_seconds: Of audio; more is refused.
        """
        self._transcriber = StreamingTranscriber(recogniser)
        self._model_rate = recogniser.config.features.sample_rate
        self._max_seconds = max_seconds
        self._rest = b""  # of a sample whose other bytes have not come
        self._n_samples = self._n_segments = 0
        self._last = ("", "")  # what the client knows
        self._set(_DEFAULT_RATE, _DEFAULT_FORMAT)

    def _set(self, sample_rate: int, sample_format: str) -> None:
        self._rate = sample_rate
        self._dtype = _FORMATS[sample_format]
        self._resampler = None
        if sample_rate != self._model_rate:
            self._resampler = soxr.ResampleStream(sample_rate, self._model_rate, 1, dtype="float32", quality="HQ")

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
        if not isinstance(rate, int) or not _RATES[0] <= rate <= _RATES[1]:
            expected = f"a whole number of Hz from {_RATES[0]:,} to {_RATES[1]:,}"
            raise ApiError(400, f"sample_rate must be {expected}, got {rate!r:.40}", param="sample_rate")
        if not isinstance(sample_format, str) or sample_format not in _FORMATS:
            known = " or ".join(_FORMATS)
            raise ApiError(400, f"format must be {known}, got {sample_format!r:.40}", param="format")
        self._set(rate, sample_format)

    def feed(self, data: bytes) -> list[dict[str, Any]]:
        """Hear some samples.

        Args:
            data: PCM as announced; may end within a sample.

        Returns:
            What to tell the client.

        Raises:
            ApiError: For samples that are not finite, or more than the session may have.
        """
        data = self._rest + data
        n_whole = len(data) - len(data) % self._dtype.itemsize
        self._rest = data[n_whole:]
        raw = np.frombuffer(data[:n_whole], self._dtype)
        samples = raw.astype(np.float32)  # (n,)
        if raw.dtype.kind == "i":
            samples /= _FULL_SCALE
        elif not np.isfinite(samples).all():
            raise ApiError(400, "the samples hold NaN or infinite values; is the format right?", code="invalid_audio")
        room = max(0, int(self._max_seconds * self._rate) - self._n_samples)
        too_long = len(samples) > room
        self._n_samples += min(len(samples), room)
        messages = self._hear(samples[:room])
        if too_long:
            limit = f"{self._max_seconds:g} s"
            raise ApiError(413, f"a session may last {limit}; open another one", code="session_too_long")
        return messages

    def _hear(self, samples: NDArray[np.float32], *, last: bool = False) -> list[dict[str, Any]]:
        if self._resampler is not None:
            samples = self._resampler.resample_chunk(samples, last=last)
        if not len(samples):
            return []
        partial = self._transcriber.feed(samples)
        messages = self._finals(partial.segments)
        if (partial.stable, partial.tentative) != self._last:
            self._last = (partial.stable, partial.tentative)
            messages.append({"type": "partial", "stable": partial.stable, "tentative": partial.tentative})
        return messages

    def _finals(self, segments: tuple[Segment, ...]) -> list[dict[str, Any]]:
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
        messages = self._hear(np.zeros(0, np.float32), last=True) if self._resampler is not None else []
        transcript = self._transcriber.finish()
        messages += self._finals(transcript.segments[self._n_segments :])
        return [*messages, {"type": "transcript", **transcript_to_dict(transcript)}]
