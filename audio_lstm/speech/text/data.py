"""Corpora of speech: manifests, folders of recordings with texts, and features padded into a batch."""

from __future__ import annotations

import json
import math
import os
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from audio_lstm.errors import DataError
from audio_lstm.speech.text.alphabet import Alphabet
from audio_lstm.text_files import read_text

__all__ = [
    "AUDIO_SUFFIXES",
    "Utterance",
    "longest_first",
    "normalise_text",
    "pad_features",
    "read_folder",
    "read_manifest",
    "read_utterances",
    "write_manifest",
]

AUDIO_SUFFIXES = frozenset(
    {".aac", ".aif", ".aifc", ".aiff", ".amr", ".au", ".caf", ".flac", ".m4a", ".mka", ".mkv", ".mov", ".mp3", ".mp4"}
    | {".oga", ".ogg", ".opus", ".wav", ".webm", ".wma"}
)
_APOSTROPHES = "\u2018\u2019\u201b\u02bc\u02b9\u2032\uff07\u00b4`"  # typed or set where ' is meant
_SPOKEN_SIGNS = frozenset("%&@#§‰")  # Unicode calls them punctuation, people say them
_OUTER_APOSTROPHE = re.compile(r"(?<!\w)'+|'+(?!\w)|'{2,}")


@dataclass(frozen=True)
class Utterance:
    """A recording and what is said in it."""

    id: str  # unique in its manifest
    audio: Path  # the recording; not checked to exist
    text: str
    duration_s: float | None = None  # seconds; None: unknown
    speaker: str | None = None  # None: unknown


def read_utterances(path: str | os.PathLike[str]) -> tuple[Utterance, ...]:
    """Read whatever lies at a path: a manifest, or a folder of recordings with their texts.

    Args:
        path: For `read_manifest` if it is a file, for `read_folder` if it is a folder.

    Returns:
        The utterances.
    """
    return read_folder(path) if Path(path).is_dir() else read_manifest(path)


def read_manifest(path: str | os.PathLike[str]) -> tuple[Utterance, ...]:
    """Read a manifest: JSON lines with the keys audio, text and, if known, id, duration_s, speaker.

    Examples:
        >>> [utterance.text for utterance in read_manifest("dev.jsonl")]
        ['M U S I C', 'ENTER SIXTY FOUR']

    Args:
        path: A UTF-8 file; blank lines and other keys are passed over. Audio paths are relative to its folder.

    Returns:
        The utterances in the order of the file. An id that is missing is the audio path without its suffix. Whether
        the recordings exist shows when they are read.

    Raises:
        DataError: If the file is missing, unreadable or holds no utterance, or a line is not such an object; the
            message names file and line.
    """
    file = Path(path)
    utterances: list[Utterance] = []
    lines_of: dict[str, int] = {}
    for number, line in _lines(file):
        where = f"{file}:{number}"
        utterance = _parse(line, file.parent, where)
        if utterance.id in lines_of:
            raise DataError(
                f"{where}: the id {utterance.id!r} was used in line {lines_of[utterance.id]}; give each line its own id"
            )
        lines_of[utterance.id] = number
        utterances.append(utterance)
    if not utterances:
        raise DataError(f"{file}: no utterances; expected JSON lines with the keys audio and text")
    return tuple(utterances)


def write_manifest(path: str | os.PathLike[str], utterances: Sequence[Utterance]) -> None:
    """Write a manifest that `read_manifest` reads back; an older file is replaced only once the new one is complete.

    Args:
        path: Where to write; parent folders are created.
        utterances: At least one. Audio inside the manifest's folder is written relative to it, so that the folder can
            be moved; other audio by its absolute path.

    Raises:
        DataError: If there are no utterances, two share an id, one holds what UTF-8 cannot express, or the file
            cannot be written.
    """
    target = Path(path)
    if not utterances:
        raise DataError(f"{target}: a manifest needs at least one utterance, got none")
    twice = [name for name, count in Counter(utterance.id for utterance in utterances).items() if count > 1]
    if twice:
        raise DataError(f"{target}: the id {twice[0]!r} is used twice; give each utterance its own id")
    folder = Path(os.path.abspath(target.parent))
    scratch = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with scratch.open("w", encoding="utf-8", newline="\n") as handle:
            for utterance in utterances:
                handle.write(json.dumps(_to_json(utterance, folder), ensure_ascii=False) + "\n")
            handle.flush()
            os.fsync(handle.fileno())
        scratch.replace(target)
    except UnicodeEncodeError as error:
        raise DataError(f"{target}: {error.object!r:.80} cannot be written as UTF-8; rename the file") from error
    except OSError as error:
        raise DataError(f"{target}: cannot write the manifest ({error.strerror}); choose another place") from error
    finally:
        if scratch.exists():
            scratch.unlink()


