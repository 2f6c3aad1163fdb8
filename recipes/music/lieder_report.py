"""Does the piano of a song stand on its own? What it shares with the voice, and what a model makes of it alone.

    python recipes/music/lieder_report.py --data ../shared/music/lieder --out runs/lieder

`--out` is the run folder of recipes/music/lieder.py: its tokens, its split and its model are taken. Over the validation
songs, whose tracks with a piano's program are the piano and the others the voice, it prints

- doubled: notes of the voice whose pitch, or whose pitch class, sounds in the piano at their beginning
- alone: bars with music in which the piano is silent, or the voice
- prices: nats a note and perplexity of an event, for the whole songs, for the piano alone, and for the voice alone
- loudness and tempo: songs with more than one loudness, with more than one tempo; the commonest of each
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from audio_lstm.errors import DataError
from audio_lstm.music.models.composer import Composer, load_music
from audio_lstm.music.score.score import Score
from audio_lstm.music.tokens.events import EventVocabulary
from audio_lstm.music.training.task import first
from audio_lstm.training.options import run_recipe

sys.path.append(str(Path(__file__).resolve().parents[2]))  # run by its path, it finds its neighbours all the same

from recipes.music.midi_folder import load_splits, recipe_of

PIANOS = range(8)  # programs of General MIDI


def split_parts(score: Score) -> tuple[Score, Score]:
    """The song without its voice, and without its piano; tracks are kept where they are."""
    is_piano = np.array([track.program in PIANOS and not track.is_drum for track in score.tracks], np.bool_)
    played = is_piano[score.notes["track"]]
    return replace(score, notes=score.notes[played]), replace(score, notes=score.notes[~played])


def doubled(piano: Score, voice: Score) -> tuple[int, int, int]:
    """Notes of the voice; those whose pitch sounds in the piano as they begin; those whose pitch class does."""
    starts, ends = piano.notes["start_ticks"], piano.notes["start_ticks"] + piano.notes["duration_ticks"]
    n_pitch = n_class = 0
    for note in voice.notes:
        sounding = piano.notes["pitch"][(starts <= note["start_ticks"]) & (ends > note["start_ticks"])]
        n_pitch += bool((sounding == note["pitch"]).any())
        n_class += bool((sounding % 12 == note["pitch"] % 12).any())
    return len(voice.notes), n_pitch, n_class


def busy_bars(score: Score, n_bars: int) -> NDArray[np.bool_]:
    """Which bars a note sounds in, (n_bars,), by the first metre of the piece."""
    length = float(score.time_signatures[0].bar_quarters) * score.ticks_per_quarter
    busy = np.zeros(n_bars, np.bool_)
    for start, duration in zip(score.notes["start_ticks"], score.notes["duration_ticks"], strict=True):
        busy[int(start // length) : int((start + duration - 1) // length) + 1] = True
    return busy


def prices(composer: Composer, vocabulary: EventVocabulary, scores: Sequence[Score]) -> tuple[float, float]:
    """Nats a note and perplexity of an event, all songs pooled."""
    nats, n_notes, n_events = 0.0, 0, 0
    for score in scores:
        if len(score.notes):
            tokens = vocabulary.encode(score)
            nats += float(composer.costs(tokens).sum())
            n_notes, n_events = n_notes + len(score.notes), n_events + len(tokens)
    if not n_notes:
        return float("nan"), float("nan")
    return nats / n_notes, float(np.exp(nats / n_events))


def describe_parts(songs: Sequence[Score], parts: Sequence[tuple[Score, Score]]) -> list[str]:
    """The first two lines."""
    n_notes, n_pitch, n_class = np.sum([doubled(piano, voice) for piano, voice in parts], axis=0).tolist()
    n_bars = piano_silent = voice_silent = 0
    for song, (piano, voice) in zip(songs, parts, strict=True):
        length = float(song.time_signatures[0].bar_quarters) * song.ticks_per_quarter
        bars = int(max(song.notes["start_ticks"] + song.notes["duration_ticks"]) // length) + 1
        played, sung = busy_bars(piano, bars), busy_bars(voice, bars)
        n_bars += int((played | sung).sum())
        piano_silent += int((sung & ~played).sum())
        voice_silent += int((played & ~sung).sum())
    in_pitch, in_class = (count / max(n_notes, 1) for count in (n_pitch, n_class))
    return [
        f"doubled: {in_pitch:.0%} of {n_notes:,} notes of the voice in pitch, {in_class:.0%} in pitch class",
        f"alone: of {n_bars:,} bars the piano is silent in {piano_silent / n_bars:.1%}, "
        f"the voice in {voice_silent / n_bars:.1%}",
    ]


def describe_variety(songs: Sequence[Score]) -> list[str]:
    """The last two lines."""
    levels = [np.unique(song.notes["velocity"]) for song in songs]
    notes: Counter[int] = Counter()
    for song in songs:
        notes.update(song.notes["velocity"].tolist())
    n_notes = sum(notes.values())
    common = ", ".join(f"{velocity} ({count / n_notes:.0%})" for velocity, count in notes.most_common(5))
    tempi = Counter(round(song.tempi[0].bpm) for song in songs)
    n_loud, n_fast = (np.mean([len(found) > 1 for found in sets]) for sets in (levels, [song.tempi for song in songs]))
    often = ", ".join(str(bpm) for bpm, _ in tempi.most_common(3))
    return [
        f"loudness: {n_loud:.0%} of the songs have more than one; MIDI velocities {common}",
        f"tempo: {n_fast:.0%} have more than one; first tempi {min(tempi)} to {max(tempi)}, most often {often}",
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="the folder that the run was trained on")
    parser.add_argument("--out", type=Path, required=True, help="the run folder")
    parser.add_argument("--model", help="a model in the run's vocabulary; the run's own if not given")
    parser.add_argument("--n", type=int, default=0, help="validation songs; 0 = all")
    options = parser.parse_args(arguments)
    composer = load_music(options.model or options.out / "model")
    vocabulary = composer.representation
    if not isinstance(vocabulary, EventVocabulary):
        raise DataError(f"{composer.name}: a model of {vocabulary.kind!r}; this report is about models of events")
    _, _, valid_set = load_splits(recipe_of(vocabulary, data=options.data, out=options.out))
    songs = [vocabulary.decode(np.asarray(piece)) for piece in first(valid_set, options.n).pieces]
    parts = [split_parts(song) for song in songs]
    lines = describe_parts(songs, parts)
    alone = {"the piano alone": [piano for piano, _ in parts], "the voice alone": [voice for _, voice in parts]}
    for name, scores in ({"the songs": songs} | alone).items():
        nats, perplexity = prices(composer, vocabulary, scores)
        lines.append(f"price of {name}: {nats:.3f} nats a note, perplexity {perplexity:.3f}")
    print("\n".join(lines + describe_variety(songs)))
    return 0


if __name__ == "__main__":
    run_recipe(main)
