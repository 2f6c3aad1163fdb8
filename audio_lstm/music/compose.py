"""`compose`: a model, a seed and any number of wishes -> a piece that has them all."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from typing import Any, Unpack, cast

import numpy as np
from numpy.typing import NDArray

from audio_lstm.checkpoint import NOVELTY_FILE
from audio_lstm.errors import ConfigError
from audio_lstm.music.compare.novelty import load_index
from audio_lstm.music.composition import Composition
from audio_lstm.music.models.composer import DEFAULT_MODEL, Composer, load_music
from audio_lstm.music.request.chord_report import chords_finding
from audio_lstm.music.request.report import Report, measure
from audio_lstm.music.request.starting import Start, plan_start
from audio_lstm.music.request.wish_text import WishOptions
from audio_lstm.music.request.wishes import Wishes
from audio_lstm.music.score.chord_track import beats_of
from audio_lstm.music.score.part_names import DRUMS
from audio_lstm.music.score.score import Score
from audio_lstm.music.score.voices import N_VOICES
from audio_lstm.music.tokens.chorale import ChoraleGrid
from audio_lstm.music.tokens.events import EventVocabulary
from audio_lstm.music.writing.beam import search_beams
from audio_lstm.music.writing.choose import SamplingConfig
from audio_lstm.music.writing.start_given import after_primer, is_for_voices, with_opening
from audio_lstm.music.writing.writing import CHORALE_BPM, Request, end_token, finished_score, write_takes

__all__ = ["CHORALE_BPM", "DEFAULT_SAMPLING", "ComposeOptions", "Composition", "compose", "compose_takes"]

DEFAULT_SAMPLING = SamplingConfig(
    temperature=0.7, top_p=0.98
)  # chords as consonant as the real ones: docs/decisions/sampling-chorales.md
PARTS_MODEL = "lieder"  # the default where other parts are asked for than four voices
N_DRAFTS = 8  # of a chorale of given length: the one whose ending the model likes best is kept
MAX_BATCH = 64  # pieces side by side


class ComposeOptions(WishOptions, total=False):
    """All options of `compose` but for model, seed, sampling and device."""

    temperature: float  # these go into the sampling: see `SamplingConfig`
    top_k: int
    top_p: float
    min_p: float
    max_repeats: int | None
    best_of: int
    beam_size: int
    primer: Any  # music that the piece begins with: see `read_primer`
    primer_bars: tuple[int, int]  # only these bars of it, counted from 1
    chords: str  # "Am F C G": what the piece keeps to
    transpose: int  # semitones by which the primer is moved
    tune: str  # of a primer in ABC with several tunes, its X: number or its title
    without_primer: bool  # give back what follows the primer alone


_START_OPTIONS = frozenset({"primer", "primer_bars", "chords", "transpose", "tune", "without_primer"})
_SAMPLING_OPTIONS = frozenset(ComposeOptions.__annotations__) - frozenset(WishOptions.__annotations__) - _START_OPTIONS


def compose(
    *,
    model: str | os.PathLike[str] | Composer | None = None,
    seed: int | None = None,
    sampling: SamplingConfig | None = None,
    device: str = "cpu",
    **options: Unpack[ComposeOptions],
) -> Composition:
    """Write a piece of music.

    Examples:
        >>> import audio_lstm
        >>> piece = audio_lstm.compose(seed=7, bars=16, key="D minor", ending=True)
        >>> path = piece.save("chorale.mid")

    Args:
        model: A shipped model's name, a model folder, a hub id, or a model from `load_music`; None: chorales, or songs
            where parts are asked for.
        seed: The same seed and options give the same piece; None draws one (it is in the result).
        sampling: How tokens are chosen; None: the defaults. The options below change it further.
        device: "cpu" or "cuda".
        **options: What the piece has to be (`WishOptions`: key, bars, tempo_bpm, metre, parts, ranges, max_polyphony,
            density, rests, first, last, ending, max_copied), each kept exactly, and how tokens are chosen (temperature,
            top_k, top_p, min_p, max_repeats, best_of, beam_size). Without bars the model ends the piece, from the
            eighth bar on.

    Returns:
        The piece.

    Raises:
        ConfigError: If an option is out of range, or constraints contradict each other.
        ModelError: If the model is not found, is damaged, belongs to the speech wing, or cannot compose.
        ScoreError: If the primer cannot be read, or does not fit the model or the constraints.
    """  # noqa: DOC502 - raised by what it calls
    return compose_takes(n_takes=1, model=model, seed=seed, sampling=sampling, device=device, **options)[0]


def compose_takes(
    *,
    n_takes: int,
    model: str | os.PathLike[str] | Composer | None = None,
    seed: int | None = None,
    sampling: SamplingConfig | None = None,
    device: str = "cpu",
    progress: Callable[[int], None] | None = None,
    **options: Unpack[ComposeOptions],
) -> list[Composition]:
    """Write several pieces from one seed, side by side; the options are those of `compose`.

    Examples:
        >>> import audio_lstm
        >>> for take in audio_lstm.compose_takes(n_takes=2, seed=1, bars=4):
        ...     path = take.save(f"take-{take.take}.mid")

    A model that is not found, is damaged, belongs to the speech wing or cannot compose is a ModelError.

    Args:
        n_takes: How many.
        model: As for `compose`.
        seed: As for `compose`; the number of takes is one of the options that the pieces depend on.
        sampling: As for `compose`.
        device: "cpu" or "cuda".
        progress: Told how many bars are begun, where their number is given.
        **options: As for `compose`.

    Returns:
        The pieces, numbered from 0.

    Raises:
        ConfigError: An option is out of range, or wishes contradict each other.
    """
    if n_takes < 1:
        raise ConfigError(f"n_takes must be at least 1, got {n_takes}")
    request = make_request(model=model, seed=seed, sampling=sampling, device=device, options=options)
    if request.sampling.beam_size is not None:
        return _searched(request, n_takes, request.sampling.beam_size)
    n_drafts = _n_drafts(request)
    told = progress if request.wishes.bars is not None else None
    takes: list[Composition] = []
    for first in range(0, n_takes, max(1, MAX_BATCH // n_drafts)):
        numbers = range(first, min(n_takes, first + max(1, MAX_BATCH // n_drafts)))
        drafts = write_takes(request, range(numbers[0] * n_drafts, (numbers[-1] + 1) * n_drafts), progress=told)
        for place, take in enumerate(numbers):
            takes.append(_chosen(request, take, drafts[place * n_drafts : (place + 1) * n_drafts]))
    return takes


def make_request(
    *,
    model: str | os.PathLike[str] | Composer | None,
    seed: int | None,
    sampling: SamplingConfig | None,
    device: str,
    options: ComposeOptions,
) -> Request:
    """What `compose` and its stream are asked for, checked before any time is spent.

    Args:
        model: As for `compose`.
        seed: As for `compose`.
        sampling: As for `compose`.
        device: As for `compose`.
        options: As for `compose`.

    Returns:
        The request; what is raised: `compose_takes`.
    """
    wanted = {name: value for name, value in options.items() if name not in _SAMPLING_OPTIONS | _START_OPTIONS}
    given = {name: value for name, value in options.items() if name in _START_OPTIONS}
    wishes, start = plan_start(cast(WishOptions, wanted), **cast(dict[str, Any], given))
    changes: dict[str, Any] = {name: value for name, value in options.items() if name in _SAMPLING_OPTIONS}
    chosen = replace(sampling or DEFAULT_SAMPLING, **changes)
    composer = load_music(_model_for(wishes, start) if model is None else model, device=device)
    if isinstance(composer.representation, EventVocabulary):
        wishes = wishes.with_hands(composer.representation.two_handed)
    return Request(composer, wishes, chosen, secrets.randbelow(2**31) if seed is None else seed, start)


def _model_for(wishes: Wishes, start: Start | None) -> str:
    """Chorales, unless other parts are asked for, or given, than four voices or a melody."""
    primer = start.primer if start else None
    fits = not wishes.parts or (len(wishes.parts) == N_VOICES and DRUMS not in wishes.parts)
    return DEFAULT_MODEL if fits and (primer is None or is_for_voices(primer)) else PARTS_MODEL


def _n_drafts(request: Request) -> int:
    if request.sampling.best_of is not None:
        return request.sampling.best_of
    is_chorale = isinstance(request.composer.representation, ChoraleGrid)
    return N_DRAFTS if is_chorale and request.wishes.bars else 1


def _searched(request: Request, n_takes: int, beam_size: int) -> list[Composition]:
    """The likeliest pieces that a beam search finds."""
    if n_takes > beam_size:
        raise ConfigError(f"{n_takes} takes of {beam_size} beams: pass a beam_size of as many, or fewer takes")
    found = search_beams(request, beam_size)[:n_takes]
    prices = [float(request.composer.costs(tokens).sum()) for tokens in found]
    return [
        finished_piece(request, take, tokens, nats=nats)
        for take, (tokens, nats) in enumerate(zip(found, prices, strict=True))
    ]


def _chosen(request: Request, take: int, drafts: list[NDArray[np.int64]]) -> Composition:
    """The best of some drafts: the likeliest, or by default the one with the likeliest ending."""
    end = end_token(request.composer)
    n_units = request.composer.representation.n_units

    def price(draft: NDArray[np.int64], costs: NDArray[np.float64]) -> float:
        if request.sampling.best_of is None:
            return float(costs[-1])
        return float(costs.sum()) / max(1, n_units(draft))

    priced = [(draft, request.composer.costs(draft)) for draft in drafts]
    tokens, costs = min(priced, key=lambda pair: (pair[0][-1] != end, price(*pair)))
    return finished_piece(request, take, tokens, nats=float(costs.sum()))


def finished_piece(request: Request, take: int, tokens: NDArray[np.int64], *, nats: float) -> Composition:
    """A piece with its score and its reports.

    Args:
        request: What was asked for.
        take: Its number.
        tokens: As they were written.
        nats: The model's price of them.

    Returns:
        The piece.
    """
    composer, wishes = request.composer, request.wishes
    score = finished_score(composer, wishes, tokens, start=request.start)
    primer = request.start.primer if request.start else None
    if primer is not None and wishes.bars is not None:
        wishes = replace(wishes, bars=wishes.bars - primer.n_pickups)
    voices = isinstance(composer.representation, ChoraleGrid)
    whole = score if primer is None else with_opening(score, primer, voices=voices)
    has_index = composer.folder is not None and (composer.folder / NOVELTY_FILE).is_file()
    novelty = load_index(composer.folder).report(whole) if has_index and composer.folder else None
    report = _report(score, wishes, request.start, n_copied=novelty.n_notes if novelty else None)
    if request.start is not None and request.start.without_primer and primer is not None:
        whole = after_primer(score, primer)
    if primer is not None and wishes.bars is not None:
        wishes = replace(wishes, bars=wishes.bars + primer.n_bars_before)
    return Composition(
        score=whole,
        tokens=tokens,
        model=composer.name,
        seed=request.seed,
        take=take,
        sampling=request.sampling,
        bars=wishes.bars,
        ended=bool(tokens[-1] == end_token(composer)),
        nats_per_unit=nats / max(1, composer.representation.n_units(tokens)),
        unit=composer.representation.unit,
        wishes=wishes,
        report=report,
        novelty=novelty,
    )


def _report(score: Score, wishes: Wishes, start: Start | None, *, n_copied: int | None) -> Report:
    """Asked against achieved: the wishes, and the chords."""
    primer = start.primer if start else None
    report = measure(score, wishes, n_copied=n_copied, n_bars_before=primer.n_bars_before if primer else 0)
    if start is None or not start.chords:
        return report
    metre = wishes.metre or (4, 4)
    bar = Fraction(4 * metre[0], metre[1])
    pickup = bar - Fraction(primer.lead_ticks, primer.score.ticks_per_quarter) if primer and primer.n_pickups else 0
    end = pickup + bar * wishes.bars if wishes.bars else Fraction(score.end_ticks, score.ticks_per_quarter)
    begin, beat = bar * start.first_bar(bar) - (bar - pickup if pickup else 0), beats_of(metre)
    return Report((*report.findings, chords_finding(score, start.chords, begin=begin, end=end, beat=beat)))
