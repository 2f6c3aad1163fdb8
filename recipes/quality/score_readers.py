"""Do we read what is written? Every score of a folder, note by note, beside independent readers.

    python recipes/quality/score_readers.py FOLDER [--files 200] [--reader partitura] [--reader music21]

A table of files whose notes are identical, identical but for grace notes (which others give no time of their own),
different, refused by us, or refused by the other; then the first difference of each. Compared are onset, duration (both
to a 32nd of a quarter) and pitch of all notes but drums, repeats played out; then, of files with identical notes, where
the first bar ends (pickups), all bar lines, metres, keys and tempi.

Readers: partitura and music21 for MusicXML, music21 for ABC, mido for MIDI; they come with `pip install
'audio-lstm[test]'`. They err too: what differs from one is to be looked at, what differs from both is likely ours.
"""

from __future__ import annotations

import argparse
import random
import warnings
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from audio_lstm.errors import ConfigError, ScoreError
from audio_lstm.music.files.files import ScoreReader, list_scores
from audio_lstm.music.score.bars import score_bars
from audio_lstm.music.score.score import Score
from audio_lstm.training.options import run_recipe

TOLERANCE = 1 / 32  # quarters
ORNAMENT_REACH = 2.0  # quarters: how far a grace note moves its neighbours at most
VERDICTS = ("identical", "but for grace notes", "different", "we refuse", "it refuses")
MXL = (".musicxml", ".xml", ".mxl")


@dataclass(frozen=True)
class Heard:
    """A piece as a reader hears it; times in quarters from the beginning."""

    notes: list[tuple[float, float, int]]  # onset, duration, pitch
    graces: list[tuple[float, int]] = field(default_factory=list)  # onset and pitch of notes without a duration
    bars: list[float] = field(default_factory=list)  # where they begin
    metres: list[tuple[float, int, int]] = field(default_factory=list)
    keys: list[tuple[float, int]] = field(default_factory=list)  # sharps
    tempi: list[tuple[float, float]] = field(default_factory=list)  # quarters a minute


def ours(score: Score) -> Heard:
    """A score of ours, without its drums."""
    quarter = score.ticks_per_quarter
    pitched = [row for row in score.notes.tolist() if not score.tracks[row[4]].is_drum]
    return Heard(
        [(start / quarter, length / quarter, pitch) for start, length, pitch, _, _ in pitched],
        bars=[bar.start_ticks / quarter for bar in score_bars(score)],
        metres=[(m.tick / quarter, m.numerator, m.denominator) for m in score.time_signatures],
        keys=[(key.tick / quarter, key.sharps) for key in score.key_signatures],
        tempi=[(tempo.tick / quarter, tempo.bpm) for tempo in score.tempi],
    )


def by_partitura(path: Path) -> Heard:
    """A MusicXML file, read by partitura."""
    import partitura  # type: ignore[import-untyped]
    from partitura import score as ps

    notes, graces = [], []
    parts = [ps.unfold_part_maximal(part) for part in partitura.load_musicxml(path).parts]
    for part in parts:
        for onset, length, pitch in part.note_array()[["onset_quarter", "duration_quarter", "pitch"]].tolist():
            if length > 0:
                notes.append((onset, length, pitch))
            else:
                graces.append((onset, pitch))
    if not parts:
        return Heard(notes)
    first = parts[0]
    # partitura counts quarters from the end of a pickup.
    at = first.quarter_map
    origin = min((float(at(part.first_point.t)) for part in parts), default=0.0)
    return Heard(
        [(onset - origin, length, pitch) for onset, length, pitch in notes],
        [(onset - origin, pitch) for onset, pitch in graces],
        [float(at(bar.start.t)) - origin for bar in first.iter_all(ps.Measure)],
        [(float(at(one.start.t)) - origin, one.beats, one.beat_type) for one in first.iter_all(ps.TimeSignature)],
        [(float(at(one.start.t)) - origin, one.fifths) for one in first.iter_all(ps.KeySignature)],
        [
            (float(at(one.start.t)) - origin, 60e6 / one.microseconds_per_quarter)
            for part in parts
            for one in part.iter_all(ps.Tempo)
        ],
    )


