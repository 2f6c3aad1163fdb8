"""`transcribe`: any recording -> blocks -> phrases between pauses -> features -> model -> text with times."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from audio_lstm.audio.files import DEFAULT_MAX_SECONDS, AudioSource, Reading, announced_seconds, read_blocks
from audio_lstm.errors import AudioError
from audio_lstm.speech.decoding.decoding import Decoding
from audio_lstm.speech.hearing.listener import Heard, Listener
from audio_lstm.speech.hearing.recogniser import DEFAULT_MODEL, SpeechRecogniser, load_speech
from audio_lstm.speech.hearing.stream import make_segment
from audio_lstm.speech.hearing.transcript import Segment, Transcript
from audio_lstm.speech.text.numerals import Numbers

__all__ = ["Progress", "hear", "transcribe", "transcribe_segments"]

_SEAM_S = 0.1  # beside a seam between two recordings, in which nobody speaks
_QUIET_PEAK = 0.01

Progress = Callable[[float, float | None], None]  # seconds heard, and of how many where that is known


def transcribe(  # noqa: PLR0913 - the verb of the package: what can be wished is here, not in an object of options
    audio: AudioSource,
    *,
    model: str | os.PathLike[str] | SpeechRecogniser = DEFAULT_MODEL,
    decoding: Decoding | None = None,
    device: str = "cpu",
    max_seconds: float = DEFAULT_MAX_SECONDS,
    allow_truncated: bool = False,
    track: int | None = None,
    progress: Progress | None = None,
    numbers: Numbers | None = None,
) -> Transcript:
    """Write down what is said in a recording.

    Examples:
        >>> import audio_lstm
        >>> audio_lstm.transcribe("demos/samples/control.wav").text
        'Enter sixty four.'

    The recording is read in blocks, so memory does not grow with its length, and heard phrase by phrase: what is not
    speech (pauses of more than 0.8 s, noise, tones, music) is left out. A model that streams goes straight through a
    phrase of any length; one that reads whole phrases goes through overlapping windows.

    Args:
        audio: A path, a binary file object, or an array with its sample rate in Hz: `(samples, 16000)`, where samples
            are (n,) or (n, channels), float in [-1, 1] or int16 / int32.
        model: A shipped model's name, a model folder, a hub id, or a model from `load_speech` (load it once when there
            are many files).
        decoding: Language model, hot words, closed vocabulary …; None decodes as the model was tuned.
        device: "cpu" (ONNX Runtime) or "cuda" (torch); a model from `load_speech` stays where it was loaded.
        max_seconds: Refuse recordings that decode to more than this.
        allow_truncated: Take what can be read of a file that is damaged or breaks off, instead of refusing it.
        track: Which sound track of a film, counted from 1; None takes the default one.
        progress: Called with the seconds heard and the length in seconds, or None where the file does not say it.
        numbers: "digits" writes numbers in figures; "words" as they were said; None: as `decoding` says.

    Returns:
        The transcript; its text is empty where nothing is said.

    Raises:
        AudioError: If the recording cannot be read, is damaged, too long, or shorter than one feature window.
        ConfigError: If an option is out of range, or the decoding does not fit the model.
        DataError: If a file that the decoding names is missing or damaged, or the model cannot write its words.
        ModelError: If the model is not found, is damaged, or belongs to the music wing.
        MissingDependencyError: If a model is to run on "cuda" without torch.
    """  # noqa: DOC502 - raised by what it calls
    recogniser = load_speech(model, device=device, decoding=decoding).with_numbers(numbers)
    blocks = read_blocks(
        audio,
        sample_rate=recogniser.config.features.sample_rate,
        max_seconds=max_seconds,
        allow_truncated=allow_truncated,
        track=track,
    )
    meter = _Meter(audio, recogniser, progress)
    segments = tuple(_segments(blocks, recogniser, meter))
    return Transcript(
        segments=segments,
        duration_s=meter.n_samples / meter.sample_rate,
        model=recogniser.name,
        peak_db=20 * math.log10(meter.peak) if meter.peak > 0 else -math.inf,
        language=recogniser.config.language,
        notes=(*blocks.notes, *recogniser.writing.notes),
        channel_peaks_db=blocks.channel_peaks_db,
    )


def transcribe_segments(
    audio: AudioSource,
    *,
    model: str | os.PathLike[str] | SpeechRecogniser = DEFAULT_MODEL,
    decoding: Decoding | None = None,
    max_seconds: float = DEFAULT_MAX_SECONDS,
    allow_truncated: bool = False,
    track: int | None = None,
    progress: Progress | None = None,
) -> Iterator[Segment]:
    """The segments of `transcribe`, each as soon as it has been heard.

    Examples:
        >>> import audio_lstm
        >>> for segment in audio_lstm.transcribe_segments("demos/samples/control.wav"):
        ...     print(segment.text)
        Enter sixty four.

    Args:
        audio: As for `transcribe`.
        model: As for `transcribe`; load it on another device with `load_speech`.
        decoding: As for `transcribe`.
        max_seconds: As for `transcribe`.
        allow_truncated: As for `transcribe`.
        track: As for `transcribe`.
        progress: As for `transcribe`.

    Returns:
        An iterator over the segments that have words, in order. The file is opened when the first is drawn.

    Raises:
        AudioError: As for `transcribe`, when the segments before the damage have been drawn.
        ConfigError: As for `transcribe`.
        DataError: As for `transcribe`.
        ModelError: As for `transcribe`.
    """  # noqa: DOC502 - raised by what it calls
    recogniser = load_speech(model, decoding=decoding)
    blocks = read_blocks(
        audio,
        sample_rate=recogniser.config.features.sample_rate,
        max_seconds=max_seconds,
        allow_truncated=allow_truncated,
        track=track,
    )
    return _segments(blocks, recogniser, _Meter(audio, recogniser, progress))


def hear(
    blocks: Iterable[NDArray[np.float32]], recogniser: SpeechRecogniser, seams: Sequence[int] = ()
) -> Iterator[Heard]:
    """What the model makes of a recording, before it becomes words.

    Args:
        blocks: Consecutive mono blocks at the model's sample rate, float32 (n,).
        recogniser: The model.
        seams: The samples at which other recordings begin; may grow while the blocks are drawn. Where nobody speaks
            there, each is heard by itself.

    Yields:
        Each utterance with its log-probabilities.
    """
    listener, first, n_samples = Listener(recogniser), 0, 0
    edge = round(_SEAM_S * recogniser.config.features.sample_rate)
    before = np.zeros(0, np.float32)
    for block in blocks:
        cuts = [seam - n_samples for seam in seams if n_samples <= seam < n_samples + len(block)]
        for start, stop in pairwise(sorted({0, *cuts, len(block)})):
            part = block[start:stop]
            if start in cuts and _is_quiet(before[-edge:]) and _is_quiet(part[:edge]):
                yield from (heard.later(first) for heard in listener.finish())
                listener, first = Listener(recogniser), n_samples + start
            yield from (heard.later(first) for heard in listener.feed(part))
            before = part
        n_samples += len(block)
    yield from (heard.later(first) for heard in listener.finish())


def _is_quiet(samples: NDArray[np.float32]) -> bool:
    return float(np.abs(samples).max(initial=0.0)) < _QUIET_PEAK


def _segments(blocks: Reading, recogniser: SpeechRecogniser, meter: _Meter) -> Iterator[Segment]:
    yield from recogniser.writing.write(_heard_segments(blocks, recogniser, meter))


def _heard_segments(blocks: Reading, recogniser: SpeechRecogniser, meter: _Meter) -> Iterator[Segment]:
    for heard in hear(meter.watch(blocks), recogniser, blocks.seams):
        segment = make_segment(heard, recogniser.words(heard.log_probs), recogniser, meter.n_samples)
        if segment.words:
            yield segment
    meter.end()


class _Meter:
    """Counts the samples that pass, remembers the loudest, and says how far it is."""

    def __init__(self, audio: AudioSource, recogniser: SpeechRecogniser, progress: Progress | None) -> None:
        self._name = _name(audio)
        self._needed = recogniser.config.features.window_samples
        self.sample_rate = recogniser.config.features.sample_rate
        self._audio, self._progress = audio, progress
        self.n_samples = 0
        self.peak = 0.0

    def watch(self, blocks: Iterable[NDArray[np.float32]]) -> Iterator[NDArray[np.float32]]:
        total_s = announced_seconds(self._audio) if self._progress else None
        for block in blocks:
            self.n_samples += len(block)
            self.peak = max(self.peak, float(np.abs(block).max(initial=0.0)))
            yield block
            if self._progress:
                self._progress(self.n_samples / self.sample_rate, total_s)

    def end(self) -> None:
        """Refuse a recording too short for a single feature frame."""
        if self.n_samples < self._needed:
            needed_ms = 1000 * self._needed / self.sample_rate
            raise AudioError(
                f"{self._name}: {self.n_samples} samples at {self.sample_rate} Hz is too short to hear anything; "
                f"pass at least {needed_ms:.0f} ms"
            )


def _name(audio: AudioSource) -> str:
    if isinstance(audio, str | os.PathLike):
        return os.fspath(audio)
    return str(getattr(audio, "name", "audio"))
