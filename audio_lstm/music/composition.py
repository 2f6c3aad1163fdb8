"""What `compose` gives back: a piece that can be saved, shown, judged, and written again."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from audio_lstm.music.files.files import score_to_pretty_midi
from audio_lstm.music.request.report import Report
from audio_lstm.music.request.wishes import Wishes
from audio_lstm.music.save import SaveOptions, save_score
from audio_lstm.music.score.score import Score
from audio_lstm.music.writing.choose import SamplingConfig

if TYPE_CHECKING:
    import pretty_midi

    from audio_lstm.music.compare.novelty import NoveltyReport

__all__ = ["Composition"]

# Heavy imports live inside the methods: composing needs neither the synthesiser nor an engraver.


@dataclass(frozen=True)
class Composition:
    """A piece that a model wrote, and all that is needed to write it again."""

    score: Score
    tokens: NDArray[np.int64] = field(compare=False)  # (n,) what the model wrote
    model: str  # name of the model
    seed: int
    take: int  # which of the pieces of this seed
    sampling: SamplingConfig
    bars: int | None  # the length that was asked for; None: the model ended the piece itself
    ended: bool  # False where the piece was cut at sampling.max_tokens
    nats_per_unit: float  # the model's own price of the piece, without temperature and cuts
    unit: str  # what nats_per_unit counts: "cell", "event" or "frame"
    wishes: Wishes = field(default_factory=Wishes)  # what was asked for
    report: Report = field(default_factory=Report)  # asked against achieved, measured on the score
    novelty: NoveltyReport | None = None  # what it shares with the training set; None: no index lies beside the model

    @property
    def duration_s(self) -> float:
        """Length in seconds at the score's tempi."""
        return self.score.duration_s

    def save(self, path: str | os.PathLike[str], options: SaveOptions | None = None) -> Path:
        """Write the piece to a file, whole or not at all; an old file is replaced.

        Args:
            path: Its ending says what is written: .mid .wav .flac .ogg .opus .png .roll.svg .svg .pdf .musicxml .abc
                .json and more, see `SAVE_SUFFIXES`.
            options: Sample rate, sound font, title; the facts of `to_dict` are put beside the notes in JSON.

        Returns:
            The path.
        """
        options = options or SaveOptions()
        return save_score(self.score, path, replace(options, facts={**self.to_dict(), **options.facts}))

    def to_audio(
        self, *, sample_rate: int = 44_100, soundfont: str | os.PathLike[str] | None = None
    ) -> NDArray[np.float32]:
        """The piece as sound.

        Args:
            sample_rate: In Hz.
            soundfont: A .sf2 or .sf3 file, for FluidSynth; None uses the built-in synthesiser.

        Returns:
            (n, 2) float32, left and right, full scale ±1.
        """
        from audio_lstm.music.sound.render import render

        return render(self.score, sample_rate=sample_rate, soundfont=soundfont)

    def to_musicxml(self, *, title: str = "") -> str:
        """The piece as a MusicXML document."""
        from audio_lstm.music.sheet.musicxml import score_to_musicxml

        return score_to_musicxml(self.score, title=title)

    def to_abc(self, *, title: str = "") -> str:
        """The piece as an ABC tune, if it is a single line."""
        from audio_lstm.music.sheet.abc_writer import score_to_abc

        return score_to_abc(self.score, title=title)

    def to_svg(self, *, title: str = "") -> str:
        """The piece as sheet music: one SVG document with all pages (extra `scores`)."""
        from audio_lstm.music.sheet.engrave import score_to_svg

        return score_to_svg(self.score, title=title)

    def to_json(self) -> str:
        """Notes and facts as a JSON document; `score_from_json` reads it back."""
        from audio_lstm.music.files.score_json import score_to_json

        return score_to_json(self.score, facts=self.to_dict())

    def to_pretty_midi(self) -> pretty_midi.PrettyMIDI:
        """The piece as a pretty_midi object."""
        return score_to_pretty_midi(self.score)

    def summary(self) -> str:
        """One line for people: length, notes, seed, likelihood, and any wish that was not kept."""
        bars = f"{self.bars} bars, " if self.bars else ""
        cut = "" if self.ended else ", cut at the token limit"
        kept = "" if self.report.kept else ", NOT ALL WISHES KEPT"
        return (
            f"{bars}{self.duration_s:.1f} s, {self.score.n_notes} notes, model {self.model}, seed {self.seed}, "
            f"take {self.take}, {self.nats_per_unit:.3f} nats/{self.unit}{cut}{kept}"
        )

    def to_dict(self) -> dict[str, Any]:
        """The facts as JSON values, without the notes."""
        return {
            "model": self.model,
            "seed": self.seed,
            "take": self.take,
            "bars": self.bars,
            "temperature": self.sampling.temperature,
            "top_k": self.sampling.top_k,
            "top_p": self.sampling.top_p,
            "min_p": self.sampling.min_p,
            "max_repeats": self.sampling.max_repeats,
            "best_of": self.sampling.best_of,
            "beam_size": self.sampling.beam_size,
            "duration_s": round(self.duration_s, 3),
            "n_notes": self.score.n_notes,
            "ended": self.ended,
            "nats_per_unit": self.nats_per_unit,
            "unit": self.unit,
            "wishes": self.wishes.to_dict(),
            "report": self.report.to_dict(),
            "novelty": self.novelty.to_dict() if self.novelty else None,
        }
