"""Instruments by name: General MIDI's names, short ones, numbers, and a hint for what is none."""

from __future__ import annotations

import pytest

from audio_lstm.errors import ConfigError
from audio_lstm.music.score.part_names import DRUMS, PROGRAM_NAMES, named_tracks, parse_parts, part_name
from audio_lstm.music.score.score import Track


def test_there_are_128_different_programs() -> None:
    assert len(set(PROGRAM_NAMES)) == 128
    assert PROGRAM_NAMES[40] == "violin"
    assert PROGRAM_NAMES[73] == "flute"


def test_parts_are_read_by_name_and_number() -> None:
    assert parse_parts("voice, Piano,drums,flute,40,french_horn") == (52, 0, DRUMS, 73, 40, 60)


def test_every_program_comes_back_from_its_name() -> None:
    assert [parse_parts(part_name(program)) for program in range(129)] == [(program,) for program in range(129)]
    assert (part_name(0), part_name(52), part_name(DRUMS)) == ("piano", "voice", "drums")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("pinao", "no instrument is called 'pinao'; did you mean 'piano'"),
        ("piano,,flute", "no instrument is called ''; use a General MIDI name"),
        ("128", "no instrument is called '128'"),
    ],
)
def test_an_unknown_instrument_is_one_line(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse_parts(text)


def test_tracks_without_a_name_are_called_after_their_instruments() -> None:
    tracks = (Track(program=52), Track(program=0), Track(program=0), Track("Solo", program=73), Track(is_drum=True))
    assert [track.name for track in named_tracks(tracks)] == ["Voice", "Piano 1", "Piano 2", "Solo", "Drums"]
    assert named_tracks(tracks)[0].program == 52