def read_folder(path: str | os.PathLike[str]) -> tuple[Utterance, ...]:
    """Read a folder of recordings, each with its text beside it: `a.wav` and `a.txt`.

    Args:
        path: A folder; the folders inside it are read too, hidden files and folders are not. A text without a
            recording is taken for a read-me and passed over.

    Returns:
        The utterances sorted by id, which is the path inside the folder without suffix; white space in the texts is
        collapsed to single spaces, and nothing else in them is changed (see `normalise_text`).

    Raises:
        DataError: If the folder is missing or holds no recording, a recording has no text or shares it with another,
            or a text is not UTF-8.
    """
    folder = Path(path)
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder; pass a folder of recordings with a .txt beside each")
    audio: dict[str, list[Path]] = defaultdict(list)
    texts: dict[str, Path] = {}
    for file in sorted(folder.rglob("*")):
        inside = file.relative_to(folder)
        if any(part.startswith(".") for part in inside.parts) or not file.is_file():
            continue
        suffix = file.suffix.lower()
        if suffix in AUDIO_SUFFIXES:
            audio[inside.with_suffix("").as_posix()].append(file)
        elif suffix == ".txt":
            texts[inside.with_suffix("").as_posix()] = file
    if not audio:
        raise DataError(f"{folder}: no recordings; expected files such as a.wav or a.mp3, each with its text in a.txt")
    silent = [files[0] for key, files in audio.items() if key not in texts]
    if silent:
        raise DataError(
            f"{silent[0]}: no text beside it ({len(silent)} of {len(audio)} recordings have none); "
            f"write it to {silent[0].with_suffix('.txt').name} or move the recording away"
        )
    double = [files for files in audio.values() if len(files) > 1]
    if double:
        raise DataError(f"{double[0][0]} and {double[0][1].name} share one text; keep one of them or rename it")
    return tuple(Utterance(key, audio[key][0], _read_text(texts[key])) for key in sorted(audio))


