"""Scores as JSON, for programs in any language: notes in ticks, beats and seconds; and back."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from audio_lstm.errors import ScoreError
from audio_lstm.music.score.key_finding import key_name
from audio_lstm.music.score.score import KeySignature, Score, Tempo, TimeSignature, Track, make_notes

__all__ = ["FORMAT", "read_score_json", "score_from_json", "score_to_json"]

FORMAT = "audio-lstm score 1"
"""The value of "format": another number will mean another layout."""

_NOTE_FIELDS = ("start_ticks", "duration_ticks", "pitch", "velocity", "track")


def score_to_json(score: Score, *, facts: Mapping[str, Any] | None = None) -> str:
    """A score as a JSON document.

    Args:
        score: what to write.
        facts: JSON values that go into "facts", such as how the piece was composed.

    Returns:
        One object, a line a note: ticks say exactly where a note lies, beats (quarters) and seconds the same in other
        units.
    """
    quarter = score.ticks_per_quarter
    starts_s = score.seconds_at(score.notes["start_ticks"])
    ends_s = score.seconds_at(score.notes["start_ticks"] + score.notes["duration_ticks"])
    notes = [
        {
            **{name: int(note[name]) for name in _NOTE_FIELDS},
            "start_beats": round(int(note["start_ticks"]) / quarter, 6),
            "duration_beats": round(int(note["duration_ticks"]) / quarter, 6),
            "start_s": round(float(start_s), 6),
            "duration_s": round(float(end_s - start_s), 6),
        }
        for note, start_s, end_s in zip(score.notes, starts_s, ends_s, strict=True)
    ]
    head = {
        "format": FORMAT,
        "ticks_per_quarter": quarter,
        "duration_s": round(score.duration_s, 6),
        "tracks": [{"name": t.name, "program": t.program, "is_drum": t.is_drum} for t in score.tracks],
        "tempi": [
            {"tick": t.tick, "microseconds_per_quarter": t.microseconds_per_quarter, "bpm": round(t.bpm, 6)}
            for t in score.tempi
        ],
        "time_signatures": [
            {"tick": m.tick, "numerator": m.numerator, "denominator": m.denominator} for m in score.time_signatures
        ],
        "key_signatures": [
            {"tick": k.tick, "sharps": k.sharps, "is_minor": k.is_minor, "name": key_name(k)}
            for k in score.key_signatures
        ],
        "facts": dict(facts or {}),
    }
    lines = [f"{json.dumps(name)}: {json.dumps(value, ensure_ascii=False)}," for name, value in head.items()]
    rows = ",\n".join(f"  {json.dumps(note)}" for note in notes)
    return "\n".join(["{", *lines, f'"notes": [\n{rows}\n]', "}", ""])


def score_from_json(text: str | bytes) -> Score:
    """The score of a document that `score_to_json` wrote; of each time, only the ticks count.

    Args:
        text: the document.

    Returns:
        The score, equal to the one that was written.

    Raises:
        ScoreError: it is no JSON, of another format, or a value is missing or out of range.
    """
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ScoreError(f"not a JSON document ({error}); save the score again") from error
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        found = document.get("format") if isinstance(document, dict) else type(document).__name__
        raise ScoreError(f'JSON, but not a score: expected "format": "{FORMAT}", got {found!r}')
    try:
        rows = [[note[name] for name in _NOTE_FIELDS] for note in document["notes"]]
        if not all(isinstance(value, int) for row in rows for value in row):
            raise ScoreError("a damaged score in JSON (a value of a note is not a whole number); save it again")
        columns = list(zip(*rows, strict=True)) or [()] * len(_NOTE_FIELDS)
        return Score(
            ticks_per_quarter=document["ticks_per_quarter"],
            notes=make_notes(*columns),
            tracks=tuple(Track(t["name"], t["program"], t["is_drum"]) for t in document["tracks"]),
            tempi=tuple(Tempo(t["tick"], t["microseconds_per_quarter"]) for t in document["tempi"]),
            time_signatures=tuple(
                TimeSignature(m["tick"], m["numerator"], m["denominator"]) for m in document["time_signatures"]
            ),
            key_signatures=tuple(
                KeySignature(k["tick"], k["sharps"], k["is_minor"]) for k in document["key_signatures"]
            ),
        )
    except (KeyError, TypeError, OverflowError) as error:
        reason = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise ScoreError(f"a damaged score in JSON ({reason}); save it again") from error


def read_score_json(path: str | os.PathLike[str], *, max_bytes: int = 256 << 20) -> Score:
    """The score in a file that was saved as .json.

    Args:
        path: the file.
        max_bytes: larger files are refused; a note takes about 200 bytes.

    Returns:
        The score.

    Raises:
        ScoreError: there is no such file, it is too large, or it holds no score.
    """
    source = Path(path)
    if not source.is_file():
        raise ScoreError(f"{source}: no such file; check the path")
    try:
        with source.open("rb") as file:
            data = file.read(max_bytes + 1)
    except OSError as error:
        raise ScoreError(f"{source}: cannot be opened ({error.strerror or error}); check its permissions") from error
    if len(data) > max_bytes:
        raise ScoreError(f"{source}: too large: more than {max_bytes} bytes; raise max_bytes to read it")
    try:
        return score_from_json(data)
    except ScoreError as error:
        raise ScoreError(f"{source}: {error}") from error
