"""MIDI files that are read although something in them is wrong: what is left out is said."""

from __future__ import annotations

import io

import mido
import pytest

from audio_lstm.errors import ScoreError
from audio_lstm.music.files.midi_bytes import midi_to_score
from audio_lstm.music.files.midi_repair import has_running_sysex, repair_midi

NOTE = b"\x00\x90\x3c\x40\x60\x80\x3c\x40"


def midi(*tracks: bytes, n_tracks: int | None = None) -> bytes:
    count = len(tracks) if n_tracks is None else n_tracks
    chunks = (b"MTrk" + len(events).to_bytes(4) + events for events in tracks)
    return b"MThd" + (6).to_bytes(4) + (1).to_bytes(2) + count.to_bytes(2) + b"\x01\xe0" + b"".join(chunks)


def meta(kind: int, value: bytes) -> bytes:
    return bytes((0, 0xFF, kind, len(value))) + value


@pytest.mark.parametrize("between", [b"\x00\xf0\x05\x7e\x7f\x09\x01\xf7", b"\x00\xf0\x01\xf7"])
def test_running_status_goes_on_behind_sysex(between: bytes) -> None:
    data = midi(b"\x00\x90\x3c\x50\x60\x3c\x00" + between + b"\x00\x3e\x50\x60\x3e\x00")
    assert has_running_sysex(data)
    assert [(int(n["start_ticks"]), int(n["pitch"])) for n in midi_to_score(data).notes] == [(0, 60), (96, 62)]


def test_sysex_with_a_status_behind_it_needs_no_repair() -> None:
    assert not has_running_sysex(midi(b"\x00\xf0\x02\x01\xf7" + NOTE))
    assert not has_running_sysex(midi(NOTE))


@pytest.mark.parametrize(
    ("event", "said"),
    [
        (meta(0x59, b"\xf5\x00"), "key signature that no key has (f5 00): left out"),
        (meta(0x51, b"\x00\x00\x00"), "tempo that is none (00 00 00): left out"),
        (meta(0x58, b"\x00\x02\x18\x08"), "time signature that no metre has (00 02 18 08): left out"),
        (meta(0x58, b"\x04\x10\x18\x08") * 2, "time signature that no metre has (04 10 18 08): left out 2 times"),
    ],
)
def test_one_bad_meta_event_is_left_out_and_said(event: bytes, said: str) -> None:
    score = midi_to_score(midi(event + NOTE))
    assert score.n_notes == 1
    assert score.remarks == (said,)


def test_chunks_of_other_kinds_are_left_out_and_said() -> None:
    vendor = b"XFIH" + (4).to_bytes(4) + b"abcd"
    for data in (midi(NOTE, n_tracks=2) + vendor, midi(n_tracks=1) + vendor + midi(NOTE)[14:]):
        score = midi_to_score(data)
        assert score.n_notes == 1
        assert score.remarks == ("chunks that are no tracks: left out (XFIH)",)


def test_midi_data_is_found_behind_lists_in_a_riff_file() -> None:
    data = midi(NOTE)
    inside = b"RMIDLIST" + (5).to_bytes(4, "little") + b"INFO!\x00data" + len(data).to_bytes(4, "little") + data
    assert midi_to_score(b"RIFF" + len(inside).to_bytes(4, "little") + inside).n_notes == 1
    with pytest.raises(ScoreError, match=r"a RIFF file without MIDI data in it; save it as \.mid"):
        midi_to_score(b"RIFF" + (4).to_bytes(4, "little") + b"RMID")


@pytest.mark.parametrize(
    ("name", "encoding"),
    [
        ("Fl\u00f6te", "latin-1"),
        ("\u30d4\u30a2\u30ce", "shift_jis"),
        ("\u94a2\u7434", "gbk"),
        ("\u0421\u043a\u0440\u0438\u043f\u043a\u0430", "cp1251"),
    ],
)
def test_names_keep_their_letters(name: str, encoding: str) -> None:
    assert midi_to_score(midi(meta(3, name.encode(encoding)) + NOTE)).tracks[0].name == name


def test_what_is_written_anew_sounds_the_same_to_another_reader() -> None:
    data = midi(meta(3, b"A") + b"\x00\xc0\x05" + NOTE + b"\x00\xb0\x40\x7f\x83\x60\x90\x40\x50\x60\x40\x00")
    theirs, ours = (mido.MidiFile(file=io.BytesIO(one)) for one in (data, repair_midi(data)[0]))
    assert [str(m) for m in theirs.tracks[0]] == [str(m) for m in ours.tracks[0] if m.type != "end_of_track"]


def test_notes_without_a_status_are_refused() -> None:
    with pytest.raises(ScoreError, match="track 1 has a note without a status at byte 1"):
        repair_midi(midi(b"\x00\x3c\x40"))
    with pytest.raises(ScoreError, match="track 1 is damaged at byte 2"):
        repair_midi(midi(b"\x00\x90\x3c\xb6"))
    with pytest.raises(ScoreError, match="track 1 ends within an event"):
        repair_midi(midi(b"\x00"))
