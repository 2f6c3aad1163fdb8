"""What aligning returns: the words of a script with the times at which they are said, or without where they are not."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

from audio_lstm.speech.hearing.transcript import Segment, Transcript, Word

__all__ = ["AlignedCharacter", "AlignedWord", "Alignment", "Stretch"]

_PAUSE_S = 0.8  # between two words: a new segment of the transcript


@dataclass(frozen=True)
class AlignedCharacter:
    """A letter of a word and where it was heard."""

    text: str  # as the model writes it
    start_s: float  # seconds from the start of the recording
    end_s: float
    score: float  # 0..1: its probability relative to that of the likeliest letter there


@dataclass(frozen=True)
class AlignedWord:
    """A word of the script and where it was heard."""

    text: str  # as the script has it
    # Seconds from the start of the recording; None where the word is not found. A word that the model cannot write has
    # the stretch of speech between its neighbours, shared with others like it, or None where nobody speaks there.
    start_s: float | None
    end_s: float | None
    score: float  # 0..1: geometric mean of its letters' scores; 0 where it is not found
    matched: bool  # whether it was heard; False for what the model cannot write
    writable: bool  # whether the model can write it: it cannot write digits, or letters of another alphabet
    characters: tuple[AlignedCharacter, ...]  # of a word that was heard


@dataclass(frozen=True)
class Stretch:
    """Speech that the script does not have, or that was not recognised as what the script has."""

    start_s: float
    end_s: float
    n_symbols: int  # letters (or pieces of words) that the model hears there


@dataclass(frozen=True)
class Alignment:
    """A recording and its script."""

    words: tuple[AlignedWord, ...]  # all words of the script, in its order
    unscripted: tuple[Stretch, ...]  # speech between them that the script does not have
    duration_s: float  # length of the recording in seconds
    model: str  # name of the model that heard it
    peak_db: float  # loudest sample in dB relative to full scale; -inf for digital silence
    language: str = "en"  # of the model, as an IETF tag (RFC 5646)
    notes: tuple[str, ...] = ()  # what is odd about the recording: a wrong header, other tracks, gaps, damage

    @property
    def text(self) -> str:
        """The script, one space between its words."""
        return " ".join(word.text for word in self.words)

    @property
    def matched_share(self) -> float:
        """How much of the script was heard: the share of the words that the model can write, 0..1."""
        return sum(word.matched for word in self.words) / max(1, sum(word.writable for word in self.words))

    def to_transcript(self) -> Transcript:
        """The words that have times as a transcript, with segments that part at pauses.

        Returns:
            The transcript; a word's confidence is its score, 0 for one that the model cannot write.
        """
        segments: list[list[Word]] = []
        for word in self.words:
            if word.start_s is None or word.end_s is None:
                continue
            if not segments or word.start_s - segments[-1][-1].end_s > _PAUSE_S:
                segments.append([])
            segments[-1].append(Word(word.text, word.start_s, word.end_s, word.score))
        return Transcript(
            segments=tuple(Segment(words[0].start_s, words[-1].end_s, tuple(words)) for words in segments),
            duration_s=self.duration_s,
            model=self.model,
            peak_db=self.peak_db,
            language=self.language,
            notes=self.notes,
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values: words with their characters, what the script does not have, duration, model, notes."""
        values = {
            "words": [asdict(word) for word in self.words],
            "unscripted": [asdict(stretch) for stretch in self.unscripted],
            "matched_share": self.matched_share,
            "duration_s": self.duration_s,
            "model": self.model,
            "language": self.language,
            "peak_db": None if self.peak_db == -math.inf else self.peak_db,
        }
        return values | ({"notes": list(self.notes)} if self.notes else {})

    def to_tsv(self) -> str:
        """A line a word, with a head: start and end in seconds ("-": none), score, "yes" if it was heard, the word."""
        rows = ["start_s\tend_s\tscore\tmatched\tword"]
        for word in self.words:
            times = ["-" if time is None else f"{time:.3f}" for time in (word.start_s, word.end_s)]
            rows.append("\t".join([*times, f"{word.score:.3f}", "yes" if word.matched else "no", word.text]))
        return "\n".join(rows) + "\n"
