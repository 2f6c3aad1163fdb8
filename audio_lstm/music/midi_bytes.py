"""The bytes of a MIDI file <-> Score: checks first, then symusic, then mido for what symusic refuses.

symusic (about 100 times as fast as pretty_midi) can crash the process on a damaged file, and accepts files with
0 ticks per quarter; so bytes from outside are parsed in a worker process (see files.py), after the checks here.
"""

from __future__ import annotations

import io
from collections import defaultdict, deque
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from audio_lstm.errors import ScoreError
from audio_lstm.music.score import (
    MAX_TICKS,
    NOTE_DTYPE,
    KeySignature,
    Score,
    Tempo,
    TimeSignature,
    Track,
)

if TYPE_CHECKING:
    import mido

__all__ = ["midi_to_score", "score_to_midi"]

# mido needs about 15 s and 0.8 GB a million events, and an event takes at least two bytes.
_MAX_MIDO_BYTES = 1 << 20

# What mido raises, besides its own KeySignatureError, on bytes that it cannot make sense of.
_MIDO_ERRORS = (OSError, EOFError, ValueError, LookupError, TypeError, AttributeError)

_DRUM_CHANNEL = 9

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
        parsed = symusic.Score.from_midi(data)
    except (RuntimeError, ValueError) as error:
        score = _read_with_mido(data, reason=str(error).splitlines()[0] if str(error) else "no reason given")
    else:
        score = _from_symusic(parsed)
    if score.n_notes > max_notes:
        raise ScoreError(f"too large: {score.n_notes} notes; at most {max_notes} are read (an option)")
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
    for metre in score.time_signatures:
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
    )


def _check_ticks(start: NDArray[np.int64], duration: NDArray[np.int64]) -> None:
    worst = min(int(start.min()), int(duration.min()))
    last = int((start + duration).max())
    if worst < 0 or last > MAX_TICKS:
        found = worst if worst < 0 else last
        raise ScoreError(f"damaged: its times overflow (tick {found}; the last is {MAX_TICKS}); export it again")


def _read_with_mido(data: bytes, *, reason: str) -> Score:
    """The slow, forgiving way, for small files that symusic refuses for `reason`."""
    if len(data) > _MAX_MIDO_BYTES:
        raise ScoreError(f"damaged ({reason}), and too large to try harder; export the file again")
    import mido

    try:
        file = mido.MidiFile(file=io.BytesIO(data), clip=True)
        return _from_mido(file.tracks, ticks_per_quarter=file.ticks_per_beat)
    except (*_MIDO_ERRORS, mido.KeySignatureError) as error:
        raise ScoreError(f"damaged ({reason}); export the file again") from error


def _from_mido(chunks: Iterable[Iterable[mido.Message]], *, ticks_per_quarter: int) -> Score:
    """What `_from_symusic` gives, from mido's messages."""
    tracks: list[Track] = []
    rows: list[tuple[int, int, int, int, int]] = []
    tempi: list[Tempo] = []
    metres: list[TimeSignature] = []
    keys: list[KeySignature] = []
    for chunk in chunks:
        now, name = 0, ""
        programs: dict[int, int] = defaultdict(int)
        indices: dict[tuple[int, int], int] = {}
        sounding: dict[tuple[int, int], deque[tuple[int, int, int]]] = defaultdict(deque)
        for message in chunk:
            now += message.time
            if message.type == "track_name":
                name = message.name
            elif message.type == "set_tempo":
                tempi.append(Tempo(now, message.tempo))
            elif message.type == "time_signature":
                metres.append(TimeSignature(now, message.numerator, message.denominator))
            elif message.type == "key_signature":
                keys.append(_key_from_name(now, message.key))
            elif message.type == "program_change":
                programs[message.channel] = message.program
            elif message.type == "note_on" and message.velocity > 0:
                slot = (message.channel, programs[message.channel])
                if slot not in indices:
                    indices[slot] = len(tracks)
                    tracks.append(Track(name, slot[1], message.channel == _DRUM_CHANNEL))
                sounding[message.channel, message.note].append((now, message.velocity, indices[slot]))
            elif message.type in ("note_on", "note_off") and sounding[message.channel, message.note]:
                start, velocity, track = sounding[message.channel, message.note].popleft()
                rows.append((start, max(now - start, 1), message.note, velocity, track))
    return _without_silent_tracks(
        Score(ticks_per_quarter, np.array(rows, NOTE_DTYPE), tuple(tracks), tuple(tempi), tuple(metres), tuple(keys))
    )


def _without_silent_tracks(score: Score) -> Score:
    used, track = np.unique(score.notes["track"], return_inverse=True)
    notes = score.notes.copy()
    notes["track"] = track
    return Score(
        score.ticks_per_quarter,
        notes,
        tuple(score.tracks[index] for index in used),
        score.tempi,
        score.time_signatures,
        score.key_signatures,
    )


def _key_from_name(tick: int, name: str) -> KeySignature:
    """Mido gives "C#m"; count fifths from C major or A minor."""
    is_minor = name.endswith("m")
    tonic = name.removesuffix("m")
    fifths = "FCGDAEB".index(tonic[0]) - 1 + 7 * (tonic.count("#") - tonic.count("b"))
    return KeySignature(tick, fifths - 3 * is_minor, is_minor)
