"""The tunes of an ABC file as clean lines: decoded, without comments, text blocks and the free text between tunes.

After the ABC standard 2.1 (Walshaw 2011): a tune goes from its X: to an empty line, or to the next X:; fields at the
beginning of the file, up to an empty line, hold for all of its tunes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from audio_lstm.errors import ScoreError
from audio_lstm.music.score.name_text import guess_text

__all__ = ["AbcTune", "abc_tunes", "field_of", "is_abc", "pick_tune"]

_FIELD = re.compile(r"\s*([H-Yh-wy+]|[A-Ga-gxzZ](?=:(?![|:]))):(.*)")  # "d:|" and "D::" are music
_TUNE_START = re.compile(r"\s*X:\s*\d")
_BEGIN_BLOCK = re.compile(r"%%\s*begin(\w+)")
_SHARED_FIELDS = frozenset("ABCDFGHILMmNOQRrSUZ")  # what a file's header may hold
_MAX_NAMED = 6


@dataclass(frozen=True)
class AbcTune:
    """One tune of a file."""

    number: str  # its X:, "" where it has none
    title: str  # its first T:
    lines: tuple[tuple[int, str], ...]  # with their number in the file, from 1; the file's header comes first

    @property
    def name(self) -> str:
        """What messages call it."""
        return f"X:{self.number} {self.title}".strip()


def field_of(line: str) -> tuple[str, str] | None:
    """The letter and the value of a field's line; None for music.

    Args:
        line: A line of a tune.

    Returns:
        Such as ("K", "Em").
    """
    match = _FIELD.match(line)
    return (match[1], match[2].strip()) if match else None


def is_abc(data: bytes) -> bool:
    """Whether the bytes of a file are ABC: a line "X: number", or "K:" after other fields, before any music.

    Text may stand before the first tune, as in a letter; then a K: has to follow the X:.

    Args:
        data: The file, or its beginning.

    Returns:
        True for ABC.
    """
    if data[:4] in (b"MThd", b"RIFF") or data.lstrip()[:1] == b"<":
        return False
    letters: list[str] = []
    for line in re.split(r"\r\n|\r|\n", _decode(data[: 1 << 16])):
        field = None if line.startswith("%") else field_of(line)
        if _TUNE_START.match(line):
            if "text" not in letters:
                return True
            letters.append("X")
        elif field and field[0] == "K" and letters and ("text" not in letters or "X" in letters):
            return True
        elif line.strip() and not line.startswith("%"):
            letters.append(field[0] if field else "text")
    return False


def abc_tunes(data: bytes) -> tuple[AbcTune, ...]:
    """All tunes of a file.

    Args:
        data: The file: UTF-8, UTF-16 with its mark, or an older encoding, guessed or named by I:abc-charset.

    Returns:
        At least one.

    Raises:
        ScoreError: There is no tune in it.
    """
    lines = list(_clean(_decode(data)))
    starts = [place for place, (_, line) in enumerate(lines) if _TUNE_START.match(line)]
    header: list[tuple[int, str]] = []
    if not starts:
        starts = [next((place for place, (_, line) in enumerate(lines) if field_of(line)), len(lines))]
    else:
        header = _file_header(lines[: starts[0]])
    tunes = []
    for start, stop in zip(starts, [*starts[1:], len(lines)], strict=True):
        body = tuple(_up_to_empty(lines[start:stop]))
        fields = [field for _, line in body if (field := field_of(line))]
        number = next((value for letter, value in fields if letter == "X"), "")
        title = next((value for letter, value in fields if letter == "T"), "")
        if body:
            tunes.append(AbcTune(number.split()[0] if number else "", title, (*header, *body)))
    if not tunes:
        raise ScoreError("there is no ABC tune in it; a tune begins with X:1 and has a K:")
    return tuple(tunes)


def pick_tune(tunes: Sequence[AbcTune], wanted: str | None) -> AbcTune:
    """One tune by its X: number or its title.

    Args:
        tunes: Those of the file.
        wanted: Such as "3", or a title or a part of it, in either case; None: the first.

    Returns:
        The tune.

    Raises:
        ScoreError: None, or several, are called so.
    """
    if wanted is None:
        return tunes[0]
    asked = wanted.strip().lower().removeprefix("x:").strip()
    found = [tune for tune in tunes if tune.number == asked]
    found = found or [tune for tune in tunes if tune.title.lower() == asked]
    found = found or [tune for tune in tunes if asked and asked in tune.title.lower()]
    if not found:
        raise ScoreError(f"no tune {wanted!r} among its {_some(tunes)}; name one by its X: number or its title")
    if len({tune.lines for tune in found}) > 1:
        raise ScoreError(f"{wanted!r} names {_some(found)}; name one by its X: number or its whole title")
    return found[0]


def _some(tunes: Sequence[AbcTune]) -> str:
    names = ", ".join(tune.name for tune in tunes[:_MAX_NAMED])
    more = ", …" if len(tunes) > _MAX_NAMED else ""
    return f"{len(tunes)} tune{'s' if len(tunes) > 1 else ''} ({names}{more})"


def _decode(data: bytes) -> str:
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data[: len(data) // 2 * 2].decode("utf-16", "replace")
    named = re.search(rb"(?m)^(?:I:|%%)\s*(?:abc-)?charset\s+([\w.-]+)", data)
    return guess_text(data.removeprefix(b"\xef\xbb\xbf"), named[1].decode("ascii", "replace") if named else None)


def _clean(text: str) -> Iterator[tuple[int, str]]:
    """The lines without comments; of %%-lines those are left that say how the music sounds (as I: fields)."""
    block: str | None = None
    continued = False
    for number, raw in enumerate(re.split(r"\r\n|\r|\n", text), start=1):
        begin = _BEGIN_BLOCK.match(raw)
        if block is not None:
            if re.match(rf"%%\s*end{block}\b", raw):
                block = None
        elif continued or begin:
            block = begin[1] if begin else None
        elif re.match(r"%%\s*(MIDI|propagate-accidentals)\b", raw):
            yield number, f"I:{raw[2:].strip()}"
        elif not raw.startswith("%"):
            yield number, re.sub(r"(?<!\\)%.*", "", raw)
        continued = (continued or raw.startswith("%%")) and raw.rstrip().endswith("\\")


def _file_header(lines: Sequence[tuple[int, str]]) -> list[tuple[int, str]]:
    """The fields that hold for all tunes, if the file begins with nothing but such fields."""
    block: list[tuple[int, str]] = []
    for number, line in lines:
        field = field_of(line)
        if not line.strip() and not block:
            continue
        if field is None or field[0] not in _SHARED_FIELDS:
            return [] if line.strip() else block
        block.append((number, line))
    return block


def _up_to_empty(lines: Sequence[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    """An empty line ends a tune, but not before there is music."""
    started = in_body = False
    for number, line in lines:
        field = field_of(line)
        if not line.strip():
            if started:
                return
            continue
        started = started or (in_body and field is None)
        in_body = in_body or (field is not None and field[0] == "K")
        yield number, line
