"""The exact negative log-likelihood of a corpus under a music model."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audio_lstm.errors import DataError, ScoreError
from audio_lstm.music.models.composer import Composer
from audio_lstm.music.models.metrics import NLL, PieceNLL
from audio_lstm.music.score.voices import N_VOICES, score_to_voice_grid
from audio_lstm.music.tokens.chorale import ChoraleGrid
from audio_lstm.music.tokens.events import EventVocabulary
from audio_lstm.music.tokens.representation import Representation
from audio_lstm.music.training.data import MusicData

__all__ = ["MusicEvaluation", "encode_pieces", "evaluate_music"]

Encode = Callable[[Any], NDArray[np.int64]]


@dataclass(frozen=True)
class MusicEvaluation:
    """How well a model foretells a corpus."""

    nll: NLL
    unusable: tuple[str, ...]  # what was wrong with files or pieces that had to be left out
    wall_s: float

    @property
    def n_steps(self) -> int:
        """Steps of time: the 16ths of chorales, which hold a cell for each voice; else events."""
        return self.nll.n_units // N_VOICES if self.nll.unit == "cell" else self.nll.n_units

    def to_dict(self) -> dict[str, Any]:
        """The figures as JSON values."""
        return {
            "nll": self.nll.nats_per_unit,
            "unit": f"nats/{self.nll.unit}",
            "n_pieces": len(self.nll.pieces),
            "n_steps": self.n_steps,
            "n_units": self.nll.n_units,
            "n_tokens": self.nll.n_tokens,
            "n_unusable": len(self.unusable),
            "tokens_per_s": round(self.nll.n_tokens / self.wall_s, 1),
        }


def encode_pieces(
    data: MusicData, representation: Representation
) -> tuple[list[tuple[str, NDArray[np.int64]]], list[str]]:
    """The tokens of every piece that fits.

    Args:
        data: From `load_pieces`.
        representation: The model's.

    Returns:
        (name, tokens) of each piece, and a line for each piece that cannot be written in this representation.

    Raises:
        DataError: If the corpus is of another kind than the representation reads, or none of its pieces fits.
    """
    wanted, encode = _encoder(representation, data.kind)
    if data.kind != wanted:
        raise DataError(
            f"{data.source}: holds pieces of kind {data.kind!r}, but a model of {representation.kind!r} reads "
            f"{wanted!r}; pick a model trained on such data"
        )
    fitting: list[tuple[str, NDArray[np.int64]]] = []
    unusable = list(data.faults)
    for name, piece in zip(data.names, data.pieces, strict=True):
        try:
            fitting.append((name, encode(piece)))
        except ScoreError as error:
            unusable.append(f"{name}: {error}")
    if not fitting:
        raise DataError(f"{data.source}: no piece fits the model's vocabulary (first: {unusable[0]})")
    return fitting, unusable


def _encoder(representation: Representation, kind: str) -> tuple[str, Encode]:
    """Which kind of pieces a representation reads, and how."""
    if isinstance(representation, ChoraleGrid):
        if kind == "scores":  # four-part scores are chorales in another form
            return "scores", lambda score: representation.encode(score_to_voice_grid(score))
        return "chorale", representation.encode
    if isinstance(representation, EventVocabulary):
        if kind == "tokens":  # by shards.tokenise, in this vocabulary
            return "tokens", lambda tokens: np.asarray(tokens, np.int64)
        return "scores", representation.encode
    raise DataError(f"no corpus holds pieces of kind {representation.kind!r}")


def evaluate_music(
    data: MusicData, composer: Composer, *, progress: Callable[[int], None] | None = None
) -> MusicEvaluation:
    """Score every piece of a corpus from its first token to its last.

    Args:
        data: From `load_pieces`.
        composer: From `load_music`.
        progress: Called with the number of pieces done.

    Returns:
        Nats per unit, all pieces pooled, and what was left out.
    """
    fitting, unusable = encode_pieces(data, composer.representation)
    start = time.perf_counter()
    pieces: list[PieceNLL] = []
    for done, (name, tokens) in enumerate(fitting, 1):
        nats = float(composer.costs(tokens).sum())
        pieces.append(PieceNLL(name, nats, composer.representation.n_units(tokens), len(tokens)))
        if progress is not None:
            progress(done)
    wall_s = time.perf_counter() - start
    return MusicEvaluation(NLL(composer.representation.unit, tuple(pieces)), tuple(unusable), wall_s)
