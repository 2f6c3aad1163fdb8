"""Augmentation: what each variation promises, measured on what comes out."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys

import numpy as np
import pytest

from audio_lstm.errors import ConfigError
from audio_lstm.speech.sound.augment import (
    AugmentConfig,
    add_noise,
    augment_features,
    augment_waveform,
    draw_vtlp,
    limit_bandwidth,
    mask_features,
    pad_with_pauses,
    random_gain,
    speed_perturb,
)

ALL_ON = AugmentConfig(
    noise_probability=1.0,
    reverb_probability=1.0,
    vtlp_range=(0.9, 1.1),
    padding_probability=1.0,
    bandwidth_probability=1.0,
)


def _rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def _tone(n_samples: int = 16_000, frequency_hz: float = 440.0) -> np.ndarray:
    return (0.1 * np.sin(2 * np.pi * frequency_hz * np.arange(n_samples) / 16_000)).astype(np.float32)


def _features(n_frames: int = 400, size: int = 80) -> np.ndarray:
    return _rng(9).standard_normal((n_frames, size)).astype(np.float32)


def _power(samples: np.ndarray) -> float:
    return float(np.square(samples, dtype=np.float64).mean())


@pytest.mark.parametrize("speed", [0.5, 0.9, 1.1, 2.0])
@pytest.mark.parametrize("n_samples", [1, 7, 16_000])
def test_speed_divides_the_length(speed, n_samples):
    changed = speed_perturb(_tone(n_samples), speed)
    assert changed.dtype == np.float32
    assert len(changed) == max(1, round(n_samples / speed))


def test_speed_multiplies_the_pitch():
    spectrum = np.abs(np.fft.rfft(speed_perturb(_tone(32_000), 1.1)[:16_000]))
    assert abs(int(spectrum.argmax()) - 484) <= 1


def test_speed_1_copies():
    samples = _tone()
    changed = speed_perturb(samples, 1.0)
    np.testing.assert_array_equal(changed, samples)
    assert not np.shares_memory(changed, samples)


def test_gain_stays_within_its_range_and_fills_it():
    gains_db = [
        10 * np.log10(_power(random_gain(_tone(), (-6.0, 3.0), _rng(seed))) / _power(_tone())) for seed in range(99)
    ]
    assert -6.01 <= min(gains_db) < -5.0
    assert 2.0 < max(gains_db) <= 3.01


@pytest.mark.parametrize("snr_db", [-5.0, 0.0, 12.5, 40.0])
@pytest.mark.parametrize("source", ["white", "pink", "short clip", "long clip"])
def test_noise_has_the_ratio_asked_for_within_a_tenth_of_a_db(snr_db, source):
    clips = {"short clip": _rng(1).standard_normal(999), "long clip": _rng(2).uniform(0, 1, 50_000)}
    noise = clips[source].astype(np.float32) if source in clips else None
    noisy = add_noise(_tone(), snr_db, _rng(), noise=noise, colour="pink" if source == "pink" else "white")
    assert noisy.dtype == np.float32
    achieved_db = 10 * np.log10(_power(_tone()) / _power(noisy.astype(np.float64) - _tone()))
    assert abs(achieved_db - snr_db) < 0.1


def _power_per_octave(noise: np.ndarray) -> np.ndarray:
    power = np.square(np.abs(np.fft.rfft(noise)))
    return np.array([power[64 * 2**octave : 128 * 2**octave].sum() for octave in range(6)])


def test_pink_noise_has_equal_power_in_every_octave_and_white_noise_doubles_it():
    tone = _tone(16_384)
    pink, white = (
        _power_per_octave(add_noise(tone, 0.0, _rng(), colour=colour) - tone) for colour in ("pink", "white")
    )
    np.testing.assert_allclose(pink / pink.mean(), 1, atol=0.3)
    np.testing.assert_allclose(white[1:] / white[:-1], 2, atol=0.7)


def test_long_clip_is_added_from_a_random_place_and_a_short_one_repeats():
    ramp = np.arange(1, 1_001, dtype=np.float32)
    starts = set()
    for seed in range(20):
        added = add_noise(np.ones(100, np.float32), 0.0, _rng(seed), noise=ramp) - 1
        starts.add(round(float(added[0] / (added[1] - added[0]))))
        np.testing.assert_allclose(np.diff(added, n=2), 0, atol=1e-6)
    assert len(starts) > 15
    repeated = add_noise(np.ones(3_000, np.float32), 0.0, _rng(), noise=ramp) - 1
    np.testing.assert_allclose(repeated[:1_000], repeated[1_000:2_000], atol=1e-6)


@pytest.mark.parametrize(("samples", "noise"), [(np.zeros(100), np.ones(100)), (np.ones(100), np.zeros(100))])
def test_silence_takes_no_noise_and_silent_noise_adds_none(samples, noise):
    noisy = add_noise(samples.astype(np.float32), 10.0, _rng(), noise=noise.astype(np.float32))
    np.testing.assert_array_equal(noisy, samples)


@pytest.mark.parametrize("n_samples", [1, 2, 3, 1_000])
@pytest.mark.parametrize("colour", ["white", "pink"])
def test_noise_of_any_length_is_finite(n_samples, colour):
    noisy = add_noise(np.ones(n_samples, np.float32), 10.0, _rng(), colour=colour)
    assert noisy.shape == (n_samples,)
    assert np.isfinite(noisy).all()


def _speech_like(floor_db: float) -> np.ndarray:
    """A second of tone, half of it silent but for noise of so many dBFS."""
    samples = 10 ** (floor_db / 20) * _rng(5).standard_normal(16_000)
    samples[8_000:] += _tone(8_000)
    return samples.astype(np.float32)


def _decibels(samples: np.ndarray) -> float:
    return 10 * np.log10(_power(samples))


@pytest.mark.parametrize(("floor_db", "expected_db"), [(-60, -60), (-52, -52), (-90, -70), (-30, -45)])
def test_pauses_are_about_as_loud_as_the_recordings_own_noise(floor_db, expected_db):
    samples, levels_db, lengths = _speech_like(floor_db), [], []
    for seed in range(60):
        padded = pad_with_pauses(samples, 0.5, _rng(seed), sample_rate=16_000)
        starts = [
            first
            for first in np.flatnonzero(padded[: len(padded) - 15_999] == samples[0])
            if np.array_equal(padded[first : first + 16_000], samples)
        ]
        assert len(starts) == 1
        before, after = int(starts[0]), len(padded) - 16_000 - int(starts[0])
        assert max(before, after) <= 8_000
        levels_db.append(_decibels(np.concatenate([padded[:before], padded[before + 16_000 :]])))
        lengths += [before, after]
    assert expected_db - 7 < min(levels_db) < expected_db - 4
    assert expected_db + 4 < max(levels_db) < expected_db + 7
    assert min(lengths) < 1_000
    assert max(lengths) > 7_000


def test_pauses_at_other_sample_rates_last_as_many_seconds():
    longest = max(len(pad_with_pauses(_tone(100), 0.5, _rng(seed), sample_rate=8_000)) for seed in range(40))
    assert 0.75 * 8_000 < longest <= 8_100


@pytest.mark.parametrize("samples", [np.zeros(1, np.float32), np.zeros(1_000, np.float32)], ids=len)
def test_digital_silence_is_padded_with_faint_noise(samples):
    padded = pad_with_pauses(samples, 0.2, _rng(3), sample_rate=16_000)
    assert np.isfinite(padded).all()
    assert -77 < _decibels(padded) < -60
    assert pad_with_pauses(samples, 0.0, _rng(), sample_rate=16_000).shape == samples.shape


@pytest.mark.parametrize("cutoff_hz", [3_400.0, 5_000.0, 7_000.0])
def test_nothing_is_left_above_the_bandwidth_and_all_of_it_below(cutoff_hz):
    def gain_db(frequency_hz):
        tone = _tone(16_000, frequency_hz)
        return _decibels(limit_bandwidth(tone, cutoff_hz, sample_rate=16_000)[500:-500]) - _decibels(tone[500:-500])

    assert abs(gain_db(cutoff_hz - 200)) < 0.1
    assert abs(gain_db(200)) < 0.1
    assert abs(gain_db(cutoff_hz) + 6) < 0.5
    assert gain_db(cutoff_hz + 200) < -60
    assert gain_db(7_900) < -60


def test_limited_bandwidth_moves_nothing_in_time():
    click = np.zeros(1_000, np.float32)
    click[400] = 1
    limited = limit_bandwidth(click, 3_400.0, sample_rate=16_000)
    assert limited.shape == click.shape
    assert limited.dtype == np.float32
    assert int(limited.argmax()) == 400
    np.testing.assert_allclose(limited[300:400], limited[500:400:-1], atol=1e-6)


@pytest.mark.parametrize("n_samples", [1, 2, 100])
def test_bandwidth_of_tiny_recordings_is_finite(n_samples):
    limited = limit_bandwidth(_tone(n_samples), 3_400.0, sample_rate=16_000)
    assert limited.shape == (n_samples,)
    assert np.isfinite(limited).all()


def test_bandwidth_beyond_the_sample_rate_copies():
    limited = limit_bandwidth(_tone(), 4_000.0, sample_rate=8_000)
    np.testing.assert_array_equal(limited, _tone())
    assert not np.shares_memory(limited, _tone())


def test_waveform_reverberates_pads_and_limits_a_share_of_the_recordings():
    off = AugmentConfig.off()
    changes = {
        "reverb": dataclasses.replace(off, reverb_probability=0.3),
        "pauses": dataclasses.replace(off, padding_probability=0.3, padding_max_s=0.01),
        "bandwidth": dataclasses.replace(off, bandwidth_probability=0.3),
    }
    for config in changes.values():
        changed = [augment_waveform(_tone(400, 5_000.0), config, _rng(seed)) for seed in range(200)]
        n_changed = sum(not np.array_equal(samples, _tone(400, 5_000.0)) for samples in changed)
        assert 35 < n_changed < 85


def test_reverberation_rings_into_the_added_pause():
    burst = _rng(1).standard_normal(4_000).astype(np.float32) * 0.1
    burst[:2_000] = 0  # so that the pause is faint
    config = dataclasses.replace(AugmentConfig.off(), padding_probability=1.0, padding_max_s=0.3)
    wet = dataclasses.replace(config, reverb_probability=1.0, reverb_t60_s=(0.5, 0.5))
    seed = 4
    dry_copy, wet_copy = (augment_waveform(burst, changes, _rng(seed)) for changes in (config, wet))
    end = int(np.flatnonzero(np.abs(dry_copy) > 0.02)[-1]) + 50
    assert len(wet_copy) == len(dry_copy) > end + 800
    assert _decibels(dry_copy[end : end + 800]) < -60
    assert _decibels(wet_copy[end : end + 800]) > -50


def test_vtlp_is_drawn_over_its_whole_range_in_hundredths():
    config = AugmentConfig(vtlp_range=(0.9, 1.1))
    drawn = [draw_vtlp(config, _rng(seed)) for seed in range(400)]
    assert set(drawn) == {round(0.9 + 0.01 * step, 2) for step in range(21)}
    assert drawn == [draw_vtlp(config, _rng(seed)) for seed in range(400)]
    assert draw_vtlp(AugmentConfig(vtlp_range=[1.0, 1.0]), _rng()) == 1.0  # as JSON has it
    assert draw_vtlp(AugmentConfig(vtlp_range=(1.1, 1.1)), _rng()) == 1.1


def _runs(flags: np.ndarray) -> list[int]:
    """Lengths of the stretches of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    return list(edges[1::2] - edges[::2])


