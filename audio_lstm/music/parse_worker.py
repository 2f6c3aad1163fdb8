"""The process that reads scores from untrusted bytes: if one crashes the parser, only this process dies.

`python -m audio_lstm.music.parse_worker` is started by files.py and spoken to over its stdin and stdout, with
no pickle and no multiprocessing, so that a user's script needs no `__main__` guard. A frame is two little-endian
uint32 (sizes in bytes), a JSON object, and raw bytes. A request is `{"max_notes": n}` + the file; the answer is
the score's tables + its notes packed, or `{"error": text}`, or `{"missing": package}`.
"""

from __future__ import annotations

import base64
import io
import json
import os
import struct
import sys
import zipfile
import zlib
from dataclasses import replace
from typing import Any, BinaryIO
from xml.parsers import expat

import numpy as np

from audio_lstm.errors import MissingDependencyError, ScoreError
from audio_lstm.music.abc_text import abc_to_score, is_abc
from audio_lstm.music.midi_bytes import midi_to_score
from audio_lstm.music.musicxml_dynamics import with_dynamics
from audio_lstm.music.score import NOTE_DTYPE, KeySignature, Score, Tempo, TimeSignature, Track
from audio_lstm.music.worker_process import Deadline, limit_memory

__all__ = [
    "frame_to_score",
    "main",
    "parse_bytes",
    "read_frame",
    "score_to_frame",
    "write_frame",
]

_SIZES = struct.Struct("<II")

# NOTE_DTYPE with fields just wide enough: a third of the bytes, so that most scores fit into a pipe's buffer.
_PACKED = np.dtype(
    [
        ("start_ticks", np.uint32),
        ("duration_ticks", np.uint32),
        ("pitch", np.uint8),
        ("velocity", np.uint8),
        ("track", np.uint16),
    ]
)

# An engraved opera act is about 30 MB of MusicXML; a compressed file may not promise more than this.
_MAX_XML_BYTES = 64 << 20

_XML_STARTS = (b"<", b"\xef\xbb\xbf<", b"\xff\xfe<", b"\xfe\xff\x00<")


def write_frame(stream: BinaryIO, header: dict[str, Any], payload: bytes) -> None:
    """Send one frame.

    Args:
        stream: the other side's pipe.
        header: JSON values.
        payload: raw bytes.
    """
    text = json.dumps(header).encode()
    stream.write(_SIZES.pack(len(text), len(payload)) + text)
    stream.write(payload)
    stream.flush()


def read_frame(stream: BinaryIO) -> tuple[dict[str, Any], bytes] | None:
    """Receive one frame.

    Args:
        stream: the other side's pipe.

    Returns:
        Header and payload, or None where the other side has gone.
    """
    sizes = stream.read(_SIZES.size)
    if len(sizes) < _SIZES.size:
        return None
    n_text, n_payload = _SIZES.unpack(sizes)
    text, payload = stream.read(n_text), stream.read(n_payload)
    if len(text) < n_text or len(payload) < n_payload:
        return None
    return json.loads(text), payload


def score_to_frame(score: Score) -> tuple[dict[str, Any], bytes]:
    """A score as a frame's header (all but the notes, as JSON values) and payload (the notes)."""
    header = {
        "ticks_per_quarter": score.ticks_per_quarter,
        "tracks": [[track.name, track.program, track.is_drum] for track in score.tracks],
        "tempi": [[tempo.tick, tempo.microseconds_per_quarter] for tempo in score.tempi],
        "time_signatures": [[m.tick, m.numerator, m.denominator] for m in score.time_signatures],
        "key_signatures": [[key.tick, key.sharps, key.is_minor] for key in score.key_signatures],
    }
    return header, score.notes.astype(_PACKED).tobytes()


def frame_to_score(header: dict[str, Any], payload: bytes) -> Score:
    """The score of a frame, checked again.

    Args:
        header: what `score_to_frame` gave.
        payload: likewise.

    Returns:
        The score.
    """
    return Score(
        ticks_per_quarter=header["ticks_per_quarter"],
        notes=np.frombuffer(payload, _PACKED).astype(NOTE_DTYPE),
        tracks=tuple(Track(*row) for row in header["tracks"]),
        tempi=tuple(Tempo(*row) for row in header["tempi"]),
        time_signatures=tuple(TimeSignature(*row) for row in header["time_signatures"]),
        key_signatures=tuple(KeySignature(*row) for row in header["key_signatures"]),
    )


