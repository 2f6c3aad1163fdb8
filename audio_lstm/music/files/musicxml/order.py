"""In which order the measures of a page are played: repeats, endings, da capo, dal segno, coda and fine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from audio_lstm.errors import ScoreError

__all__ = ["Signs", "play_order"]

_MAX_PLAYED = 50_000  # measures; a piece that asks for more is damaged


@dataclass
class Signs:
    """What one measure says about the order."""

    begins: bool = False  # a movement: bars are counted anew
    forward: bool = False  # a repeat begins here
    forward_behind: bool = False  # one begins at the next
    backward: int = 0  # a repeat ends here, and how often it is played; 0 for none
    ending: tuple[int, ...] | None = None  # the passes of the ending that begins here; () where it does not say
    ending_stops: bool = False
    segnos: set[str] = field(default_factory=set)  # the names of signs that a jump may lead to
    codas: set[str] = field(default_factory=set)
    da_capo: bool = False  # behind this measure, as the others
    dal_segno: str | None = None  # the name of the sign
    to_coda: str | None = None
    fine: bool = False


@dataclass
class _Ending:
    first: int  # measures
    last: int
    passes: tuple[int, ...]
    group: _Group


@dataclass
class _Group:
    """Endings that follow each other."""

    endings: list[_Ending] = field(default_factory=list)
    n_passes: int = 0

    @property
    def last(self) -> int:
        return self.endings[-1].last

    def plays(self, ending: _Ending, number: int) -> bool:
        listed = sorted({one for other in self.endings for one in other.passes})
        if number not in listed and number < listed[-1]:  # a pass that was forgotten is as the one before
            number = max((one for one in listed if one < number), default=listed[0])
        return number in ending.passes


def play_order(signs: Sequence[Signs]) -> list[tuple[int, int]]:
    """The measures as they are played.

    A repeat is taken as often as its ending or its sign says, twice where neither does; a jump once, after its repeats.
    After a jump, repeats that were played already are not played again, and of their endings the last one holds; Fine
    and "to coda" count only then. Each movement is played by itself.

    Args:
        signs: of all measures.

    Returns:
        The index of each measure that is played, and the how-manieth pass through its repeat it is, from 1. Repeats
        that ask for more than 50,000 measures are a ScoreError.
    """
    order: list[tuple[int, int]] = []
    for first, last in _movements(signs):
        movement = signs[first:last]
        _name_codas(movement)
        order += [(first + place, number) for place, number in _Player(movement).play()]
    return order


def _movements(signs: Sequence[Signs]) -> list[tuple[int, int]]:
    """The first measure of each and the one behind its last; a trio that leads back to a minuet is a part of it."""
    edges = [0, *(place for place, sign in enumerate(signs) if sign.begins and place), len(signs)]
    found: list[tuple[int, int]] = []
    for first, last in pairwise(edges):
        inside = signs[first:last]
        before = signs[slice(*found[-1])] if found else []
        leads_back = any(sign.da_capo for sign in inside) and not any(sign.fine for sign in inside)
        if leads_back and any(sign.fine for sign in before) and not any(sign.da_capo for sign in before):
            found[-1] = (found[-1][0], last)
        else:
            found.append((first, last))
    return found


def _name_codas(signs: Sequence[Signs]) -> None:
    """Of two coda signs where nothing says "to coda", the first is where one leaves for the second."""
    places = [place for place, sign in enumerate(signs) if sign.codas]
    if len(places) > 1 and all(sign.to_coda is None for sign in signs):
        signs[places[0]].codas, signs[places[0]].to_coda = set(), ""


class _Player:
    def __init__(self, signs: Sequence[Signs]) -> None:
        self.signs = signs
        self.endings = _find_endings(signs)
        self.begins = {ending.first: ending for ending in self.endings}
        self.inside = {place: end for end in self.endings for place in range(end.first, end.last + 1)}
        self.start, self.number = 0, 1  # of the repeat being played: its first measure, and the pass
        self.done: set[int] = set()  # measures at the ends of repeats that were played, and jumps that were taken
        self.has_jumped = False

    def play(self) -> Iterator[tuple[int, int]]:
        place, n_played = 0, 0
        while place < len(self.signs):
            if self.signs[place].forward and place != self.start:
                self.start, self.number = place, 1
            ending = self.begins.get(place)
            if ending is not None and not ending.group.plays(ending, self._pass_of(ending.group)):
                place = ending.last + 1
                if ending.last == ending.group.last:
                    self.start, self.number = place, 1
                continue
            yield place, self.number
            n_played += 1
            if n_played > _MAX_PLAYED:
                raise ScoreError(f"its repeats ask for more than {_MAX_PLAYED:,} measures; check the repeat signs")
            place = self._following(place)

    def _pass_of(self, group: _Group) -> int:
        return group.n_passes if self.has_jumped and group.last in self.done else self.number

    def _following(self, place: int) -> int:
        sign = self.signs[place]
        ending = self.inside.get(place)
        ends_ending = ending is not None and place == ending.last
        if self.has_jumped and sign.fine:
            return len(self.signs)
        if self.has_jumped and sign.to_coda is not None:
            coda = self._find(sign.to_coda, "codas", place)
            if coda is not None:
                self.start, self.number = coda, 1
                return coda
        if sign.backward or (ends_ending and ending is not None and ending is not ending.group.endings[-1]):
            end = ending.group.last if ending is not None else place
            n_passes = ending.group.n_passes if ending is not None else sign.backward
            if end not in self.done and self.number < n_passes:
                self.number += 1
                return self.start
            self.done.add(end)
            self.start, self.number = place + 1, 1
        elif ends_ending and ending is not None:
            self.done.add(ending.last)
            self.start, self.number = place + 1, 1
        target = self._jump(place)
        if target is not None:
            self.has_jumped = True
            self.start, self.number = target, 1
            return target
        return place + 1

    def _jump(self, place: int) -> int | None:
        sign, jump = self.signs[place], -1 - place  # a name of its own among those that are done
        if jump in self.done or not (sign.da_capo or sign.dal_segno is not None):
            return None
        self.done.add(jump)
        return 0 if sign.dal_segno is None else self._find(sign.dal_segno, "segnos", place)

    def _find(self, name: str, kind: str, place: int) -> int | None:
        """The sign of that name; else the nearest before a jump to the sign, the next behind one to the coda."""
        found = [number for number, sign in enumerate(self.signs) if getattr(sign, kind)]
        named = [number for number in found if name in getattr(self.signs[number], kind)]
        if kind == "segnos":
            before = [number for number in named or found if number <= place]
            return before[-1] if before else None
        behind = [number for number in named or found if number > place]
        return behind[0] if behind else None


def _find_endings(signs: Sequence[Signs]) -> list[_Ending]:
    found: list[_Ending] = []
    place = 0
    while place < len(signs):
        passes = signs[place].ending
        if passes is None:
            place += 1
            continue
        last = _end_of_ending(signs, place)
        before = found[-1] if found and found[-1].last == place - 1 and not signs[place].forward else None
        used = {one for end in before.group.endings for one in end.passes} if before else set()
        if not passes:
            passes = (max(used, default=0) + 1,)
        group = before.group if before and not used & set(passes) else _Group()
        ending = _Ending(place, last, passes, group)
        group.endings.append(ending)
        found.append(ending)
        place = last + 1
    for ending in found:
        listed = [one for end in ending.group.endings for one in end.passes]
        alone = len(ending.group.endings) == 1
        ends_piece = len(listed) > 1 and ending.group.last == len(signs) - 1
        ending.group.n_passes = max(listed) + (alone and not ends_piece)
    # An ending by itself that no repeat sign closes is a bracket and no more.
    return [end for end in found if len(end.group.endings) > 1 or signs[end.last].backward]


def _end_of_ending(signs: Sequence[Signs], first: int) -> int:
    """Where it stops, or the repeat sign or the next ending closes it; without any of these, its first measure."""
    for place in range(first, len(signs)):
        closed = signs[place].ending_stops or signs[place].backward
        if closed or (place + 1 < len(signs) and signs[place + 1].ending is not None):
            return place
    return first
