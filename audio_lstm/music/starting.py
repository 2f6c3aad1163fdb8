"""What a piece starts from, a primer or chords or both, as options of `compose` and in the words of a model."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np

from audio_lstm.errors import ConfigError
from audio_lstm.music.chords import ChordSpan, parse_chords
from audio_lstm.music.key_finding import key_name
from audio_lstm.music.primer import Primer, read_primer
from audio_lstm.music.report import measure
from audio_lstm.music.scales import PITCH_NAMES, Scale, parse_scale
from audio_lstm.music.score import KeySignature, Score
from audio_lstm.music.wish_text import WishOptions, parse_wishes
from audio_lstm.music.wishes import Wishes

__all__ = ["Start", "pitched_parts", "plan_start", "without_silent_parts"]

_ABOUT_THE_BEGINNING = ("first", "density", "rests")
_ABOUT_HARMONY = ("first", "last", "ending", "density", "rests", "max_polyphony", "max_copied")


@dataclass(frozen=True)
class Start:
    """What is given of a piece."""

    primer: Primer | None = None  # it begins so, note for note
    chords: tuple[ChordSpan, ...] = ()  # it keeps to these, from the bar line after the primer on

    def first_bar(self, bar_quarters: Fraction) -> int:
        """How many bars the primer takes up, begun ones counted: the chords begin after them.

        Args:
            bar_quarters: The length of a bar.

        Returns:
            The number.
        """
        if self.primer is None:
            return 0
        length = Fraction(self.primer.score.end_ticks, self.primer.score.ticks_per_quarter)
        return int(-(-length // bar_quarters))


def plan_start(
    options: WishOptions, *, primer: Any = None, primer_bars: tuple[int, int] | None = None, chords: str | None = None
) -> tuple[Wishes, Start | None]:
    """The wishes of a piece that starts from something: what is not asked for is as in the primer.

    Args:
        options: As typed.
        primer: As for `read_primer`.
        primer_bars: Only these bars of it.
        chords: As for `parse_chords`.

    Returns:
        The wishes, and what is given; None where nothing is.

    Raises:
        ConfigError: The wishes contradict what is given.
    """
    wishes = parse_wishes(options)
    if primer is None and chords is None:
        if primer_bars is not None:
            raise ConfigError("primer_bars chooses bars of a primer; pass primer too")
        return wishes, None
    begun = None
    if primer is not None:
        given_key = None if wishes.key is None else KeySignature(0, wishes.key.sharps, wishes.key.is_minor)
        begun = read_primer(primer, key=given_key, metre=wishes.metre, tempo_bpm=wishes.tempo_bpm, bars=primer_bars)
        wishes = _with_primer(wishes, begun)
    if chords is None:
        return wishes, Start(begun)
    _refuse(wishes, _ABOUT_HARMONY, "chords say what sounds from the first bar to the last")
    metre = wishes.metre or (4, 4)
    bar = Fraction(4 * metre[0], metre[1])
    start = Start(begun, parse_chords(chords, bar_quarters=bar))
    key = wishes.key
    for chord in (span.chord for span in start.chords if key is not None and span.chord.tones):
        if key is not None and options.get("key") is None:  # the primer's own key
            key = _widened(key, chord.pitch_classes)
        elif key is not None and not chord.pitch_classes <= key.pitch_classes:
            outside = _outside(chord.pitch_classes, key)
            raise ConfigError(f"chord {chord.symbol!r} has notes outside {key.name}: {outside}; change one of them")
    n_bars = start.first_bar(bar) + int(-(-start.chords[-1].end_quarters // bar))
    return replace(wishes, key=key, metre=metre, bars=wishes.bars or n_bars), start


def _with_primer(wishes: Wishes, primer: Primer) -> Wishes:
    """The wishes, completed by what the primer is; where it breaks them itself, an error."""
    _refuse(wishes, _ABOUT_THE_BEGINNING, "a primer says how the piece begins")
    pitched = _pitch_classes(primer.score)
    if wishes.key is not None:
        outside = _outside(pitched, wishes.key)
        if outside:
            raise ConfigError(f"{primer.name}: has notes outside {wishes.key.name}: {outside}; choose another key")
        key = wishes.key
    else:
        key = _widened(parse_scale(key_name(primer.key)), pitched)
    n_bars = -(-primer.n_bars // 1)
    if wishes.bars is not None and wishes.bars < n_bars:
        raise ConfigError(f"bars={wishes.bars}, but the primer alone has {n_bars:.0f}; pass more, or fewer primer_bars")
    parts = wishes.parts if len(wishes.ranges) > 1 else ()
    asked = Wishes(parts=parts, ranges=wishes.ranges, max_polyphony=wishes.max_polyphony)
    for finding in measure(primer.score, asked).findings:
        if not finding.kept and finding.wish != "parts":
            raise ConfigError(
                f"{primer.name}: out of what is asked for: {finding.wish} {finding.asked}, it has {finding.achieved}"
            )
    return replace(wishes, key=key, metre=primer.metre, tempo_bpm=primer.tempo_bpm)


def _refuse(wishes: Wishes, names: tuple[str, ...], why: str) -> None:
    for name in names:
        value = getattr(wishes, name)
        if value is not None and value is not False:
            raise ConfigError(f"{why}: leave {name} out")


def _pitch_classes(score: Score) -> frozenset[int]:
    pitched = np.isin(score.notes["track"], pitched_parts(score))
    return frozenset((score.notes["pitch"][pitched] % 12).tolist())


def _outside(classes: frozenset[int], key: Scale) -> str:
    return " ".join(PITCH_NAMES[pitch] for pitch in sorted(classes - key.pitch_classes))


def _widened(key: Scale, classes: frozenset[int]) -> Scale:
    """A key with some notes more, those that are given."""
    return replace(key, pitch_classes=key.pitch_classes | classes)


def pitched_parts(score: Score) -> list[int]:
    """The tracks with notes that are no drums.

    Args:
        score: Any.

    Returns:
        Their numbers, ascending.
    """
    return [track for track in np.unique(score.notes["track"]).tolist() if not score.tracks[track].is_drum]


def without_silent_parts(score: Score) -> Score:
    """The score without tracks that have no notes.

    Args:
        score: Any.

    Returns:
        The same notes.
    """
    used = np.unique(score.notes["track"])
    notes = score.notes.copy()
    notes["track"] = np.searchsorted(used, notes["track"])
    return replace(score, notes=notes, tracks=tuple(score.tracks[track] for track in used.tolist()))
