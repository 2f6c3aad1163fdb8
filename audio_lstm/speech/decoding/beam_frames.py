"""What a beam search reads: the frames in which something may be written, and the symbols worth trying in each.

A CTC model answers blank in most frames. Where it does so almost surely, every text stays as it is: all of a run's
probability goes into the blank. Such runs are taken out and become one number, so that utterances of a batch advance
through their own active frames in step.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from audio_lstm.speech.text.alphabet import BLANK

__all__ = ["IMPOSSIBLE", "ActiveFrames", "active_frames", "check_log_probs", "parts"]

T = TypeVar("T")

IMPOSSIBLE = -1e6  # stands for log 0, so that no sum is infinite; an hour of speech stays far above it

_ROUNDING = 1e-2  # a log-probability above 0 by no more than this is rounding in half precision


@dataclass(frozen=True, eq=False)
class ActiveFrames:
    """The active frames of a batch, stacked; utterances with the most active frames come first."""

    order: NDArray[np.int64]  # (n_utterances,) place of each in the batch as it was given
    n_frames: NDArray[np.int64]  # (n_utterances,) active frames, falling
    tails: NDArray[np.float64]  # (n_utterances,) log-probability of the blanks after the last active frame
    weights: NDArray[np.float64]  # (3, n_active) log-probabilities of the blank, and of the run of blanks skipped
    # before the frame, 0 if there is none; and what paths lose by it that do not end in blank: 0, or -inf after a run
    log_probs: NDArray[np.float64]  # (n_active * size,) of all symbols, frame by frame
    size: int  # symbols and blank
    symbols: NDArray[np.int64]  # (n_candidates,) symbols to try, frame by frame, rising within a frame
    symbol_log_probs: NDArray[np.float64]  # (n_candidates,)
    numbers: NDArray[np.int32]  # (n_active * size,) a symbol's place among the candidates; -1: it is not tried
    places: NDArray[np.int64]  # (2, n_active) how many candidates a frame has, and the end of the last one


def check_log_probs(log_probs: NDArray[np.floating], size: int, number: int) -> None:
    """Refuse what is not the log-probabilities of one utterance.

    Args:
        log_probs: (time, size).
        size: Symbols and blank.
        number: The utterance's place in the batch, for the message.

    Raises:
        ValueError: If the shape is wrong, or the values hold NaN or lie above 0.
    """
    if log_probs.ndim != 2 or log_probs.shape[1] != size:
        raise ValueError(f"expected log-probabilities of shape (time, {size}), got {log_probs.shape} in item {number}")
    if not log_probs.size:
        return
    highest = log_probs.max()  # NaN where there is one
    if np.isnan(highest):
        frame = int(np.isnan(log_probs).any(axis=1).argmax())
        raise ValueError(
            f"the log-probabilities of item {number}, frame {frame} hold NaN; the model or its input is broken"
        )
    if highest > _ROUNDING:
        raise ValueError(
            f"log-probabilities lie at or below 0, got {highest:.4g} in item {number}; "
            "apply log-softmax to logits first"
        )


def parts(batch: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """A batch in parts of so many items at most, in their order."""
    return (batch[begin : begin + size] for begin in range(0, len(batch), size))


def active_frames(
    batch: Sequence[NDArray[np.floating]], *, blank_log_prob: float, n_symbols: int, min_log_prob: float
) -> ActiveFrames:
    """Take the runs of sure blanks out of a batch, and choose the symbols to try in the other frames.

    Args:
        batch: Checked log-probabilities (time_i, size), at least one utterance.
        blank_log_prob: A frame is skipped if its blank's log-probability lies above this, or no symbol is to be tried.
        n_symbols: Symbols to try in a frame at most, the likeliest.
        min_log_prob: Symbols below this log-probability are not tried.

    Returns:
        The stacked frames.
    """
    items = [_compress(log_probs, blank_log_prob, min_log_prob) for log_probs in batch]
    n_frames = np.array([len(item.log_probs) for item in items])
    order = np.argsort(-n_frames, kind="stable")
    stacked = np.concatenate([items[number].log_probs for number in order])  # (n_active, size)
    gaps = np.concatenate([items[number].gaps for number in order])  # (n_active + n_utterances,), tails among them
    ends = np.cumsum(n_frames[order] + 1) - 1  # where the tails are
    is_frame = np.ones(len(gaps), np.bool_)
    is_frame[ends] = False
    before = gaps[is_frame]  # (n_active,)

    size = stacked.shape[1]
    flat = stacked.ravel()
    cells = _candidates(stacked, n_symbols, min_log_prob)
    numbers = np.full(len(flat), -1, np.int32)
    numbers[cells] = np.arange(len(cells))
    counts = np.bincount(cells // size, minlength=len(stacked))
    return ActiveFrames(
        order=order,
        n_frames=n_frames[order],
        tails=np.nan_to_num(gaps[ends]),
        weights=np.stack([stacked[:, BLANK], np.nan_to_num(before), np.where(np.isnan(before), 0.0, -np.inf)]),
        log_probs=flat,
        size=size,
        symbols=cells % size,
        symbol_log_probs=flat[cells],
        numbers=numbers,
        places=np.stack([counts, np.cumsum(counts)]),
    )


@dataclass(frozen=True, eq=False)
class _Item:
    """The active frames of one utterance."""

    log_probs: NDArray[np.float64]  # (n, size)
    gaps: NDArray[np.float64]  # (n + 1,) log-probability of the blanks before each frame and at the end; NaN: none


def _compress(log_probs: NDArray[np.floating], blank_log_prob: float, min_log_prob: float) -> _Item:
    blanks = np.clip(log_probs[:, BLANK].astype(np.float64), IMPOSSIBLE, 0.0)  # (T,)
    active = np.flatnonzero(blanks <= blank_log_prob)
    frames = log_probs[active].astype(np.float64)  # (n, size)
    likely = (frames[:, BLANK + 1 :] >= min_log_prob).any(axis=1)
    active, frames = active[likely], frames[likely]
    skipped = np.ones(len(blanks), np.bool_)
    skipped[active] = False
    runs = np.diff(active, prepend=-1, append=len(blanks)) - 1  # (n + 1,) skipped frames before each, and at the end
    sums = np.append(0.0, np.cumsum(np.where(skipped, blanks, 0.0)))
    ends = np.append(active, len(blanks))
    gaps = np.where(runs > 0, sums[ends] - sums[ends - runs], np.nan)
    return _Item(np.clip(frames, IMPOSSIBLE, 0.0, out=frames), gaps)


def _candidates(log_probs: NDArray[np.float64], n_symbols: int, min_log_prob: float) -> NDArray[np.int64]:
    """Frame * size + symbol of the symbols to try: the likeliest of each frame; rising."""
    wanted = log_probs >= min_log_prob
    wanted[:, BLANK] = False
    crowded = np.flatnonzero(np.count_nonzero(wanted, axis=1) > n_symbols)
    if len(crowded):
        spoken = log_probs[crowded, BLANK + 1 :]
        likeliest = np.argpartition(spoken, spoken.shape[1] - n_symbols, axis=1)[:, -n_symbols:]
        wanted[crowded] = False
        wanted[crowded[:, None], likeliest + BLANK + 1] = True
    return np.flatnonzero(wanted)
