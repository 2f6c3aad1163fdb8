"""How far back an input still moves what a model says: one step is blotted out, and the difference is followed.

    remembered = audio_lstm.memory("song.mxl", model="lieder")
    remembered.reach()  # of each layer, and of the answer, in beats

One step of what the backbone reads is replaced by the piece's mean step, and the stack runs again: what differs later
came through the LSTM's state alone. (Occlusion, as in Zeiler & Fergus 2014; for language models Khandelwal et al. 2018,
"Sharp Nearby, Fuzzy Far Away".) Computed in numpy, with the float weights.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from audio_lstm.atomic import atomic_write
from audio_lstm.config import LSTMConfig
from audio_lstm.errors import ConfigError, DataError, MissingDependencyError
from audio_lstm.inspection.gates import layer_outputs
from audio_lstm.inspection.weight_arrays import WeightArrays

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["MIN_STEPS", "Memory", "MemoryTally", "Stretch"]

MIN_STEPS = 16
"""A recording or piece with fewer steps says nothing about memory."""
_FINEST = {"seconds": 0.08, "beats": 0.25}  # width of the nearest bin of lags
_GROWTH = 1.5  # each bin is so much further away than the one before
_N_BINS = 24  # on either side: 0.08 s * 1.5**23 is more than a quarter of an hour
_SUFFIXES = (".png", ".svg", ".pdf")

Unit = Literal["seconds", "beats"]


@dataclass(frozen=True, eq=False)
class Stretch:
    """What is measured on: a recording or piece as a backbone reads it."""

    x: NDArray[np.float32]  # (steps, input_size)
    times: NDArray[np.float64]  # (steps,) when each step takes place, in seconds or beats
    answers: Callable[[NDArray[np.float32]], NDArray[np.float32]]  # (steps, output_size) -> probabilities (answers, n)
    answers_a_step: int = 1


@dataclass(frozen=True, eq=False)
class Memory:
    """How far an input moves what comes later, by its distance; of a bidirectional model, what comes earlier too."""

    model: str  # name of the model
    unit: Unit  # of the lags
    edges: NDArray[np.float64]  # (bins + 1,) ascending; a negative lag: the input comes after what it moves
    layers: NDArray[np.float64]  # (n_layers, bins) mean movement of a layer's output, 1 = as far as it ranges at all
    answer: NDArray[np.float64]  # (bins,) mean share of the answer's probability that moves elsewhere, 0..1
    n_probes: int  # steps that were blotted out, one after the other
    n_sources: int  # recordings or pieces

    @property
    def lags(self) -> NDArray[np.float64]:
        """The middle of each bin (bins,)."""
        middles: NDArray[np.float64] = (self.edges[:-1] + self.edges[1:]) / 2
        return middles

    def reach(self, share: float = 0.1, *, ahead: bool = False) -> tuple[float, ...]:
        """How far back an input moves things by a share of the most that it moves them.

        Args:
            share: Of the largest movement, 0..1.
            ahead: How far ahead instead, for models that read backward too.

        Returns:
            For each layer, and last for the answer, the largest such lag; 0 where it moves nothing.

        Raises:
            ConfigError: If the share is none.
        """
        if not 0.0 < share <= 1.0:
            raise ConfigError(f"share must lie above 0 and be at most 1, got {share}")
        side = self.lags < 0 if ahead else self.lags > 0
        lags = np.abs(self.lags[side])
        found = []
        for row in (*self.layers, self.answer):
            moved = row[side] >= share * row.max() if row.max() > 0 else np.zeros(len(lags), bool)
            found.append(float(lags[moved].max()) if moved.any() else 0.0)
        return tuple(found)

    def table(self, share: float = 0.1) -> str:
        """The reach of each layer and of the answer, a line each.

        Args:
            share: As for `reach`.

        Returns:
            Lines of text.
        """
        names = [f"layer {number + 1}" for number in range(len(self.layers))] + ["answer"]
        back, ahead = self.reach(share), self.reach(share, ahead=True)
        forward_only = not (self.lags < 0).any()
        return "\n".join(
            f"{name}: {one:.2f} {self.unit} back" + ("" if forward_only else f", {other:.2f} ahead")
            for name, one, other in zip(names, back, ahead, strict=True)
        )

    def plot(self, path: str | os.PathLike[str] | None = None) -> Figure:
        """Draw movement against distance, a line for each layer; needs matplotlib (`pip install 'audio-lstm[plot]'`).

        Args:
            path: Where to write the picture (.png, .svg, .pdf); None only returns it.

        Returns:
            The figure.

        Raises:
            ConfigError: If the suffix is unknown.
            DataError: If the file cannot be written.
            MissingDependencyError: If matplotlib is not installed.
        """
        try:
            from matplotlib.figure import Figure
        except ImportError as error:
            raise MissingDependencyError("a plot needs matplotlib: pip install 'audio-lstm[plot]'") from error
        target = None if path is None else Path(path)
        if target is not None and target.suffix.lower() not in _SUFFIXES:
            raise ConfigError(f"{target}: cannot draw this; end the name in .png, .svg or .pdf")
        sides = [False, True] if (self.lags < 0).any() else [False]
        figure = Figure(figsize=(1.2 + 4.6 * len(sides), 3.6), layout="constrained")
        panels = figure.subplots(1, len(sides), sharey=True, squeeze=False)[0]
        for axes, ahead in zip(panels, sides, strict=True):
            side = self.lags < 0 if ahead else self.lags > 0
            lags = np.abs(self.lags[side])
            for number, row in enumerate(self.layers, 1):
                axes.plot(lags, np.maximum(row[side], 1e-6), label=f"layer {number}")
            axes.plot(lags, np.maximum(self.answer[side], 1e-6), "k--", label="answer")
            axes.set_xscale("log")
            axes.set_yscale("log")
            axes.set_xlabel(f"{self.unit} from the input {'back to an earlier' if ahead else 'to a later'} step")
        panels[0].set_ylabel("how far it is moved")
        panels[0].legend(fontsize=8)
        what = "recordings" if self.unit == "seconds" else "pieces"
        over = "" if self.n_sources == 1 else f", mean over {self.n_sources} {what}"
        figure.suptitle(f"{self.model}: what one input step moves{over}", fontsize=10)
        if target is not None:
            try:
                with atomic_write(target) as scratch:
                    figure.savefig(scratch, dpi=120, format=target.suffix.lower()[1:])
            except OSError as error:
                raise DataError(f"{target}: cannot be written ({error.strerror}); check the folder") from error
        return figure


class MemoryTally:
    """Sums of movements by lag, over as many recordings or pieces as are added."""

    def __init__(self, model: str, unit: Unit, config: LSTMConfig, weights: WeightArrays, prefix: str) -> None:
        """Begin with nothing.

        Args:
            model: Name of the model.
            unit: Of the times of what is added.
            config: Of the backbone.
            weights: Of the model.
            prefix: Of the backbone's names in the weights.
        """
        self._model, self._unit, self._config, self._weights, self._prefix = model, unit, config, weights, prefix
        right = _FINEST[unit] * np.concatenate([[0.0], _GROWTH ** np.arange(_N_BINS)])
        self._edges = np.concatenate([-right[:0:-1], right]) if config.bidirectional else right
        self._sums = np.zeros((config.n_layers + 1, len(self._edges) - 1))
        self._counts = np.zeros_like(self._sums)
        self._n_probes = self._n_sources = 0

    def add(self, stretch: Stretch, n_probes: int) -> None:
        """Blot steps out, one after the other, and follow the difference.

        Args:
            stretch: At least `MIN_STEPS` long.
            n_probes: How many steps; evenly over the first half, or over all of it where the model reads both ways.

        Raises:
            ConfigError: If there are no probes.
        """
        if n_probes < 1:
            raise ConfigError(f"n_probes must be at least 1, got {n_probes}")
        n_steps = len(stretch.x)
        last = n_steps - 1 if self._config.bidirectional else n_steps // 2
        probes = np.unique(np.linspace(min(2, last), last, n_probes).astype(int))
        x = np.repeat(stretch.x[None], 1 + len(probes), axis=0)
        x[1 + np.arange(len(probes)), probes] = stretch.x.mean(axis=0)
        outputs, _ = layer_outputs(x, self._weights, self._config, prefix=self._prefix)
        rows = []
        for y in outputs:
            ranges = np.sqrt(np.square(y[0] - y[0].mean(axis=0)).sum(axis=1).mean())
            rows.append(np.linalg.norm(y[1:] - y[0], axis=2) / max(float(ranges), 1e-9))  # (probes, T)
        base = stretch.answers(outputs[-1][0])
        moved = [0.5 * np.abs(stretch.answers(y) - base).sum(axis=1) for y in outputs[-1][1:]]
        lags = stretch.times[None] - stretch.times[probes][:, None]  # (probes, T)
        for number, movement in enumerate(rows):
            self._count(number, lags, movement)
        spread = np.repeat(lags, stretch.answers_a_step, axis=1)[:, : len(base)]
        self._count(len(rows), spread, np.stack(moved))
        self._n_probes += len(probes)
        self._n_sources += 1

    def result(self) -> Memory:
        """The means; bins into which nothing fell are left out at the far ends, and interpolated between.

        Returns:
            What was found.
        """
        filled = np.flatnonzero(self._counts.min(axis=0) > 0)
        bins = np.arange(filled[0], filled[-1] + 1)
        middles = (self._edges[:-1] + self._edges[1:]) / 2
        rows = [
            np.interp(middles[bins], middles[filled], sums[filled] / counts[filled])
            for sums, counts in zip(self._sums, self._counts, strict=True)
        ]
        return Memory(
            model=self._model,
            unit=self._unit,
            edges=self._edges[bins[0] : bins[-1] + 2],
            layers=np.stack(rows[:-1]),
            answer=rows[-1],
            n_probes=self._n_probes,
            n_sources=self._n_sources,
        )

    def _count(self, row: int, lags: NDArray[np.float64], movement: NDArray[np.floating]) -> None:
        flat, values = lags.ravel(), movement.ravel().astype(np.float64)
        places = np.searchsorted(self._edges, flat + 1e-9, side="right") - 1
        inside = (places >= 0) & (places < self._sums.shape[1])
        if not self._config.bidirectional:
            inside &= flat >= 0
        np.add.at(self._sums[row], places[inside], values[inside])
        np.add.at(self._counts[row], places[inside], 1)
