"""Where in a recording somebody speaks: stretches of sound between pauses, by energy alone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["speech_spans"]

_FRAMES_PER_S = 100  # energy is measured in frames of 10 ms
_SMOOTHING_FRAMES = 3
_LOUD_FRAMES = 30  # the loudness of speech: what the loudest 0.3 s reach
_RANGE_DB = 30.0  # speech is at most this far below its loudest
_ABOVE_NOISE_DB = 9.0  # or, where the noise is louder than that, this far above the noise (the quietest tenth)
_LEAST_RANGE_DB = 15.0  # but never closer to the loudest than this
_MARGIN_S = 0.4  # kept on both sides: the soft ends of words
_PAUSE_S = 0.8  # shorter pauses do not part: training clips have them too
_FLOOR_POWER = 1e-10  # -100 dB: digital silence


def speech_spans(samples: NDArray[np.float32], sample_rate: int) -> list[tuple[int, int]]:
    """The stretches of a recording that are not pauses.

    A model that normalises its features over what it is given, and was trained on clips without long pauses, invents
    words where it is given silence (recipes/benchmarks/pauses.py measures it): so pauses of more than 0.8 s
    are cut out, and what lies between them is heard on its own.

    Args:
        samples: Mono, float in [-1, 1], (n,).
        sample_rate: Hz.

    Returns:
        (start, stop) in samples, in order, not overlapping; empty for digital silence.
    """
    hop = max(1, sample_rate // _FRAMES_PER_S)
    n_frames = len(samples) // hop
    if n_frames < _SMOOTHING_FRAMES:
        return [(0, len(samples))] if len(samples) and np.any(samples) else []
    power = np.square(samples[: n_frames * hop].reshape(n_frames, hop), dtype=np.float64).mean(axis=1)
    level_db = 10 * np.log10(power + _FLOOR_POWER)
    padded = np.pad(level_db, _SMOOTHING_FRAMES // 2, mode="edge")
    level_db = np.convolve(padded, np.full(_SMOOTHING_FRAMES, 1 / _SMOOTHING_FRAMES), mode="valid")
    n_loud = min(n_frames, _LOUD_FRAMES)
    loud_db = float(np.partition(level_db, -n_loud)[-n_loud])
    noise_db = float(np.percentile(level_db, 10))
    threshold_db = max(loud_db - _RANGE_DB, min(noise_db + _ABOVE_NOISE_DB, loud_db - _LEAST_RANGE_DB))
    active = level_db > max(threshold_db, 10 * np.log10(_FLOOR_POWER) + 1)
    margin = round(_MARGIN_S * _FRAMES_PER_S)
    heard = np.convolve(active, np.ones(2 * margin + 1), mode="same") > 0.5 if n_frames > 2 * margin else active.any()
    edges = np.flatnonzero(np.diff(np.concatenate([[0], np.broadcast_to(heard, n_frames), [0]])))
    least_gap = round((_PAUSE_S - 2 * _MARGIN_S) * _FRAMES_PER_S)
    spans: list[tuple[int, int]] = []
    for start, stop in edges.reshape(-1, 2).tolist():
        if spans and start - spans[-1][1] < least_gap:
            spans[-1] = (spans[-1][0], stop)
        else:
            spans.append((start, stop))
    return [(start * hop, len(samples) if stop == n_frames else stop * hop) for start, stop in spans]
