"""`compose`: a model, a seed and a few wishes -> a piece that can be saved, shown and written again."""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from audio_lstm.errors import ConfigError, ModelError
from audio_lstm.music.abc_writer import score_to_abc
from audio_lstm.music.chorale import END, ChoraleGrid
from audio_lstm.music.composer import DEFAULT_MODEL, Composer, load_music
from audio_lstm.music.constraints import at_least_bars, chorale_rules, exact_bars
from audio_lstm.music.engrave import score_to_svg
from audio_lstm.music.events import EventVocabulary
from audio_lstm.music.files import score_to_pretty_midi
from audio_lstm.music.musicxml import score_to_musicxml
from audio_lstm.music.render import render
from audio_lstm.music.sample import SamplingConfig, sample_tokens
from audio_lstm.music.save import SaveOptions, save_score
from audio_lstm.music.score import Score, Tempo
from audio_lstm.music.score_json import score_to_json
from audio_lstm.music.voices import voice_grid_to_score

if TYPE_CHECKING:
    import pretty_midi

__all__ = ["DEFAULT_SAMPLING", "Composition", "compose", "compose_takes"]

DEFAULT_SAMPLING = SamplingConfig(
    temperature=0.7, top_p=0.98
)  # chords as consonant as the real ones: recipes/README.md
CHORALE_BPM = 80.0
MAX_BARS = 1000
MIN_BARS = 8  # a model that ends a piece itself may not do so before: one cadence is not a piece
N_DRAFTS = 8  # written side by side when the length is asked for: the one whose ending the model likes best is kept


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
        return render(self.score, sample_rate=sample_rate, soundfont=soundfont)

    def to_musicxml(self, *, title: str = "") -> str:
        """The piece as a MusicXML document."""
        return score_to_musicxml(self.score, title=title)

    def to_abc(self, *, title: str = "") -> str:
        """The piece as an ABC tune, if it is a single line."""
        return score_to_abc(self.score, title=title)

    def to_svg(self, *, title: str = "") -> str:
        """The piece as sheet music: one SVG document with all pages (extra `scores`)."""
        return score_to_svg(self.score, title=title)

    def to_json(self) -> str:
        """Notes and facts as a JSON document; `score_from_json` reads it back."""
        return score_to_json(self.score, facts=self.to_dict())

    def to_pretty_midi(self) -> pretty_midi.PrettyMIDI:
        """The piece as a pretty_midi object."""
        return score_to_pretty_midi(self.score)

    def summary(self) -> str:
        """One line for people: length, notes, seed, likelihood."""
        bars = f"{self.bars} bars, " if self.bars else ""
        cut = "" if self.ended else ", cut at the token limit"
        return (
            f"{bars}{self.duration_s:.1f} s, {self.score.n_notes} notes, model {self.model}, seed {self.seed}, "
            f"take {self.take}, {self.nats_per_unit:.3f} nats/{self.unit}{cut}"
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
            "duration_s": round(self.duration_s, 3),
            "n_notes": self.score.n_notes,
            "ended": self.ended,
            "nats_per_unit": self.nats_per_unit,
            "unit": self.unit,
        }


def compose(
    *,
    model: str | os.PathLike[str] | Composer = DEFAULT_MODEL,
    seed: int | None = None,
    bars: int | None = None,
    temperature: float = DEFAULT_SAMPLING.temperature,
    tempo_bpm: float | None = None,
    device: str = "cpu",
) -> Composition:
    """Write a piece of music.

    Example:
        >>> import audio_lstm
        >>> audio_lstm.compose(seed=7, bars=16).save("chorale.mid")

    Args:
        model: A shipped model's name, a model folder, a hub id, or a model from `load_music`.
        seed: The same seed and options give the same piece; None draws one (it is in the result).
        bars: Exactly this many bars of 4/4 (for models of events: of the metre that the model chooses); None lets
            the model end the piece, from the eighth bar on.
        temperature: 1 is the model's own distribution, 0 takes the likeliest token always.
        tempo_bpm: Quarters a minute; None keeps the model's choice, or 80 for chorales.
        device: "cpu" or "cuda".

    Returns:
        The piece. More options, and what is raised: `compose_takes`.
    """
    sampling = replace(DEFAULT_SAMPLING, temperature=temperature)
    takes = compose_takes(
        n_takes=1, model=model, seed=seed, bars=bars, tempo_bpm=tempo_bpm, sampling=sampling, device=device
    )
    return takes[0]


