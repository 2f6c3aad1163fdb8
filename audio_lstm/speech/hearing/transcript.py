"""What transcribing returns: immutable text, segments and words with times, and its way to files and back."""

from __future__ import annotations

import json
import math
import os
from dataclasses import asdict, dataclass
from typing import Any, NoReturn

from audio_lstm.errors import DataError
from audio_lstm.speech.hearing import formats

__all__ = ["Segment", "Transcript", "Word"]

_WAY_OUT = "pass what Transcript.to_json wrote"


@dataclass(frozen=True)
class Word:
    """A word and where it was heard."""

    text: str  # as it is written: with its case, and the mark after it; a number in figures may be several heard words
    start_s: float  # seconds from the start of the recording
    end_s: float  # seconds from the start of the recording
    confidence: float  # 0..1: the chance that it is right, if the model is calibrated (decoding.json); else the mean
    # probability of its letters
    spoken: str = ""  # as it was heard; left out: the same as the text

    def __post_init__(self) -> None:
        if not self.spoken:
            object.__setattr__(self, "spoken", self.text)


@dataclass(frozen=True)
class Segment:
    """A sentence, where the model has a writer; else a stretch of the recording that was recognised in one go."""

    start_s: float
    end_s: float
    words: tuple[Word, ...]

    @property
    def text(self) -> str:
        """Its words as they are written, one space between them."""
        return " ".join(word.text for word in self.words)

    @property
    def spoken(self) -> str:
        """Its words as they were heard, one space between them."""
        return " ".join(word.spoken for word in self.words)


