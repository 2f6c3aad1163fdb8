"""Looking inside a speech model: a stretch of a recording -> the gates of one layer, and the words beside them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from audio_lstm.audio.files import AudioSource, load_audio
from audio_lstm.checkpoint import open_model
from audio_lstm.errors import AudioError, ConfigError, ModelError
from audio_lstm.inspection.gates import trace_backbone
from audio_lstm.inspection.inspection import Direction, Inspection, Mark, choose_layer
from audio_lstm.inspection.memory import MIN_STEPS, Memory, MemoryTally, Stretch
from audio_lstm.inspection.weight_arrays import WeightArrays, read_weights
from audio_lstm.speech.acoustic.config import SUBSAMPLING, SpeechModelConfig
from audio_lstm.speech.ctc.timing import peaks_of, powers, quietness, word_times
from audio_lstm.speech.hearing.recogniser import DEFAULT_MODEL, SpeechRecogniser, load_speech
from audio_lstm.speech.sound.features import extract_features
from audio_lstm.speech.text.alphabet import BLANK

__all__ = ["MAX_SPAN_S", "inspect_speech", "speech_front", "speech_memory"]

MAX_SPAN_S = 60.0  # every step is computed one after the other, in numpy
_PHRASE_PAUSE_S = 0.3  # a pause that ends a phrase
_KERNEL, _STRIDE = 3, 2


@dataclass(frozen=True)
class _Heard:
    """The span as the model reads it."""

    features: NDArray[np.float32]  # (frames, feature_size)
    samples: NDArray[np.float32]
    start_s: float


def inspect_speech(
    audio: AudioSource,
    *,
    model: str | os.PathLike[str] | SpeechRecogniser = DEFAULT_MODEL,
    layer: int | None = None,
    direction: Direction = "forward",
    span_s: tuple[float, float] | None = None,
) -> Inspection:
    """Open one layer while the model hears a stretch of a recording; see `audio_lstm.inspect`.

    The stretch is heard in one go, from a state of zeros, with the float weights (`transcribe` on a CPU uses int8).
    Events: "word start", "word end", "word boundary" (either), "inside a word", "letter" (where the model writes
    one), "phrase end" (the last step of a word before a pause of 0.3 s or more, or before the end), "pause".

    Args:
        audio: As for `transcribe`.
        model: As for `transcribe`.
        layer: Counted from 1; None for the last.
        direction: "backward" for the half of a bidirectional model that reads from the end.
        span_s: From where to where, in seconds; None: all. At most 60 s.

    Returns:
        The layer over time. A recording that cannot be read is an AudioError.

    Raises:
        ModelError: If the model has no weights beside its graph, or is none of the speech wing.
    """
    recogniser = load_speech(model)
    if recogniser.folder is None:
        raise ModelError(f"model {recogniser.name!r} was not loaded from a folder: load it by name, folder or hub id")
    config = recogniser.config
    chosen = choose_layer(layer, config.lstm.n_layers, direction, bidirectional=config.lstm.bidirectional)
    heard = _hear(audio, config, span_s)
    weights = read_weights(open_model(recogniser.folder, "speech"))
    x = speech_front(heard.features, weights, config)
    trace = trace_backbone(x, weights, config.lstm, layer=chosen)
    log_probs = _log_probs(trace.output, weights, config, len(heard.features))
    marks = _words(log_probs, recogniser, heard)
    step_s = config.output_frame_s * config.frames_per_step
    edges_s = heard.start_s + step_s * np.arange(len(x) + 1, dtype=np.float64)
    return Inspection(
        model=recogniser.name,
        layer=chosen + 1,
        n_layers=config.lstm.n_layers,
        direction=direction,
        trace=trace.directions[direction == "backward"],
        edges_s=edges_s,
        marks=marks,
        events=_events(marks, log_probs, edges_s, config.frames_per_step),
        log_probs=log_probs,
        symbols=("", *config.symbols),
    )


def speech_memory(
    recordings: Sequence[AudioSource],
    *,
    model: str | os.PathLike[str] | SpeechRecogniser = DEFAULT_MODEL,
    span_s: tuple[float, float] | None = None,
    n_probes: int = 8,
) -> Memory:
    """How far back the model hears; see `audio_lstm.memory`.

    Args:
        recordings: As for `transcribe`, each.
        model: As for `transcribe`.
        span_s: As for `inspect`.
        n_probes: Steps to blot out in each recording.

    Returns:
        The memory of its layers, in seconds.

    Raises:
        AudioError: If a recording cannot be read, or is too short.
        ModelError: If the model has no weights beside its graph, or is none of the speech wing.
    """
    recogniser = load_speech(model)
    if recogniser.folder is None:
        raise ModelError(f"model {recogniser.name!r} was not loaded from a folder: load it by name, folder or hub id")
    config = recogniser.config
    weights = read_weights(open_model(recogniser.folder, "speech"))
    tally = MemoryTally(recogniser.name, "seconds", config.lstm, weights, "backbone.")
    step_s = config.output_frame_s * config.frames_per_step
    for number, recording in enumerate(recordings):
        heard = _hear(recording, config, span_s)
        x = speech_front(heard.features, weights, config)
        if len(x) < MIN_STEPS:
            name = recording if isinstance(recording, str | os.PathLike) else f"recording {number + 1}"
            raise AudioError(f"{name}: {len(x) * step_s:.2f} s is too short; memory needs {MIN_STEPS * step_s:.2f} s")
        n_features = len(heard.features)

        def answers(y: NDArray[np.float32], n_features: int = n_features) -> NDArray[np.float32]:
            probabilities: NDArray[np.float32] = np.exp(_log_probs(y, weights, config, n_features))
            return probabilities

        tally.add(Stretch(x, step_s * np.arange(len(x), dtype=np.float64), answers, config.frames_per_step), n_probes)
    return tally.result()


def speech_front(
    features: NDArray[np.float32], weights: WeightArrays, config: SpeechModelConfig
) -> NDArray[np.float32]:
    """What the backbone reads: the convolutions and the linear layer of `speech/acoustic/model.py`, in numpy.

    Args:
        features: (frames, feature_size) of one recording.
        weights: Of the model.
        config: Of the model.

    Returns:
        (steps, front_size).
    """
    channels = config.conv_channels
    x = features[None]  # (1, T, F)
    for name, n_inputs in (("conv1", 1), ("conv2", channels)):
        kernel = weights.get(f"{name}.weight", channels, n_inputs, _KERNEL, _KERNEL)
        x = _convolved(x, kernel, weights.get(f"{name}.bias", channels))
    frames = x.transpose(1, 0, 2).reshape(x.shape[1], -1)  # (T / 4, C * F / 4)
    together = config.frames_per_step
    frames = np.pad(frames, ((0, -len(frames) % together), (0, 0))).reshape(-1, together * frames.shape[1])
    front = weights.get("front.weight", config.front_size, frames.shape[1])
    read: NDArray[np.float32] = np.maximum(frames @ front.T + weights.get("front.bias", config.front_size), 0.0)
    return read


def _convolved(x: NDArray[np.float32], kernel: NDArray[np.float32], bias: NDArray[np.float32]) -> NDArray[np.float32]:
    """A causal 3x3 convolution of stride 2 over x (channels, time, bands), and its ReLU."""
    padded = np.pad(x, ((0, 0), (_KERNEL - 1, 0), (1, 1)))
    windows = sliding_window_view(padded, (_KERNEL, _KERNEL), axis=(1, 2))[:, ::_STRIDE, ::_STRIDE]  # (C, T, F, 3, 3)
    y = np.tensordot(kernel, windows, axes=((1, 2, 3), (0, 3, 4))) + bias[:, None, None]
    convolved: NDArray[np.float32] = np.maximum(y, 0.0).astype(np.float32)
    return convolved


def _log_probs(
    y: NDArray[np.float32], weights: WeightArrays, config: SpeechModelConfig, n_features: int
) -> NDArray[np.float32]:
    rows = config.n_outputs * config.frames_per_step
    logits = y @ weights.get("head.weight", rows, config.lstm.output_size).T + weights.get("head.bias", rows)
    logits = logits.reshape(-1, config.n_outputs)[: -(-n_features // SUBSAMPLING)]
    logits = logits - logits.max(axis=1, keepdims=True)
    log_probs: NDArray[np.float32] = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    return log_probs


def _hear(audio: AudioSource, config: SpeechModelConfig, span_s: tuple[float, float] | None) -> _Heard:
    rate = config.features.sample_rate
    samples = load_audio(audio, sample_rate=rate)
    length_s = len(samples) / rate
    start_s, end_s = span_s or (0.0, length_s)
    if not 0.0 <= start_s < end_s:
        raise ConfigError(f"span_s must be two seconds, 0 <= start < end, got {span_s}")
    end_s = min(end_s, length_s)
    cut = samples[round(start_s * rate) : round(end_s * rate)]
    if len(cut) < config.features.window_samples:
        raise AudioError(f"from {start_s:g} s on there is nothing to look at: the recording has {length_s:.2f} s")
    if len(cut) > MAX_SPAN_S * rate:
        raise AudioError(f"{len(cut) / rate:.0f} s are too much to look into; pass span_s of at most {MAX_SPAN_S:g} s")
    return _Heard(extract_features(cut, config.features), cut, start_s)


def _words(log_probs: NDArray[np.float32], recogniser: SpeechRecogniser, heard: _Heard) -> tuple[Mark, ...]:
    config = recogniser.config
    spans = recogniser.words(log_probs)
    peaks = peaks_of(spans, recogniser.alphabet, config.output_frame_s)
    quiet = quietness(powers(heard.samples, config.features.sample_rate))
    times = word_times(peaks, quiet, recogniser.decoder.timing)
    return tuple(
        Mark(span.text, heard.start_s + begin, heard.start_s + end)
        for span, (begin, end) in zip(spans, times, strict=True)
    )


def _events(
    marks: tuple[Mark, ...], log_probs: NDArray[np.float32], edges_s: NDArray[np.float64], frames_per_step: int
) -> dict[str, NDArray[np.bool_]]:
    n_steps = len(edges_s) - 1

    def steps_at(times_s: list[float], side: Literal["left", "right"]) -> NDArray[np.bool_]:
        found = np.zeros(n_steps, bool)
        found[np.clip(np.searchsorted(edges_s, times_s, side=side) - 1, 0, n_steps - 1)] = True
        return found

    starts = steps_at([mark.start_s for mark in marks], "right")
    ends = steps_at([mark.end_s for mark in marks], "left")
    middles = (edges_s[:-1] + edges_s[1:]) / 2
    inside = np.zeros(n_steps, bool)
    for mark in marks:
        inside |= (middles >= mark.start_s) & (middles < mark.end_s)
    following = [mark.start_s for mark in marks[1:]] + [np.inf]
    last = [mark.end_s for mark, then in zip(marks, following, strict=True) if then - mark.end_s >= _PHRASE_PAUSE_S]
    written = np.zeros(n_steps * frames_per_step, bool)
    written[: len(log_probs)] = log_probs.argmax(axis=1) != BLANK
    return {
        "word start": starts,
        "word end": ends,
        "word boundary": starts | ends,
        "inside a word": inside,
        "letter": written.reshape(n_steps, frames_per_step).max(axis=1),
        "phrase end": steps_at(last, "left"),
        "pause": ~inside,
    }
