"""Wishes in the words of an event vocabulary: what each part may play, what opens and closes a piece, and the rules.

The plan is made once for all pieces of a request. Here contradictions that depend on the vocabulary are found; what
passes, `EventWriter` can always satisfy, token by token.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from audio_lstm.errors import ConfigError
from audio_lstm.music.request.voicing import Voicing, settle
from audio_lstm.music.request.wishes import Wishes
from audio_lstm.music.tokens.event_fit import nearest
from audio_lstm.music.tokens.event_grammar import DRUM_PROGRAM, Kind
from audio_lstm.music.tokens.events import EventVocabulary

__all__ = ["FOREVER", "EventPlan", "PartPlan", "plan_events"]

FOREVER = 1 << 60
"""Later than any tick."""


@dataclass(frozen=True)
class PartPlan:
    """What one part may play."""

    program: int  # the value of its PROGRAM token
    pitches: list[int]  # ascending MIDI note numbers (drums: all)
    ids: NDArray[np.int64]  # their tokens

    @property
    def is_drum(self) -> bool:
        """Whether it is a drum kit."""
        return self.program == DRUM_PROGRAM


@dataclass(frozen=True)
class EventPlan:
    """The rules of a request; -1 and None leave a choice to the model."""

    vocabulary: EventVocabulary
    wishes: Wishes
    parts: tuple[PartPlan, ...]  # the parts that are asked for; () where the model chooses them
    metre: int  # row of the table
    tempo: int
    key: int
    min_bars: int  # without an exact number: no END before so many
    cap: int  # most notes at once
    low: int  # least notes of a bar
    high: int
    fixed_metre: bool  # whether the first metre is the only one
    rests: float | None
    resume: int = 0  # grid steps: what comes before is given

    def part(self, program: int, number: int) -> PartPlan:
        """What a part may play that the model has declared.

        Args:
            program: Its program, as the vocabulary's word says it.
            number: Its number.

        Returns:
            The rules for it.
        """
        if program == DRUM_PROGRAM:
            return _part(self.vocabulary, program, range(128))
        return _part(self.vocabulary, program, self.wishes.pitches(number))

    @property
    def max_parts(self) -> int:
        """The most parts that the model may declare."""
        return min(self.vocabulary.n_tracks, self.cap, self.high)

    @property
    def min_pitched(self) -> int:
        """The least pitched parts that it has to declare: two where a note and the bass beneath it differ."""
        final = self.wishes.final
        if final is None or final.pitch is None or final.bass is None:
            return 1
        return 1 if final.pitch % 12 == final.bass else 2

    @property
    def metres(self) -> list[int]:
        """The rows of the metres in which the piece can be written."""
        bar_steps = self.vocabulary.layout.bar_steps
        return [row for row, steps in enumerate(bar_steps.tolist()) if self.metre in (-1, row) and steps >= self.low]

    def is_final(self, bar: int) -> bool:
        """Whether a bar is the last one, and all of it a sonority.

        Args:
            bar: Its number, from 0.

        Returns:
            True for that bar.
        """
        return bar + 1 == self.wishes.bars and self.wishes.final is not None

    def hold(self, bar_steps: int) -> int:
        """How long the last sonority is held.

        Args:
            bar_steps: Length of its bar.

        Returns:
            The longest duration within the bar, in steps.
        """
        return max(duration for duration in self.vocabulary.durations if duration <= bar_steps)

    def voicing(self, where: str, parts: Sequence[PartPlan]) -> Voicing | None:
        """The first or the last sonority, settled on parts.

        Args:
            where: "first" or "last".
            parts: Those of the piece.

        Returns:
            Who plays what; None where nothing is asked for. What is raised: `settle`.
        """
        sonority = self.wishes.first if where == "first" else self.wishes.final
        if sonority is None:
            return None
        pitched = [number for number, part in enumerate(parts) if not part.is_drum]
        all_needed = self.rests is not None or (where == "last" and self.wishes.bars == 1)
        return settle(
            sonority,
            [None if part.is_drum else frozenset(part.pitches) for part in parts],
            where=where,
            melody=pitched[0],
            needed=frozenset(pitched if all_needed else ()),
        )


def plan_events(vocabulary: EventVocabulary, wishes: Wishes, *, min_bars: int = 1) -> EventPlan:
    """The plan for some wishes.

    Args:
        vocabulary: Of the model.
        wishes: What is asked for.
        min_bars: Without an exact number of bars: no piece ends before so many.

    Returns:
        The plan; every piece that follows it can be finished.

    Raises:
        ConfigError: The vocabulary has no word for a wish, or wishes contradict each other in it.
    """
    layout = vocabulary.layout
    metre = -1
    if wishes.metre is not None:
        if wishes.metre not in vocabulary.time_signatures:
            known = ", ".join(f"{top}/{bottom}" for top, bottom in vocabulary.time_signatures[:12])
            raise ConfigError(f"metre {wishes.metre[0]}/{wishes.metre[1]}: this model knows {known} ...; choose one")
        metre = vocabulary.time_signatures.index(wishes.metre)
    tempo = -1
    if wishes.tempo_bpm is not None:
        tempo = int(nearest(np.log(vocabulary.tempi), np.log([60e6 / wishes.tempo_bpm]))[0])
    low, high = wishes.density or (0, FOREVER)
    if len(wishes.ranges) > 1 and len(wishes.ranges) != len(wishes.parts):
        raise ConfigError(
            f"{len(wishes.ranges)} ranges for {len(wishes.parts)} parts: pass one for all, or name as many parts"
        )
    if len(wishes.parts) > vocabulary.n_tracks:
        raise ConfigError(f"{len(wishes.parts)} parts: this model writes at most {vocabulary.n_tracks}")
    plan = EventPlan(
        vocabulary=vocabulary,
        wishes=wishes,
        parts=(),
        metre=metre,
        tempo=tempo,
        key=-1 if wishes.key is None else wishes.key.sharps + 7 + 15 * wishes.key.is_minor,
        min_bars=min_bars,
        cap=wishes.max_polyphony or FOREVER,
        low=low,
        high=high,
        fixed_metre=bool(wishes.metre or wishes.bars or wishes.density or wishes.rests is not None),
        rests=None if wishes.rests == 1.0 else wishes.rests,
    )
    words = [vocabulary.word_of(program) for program in wishes.parts]
    plan = replace(plan, parts=tuple(plan.part(word, number) for number, word in enumerate(words)))
    if not plan.metres:
        longest = int(layout.bar_steps.max() if metre < 0 else layout.bar_steps[metre])
        raise ConfigError(f"density: at least {low} notes a bar, but a bar has {longest} places on this model's grid")
    _check_durations(plan)
    _check_parts(plan)
    return plan


def _check_durations(plan: EventPlan) -> None:
    """Whether notes can be as short, and as long, as the guarantees need."""
    durations, wishes = plan.vocabulary.durations, plan.wishes
    bars = [int(plan.vocabulary.layout.bar_steps[row]) for row in plan.metres]
    if wishes.bars is not None and durations[0] > min(bars):
        raise ConfigError("this model's shortest note is longer than a bar, so that no piece can end; leave bars out")
    needs_all = plan.rests is not None or wishes.density is not None or wishes.max_polyphony is not None
    if needs_all and durations[: max(bars)] != tuple(range(1, max(bars) + 1)):
        raise ConfigError(
            "rests, density and max_polyphony need notes of every length up to a bar, which this model lacks; "
            "leave them out"
        )


def _check_parts(plan: EventPlan) -> None:
    """Whether the parts can play all that they have to at one time."""
    parts = plan.parts or tuple(plan.part(0, 0) for _ in range(plan.min_pitched))
    if plan.min_pitched > plan.max_parts:
        raise ConfigError("an ending with another last note than the tonic needs two notes at once; allow them")
    due = len(plan.parts)
    for where in ("first", "last"):
        voicing = plan.voicing(where, parts)
        due = max(due, len(voicing.required) if voicing else 0)
    if plan.high < due:
        raise ConfigError(f"density: at most {plan.high} notes a bar, but {due} parts have to play in one")


def _part(vocabulary: EventVocabulary, program: int, pitches: Iterable[int]) -> PartPlan:
    kind = Kind.DRUM if program == DRUM_PROGRAM else Kind.PITCH
    ordered = sorted(pitches)
    return PartPlan(program, ordered, np.array(ordered, np.int64) + int(vocabulary.layout.first[kind]))
