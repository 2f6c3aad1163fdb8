"""What looking inside an LSTM layer gives: its gates and states over time, beside the words or notes that it read."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from audio_lstm.errors import ConfigError
from audio_lstm.inspection.gates import QUANTITIES, GateTrace

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Direction", "Inspection", "Mark", "UnitCorrelation", "choose_layer"]

Direction = Literal["forward", "backward"]

_N_SHIFTS = 40  # displaced copies of an event, from which the level of chance is taken
_APART = 0.3  # displaced copies that correlate with the event itself by more are left out
_CHANCE_SHARE = 0.95  # of them stay below it


@dataclass(frozen=True)
class Mark:
    """A word or a note."""

    text: str  # the word, or the note's name as in "C4"
    start_s: float  # from the start of the recording or piece
    end_s: float
    pitch: int | None = None  # MIDI number of a note; None for a word
    part: int = 0  # track of a note, counted from 0; 0 for a word


@dataclass(frozen=True)
class UnitCorrelation:
    """How closely one unit follows an event."""

    unit: int  # counted from 0
    correlation: float  # Pearson's, -1..1, between the unit's values and the event's steps (1) and the others (0)
    chance: float  # the largest |correlation| that any unit reaches with the event displaced in time, 95 times in 100


@dataclass(frozen=True, eq=False)
class Inspection:
    """One layer of a model in one direction, over one recording or piece."""

    model: str  # name of the model
    layer: int  # counted from 1, the one nearest to the input
    n_layers: int
    direction: Direction  # which way along time the layer read
    trace: GateTrace  # gates and states; arrays (steps, hidden_size)
    edges_s: NDArray[np.float64]  # (steps + 1,) where each step begins, and where the last one ends; ascending
    marks: tuple[Mark, ...]  # the words or notes in the span, by time
    events: Mapping[str, NDArray[np.bool_]]  # by name, (steps,): at which steps it happens
    log_probs: NDArray[np.float32] | None = None  # speech: (frames, symbols) of CTC; None for music
    symbols: tuple[str, ...] = ()  # speech: what the columns of log_probs stand for, the blank as "" first

    @property
    def n_steps(self) -> int:
        """Steps in the span."""
        return len(self.trace.cell)

    @property
    def n_units(self) -> int:
        """Units of the layer."""
        return int(self.trace.cell.shape[1])

    def strongest(self, event: str, *, quantity: str = "hidden", n_units: int = 8) -> tuple[UnitCorrelation, ...]:
        """The units that follow an event most closely.

        With hundreds of units some follow anything by luck. So each answer says how well the luckiest unit follows
        the same event moved along time (circular shifts): a correlation below `chance` means nothing.

        Args:
            event: One of `events`.
            quantity: One of "input_gate", "forget_gate", "candidate", "output_gate", "cell", "hidden".
            n_units: How many to give.

        Returns:
            The strongest first, by absolute value; none where the event happens never or always.

        Raises:
            ConfigError: If there is no such event or quantity, or `n_units` is not positive.
        """
        if event not in self.events:
            raise ConfigError(f"event must be one of {', '.join(self.events) or 'none'}, got {event!r}")
        _check_quantity(quantity)
        if n_units < 1:
            raise ConfigError(f"n_units must be at least 1, got {n_units}")
        happens = self.events[event]
        if not happens.any() or happens.all():
            return ()
        values = _standardised(self.trace.quantity(quantity).astype(np.float64))
        found = _correlations(values, happens)
        chance = _chance(values, happens)
        order = np.argsort(-np.abs(found), kind="stable")[:n_units]
        return tuple(UnitCorrelation(int(unit), float(found[unit]), chance) for unit in order)

    def plot(
        self,
        path: str | os.PathLike[str] | None = None,
        *,
        quantities: Sequence[str] = QUANTITIES,
        event: str | None = None,
        n_units: int = 64,
    ) -> Figure:
        """Draw the layer over time, words or notes above it; needs matplotlib (`pip install 'audio-lstm[plot]'`).

        Args:
            path: Where to write the picture (.png, .svg, .pdf); None only returns it.
            quantities: What to draw, a panel each.
            event: Put the units that follow this event most closely first; None: those that move most.
            n_units: Most units to draw.

        Returns:
            The figure. Wishes that cannot be met are a ConfigError, a file that cannot be written a DataError.
        """
        from audio_lstm.inspection.plot import draw

        for name in quantities:
            _check_quantity(name)
        return draw(self, path, quantities=tuple(quantities), event=event, n_units=n_units)


def choose_layer(layer: int | None, n_layers: int, direction: str, *, bidirectional: bool) -> int:
    """Check which part of a model is meant.

    Args:
        layer: Counted from 1; None for the last one.
        n_layers: Of the model.
        direction: "forward" or "backward".
        bidirectional: Whether the model reads both ways.

    Returns:
        The layer, counted from 0.

    Raises:
        ConfigError: If the model has no such layer or direction.
    """
    if layer is not None and not 1 <= layer <= n_layers:
        raise ConfigError(f"layer must lie in 1..{n_layers}, got {layer}")
    if direction not in ("forward", "backward"):
        raise ConfigError(f"direction must be 'forward' or 'backward', got {direction!r}")
    if direction == "backward" and not bidirectional:
        raise ConfigError("this model reads forward only; direction must be 'forward'")
    return (n_layers if layer is None else layer) - 1


def _check_quantity(name: str) -> None:
    if name not in QUANTITIES:
        raise ConfigError(f"quantity must be one of {', '.join(QUANTITIES)}, got {name!r}")


def _standardised(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Each unit with mean 0 and length 1; a unit that never moves is 0 throughout."""
    centred = values - values.mean(axis=0)
    lengths = np.linalg.norm(centred, axis=0)
    standard: NDArray[np.float64] = centred / np.where(lengths > 1e-9, lengths, np.inf)
    return standard


def _correlations(standardised: NDArray[np.float64], happens: NDArray[np.bool_]) -> NDArray[np.float64]:
    indicator = _standardised(happens[:, None].astype(np.float64))[:, 0]
    found: NDArray[np.float64] = indicator @ standardised
    return found


def _chance(standardised: NDArray[np.float64], happens: NDArray[np.bool_]) -> float:
    n_steps = len(happens)
    shifts = np.unique(np.linspace(n_steps * 0.1, n_steps * 0.9, _N_SHIFTS).astype(int))
    displaced = [np.roll(happens, shift) for shift in shifts.tolist()]
    # A regular event, as a beat, falls onto itself when it is moved by whole periods: that is no luck.
    itself = _standardised(happens[:, None].astype(np.float64))
    apart = [moved for moved in displaced if abs(_correlations(itself, moved)[0]) < _APART]
    best = [float(np.abs(_correlations(standardised, moved)).max()) for moved in apart or displaced]
    return float(np.quantile(best, _CHANCE_SHARE))
