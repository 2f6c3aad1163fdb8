"""Live recognition: sound as it arrives -> the words so far, and a transcript at the end.

transcriber = StreamingTranscriber("english-small")
for samples in microphone:
    partial = transcriber.feed(samples)
    print(partial.stable, partial.tentative)
transcript = transcriber.finish()
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from audio_lstm.audio.reading import check_sample_rate, first_unsound
from audio_lstm.audio.resampling import Resampler
from audio_lstm.errors import AudioError, ConfigError
from audio_lstm.speech.ctc.decode import WordSpan, greedy
from audio_lstm.speech.ctc.timing import peaks_of, quietness, word_times
from audio_lstm.speech.decoding.decoding import Decoding
from audio_lstm.speech.hearing.acoustics import STEP_FRAMES
from audio_lstm.speech.hearing.listener import Heard, Listener, ListenerConfig
from audio_lstm.speech.hearing.recogniser import STREAMING_MODEL, SpeechRecogniser, load_speech
from audio_lstm.speech.hearing.transcript import Segment, Transcript, Word
from audio_lstm.speech.sound.endpoint import EndpointConfig

__all__ = ["Partial", "StreamingTranscriber", "make_segment"]


@dataclass(frozen=True)
class Partial:
    """What is known after some more sound."""

    stable: str  # of the utterance that is being spoken: these words will not change
    tentative: str  # the words after them, which may
    words: tuple[
        Word, ...
    ]  # both, with times in seconds from the start of the stream; confidence as the letters have it
    segments: tuple[Segment, ...]  # utterances that ended since the partial before: final, decoded in full
    heard_s: float  # sound that has arrived, in seconds
    is_speaking: bool  # whether a phrase is open

    @property
    def text(self) -> str:
        """The words so far of the utterance that is being spoken."""
        return f"{self.stable} {self.tentative}".strip()

    @property
    def is_final(self) -> bool:
        """Whether an utterance has ended; `segments` holds its words."""
        return bool(self.segments)


class StreamingTranscriber:
    """Writes down a stream of sound. The transcript is that of `transcribe`, however the sound is cut.

    Examples:
        >>> import audio_lstm
        >>> from audio_lstm.audio.files import load_audio
        >>> stream = audio_lstm.StreamingTranscriber("english-small")
        >>> samples = load_audio("demos/samples/digits.wav")
        >>> for start in range(0, len(samples), 5120):  # 320 ms at a time
        ...     partial = stream.feed(samples[start : start + 5120])
        >>> transcript = stream.finish()

    A model that streams (its LSTM looks only back) gives words while they are spoken; one that reads whole phrases
    gives them at pauses. An utterance ends, and its words become final, after `endpoint_s` of silence (1.6 s where the
    model reads whole phrases, if that is longer), or when it is 30 s long: then it is cut between two words. Cost and
    memory for each second are bounded however long the stream is; what grows is the transcript.
    """

    def __init__(
        self,
        model: str | os.PathLike[str] | SpeechRecogniser = STREAMING_MODEL,
        *,
        decoding: Decoding | None = None,
        device: str = "cpu",
        sample_rate: int | None = None,
        endpoint_s: float = EndpointConfig.pause_s,
    ) -> None:
        """Load the model and start before the first sample.

        Args:
            model: A shipped model's name, a model folder, a hub id, or a model from `load_speech`.
            decoding: Language model, hot words …; None decodes as the model was tuned.
            device: "cpu" or "cuda".
            sample_rate: Of the sound to come, in Hz; None: the model's. An impossible one is an AudioError.
            endpoint_s: Silence that ends an utterance, 0.6..10 s. The default is that of `transcribe`.

        Raises:
            ConfigError: If `endpoint_s` is out of range.
        """
        if not 0.6 <= endpoint_s <= 10:
            raise ConfigError(f"endpoint_s must lie in 0.6..10, got {endpoint_s}")
        self.recogniser = load_speech(model, device=device, decoding=decoding)
        rate = self.recogniser.config.features.sample_rate
        self.sample_rate = rate if sample_rate is None else check_sample_rate(sample_rate, "stream")
        self._resampler = Resampler(self.sample_rate, rate)
        self._listener = Listener(self.recogniser, ListenerConfig(endpoint=EndpointConfig(pause_s=endpoint_s)))
        self._writing = self.recogniser.writing.live()
        self._segments: list[Segment] = []
        self._n_samples = 0
        self._peak = 0.0
        self._finished = False

    @property
    def latency_s(self) -> float | None:
        """Algorithmic delay in seconds from a sound to the partial that can hold it; None: it waits for a pause.

        The step in which the network works, and the end of the last window in it. How long the network waits of its
        own accord before it writes a letter is not in it, nor computing time. At the beginning of an utterance the
        detector's counts in its place: 0.1 to 0.2 s of speech that it wants to hear, and 0.1 to 0.26 s for its
        look-ahead and its own steps.
        """
        if not self._listener.streams:
            return None
        features = self.recogniser.config.features
        return ((STEP_FRAMES - 1) * features.hop_samples + features.window_samples) / features.sample_rate

    def feed(self, samples: NDArray[np.floating] | NDArray[np.int16]) -> Partial:
        """Take the next samples.

        Args:
            samples: Mono (n,), n >= 0: float with full scale ±1, or int16.

        Returns:
            What is known now.

        Raises:
            AudioError: If the samples are of another kind or not finite, or the stream has finished; then nothing of
                them is taken.
        """
        if self._finished:
            raise AudioError("this stream has finished; make a new StreamingTranscriber for the next one")
        mono = _checked(samples, self._n_samples)
        self._n_samples += len(mono)
        segments = self._hear(self._resampler.feed(mono))
        stable, tentative = self._open_words()
        return Partial(
            stable=" ".join(word.text for word in stable),
            tentative=" ".join(word.text for word in tentative),
            words=(*stable, *tentative),
            segments=segments,
            heard_s=self._n_samples / self.sample_rate,
            is_speaking=self._listener.is_speaking,
        )

    def finish(self) -> Transcript:
        """End the stream.

        Returns:
            The whole transcript.

        Raises:
            AudioError: If it has finished before.
        """
        if self._finished:
            raise AudioError("this stream has finished; its transcript was returned then")
        self._finished = True
        self._hear(self._resampler.finish())
        self._keep(self._listener.finish())
        rate = self.recogniser.config.features.sample_rate
        return Transcript(
            segments=tuple(self._segments),
            duration_s=self._listener.n_samples / rate,
            model=self.recogniser.name,
            peak_db=20 * math.log10(self._peak) if self._peak > 0 else -math.inf,
            language=self.recogniser.config.language,
            notes=self.recogniser.writing.notes,
        )

    def _hear(self, samples: NDArray[np.float32]) -> tuple[Segment, ...]:
        """Give the listener samples at the model's rate; the segments that have ended."""
        self._peak = max(self._peak, float(np.abs(samples).max(initial=0.0)))
        return self._keep(self._listener.feed(samples))

    def _keep(self, ended: Iterable[Heard]) -> tuple[Segment, ...]:
        made = [
            make_segment(heard, self.recogniser.words(heard.log_probs), self.recogniser, self._listener.n_samples)
            for heard in ended
        ]
        segments = tuple(self._writing.end(segment) for segment in made if segment.words)
        self._segments += segments
        return segments

    def _open_words(self) -> tuple[tuple[Word, ...], tuple[Word, ...]]:
        """The words of the open utterance that will not change, and those that may."""
        heard = self._listener.open
        if heard is None:
            return (), ()
        spans = greedy(heard.log_probs[:, : self.recogniser.config.n_outputs], self.recogniser.alphabet).words
        words = make_segment(heard, spans, self.recogniser, self._listener.n_samples).words
        # The best path of what has been heard does not change, but its last word may go on; a search may still prefer
        # another text in the end.
        settled = self.recogniser.decoder.beam is None and self._listener.is_certain
        return self._writing.update(words, max(0, len(words) - 1) if settled else 0)


