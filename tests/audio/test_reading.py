"""What decoders are asked and what they find."""

from __future__ import annotations

import pytest

from audio_lstm.audio.reading import Findings, ReadOptions, check_sample_rate, one_line, raise_damaged
from audio_lstm.errors import AudioError


def test_a_track_that_is_not_there_is_an_error() -> None:
    ReadOptions(track=2).check_track(2, "x")
    ReadOptions().check_track(0, "x")
    with pytest.raises(AudioError, match=r"x: has 2 sound tracks, got track 3; they are counted from 1"):
        ReadOptions(track=3).check_track(2, "x")
    with pytest.raises(AudioError, match=r"x: has one sound track, got track 2"):
        ReadOptions(track=2).check_track(1, "x")


def test_damage_and_gaps_are_a_line_each() -> None:
    findings = Findings()
    assert findings.notes == ()
    findings.note("once")
    findings.note("once")
    for at_s in (1.0, 1.001, 3.0):
        findings.damaged(at_s, "bits")
    findings.missing(0.25)
    findings.gap(5.0, 1.0)
    findings.gap(9.0, 0.5)
    assert findings.notes == (
        "once",
        "damaged in 2 places, the first at 1.0 s (bits); 0.25 s are missing, silence stands for them",
        "no sound is stored for 1.50 s in 2 places (the first: 1.00 s at 5.0 s); silence stands for it",
    )


def test_damage_is_an_error_that_names_the_place() -> None:
    with pytest.raises(AudioError, match=r"^x: damaged or cut short after 2\.0 s \(bad bits\); .*--allow-truncated"):
        raise_damaged(ValueError("bad\n bits"), "x", 2.0)


def test_what_a_library_says_is_one_line() -> None:
    assert one_line(OSError(5, "Input/output\nerror")) == "Input/output error"
    assert one_line(ValueError()) == "ValueError"


@pytest.mark.parametrize("rate", [0, -1, 999, 1_000_001])
def test_a_rate_that_no_sound_has_is_an_error(rate: int) -> None:
    with pytest.raises(AudioError, match=rf"x: a sample rate of {rate} Hz is not one of sound"):
        check_sample_rate(rate, "x")
