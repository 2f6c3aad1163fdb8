"""What a piece starts from, a primer or chords or both, as options of `compose` and in the words of a model."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np

from audio_lstm.errors import ConfigError
from audio_lstm.music.compare.novelty import NoveltyIndex
from audio_lstm.music.request.primer import Primer, read_primer
from audio_lstm.music.request.report import measure
from audio_lstm.music.request.wish_text import WishOptions, parse_wishes
from audio_lstm.music.request.wishes import Wishes
from audio_lstm.music.score.chords import ChordSpan, parse_chords
from audio_lstm.music.score.key_finding import key_name
from audio_lstm.music.score.scales import PITCH_NAMES, Scale, parse_scale
from audio_lstm.music.score.score import KeySignature, Score

__all__ = ["Start", "pitched_parts", "plan_start", "require_kept", "without_silent_parts"]

_ABOUT_THE_BEGINNING = ("first", "density", "rests")
_ABOUT_HARMONY = ("first", "last", "ending", "density", "rests", "max_polyphony", "max_copied")


@dataclass(frozen=True)
class Start:
    """What is given of a piece."""

    primer: Primer | None = None  # it begins so, note for note
    chords: tuple[ChordSpan, ...] = ()  # it keeps to these, from the bar line after the primer on
    without_primer: bool = False  # give back what follows the primer alone

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
    options: WishOptions,
    *,
    primer: Any = None,
    primer_bars: tuple[int, int] | None = None,
    chords: str | None = None,
    transpose: int = 0,
    tune: str | None = None,
    without_primer: bool = False,
) -> tuple[Wishes, Start | None]:
    """The wishes of a piece that starts from something: what is not asked for is as in the primer.

    Args:
        options: As typed.
        primer: As for `read_primer`.
        primer_bars: Only these bars of it.
        chords: As for `parse_chords`.
        transpose: Semitones by which the primer is moved.
        tune: Of a primer in ABC with several tunes, which one.
        without_primer: Give back what follows the primer alone.

    Returns:
        The wishes, and what is given; None where nothing is.

    Raises:
        ConfigError: The wishes contradict what is given.
    """
    if primer is None:
        _refuse_without_primer(primer_bars=primer_bars, transpose=transpose, tune=tune, without_primer=without_primer)
    if primer is None and chords is None:
        return parse_wishes(options), None
    ends = primer is not None and options.get("ending", False)  # on a tonic that the primer may say
    wishes = parse_wishes({**options, "ending": False} if ends else options)
    begun = None
    if primer is not None:
        begun = read_primer(
            primer,
            key=None if wishes.key is None else KeySignature(0, wishes.key.sharps, wishes.key.is_minor),
            metre=wishes.metre,
            tempo_bpm=wishes.tempo_bpm,
            bars=primer_bars,
            transpose=transpose,
            tune=tune,
        )
        wishes = _after(begun, replace(_with_primer(wishes, begun), ending=ends))
    if chords is None:
        return wishes, Start(begun, without_primer=without_primer)
    _refuse(wishes, _ABOUT_HARMONY, "chords say what sounds from the first bar to the last")
    bar = Fraction(4 * (metre := wishes.metre or (4, 4))[0], metre[1])
    start = Start(begun, parse_chords(chords, bar_quarters=bar), without_primer)
    key = wishes.key
    sounding = [span.chord for span in start.chords if span.chord.tones]
    if begun is not None and options.get("key") is None:  # the primer's own key
        key = _key_of(begun, frozenset().union(*(chord.pitch_classes for chord in sounding)))
    for chord in sounding:
        if key is not None and not chord.pitch_classes <= key.pitch_classes:
            outside = _outside(chord.pitch_classes, key)
            raise ConfigError(f"chord {chord.symbol!r} has notes outside {key.name}: {outside}; change one of them")
    n_bars = start.first_bar(bar) + int(-(-start.chords[-1].end_quarters // bar))
    return replace(wishes, key=key, metre=metre, bars=wishes.bars or n_bars), start


def _refuse_without_primer(**options: Any) -> None:
    for name, value in options.items():
        if value:
            raise ConfigError(f"{name} is about a primer; pass primer too")


def _with_primer(wishes: Wishes, primer: Primer) -> Wishes:
    """The wishes, completed by what the primer is; where it breaks them itself, an error."""
    _refuse(wishes, _ABOUT_THE_BEGINNING, "a primer says how the piece begins")
    key = wishes.key or _key_of(primer)
    outside = _outside(_pitch_classes(primer.whole), key)
    if outside:
        raise ConfigError(f"{primer.name}: has notes outside {key.name}: {outside}; choose another key")
    n_bars = -(-primer.n_bars // 1)
    if wishes.bars is not None and wishes.bars < n_bars:
        raise ConfigError(f"bars={wishes.bars}, but the primer alone has {n_bars:.0f}; pass more, or fewer primer_bars")
    return replace(wishes, key=key, metre=primer.metre, tempo_bpm=primer.tempo_bpm)


def _after(primer: Primer, wishes: Wishes) -> Wishes:
    """The wishes as the model counts bars: a pickup is one, and those before the last metre are none."""
    _require_last_bar(wishes, primer)
    if wishes.bars is None:
        return wishes
    return replace(wishes, bars=wishes.bars + primer.n_pickups - primer.n_bars_before)


def _require_last_bar(wishes: Wishes, primer: Primer) -> None:
    """The last bar must be free where it is to be one sonority."""
    if wishes.bars is not None and wishes.final is not None and primer.n_bars > wishes.bars - 1:
        name = "ending" if wishes.ending else "last"
        raise ConfigError(
            f"{name} fills the last bar of {wishes.bars}, into which the primer reaches: it has {primer.n_bars:.3g} "
            "bars; pass more bars, or fewer primer_bars"
        )


def require_kept(wishes: Wishes, primer: Primer, *, index: NoveltyIndex | None = None) -> None:
    """A primer breaks no wish itself.

    Args:
        wishes: What is asked for, in the parts that the model writes.
        primer: What the piece begins with.
        index: Of the model's training set, where copies are to be kept out.

    Raises:
        ConfigError: It does.
    """
    score = without_silent_parts(primer.whole)
    if 1 < len(wishes.ranges) < len(score.tracks):
        raise ConfigError(
            f"{primer.name}: has {len(score.tracks)} parts, but {len(wishes.ranges)} ranges are asked for; name as many"
        )
    parts = wishes.parts if len(wishes.ranges) > 1 else ()
    asked = Wishes(parts=parts, ranges=wishes.ranges, max_polyphony=wishes.max_polyphony)
    for finding in measure(score, asked).findings:
        if not finding.kept and finding.wish != "parts":
            raise ConfigError(
                f"{primer.name}: out of what is asked for: {finding.wish} {finding.asked}, it has {finding.achieved}"
            )
    run = None if index is None else index.longest_run(score)
    if run is not None and wishes.max_copied is not None and run.n_notes > wishes.max_copied:
        raise ConfigError(
            f"{primer.name}: shares a run of {run.n_notes} notes with the training set ({run.piece}), more than "
            f"max_copied={wishes.max_copied}; pass more, or another primer"
        )


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


def _key_of(primer: Primer, more: frozenset[int] = frozenset()) -> Scale:
    """The key of a primer, with the notes more that are given; its name says so."""
    key = parse_scale(key_name(primer.key))
    given = _pitch_classes(primer.whole) | more
    if given <= key.pitch_classes:
        return key
    names = ", ".join(_outside(given, key).split())
    return replace(key, name=f"{key.name} and {names}", pitch_classes=key.pitch_classes | given)


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