def pad_features(features: Sequence[NDArray[np.float32]]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Stack features of different lengths into a batch, zeros after the end of each.

    Args:
        features: Arrays (time_i, feature_size), at least one.

    Returns:
        float32 (batch, longest time, feature_size) and int64 (batch,) with the lengths in frames.

    Raises:
        ValueError: If there are none, or they are not all two-dimensional and of one width.
    """
    if not features:
        raise ValueError("expected at least one item to pad, got none")
    for position, item in enumerate(features):
        if item.ndim != 2 or item.shape[1] != features[0].shape[-1]:
            raise ValueError(
                f"expected features of shape (time, {features[0].shape[-1]}), got {item.shape} at position {position}"
            )
    lengths = np.array([len(item) for item in features], dtype=np.int64)
    batch = np.zeros((len(features), lengths.max(), features[0].shape[1]), dtype=np.float32)  # (B, T, F)
    for row, item in zip(batch, features, strict=True):
        row[: len(item)] = item
    return batch, lengths


def longest_first(sizes: Sequence[int], most: int) -> Iterator[list[int]]:
    """Items in batches of like size, the longest first.

    Args:
        sizes: Of each item.
        most: That a batch, padded, may come to; an item that is larger has one of its own.

    Yields:
        The numbers of the items of a batch.
    """
    batch: list[int] = []
    for number in np.argsort(-np.asarray(sizes, np.int64), kind="stable").tolist():
        if batch and (len(batch) + 1) * sizes[batch[0]] > most:
            yield batch
            batch = []
        batch.append(number)
    if batch:
        yield batch


def normalise_text(text: str, alphabet: Alphabet) -> str:
    """Bring ordinary text towards an alphabet without losing what is spoken.

    Characters of the alphabet stay. Others are changed to the case that the alphabet has (upper case for ENGLISH);
    typographic apostrophes become ' (none at all where the alphabet has no '), and only those inside a word stay, since
    the others are quotation marks ('yes', ‘no’) or look like them ('em, dogs'); other punctuation becomes a space;
    spaces are collapsed. Where that is not enough, compatibility forms are unified first (Unicode NFKC: full-width
    letters, ligatures, separate accents). Digits, letters that the alphabet lacks and signs that people say
    (% & @ # $ + …) stay, so that `Alphabet.encode` names them; `as_spoken` (speech/text/spoken.py) spells them out.

    Examples:
        >>> from audio_lstm.speech.text.alphabet import ENGLISH
        >>> normalise_text("“Don’t stop – it's twenty-one!”", ENGLISH)
        "DON'T STOP IT'S TWENTY ONE"

    Args:
        text: Any text.
        alphabet: The symbols of the model.

    Returns:
        The normalised text; where it can be encoded, normalising it again changes nothing.
    """
    marks = str.maketrans({mark: "'" for mark in _APOSTROPHES if mark not in alphabet})
    straight = text.translate(marks)
    normalised = _normalise(straight, alphabet)
    if all(character in alphabet for character in normalised):
        return normalised
    return _normalise(unicodedata.normalize("NFKC", straight).translate(marks), alphabet)


def _normalise(text: str, alphabet: Alphabet) -> str:
    """Case, punctuation and spaces, a character at a time."""
    kept = "".join(_normalise_character(character, alphabet) for character in text)
    separator = " " if " " in alphabet else ""
    return separator.join(_OUTER_APOSTROPHE.sub(" ", kept).split())


def _normalise_character(character: str, alphabet: Alphabet) -> str:
    for candidate in (character, character.upper(), character.lower()):
        if all(letter in alphabet for letter in candidate):
            return candidate
    if character == "'":
        return ""
    if unicodedata.category(character)[0] in "PZC" and character not in _SPOKEN_SIGNS:
        return " "
    return character


def _lines(file: Path) -> Iterator[tuple[int, str]]:
    """The lines of a text file that are not blank, with their numbers from 1."""
    if file.is_dir():
        raise DataError(f"{file}: a folder, expected a manifest of JSON lines; read_folder reads folders")
    if not file.exists():
        raise DataError(f"{file}: no such manifest; check the path")
    if not file.is_file():
        raise DataError(f"{file}: not a regular file; write the manifest to a file first")
    try:
        with file.open("rb") as handle:
            for number, raw in enumerate(handle, 1):
                line = raw.decode("utf-8-sig" if number == 1 else "utf-8").strip()
                if line:
                    yield number, line
    except UnicodeDecodeError as error:
        raise DataError(f"{file}: not UTF-8 text ({error.reason}); expected a manifest of JSON lines") from error
    except OSError as error:
        raise DataError(f"{file}: cannot be read ({error.strerror}); check its permissions") from error


def _parse(line: str, folder: Path, where: str) -> Utterance:
    """One line of a manifest."""
    try:
        values = json.loads(line)
    except (ValueError, RecursionError) as error:
        reason = error.msg if isinstance(error, json.JSONDecodeError) else type(error).__name__
        raise DataError(f"{where}: not valid JSON ({reason}); expected one object a line") from error
    if not isinstance(values, dict):
        raise DataError(f"{where}: expected a JSON object with audio and text, got {type(values).__name__}")
    for key in ("audio", "text"):
        if key not in values:
            found = ", ".join(values) or "none"
            raise DataError(f"{where}: the key {key!r} is missing (keys found: {found}); add it")
    audio, text = _string(values, "audio", where), _string(values, "text", where)
    if not Path(audio).name or "\0" in audio:
        raise DataError(f"{where}: audio must be the path of a recording, got {audio!r:.60}")
    identifier = _string(values, "id", where) if values.get("id") is not None else ""
    speaker = _string(values, "speaker", where) if values.get("speaker") is not None else None
    return Utterance(
        id=identifier or Path(audio).with_suffix("").as_posix(),
        audio=folder / audio,
        text=text,
        duration_s=_duration(values.get("duration_s"), where),
        speaker=speaker,
    )


def _string(values: Mapping[str, object], key: str, where: str) -> str:
    value = values[key]
    if not isinstance(value, str):
        raise DataError(f"{where}: {key} must be a string, got {value!r:.60}")
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise DataError(f"{where}: {key} holds half a character (a lone surrogate); write the file as UTF-8")
    return value


def _duration(value: object, where: str) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1e9 or math.isnan(value):
        raise DataError(f"{where}: duration_s must be a number of seconds from 0 up, got {value!r:.60}")
    return float(value)


def _to_json(utterance: Utterance, folder: Path) -> dict[str, object]:
    """The fields that are known, with the audio path relative to the folder where it lies inside."""
    audio = Path(os.path.abspath(utterance.audio))
    if audio.is_relative_to(folder):
        audio = audio.relative_to(folder)
    values = {
        "id": utterance.id,
        "audio": audio.as_posix(),
        "text": utterance.text,
        "duration_s": utterance.duration_s,
        "speaker": utterance.speaker,
    }
    return {key: value for key, value in values.items() if value is not None}


def _read_text(file: Path) -> str:
    return " ".join(read_text(file, what="the text of a recording").split())
