"""Is ABC read as it is written? Every tune of a folder, note by note, beside abc2midi (Debian's package `abcmidi`).

    python recipes/quality/abc_tunes.py FOLDER [--show 20]

Compared are onset, duration (to 1/40 of a quarter) and pitch of all notes, repeats played out. abc2midi plays
ornaments, staccato, and hornpipes in a rhythm of their own, all of which have no length in the standard: it is given
the tune without them. It strikes the notes of a chord one after the other, by 1/48 of a quarter, unless it is told not
to, which is done. Of tunes that differ, the first difference is printed.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from audio_lstm.errors import ConfigError, MissingDependencyError, ScoreError
from audio_lstm.music.files.abc.book import AbcTune, abc_tunes, field_of
from audio_lstm.music.files.abc.text import abc_to_scores
from audio_lstm.music.score.score import Score
from audio_lstm.training.options import run_recipe

TOLERANCE = 1 / 40  # quarters
_CHORDS_AT_ONCE = "%%MIDI chordattack 0"
_ORNAMENTS = re.compile(r'"[^"]*"|!(?:[^!\s|:\[\]]+)!|\{[^}]*\}')
_INLINE_FIELD = re.compile(r"(\[[A-Za-z]:[^\]]*\])")
Notes = list[tuple[float, float, int]]  # onset and duration in quarters, pitch


def without_ornaments(tune: AbcTune) -> str:
    """The tune as it is given to abc2midi."""
    lines = []
    for _, line in tune.lines:
        named = field_of(line)
        if named is None:
            parts = _INLINE_FIELD.split(_ORNAMENTS.sub("", line))
            line = "".join(part if odd % 2 else re.sub(r"[H-Wh-w~.]", "", part) for odd, part in enumerate(parts))
        elif named[0] == "I" and named[1].startswith("MIDI"):
            line = f"%%{named[1]}"
        if line.strip() and (named is None or named[0] not in "RI" or line.startswith("%%")):  # an empty line ends it
            lines.append(line)
    return "\n".join([*lines[:1], _CHORDS_AT_ONCE, *lines[1:], ""])


def by_abc2midi(tune: AbcTune, folder: Path) -> Notes | None:
    """What abc2midi plays; None where it writes no file."""
    import mido

    (folder / "tune.abc").write_text(without_ornaments(tune), "utf-8")
    (folder / "tune.mid").unlink(missing_ok=True)
    command = ["abc2midi", "tune.abc", "-quiet", "-NGUI", "-o", "tune.mid"]
    subprocess.run(command, cwd=folder, capture_output=True, timeout=60, check=False)
    try:
        song = mido.MidiFile(folder / "tune.mid")
    except (OSError, ValueError, EOFError):
        return None
    notes: Notes = []
    for track in song.tracks:
        now, sounding = 0, dict[tuple[int, int], list[int]]()
        for message in track:
            now += message.time
            if message.type == "note_on" and message.velocity:
                sounding.setdefault((message.channel, message.note), []).append(now)
            elif message.type in ("note_on", "note_off") and sounding.get((message.channel, message.note)):
                start = sounding[message.channel, message.note].pop(0)
                notes.append((start / song.ticks_per_beat, (now - start) / song.ticks_per_beat, message.note))
    return notes


def by_us(score: Score) -> Notes:
    """What we read."""
    quarter = score.ticks_per_quarter
    return [(start / quarter, length / quarter, pitch) for start, length, pitch, _, _ in score.notes.tolist()]


def difference(ours: Notes, theirs: Notes) -> str:
    """The first note that is not alike; "" where all are."""
    ours, theirs = (sorted(notes, key=lambda note: (round(note[0] * 20), note[2])) for notes in (ours, theirs))
    for one, other in zip(ours, theirs, strict=False):
        if one[2] != other[2] or abs(one[0] - other[0]) > TOLERANCE or abs(one[1] - other[1]) > 2 * TOLERANCE:
            return f"ours {one[0]:g}:{one[2]}+{one[1]:g}, abc2midi {other[0]:g}:{other[2]}+{other[1]:g}"
    return "" if len(ours) == len(theirs) else f"{len(ours)} notes, abc2midi {len(theirs)}"


def compare(folder: Path, scratch: Path) -> Iterator[tuple[str, str, str]]:
    """Each tune, the verdict, and what there is to say."""
    for path in sorted(folder.rglob("*.abc")):
        data = path.read_bytes()
        for tune, (_, found) in zip(abc_tunes(data), abc_to_scores(data), strict=True):
            name = f"{path.relative_to(folder)} {tune.name}"
            theirs = by_abc2midi(tune, scratch)
            if isinstance(found, ScoreError):
                yield name, "refused", str(found)
                continue
            if theirs is None:
                yield name, "abc2midi refuses", ""
                continue
            said = difference(by_us(found), theirs)
            yield name, "different" if said else "identical", said


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--show", type=int, default=20, help="differences to print")
    options = parser.parse_args(arguments)
    if shutil.which("abc2midi") is None:
        raise MissingDependencyError("the comparison needs abc2midi: apt-get install abcmidi")
    if not options.folder.is_dir():
        raise ConfigError(f"{options.folder}: no such folder; give one with .abc files")
    verdicts: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as scratch:
        for name, verdict, said in compare(options.folder, Path(scratch)):
            verdicts[verdict] += 1
            if verdict != "identical" and verdicts.total() - verdicts["identical"] <= options.show:
                print(f"{name}: {verdict} {said}")
    print("| tunes | n | share |\n|---|---|---|")
    for verdict, number in verdicts.most_common():
        print(f"| {verdict} | {number} | {number / verdicts.total():.2%} |")
    return 0


if __name__ == "__main__":
    run_recipe(main)
