"""Bytes of MIDI files: round trips, and one clear line for each way of being damaged."""

from __future__ import annotations

import io

import mido
import pytest

from audio_lstm.errors import ScoreError
from audio_lstm.music.files.midi_bytes import midi_to_score, score_to_midi
from audio_lstm.music.score.score import KeySignature, Score, Tempo, TimeSignature, Track, make_notes

SCORE = Score(
    480,
    make_notes([0, 480, 480, 0], [480, 480, 960, 120], [60, 60, 64, 36], [64, 1, 127, 99], [0, 0, 1, 2]),
    (Track("Voice é", 52), Track("Klavier", 0), Track("Drums", 3, is_drum=True)),
    (Tempo(0, 500_000), Tempo(960, 491_803)),
    (TimeSignature(0, 3, 4), TimeSignature(1440, 6, 8)),
    (KeySignature(0, -3, True), KeySignature(1440, 7)),
)

NOTE = b"\x00\x90\x3c\x40\x60\x80\x3c\x40"
END_OF_TRACK = b"\x00\xff\x2f\x00"


def chunk(events: bytes) -> bytes:
    return b"MTrk" + len(events).to_bytes(4) + events


def midi(*tracks: bytes, midi_type: int = 1, division: bytes = b"\x01\xe0", n_tracks: int | None = None) -> bytes:
    count = len(tracks) if n_tracks is None else n_tracks
    header = b"MThd" + (6).to_bytes(4) + midi_type.to_bytes(2) + count.to_bytes(2) + division
    return header + b"".join(chunk(events) for events in tracks)


def test_round_trip_is_exact() -> None:
    assert midi_to_score(score_to_midi(SCORE)) == SCORE


def test_written_file_is_type_1_with_named_tracks_and_120_bpm() -> None:
    file = mido.MidiFile(file=io.BytesIO(score_to_midi(SCORE)))
    assert file.type == 1
    assert [track.name.encode("latin-1").decode() for track in file.tracks] == ["Voice é", "Klavier", "Drums"]
    assert next(m for m in file.tracks[0] if m.type == "set_tempo").tempo == 500_000
    assert {m.channel for m in file.tracks[2] if m.type == "note_on"} == {9}


def test_more_tracks_than_channels_stay_apart() -> None:
    tracks = tuple(Track(str(index), index) for index in range(40))
    score = Score(96, make_notes(0, range(1, 41), 60, track=range(40)), tracks)
    assert midi_to_score(score_to_midi(score)) == score


def test_repeated_notes_end_before_they_start_again() -> None:
    score = Score(96, make_notes(range(0, 960, 96), 96, 60), (Track("x"),))
    assert midi_to_score(score_to_midi(score)) == score


def test_score_without_notes_is_read_as_such() -> None:
    assert midi_to_score(score_to_midi(Score(480, tempi=(Tempo(0, 500_000),)))).n_notes == 0
    assert midi_to_score(midi(END_OF_TRACK)).n_notes == 0


def test_tracks_without_notes_are_left_out_and_notes_renumbered() -> None:
    score = midi_to_score(midi(END_OF_TRACK, NOTE + END_OF_TRACK))
    assert score.tracks == (Track(),)
    assert score.notes["track"].tolist() == [0]


def test_note_of_no_length_gets_one_tick() -> None:
    score = midi_to_score(midi(b"\x00\x90\x3c\x40\x00\x80\x3c\x40" + END_OF_TRACK))
    assert score.notes["duration_ticks"].tolist() == [1]


def test_riff_wrapper_is_taken_off() -> None:
    data = midi(NOTE + END_OF_TRACK)
    riff = b"RIFF" + (len(data) + 12).to_bytes(4, "little") + b"RMIDdata" + len(data).to_bytes(4, "little") + data
    assert midi_to_score(riff) == midi_to_score(data)


LONG_REST = b"\xff\xff\xff\x7f\xff\x01\x00"  # an empty text after 2^28 - 1 ticks

DAMAGED = {
    "empty": (b"", "the file is empty; expected a MIDI or MusicXML file"),
    "text": (b"dear diary, today", "not a MIDI file: it starts with b'dear diary, '"),
    "half a header": (midi(NOTE)[:10], "truncated: 10 bytes, and the header of a MIDI file takes 14"),
    "odd header": (midi(NOTE, midi_type=7), r"damaged MIDI header \(size 6, type 7\)"),
    "type 2": (midi(NOTE, midi_type=2), r"MIDI type 2 \(independent patterns\) is not supported"),
    "SMPTE": (midi(NOTE, division=b"\xe7\x28"), "time is counted in SMPTE frames"),
    "no ticks": (midi(NOTE, division=b"\x00\x00"), "damaged: 0 ticks per quarter note"),
    "cut in a track": (
        midi(NOTE + END_OF_TRACK)[:-3],
        "truncated: it promises 1 tracks, and the bytes end in number 1",
    ),
    "cut after a track": (midi(NOTE + END_OF_TRACK, n_tracks=2), "it promises 2 tracks, and the bytes end in number 2"),
    "data byte over 127": (
        midi(b"\x00\x90\x3c\xb6" + END_OF_TRACK),
        r"damaged \(Get velocity=182\); export the file again",
    ),
    "too long": (midi(LONG_REST + NOTE), r"its times overflow: tick 268435551, and the last is 268435455"),
    "wrapped": (midi(LONG_REST * 9 + NOTE), "its times overflow: tick -"),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_damaged_file_is_one_clear_error(name: str) -> None:
    data, message = DAMAGED[name]
    with pytest.raises(ScoreError, match=message):
        midi_to_score(data)


def test_too_many_notes_are_refused() -> None:
    with pytest.raises(ScoreError, match=r"too large: 4 notes; raise max_notes \(now 3\)"):
        midi_to_score(score_to_midi(SCORE), max_notes=3)


def test_pedals_and_bends_are_counted_and_pedals_lengthen_notes_where_asked() -> None:
    down, up, bend = b"\x00\xb0\x40\x7f", b"\x81\x70\xb0\x40\x00", b"\x00\xe0\x00\x50"
    data = midi(down + NOTE + b"\x00\x90\x3c\x40\x60\x80\x3c\x40" + bend + up)
    score = midi_to_score(data)
    assert score.remarks == (
        "the sustain pedal, pressed 1 times, is left out; --sustain lets it lengthen notes",
        "1 pitch bends are left out",
    )
    assert score.notes["duration_ticks"].tolist() == [96, 96]
    held = midi_to_score(data, sustain=True)
    assert held.notes["duration_ticks"].tolist() == [96, 336]  # until it is struck again; until the pedal is released
    assert held.remarks == ("1 pitch bends are left out",)
