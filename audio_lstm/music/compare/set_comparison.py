"""Generated pieces beside real ones: the measures of both sets, and how far their histograms overlap.

    comparison = compare_sets(generated, real)
    print(comparison.table())

The overlapped area is that of Yang and Lerch 2020 ("On the evaluation of generative models in music", Neural Computing
and Applications 32): each piece has a normalised histogram; the Euclidean distances between the pieces of the real set,
and those from generated to real pieces, are smoothed to densities (Gaussian kernels, Scott's bandwidth); 1 is reached
where a generated piece is as far from real pieces as these are from each other. Their Kullback-Leibler divergence is in
nats. Small sets lie apart by chance alone, so each row also has the overlap of one half of the real set with the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audio_lstm.errors import DataError
from audio_lstm.music.compare.measures import HISTOGRAMS, MEASURES, histograms, measure_piece
from audio_lstm.music.score.score import Score

__all__ = [
    "Overlap",
    "PieceSet",
    "SetComparison",
    "compare_sets",
    "describe_set",
    "kl_divergence",
    "overlapped_area",
    "set_summary",
]

_N_POINTS = 1024  # at which densities are compared
_MAX_PIECES = 1000  # of a set, whose distances are taken: spread evenly over it
_LEAST_DENSITY = 1e-9  # so that a divergence is finite


@dataclass(frozen=True, eq=False)
class PieceSet:
    """A set of pieces, measured."""

    measures: dict[str, NDArray[np.float64]]  # name of the measure -> (n_pieces,), NaN where a piece says nothing
    histograms: dict[str, NDArray[np.float64]]  # name of the histogram -> (n_pieces, n_bins)

    def __len__(self) -> int:
        return len(next(iter(self.measures.values())))

    def mean(self, measure: str) -> float:
        """The mean over the pieces that have the measure; NaN where none has."""
        values = self.measures[measure][np.isfinite(self.measures[measure])]
        return float(values.mean()) if len(values) else float(np.nan)

    def deviation(self, measure: str) -> float:
        """The standard deviation over the pieces that have the measure."""
        values = self.measures[measure][np.isfinite(self.measures[measure])]
        return float(values.std()) if len(values) else float(np.nan)

    def table(self) -> str:
        """The measures as a Markdown table."""
        lines = [f"| | generated ({len(self)}) |", "|---|---|"]
        lines += [f"| {name.replace('_', ' ')} | {_spread(self, name)} |" for name in MEASURES]
        return "\n".join(lines).replace("nan", "–")


@dataclass(frozen=True)
class Overlap:
    """How far the histograms of two sets agree."""

    pooled: float  # overlap of the mean histograms, 0..1
    area: float  # overlapped area of the distances, 0..1 (Yang and Lerch 2020)
    divergence: float  # of the distances within the real set from those between the sets, nats
    real_area: float  # the overlapped area of one half of the real set with the other; NaN for fewer than 4 pieces


@dataclass(frozen=True, eq=False)
class SetComparison:
    """Two sets, measured and compared."""

    generated: PieceSet
    real: PieceSet
    overlaps: dict[str, Overlap]  # by the name of the histogram

    def to_dict(self) -> dict[str, Any]:
        """The figures as JSON values; None where there is none."""
        sets = {"generated": self.generated, "real": self.real}
        return {
            **{name: set_summary(pieces) for name, pieces in sets.items()},
            "overlaps": {
                name: {key: _rounded(value) for key, value in vars(overlap).items()}
                for name, overlap in self.overlaps.items()
            },
        }

    def table(self) -> str:
        """The figures as two Markdown tables."""
        lines = [f"| | generated ({len(self.generated)}) | real ({len(self.real)}) |", "|---|---|---|"]
        lines += [
            f"| {name.replace('_', ' ')} | {_spread(self.generated, name)} | {_spread(self.real, name)} |"
            for name in MEASURES
        ]
        lines += ["", "| overlap of | mean histograms | overlapped area | the same, real halves | divergence, nats |"]
        lines += ["|---|---|---|---|---|"]
        lines += [
            f"| {name} | {each.pooled:.2f} | {each.area:.2f} | {each.real_area:.2f} | {each.divergence:.2f} |"
            for name, each in self.overlaps.items()
        ]
        return "\n".join(lines).replace("nan", "–")


def describe_set(scores: Sequence[Score]) -> PieceSet:
    """Measure every piece of a set.

    Args:
        scores: At least one.

    Returns:
        The measures and histograms.

    Raises:
        DataError: If there is no piece.
    """
    if not scores:
        raise DataError("a set of pieces to measure must not be empty")
    measured = [measure_piece(score) for score in scores]
    counted = [histograms(score) for score in scores]
    return PieceSet(
        {name: np.array([getattr(piece, name) for piece in measured]) for name in MEASURES},
        {name: np.stack([piece[name] for piece in counted]) for name in HISTOGRAMS},
    )


def compare_sets(generated: Sequence[Score], real: Sequence[Score], *, seed: int = 0) -> SetComparison:
    """Compare generated pieces with real ones.

    Args:
        generated: At least one.
        real: At least three, so that there are distances to compare with.
        seed: Of the halves of the real set.

    Returns:
        Both sets and their overlaps.

    Raises:
        DataError: If a set is too small.
    """
    if len(real) < 3:
        raise DataError(f"a comparison needs at least 3 real pieces, got {len(real)}")
    new, old = describe_set(generated), describe_set(real)
    order = np.random.default_rng(seed).permutation(len(real))
    halves = order[::2], order[1::2]
    overlaps = {}
    for name in HISTOGRAMS:
        ours, theirs = new.histograms[name], old.histograms[name]
        within, between = _distances(theirs), _distances(theirs, ours)
        overlaps[name] = Overlap(
            pooled=float(np.minimum(ours.mean(axis=0), theirs.mean(axis=0)).sum()),
            area=overlapped_area(within, between),
            divergence=kl_divergence(within, between),
            real_area=overlapped_area(_distances(theirs[halves[0]]), _distances(*(theirs[half] for half in halves)))
            if len(real) > 3
            else float(np.nan),
        )
    return SetComparison(new, old, overlaps)


def overlapped_area(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """The area under both of two densities.

    Args:
        first: (n,) samples of the one.
        second: (m,) samples of the other.

    Returns:
        0 for densities that lie apart, 1 for the same.
    """
    return float(np.minimum(*_densities(first, second)).sum())


def kl_divergence(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """The Kullback-Leibler divergence of one density from another.

    Args:
        first: (n,) samples of the one that is expected.
        second: (m,) samples of the other.

    Returns:
        Nats, 0 or more.
    """
    p, q = (np.maximum(density, _LEAST_DENSITY) for density in _densities(first, second))
    p, q = p / p.sum(), q / q.sum()
    return float((p * np.log(p / q)).sum())


def set_summary(pieces: PieceSet) -> dict[str, Any]:
    """The measures of a set as JSON values.

    Args:
        pieces: The set.

    Returns:
        The number of pieces, and mean and standard deviation of each measure.
    """
    spread = {name: {"mean": pieces.mean(name), "sd": pieces.deviation(name)} for name in MEASURES}
    rounded = {name: {key: _rounded(value) for key, value in both.items()} for name, both in spread.items()}
    return {"n_pieces": len(pieces), **rounded}


def _distances(first: NDArray[np.float64], second: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
    """Euclidean distances between all pieces of a set, or from each of one to each of another."""
    a = _thinned(first)
    b = a if second is None else _thinned(second)
    squares = np.square(a).sum(axis=1)[:, None] + np.square(b).sum(axis=1)[None] - 2.0 * a @ b.T
    distances: NDArray[np.float64] = np.sqrt(squares.clip(min=0.0))
    return distances[np.triu_indices(len(a), 1)] if second is None else distances.ravel()


def _thinned(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    return rows[np.linspace(0, len(rows) - 1, min(len(rows), _MAX_PIECES)).round().astype(np.int64)]


def _densities(*samples: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    """Gaussian kernel densities at the same points, as shares that sum to 1."""
    low, high = (float(edge([edge(sample) for sample in samples])) for edge in (np.min, np.max))
    widths = [float(sample.std()) * len(sample) ** -0.2 for sample in samples]  # Scott 1992, one dimension
    margin = 4.0 * max(*widths, 1e-3)
    points = np.linspace(low - margin, high + margin, _N_POINTS)
    step = float(points[1] - points[0])
    densities = []
    for sample, width in zip(samples, widths, strict=True):
        counts = np.bincount(np.rint((sample - points[0]) / step).astype(np.int64), minlength=_N_POINTS)
        kernel = np.exp(-0.5 * np.square((points[:, None] - points[None]) / max(width, step)))
        density = kernel @ counts
        densities.append(density / density.sum())
    return densities


def _spread(pieces: PieceSet, measure: str) -> str:
    return f"{pieces.mean(measure):.3f} ± {pieces.deviation(measure):.3f}"


def _rounded(value: float) -> float | None:
    return round(value, 4) if np.isfinite(value) else None