def test_masks_stay_within_the_configured_number_and_width():
    one_band = dataclasses.replace(AugmentConfig.off(), n_frequency_masks=1, frequency_mask_fraction=0.3375)
    one_time = dataclasses.replace(
        AugmentConfig.off(), time_masks_per_frame=1.0, max_time_masks=1, time_mask_fraction=0.05
    )
    widths = {"band": set(), "time": set()}
    for seed in range(400):
        bands = _runs((mask_features(_features(), one_band, _rng(seed)) != _features()).all(axis=0))
        times = _runs((mask_features(_features(), one_time, _rng(seed)) != _features()).all(axis=1))
        assert len(bands) <= 1
        assert len(times) <= 1
        widths["band"].update(bands or [0])
        widths["time"].update(times or [0])
    assert widths["band"] == set(range(28))
    assert widths["time"] == set(range(21))


@pytest.mark.parametrize(("n_frames", "expected"), [(20, 0), (100, 4), (249, 9), (2_000, 10)])
def test_number_of_time_masks_grows_with_the_length_up_to_its_cap(n_frames, expected):
    class Counting:
        """Stands in for the generator: draws 0 every time, and counts."""

        n_draws = 0

        def integers(self, high):
            self.n_draws += 1
            return 0

    config = dataclasses.replace(AugmentConfig(), n_frequency_masks=0)
    counting = Counting()
    mask_features(_features(n_frames), config, counting)
    assert counting.n_draws == 2 * expected  # a width and a place for each mask


