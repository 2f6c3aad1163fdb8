"""Some bars of any song written anew by a model of events: all the rest stays as it is, to the tick.

The model reads what stands before the gap, writes several drafts of it, and that one is kept after which what follows
is likeliest. Notes that sound into the gap go on sounding (their pitch is not struck again before they end); the new
notes end with the gap.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from audio_lstm.errors import ConfigError, ScoreError
from audio_lstm.music.models.composer import Composer
from audio_lstm.music.request.wishes import Wishes
from audio_lstm.music.score.bars import score_bars
from audio_lstm.music.score.excerpt import span_of_bars
from audio_lstm.music.score.score import Score, rescale_ticks
from audio_lstm.music.tokens.event_cursor import EventCursor, EventPiece
from audio_lstm.music.tokens.event_grammar import Kind
from audio_lstm.music.tokens.events import EventVocabulary
from audio_lstm.music.writing.choose import SamplingConfig
from audio_lstm.music.writing.event_given import PieceConstraint
from audio_lstm.music.writing.event_plan import plan_events
from audio_lstm.music.writing.planned_events import event_writer
from audio_lstm.music.writing.sample import write_steps
from audio_lstm.music.writing.writing import select_state

__all__ = ["BARS_AFTER", "Gap", "GapNotes", "fill_bars"]

BARS_AFTER = 4
"""How much of what follows a draft has to lead to."""
_NEVER = 1 << 20
_TOKENS_A_BAR = 2000


@dataclass(frozen=True)
class Gap:
    """Bars to be written, in the grid steps of a vocabulary."""

    prefix: NDArray[np.int64]  # (n,) the piece up to the gap, the BAR and metre of its first bar included
    start: int
    stop: int
    held: tuple[tuple[int, int, int], ...]  # (end, part, pitch) of the notes that sound into it


class GapNotes(PieceConstraint):
    """Pieces that are given up to a gap, written in it, and end after it.

    Args:
        vocabulary: Of the pieces.
        gap: Where.
    """

    def __init__(self, vocabulary: EventVocabulary, gap: Gap) -> None:
        super().__init__(vocabulary)
        self._gap = gap

    def reason(self, cursor: EventCursor, row: int) -> str:
        """Where nothing is left: see `Constraint.reason`."""
        step = cursor.pieces[row].now
        return f"bars to fill in, at step {step}: the other wishes leave it no note; change one of them"

    def _narrow(self, piece: EventPiece, row: NDArray[np.bool_]) -> None:
        """What may stand in the gap; the given token before it, END after it."""
        gap = self._gap
        if piece.n_tokens < len(gap.prefix) or piece.bar_start >= gap.stop:
            row[:] = False
            row[gap.prefix[piece.n_tokens] if piece.n_tokens < len(gap.prefix) else self._first[Kind.END]] = True
            return
        if piece.kind == Kind.VELOCITY:
            self._span(row, Kind.DURATION)[self._durations > gap.stop - piece.now] = False
            return
        for kind in (Kind.KEY, Kind.TEMPO, Kind.TIME_SIGNATURE):
            self._span(row, kind)[:] = False
        held = [pitch for end, part, pitch in gap.held if part == piece.track and end > piece.now]
        # A part all of whose offered notes are held already has nothing to say here: any note but a new attack.
        pitches = self._span(row, Kind.PITCH)
        sounding = np.zeros_like(pitches)
        sounding[held] = True
        if (pitches & ~sounding).any() or row.sum() > pitches.sum():
            pitches &= ~sounding


def fill_bars(
    composer: Composer,
    score: Score,
    bars: tuple[int, int],
    *,
    seed: int,
    sampling: SamplingConfig,
    n_drafts: int,
) -> tuple[Score, float, int]:
    """Write some bars of a song anew.

    Args:
        composer: A model of events.
        score: The song.
        bars: The first and the last, counted from 1.
        seed: Not negative.
        sampling: How tokens are chosen.
        n_drafts: How many are written, of which one is kept.

    Returns:
        The song with new bars; the price of what follows them (of the bars themselves, where nothing does), in nats;
        and of how many tokens.

    Raises:
        ConfigError: The model is none of events, or there are no such bars.
    """
    vocabulary = composer.representation
    if not isinstance(vocabulary, EventVocabulary):
        raise ConfigError(f"model {composer.name!r} does not write events; pass one that does, such as lieder")
    gap, parts = _gap(vocabulary, score, bars)
    room = replace(sampling, max_tokens=len(gap.prefix) + _TOKENS_A_BAR * (bars[1] - bars[0] + 2))
    drafts = _drafts(composer, gap, seed=seed, sampling=room, n_drafts=n_drafts)
    after = _bars_after(score, bars[1])
    best: tuple[float, int, Score] | None = None
    for tokens in drafts:
        whole = _with_notes(score, vocabulary.decode(tokens), gap, parts, bars)
        nats, n_tokens = _price(composer, vocabulary, whole, gap, after)
        if best is None or nats < best[0]:
            best = (nats, n_tokens, whole)
    nats, n_tokens, whole = cast("tuple[float, int, Score]", best)
    return whole, nats, n_tokens


def _gap(vocabulary: EventVocabulary, score: Score, bars: tuple[int, int]) -> tuple[Gap, list[int]]:
    """The gap, and the tracks of the score that are the parts of the vocabulary."""
    start_ticks, stop_ticks = span_of_bars(score, bars)
    fitted, _ = vocabulary.fit(score)
    if any(start_ticks < metre.tick < stop_ticks for metre in score.time_signatures):
        raise ScoreError(
            f"the metre changes within bars {bars[0]}-{bars[1]}; fill in the bars on each side by themselves"
        )
    old, new = score.ticks_per_quarter, vocabulary.steps_per_quarter
    start, stop = (int(rescale_ticks(ticks, old, new)) for ticks in (start_ticks, stop_ticks))
    asked = [rescale_ticks(bar.start_ticks, old, new) for bar in score_bars(score) if bars[0] <= bar.number <= bars[1]]
    found = [bar.start_ticks for bar in score_bars(fitted) if start <= bar.start_ticks < stop]
    if found and (found != asked[: len(found)] or start not in found):
        raise ScoreError("its metres are none that the model writes in; pass another model, or split the piece there")
    tokens = vocabulary.encode(score)
    piece = EventPiece(vocabulary.layout)
    layout = vocabulary.layout
    kinds = layout.kind_of[tokens]
    for place, token in enumerate(tokens.tolist()):
        piece.push(token)
        if kinds[place] == Kind.BAR and piece.bar_start >= start:
            n_prefix = place + 1
            break
    else:  # the gap lies after the last onset: empty bars lead to it
        tokens = np.append(tokens[:-1], [vocabulary.bar] * ((start - piece.bar_start) // piece.bar_steps))
        n_prefix = len(tokens)
    prefix = tokens[:n_prefix]
    if n_prefix < len(kinds) and kinds[n_prefix] == Kind.TIME_SIGNATURE:
        prefix = tokens[: n_prefix + 1]
    prefix = _with_opening(vocabulary, prefix, tokens)
    ends = fitted.notes["start_ticks"] + fitted.notes["duration_ticks"]
    into = fitted.notes[(fitted.notes["start_ticks"] < start) & (ends > start)]
    held = tuple(
        (int(note["start_ticks"] + note["duration_ticks"]), int(note["track"]), int(note["pitch"])) for note in into
    )
    return Gap(prefix, start, stop, held), np.unique(score.notes["track"]).tolist()


def _with_opening(vocabulary: EventVocabulary, prefix: NDArray[np.int64], tokens: NDArray[np.int64]) -> Any:
    """A gap at the very beginning is still given the first position, its key and its tempo."""
    kinds = vocabulary.layout.kind_of
    if (kinds[prefix] == Kind.TEMPO).any():
        return prefix
    n_opening = int(np.flatnonzero(kinds[tokens] == Kind.TEMPO)[0]) + 1
    return tokens[:n_opening]


def _drafts(
    composer: Composer, gap: Gap, *, seed: int, sampling: SamplingConfig, n_drafts: int
) -> list[NDArray[np.int64]]:
    vocabulary = cast(EventVocabulary, composer.representation)
    plan = plan_events(vocabulary, Wishes(), min_bars=_NEVER)
    given = [GapNotes(vocabulary, gap)]
    writer = event_writer(plan, n_drafts, max_repeats=sampling.max_repeats, given=given)
    for token in gap.prefix.tolist():  # the model reads it in one go
        writer.push([token] * n_drafts)
    written: list[list[int]] = [gap.prefix.tolist() for _ in range(n_drafts)]
    for rows, tokens in write_steps(
        composer.step,
        writer,
        generators=[np.random.default_rng([seed, number]) for number in range(n_drafts)],
        config=sampling,
        state=composer.read(gap.prefix, n_drafts),
        select=select_state,
    ):
        for row, token in zip(rows, tokens, strict=True):
            written[row].append(token)
    # The BAR after the gap and END are no part of a piece that would go on.
    return [np.array(tokens[:-2] if tokens[-1] == vocabulary.end else tokens, np.int64) for tokens in written]


def _with_notes(score: Score, draft: Score, gap: Gap, parts: Sequence[int], bars: tuple[int, int]) -> Score:
    """The song with the notes of a draft in place of those that began in the gap."""
    start_ticks, stop_ticks = span_of_bars(score, bars)
    outside = (score.notes["start_ticks"] < start_ticks) | (score.notes["start_ticks"] >= stop_ticks)
    new = draft.notes[draft.notes["start_ticks"] >= gap.start].copy()
    old, grid = score.ticks_per_quarter, draft.ticks_per_quarter
    ends = start_ticks + rescale_ticks(new["start_ticks"] + new["duration_ticks"] - gap.start, grid, old)
    new["start_ticks"] = start_ticks + rescale_ticks(new["start_ticks"] - gap.start, grid, old)
    new["duration_ticks"] = np.maximum(np.minimum(ends, stop_ticks) - new["start_ticks"], 1)
    new["track"] = np.array(parts)[new["track"]]
    return replace(score, notes=np.concatenate([score.notes[outside], new]))


def _bars_after(score: Score, last: int) -> int:
    """The tick at which what a draft is judged by ends."""
    later = [bar.end_ticks for bar in score_bars(score) if bar.number > last]
    return later[min(BARS_AFTER, len(later)) - 1] if later else 0


def _price(
    composer: Composer, vocabulary: EventVocabulary, whole: Score, gap: Gap, after_ticks: int
) -> tuple[float, int]:
    """What the bars after the gap cost; the gap itself for each of its tokens, where nothing follows."""
    kept = whole
    if after_ticks:
        kept = replace(whole, notes=whole.notes[whole.notes["start_ticks"] < after_ticks])
        kept = replace(kept, tempi=tuple(t for t in kept.tempi if t.tick < after_ticks))
        kept = replace(kept, key_signatures=tuple(k for k in kept.key_signatures if k.tick < after_ticks))
        kept = replace(kept, time_signatures=tuple(m for m in kept.time_signatures if m.tick < after_ticks))
    tokens = vocabulary.encode(kept)[:-1]
    piece, place = EventPiece(vocabulary.layout), 0
    limit = gap.stop if after_ticks else gap.start
    for place, token in enumerate(tokens.tolist()):  # noqa: B007
        piece.push(token)
        if piece.bar >= 0 and piece.bar_start >= limit:
            break
    costs = composer.costs(tokens)[place:]
    return float(costs.sum() if after_ticks else costs.mean()), len(costs)
