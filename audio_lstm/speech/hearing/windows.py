"""A phrase of any length -> log-probabilities, by a model that reads whole phrases: overlapping windows, joined.

Each window has context on both sides. Where two overlap, the output frames come from the one up to a seam and from the
other after it. The seam lies where both say blank for longest, near the middle of the overlap: there no letter is cut
in two, and none that the windows hear a few frames apart is lost or doubled.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from audio_lstm.speech.acoustic.config import SUBSAMPLING
from audio_lstm.speech.hearing.recogniser import SpeechRecogniser
from audio_lstm.speech.sound.features import extract_features
from audio_lstm.speech.text.alphabet import BLANK

__all__ = ["WindowedPhrase", "find_seam"]

_OVERLAP_S = 4.0
_OVERLAP_SHARE = 0.4  # of a window, at most
_EDGE_SHARE = 0.15  # of an overlap at either end, where a window has too little context


def find_seam(before: NDArray[np.float32], after: NDArray[np.float32]) -> int:
    """Where to go over from one window to the next.

    Args:
        before: Log-probabilities of the overlap as the earlier window hears it, (frames, n_outputs); not empty.
        after: The same frames as the later window hears them.

    Returns:
        How many frames of the overlap to take from the earlier window.

    Raises:
        ValueError: If the windows do not overlap in as many frames.
    """
    if before.shape != after.shape or len(before) == 0:
        raise ValueError(f"expected the same frames twice, at least one, got shapes {before.shape} and {after.shape}")
    n = len(before)
    quiet = (before.argmax(axis=1) == BLANK) & (after.argmax(axis=1) == BLANK)  # (n,)
    sounding = np.flatnonzero(~quiet)
    frames = np.arange(n)
    distance = np.full(n, n) if len(sounding) == 0 else np.abs(frames[:, None] - sounding).min(axis=1)
    # Where the windows never fall silent together, where they differ least.
    unlike = np.abs(np.exp(before) - np.exp(after)).sum(axis=1)
    edge = int(_EDGE_SHARE * n)
    inner = frames[edge : n - edge]
    off_centre = np.abs(inner - (n - 1) / 2) / n
    cost = -np.minimum(distance[inner], 5) + off_centre + 0.5 * unlike[inner]
    return int(inner[cost.argmin()])


class WindowedPhrase:
    """Runs a model that reads whole phrases over one phrase: in one go if it is short, else in windows."""

    def __init__(self, recogniser: SpeechRecogniser, *, window_s: float | None = None) -> None:
        """Start before the phrase's first sample.

        Args:
            recogniser: The model.
            window_s: Length of a window in seconds; None for the longest phrase that the model hears in one go.
        """
        config = recogniser.config
        window_s = config.longest_phrase_s if window_s is None else window_s
        self._recogniser = recogniser
        self._frame_samples = SUBSAMPLING * config.features.hop_samples  # of an output frame
        self._step = step = self._frame_samples * config.frames_per_step
        self._window = max(2 * step, round(window_s * config.features.sample_rate) // step * step)
        overlap_s = min(_OVERLAP_S, _OVERLAP_SHARE * window_s)
        self._hop = max(step, (self._window - round(overlap_s * config.features.sample_rate)) // step * step)
        self._samples: list[NDArray[np.float32]] = []  # of the window that is being filled
        self._n_waiting = 0
        self._context = np.zeros(0, np.float32)  # what lies before them, for a last window as long as the others
        self._held = np.zeros((0, config.n_columns), np.float32)  # what the last window says of the overlap with it

    def feed(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """See PhraseAcoustics.feed."""
        self._samples.append(samples)
        self._n_waiting += len(samples)
        given = [self._held[:0]]
        while self._n_waiting > self._window:
            waiting = np.concatenate(self._samples)
            log_probs = self._joined(self._run(waiting[: self._window]))
            # What comes after the start of the next window is held back until that one has been heard.
            n_overlap = (self._window - self._hop) // self._frame_samples
            given.append(log_probs[: len(log_probs) - n_overlap])
            self._held = log_probs[len(log_probs) - n_overlap :]
            self._context = waiting[: self._hop].copy()
            self._samples = [waiting[self._hop :].copy()]
            self._n_waiting -= self._hop
        return np.concatenate(given)

    def finish(self) -> NDArray[np.float32]:
        """See PhraseAcoustics.finish."""
        if not self._n_waiting:
            return self._held
        missing = max(0, self._window - self._n_waiting) // self._step * self._step
        context = self._context[max(0, len(self._context) - missing) :]
        log_probs = self._run(np.concatenate([context, *self._samples]))
        return self._joined(log_probs[len(context) // self._frame_samples :])

    def _joined(self, log_probs: NDArray[np.float32]) -> NDArray[np.float32]:
        """A window's frames, with the first of them as the window before hears them."""
        n = min(len(self._held), len(log_probs))
        if n == 0:
            return log_probs
        n_outputs = self._recogniser.config.n_outputs  # the letters' part
        seam = find_seam(self._held[:n, :n_outputs], log_probs[:n, :n_outputs])
        return np.concatenate([self._held[:seam], log_probs[seam:]])

    def _run(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        log_probs, _ = self._recogniser.log_probs(extract_features(samples, self._recogniser.config.features))
        n_frames = -(-len(samples) // self._frame_samples)
        return log_probs[:n_frames]
