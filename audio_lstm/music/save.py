"""A score into a file of the kind that its name says: MIDI, sound, pictures, sheet music, data."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audio_lstm.atomic import atomic_write
from audio_lstm.errors import MissingDependencyError, ScoreError
from audio_lstm.music.files.files import write_midi
from audio_lstm.music.score.score import Score
from audio_lstm.music.sound.sound_files import SOUND_SUFFIXES, rate_for, write_sound

if TYPE_CHECKING:
    from audio_lstm.music.sheet.quantise import GridLoss

__all__ = ["SAVE_SUFFIXES", "SaveOptions", "check_save_path", "save_score", "written_loss"]

_WRITTEN_DOWN = (".svg", ".pdf", ".musicxml", ".mxl", ".xml", ".abc")

# Heavy imports live inside the writers: saving MIDI needs neither the synthesiser nor verovio.


@dataclass(frozen=True)
class SaveOptions:
    """What some kinds of files take besides the notes."""

    sample_rate: int = 44_100  # Hz, of sound; Opus is 48,000
    soundfont: str | os.PathLike[str] | None = (
        None  # .sf2 or .sf3, played by FluidSynth; None: the built-in synthesiser
    )
    title: str = ""  # of sheet music
    facts: Mapping[str, Any] = field(default_factory=dict)  # JSON values that go into a .json file besides the notes
    progress: Callable[[float, float], None] | None = None  # of sound: seconds done, and of how many


def save_score(score: Score, path: str | os.PathLike[str], options: SaveOptions | None = None) -> Path:
    """Write a score to a file, wholly or not at all; an old file is replaced.

    Examples:
        >>> from audio_lstm.music.files.files import read_score
        >>> path = save_score(read_score("song.mid"), "song.flac")

    Args:
        score: what to write.
        path: its ending says what is written, see `SAVE_SUFFIXES`.
        options: rate, sound font, title and more.

    Returns:
        The path.

    Raises:
        ScoreError: the suffix is none of these, the folder is missing, the score cannot be written so, or the disk is
            full.
    """
    target = check_save_path(path)
    try:
        _WRITERS[_kind(target)](score, target, options or SaveOptions())
    except OSError as error:
        reason = error.strerror or error
        raise ScoreError(f"{target}: cannot be written ({reason}); check its folder and permissions") from error
    return target


def check_save_path(path: str | os.PathLike[str]) -> Path:
    """The path, if a score can be written there: for callers that want to know before they compose.

    Args:
        path: as for `save_score`.

    Returns:
        The path.

    Raises:
        ScoreError: the suffix is unknown, or the folder is missing.
        MissingDependencyError: it is sheet music and verovio is not installed.
    """
    target = Path(path)
    if _kind(target) not in _WRITERS:
        ending = repr(target.suffix) if target.suffix else "a name without suffix"
        raise ScoreError(f"{target}: cannot write {ending}; use one of {' '.join(SAVE_SUFFIXES)}")
    if not target.parent.is_dir():
        raise ScoreError(f"{target}: the folder {target.parent} does not exist; create it first")
    if _WRITERS[_kind(target)] in (_save_sheet_svg, _save_pdf) and find_spec("verovio") is None:
        raise MissingDependencyError(f"{target}: sheet music needs verovio: pip install 'audio-lstm[scores]'")
    return target


def written_loss(score: Score, path: str | os.PathLike[str]) -> GridLoss | None:
    """What a file of written music does not hold of a score.

    Args:
        score: what is saved.
        path: where.

    Returns:
        The loss, perhaps of nothing; None where the file holds all notes by its kind, such as MIDI.
    """
    if _kind(Path(path)) not in _WRITTEN_DOWN:
        return None
    from audio_lstm.music.sheet.quantise import grid_loss

    return grid_loss(score)


def _kind(path: Path) -> str:
    """The suffix that decides: two of them where that says more, as in x.roll.svg."""
    double = "".join(path.suffixes[-2:]).lower()
    return double if double in _WRITERS else path.suffix.lower()


def _write(path: Path, data: bytes) -> None:
    with atomic_write(path) as scratch:
        scratch.write_bytes(data)


def _save_midi(score: Score, path: Path, options: SaveOptions) -> None:
    write_midi(score, path)


def _save_sound(score: Score, path: Path, options: SaveOptions) -> None:
    from audio_lstm.music.sound.render import render_blocks

    rate = rate_for(path, options.sample_rate)
    blocks = render_blocks(score, sample_rate=rate, soundfont=options.soundfont, progress=options.progress)
    write_sound(path, blocks, rate)


def _save_roll_png(score: Score, path: Path, options: SaveOptions) -> None:
    from audio_lstm.music.sheet.roll_picture import roll_png

    _write(path, roll_png(score))


def _save_roll_svg(score: Score, path: Path, options: SaveOptions) -> None:
    from audio_lstm.music.sheet.roll_picture import roll_svg

    _write(path, roll_svg(score).encode())


def _save_sheet_svg(score: Score, path: Path, options: SaveOptions) -> None:
    from audio_lstm.music.sheet.engrave import score_to_svg

    _write(path, score_to_svg(score, title=options.title).encode())


def _save_pdf(score: Score, path: Path, options: SaveOptions) -> None:
    from audio_lstm.music.sheet.engrave import score_to_pdf

    _write(path, score_to_pdf(score, title=options.title))


def _save_musicxml(score: Score, path: Path, options: SaveOptions) -> None:
    from audio_lstm.music.sheet.musicxml import score_to_musicxml

    _write(path, score_to_musicxml(score, title=options.title).encode())


def _save_mxl(score: Score, path: Path, options: SaveOptions) -> None:
    from audio_lstm.music.sheet.musicxml import compress_musicxml, score_to_musicxml

    _write(path, compress_musicxml(score_to_musicxml(score, title=options.title)))


def _save_abc(score: Score, path: Path, options: SaveOptions) -> None:
    from audio_lstm.music.sheet.abc_writer import score_to_abc

    _write(path, score_to_abc(score, title=options.title).encode())


def _save_json(score: Score, path: Path, options: SaveOptions) -> None:
    from audio_lstm.music.files.score_json import score_to_json

    _write(path, score_to_json(score, facts=options.facts).encode())


_WRITERS: dict[str, Callable[[Score, Path, SaveOptions], None]] = {
    ".mid": _save_midi,
    ".midi": _save_midi,
    **dict.fromkeys(SOUND_SUFFIXES, _save_sound),
    ".png": _save_roll_png,
    ".roll.svg": _save_roll_svg,
    ".svg": _save_sheet_svg,
    ".pdf": _save_pdf,
    ".musicxml": _save_musicxml,
    ".xml": _save_musicxml,
    ".mxl": _save_mxl,
    ".abc": _save_abc,
    ".json": _save_json,
}
SAVE_SUFFIXES = tuple(_WRITERS)
"""MIDI, sound, piano rolls (.png, .roll.svg), sheet music (.svg, .pdf), MusicXML, ABC, JSON."""
