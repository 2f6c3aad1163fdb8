"""MIDI files that symusic reads wrongly or not at all, written anew event by event with what cannot be read left out.

Slow beside symusic, so it is only asked where something is known to be wrong: see midi_bytes.py. Running status goes on
behind SysEx and meta events, against the standard's word, as sequencers write it and players play it; names become
UTF-8 (see name_text.py).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from audio_lstm.errors import ScoreError
from audio_lstm.music.score.name_text import guess_text

__all__ = ["has_running_sysex", "repair_midi"]

_DATA_BYTES = {0x8: 2, 0x9: 2, 0xA: 2, 0xB: 2, 0xC: 1, 0xD: 1, 0xE: 2}  # behind each kind of status
_SYSTEM_BYTES = {0xF1: 1, 0xF2: 2, 0xF3: 1}
_END, _TEMPO, _METRE, _KEY = 0x2F, 0x51, 0x58, 0x59
_TEXTS = range(0x01, 0x10)
_MAX_METRE_POWER = 7


@dataclass
class _Events:
    """The events of a chunk that are kept."""

    rows: list[tuple[int, bytes]] = field(default_factory=list)  # tick, bytes with their status
    texts: dict[int, tuple[int, bytes]] = field(default_factory=dict)  # row -> kind, bytes of a text
    left_out: Counter[str] = field(default_factory=Counter)


def has_running_sysex(data: bytes) -> bool:
    """Whether a note stands behind a SysEx event without a status of its own.

    Args:
        data: A MIDI file.

    Returns:
        True where it may be so; cheap where there is no SysEx.
    """
    place = data.find(b"\xf0", 14)
    while place >= 0:
        size, after = _quantity(data, place + 1)
        end = after + size
        if size > 0 and end < len(data) and data[end - 1] == 0xF7:
            _, status = _quantity(data, end)
            if status < len(data) and data[status] < 0x80:
                return True
        place = data.find(b"\xf0", place + 1)
    return False


def repair_midi(data: bytes) -> tuple[bytes, tuple[str, ...]]:
    """A MIDI file with explicit statuses and UTF-8 names, without the events that mean nothing.

    Args:
        data: A file whose chunks are whole.

    Returns:
        The file, and a line for each kind of events that is left out; damaged events are a ScoreError.
    """
    position = 8 + int.from_bytes(data[4:8])
    chunks: list[_Events] = []
    while position + 8 <= len(data):
        size = int.from_bytes(data[position + 4 : position + 8])
        if data[position : position + 4] == b"MTrk":
            chunks.append(_read_events(data[position + 8 : position + 8 + size], len(chunks) + 1))
        position += 8 + size
    _name(chunks)
    left_out = sum((chunk.left_out for chunk in chunks), Counter[str]())
    header = data[8:10] + len(chunks).to_bytes(2) + data[12:14]
    body = b"".join(_chunk(b"MTrk", _written(chunk)) for chunk in chunks)
    remarks = tuple(
        f"{what}: left out" + (f" {number} times" if number > 1 else "") for what, number in sorted(left_out.items())
    )
    return _chunk(b"MThd", header) + body, remarks


def _read_events(data: bytes, number: int) -> _Events:
    found = _Events()
    place = tick = running = 0
    try:
        while place < len(data):
            delta, place = _quantity(data, place)
            tick += delta
            status = data[place]
            if status < 0x80:
                status = running
            else:
                place += 1
            if status >= 0xF0:
                place, ended = _read_system(found, data, place, status, tick)
                if ended:
                    break
                continue
            if not status:
                raise ScoreError(f"track {number} has a note without a status at byte {place}")
            running, stop = status, place + _DATA_BYTES[status >> 4]
            values = data[place:stop]
            if len(values) < stop - place or any(value > 0x7F for value in values):
                raise ScoreError(f"track {number} is damaged at byte {place}")
            found.rows.append((tick, bytes((status,)) + values))
            place = stop
    except IndexError as error:
        raise ScoreError(f"track {number} ends within an event") from error
    return found


def _read_system(found: _Events, data: bytes, place: int, status: int, tick: int) -> tuple[int, bool]:
    """A meta or system event: where the next event begins, and whether this was the last one."""
    if status in (0xF0, 0xF7):
        size, place = _quantity(data, place)
        return place + size, False
    if status != 0xFF:
        found.left_out[f"system message {status:02X} of a live stream"] += 1
        return place + _SYSTEM_BYTES.get(status, 0), False
    kind = data[place]
    size, place = _quantity(data, place + 1)
    value = data[place : place + size]
    if kind == _END:
        return place + size, True
    fault = _fault(kind, value)
    if len(value) < size:
        found.left_out["meta event that is cut off"] += 1
    elif fault:
        found.left_out[fault] += 1
    elif kind in _TEXTS:
        found.texts[len(found.rows)] = (kind, value)
        found.rows.append((tick, b""))
    elif kind in (_TEMPO, _METRE, _KEY):
        found.rows.append((tick, bytes((0xFF, kind)) + _written_quantity(size) + value))
    return place + size, False


def _fault(kind: int, value: bytes) -> str:
    """What is wrong with a meta event; "" for nothing."""
    if kind == _KEY and (len(value) != 2 or not -7 <= int.from_bytes(value[:1], signed=True) <= 7 or value[1] > 1):
        return f"key signature that no key has ({value.hex(' ')})"
    if kind == _METRE and (len(value) < 2 or not value[0] or value[1] > _MAX_METRE_POWER):
        return f"time signature that no metre has ({value.hex(' ')})"
    if kind == _TEMPO and (len(value) != 3 or not any(value)):
        return f"tempo that is none ({value.hex(' ')})"
    return ""


def _name(chunks: list[_Events]) -> None:
    """Write the texts as UTF-8; those that are not are all taken to be in one encoding."""
    foreign: list[bytes] = []
    for chunk in chunks:
        for kind, value in chunk.texts.values():
            if kind in (3, 4) and not _is_utf8(value):
                foreign.append(value)
    together = guess_text(b"\n".join(foreign)).split("\n")
    names = dict(zip(foreign, together, strict=False)) if len(together) == len(foreign) else {}
    for chunk in chunks:
        for row, (kind, value) in chunk.texts.items():
            text = (names.get(value) or guess_text(value)).encode()
            chunk.rows[row] = (chunk.rows[row][0], bytes((0xFF, kind)) + _written_quantity(len(text)) + text)


def _is_utf8(value: bytes) -> bool:
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True


def _written(events: _Events) -> bytes:
    now, parts = 0, []
    for tick, event in events.rows:
        parts.append(_written_quantity(tick - now) + event)
        now = tick
    return b"".join(parts) + b"\x00\xff\x2f\x00"


def _chunk(name: bytes, body: bytes) -> bytes:
    return name + len(body).to_bytes(4) + body


def _quantity(data: bytes, place: int) -> tuple[int, int]:
    """A number of a variable length, and where it ends."""
    value = 0
    for step in range(4):
        if place + step >= len(data):
            break
        byte = data[place + step]
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, place + step + 1
    return value, place + 4


def _written_quantity(value: int) -> bytes:
    parts = [value & 0x7F]
    while value := value >> 7:
        parts.append(value & 0x7F | 0x80)
    return bytes(reversed(parts))
