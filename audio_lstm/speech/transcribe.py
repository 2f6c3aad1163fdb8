"""`transcribe`: any recording -> blocks -> phrases between pauses -> features -> model -> text with times."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from audio_lstm.audio import DEFAULT_MAX_SECONDS, AudioSource, read_blocks
from audio_lstm.errors import AudioError
from audio_lstm.speech.activity import speech_spans
from audio_lstm.speech.decode import WordSpan
from audio_lstm.speech.decoding import Decoding
from audio_lstm.speech.features import extract_features
from audio_lstm.speech.recogniser import DEFAULT_MODEL, SpeechRecogniser, load_speech
from audio_lstm.speech.transcript import Segment, Transcript, Word

__all__ = ["SILENCE_DB", "cut_at_quiet_places", "hear", "transcribe"]

MAX_WINDOW_S = 20.0  # what is in memory at a time, and where loudness and noise are measured
MIN_WINDOW_S = 0.1  # the least that may be asked for
CUT_SEARCH_S = 8.0  # a window is cut at the quietest place in its last part of this length, at most its second half
CUT_SMOOTHING_S = 0.3  # quiet means quiet for about this long: a pause, not the closure of a P
SILENCE_DB = -70.0  # below this peak there is nothing but a sound card's noise


def transcribe(
    audio: AudioSource,
    *,
    model: str | os.PathLike[str] | SpeechRecogniser = DEFAULT_MODEL,
    decoding: Decoding | None = None,
    device: str = "cpu",
    max_seconds: float = DEFAULT_MAX_SECONDS,
    allow_truncated: bool = False,
) -> Transcript:
    """Write down what is said in a recording.

    Example:
        >>> import audio_lstm
        >>> audio_lstm.transcribe("demos/samples/spelling.wav").text

    The recording is read in blocks, so memory does not grow with its length, and heard phrase by phrase: pauses of
    more than 0.8 s are left out, and longer phrases are cut where they are quiet. A model that is not found or
    damaged is a ModelError, as for `load_speech`.

    Args:
        audio: A path, a binary file object, or an array with its sample rate in Hz: `(samples, 16000)`, where samples
            are (n,) or (n, channels), float in [-1, 1] or int16 / int32.
        model: A shipped model's name, a model folder, a hub id, or a model from `load_speech` (load it once when there
            are many files).
        decoding: Language model, hot words, closed vocabulary …; None decodes as the model was tuned. What cannot be
            met is a ConfigError or a DataError.
        device: "cpu" (ONNX Runtime) or "cuda" (torch); a model from `load_speech` stays where it was loaded.
        max_seconds: Refuse recordings that decode to more than this.
        allow_truncated: Take what can be read of a file that breaks off, instead of refusing it.

    Returns:
        The transcript; its text is empty where nothing is said.

    Raises:
        AudioError: If the recording cannot be read, is shorter than one feature window, too long, or broken.
    """
    recogniser = load_speech(model, device=device, decoding=decoding)
    features = recogniser.config.features
    blocks = read_blocks(
        audio, sample_rate=features.sample_rate, max_seconds=max_seconds, allow_truncated=allow_truncated
    )
    meter = _Meter()
    segments = [
        _segment(phrase, recogniser.words(log_probs), recogniser)
        for phrase, log_probs in hear(meter.watch(blocks), recogniser)
    ]
    if meter.n_samples < features.window_samples:
        needed_ms = 1000 * features.window_samples / features.sample_rate
        raise AudioError(
            f"{_name(audio)}: {meter.n_samples} samples at {features.sample_rate} Hz is too short to hear anything; "
            f"pass at least {needed_ms:.0f} ms"
        )
    peak_db = 20 * math.log10(meter.peak) if meter.peak > 0 else -math.inf
    return Transcript(
        segments=tuple(segment for segment in segments if segment.words),
        duration_s=meter.n_samples / features.sample_rate,
        model=recogniser.name,
        peak_db=peak_db,
    )


@dataclass(frozen=True)
class Window:
    """A stretch of samples and where it starts."""

    start_sample: int
    samples: NDArray[np.float32]  # (n,)


def cut_at_quiet_places(
    blocks: Iterable[NDArray[np.float32]], sample_rate: int, *, max_window_s: float = MAX_WINDOW_S
) -> Iterator[Window]:
    """Regroup blocks of any size into windows of at most `max_window_s`, cut where the sound is quietest.

    Args:
        blocks: Consecutive mono blocks, float32 (n,).
        sample_rate: Their rate in Hz.
        max_window_s: The longest window in seconds.

    Yields:
        Windows that hold every sample once, in order.

    Raises:
        ValueError: If `max_window_s` is too short to look for a quiet place in.
    """
    if not max_window_s >= MIN_WINDOW_S:
        raise ValueError(f"max_window_s must be at least {MIN_WINDOW_S}, got {max_window_s}")
    longest = int(max_window_s * sample_rate)
    waiting: list[NDArray[np.float32]] = []
    n_waiting, start = 0, 0
    for block in blocks:
        waiting.append(block)
        n_waiting += len(block)
        while n_waiting > longest:
            samples = np.concatenate(waiting)
            cut = _quietest(samples[:longest], sample_rate)
            yield Window(start, samples[:cut])
            start += cut
            waiting, n_waiting = [samples[cut:]], n_waiting - cut
    if n_waiting:
        yield Window(start, np.concatenate(waiting))


def _quietest(samples: NDArray[np.float32], sample_rate: int) -> int:
    """The sample in the last CUT_SEARCH_S around which the energy is smallest."""
    hop = sample_rate // 100
    n_search = min(len(samples) // 2, int(CUT_SEARCH_S * sample_rate)) // hop
    tail = samples[len(samples) - n_search * hop :].reshape(n_search, hop)
    energy = np.square(tail, dtype=np.float64).sum(axis=1)
    width = max(1, min(n_search, int(CUT_SMOOTHING_S * 100)))
    smooth = np.convolve(energy, np.ones(width), mode="valid")
    centre = int(smooth.argmin()) + width // 2
    return len(samples) - n_search * hop + max(1, centre) * hop


def _phrases(blocks: Iterable[NDArray[np.float32]], sample_rate: int, longest_s: float) -> Iterator[Window]:
    """What is to be heard of the blocks, in windows short enough for the model."""
    for window in cut_at_quiet_places(blocks, sample_rate):
        if 20 * math.log10(max(float(np.abs(window.samples).max()), 1e-9)) < SILENCE_DB:
            continue
        for start, stop in speech_spans(window.samples, sample_rate):
            for phrase in cut_at_quiet_places([window.samples[start:stop]], sample_rate, max_window_s=longest_s):
                yield Window(window.start_sample + start + phrase.start_sample, phrase.samples)


def hear(
    blocks: Iterable[NDArray[np.float32]], recogniser: SpeechRecogniser
) -> Iterator[tuple[Window, NDArray[np.float32]]]:
    """What the model makes of a recording, before it becomes words.

    Args:
        blocks: Consecutive mono blocks at the model's sample rate, float32 (n,).
        recogniser: The model.

    Yields:
        Each phrase with its log-probabilities (time, n_outputs).
    """
    config = recogniser.config
    for phrase in _phrases(blocks, config.features.sample_rate, config.longest_phrase_s):
        log_probs, _ = recogniser.log_probs(extract_features(phrase.samples, config.features))
        yield phrase, log_probs


def _segment(phrase: Window, spans: Iterable[WordSpan], recogniser: SpeechRecogniser) -> Segment:
    """One phrase's words, with times from the start of the recording."""
    rate = recogniser.config.features.sample_rate
    start_s, end_s = phrase.start_sample / rate, (phrase.start_sample + len(phrase.samples)) / rate
    frame_s = recogniser.config.output_frame_s
    words = tuple(
        Word(
            text=word.text,
            start_s=start_s + word.start_frame * frame_s,
            end_s=min(end_s, start_s + (word.end_frame + 1) * frame_s),
            confidence=recogniser.decoder.confidence(word),
        )
        for word in spans
    )
    return Segment(start_s, end_s, words)


class _Meter:
    """Counts the samples that pass and remembers the loudest."""

    def __init__(self) -> None:
        self.n_samples = 0
        self.peak = 0.0

    def watch(self, blocks: Iterable[NDArray[np.float32]]) -> Iterator[NDArray[np.float32]]:
        for block in blocks:
            self.n_samples += len(block)
            if len(block):
                self.peak = max(self.peak, float(np.abs(block).max()))
            yield block


def _name(audio: AudioSource) -> str:
    if isinstance(audio, str | os.PathLike):
        return os.fspath(audio)
    return str(getattr(audio, "name", "audio"))
