"""What a constraint on pieces is, whatever it constrains: the one protocol that a `Writer` follows; and rules of style.

A constraint narrows what may come next in each of the pieces that are written side by side, may weigh it anew, notes
what was chosen, and forks with the pieces (compare the LogitFilter of openai/whisper and the matchers of xgrammar).
Where the pieces stand it reads from their cursor; it keeps no more than what the cursor does not know.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from audio_lstm.music.score.voices import N_VOICES
from audio_lstm.music.tokens.chorale import FIRST_PITCH, MAX_HOLD_STEPS, REST, ChoraleCursor
from audio_lstm.music.tokens.representation import Cursor

__all__ = ["Constraint", "Mask", "Masked", "Preferred", "without_freezing", "without_parallels", "without_rests"]

Place = TypeVar("Place", bound=Cursor, contravariant=True)
Mask = Callable[[Cursor], NDArray[np.bool_]]
"""Which tokens may come next, (B, V), for constraints that keep nothing."""


class Constraint(Protocol[Place]):
    """Of all pieces of a batch. What a constraint does not define does nothing."""

    def allowed(self, cursor: Place, offered: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """What may come next.

        Args:
            cursor: Where the pieces stand.
            offered: (B, V) what the constraints before this one leave.

        Returns:
            (B, V) a part of it, or what is given, whatever was offered; the same array where nothing changes, else a
            new one. What a piece has left when it has ended stays.
        """
        return offered

    def reason(self, cursor: Place, row: int) -> str:
        """Why nothing is left, for whoever asked for it.

        Args:
            cursor: Where the pieces stand.
            row: The piece that cannot go on.

        Returns:
            One line that names the way out.
        """
        return f"{type(self).__name__}: the other wishes leave piece {row} no note; change one of them"

    def reweigh(
        self, cursor: Place, logits: NDArray[np.float32], choices: Sequence[NDArray[np.int64]]
    ) -> NDArray[np.float32]:
        """The scores, where the constraint changes how likely the choices are.

        Args:
            cursor: Where the pieces stand.
            logits: (B, V) as the model gives them.
            choices: Of each piece, ascending: what all constraints leave.

        Returns:
            (B, V): the same array where nothing changes, else a new one.
        """
        return logits

    def push(self, cursor: Place, tokens: Sequence[int]) -> None:
        """Note what was chosen.

        Args:
            cursor: Where the pieces stand after it.
            tokens: One a piece, to be ignored in pieces that had ended.
        """
        return

    def fork(self, cursor: Place, rows: Sequence[int]) -> None:
        """Go on with some of the pieces only; one that is named twice goes on twice.

        Args:
            cursor: The pieces that go on.
            rows: Their places in the batch before.
        """
        return


class Masked(Constraint[Cursor]):
    """What a mask allows.

    Args:
        mask: Which tokens may come next.
        first_take: Number of the first piece, for messages.
    """

    def __init__(self, mask: Mask, *, first_take: int = 0) -> None:
        self._mask, self._first_take = mask, first_take
        self._n_written = 0

    def reason(self, cursor: Cursor, row: int) -> str:
        """Which take is left without a token: see `Constraint.reason`."""
        return f"the constraint leaves take {self._first_take + row} no legal token after {self._n_written}"

    def push(self, cursor: Cursor, tokens: Sequence[int]) -> None:
        """Count the tokens: see `Constraint.push`."""
        self._n_written += 1

    def allowed(self, cursor: Cursor, offered: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """What the mask allows, (B, V): see `Constraint.allowed`."""
        narrowed = offered & self._mask(cursor)
        narrowed[cursor.done] = offered[cursor.done]
        return narrowed


class Preferred(Constraint[Cursor]):
    """What a mask allows, wherever that leaves a choice: a rule of style.

    Args:
        mask: Which tokens may come next.
        end: The token that ends a piece, which is no choice.
    """

    def __init__(self, mask: Mask, *, end: int) -> None:
        self._mask, self._end = mask, end

    def allowed(self, cursor: Cursor, offered: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """What the mask allows, or all where it allows nothing, (B, V): see `Constraint.allowed`."""
        narrowed = offered & self._mask(cursor)
        left = narrowed.sum(axis=1) - narrowed[:, self._end]
        return np.where((left > 0)[:, None], narrowed, offered)


def without_parallels(cursor: Cursor) -> NDArray[np.bool_]:
    """A mask: no parallel fifths, octaves or unisons between the voices of a chorale.

    The rule that every harmony book begins with: two voices that stand a fifth or an octave apart may not both move
    to the same interval. Other representations are left alone.

    Args:
        cursor: where the pieces stand.

    Returns:
        The tokens that may come next, (B, V): at most three of them are forbidden in each row.
    """
    allowed = cursor.legal()
    if not isinstance(cursor, ChoraleCursor):
        return allowed
    rows = np.arange(len(allowed))
    own = cursor.held
    for previous, now, is_above in cursor.moved_in_step():
        interval = np.where(is_above, previous - own, own - previous) % 12
        target = own + now - previous
        parallel = np.isin(interval, (0, 7)) & (np.minimum(np.minimum(previous, now), own) >= FIRST_PITCH)
        parallel &= (previous != now) & (target >= FIRST_PITCH) & (target < allowed.shape[1]) & ~cursor.done
        allowed[rows[parallel], target[parallel]] = False
    return allowed


def without_freezing(cursor: Cursor) -> NDArray[np.bool_]:
    """A mask: a chord of a chorale that has stood for a bar of 4/4 goes on to another, or ends.

    A model that has held a chord for longer than any in its training data has left what it knows, and may hold it for
    ever. The voice that is written first moves on; the others follow as the model likes. In jsb16 0.05 % of the chords
    before the last one stand longer.

    Args:
        cursor: where the pieces stand.

    Returns:
        The tokens that may come next, (B, V).
    """
    allowed = cursor.legal()
    if isinstance(cursor, ChoraleCursor):
        stands = (cursor.n_cells % N_VOICES == 0) & (cursor.chord_steps >= MAX_HOLD_STEPS) & ~cursor.done
        allowed[np.flatnonzero(stands), cursor.held[stands]] = False
    return allowed


def without_rests(cursor: Cursor) -> NDArray[np.bool_]:
    """A mask: every voice of a chorale sings throughout.

    Rests are rare in chorales, and a voice that has fallen silent seldom finds its way back in a sampled one.

    Args:
        cursor: where the pieces stand.

    Returns:
        The tokens that may come next, (B, V).
    """
    allowed = cursor.legal()
    if isinstance(cursor, ChoraleCursor):
        allowed[~cursor.done, REST] = False
    return allowed
