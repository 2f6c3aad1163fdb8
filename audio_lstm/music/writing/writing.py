"""From wishes to tokens and from tokens to a score, whatever the representation: what compose and its stream share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import cast

import numpy as np
from numpy.typing import NDArray

from audio_lstm.errors import ConfigError, ModelError
from audio_lstm.music.compare.copy_guard import CopyGuard
from audio_lstm.music.compare.novelty import load_index
from audio_lstm.music.models.composer import Composer
from audio_lstm.music.request.starting import Start, require_kept
from audio_lstm.music.request.wishes import Wishes
from audio_lstm.music.score.part_names import named_tracks
from audio_lstm.music.score.score import KeySignature, Score, Tempo, TimeSignature
from audio_lstm.music.score.voices import N_VOICES, voice_grid_to_score
from audio_lstm.music.tokens.chorale import END, ChoraleCursor, ChoraleGrid
from audio_lstm.music.tokens.event_cursor import EventCursor
from audio_lstm.music.tokens.events import EventVocabulary
from audio_lstm.music.writing.choose import SamplingConfig
from audio_lstm.music.writing.chorale_plan import ChoralePlan, plan_chorale
from audio_lstm.music.writing.event_plan import EventPlan, plan_events
from audio_lstm.music.writing.planned_chorale import chorale_writer
from audio_lstm.music.writing.planned_events import event_writer
from audio_lstm.music.writing.sample import Writer, write_steps
from audio_lstm.music.writing.start_given import (
    chorale_given,
    chorale_with_exact_primer,
    event_given,
    event_prefix,
    event_programs,
    with_exact_primer,
    without_lead,
)
from audio_lstm.runtime import State

__all__ = [
    "CHORALE_BPM",
    "MIN_BARS",
    "Request",
    "beginning_of",
    "end_token",
    "finished_score",
    "make_writer",
    "write_takes",
]

CHORALE_BPM = 80.0
MIN_BARS = 8  # a model that ends a piece itself may not do so before: one cadence is not a piece
_TOKENS_A_BAR = 2000


@dataclass(frozen=True)
class Request:
    """All that decides what is written.

    Raises:
        ConfigError: The model cannot be asked so, or wishes contradict each other.
        ModelError: A model that cannot compose, or has no index to keep copies out.
    """

    composer: Composer
    wishes: Wishes
    sampling: SamplingConfig
    seed: int
    start: Start | None = None  # what is given of the piece

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise ConfigError(f"seed must not be negative, got {self.seed}")
        end_token(self.composer)
        self.plan()
        guard = self.guard()
        if self.start is not None and self.start.primer is not None:
            require_kept(self.wishes, self.start.primer, index=guard.index if guard else None)

    def plan(self) -> EventPlan | ChoralePlan:
        """The wishes in the words of the model's representation."""
        representation, wishes = self.composer.representation, self.wishes
        primer = self.start.primer if self.start else None
        min_bars = MIN_BARS
        if primer is not None:
            min_bars = max(MIN_BARS, int(primer.n_bars) - primer.n_bars_before + primer.n_pickups + 1)
        if isinstance(representation, ChoraleGrid):
            return plan_chorale(representation, wishes, min_bars=min_bars)
        vocabulary = cast(EventVocabulary, representation)
        if primer is None:
            return plan_events(vocabulary, wishes, min_bars=min_bars)
        programs = event_programs(wishes, primer)
        plan = plan_events(vocabulary, replace(wishes, parts=programs), min_bars=min_bars)
        return replace(plan, resume=event_prefix(vocabulary, primer, programs)[1])

    def guard(self) -> CopyGuard | None:
        """What keeps copies out; where the last sonority is given, one note is kept in hand for it."""
        if self.wishes.max_copied is None:
            return None
        if self.composer.folder is None:
            raise ModelError(
                f"model {self.composer.name!r} lies in no folder, so that no index of copies lies beside it"
            )
        in_hand = self.wishes.final is not None
        return CopyGuard(load_index(self.composer.folder), self.wishes.max_copied - in_hand)

    def limited(self) -> SamplingConfig:
        """The sampling, with room for as many tokens as the bars may need."""
        least = _TOKENS_A_BAR * (self.wishes.bars or 0)
        return replace(self.sampling, max_tokens=max(self.sampling.max_tokens, least))


def end_token(composer: Composer) -> int:
    """The token that ends a piece.

    Args:
        composer: The model.

    Returns:
        Its id.

    Raises:
        ModelError: A model whose pieces cannot be turned into scores.
    """
    representation = composer.representation
    if isinstance(representation, ChoraleGrid):
        return END
    if isinstance(representation, EventVocabulary):
        return representation.end
    raise ModelError(
        f"model {composer.name!r} scores pieces of kind {representation.kind!r} but cannot compose them; "
        "pass a model of chorales or events"
    )


def make_writer(request: Request, batch: int) -> Writer[ChoraleCursor] | Writer[EventCursor]:
    """A writer for some pieces side by side.

    Args:
        request: What is asked for.
        batch: How many pieces.

    Returns:
        The writer, at the beginning of all of them.
    """
    plan, guard, repeats = request.plan(), request.guard(), request.sampling.max_repeats
    if isinstance(plan, ChoralePlan):
        cells = chorale_given(request.start, plan, batch) if request.start else ()
        return chorale_writer(plan, batch, max_repeats=repeats, guard=guard, given=cells)
    given = event_given(request.start, plan) if request.start else ()
    return event_writer(plan, batch, max_repeats=repeats, guard=guard, given=given)


