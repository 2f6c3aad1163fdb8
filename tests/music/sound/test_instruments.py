"""Instruments: attack, decay, release, touch and pitch of every family, measured."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from audio_lstm.music.score.score import Track
from audio_lstm.music.sound.instruments import MAX_STRUCK_S, Instruments, Tone, note_gain

RATE = 32_000
FAMILIES = (0, 4, 6, 9, 12, 16, 24, 33, 40, 45, 46, 48, 52, 53, 56, 60, 65, 68, 71, 73, 80, 89, 105)


def tone(program: int, pitch: int, longest_s: float = 2.0) -> Tone:
    return Instruments(RATE).tone(Track(program=program), pitch, longest_s)


def note(made: Tone, held_s: float = 1.0, velocity: int = 90) -> NDArray[np.float32]:
    held = int(held_s * RATE)
    return made.play(velocity, (0, made.end(held)), held)[0]


def brightness_hz(sound: NDArray[np.float32]) -> float:
    power = np.abs(np.fft.rfft(sound[: RATE // 4])) ** 2
    return float((np.fft.rfftfreq(RATE // 4, 1 / RATE) * power).sum() / power.sum())


def rms(sound: NDArray[np.float32]) -> float:
    return float(np.sqrt(np.mean(sound**2)))


@pytest.mark.parametrize("program", FAMILIES)
@pytest.mark.parametrize("pitch", [40, 60, 84])
def test_every_family_sounds_at_its_pitch_from_silence_to_silence(program: int, pitch: int) -> None:
    made = tone(program, pitch)
    sound = note(made)
    assert np.isfinite(sound).all()
    assert -38 < 20 * np.log10(rms(sound[: RATE // 4])) < -20
    assert np.abs(sound[0]) < 0.02 * np.abs(sound).max()
    assert np.abs(sound[-10:]).max() < 0.01 * np.abs(sound).max()
    power = np.abs(np.fft.rfft(sound[:RATE] * np.hanning(len(sound[:RATE])), 1 << 18)) ** 2
    hz = np.fft.rfftfreq(1 << 18, 1 / RATE)
    band = (hz > 0.95 * made.hz) & (hz < 1.05 * made.hz)
    centre = (hz[band] * power[band]).sum() / power[band].sum()
    many = program in (48, 52, 89)  # the pitch of an ensemble wanders as its players do
    assert abs(1200 * np.log2(centre / made.hz)) < (16 if many else 2)


@pytest.mark.parametrize("program", [0, 24, 46])
def test_a_string_dies_away_and_its_high_partials_sooner(program: int) -> None:
    sound = note(tone(program, 50, 4.0), held_s=4.0)
    quarters = [rms(sound[start : start + RATE // 4]) for start in range(0, 3 * RATE, RATE)]
    assert quarters[0] > 1.3 * quarters[1] > 1.3**2 * quarters[2]
    assert brightness_hz(sound) > brightness_hz(sound[RATE:]) > brightness_hz(sound[2 * RATE :])


@pytest.mark.parametrize("program", [16, 40, 52, 73])
def test_a_sustained_tone_lasts_as_long_as_it_is_held(program: int) -> None:
    sound = note(tone(program, 64), held_s=20.0)
    assert len(sound) > 20 * RATE
    assert 0.4 < rms(sound[19 * RATE : 20 * RATE]) / rms(sound[RATE : 2 * RATE]) < 2.5


@pytest.mark.parametrize(("program", "most_s"), [(0, 0.01), (24, 0.01), (73, 0.06), (52, 0.12), (48, 0.15), (89, 0.3)])
def test_attacks_take_the_time_of_their_family(program: int, most_s: float) -> None:
    size = RATE // 100
    power = (note(tone(program, 67))[: 50 * size] ** 2).reshape(50, size).mean(axis=1)  # each 10 ms
    assert np.flatnonzero(power > 0.1 * np.median(power))[0] * 0.01 < most_s


def test_letting_go_ends_a_note() -> None:
    piano = tone(0, 60)
    short, long = note(piano, held_s=0.25), note(piano, held_s=1.0)
    assert len(short) < len(long)
    assert rms(short[int(0.55 * RATE) : int(0.65 * RATE)]) < 0.05 * rms(long[int(0.55 * RATE) : int(0.65 * RATE)])


def test_nothing_damps_the_highest_strings_of_a_piano() -> None:
    high = tone(0, 96)
    assert high.end(RATE // 10) == high.data.shape[1] > RATE // 2


def test_a_string_is_over_by_its_longest_time() -> None:
    assert tone(0, 24, 60.0).data.shape[1] <= MAX_STRUCK_S * RATE


@pytest.mark.parametrize("program", [0, 24, 56, 71])
def test_a_harder_touch_is_louder_and_brighter(program: int) -> None:
    made = tone(program, 55)
    soft, hard = note(made, velocity=30), note(made, velocity=120)
    assert rms(hard) > 4 * rms(soft)
    assert brightness_hz(hard) > 1.1 * brightness_hz(soft)


def test_half_the_velocity_is_ten_decibels_less() -> None:
    assert note_gain(127) == 1.0
    assert 20 * np.log10(note_gain(64) / note_gain(127)) == pytest.approx(-10.1, abs=0.2)


@pytest.mark.parametrize("program", [0, 40, 52])
def test_stretches_of_a_note_join_to_the_whole(program: int) -> None:
    made = tone(program, 60)
    held, end = RATE, made.end(RATE)
    whole = made.play(90, (0, end), held, index=3)
    cuts = [0, 17, 5_000, RATE - 1, RATE + 5, end]
    parts = [made.play(90, span, held, index=3) for span in pairwise(cuts)]
    np.testing.assert_allclose(np.concatenate(parts, axis=1), whole, atol=2e-5)


def test_two_ensembles_on_one_pitch_do_not_play_in_lockstep() -> None:
    choir = tone(52, 60)
    first, second = (choir.play(90, (RATE, 2 * RATE), 3 * RATE, index=index)[0] for index in (0, 1))
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.7


def test_low_keys_of_a_piano_are_left_and_high_ones_right() -> None:
    assert tone(0, 30).pan < 0 < tone(0, 90).pan


def test_drums_need_no_pitch_and_ring_out() -> None:
    drum = Instruments(RATE).tone(Track(is_drum=True), 38, 0.1)
    assert drum.hz == 0
    assert drum.end(1) == drum.data.shape[1]


def test_tones_are_remembered_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    instruments = Instruments(RATE)
    first = instruments.tone(Track(), 60, 1.0)
    assert instruments.tone(Track(), 60, 1.0) is first
    monkeypatch.setattr("audio_lstm.music.sound.instruments._CACHE_BYTES", 1)
    instruments.tone(Track(), 61, 1.0)
    again = instruments.tone(Track(), 60, 1.0)
    assert again is not first
    np.testing.assert_array_equal(again.data, first.data)


def test_a_note_far_above_the_rate_is_silent() -> None:
    assert not Instruments(8_000).tone(Track(program=73), 127, 1.0).data.any()
