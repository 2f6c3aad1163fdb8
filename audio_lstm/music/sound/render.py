"""Scores as sound, by a small synthesiser in numpy: `render(score)` -> stereo samples, much faster than real time.

Every note is a `Tone` (instruments.py) placed between the loudspeakers; the sum goes through a room, is brought to one
loudness, and limited. Long pieces are made block by block, so that memory does not grow with their length.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from audio_lstm.errors import ConfigError, ScoreError
from audio_lstm.music.score.score import Score
from audio_lstm.music.sound.fluidsynth import fluidsynth_blocks
from audio_lstm.music.sound.instruments import Instruments, Tone
from audio_lstm.music.sound.mastering import Limiter, gated_lufs, weighted_powers
from audio_lstm.music.sound.patches import Struck, patch_of
from audio_lstm.music.sound.room import Room

__all__ = ["DEFAULT_SAMPLE_RATE", "LOUDNESS_LUFS", "render", "render_blocks"]

DEFAULT_SAMPLE_RATE = 44_100
LOUDNESS_LUFS = -18.0
"""Integrated loudness of what comes out: near that of recorded chamber music, with room for its peaks."""

MAX_SECONDS = 4 * 3600.0  # a score can hold one note after years of silence
_BLOCK_WINDOWS = 10  # of 0.4 s
_KEPT_BLOCKS = 150  # ten minutes, 210 MB at 44.1 kHz; what is longer is played twice, to measure and to write
_SOFTEST_LUFS = -75.0  # what is softer is not made louder still
_SILENCE = 1e-4  # -80 dB: the end of the last note's echo
_WIDTH = 0.5  # how far the outer tracks stand from the middle, of the way to a loudspeaker

Progress = Callable[[float, float], None]


@dataclass(frozen=True)
class _Note:
    tone: Tone
    start: int  # samples
    held: int  # samples
    velocity: int
    gains: NDArray[np.float32]  # (2, 1)
    index: int

    @property
    def end(self) -> int:
        return self.start + self.tone.end(self.held)


def render(
    score: Score, *, sample_rate: int = DEFAULT_SAMPLE_RATE, soundfont: str | os.PathLike[str] | None = None
) -> NDArray[np.float32]:
    """A score as sound; the same score gives the same samples on one machine.

    Examples:
        >>> from audio_lstm.music.files.files import read_score
        >>> samples = render(read_score("song.mid"))  # (n, 2) at 44.1 kHz

    Args:
        score: at least one note, at most four hours.
        sample_rate: in Hz, 8,000 to 96,000.
        soundfont: a .sf2 or .sf3 file that FluidSynth plays; None: the built-in synthesiser.

    Returns:
        (n, 2) float32, left and right; -18 LUFS, no sample above -1.5 dB of full scale. It ends when the room has
        fallen silent, about a second after the last note.
    """
    return np.concatenate(list(render_blocks(score, sample_rate=sample_rate, soundfont=soundfont)))


def render_blocks(
    score: Score,
    *,
    sample_rate: int = DEFAULT_SAMPLE_RATE,
    soundfont: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
) -> Iterator[NDArray[np.float32]]:
    """What `render` gives, in blocks of a few seconds; memory does not grow with the length of the piece.

    Args:
        score: at least one note, at most four hours.
        sample_rate: in Hz, 8,000 to 96,000.
        soundfont: a .sf2 or .sf3 file that FluidSynth plays; None: the built-in synthesiser.
        progress: told now and then how many seconds of sound are done, and of how many.

    Returns:
        An iterator over blocks (n, 2) float32.

    Raises:
        ConfigError: the sample rate is out of range.
        ScoreError: there is no note, or the piece is too long.
    """
    if not 8_000 <= sample_rate <= 96_000:
        raise ConfigError(f"sample_rate is in Hz, from 8,000 to 96,000, got {sample_rate}")
    score.require_notes()
    if score.duration_s > MAX_SECONDS:
        raise ScoreError(
            f"the piece lasts {score.duration_s:,.0f} s, more than the {MAX_SECONDS:,.0f} s that are made into sound; "
            "cut it, or check its tempi"
        )
    if soundfont is None:
        play = partial(_mixed, score, sample_rate)
    else:
        play = partial(fluidsynth_blocks, score, soundfont, sample_rate=sample_rate)
        play()  # complains at once where something is missing, and plays nothing yet
    told = None if progress is None else partial(_tell, progress, score.duration_s, sample_rate)
    return _without_silent_end(_mastered(play, sample_rate, told))


def _tell(progress: Progress, total_s: float, sample_rate: int, n_samples: int) -> None:
    progress(min(total_s, n_samples / sample_rate), total_s)


def _without_silent_end(blocks: Iterator[NDArray[np.float32]]) -> Iterator[NDArray[np.float32]]:
    """Holds back what is too soft to hear until something follows it."""
    held: list[NDArray[np.float32]] = []
    for block in blocks:
        heard = np.flatnonzero(np.maximum(abs(block[:, 0]), abs(block[:, 1])) > _SILENCE)
        if len(heard):
            yield from held
            end = int(heard[-1]) + 1
            yield block[:end]
            held = [block[end:]]
        else:
            held.append(block)


def _mastered(
    play: Callable[[], Iterator[NDArray[np.float32]]], sample_rate: int, told: Callable[[int], None] | None
) -> Iterator[NDArray[np.float32]]:
    """Two passes: one to hear how loud the piece is, one to give it out; the second is a memory where it fits."""
    powers: list[NDArray[np.float64]] = []
    kept: list[NDArray[np.float32]] = []
    n_blocks = n_samples = 0
    for block in play():
        n_blocks, n_samples = n_blocks + 1, n_samples + block.shape[1]
        powers.append(weighted_powers(block.T, sample_rate))
        if n_blocks <= _KEPT_BLOCKS:
            kept.append(block)
        elif kept:
            kept.clear()
        if told is not None:
            told(n_samples)
    gain = np.float32(10.0 ** ((LOUDNESS_LUFS - max(gated_lufs(np.concatenate(powers)), _SOFTEST_LUFS)) / 20.0))
    limiter = Limiter(sample_rate)
    again = iter(kept) if n_blocks <= _KEPT_BLOCKS else play()
    for number, block in enumerate(again, 1):
        yield np.ascontiguousarray(limiter.feed(gain * block, last=number == n_blocks).T)


def _mixed(score: Score, sample_rate: int) -> Iterator[NDArray[np.float32]]:
    """(2, n) blocks of all notes in their room, all of one length."""
    block_samples = _BLOCK_WINDOWS * round(0.4 * sample_rate)
    room = Room(sample_rate, block_samples)
    waiting = _notes(score, sample_rate)
    upcoming = next(waiting, None)
    sounding: list[_Note] = []
    first, silent_from = 0, room.tail_samples
    while upcoming is not None or sounding or first < silent_from:
        end = first + block_samples
        while upcoming is not None and upcoming.start < end:
            sounding.append(upcoming)
            silent_from = max(silent_from, upcoming.end + room.tail_samples)
            upcoming = next(waiting, None)
        block = np.zeros((2, block_samples), np.float32)
        for note in sounding:
            start, stop = max(first, note.start), min(end, note.end)
            sound = note.tone.play(
                note.velocity, (start - note.start, stop - note.start), note.held, index=note.index
            )  # (1 or 2, n)
            block[:, start - first : stop - first] += note.gains * sound
        sounding = [note for note in sounding if note.end > end]
        yield room.add(block)
        first = end


def _notes(score: Score, sample_rate: int) -> Iterator[_Note]:
    notes = score.notes
    starts_s = score.seconds_at(notes["start_ticks"])
    held_s = score.seconds_at(notes["start_ticks"] + notes["duration_ticks"]) - starts_s
    starts, held = (np.rint(times * sample_rate).astype(np.int64) for times in (starts_s, held_s))
    longest: dict[tuple[int, int], float] = {}
    programs = [-1 if track.is_drum else track.program for track in score.tracks]
    keys = [
        (programs[track], pitch) for track, pitch in zip(notes["track"].tolist(), notes["pitch"].tolist(), strict=True)
    ]
    for key, length_s in zip(keys, held_s.tolist(), strict=True):
        longest[key] = max(longest.get(key, 0.0), length_s)
    places = _places(score)
    instruments = Instruments(sample_rate)
    for index, (key, note) in enumerate(zip(keys, notes, strict=True)):
        track = int(note["track"])
        tone = instruments.tone(score.tracks[track], key[1], longest[key])
        place = float(np.clip(places[track] + tone.pan * 0.7, -1.0, 1.0))
        angle = (place + 1.0) * np.pi / 4.0
        gains = np.array([[np.cos(angle)], [np.sin(angle)]], np.float32)
        yield _Note(tone, int(starts[index]), max(1, int(held[index])), int(note["velocity"]), gains, index)


def _places(score: Score) -> list[float]:
    """Where each track stands, -1 left .. 1 right: high parts left, as a choir does; drums and basses in the middle.

    Tracks of one keyboard share its place.
    """
    groups: dict[object, list[int]] = {}
    for track in np.unique(score.notes["track"]).tolist():
        part = score.tracks[track]
        if part.is_drum or 32 <= part.program < 40:
            continue
        keyboard = isinstance(patch_of(part.program), Struck)
        groups.setdefault(("keyboard", part.program) if keyboard else track, []).append(track)
    places = [0.0] * len(score.tracks)
    for tracks, place in zip(groups.values(), np.linspace(-_WIDTH, _WIDTH, len(groups)), strict=True):
        for track in tracks:
            places[track] = float(place) if len(groups) > 1 else 0.0
    return places
