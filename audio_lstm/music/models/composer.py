"""A loaded music model: input columns in, scores of the next token out, whichever engine runs it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from audio_lstm.checkpoint import ModelFolder, load_weights, open_config, open_model
from audio_lstm.errors import ModelError
from audio_lstm.music.models.fill_config import FILL_KIND
from audio_lstm.music.models.metrics import negative_log_likelihood
from audio_lstm.music.tokens.config import MusicModelConfig
from audio_lstm.music.tokens.kinds import representation_from_dict
from audio_lstm.music.tokens.representation import Representation
from audio_lstm.runtime import Engine, OnnxEngine, State, TorchEngine, resolve_device

__all__ = ["DEFAULT_MODEL", "Composer", "load_music"]

DEFAULT_MODEL = "chorale"

_STRETCH = 4096  # tokens: with a vocabulary of a thousand, 16 MB of scores


@dataclass(frozen=True)
class Composer:
    """A music model ready to run. Holds no state between calls, so several threads may share one."""

    name: str
    config: MusicModelConfig
    representation: Representation
    engine: Engine
    folder: Path | None = None  # where it was loaded from: its novelty index lies there too

    def step(self, columns: NDArray[np.int64], state: State | None = None) -> tuple[NDArray[np.float32], State]:
        """Score the next token of each piece of a batch.

        Args:
            columns: Input ids (batch, n_columns).
            state: What the previous step returned; None starts the pieces.

        Returns:
            Scores before the softmax (batch, vocabulary_size), and the state for the next step.
        """
        logits, next_state = self.engine.run(columns[:, None], np.ones(len(columns), np.int64), state)
        return logits[:, 0], next_state

    def logits(self, tokens: NDArray[np.int64]) -> NDArray[np.float32]:
        """Score every token of a whole piece.

        Args:
            tokens: (n,) int64.

        Returns:
            (n, vocabulary_size): row t scores token t from those before it.
        """
        columns = self.representation.columns(tokens)
        logits, _ = self.engine.run(columns[None], np.array([len(tokens)], np.int64), None)
        rows: NDArray[np.float32] = logits[0]
        return rows

    def read(self, tokens: NDArray[np.int64], n_pieces: int) -> State | None:
        """The state of some pieces that begin alike, after their common beginning.

        Args:
            tokens: (n,) the beginning.
            n_pieces: How many pieces go on from it.

        Returns:
            What `step` takes with the columns of the next token; None where there is no beginning.
        """
        columns = self.representation.columns(tokens)
        state: State | None = None
        for start in range(0, len(tokens), _STRETCH):
            here = columns[None, start : start + _STRETCH]
            _, state = self.engine.run(here, np.array([here.shape[1]], np.int64), state)
        return None if state is None else tuple(np.repeat(array, n_pieces, axis=1) for array in state)

    def costs(self, tokens: NDArray[np.int64]) -> NDArray[np.float64]:
        """What each token of a whole piece costs: the exact negative log-likelihood.

        Args:
            tokens: (n,) int64, as its grammar demands.

        Returns:
            (n,) nats. The piece is read in stretches with the state carried on, so that the scores of a long one
            never lie in memory all at once.
        """
        columns, legal = self.representation.columns(tokens), self.representation.legal(tokens)
        state: State | None = None
        costs: list[NDArray[np.float64]] = [np.zeros(0)]
        for start in range(0, len(tokens), _STRETCH):
            here = slice(start, start + _STRETCH)
            n_here = np.array([len(tokens[here])], np.int64)
            logits, state = self.engine.run(columns[None, here], n_here, state)
            costs.append(negative_log_likelihood(logits[0], tokens[here], legal[here]))
        return np.concatenate(costs)


def load_music(
    model: str | os.PathLike[str] | Composer = DEFAULT_MODEL, *, device: str = "cpu", n_threads: int = 1
) -> Composer:
    """Load a music model.

    Examples:
        >>> import audio_lstm
        >>> composer = audio_lstm.load_music("chorale")
        >>> path = audio_lstm.compose(model=composer, seed=1, bars=8).save("one.mid")

    Args:
        model: A shipped model's name, a model folder, or a hub id; a loaded composer is returned as it is.
        device: "cpu" runs ONNX Runtime and never imports torch; "cuda" runs torch on the GPU.
        n_threads: CPU threads for one step.

    Returns:
        The composer.

    Raises:
        ModelError: If the model is not found, is damaged, or belongs to the speech wing.
    """
    if isinstance(model, Composer):
        return model
    device = resolve_device(device)
    folder = open_model(model, "music")
    if folder.representation.get("kind") == "frames":
        raise ModelError(f"{folder.path}: prices piano rolls and does not compose (recipes/music/polyphony.py)")
    if folder.representation.get("kind") == FILL_KIND:
        raise ModelError(f"{folder.path}: fills in what is given; use it with `harmonise` or `infill`")
    config = open_config(folder, MusicModelConfig)
    try:
        representation = representation_from_dict(dict(folder.representation))
    except ModelError as error:
        raise ModelError(f"{folder.path}: {error}; the model folder is damaged or of another version") from error
    if representation.column_sizes != config.column_sizes or representation.vocabulary_size != config.vocabulary_size:
        raise ModelError(
            f"{folder.path}: config.json is at odds with itself (representation and model differ in size); "
            "copy the model again"
        )
    engine: Engine
    if device == "cpu":
        graph = OnnxEngine(folder.graph, n_threads=n_threads)
        graph.check(input_size=len(config.column_sizes), output_size=config.vocabulary_size, streams=True)
        engine = graph
    else:
        engine = _torch_engine(folder, config, device)
    return Composer(folder.name, config, representation, engine, folder.path)


def _torch_engine(folder: ModelFolder, config: MusicModelConfig, device: str) -> TorchEngine:
    from audio_lstm.music.models.ensemble import build_model

    module = build_model(config)
    load_weights(folder, module)
    return TorchEngine(module.to(device).eval(), streams=True, device=device)
