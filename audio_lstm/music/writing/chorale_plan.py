"""Wishes in the words of a chorale grid: what each voice may sing in each cell, and the rules.

Contradictions that depend on the four voices are found here; what passes, `ChoraleWriter` can always satisfy.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from audio_lstm.errors import ConfigError
from audio_lstm.music.request.voicing import Voicing, settle
from audio_lstm.music.request.wishes import Sonority, Wishes
from audio_lstm.music.score.part_names import DRUMS
from audio_lstm.music.score.voices import N_VOICES, STEPS_PER_QUARTER, VOICES
from audio_lstm.music.tokens.chorale import FIRST_PITCH, ChoraleGrid

__all__ = ["ChoralePlan", "plan_chorale"]

_ANY = 1 << 30
_NAMES = {"S": "soprano", "A": "alto", "T": "tenor", "B": "bass"}


@dataclass(frozen=True)
class ChoralePlan:
    """The rules of a request. Voices count in the grid's order of writing."""

    grid: ChoraleGrid
    wishes: Wishes
    bar_steps: int  # 16ths in a bar
    allowed: NDArray[np.bool_]  # (4, V) the pitches of each voice; neither REST nor END
    rest_steps: int | None  # for how many 16ths each voice may be silent; None: for any number
    cap: int  # voices that sound at once
    low: int  # least notes of a bar
    high: int
    first: Voicing | None
    last: Voicing | None
    min_bars: int  # without an exact number: no END before so many

    @property
    def n_steps(self) -> int | None:
        """The length of the piece in 16ths; None where the model ends it."""
        return None if self.wishes.bars is None else self.wishes.bars * self.bar_steps


def plan_chorale(grid: ChoraleGrid, wishes: Wishes, *, min_bars: int = 1) -> ChoralePlan:
    """The plan for some wishes.

    Args:
        grid: Of the model.
        wishes: What is asked for.
        min_bars: Without an exact number of bars: no piece ends before so many.

    Returns:
        The plan; every piece that follows it can be finished.

    Raises:
        ConfigError: Chorales cannot be so, or wishes contradict each other in them.
    """
    if wishes.parts and (len(wishes.parts) != N_VOICES or DRUMS in wishes.parts):
        raise ConfigError(
            f"{len(wishes.parts)} parts: a chorale model writes soprano, alto, tenor and bass; leave parts out, or "
            "pass a model of events such as lieder"
        )
    if len(wishes.ranges) not in (0, 1, N_VOICES):
        raise ConfigError(f"{len(wishes.ranges)} ranges: pass one for all voices, or one each for S, A, T and B")
    bar_steps = _bar_steps(wishes.metre or (4, 4))
    allowed = _allowed(grid, wishes)
    low, high = wishes.density or (0, _ANY)
    cap = min(wishes.max_polyphony or N_VOICES, N_VOICES)
    if cap < N_VOICES and wishes.rests not in (None, 1.0):
        raise ConfigError(f"max_polyphony={cap} keeps voices of a chorale silent; leave rests out, or pass 4")
    if high < N_VOICES:
        raise ConfigError(f"density: at most {high} notes a bar, but the four voices of a chorale begin in one")
    n_movable = int((allowed.sum(axis=1) > 1).sum())
    if low and n_movable < N_VOICES and cap < N_VOICES:
        raise ConfigError("density: with max_polyphony below 4, a least density needs voices of more than one note")
    most = bar_steps * min(n_movable, cap)
    if low > most:
        raise ConfigError(f"density: at least {low} notes a bar, but at most {most} can begin in one")
    if low and wishes.max_copied is not None:
        raise ConfigError("a chorale can promise a least density or max_copied, not both; leave one of them out")
    share = wishes.rests if cap == N_VOICES else 1.0
    rest_steps = int((share or 0.0) * (wishes.bars or 0) * bar_steps)
    plan = ChoralePlan(
        grid=grid,
        wishes=wishes,
        bar_steps=bar_steps,
        allowed=allowed,
        rest_steps=None if share == 1.0 else rest_steps,
        cap=cap,
        low=low,
        high=high,
        first=_settled(grid, allowed, wishes.first, "first", may_rest=share == 1.0),
        last=_settled(grid, allowed, wishes.final, "last", may_rest=share == 1.0),
        min_bars=min_bars,
    )
    for where, voicing in (("first", plan.first), ("last", plan.last)):
        if voicing and len(voicing.required) > cap:
            raise ConfigError(f"max_polyphony={cap} leaves no room for the {where} note above the bass; pass 2 or more")
    return plan


def _bar_steps(metre: tuple[int, int]) -> int:
    top, bottom = metre
    if 4 * STEPS_PER_QUARTER * top % bottom or 4 * top / bottom > 8:
        raise ConfigError(
            f"metre {top}/{bottom}: chorales are written in 16ths, in bars of up to 8 quarters, as 3/4 or 4/4"
        )
    return 4 * STEPS_PER_QUARTER * top // bottom


def _allowed(grid: ChoraleGrid, wishes: Wishes) -> NDArray[np.bool_]:
    allowed = np.zeros((N_VOICES, grid.vocabulary_size), np.bool_)
    for place, voice in enumerate(grid.order):
        number = VOICES.index(voice)
        for pitch in wishes.pitches(number):
            if grid.low <= pitch <= grid.high:
                allowed[place, FIRST_PITCH + pitch - grid.low] = True
        if not allowed[place].any():
            held = wishes.ranges[number if len(wishes.ranges) > 1 else 0] if wishes.ranges else "the range"
            raise ConfigError(
                f"the {_NAMES[voice]} has no note to sing in {held} with this model ({grid.low}..{grid.high}); "
                "choose a wider range or another key"
            )
    return allowed


def _settled(
    grid: ChoraleGrid, allowed: NDArray[np.bool_], sonority: Sonority | None, where: str, *, may_rest: bool
) -> Voicing | None:
    if sonority is None:
        return None
    pitches = [frozenset((np.flatnonzero(row) - FIRST_PITCH + grid.low).tolist()) for row in allowed]
    return settle(
        sonority,
        pitches,
        where=where,
        melody=grid.order.index("S"),
        needed=frozenset() if may_rest else frozenset(range(N_VOICES)),
        lowest_part=grid.order.index("B"),
    )