def compose_takes(
    *,
    n_takes: int,
    model: str | os.PathLike[str] | Composer = DEFAULT_MODEL,
    seed: int | None = None,
    bars: int | None = None,
    tempo_bpm: float | None = None,
    sampling: SamplingConfig = DEFAULT_SAMPLING,
    device: str = "cpu",
) -> list[Composition]:
    """Write several pieces from one seed; the options are those of `compose`.

    A model that is not found, is damaged, belongs to the speech wing or cannot compose is a ModelError.

    Args:
        n_takes: How many.
        model: As for `compose`.
        seed: As for `compose`; take i of a seed is the same whatever the number of takes.
        bars: As for `compose`. Then each take is the best of 8 drafts: the one whose ending is likeliest to the model.
        tempo_bpm: As for `compose`.
        sampling: Temperature, top-k, top-p, and the most tokens a piece may have.
        device: "cpu" or "cuda".

    Returns:
        The pieces, numbered from 0.

    Raises:
        ConfigError: If an option is out of range.
    """
    if n_takes < 1:
        raise ConfigError(f"n_takes must be at least 1, got {n_takes}")
    if bars is not None and not (1 <= bars <= MAX_BARS and bars == int(bars)):
        raise ConfigError(f"bars must be a whole number in 1..{MAX_BARS}, got {bars}")
    if tempo_bpm is not None and not 5.0 <= tempo_bpm <= 1000.0:
        raise ConfigError(f"tempo must lie in 5..1000 quarters a minute, got {tempo_bpm}")
    if seed is not None and seed < 0:
        raise ConfigError(f"seed must not be negative, got {seed}")
    composer = load_music(model, device=device)
    _end_token(composer)  # before any time is spent
    if seed is None:
        seed = secrets.randbelow(2**31)
    return [
        _compose_one(composer, seed, take, bars=bars, tempo_bpm=tempo_bpm, sampling=sampling) for take in range(n_takes)
    ]


def _compose_one(
    composer: Composer, seed: int, take: int, *, bars: int | None, tempo_bpm: float | None, sampling: SamplingConfig
) -> Composition:
    """One take: a single draft, or the best of several where the length is given."""
    n_drafts = N_DRAFTS if bars else 1
    limit = (exact_bars if bars else at_least_bars)(composer.representation, bars or MIN_BARS)
    if bars:  # the length is bounded by the bars already
        sampling = replace(sampling, max_tokens=max(sampling.max_tokens, 2000 * bars))
    drafts = sample_tokens(
        composer.step,
        composer.representation,
        n_takes=n_drafts,
        seed=seed,
        first_take=take * n_drafts,
        config=sampling,
        mask=lambda cursor: limit(cursor) & chorale_rules(cursor),
    )
    end = _end_token(composer)
    priced = [(draft, composer.costs(draft)) for draft in drafts]
    tokens, nats = min(priced, key=lambda pair: (pair[0][-1] != end, float(pair[1][-1])))
    return Composition(
        score=_with_tempo(_to_score(composer, tokens), tempo_bpm),
        tokens=tokens,
        model=composer.name,
        seed=seed,
        take=take,
        sampling=sampling,
        bars=bars,
        ended=bool(tokens[-1] == end),
        nats_per_unit=float(nats.sum()) / max(1, composer.representation.n_units(tokens)),
        unit=composer.representation.unit,
    )


def _end_token(composer: Composer) -> int:
    """The token that ends a piece; ModelError for a model whose pieces cannot be turned into scores."""
    representation = composer.representation
    if isinstance(representation, ChoraleGrid):
        return END
    if isinstance(representation, EventVocabulary):
        return representation.end
    raise ModelError(
        f"model {composer.name!r} scores pieces of kind {representation.kind!r} but cannot compose them; "
        "pass a model of chorales or events"
    )


def _to_score(composer: Composer, tokens: NDArray[np.int64]) -> Score:
    representation = composer.representation
    if isinstance(representation, ChoraleGrid):
        whole_steps = tokens if tokens[-1] == END else tokens[: len(tokens) - len(tokens) % 4]
        return voice_grid_to_score(representation.decode(whole_steps), bpm=CHORALE_BPM)
    events = cast(EventVocabulary, representation)  # _end_token has turned away all other kinds
    return events.decode(tokens)


def _with_tempo(score: Score, tempo_bpm: float | None) -> Score:
    """The score at another tempo throughout."""
    if tempo_bpm is None:
        return score
    return replace(score, tempi=(Tempo.from_bpm(0, tempo_bpm),))
