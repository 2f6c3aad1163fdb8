"""What transcribing returns: immutable text, segments and words with times."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

__all__ = ["Segment", "Transcript", "Word"]


@dataclass(frozen=True)
class Word:
    """A word and where it was heard."""

    text: str
    start_s: float  # seconds from the start of the recording
    end_s: float  # seconds from the start of the recording
    confidence: float  # 0..1: the chance that it is right, if the model is calibrated (decoding.json); else the mean
    # probability of its letters


@dataclass(frozen=True)
class Segment:
    """A stretch of the recording that was recognised in one go."""

    start_s: float
    end_s: float
    words: tuple[Word, ...]

    @property
    def text(self) -> str:
        """Its words, one space between them."""
        return " ".join(word.text for word in self.words)


@dataclass(frozen=True)
class Transcript:
    """The text of a recording."""

    segments: tuple[Segment, ...]
    duration_s: float  # length of the recording in seconds
    model: str  # name of the model that wrote it
    peak_db: float  # loudest sample in dB relative to full scale; -inf for digital silence

    @property
    def text(self) -> str:
        """All words, one space between them; empty where nothing was said."""
        return " ".join(segment.text for segment in self.segments if segment.words)

    @property
    def words(self) -> tuple[Word, ...]:
        """The words of all segments in order."""
        return tuple(word for segment in self.segments for word in segment.words)

    @property
    def loudness(self) -> str:
        """The peak level in words, for messages."""
        return "digital silence" if self.peak_db == -math.inf else f"peak {self.peak_db:.0f} dBFS"

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values: text, segments with their words, duration and model."""
        segments = [{**asdict(segment), "text": segment.text} for segment in self.segments]
        return {"text": self.text, "segments": segments, "duration_s": self.duration_s, "model": self.model}
