"""The bytes of a MIDI file <-> Score, through symusic, with the checks that it does not make.

symusic (about 100 times as fast as pretty_midi) can crash the process on a damaged file, and accepts files with
0 ticks per quarter; so bytes from outside are parsed in a worker process (see files.py), after the checks here.
There is no second parser for what symusic refuses: of 1,061 damaged files that it refused, mido read none, unless
told to clip bytes that cannot be data, and then it guesses notes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from audio_lstm.errors import ScoreError
from audio_lstm.music.bars import signatures_of_midi, signatures_to_midi
from audio_lstm.music.score import (
    MAX_TICKS,
    NOTE_DTYPE,
    KeySignature,
    Score,
    Tempo,
    TimeSignature,
    Track,
)

__all__ = ["midi_to_score", "score_to_midi"]

_SYMUSIC_FIELDS = (
    ("start_ticks", "time"),
    ("duration_ticks", "duration"),
    ("pitch", "pitch"),
    ("velocity", "velocity"),
)


def midi_to_score(data: bytes, *, max_notes: int = 1_000_000) -> Score:
    """The music in the bytes of a standard MIDI file of type 0 or 1.

    Tracks are split by track chunk, channel and program, and those without notes are left out; notes that
    overlap on one pitch end first in, first out; a note of no length gets one tick; notes that are never ended,
    pedals, bends and lyrics are left out (all as symusic does). Metres, keys and tempi of all chunks are merged.

    Args:
        data: a whole file; a RIFF wrapper (.rmi) is taken off.
        max_notes: more than this are refused.

    Returns:
        The score; it may be empty (`n_notes == 0`).

    Raises:
        ScoreError: it is no MIDI file, or is truncated, damaged, too large, or counts time in SMPTE frames.
    """
    data = _without_riff(data)
    _check_chunks(data)
    import symusic

    try:
        score = _from_symusic(symusic.Score.from_midi(data))
    except (RuntimeError, ValueError, ScoreError) as error:
        reason = " ".join(str(error).split())
        raise ScoreError(f"damaged ({reason}); export the file again") from error
    if score.n_notes > max_notes:
        raise ScoreError(f"too large: {score.n_notes} notes; raise max_notes (now {max_notes}) to read it")
    return score


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
    if data[:4] == b"RIFF" and data[8:12] == b"RMID" and data[12:16] == b"data":
        return data[20 : 20 + int.from_bytes(data[16:20], "little")]
    return data


def _check_chunks(data: bytes) -> None:
    """Walk the chunks, so that what is wrong can be said before any parser guesses."""
    if not data:
        raise ScoreError("the file is empty; expected a MIDI or MusicXML file")
    if data[:4] != b"MThd":
        raise ScoreError(f"not a MIDI file: it starts with {data[:12]!r}, not with b'MThd'")
    if len(data) < 14:
        raise ScoreError(f"truncated: {len(data)} bytes, and the header of a MIDI file takes 14; copy it again")
    header_size = int.from_bytes(data[4:8])
    midi_type, n_tracks = int.from_bytes(data[8:10]), int.from_bytes(data[10:12])
    division = int.from_bytes(data[12:14])
    if header_size < 6 or midi_type > 2:
        raise ScoreError(f"damaged MIDI header (size {header_size}, type {midi_type}); export the file again")
    if midi_type == 2:
        raise ScoreError("MIDI type 2 (independent patterns) is not supported; save it as type 0 or 1")
    if division & 0x8000:
        raise ScoreError("time is counted in SMPTE frames, not in ticks per quarter; save it with ticks")
    if division == 0:
        raise ScoreError("damaged: 0 ticks per quarter note, so no note has a time; export the file again")
    position, n_found = 8 + header_size, 0
    while n_found < n_tracks:
        left = len(data) - position - 8
        size = int.from_bytes(data[position + 4 : position + 8])
        if left < 0 or size > left:
            promise = f"it promises {n_tracks} tracks, and the bytes end in number {n_found + 1}"
            raise ScoreError(f"truncated: {promise}; copy or export the file again")
        n_found += data[position : position + 4] == b"MTrk"
        position += 8 + size


def _from_symusic(parsed: Any) -> Score:
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
    metres = [TimeSignature(event.time, event.numerator, event.denominator) for event in parsed.time_signatures]
    metres = sorted({metre.tick: metre for metre in metres}.values(), key=lambda metre: metre.tick)
    return Score(
        ticks_per_quarter=parsed.ticks_per_quarter,
        notes=notes,
        tracks=tuple(Track(track.name, track.program, track.is_drum) for track, _ in parts),
        tempi=tuple(Tempo(event.time, event.mspq) for event in parsed.tempos),
        time_signatures=signatures_of_midi(metres, parsed.ticks_per_quarter),
        key_signatures=tuple(
            KeySignature(event.time, event.key, bool(event.tonality)) for event in parsed.key_signatures
        ),
    )


def _check_ticks(start: NDArray[np.int64], duration: NDArray[np.int64]) -> None:
    worst = min(int(start.min()), int(duration.min()))
    last = int((start + duration).max())
    if worst < 0 or last > MAX_TICKS:
        found = worst if worst < 0 else last
        raise ScoreError(f"its times overflow: tick {found}, and the last is {MAX_TICKS}")
