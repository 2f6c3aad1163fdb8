"""Keys and scales by name: their pitch classes, tonics and signatures, and one line for what is none."""

from __future__ import annotations

import pytest

from audio_lstm.errors import ConfigError
from audio_lstm.music.score.scales import MODES, Scale, parse_scale, pitch_name


@pytest.mark.parametrize(
    ("text", "name", "classes", "tonic", "sharps", "is_minor"),
    [
        ("C", "C major", {0, 2, 4, 5, 7, 9, 11}, 0, 0, False),
        ("D minor", "D minor", {2, 4, 5, 7, 9, 10, 0, 1}, 2, -1, True),
        ("am", "A minor", {9, 11, 0, 2, 4, 5, 7, 8}, 9, 0, True),
        ("F# dorian", "F# dorian", {6, 8, 9, 11, 1, 3, 4}, 6, 4, True),
        ("Bb", "Bb major", {10, 0, 2, 3, 5, 7, 9}, 10, -2, False),
        ("e-flat lydian", "Eb lydian", {3, 5, 7, 9, 10, 0, 2}, 3, -2, False),
        ("d natural minor", "D natural minor", {2, 4, 5, 7, 9, 10, 0}, 2, -1, True),
        ("G♯ minor", "G# minor", {8, 10, 11, 1, 3, 4, 6, 7}, 8, 5, True),
        ("C D E G A", "C D E G A", {0, 2, 4, 7, 9}, 0, 0, False),
        ("9 0 4", "A C E", {9, 0, 4}, 9, 0, True),
    ],
)
def test_a_key_has_its_notes_tonic_and_signature(
    text: str, name: str, classes: set[int], tonic: int, sharps: int, is_minor: object
) -> None:
    scale = parse_scale(text)
    assert (scale.name, scale.tonic, scale.sharps, scale.is_minor) == (name, tonic, sharps, is_minor)
    assert scale.pitch_classes == classes


def test_every_mode_is_found_on_every_tonic() -> None:
    scales = [parse_scale(f"{tonic} {mode}") for tonic in ("C", "F#", "Bb", "E") for mode in MODES]
    assert len(scales) == 4 * len(MODES)
    assert all(-7 <= scale.sharps <= 7 and scale.tonic in scale.pitch_classes for scale in scales)


def test_the_chord_on_the_tonic_takes_the_scales_third_and_fifth() -> None:
    assert parse_scale("C major").triad == {0, 4, 7}
    assert parse_scale("D minor").triad == {2, 5, 9}
    assert parse_scale("B locrian").triad == {11, 2, 5}
    assert parse_scale("C major pentatonic").triad == {0, 4, 7}
    assert Scale("no home", frozenset({0, 4})).triad == frozenset()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("J minor", "key 'J minor': expected a tonic and a mode"),
        ("", "key '': expected a tonic and a mode"),
        ("D minro", "no mode is called 'minro'; did you mean 'minor'"),
        ("D happy", "no mode is called 'happy'; known: major, minor"),
        ("0 2 14", "pitch classes run from 0"),
    ],
)
def test_a_key_that_does_not_exist_is_one_line(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse_scale(text)


@pytest.mark.parametrize(("classes", "tonic"), [(frozenset(), None), (frozenset({12}), None), (frozenset({0}), 4)])
def test_a_scale_without_notes_or_with_a_foreign_tonic_is_refused(classes: frozenset[int], tonic: int | None) -> None:
    with pytest.raises(ConfigError, match=r"a scale holds pitch classes|the tonic 4 is not among"):
        Scale("x", classes, tonic)


def test_pitches_are_named_with_their_octaves() -> None:
    assert [pitch_name(pitch) for pitch in (60, 21, 0, 127)] == ["C4", "A0", "C-1", "G9"]


@pytest.mark.parametrize(
    ("german", "english"),
    [
        ("fis-moll", "F# minor"),
        ("Fis-Dur", "F# major"),
        ("H-Dur", "B major"),
        ("h-moll", "B minor"),
        ("H", "B major"),
        ("H minor", "B minor"),
        ("B-Dur", "Bb major"),
        ("b-moll", "Bb minor"),
        ("Es-Dur", "Eb major"),
        ("As Dur", "Ab major"),
        ("as-moll", "Ab minor"),
        ("Cis dorian", "C# dorian"),
        ("Des-Dur", "Db major"),
        ("c-moll", "C minor"),
        ("C-Dur", "C major"),
        ("B", "B major"),
        ("b minor", "B minor"),
        ("Bb", "Bb major"),
        ("a flat minor", "Ab minor"),
        ("am", "A minor"),
    ],
)
def test_german_names_of_keys(german: str, english: str) -> None:
    assert parse_scale(german) == parse_scale(english)


@pytest.mark.parametrize("name", ["H flat", "H-flat", "h sharp", "H flat minor", "fis flat", "Hb", "H b"])
def test_german_letters_take_no_english_signs(name: str) -> None:
    with pytest.raises(ConfigError, match=name):
        parse_scale(name)