def test_masked_places_hold_the_mean_of_their_feature():
    features = _features() + 5 * np.arange(80, dtype=np.float32)
    masked = mask_features(features, AugmentConfig(), _rng(3))
    changed = masked != features
    assert 0.05 < changed.mean() < 0.9
    expected = np.broadcast_to(features.mean(axis=0, dtype=np.float64), features.shape)
    np.testing.assert_allclose(masked[changed], expected[changed], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("shape", [(1, 80), (3, 1), (0, 80)])
def test_masks_of_tiny_features_keep_their_shape(shape):
    masked = mask_features(np.zeros(shape, np.float32), AugmentConfig(time_masks_per_frame=1.0), _rng())
    assert masked.shape == shape
    assert np.isfinite(masked).all()


def test_everything_off_changes_nothing():
    for seed in range(5):
        np.testing.assert_array_equal(augment_waveform(_tone(), AugmentConfig.off(), _rng(seed)), _tone())
        np.testing.assert_array_equal(augment_features(_features(), AugmentConfig.off(), _rng(seed)), _features())


def _existing_steps(samples: np.ndarray, config: AugmentConfig, rng: np.random.Generator) -> np.ndarray:
    """Speed, noise and level, drawn as they were before there were pauses, rooms and bandwidths."""
    samples = speed_perturb(samples, config.speeds[rng.integers(len(config.speeds))])
    if rng.random() < config.noise_probability:
        snr_db = rng.uniform(*config.noise_snr_db)
        samples = add_noise(samples, snr_db, rng, colour="pink" if rng.random() < 0.5 else "white")
    return random_gain(samples, config.gain_db, rng)


@pytest.mark.parametrize("config", [AugmentConfig(), AugmentConfig(noise_probability=1.0), AugmentConfig.off()])
def test_what_is_off_draws_nothing(config):
    for seed in range(10):
        expected_rng, rng = _rng(seed), _rng(seed)
        expected = _existing_steps(_tone(4_000), config, expected_rng)
        np.testing.assert_array_equal(augment_waveform(_tone(4_000), config, rng), expected)
        assert draw_vtlp(config, rng) == 1.0
        assert rng.bit_generator.state == expected_rng.bit_generator.state


def test_off_is_the_default_of_everything_added_later():
    for config in (AugmentConfig(), AugmentConfig.off()):
        assert config.reverb_probability == config.padding_probability == config.bandwidth_probability == 0
        assert config.vtlp_range == (1.0, 1.0)


@pytest.mark.parametrize("config", [AugmentConfig(noise_probability=1.0), ALL_ON], ids=["older", "all"])
def test_same_seed_gives_the_same_result_and_another_seed_another(config):
    first, again, other = (augment_waveform(_tone(), config, _rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    first, again, other = (augment_features(_features(), config, _rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_arguments_are_never_written_nor_given_back():
    samples, noise, features = _tone(), _rng().standard_normal(99).astype(np.float32), _features()
    copies = samples.copy(), noise.copy(), features.copy()
    for array in (samples, noise, features):
        array.flags.writeable = False
    for config in (AugmentConfig(noise_probability=1.0), AugmentConfig.off(), ALL_ON):
        for seed in range(5):
            for noises in ((), (noise,)):
                assert not np.shares_memory(augment_waveform(samples, config, _rng(seed), noises=noises), samples)
            assert not np.shares_memory(augment_features(features, config, _rng(seed)), features)
    for array, copy in zip((samples, noise, features), copies, strict=True):
        np.testing.assert_array_equal(array, copy)


def test_waveform_draws_every_speed_and_noise_as_often_as_asked():
    config = AugmentConfig(speeds=(0.8, 1.0, 1.25), gain_db=(0.0, 0.0), noise_probability=0.3)
    lengths, n_noisy = [], 0
    for seed in range(200):
        changed = augment_waveform(_tone(400), config, _rng(seed))
        lengths.append(len(changed))
        n_noisy += len(changed) == 400 and not np.array_equal(changed, _tone(400))
    counts = {length: lengths.count(length) for length in set(lengths)}
    assert set(counts) == {500, 400, 320}
    assert min(counts.values()) > 40
    assert 0.15 < n_noisy / counts[400] < 0.45


def test_config_is_json():
    fields = json.loads(json.dumps(dataclasses.asdict(AugmentConfig())))
    assert fields["speeds"] == [0.9, 1.0, 1.1]
    assert fields["gain_db"] == [-18.0, 6.0]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"speeds": ()}, r"speeds are one or more numbers in 0.5..2.0; got \(\)"),
        ({"speeds": (1.0, 3.0)}, r"speeds are one or more numbers in 0.5..2.0; got \(1.0, 3.0\)"),
        ({"gain_db": (3.0, -3.0)}, r"gain_db is a pair \(low, high\).*got \(3.0, -3.0\)"),
        ({"noise_snr_db": (10.0,)}, r"noise_snr_db is a pair \(low, high\).*got \(10.0,\)"),
        ({"noise_probability": 1.5}, r"noise_probability lies in 0..1; got 1.5"),
        ({"frequency_mask_fraction": -0.1}, r"frequency_mask_fraction lies in 0..1; got -0.1"),
        ({"time_mask_fraction": float("nan")}, r"time_mask_fraction lies in 0..1; got nan"),
        ({"time_masks_per_frame": 2.0}, r"time_masks_per_frame lies in 0..1; got 2.0"),
        ({"n_frequency_masks": -1}, r"n_frequency_masks lies in 0..100; got -1"),
        ({"max_time_masks": 101}, r"max_time_masks lies in 0..100; got 101"),
        ({"reverb_probability": -0.5}, r"reverb_probability lies in 0..1; got -0.5"),
        ({"reverb_t60_s": (0.0, 0.5)}, r"reverb_t60_s is a pair.* with 0.01 <= low <= high <= 10; got \(0.0, 0.5\)"),
        ({"direct_to_reverberant_db": (9.0, 3.0)}, r"direct_to_reverberant_db is a pair.*got \(9.0, 3.0\)"),
        ({"vtlp_range": (0.5, 1.1)}, r"vtlp_range is a pair.* with 0.8 <= low <= high <= 1.25; got \(0.5, 1.1\)"),
        ({"padding_probability": 2.0}, r"padding_probability lies in 0..1; got 2.0"),
        ({"padding_max_s": -1.0}, r"padding_max_s lies in 0..60 seconds; got -1.0"),
        ({"padding_max_s": float("nan")}, r"padding_max_s lies in 0..60 seconds; got nan"),
        ({"bandwidth_probability": 1.1}, r"bandwidth_probability lies in 0..1; got 1.1"),
        ({"bandwidth_hz": (3.4, 7.0)}, r"bandwidth_hz is a pair.* with 100 <= low <= high <= 100000; got \(3.4, 7.0\)"),
    ],
)
def test_config_that_cannot_work_is_refused(changes, message):
    with pytest.raises(ConfigError, match=message):
        AugmentConfig(**changes)


@pytest.mark.parametrize(
    "samples", [np.zeros((2, 8), np.float32), np.zeros(0, np.float32), np.zeros(8, np.int16)], ids=str
)
def test_samples_that_cannot_be_varied_are_refused(samples):
    with pytest.raises(ValueError, match=r"expected one or more mono samples \(n,\) in floating point, got shape"):
        augment_waveform(samples, AugmentConfig(), _rng())
    with pytest.raises(ValueError, match=r"expected one or more mono samples \(n,\)"):
        add_noise(_tone(), 10.0, _rng(), noise=samples)
    with pytest.raises(ValueError, match=r"expected one or more mono samples \(n,\)"):
        pad_with_pauses(samples, 0.1, _rng(), sample_rate=16_000)
    with pytest.raises(ValueError, match=r"expected one or more mono samples \(n,\)"):
        limit_bandwidth(samples, 3_400.0, sample_rate=16_000)


def test_values_out_of_range_are_refused():
    with pytest.raises(ValueError, match=r"speed lies in 0.5..2.0; got 4"):
        speed_perturb(_tone(), 4)
    with pytest.raises(ValueError, match="colour is white or pink; got 'brown'"):
        add_noise(_tone(), 10.0, _rng(), colour="brown")
    with pytest.raises(ValueError, match=r"expected features of shape \(n_frames, feature_size\), got \(8,\)"):
        mask_features(np.zeros(8, np.float32), AugmentConfig(), _rng())


def test_importing_augmentation_imports_neither_torch_nor_soxr_nor_scipy():
    code = "import sys, audio_lstm.speech.sound.augment; assert not {'torch', 'scipy', 'soxr'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
