"""Keys are found: in scales of every key, in fragments, with a known signature, and on real chorales."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from audio_lstm.music.score.key_finding import find_key, key_name, key_tonic
from audio_lstm.music.score.notation import parse_notes
from audio_lstm.music.score.score import KeySignature, Score, Track, make_notes
from audio_lstm.music.score.voices import voice_grid_to_score

MAJOR_TUNE = "C4 D4 E4 F4 G4:2 E4:2 F4 D4 B3 D4 C4:2"
MINOR_TUNE = "A4 B4 C5 D5 E5:2 C5:2 D5 B4 G#4 B4 A4:2"


@pytest.mark.parametrize("shift", range(-5, 7))
def test_tunes_are_found_in_every_key(shift: int) -> None:
    for tune, home in ((MAJOR_TUNE, 0), (MINOR_TUNE, 9)):
        key = find_key(parse_notes(tune).transpose(shift))
        assert key_tonic(key) == (home + shift) % 12
        assert key.is_minor == (home == 9)


def test_a_triad_is_enough_and_drums_do_not_count() -> None:
    assert key_name(find_key(parse_notes("C4 E4 G4"))) == "C major"
    assert key_name(find_key(parse_notes("D4+F4+A4:4"))) == "D minor"
    drums = Score(480, make_notes(0, 480, [36, 38, 42]), (Track(is_drum=True),))
    assert key_name(find_key(drums)) == "C major"
    assert key_name(find_key(Score(480))) == "C major"
    cluster = Score(480, make_notes(0, 480, range(60, 72)), (Track(),))
    assert key_tonic(find_key(cluster)) == 0  # its lowest note


def test_of_a_known_signature_only_major_or_minor_is_asked() -> None:
    assert key_name(find_key(parse_notes(MINOR_TUNE), sharps=0)) == "A minor"
    assert key_name(find_key(parse_notes(MAJOR_TUNE), sharps=0)) == "C major"
    assert find_key(parse_notes(MAJOR_TUNE), sharps=-3).sharps == -3


def test_keys_have_names_and_tonics() -> None:
    for sharps, minor, name, tonic in ((0, False, "C major", 0), (-1, True, "D minor", 2), (7, False, "C# major", 1)):
        key = KeySignature(0, sharps, minor)
        assert (key_name(key), key_tonic(key)) == (name, tonic)
    assert key_name(KeySignature(0, -2)) == "Bb major"


@pytest.mark.shared
def test_most_keys_of_real_chorales_are_found(shared: Path) -> None:
    data = json.loads((shared / "music" / "jsb16" / "satb.trainvalid.json").read_text())["valid"]
    right = 0
    for piece in data:
        key = find_key(voice_grid_to_score(np.array(piece)))
        sounding = [pitch for pitch in piece[-1] if pitch >= 0]
        right += key_tonic(key) == sounding[-1] % 12
    assert right / len(data) > 0.85