def write_takes(
    request: Request, numbers: Sequence[int], *, progress: Callable[[int], None] | None = None
) -> list[NDArray[np.int64]]:
    """Pieces written side by side in one batch.

    Args:
        request: What is asked for.
        numbers: Of the pieces; each draws from the generator of the seed and its number.
        progress: Told how many bars are begun.

    Returns:
        The tokens of each.
    """
    writer = make_writer(request, len(numbers))
    beginning = beginning_of(request)
    for token in beginning.tolist():  # the model reads it in one go
        writer.push([token] * len(numbers))
    written: list[list[int]] = [beginning.tolist() for _ in numbers]
    told = 0
    for rows, tokens in write_steps(
        request.composer.step,
        writer,
        generators=[np.random.default_rng([request.seed, number]) for number in numbers],
        config=request.limited(),
        state=request.composer.read(beginning, len(numbers)),
        select=select_state,
    ):
        for row, token in zip(rows, tokens, strict=True):
            written[row].append(token)
        if progress is not None and writer.n_bars > told:
            told = writer.n_bars
            progress(told)
    return [np.array(tokens, np.int64) for tokens in written]


def beginning_of(request: Request) -> NDArray[np.int64]:
    """The tokens with which all pieces of events begin: those of the primer.

    Args:
        request: What is asked for.

    Returns:
        (n,) tokens; none where nothing is given that the model reads in one go.
    """
    plan, primer = request.plan(), request.start.primer if request.start else None
    if primer is None or not isinstance(plan, EventPlan):
        return np.zeros(0, np.int64)
    return event_prefix(plan.vocabulary, primer, tuple(part.program for part in plan.parts))[0]


def select_state(state: State, rows: Sequence[int]) -> State:
    """The state of some pieces of a batch.

    Args:
        state: (layers, batch, size) each.
        rows: Their places.

    Returns:
        The same, with those pieces only.
    """
    return tuple(array[:, list(rows)] for array in state)


def finished_score(
    composer: Composer, wishes: Wishes, tokens: NDArray[np.int64], *, start: Start | None = None
) -> Score:
    """The score that tokens spell; a piece that was cut ends with its last whole note or step.

    Args:
        composer: The model.
        wishes: What was asked for: tempo, metre, key and instruments are written into the score.
        tokens: (n,).
        start: What was given: a primer stays as it was, to the tick.

    Returns:
        The score.
    """
    representation = composer.representation
    if isinstance(representation, EventVocabulary):
        score = representation.decode(tokens)
        if start is not None and start.primer is not None:
            programs = event_programs(wishes, start.primer)
            _, resume = event_prefix(representation, start.primer, programs)
            score = without_lead(with_exact_primer(score, start.primer, resume), start.primer)
        return _with_tempo(replace(score, tracks=named_tracks(score.tracks)), wishes.tempo_bpm)
    grid = cast(ChoraleGrid, representation)  # end_token has turned away all other kinds
    whole_steps = tokens if tokens[-1] == END else tokens[: len(tokens) - len(tokens) % N_VOICES]
    score = voice_grid_to_score(grid.decode(whole_steps), bpm=CHORALE_BPM)
    if start is not None and start.primer is not None:
        score = replace(chorale_with_exact_primer(grid.decode(whole_steps), start.primer), tempi=score.tempi)
    tracks = score.tracks
    if wishes.parts:
        tracks = tuple(replace(track, program=wish) for track, wish in zip(tracks, wishes.parts, strict=False))
        tracks += score.tracks[len(tracks) :]  # the drums of a primer
    metre = TimeSignature(0, *(wishes.metre or (4, 4)))
    keys = () if wishes.key is None else (KeySignature(0, wishes.key.sharps, wishes.key.is_minor),)
    said = _same_bars(metre)
    score = replace(
        score,
        tracks=tracks,
        time_signatures=(metre,),
        key_signatures=keys,
        remarks=(*score.remarks, said) if said else score.remarks,
    )
    if start is not None and start.primer is not None:
        score = without_lead(score, start.primer)
    return _with_tempo(score, wishes.tempo_bpm)


def _same_bars(metre: TimeSignature) -> str:
    """What a model of chorales does not know about a metre; "" for those in quarters."""
    if metre.denominator == 4:
        return ""
    quarters = Fraction(4 * metre.numerator, metre.denominator)
    same = f" (as {quarters}/4)" if quarters.denominator == 1 else ""
    return (
        f"a model of chorales knows how long a bar is, not how it is divided: the notes of {metre.numerator}/"
        f"{metre.denominator} are those of any metre of {float(quarters):g} quarters{same}"
    )


def _with_tempo(score: Score, tempo_bpm: float | None) -> Score:
    """The score at another tempo throughout."""
    return score if tempo_bpm is None else replace(score, tempi=(Tempo.from_bpm(0, tempo_bpm),))