def parse_bytes(data: bytes, *, max_notes: int) -> Score:
    """The music in a file's bytes, whatever its name says: MIDI, MusicXML, compressed MusicXML, or ABC.

    Args:
        data: the whole file.
        max_notes: more than this are refused.

    Returns:
        The score, which may have no notes.

    Raises:
        ScoreError: It cannot be read, or has too many notes.
    """
    if data[:2] == b"PK":
        return _parse_musicxml(_unzip(data), max_notes=max_notes)
    if data.lstrip()[:4].startswith(_XML_STARTS):
        return _parse_musicxml(data, max_notes=max_notes)
    if is_abc(data):
        score = abc_to_score(data)
        if score.n_notes > max_notes:
            raise ScoreError(f"too large: {score.n_notes} notes, more than {max_notes}; raise max_notes to read it")
        return score
    return midi_to_score(data, max_notes=max_notes)


def _unzip(data: bytes) -> bytes:
    """The score inside an .mxl: the first XML outside META-INF, as exporters write it."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for member in archive.infolist():
                is_score = member.filename.lower().endswith((".xml", ".musicxml"))
                if not is_score or member.filename.startswith("META-INF"):
                    continue
                with archive.open(member) as file:
                    text = file.read(_MAX_XML_BYTES + 1)
                if len(text) > _MAX_XML_BYTES:
                    raise ScoreError(f"too large: more than {_MAX_XML_BYTES} bytes of MusicXML when unpacked")
                return text
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, RuntimeError) as error:
        raise ScoreError(f"damaged compressed MusicXML ({error}); copy or export the file again") from error
    raise ScoreError("a zip file without a MusicXML score in it; export the score again as .mxl or .musicxml")


def _check_xml(data: bytes) -> None:
    """Refuse what is not MusicXML before verovio sees it: it segfaults on some of that."""
    roots: list[str] = []

    def note_root(name: str, attributes: dict[str, str]) -> None:
        if not roots:
            roots.append(name)

    parser = expat.ParserCreate()
    parser.StartElementHandler = note_root
    try:
        parser.Parse(data, True)
    except (expat.ExpatError, ValueError) as error:
        raise ScoreError(f"damaged or truncated MusicXML ({error}); export the file again") from error
    if roots[0] not in ("score-partwise", "score-timewise"):
        raise ScoreError(f"XML, but not MusicXML: its root is <{roots[0]}>; export the score as MusicXML")


def _parse_musicxml(data: bytes, *, max_notes: int) -> Score:
    """Through verovio's MIDI: repeats are played out, tied notes joined, transposing parts sound as heard."""
    _check_xml(data)
    try:
        import verovio
    except ImportError as error:
        raise MissingDependencyError("reading MusicXML needs verovio: pip install 'audio-lstm[scores]'") from error
    data = with_dynamics(data)
    toolkit = verovio.toolkit()
    toolkit.setOptions({"breaks": "none"})  # without page layout it takes half the time
    if not toolkit.loadData(data.decode("utf-8-sig" if b"\x00" not in data[:4] else "utf-16")):
        raise ScoreError("verovio cannot read this MusicXML; export the file again")
    score = midi_to_score(base64.b64decode(toolkit.renderToMIDI()), max_notes=max_notes)
    notes = score.notes.copy()
    notes["duration_ticks"] += 1  # verovio ends every note one tick (of 120 a quarter) before its written end
    return replace(score, notes=notes)


def _answer(request: dict[str, Any], data: bytes) -> tuple[dict[str, Any], bytes]:
    try:
        score = parse_bytes(data, max_notes=request["max_notes"])
    except ScoreError as error:
        return {"error": str(error)}, b""
    except MissingDependencyError as error:
        return {"missing": str(error)}, b""
    except MemoryError:
        return {"error": "too large: reading it takes more memory than allowed; raise max_memory_bytes"}, b""
    return score_to_frame(score)


def main(max_memory_bytes: int, timeout_s: float) -> None:
    """Answer requests until the other side closes the pipe.

    Args:
        max_memory_bytes: the address space that this process may use.
        timeout_s: this process ends itself when a request takes longer.
    """
    limit_memory(max_memory_bytes)
    requests = sys.stdin.buffer
    answers = os.fdopen(os.dup(1), "wb")
    # Libraries print warnings to stdout, which would break the frames: send theirs to nowhere.
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 1)
        deadline = Deadline(timeout_s, nowhere)
        while (frame := read_frame(requests)) is not None:
            deadline.start()
            answer = _answer(*frame)
            deadline.stop()
            write_frame(answers, *answer)


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]))