def by_music21(path: Path) -> Heard:
    """A MusicXML or ABC file, read by music21."""
    import music21

    piece: Any = music21.converter.parse(str(path), forceSource=True)
    if isinstance(piece, music21.stream.Opus):
        piece = piece.scores[0]
    piece = piece.toSoundingPitch()
    notes, graces = [], []
    parts = [part.expandRepeats() if part.hasMeasures() else part for part in piece.parts]
    for part in parts:
        for note in part.stripTies().flatten().notes:
            if isinstance(note, music21.harmony.Harmony) or note.style.noteSize == "cue":
                continue
            for pitch in note.pitches:
                if note.duration.isGrace:
                    graces.append((float(note.offset), pitch.midi))
                else:
                    notes.append((float(note.offset), float(note.quarterLength), pitch.midi))
    if not parts:
        return Heard(notes)
    measures = list(parts[0].getElementsByClass("Measure"))
    flat = parts[0].flatten()
    return Heard(
        notes,
        graces,
        [float(measure.offset) for measure in measures],
        [(float(m.offset), m.numerator, m.denominator) for m in flat.getElementsByClass("TimeSignature")],
        [(float(key.offset), key.sharps) for key in flat.getElementsByClass("KeySignature")],
        [
            (float(mark.offset), float(mark.getQuarterBPM() or 0))
            for part in parts
            for mark in part.flatten().getElementsByClass("MetronomeMark")
        ],
    )


def by_mido(path: Path) -> Heard:
    """A MIDI file, read by mido; notes of one pitch and channel end first in, first out."""
    import mido

    midi = mido.MidiFile(path)
    quarter = midi.ticks_per_beat
    notes: list[tuple[float, float, int]] = []
    metres: dict[float, tuple[int, int]] = {}
    tempi: dict[float, float] = {}
    for track in midi.tracks:
        now = 0
        sounding: dict[tuple[int, int], list[int]] = defaultdict(list)
        for message in track:
            now += message.time
            if message.type == "time_signature":
                metres[now / quarter] = message.numerator, message.denominator
            elif message.type == "set_tempo":
                tempi[now / quarter] = 60e6 / message.tempo
            elif message.type in ("note_on", "note_off") and message.channel != 9:
                waiting = sounding[message.channel, message.note]
                if message.type == "note_on" and message.velocity:
                    waiting.append(now)
                elif waiting:
                    start = waiting.pop(0)
                    notes.append((start / quarter, max(now - start, 1) / quarter, message.note))
    return Heard(notes, metres=[(at, *metre) for at, metre in sorted(metres.items())], tempi=sorted(tempi.items()))


READERS: dict[str, tuple[Callable[[Path], Heard], tuple[str, ...]]] = {
    "partitura": (by_partitura, MXL),
    "music21": (by_music21, (*MXL, ".abc")),
    "mido": (by_mido, (".mid", ".midi")),
}


def unmatched(
    mine: Sequence[tuple[float, float, int]], other: Sequence[tuple[float, float, int]]
) -> tuple[list[tuple[float, float, int]], list[tuple[float, float, int]]]:
    """The notes that only one of the two has; a note is the same within `TOLERANCE`."""
    waiting: dict[int, list[tuple[float, float, int]]] = defaultdict(list)
    for note in sorted(other):
        waiting[note[2]].append(note)
    only_mine = []
    for note in sorted(mine):
        near = (
            found
            for found in waiting[note[2]]
            if abs(found[0] - note[0]) <= TOLERANCE and abs(found[1] - note[1]) <= TOLERANCE
        )
        found = next(near, None)
        if found is None:
            only_mine.append(note)
        else:
            waiting[note[2]].remove(found)
    return only_mine, sorted(note for notes in waiting.values() for note in notes)


def explained(
    mine: Sequence[tuple[float, float, int]],
    other: Sequence[tuple[float, float, int]],
    graces: Sequence[tuple[float, int]],
) -> bool:
    """Whether what differs is grace notes and the notes from which they take their time."""
    left = list(mine)
    for onset, length, pitch in other:
        same = [
            note
            for note in left
            if note[2] == pitch
            and note[1] != length
            and (abs(note[0] + note[1] - onset - length) <= TOLERANCE or abs(note[0] - onset) <= TOLERANCE)
            and any(abs(grace - edge) <= ORNAMENT_REACH for grace, _ in graces for edge in (onset, onset + length))
        ]
        if not same:
            return False
        left.remove(same[0])
    return all(any(grace[1] == n[2] and abs(grace[0] - n[0]) <= ORNAMENT_REACH for grace in graces) for n in left)


def told(note: tuple[float, float, int] | None) -> str:
    """A note in words."""
    return "nothing" if note is None else f"{note[0]:.4g}:{note[2]}+{note[1]:.4g}"


def compare(mine: Heard, other: Heard) -> tuple[str, str]:
    """The verdict on the notes, and the first difference."""
    only_mine, only_other = unmatched(mine.notes, other.notes)
    if not only_mine and not only_other:
        return "identical", ""
    if other.graces and explained(only_mine, only_other, other.graces):
        return "but for grace notes", ""
    time = min(note[0] for note in (*only_mine, *only_other))
    first = [next((note for note in notes if note[0] < time + 1), None) for notes in (only_mine, only_other)]
    n_all = max(len(mine.notes), len(other.notes))
    return "different", f"we {told(first[0])}, it {told(first[1])}; {len(only_mine)} and {len(only_other)} of {n_all}"


