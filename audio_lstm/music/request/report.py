"""What was asked for beside what came: measured on the finished score alone, and not on how it was made."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audio_lstm.music.request.wishes import PitchRange, Sonority, Wishes
from audio_lstm.music.score.bars import score_bars
from audio_lstm.music.score.part_names import DRUMS, part_name
from audio_lstm.music.score.scales import PITCH_NAMES, pitch_name
from audio_lstm.music.score.score import Score

__all__ = ["Finding", "Report", "measure"]


@dataclass(frozen=True)
class Finding:
    """One wish."""

    wish: str  # which: "key", "bars", "range of part 2"
    asked: str
    achieved: str  # as it was measured
    kept: bool


@dataclass(frozen=True)
class Report:
    """All wishes of a piece; none where nothing was asked for."""

    findings: tuple[Finding, ...] = ()

    @property
    def kept(self) -> bool:
        """Whether every wish was kept."""
        return all(finding.kept for finding in self.findings)

    def to_dict(self) -> dict[str, Any]:
        """The findings as JSON values."""
        return {"kept": self.kept, "findings": [asdict(finding) for finding in self.findings]}

    def __str__(self) -> str:
        rows = [("", "asked", "achieved")]
        rows += [(finding.wish, finding.asked, finding.achieved) for finding in self.findings]
        widths = [max(len(row[column]) for row in rows) for column in range(2)]
        marks = ["", *("" if finding.kept else "  NOT KEPT" for finding in self.findings)]
        return "\n".join(
            f"{row[0]:{widths[0]}}  {row[1]:{widths[1]}}  {row[2]}{mark}".rstrip()
            for row, mark in zip(rows, marks, strict=True)
        )


def measure(score: Score, wishes: Wishes, *, n_copied: int | None = None, n_bars_before: int = 0) -> Report:
    """Asked against achieved.

    Args:
        score: The finished piece.
        wishes: What was asked of it.
        n_copied: Notes of the longest run that it shares with the training set, as the novelty report counts them.
        n_bars_before: Bars of another metre that come before the score, and count in its length.

    Returns:
        A finding for each wish.
    """
    findings = list(_Measurement(score, wishes, n_bars_before).findings())
    if wishes.max_copied is not None and n_copied is not None:
        asked = f"<= {wishes.max_copied} notes"
        findings.append(Finding("copied", asked, str(n_copied or "fewer than 8"), n_copied <= wishes.max_copied))
    return Report(tuple(findings))


class _Measurement:
    """The notes of a score as arrays, and a finding for each wish."""

    def __init__(self, score: Score, wishes: Wishes, n_bars_before: int) -> None:
        self._score, self._wishes, self._n_before = score, wishes, n_bars_before
        names = ("start_ticks", "duration_ticks", "pitch", "track")
        start, duration, self._pitch, self._track = (score.notes[name] for name in names)
        is_drum = np.array([track.is_drum for track in score.tracks], np.bool_)
        self._pitched: NDArray[np.bool_] = ~is_drum[self._track] if len(is_drum) else np.zeros(0, np.bool_)
        self._tracks = [number for number, track in enumerate(score.tracks) if not track.is_drum]
        bars = score_bars(score)
        self._metres = list(dict.fromkeys((bar.metre.numerator, bar.metre.denominator) for bar in bars))
        self._bar = 4 * self._metres[0][0] * score.ticks_per_quarter // self._metres[0][1]
        # A pickup ends a bar that is not counted: the times are those from its beginning.
        first = bars[0]
        self._n_pickups = int(first.is_pickup)
        self._lead = (self._bar - first.end_ticks) * self._n_pickups
        self._start = start + self._lead
        self._end = self._start + duration
        self._n_bars = -(-int(self._end.max(initial=0)) // self._bar) - self._n_pickups
        # Where the model ended the piece, its last bar is the last in which a note begins.
        asked = None if wishes.bars is None else wishes.bars + self._n_pickups
        self._n_asked_bars = asked or int(self._start.max(initial=0)) // self._bar + 1

    def findings(self) -> Iterator[Finding]:
        wishes = self._wishes
        if wishes.key is not None:
            outside = sorted(set((self._pitch[self._pitched] % 12).tolist()) - wishes.key.pitch_classes)
            told = f"also {' '.join(PITCH_NAMES[pitch] for pitch in outside)}" if outside else "all notes in it"
            yield Finding("key", wishes.key.name, told, not outside)
        if wishes.bars is not None:
            rings = int(self._end.max(initial=0)) > self._n_asked_bars * self._bar
            asked, achieved = (str(number + self._n_before) for number in (wishes.bars, self._n_bars))
            yield Finding("bars", asked, achieved, self._n_bars == wishes.bars and not rings)
        if wishes.tempo_bpm is not None:
            tempi = sorted({round(tempo.bpm, 2) for tempo in self._score.tempi})
            kept = len(tempi) == 1 and abs(tempi[0] - wishes.tempo_bpm) < 0.05
            yield Finding("tempo", f"{wishes.tempo_bpm:g}", ", ".join(f"{bpm:g}" for bpm in tempi), kept)
        if wishes.metre is not None:
            found_metres = [f"{top}/{bottom}" for top, bottom in dict.fromkeys(self._metres)]
            yield Finding(
                "metre", "{}/{}".format(*wishes.metre), ", ".join(found_metres), self._metres == [wishes.metre]
            )
        if wishes.parts:
            yield self._parts()
        yield from self._ranges()
        if wishes.max_polyphony is not None:
            ticks = np.unique(self._start)
            begun = np.searchsorted(np.sort(self._start), ticks, side="right")
            ended = np.searchsorted(np.sort(self._end), ticks, side="right")
            found = int((begun - ended).max(initial=0))
            yield Finding("polyphony", f"<= {wishes.max_polyphony}", str(found), found <= wishes.max_polyphony)
        if wishes.density is not None:
            yield self._density(*wishes.density)
        if wishes.rests is not None:
            silent = max((self._silent_share(track) for track in self._tracks), default=0.0)
            kept = silent <= wishes.rests + 1e-9
            yield Finding("rests", f"<= {wishes.rests:.0%}", f"{silent:.1%} of the part with most", kept)
        if wishes.first is not None:
            yield self._sonority("first", wishes.first, 0)
        if wishes.final is not None:
            yield self._sonority("ending" if wishes.ending else "last", wishes.final, self._n_asked_bars - 1)

    def _parts(self) -> Finding:
        found = [DRUMS if track.is_drum else track.program for track in self._score.tracks]
        playing = set(self._track.tolist())
        names = [part_name(program) + ("" if n in playing else " (silent)") for n, program in enumerate(found)]
        kept = tuple(found) == self._wishes.parts and len(playing) == len(found)
        return Finding("parts", ", ".join(map(part_name, self._wishes.parts)), ", ".join(names), kept)

    def _ranges(self) -> Iterator[Finding]:
        ranges = self._wishes.ranges
        for track in self._tracks if ranges else ():
            asked = ranges[track if len(ranges) > 1 else 0]
            pitches = self._pitch[self._track == track]
            found = "silent"
            if len(pitches):
                found = str(PitchRange(int(pitches.min()), int(pitches.max())))
            kept = bool(((pitches >= asked.low) & (pitches <= asked.high)).all())
            yield Finding(f"range of part {track + 1}", str(asked), found, kept)

    def _density(self, low: int, high: int) -> Finding:
        counts = np.bincount(self._start // self._bar, minlength=self._n_asked_bars)
        # A last bar that is one sonority has its own number of notes.
        full = counts[:-1] if self._wishes.final is not None else counts
        least = int(full.min(initial=high))
        kept = bool(counts.max(initial=0) <= high) and (least >= low or not len(full))
        return Finding("notes a bar", f"{low}-{high}", f"{least}-{int(counts.max(initial=0))}", kept)

    def _silent_share(self, track: int) -> float:
        total = self._n_asked_bars * self._bar
        if self._wishes.bars is None:  # what the model ended within a bar is not silent in the rest of it
            total = min(total, int(self._end.max(initial=0)))
        own = self._track == track
        covered, until = 0, 0
        for start, end in zip(self._start[own].tolist(), self._end[own].tolist(), strict=True):
            covered += max(0, min(end, total) - max(start, until))
            until = max(until, end)
        return 1.0 - covered / max(1, total - self._lead)

    def _sonority(self, where: str, asked: Sonority, bar: int) -> Finding:
        tick = bar * self._bar
        here = (self._start <= tick) & (self._end > tick) & self._pitched
        pitches = sorted(self._pitch[here].tolist())
        kept = bool(pitches)
        if asked.pitch is not None and self._tracks:
            melody = self._pitch[here & (self._track == self._tracks[0])].tolist()
            kept &= melody == [asked.pitch]
        if asked.pitch_classes:
            kept &= {pitch % 12 for pitch in pitches} <= asked.pitch_classes and pitches[:1] != []
            kept = kept and pitches[0] % 12 == asked.bass
        found = " ".join(pitch_name(pitch) for pitch in pitches) or "nothing"
        if where != "first":
            alone = not (self._start > tick).any()
            found += ", held" if alone else ", and more after it"
            kept &= alone
        return Finding(where, asked.name, found, kept)
