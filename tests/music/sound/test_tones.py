"""Single tones: the right pitch, the asked decay, nothing folded back, loops without a seam."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from audio_lstm.music.sound.tones import (
    TABLE_SIZE,
    cycle_table,
    damped_partials,
    ensemble_loop,
    formant_gain,
    pitch_to_hz,
    read_table,
)

RATE = 44_100


def mean_hz(sound: NDArray[np.float32], near_hz: float) -> float:
    """The centre of the power around a frequency."""
    power = np.abs(np.fft.rfft(sound * np.hanning(len(sound)), 1 << 20)) ** 2
    hz = np.fft.rfftfreq(1 << 20, 1 / RATE)
    band = (hz > 0.94 * near_hz) & (hz < 1.06 * near_hz)
    return float((hz[band] * power[band]).sum() / power[band].sum())


def test_concert_pitch() -> None:
    assert pitch_to_hz(69) == 440.0
    assert pitch_to_hz(57) == 220.0


def test_damped_partials_equal_their_definition() -> None:
    hz, decays, phases = np.array([200.0, 451.0]), np.array([0.1, 0.05]), np.array([0.3, 2.0])
    levels = np.array([[1.0, 0.5], [0.0, 1.0]])
    got = damped_partials(hz, decays, levels, phases, n_samples=1001, sample_rate=RATE)
    time = np.arange(1001)[:, None] / RATE
    waves = np.exp(-time / decays) * np.cos(2 * np.pi * hz * time + phases)  # (n, K)
    assert got.shape == (2, 1001)
    np.testing.assert_allclose(got, levels @ waves.T, atol=1e-5)


def test_partials_above_the_limit_are_left_out() -> None:
    one = np.ones(1)
    sound = damped_partials(21_000 * one, one, one[None], one, n_samples=100, sample_rate=RATE)
    assert not sound.any()


@pytest.mark.parametrize("pitch", [28, 60, 100])
@pytest.mark.parametrize("cents", [0.0, 30.0])
def test_a_soloist_is_in_tune_with_and_without_vibrato(pitch: int, cents: float) -> None:
    hz = pitch_to_hz(pitch)
    table = cycle_table(1.0 / np.arange(1.0, 30.0), hz, RATE)
    sound = read_table(table, hz, (0, 3 * RATE), sample_rate=RATE, vibrato_hz=5.0, vibrato_cents=cents)
    assert abs(1200 * np.log2(mean_hz(sound, hz) / hz)) < 1.0


def test_stretches_of_a_soloist_join_without_a_seam() -> None:
    table = cycle_table(np.array([1.0, 0.5]), 330.0, RATE)
    options = {"sample_rate": RATE, "vibrato_hz": 5.0, "vibrato_cents": 20.0}
    whole = read_table(table, 330.0, (0, 50_000), **options)  # type: ignore[arg-type]
    parts = [read_table(table, 330.0, span, **options) for span in ((0, 20_001), (20_001, 50_000))]  # type: ignore[arg-type]
    np.testing.assert_allclose(np.concatenate(parts), whole, atol=1e-4)


def test_high_tones_do_not_fold_back() -> None:
    hz = pitch_to_hz(108)  # 4,186 Hz: only four harmonics fit
    sound = read_table(cycle_table(np.ones(200), hz, RATE), hz, (0, RATE), sample_rate=RATE)
    power = np.abs(np.fft.rfft(sound * np.blackman(RATE))) ** 2
    harmonic = np.zeros(len(power), bool)
    for order in range(1, 5):
        harmonic[round(order * hz) - 5 : round(order * hz) + 6] = True
    assert 10 * np.log10(power[~harmonic].sum() / power.sum()) < -60


def test_a_tone_too_high_for_the_rate_is_silent() -> None:
    assert not cycle_table(np.ones(3), 12_000.0, 16_000).any()


def test_a_table_closes_and_has_unit_power() -> None:
    table = cycle_table(np.ones(20), 100.0, RATE)
    assert len(table) == TABLE_SIZE + 1
    assert table[0] == table[-1]
    assert np.mean(table[:-1] ** 2) == pytest.approx(1.0, rel=1e-3)


@pytest.mark.parametrize("pitch", [48, 60, 72])
def test_an_ensemble_is_in_tune_wide_and_loops(pitch: int) -> None:
    hz = pitch_to_hz(pitch)
    loop = ensemble_loop(
        1.0 / np.arange(1.0, 9.0), hz, width_cents=13.0, sample_rate=RATE, rng=np.random.default_rng(0)
    )
    assert np.mean(loop**2, axis=1) == pytest.approx([1.0, 1.0], rel=1e-3)
    assert 0.3 < np.corrcoef(loop)[0, 1] < 0.8
    # No step at the seam that is larger than those elsewhere.
    assert np.abs(loop[:, 0] - loop[:, -1]).max() <= np.abs(np.diff(loop, axis=1)).max()
    spectrum = np.abs(np.fft.rfft(loop, axis=1)) ** 2
    frequencies = np.fft.rfftfreq(loop.shape[1], 1 / RATE)
    band = (frequencies > 0.94 * hz) & (frequencies < 1.06 * hz)
    centre = (frequencies[band] * spectrum[:, band]).sum(axis=1) / spectrum[:, band].sum(axis=1)
    assert np.abs(1200 * np.log2(centre / hz)).max() < 4.0  # over the whole loop


def test_an_ensemble_keeps_below_the_limit() -> None:
    loop = ensemble_loop(np.ones(50), 3000.0, width_cents=10.0, sample_rate=16_000, rng=np.random.default_rng(0))
    spectrum = np.abs(np.fft.rfft(loop[0])) ** 2
    above = np.fft.rfftfreq(loop.shape[1], 1 / 16_000) > 7_250
    assert spectrum[above].sum() < 1e-6 * spectrum.sum()


def test_formants_are_peaks_where_they_are_asked_for() -> None:
    gains = formant_gain(np.array([100.0, 700.0, 1500.0, 2500.0]), ((700.0, 100.0, 1.0), (2500.0, 200.0, 0.3)))
    assert gains.argmax() == 1
    assert gains[3] > gains[2]
