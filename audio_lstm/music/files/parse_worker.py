"""The process that reads scores from untrusted bytes: if one crashes the parser, only this process dies.

Started by files.py and spoken to in the frames of audio_lstm/workers.py. A request is `{"max_notes": n}`, perhaps with
"tune" and "sustain", and the file; the answer is the score's tables and its notes packed, or `{"error": text}`. With
`"all": true` the answer is `{"pieces": [such tables with the size of their notes, ...]}` and the notes of all pieces,
end to end.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from audio_lstm.errors import ScoreError
from audio_lstm.music.files.abc.book import is_abc
from audio_lstm.music.files.abc.text import abc_to_score, abc_to_scores
from audio_lstm.music.files.midi_bytes import midi_to_score
from audio_lstm.music.files.musicxml.file import is_musicxml
from audio_lstm.music.files.musicxml.reader import musicxml_to_score
from audio_lstm.music.score.score import NOTE_DTYPE, KeySignature, Score, Tempo, TimeSignature, Track
from audio_lstm.workers import Requests, limit_memory

__all__ = [
    "frame_to_score",
    "main",
    "parse_bytes",
    "parse_pieces",
    "score_to_frame",
]

_NO_MEMORY = "too large: reading it takes more memory than allowed; raise max_memory_bytes"

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


def score_to_frame(score: Score) -> tuple[dict[str, Any], bytes]:
    """A score as a frame's header (all but the notes, as JSON values) and payload (the notes)."""
    header = {
        "ticks_per_quarter": score.ticks_per_quarter,
        "tracks": [[track.name, track.program, track.is_drum] for track in score.tracks],
        "tempi": [[tempo.tick, tempo.microseconds_per_quarter] for tempo in score.tempi],
        "time_signatures": [[m.tick, m.numerator, m.denominator] for m in score.time_signatures],
        "key_signatures": [[key.tick, key.sharps, key.is_minor] for key in score.key_signatures],
        "remarks": list(score.remarks),
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
        remarks=tuple(header["remarks"]),
    )


def parse_bytes(data: bytes, *, max_notes: int, tune: str | None = None, sustain: bool = False) -> Score:
    """The music in a file's bytes, whatever its name says: MIDI, MusicXML, compressed MusicXML, or ABC.

    Args:
        data: the whole file.
        max_notes: more than this are refused.
        tune: of an ABC file with several, which one: its X: number or its title; None: the first.
        sustain: of MIDI, whether the sustain pedal lengthens notes.

    Returns:
        The score, which may have no notes. What cannot be read, or has too many notes, is a ScoreError.
    """
    if is_musicxml(data):
        return musicxml_to_score(data, max_notes=max_notes)
    if is_abc(data):
        return _checked(abc_to_score(data, tune), max_notes)
    return midi_to_score(data, max_notes=max_notes, sustain=sustain)


def parse_pieces(data: bytes, *, max_notes: int, sustain: bool = False) -> list[Score | ScoreError]:
    """All pieces in a file's bytes: the tunes of an ABC file, or the one piece of another.

    Args:
        data: the whole file.
        max_notes: pieces of more are refused.
        sustain: as for `parse_bytes`.

    Returns:
        Each piece, or what is wrong with it.
    """
    pieces: list[Score | ScoreError] = []
    try:
        if is_musicxml(data) or not is_abc(data):
            return [parse_bytes(data, max_notes=max_notes, sustain=sustain)]
        for name, piece in abc_to_scores(data):
            try:
                pieces.append(_checked(piece, max_notes))
            except ScoreError as error:
                pieces.append(ScoreError(f"{name}: {error}" if name else str(error)))
    except ScoreError as error:
        pieces.append(error)
    except MemoryError:
        pieces.append(ScoreError(_NO_MEMORY))
    return pieces


def _checked(piece: Score | ScoreError, max_notes: int) -> Score:
    if isinstance(piece, ScoreError):
        raise piece
    if piece.n_notes > max_notes:
        raise ScoreError(f"too large: {piece.n_notes} notes, more than {max_notes}; raise max_notes to read it")
    return piece


def _answer(request: dict[str, Any], data: bytes) -> tuple[dict[str, Any], bytes]:
    limits = {"max_notes": request["max_notes"], "sustain": request.get("sustain", False)}
    if request.get("all"):
        frames = [
            ({"error": str(piece)}, b"") if isinstance(piece, ScoreError) else score_to_frame(piece)
            for piece in parse_pieces(data, **limits)
        ]
        pieces = [{**header, "n_bytes": len(payload)} for header, payload in frames]
        return {"pieces": pieces}, b"".join(payload for _, payload in frames)
    try:
        return score_to_frame(parse_bytes(data, tune=request.get("tune"), **limits))
    except ScoreError as error:
        return {"error": str(error)}, b""
    except MemoryError:
        return {"error": _NO_MEMORY}, b""


def main(max_memory_bytes: int, timeout_s: float) -> None:
    """Answer requests until the other side closes the pipe.

    Args:
        max_memory_bytes: the address space that this process may use.
        timeout_s: this process ends itself when a request takes longer.
    """
    limit_memory(max_memory_bytes)
    requests = Requests(timeout_s=timeout_s)
    for header, data in requests:
        requests.answer(*_answer(header, data))


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]))