def maps_agree(mine: Heard, other: Heard) -> dict[str, bool]:
    """Whether bars, metres, keys and tempi are the same; of what the other does not give, nothing is said."""
    found = {}
    if len(other.bars) > 1 and len(mine.bars) > 1:
        found["first bar"] = abs(mine.bars[1] - other.bars[1]) <= TOLERANCE
        found["bar lines"] = _same([(bar,) for bar in mine.bars], [(bar,) for bar in other.bars[: len(mine.bars)]])
    if other.metres:
        found["metres"] = _same(_changes(mine.metres), _changes(other.metres))
    if other.keys:
        found["keys"] = _same(_changes(mine.keys), _changes(other.keys))
    if other.tempi:
        found["tempi"] = _same(_changes(mine.tempi), _changes(sorted(other.tempi)), tolerance=0.1)
    return found


def _changes(events: Sequence[tuple[float, ...]]) -> list[tuple[float, ...]]:
    """Without those that repeat the one before; of several at a time the last."""
    at = {event[0]: event for event in events}
    kept: list[tuple[float, ...]] = []
    for event in at.values():
        if not kept or kept[-1][1:] != event[1:]:
            kept.append(event)
    return kept


def _same(mine: Sequence[tuple[float, ...]], other: Sequence[tuple[float, ...]], tolerance: float = TOLERANCE) -> bool:
    return len(mine) == len(other) and all(
        abs(one - two) <= tolerance for a, b in zip(mine, other, strict=True) for one, two in zip(a, b, strict=True)
    )


def compare_folder(folder: Path, readers: Sequence[str], n_files: int | None, seed: int) -> list[str]:
    """Read all files with all readers; the report as lines of Markdown."""
    paths = list(list_scores(folder))
    if n_files is not None and n_files < len(paths):
        paths = sorted(random.Random(seed).sample(paths, n_files))
    counts: dict[str, Counter[str]] = {name: Counter() for name in readers}
    agree: dict[str, Counter[str]] = {name: Counter() for name in readers}
    differences: list[str] = []
    with ScoreReader() as reader:
        for path in paths:
            try:
                mine, refusal = ours(reader.read(path)), ""
            except ScoreError as error:
                mine, refusal = Heard([]), str(error)
            for name in readers:
                read, suffixes = READERS[name]
                if path.suffix.lower() not in suffixes:
                    continue
                try:
                    other = read(path)
                except Exception as error:  # noqa: BLE001 - whatever another reader fails with is its refusal
                    verdict, first = "it refuses", f"{type(error).__name__}: {str(error)[:80]}"
                else:
                    verdict, first = ("we refuse", refusal) if refusal else compare(mine, other)
                    for what, same in maps_agree(mine, other).items() if verdict in VERDICTS[:2] else ():
                        agree[name][what, same] += 1  # type: ignore[index]
                        if not same:
                            differences.append(f"- {path.relative_to(folder)}, {name}: {what} differ")
                counts[name][verdict] += 1
                if first:
                    differences.append(f"- {path.relative_to(folder)}, {name}: {verdict}: {first}")
    return [*_table(counts, agree), "", *differences]


def _table(counts: dict[str, Counter[str]], agree: dict[str, Counter[str]]) -> list[str]:
    lines = [f"| notes | {' | '.join(counts)} |", "|---|" + "---|" * len(counts)]
    for verdict in VERDICTS:
        lines.append(f"| {verdict} | " + " | ".join(str(count[verdict]) for count in counts.values()) + " |")
    for what in ("first bar", "bar lines", "metres", "keys", "tempi"):
        cells = []
        for found in agree.values():
            right, wrong = found[what, True], found[what, False]  # type: ignore[index]
            cells.append(f"{right} of {right + wrong}")
        lines.append(f"| same {what} | {' | '.join(cells)} |")
    return lines


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare the readers on a folder and print the report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--reader", action="append", choices=sorted(READERS), help="all by default")
    parser.add_argument("--files", type=int, help="of the folder, chosen at random; all by default")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    if options.files is not None and options.files < 1:
        raise ConfigError(f"--files is {options.files}; expected at least 1")
    warnings.simplefilter("ignore")  # the readers' own, a line for each doubtful measure
    for line in compare_folder(options.folder, options.reader or list(READERS), options.files, options.seed):
        print(line)
    return 0


if __name__ == "__main__":
    run_recipe(main)
