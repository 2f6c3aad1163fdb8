"""Measure where a model's peaks lie in its words: on recordings that are joined, so that a boundary is known.

    fit = fit_timing(read_manifest("train.jsonl"), recogniser)
    write_decoding(recogniser.folder, replace(read_decoding(recogniser.folder), timing=fit.timing))

The end of one recording and the start of the next are cut where their sound ends and starts, and joined with a gap of
known length; the joint lies in running speech, and no one has to mark words by hand. Recordings that the model was
trained on will do, and leave the development data for judging (recipes/quality/word_times.py).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from audio_lstm.audio.files import load_audio
from audio_lstm.errors import DataError
from audio_lstm.speech.ctc.align import word_spans
from audio_lstm.speech.ctc.timing import (
    LEVEL_RATE,
    SILENT_DB,
    Peaks,
    Timing,
    level_db,
    peaks_of,
    powers,
    quietness,
    word_times,
)
from audio_lstm.speech.hearing.recogniser import SpeechRecogniser
from audio_lstm.speech.sound.features import extract_features
from audio_lstm.speech.text.alphabet import n_ctc_frames
from audio_lstm.speech.text.data import Utterance
from audio_lstm.speech.text.spoken import as_spoken

__all__ = ["N_JOINTS", "TimingFit", "fit_timing", "sound_edges"]

N_JOINTS = 300  # at most; more change the medians by less than a millisecond
MIN_JOINTS = 10
GAPS_S = (0.0, 0.1, 0.3)  # digital silence between two recordings, in turn
SPREADS_S = (0.02, 0.03, 0.05, 0.07, 0.1)  # that are tried
MAX_JOINED_S = 20.0  # longer pairs are left out
MIN_LOG_PROB = -1.0  # of a word, a letter on average: below it the model does not hear the word, so nobody knows where
_SEED = 0  # of the order in which recordings are joined
# What counts as sound in a recording of a sentence: within 28 dB of its loudness and 10 dB above its noise, for 60 ms.
_RANGE_DB, _ABOVE_NOISE_DB, _LEAST_RANGE_DB, _MIN_SOUND = 28.0, 10.0, 15.0, 6


@dataclass(frozen=True)
class TimingFit:
    """The timing of a model, and how well it does on the joints that it was fitted on."""

    timing: Timing
    n_joints: int
    peak_error_s: float  # median distance of the peaks themselves from the boundaries
    error_s: float  # median distance of `word_times` from the boundaries


@dataclass(frozen=True, eq=False)
class _Joint:
    """Two recordings as one, heard by the model."""

    peaks: list[Peaks]
    quiet: NDArray[np.float64]
    word: int  # the first of the second recording
    end_s: float  # where the sound of the first ends
    start_s: float  # where the sound of the second starts


def sound_edges(samples: NDArray[np.float32], sample_rate: int) -> tuple[float, float] | None:
    """Where the first and the last sound of a recording begin and end, by its level alone.

    Args:
        samples: Mono, float in [-1, 1], (n,).
        sample_rate: Hz.

    Returns:
        Seconds; None where nothing lasts for 60 ms.
    """
    level = level_db(powers(samples, sample_rate))
    if len(level) < _MIN_SOUND:
        return None
    loud, noise = np.quantile(level, [0.95, 0.1])
    active = level > max(SILENT_DB, loud - _RANGE_DB, min(noise + _ABOVE_NOISE_DB, loud - _LEAST_RANGE_DB))
    edges = np.flatnonzero(np.diff(np.concatenate([[False], active, [False]]))).reshape(-1, 2)
    edges = edges[edges[:, 1] - edges[:, 0] >= _MIN_SOUND]
    if len(edges) == 0:
        return None
    return float(edges[0, 0]) / LEVEL_RATE, float(edges[-1, 1]) / LEVEL_RATE


def fit_timing(
    utterances: Sequence[Utterance], recogniser: SpeechRecogniser, *, progress: Callable[[int], None] | None = None
) -> TimingFit:
    """Fit the timing of a model's words on joined recordings.

    Args:
        utterances: From `read_manifest`, at least 20 of them; their speakers should be many. A recording that cannot
            be read is an AudioError.
        recogniser: The model.
        progress: Called with the number of pairs heard, up to N_JOINTS or what there is.

    Returns:
        The timing and its errors.

    Raises:
        DataError: If the model hears too few of the recordings.
    """
    order = np.random.default_rng(_SEED).permutation(len(utterances))[: N_JOINTS + 1].tolist()
    joints = []
    for done, (first, second) in enumerate(pairwise(order), 1):
        joint = _join(utterances[first], utterances[second], GAPS_S[done % len(GAPS_S)], recogniser)
        if joint is not None:
            joints.append(joint)
        if progress is not None:
            progress(done)
    if len(joints) < MIN_JOINTS:
        raise DataError(
            f"the timing of words needs {MIN_JOINTS} pairs of recordings whose words the model hears, got "
            f"{len(joints)} from {len(utterances)} recordings; pass more of them, or ones that the model knows"
        )
    timing = _medians(joints)
    errors = [_errors(joints, replace(timing, spread_s=spread_s)) for spread_s in SPREADS_S]
    best = int(np.argmin([error.mean() for error in errors]))
    peaks = np.array(
        [
            [joint.peaks[joint.word - 1].last_s - joint.end_s, joint.peaks[joint.word].first_s - joint.start_s]
            for joint in joints
        ]
    )
    return TimingFit(
        replace(timing, spread_s=SPREADS_S[best]),
        len(joints),
        float(np.median(np.abs(peaks))),
        float(np.median(errors[best])),
    )


def _join(first: Utterance, second: Utterance, gap_s: float, recogniser: SpeechRecogniser) -> _Joint | None:
    """The end of the first at the start of the second; None where the model does not hear the words beside it."""
    rate = recogniser.config.features.sample_rate
    pair = [load_audio(utterance.audio, sample_rate=rate) for utterance in (first, second)]
    texts = [
        as_spoken(utterance.text, recogniser.alphabet, language=recogniser.config.language)
        for utterance in (first, second)
    ]
    edges = [sound_edges(samples, rate) for samples in pair]
    if edges[0] is None or edges[1] is None or not all(texts):
        return None
    text = " ".join(texts)
    gap = np.zeros(round(gap_s * rate), np.float32)
    before, after = pair[0][: round(edges[0][1] * rate)], pair[1][round(edges[1][0] * rate) :]
    samples = np.concatenate([before, gap, after])
    if len(samples) > MAX_JOINED_S * rate or any(letter not in recogniser.alphabet for letter in text):
        return None
    log_probs, _ = recogniser.log_probs(extract_features(samples, recogniser.config.features))
    log_probs = log_probs[:, : recogniser.config.n_outputs]
    if n_ctc_frames(recogniser.alphabet.encode(text)) > len(log_probs):
        return None
    words = word_spans(log_probs, text, recogniser.alphabet)
    word = len(texts[0].split())
    if min(words[word - 1].log_prob, words[word].log_prob) < MIN_LOG_PROB:
        return None
    peaks = peaks_of(words, recogniser.alphabet, recogniser.config.output_frame_s)
    end_s = len(before) / rate
    return _Joint(peaks, quietness(powers(samples, rate)), word, end_s, end_s + len(gap) / rate)


def _medians(joints: Sequence[_Joint]) -> Timing:
    """How far the edges of words lie from their peaks."""
    starts = [(joint.peaks[joint.word], joint.peaks[joint.word].first_s - joint.start_s) for joint in joints]
    ends = [(joint.peaks[joint.word - 1], joint.end_s - joint.peaks[joint.word - 1].last_s) for joint in joints]

    def median(measured: list[tuple[Peaks, float]], *, single: bool) -> float:
        of_kind = [distance_s for peaks, distance_s in measured if peaks.is_single == single]
        enough = of_kind if len(of_kind) >= MIN_JOINTS // 2 else [distance_s for _, distance_s in measured]
        return round(float(np.median(enough)), 3)

    return Timing(
        start_s=median(starts, single=False),
        end_s=median(ends, single=False),
        single_start_s=median(starts, single=True),
        single_end_s=median(ends, single=True),
    )


def _errors(joints: Sequence[_Joint], timing: Timing) -> NDArray[np.float64]:
    """How far the ends and starts that are found lie from the known ones: (2 n,), at least 0."""
    errors = []
    for joint in joints:
        times = word_times(joint.peaks, joint.quiet, timing)
        errors += [times[joint.word - 1][1] - joint.end_s, times[joint.word][0] - joint.start_s]
    return np.abs(errors)