def make_segment(heard: Heard, spans: Iterable[WordSpan], recogniser: SpeechRecogniser, n_samples: int) -> Segment:
    """An utterance's words, with times from the start of the recording.

    Args:
        heard: The utterance.
        spans: Its words, in its output frames.
        recogniser: The model.
        n_samples: Length of the recording, as far as it is known, at the model's rate.

    Returns:
        The segment.
    """
    rate = recogniser.config.features.sample_rate
    start_s, end_s = heard.start_sample / rate, min(heard.stop_sample, n_samples) / rate
    found = tuple(spans)
    peaks = peaks_of(found, recogniser.alphabet, recogniser.config.output_frame_s)
    times = word_times(peaks, quietness(heard.powers), recogniser.decoder.timing)
    words = tuple(
        Word(
            text=word.text,
            start_s=min(end_s, start_s + begin),
            end_s=min(end_s, start_s + end),
            confidence=recogniser.decoder.confidence(word),
        )
        for word, (begin, end) in zip(found, times, strict=True)
    )
    return Segment(start_s, end_s, words)


def _checked(samples: NDArray[np.floating] | NDArray[np.int16], n_before: int) -> NDArray[np.float32]:
    """Samples as float32, full scale ±1."""
    array = np.asarray(samples)
    if array.ndim != 1:
        raise AudioError(f"a stream takes mono samples of shape (n,), got {array.shape}; mix the channels first")
    if array.dtype == np.int16:
        return array.astype(np.float32) / np.float32(32768)
    if array.dtype.kind != "f":
        raise AudioError(f"a stream takes samples of floating point (full scale ±1) or int16, got {array.dtype}")
    with np.errstate(over="ignore"):  # what is too large for float32 is reported here
        mono: NDArray[np.float32] = array.astype(np.float32)
    if (found := first_unsound(mono)) is not None:
        raise AudioError(f"sample {n_before + found[0]} of the stream is {found[1]}; nothing of this block was taken")
    return mono
