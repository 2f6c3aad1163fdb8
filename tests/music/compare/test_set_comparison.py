"""Sets of pieces: alike where they are alike, apart where they are not, and by the formulas of the paper."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import entropy, gaussian_kde

from audio_lstm.errors import DataError
from audio_lstm.music.compare.measures import HISTOGRAMS, MEASURES
from audio_lstm.music.compare.set_comparison import compare_sets, describe_set, kl_divergence, overlapped_area
from audio_lstm.music.score.score import Score, Track, make_notes


def piece(seed: int, *, low: int = 55, high: int = 75, ticks: int = 240) -> Score:
    pitches = np.random.default_rng(seed).integers(low, high, 64)
    return Score(480, make_notes(np.arange(64) * ticks, ticks, pitches), (Track(),))


@pytest.fixture(scope="module")
def real() -> list[Score]:
    return [piece(seed) for seed in range(24)]


def test_pieces_of_one_kind_overlap_and_others_do_not(real: list[Score]) -> None:
    alike = compare_sets([piece(seed) for seed in range(100, 120)], real)
    apart = compare_sets([piece(seed, low=30, high=36, ticks=960) for seed in range(100, 120)], real)
    for name in ("pitch", "interval", "duration"):
        assert alike.overlaps[name].pooled > 0.8
        assert apart.overlaps[name].pooled < 0.5
    assert alike.overlaps["pitch"].area > 0.8
    assert alike.overlaps["pitch"].divergence < 0.2
    assert apart.overlaps["pitch"].area < 0.05
    assert apart.overlaps["pitch"].divergence > 1.0
    assert alike.overlaps["pitch"].real_area > 0.7


@pytest.mark.parametrize("shift", [0.0, 1.0, 3.0])
def test_area_and_divergence_are_those_of_scipy(shift: float) -> None:
    random = np.random.default_rng(0)
    first, second = random.normal(5.0, 1.0, 300), random.normal(5.0 + shift, 1.5, 200)
    points = np.linspace(-5, 20, 20_000)
    p, q = (gaussian_kde(sample)(points) for sample in (first, second))
    width = points[1] - points[0]
    assert overlapped_area(first, second) == pytest.approx(np.minimum(p, q).sum() * width, abs=0.01)
    assert kl_divergence(first, second) == pytest.approx(entropy(p, q), abs=0.02)


def test_samples_without_spread_overlap_with_themselves_alone() -> None:
    assert overlapped_area(np.full(5, 2.0), np.full(3, 2.0)) == pytest.approx(1.0)
    assert overlapped_area(np.full(5, 2.0), np.full(3, 4.0)) < 1e-6
    assert kl_divergence(np.full(5, 2.0), np.full(3, 2.0)) == pytest.approx(0.0, abs=1e-9)


def test_the_tables_and_the_json_say_the_same(real: list[Score]) -> None:
    comparison = compare_sets(real[:5], real[5:])
    figures, table = comparison.to_dict(), comparison.table()
    assert (figures["generated"]["n_pieces"], figures["real"]["n_pieces"]) == (5, 19)
    assert set(figures["overlaps"]) == set(HISTOGRAMS)
    assert table.startswith("| | generated (5) | real (19) |")
    for name in MEASURES:
        mean, deviation = comparison.generated.mean(name), comparison.generated.deviation(name)
        assert figures["generated"][name] == {"mean": round(mean, 4), "sd": round(deviation, 4)}
        assert f"| {name.replace('_', ' ')} | {mean:.3f} ± {deviation:.3f} |" in table
    assert comparison.generated.table().startswith("| | generated (5) |\n")


def test_what_is_not_known_is_a_dash_and_null() -> None:
    short = [Score(480, make_notes([0], 480, [60 + i]), (Track(),)) for i in range(3)]
    comparison = compare_sets(short[:1], short)
    assert "| groove consistency | – ± – | – ± – |" in comparison.table()
    assert comparison.to_dict()["real"]["groove_consistency"] == {"mean": None, "sd": None}
    assert comparison.to_dict()["overlaps"]["pitch"]["real_area"] is None


def test_sets_that_are_too_small_are_refused(real: list[Score]) -> None:
    with pytest.raises(DataError, match=r"at least 3 real pieces, got 2"):
        compare_sets(real, real[:2])
    with pytest.raises(DataError, match=r"must not be empty"):
        describe_set([])
