"""The bytes of a MIDI file <-> Score, through symusic, with the checks that it does not make.

symusic (about 100 times as fast as pretty_midi) can crash the process on a damaged file, and accepts files with
0 ticks per quarter; so bytes from outside are parsed in a worker process (see files.py), after the checks here.
There is no second parser for what symusic refuses: of 1,061 damaged files that it refused, mido read none, unless
told to clip bytes that cannot be data, and then it guesses notes.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audio_lstm.errors import ScoreError
from audio_lstm.music.files.midi_repair import has_running_sysex, repair_midi
from audio_lstm.music.score.bars import signatures_to_midi
from audio_lstm.music.score.score import (
    MAX_TICKS,
    NOTE_DTYPE,
    KeySignature,
    Score,
    Tempo,
    TimeSignature,
    Track,
)

__all__ = ["midi_to_score", "score_to_midi"]

_REPLACED = "\ufffd"  # what a decoder puts where it cannot read

_SYMUSIC_FIELDS = (
    ("start_ticks", "time"),
    ("duration_ticks", "duration"),
    ("pitch", "pitch"),
    ("velocity", "velocity"),
)


def midi_to_score(data: bytes, *, max_notes: int = 1_000_000, sustain: bool = False) -> Score:
    """The music in the bytes of a standard MIDI file of type 0 or 1.

    Tracks are split by track chunk, channel and program, and those without notes are left out; notes that
    overlap on one pitch end first in, first out; a note of no length gets one tick; notes that are never ended
    and lyrics are left out (all as symusic does). Metres, keys and tempi of all chunks are merged. Events that
    mean nothing, chunks of other kinds, pedals and pitch bends are left out and named in the score's `remarks`.

    Args:
        data: a whole file; a RIFF wrapper (.rmi) is taken off.
        max_notes: more than this are refused.
        sustain: notes last until the sustain pedal is released, or until their pitch is struck again.

    Returns:
        The score; it may be empty (`n_notes == 0`).

    Raises:
        ScoreError: it is no MIDI file, or is truncated, damaged, too large, or counts time in SMPTE frames.
    """
    data, remarks = _checked_chunks(_without_riff(data))
    if has_running_sysex(data):
        data, said = repair_midi(data)
        remarks += said
    try:
        score = _parsed(data, sustain=sustain)
    except (RuntimeError, ValueError, ScoreError) as error:
        score, said = _repaired(data, error, sustain=sustain)
        remarks += said
    if any(_REPLACED in track.name for track in score.tracks):  # a name that is not UTF-8
        score, said = _repaired(data, None, sustain=sustain)
        remarks += said
    if score.n_notes > max_notes:
        raise ScoreError(f"too large: {score.n_notes} notes; raise max_notes (now {max_notes}) to read it")
    return replace(score, remarks=(*remarks, *score.remarks)) if remarks else score


def _parsed(data: bytes, *, sustain: bool) -> Score:
    import symusic

    return _from_symusic(symusic.Score.from_midi(data), sustain=sustain)


def _repaired(data: bytes, cause: Exception | None, *, sustain: bool) -> tuple[Score, tuple[str, ...]]:
    """The score of a file that is written anew, and what was left out; if that fails, the first complaint counts."""
    try:
        data, remarks = repair_midi(data)
        return _parsed(data, sustain=sustain), remarks
    except (RuntimeError, ValueError, ScoreError) as error:
        reason = " ".join(str(cause or error).split())
        raise ScoreError(f"damaged ({reason}); export the file again") from error


def score_to_midi(score: Score) -> bytes:
    """A MIDI file of type 1: one chunk a track, with its name and program; tempi, metres and keys in the first.

    Drums go to channel 10, other tracks to the channels in turn (past 15 of them they share). Reading it back
    gives the same notes, except those that MIDI cannot tell apart: of two notes of one track and pitch, where
    one starts and ends inside the other, the ends are exchanged. Tracks without notes are not read back.

    Args:
        score: what to write.

    Returns:
        The bytes of the file.
    """
    import symusic

    written = symusic.Score(score.ticks_per_quarter)
    for index, track in enumerate(score.tracks):
        notes = score.notes[score.notes["track"] == index]
        part = symusic.Track(track.name, track.program, track.is_drum)
        part.notes = type(part.notes).from_numpy(
            notes["start_ticks"].astype(np.int32),
            notes["duration_ticks"].astype(np.int32),
            notes["pitch"].astype(np.int8),
            notes["velocity"].astype(np.int8),
        )
        written.tracks.append(part)
    for tempo in score.tempi:
        written.tempos.append(symusic.Tempo(tempo.tick, mspq=tempo.microseconds_per_quarter))
    for metre in signatures_to_midi(score.time_signatures, score.ticks_per_quarter):
        written.time_signatures.append(symusic.TimeSignature(metre.tick, metre.numerator, metre.denominator))
    for key in score.key_signatures:
        written.key_signatures.append(symusic.KeySignature(key.tick, key.sharps, int(key.is_minor)))
    return bytes(written.dumps_midi())


def _without_riff(data: bytes) -> bytes:
    """What is in the `data` chunk of an .rmi file, which may stand behind lists of other things."""
    if data[:4] != b"RIFF" or data[8:12] != b"RMID":
        return data
    position = 12
    while position + 8 <= len(data):
        size = int.from_bytes(data[position + 4 : position + 8], "little")
        if data[position : position + 4] == b"data":
            return data[position + 8 : position + 8 + size]
        position += 8 + size + size % 2
    raise ScoreError("a RIFF file without MIDI data in it; save it as .mid")


def _checked_chunks(data: bytes) -> tuple[bytes, tuple[str, ...]]:
    """Walk the chunks, so that what is wrong can be said before any parser guesses; others than tracks are dropped."""
    _check_header(data)
    header_size, n_tracks = int.from_bytes(data[4:8]), int.from_bytes(data[10:12])
    position, n_chunks = 8 + header_size, 0
    tracks: list[bytes] = []
    others: list[str] = []
    while n_chunks < n_tracks or (len(tracks) < n_tracks and position + 8 <= len(data)):
        left = len(data) - position - 8
        size = int.from_bytes(data[position + 4 : position + 8])
        if left < 0 or size > left:
            promise = f"it promises {n_tracks} tracks, and the bytes end in number {n_chunks + 1}"
            raise ScoreError(f"truncated: {promise}; copy or export the file again")
        if data[position : position + 4] == b"MTrk":
            tracks.append(data[position : position + 8 + size])
        else:
            others.append(data[position : position + 4].decode("latin-1"))
        n_chunks += 1
        position += 8 + size
    if not others:
        return data, ()
    header = data[:4] + (6).to_bytes(4) + data[8:10] + len(tracks).to_bytes(2) + data[12:14]
    return header + b"".join(tracks), (f"chunks that are no tracks: left out ({', '.join(others)})",)


def _check_header(data: bytes) -> None:
    if not data:
        raise ScoreError("the file is empty; expected a MIDI or MusicXML file")
    if data[:4] != b"MThd":
        raise ScoreError(f"not a MIDI file: it starts with {data[:12]!r}, not with b'MThd'")
    if len(data) < 14:
        raise ScoreError(f"truncated: {len(data)} bytes, and the header of a MIDI file takes 14; copy it again")
    header_size, midi_type, division = (int.from_bytes(part) for part in (data[4:8], data[8:10], data[12:14]))
    if header_size < 6 or midi_type > 2:
        raise ScoreError(f"damaged MIDI header (size {header_size}, type {midi_type}); export the file again")
    if midi_type == 2:
        raise ScoreError("MIDI type 2 (independent patterns) is not supported; save it as type 0 or 1")
    if division & 0x8000:
        raise ScoreError("time is counted in SMPTE frames, not in ticks per quarter; save it with ticks")
    if division == 0:
        raise ScoreError("damaged: 0 ticks per quarter note, so no note has a time; export the file again")


def _from_symusic(parsed: Any, *, sustain: bool) -> Score:
    parts = [(track, track.notes.numpy()) for track in parsed.tracks if len(track.notes)]
    sizes = [len(fields["time"]) for _, fields in parts]
    notes = np.empty(sum(sizes), NOTE_DTYPE)
    if parts:
        for name, field in _SYMUSIC_FIELDS:
            notes[name] = np.concatenate([fields[field] for _, fields in parts])
        notes["track"] = np.repeat(np.arange(len(parts)), sizes)
        _check_ticks(notes["start_ticks"], notes["duration_ticks"])
        for name in ("duration_ticks", "velocity"):
            notes[name] = np.maximum(notes[name], 1)
        if sustain:
            for index, (track, _) in enumerate(parts):
                _sustain(notes, notes["track"] == index, track.pedals)
    return Score(
        ticks_per_quarter=parsed.ticks_per_quarter,
        notes=notes,
        tracks=tuple(Track(track.name, track.program, track.is_drum) for track, _ in parts),
        tempi=tuple(Tempo(event.time, event.mspq) for event in parsed.tempos),
        time_signatures=tuple(
            TimeSignature(event.time, event.numerator, event.denominator) for event in parsed.time_signatures
        ),
        key_signatures=tuple(
            KeySignature(event.time, event.key, bool(event.tonality)) for event in parsed.key_signatures
        ),
        remarks=_dropped(parsed, sustain=sustain),
    )


def _dropped(parsed: Any, *, sustain: bool) -> tuple[str, ...]:
    """Pedals and bends, counted."""
    n_pedals = 0 if sustain else sum(len(track.pedals) for track in parsed.tracks)
    n_bends = sum(len(track.pitch_bends) for track in parsed.tracks)
    said = []
    if n_pedals:
        said.append(f"the sustain pedal, pressed {n_pedals} times, is left out; --sustain lets it lengthen notes")
    if n_bends:
        said.append(f"{n_bends} pitch bends are left out")
    return tuple(said)


def _sustain(notes: NDArray[Any], chosen: NDArray[np.bool_], pedals: Any) -> None:
    """Lengthen the chosen notes that end while the pedal is down."""
    if not len(pedals):
        return
    pressed = np.array([pedal.time for pedal in pedals], np.int64)
    released = pressed + np.array([pedal.duration for pedal in pedals], np.int64)
    places = np.flatnonzero(chosen)
    places = places[np.lexsort((notes["start_ticks"][places], notes["pitch"][places]))]
    part = notes[places]
    ends = part["start_ticks"] + part["duration_ticks"]
    during = np.searchsorted(pressed, ends, side="right") - 1
    held = np.where(during >= 0, released[during], 0)
    again = np.append(part["start_ticks"][1:], MAX_TICKS)  # where the same pitch is struck next
    again[np.append(part["pitch"][1:] != part["pitch"][:-1], True)] = MAX_TICKS
    notes["duration_ticks"][places] = np.maximum(ends, np.minimum(held, again)) - part["start_ticks"]


def _check_ticks(start: NDArray[np.int64], duration: NDArray[np.int64]) -> None:
    worst = min(int(start.min()), int(duration.min()))
    last = int((start + duration).max())
    if worst < 0 or last > MAX_TICKS:
        found = worst if worst < 0 else last
        raise ScoreError(f"its times overflow: tick {found}, and the last is {MAX_TICKS}")
