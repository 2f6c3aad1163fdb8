"""Filling in chorales: a loaded fill model, what missing cells cost, and drafts of them.

    filler = load_fill_model("chorale-fill")
    drafts = fill(filler, grid, seed=1)     # grid (T, 4): MIDI pitches, -1 = rest, MISSING = to be filled in

What is given stays exactly as it is, and all of it is known from the first cell on: the likelihood of the missing cells
given the others is exact.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from audio_lstm.checkpoint import READER_FILE, open_config, open_model
from audio_lstm.errors import ModelError, ScoreError
from audio_lstm.music.models.fill_config import FILL_KIND, UNKNOWN, FillModelConfig, reader_columns
from audio_lstm.music.models.metrics import negative_log_likelihood
from audio_lstm.music.score.voices import N_VOICES, REST_PITCH, VOICES
from audio_lstm.music.tokens.chorale import END, ChoraleCursor, ChoraleGrid
from audio_lstm.music.writing.chorale_given import GivenCells
from audio_lstm.music.writing.constraints import (
    Constraint,
    Preferred,
    without_freezing,
    without_parallels,
    without_rests,
)
from audio_lstm.music.writing.sample import SamplingConfig, sample_tokens
from audio_lstm.runtime import Engine, OnnxEngine, State

__all__ = ["MISSING", "Draft", "FillEngines", "Filler", "fill", "fill_constraints", "load_fill_model", "missing_costs"]

MISSING = -2
"""What a voice grid holds where it is to be filled in."""


@dataclass(frozen=True)
class FillEngines:
    """What runs the two parts."""

    reader: Engine
    generator: Engine


@dataclass(frozen=True)
class Filler:
    """A fill model ready to run. Holds no state between calls."""

    name: str
    config: FillModelConfig
    grid: ChoraleGrid
    engines: FillEngines

    def context(self, given: NDArray[np.int64]) -> NDArray[np.float32]:
        """What the reader tells about each cell.

        Args:
            given: (T, 4) tokens in the order of writing, UNKNOWN where missing.

        Returns:
            (4 T, context_size).
        """
        told, _ = self.engines.reader.run(reader_columns(given)[None], np.array([len(given)], np.int64), None)
        return told.reshape(N_VOICES * len(given), self.config.context_size)

    def tokens(self, grid: ArrayLike) -> NDArray[np.int64]:
        """The tokens of a voice grid with holes.

        Args:
            grid: (T, 4) MIDI pitches of S, A, T, B, -1 = rest, MISSING = to be filled in.

        Returns:
            (T, 4) in the order of writing, UNKNOWN where missing.

        Raises:
            ScoreError: If it is no grid, or a given pitch lies outside the model's range.
        """
        values = np.asarray(grid)
        if values.ndim != 2 or values.shape[1] != N_VOICES or len(values) == 0:
            raise ScoreError(f"a voice grid has the shape (steps, 4), steps >= 1; got {values.shape}")
        missing = values == MISSING
        filled = self.grid.encode(np.where(missing, REST_PITCH, values))[:-1].reshape(-1, N_VOICES)
        ordered = missing[:, [VOICES.index(voice) for voice in self.grid.order]]
        return np.where(ordered, UNKNOWN, filled)


@dataclass(frozen=True)
class Draft:
    """One way to fill in a chorale."""

    grid: NDArray[np.int64]  # (T, 4) S, A, T, B, nothing missing
    tokens: NDArray[np.int64]  # (4 T + 1,) END last
    nats: float  # of the cells that were missing, given all others, without temperature and cuts
    n_missing: int  # cells


def load_fill_model(model: str | os.PathLike[str] | Filler, *, n_threads: int = 1) -> Filler:
    """Load a fill model; ONNX Runtime runs it on the CPU.

    Args:
        model: A shipped model's name, a model folder, or a hub id; a loaded one is returned as it is.
        n_threads: CPU threads for one step.

    Returns:
        The model.

    Raises:
        ModelError: If it is not found, is damaged, or is no fill model.
    """
    if isinstance(model, Filler):
        return model
    folder = open_model(model, "music")
    representation = folder.representation
    if representation.get("kind") != FILL_KIND or not isinstance(representation.get("chorale"), dict):
        raise ModelError(f"{folder.path}: composes, but cannot fill in; pass a model of recipes/music/chorale_fill.py")
    config = open_config(folder, FillModelConfig)
    try:
        grid = ChoraleGrid.from_dict(representation["chorale"])
    except ModelError as error:
        raise ModelError(f"{folder.path}: {error}; the model folder is damaged or of another version") from error
    sizes = config.generator
    if grid.column_sizes != sizes.column_sizes or grid.vocabulary_size != sizes.vocabulary_size:
        raise ModelError(f"{folder.path}: config.json is at odds with itself; copy the model again")
    reader = OnnxEngine(folder.path / READER_FILE, n_threads=n_threads)
    reader.check(input_size=len(config.reader_column_sizes), output_size=N_VOICES * config.context_size, streams=False)
    generator = OnnxEngine(folder.graph, n_threads=n_threads)
    width = len(sizes.column_sizes) + config.context_size
    generator.check(input_size=width, output_size=sizes.vocabulary_size, streams=True)
    return Filler(folder.name, config, grid, FillEngines(reader, generator))


def missing_costs(filler: Filler, whole: ArrayLike, missing: NDArray[np.bool_]) -> NDArray[np.float64]:
    """What the missing cells of a chorale cost, given all others.

    Args:
        filler: The model.
        whole: (T, 4) the complete voice grid.
        missing: (T, 4) bool in the order S, A, T, B: the cells that the model is not given.

    Returns:
        (n_missing,) nats, in the order of writing.
    """
    tokens = filler.tokens(whole)
    free = missing[:, [VOICES.index(voice) for voice in filler.grid.order]]
    return _costs(filler, tokens, free)


def _costs(filler: Filler, tokens: NDArray[np.int64], free: NDArray[np.bool_]) -> NDArray[np.float64]:
    flat = tokens.reshape(-1)
    context = filler.context(np.where(free, UNKNOWN, tokens))
    inputs = np.concatenate([filler.grid.columns(flat).astype(np.float32), context], axis=1)
    logits, _ = filler.engines.generator.run(inputs[None], np.array([len(flat)], np.int64), None)
    legal = filler.grid.legal(flat)
    legal[:, END] = False  # the length is given
    where = free.reshape(-1)
    return negative_log_likelihood(logits[0][where], flat[where], legal[where])


def fill(
    filler: Filler,
    grid: ArrayLike,
    *,
    seed: int,
    sampling: SamplingConfig | None = None,
    n_drafts: int = 4,
) -> list[Draft]:
    """Fill in what is missing, several times over.

    The rules of `compose` (no parallels, no freezing, no rests) hold in the missing cells wherever what is given leaves
    them a choice.

    Args:
        filler: The model.
        grid: (T, 4) MIDI pitches of S, A, T, B a 16th, -1 = rest, MISSING = to be filled in.
        seed: Not negative; draft i of a seed is the same whatever their number.
        sampling: Temperature and cuts; None = the defaults of `sample_tokens`.
        n_drafts: How many, at least 1.

    Returns:
        The drafts, the likeliest first.

    Raises:
        ScoreError: If nothing is missing; `Filler.tokens` says what else.
    """
    tokens = filler.tokens(grid)
    free = tokens == UNKNOWN
    if not free.any():
        raise ScoreError("nothing is missing in the piece; say which voices or bars to write")
    context = filler.context(tokens)
    drafts = []
    for written in sample_tokens(
        _stepper(filler, context),
        filler.grid,
        n_takes=n_drafts,
        seed=seed,
        config=SamplingConfig(**{**vars(sampling or SamplingConfig()), "max_tokens": tokens.size + 1}),
        mask=fill_constraints(tokens),
    ):
        cells = written[:-1].reshape(-1, N_VOICES)
        nats = float(_costs(filler, cells, free).sum())
        drafts.append(Draft(filler.grid.decode(written), written, nats, int(free.sum())))
    return sorted(drafts, key=lambda draft: draft.nats)


def fill_constraints(tokens: NDArray[np.int64]) -> list[Constraint[ChoraleCursor]]:
    """What holds in chorales that are filled in: what is given, and as many of the rules of style as leave a choice.

    Args:
        tokens: (T, 4) in the order of writing, UNKNOWN where missing.

    Returns:
        Fresh constraints.
    """
    rules = (without_rests, without_parallels, without_freezing)
    return [GivenCells(tokens, ends=True), *(Preferred(rule, end=END) for rule in rules)]


def _stepper(
    filler: Filler, context: NDArray[np.float32]
) -> Callable[[NDArray[np.int64], State | None], tuple[NDArray[np.float32], State]]:
    """A step of the sampler that adds what the reader tells about the cell; the step after the last is told nothing."""
    place = iter(np.concatenate([context, np.zeros_like(context[:1])]))

    def step(columns: NDArray[np.int64], state: State | None) -> tuple[NDArray[np.float32], State]:
        told = np.tile(next(place), (len(columns), 1))
        inputs = np.concatenate([columns.astype(np.float32), told], axis=1)
        logits, next_state = filler.engines.generator.run(inputs[:, None], np.ones(len(columns), np.int64), state)
        return logits[:, 0], next_state

    return step