@dataclass(frozen=True)
class Transcript:
    """The text of a recording."""

    segments: tuple[Segment, ...]
    duration_s: float  # length of the recording in seconds
    model: str  # name of the model that wrote it
    peak_db: float  # loudest sample in dB relative to full scale; -inf for digital silence
    language: str = "en"  # of the model, as an IETF tag (RFC 5646)
    notes: tuple[str, ...] = ()  # what is odd about the recording: a wrong header, other tracks, gaps, damage
    channel_peaks_db: tuple[float, ...] = ()  # as peak_db, of each channel; none where there is but one

    @property
    def text(self) -> str:
        """All words as they are written, one space between them; empty where nothing was said."""
        return " ".join(segment.text for segment in self.segments if segment.words)

    @property
    def spoken(self) -> str:
        """All words as they were heard, without marks and capitals, one space between them."""
        return " ".join(segment.spoken for segment in self.segments if segment.words)

    @property
    def words(self) -> tuple[Word, ...]:
        """The words of all segments in order."""
        return tuple(word for segment in self.segments for word in segment.words)

    @property
    def loudness(self) -> str:
        """The peak level in words, for messages."""
        if not self.channel_peaks_db:
            return "digital silence" if self.peak_db == -math.inf else f"peak {self.peak_db:.0f} dBFS"
        channels = ("silent" if peak == -math.inf else f"{peak:.0f} dBFS" for peak in self.channel_peaks_db)
        return f"peaks of the channels: {', '.join(channels)}"

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values: text, spoken, segments with words, duration, model, language, peak, notes.

        Returns:
            A new dictionary; the peak is null for digital silence.
        """
        segments = [{**asdict(segment), "text": segment.text} for segment in self.segments]
        values = {
            "text": self.text,
            "spoken": self.spoken,
            "segments": segments,
            "duration_s": self.duration_s,
            "model": self.model,
            "language": self.language,
            "peak_db": None if self.peak_db == -math.inf else self.peak_db,
        }
        if self.notes:
            values["notes"] = list(self.notes)
        if self.channel_peaks_db:
            values["channel_peaks_db"] = [None if peak == -math.inf else peak for peak in self.channel_peaks_db]
        return values

    def to_txt(self) -> str:
        """Plain text, a line for each segment."""
        return formats.to_txt(self)

    def to_srt(self) -> str:
        """SubRip subtitles: cues of at most 7 s and two lines of 42 characters, broken at sentences and pauses."""
        return formats.to_srt(self)

    def to_vtt(self) -> str:
        """WebVTT subtitles: the same cues, with & < > escaped."""
        return formats.to_vtt(self)

    def to_tsv(self) -> str:
        """Start and end in milliseconds and text of each segment, tabs between them, as openai/whisper writes it."""
        return formats.to_tsv(self)

    def to_json(self) -> str:
        """Everything as one line of JSON; `from_json` reads it back."""
        return formats.to_json(self)

    def to_textgrid(self) -> str:
        """Praat's TextGrid (long format) with the tiers "segments" and "words"."""
        return formats.to_textgrid(self)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a file in the format of its suffix, whole or not at all.

        Examples:
            >>> import audio_lstm
            >>> audio_lstm.transcribe("demos/samples/spelling.wav").save("spelling.srt")

        Args:
            path: Ends in .txt, .srt, .vtt, .tsv, .json or .TextGrid, or it is a ConfigError; an older file is
                replaced. One that cannot be written is a DataError.
        """
        formats.save(self, path)

    @classmethod
    def from_json(cls, text: str | bytes) -> Transcript:
        """The transcript that `to_json` wrote, or one line of `audio-lstm transcribe --json`.

        Args:
            text: One JSON object; keys that are not known are passed over.

        Returns:
            An equal transcript.

        Raises:
            DataError: If it is no such object; the message names the place.
        """
        try:
            values = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise DataError(f"transcript: not JSON ({error}); {_WAY_OUT}") from error
        reader = _Reader(values, "transcript")
        segments = tuple(
            Segment(*segment.span(), tuple(_word(word) for word in segment.items("words")))
            for segment in reader.items("segments")
        )
        peak_db = -math.inf if reader.value("peak_db") is None else reader.number("peak_db", least=-math.inf)
        return cls(
            segments,
            reader.number("duration_s"),
            reader.text("model"),
            peak_db,
            reader.text("language"),
            reader.texts("notes"),
            reader.peaks("channel_peaks_db"),
        )


def _word(reader: _Reader) -> Word:
    spoken = reader.text("spoken") if reader.has("spoken") else ""  # older files have none
    return Word(reader.text("text"), *reader.span(), reader.number("confidence", most=1.0), spoken)


class _Reader:
    """Takes values out of a JSON object and says where one is wrong."""

    def __init__(self, values: Any, where: str) -> None:
        self._values = values
        self._where = where
        if not isinstance(values, dict):
            self._refuse(where, "an object", values)

    def _refuse(self, where: str, expected: str, found: object) -> NoReturn:
        raise DataError(f"{where}: expected {expected}, got {found!r:.40}; {_WAY_OUT}")

    def value(self, key: str) -> Any:
        """Whatever is stored."""
        if key not in self._values:
            raise DataError(f"{self._where}: no {key}; {_WAY_OUT}")
        return self._values[key]

    def has(self, key: str) -> bool:
        """Whether there is such a key."""
        return key in self._values

    def items(self, key: str) -> list[_Reader]:
        """A list of objects."""
        found = self.value(key)
        if not isinstance(found, list):
            self._refuse(f"{self._where}.{key}", "a list", found)
        return [_Reader(item, f"{self._where}.{key}[{position}]") for position, item in enumerate(found)]

    def text(self, key: str) -> str:
        """A string."""
        found = self.value(key)
        if not isinstance(found, str):
            self._refuse(f"{self._where}.{key}", "a string", found)
        return str(found)

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of strings, none where there is no such key."""
        found = self._values.get(key, [])
        if not isinstance(found, list) or not all(isinstance(item, str) for item in found):
            self._refuse(f"{self._where}.{key}", "a list of strings", found)
        return tuple(found)

    def peaks(self, key: str) -> tuple[float, ...]:
        """A list of levels, null for silence; none where there is no such key."""
        found = self._values.get(key, [])
        if not isinstance(found, list) or not all(
            item is None or (isinstance(item, int | float) and not isinstance(item, bool)) for item in found
        ):
            self._refuse(f"{self._where}.{key}", "a list of numbers", found)
        return tuple(-math.inf if item is None else float(item) for item in found)

    def number(self, key: str, *, least: float = 0.0, most: float = math.inf) -> float:
        """A finite number within limits."""
        found = self.value(key)
        is_number = isinstance(found, int | float) and not isinstance(found, bool)
        if not is_number or not math.isfinite(found) or not least <= found <= most:
            limits = f"a number in {least:g}..{most:g}" if least > -math.inf else "a finite number"
            self._refuse(f"{self._where}.{key}", limits, found)
        return float(found)

    def span(self) -> tuple[float, float]:
        """start_s and end_s."""
        start_s = self.number("start_s")
        return start_s, self.number("end_s", least=start_s)
