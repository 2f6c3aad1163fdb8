r"""What somebody brings to begin with, from whatever it comes in: `read_primer(anything)` -> a score, its key and beat.

read_primer("tune.mid")                     # or .mxl, .musicxml, .abc; a Score; a pretty_midi object
read_primer("C4 E4 G4:2 R F#4/8")           # notation.py says how to write them
read_primer("X:1\nK:D\nABcd")                 # ABC as text
read_primer("hum.wav")                      # a hummed or sung melody; or (samples, sample_rate)
"""

from __future__ import annotations

import io
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from audio_lstm.errors import ConfigError, ScoreError
from audio_lstm.music.files.abc.book import is_abc
from audio_lstm.music.files.files import pretty_midi_to_score, read_score
from audio_lstm.music.request.humming import hum_to_melody
from audio_lstm.music.score.bars import score_bars
from audio_lstm.music.score.beat_finding import find_metre
from audio_lstm.music.score.excerpt import cut_bars, moved_to
from audio_lstm.music.score.key_finding import find_key, key_name
from audio_lstm.music.score.notation import is_notes_text, parse_notes
from audio_lstm.music.score.score import DEFAULT_MICROSECONDS_PER_QUARTER, KeySignature, Score, Tempo, TimeSignature

if TYPE_CHECKING:
    import pretty_midi

__all__ = ["MAX_PRIMER_S", "Music", "Opening", "Primer", "read_music", "read_primer"]

Music = Any
"""A Score, a Composition, a pretty_midi object, a path, notes or ABC as text, an open file, (samples, sample_rate)."""

MAX_PRIMER_S = 600.0
"""Ten minutes; of longer music some bars are enough to go on from."""

_SOUND_SUFFIXES = {
    *(".wav", ".flac", ".ogg", ".opus", ".oga", ".mp3", ".m4a", ".mp4", ".webm", ".mkv", ".amr", ".wma", ".aac"),
    *(".aiff", ".aif", ".au", ".caf", ".avi", ".sph", ".mov", ".mka"),
}
_DEFAULT_BPM = 60e6 / DEFAULT_MICROSECONDS_PER_QUARTER  # of music that says nothing about it, as in a MIDI file
_IN_KEY = 0.75  # of the sounding time must lie in the scale of a key signature that is to be believed


@dataclass(frozen=True)
class Opening:
    """The bars of a primer before those of its last metre."""

    score: Score  # with the metres and keys of the source
    stop_ticks: int  # where they end, and the last metre begins
    n_bars: int  # a pickup is none


@dataclass(frozen=True)
class Primer:
    """Music to go on from, and what is known about it."""

    score: Score  # one metre, one key and one tempo, at tick 0; its notes are as they were
    key: KeySignature
    metre: tuple[int, int]
    tempo_bpm: float  # quarters a minute
    sources: tuple[tuple[str, str], ...]  # ("key" | "metre" | "tempo", "given" | "file" | "detected" | "assumed")
    name: str  # what messages call it
    lead_ticks: int = 0  # silence that was put before a pickup, so that it ends a bar: no part of the music
    opening: Opening | None = None  # what comes before `score` where the metre changes: a model goes on from the last

    @property
    def n_bars(self) -> float:
        """Its length in bars, with a fraction; a pickup is none."""
        bars = self.score.end_ticks / (self.score.ticks_per_quarter * self.score.time_signatures[0].bar_quarters)
        return self.n_bars_before + max(0.0, bars - self.n_pickups)

    @property
    def n_bars_before(self) -> int:
        """How many bars come before `score` and what is written after it; a pickup of the opening is none."""
        return 0 if self.opening is None else self.opening.n_bars + self.n_pickups

    @property
    def whole(self) -> Score:
        """All notes, those of the opening too, at their times."""
        if self.opening is None:
            return self.score
        notes = self.score.notes.copy()
        notes["start_ticks"] += self.opening.stop_ticks - self.lead_ticks
        return replace(self.score, notes=np.concatenate([self.opening.score.notes, notes]))

    @property
    def n_pickups(self) -> int:
        """1 where it begins with a pickup, else 0."""
        return int(self.lead_ticks > 0)

    def summary(self) -> str:
        """One line for people: what was found, and how."""
        how = dict(self.sources)
        return (
            f"{self.whole.n_notes} notes, {self.n_bars:.1f} bars; {key_name(self.key)} ({how['key']}), "
            f"{self.metre[0]}/{self.metre[1]} ({how['metre']}), {self.tempo_bpm:.0f} quarters a minute ({how['tempo']})"
        )


def read_primer(
    source: Music | pretty_midi.PrettyMIDI,
    *,
    key: KeySignature | None = None,
    metre: tuple[int, int] | None = None,
    tempo_bpm: float | None = None,
    bars: tuple[int, int] | None = None,
    transpose: int = 0,
    tune: str | None = None,
) -> Primer:
    """Read music to go on from, and find out its key, metre and tempo.

    Examples:
        >>> import audio_lstm
        >>> primer = audio_lstm.read_primer("C4 D4 E4 F4 G4:4", tempo_bpm=90)
        >>> piece = audio_lstm.compose(primer=primer, seed=1, bars=4)

    What is given counts; else what the file says (of a key signature only where the notes bear it out; whether it is
    major or minor the notes decide); else what is heard in the notes. Where the metre changes, a piece goes on from the
    bars of the last metre, `Primer.score`; those before it are `Primer.opening`.

    Args:
        source: A Score, a Composition, a pretty_midi object, a MIDI, MusicXML or ABC file, notes or ABC as text, an
            open binary file, or a recording of a hummed melody: a sound file or (samples, sample_rate).
        key: The key, where it is known better.
        metre: The metre.
        tempo_bpm: Quarters a minute; of a recording, the tempo at which it was sung.
        bars: Only these, the first and the last, counted from 1.
        transpose: Semitones by which it is moved, up or down.
        tune: Of ABC with several tunes, which one: its X: number or its title.

    Returns:
        The primer; its score's `remarks` say what was left out.

    Raises:
        ScoreError: It cannot be read, has no notes, is drums alone or ends so after a change of metre, or is too long.
        ConfigError: The tempo, the metre or the bars are out of range.
    """
    if tempo_bpm is not None and not 5.0 <= tempo_bpm <= 1000.0:
        raise ConfigError(f"tempo must lie in 5..1000 quarters a minute, got {tempo_bpm:g}")
    score, name = read_music(source, tempo_bpm=tempo_bpm, transpose=transpose, tune=tune)
    score.require_notes(name)
    if all(score.tracks[track].is_drum for track in np.unique(score.notes["track"]).tolist()):
        raise ScoreError(f"{name}: all of its notes are drums; give a primer with a part that has pitches")
    if metre is not None:
        score = replace(score, time_signatures=_with_pickup_of(score, _given_metre(metre)))
    if bars is not None:
        score = cut_bars(score, bars, name).require_notes(f"bars {bars[0]}-{bars[1]} of {name}")
    found_metre, metre_from = _metre_of(score)
    opening, score = _divided(score, name)
    bpm, tempo_from = _tempo_of(score, tempo_bpm)
    score, lead_ticks = _led_by_a_bar(replace(score, tempi=(Tempo.from_bpm(0, bpm),)), found_metre)
    found_key, key_from = _key_of(score, key)
    score = replace(score, key_signatures=(found_key,))
    sources = (("key", key_from), ("metre", "given" if metre else metre_from), ("tempo", tempo_from))
    primer = Primer(score, found_key, found_metre, bpm, sources, name, lead_ticks, opening)
    duration_s = primer.whole.duration_s
    if duration_s > MAX_PRIMER_S:
        raise ScoreError(
            f"{name}: {duration_s / 60:.0f} minutes long; a primer has at most {MAX_PRIMER_S / 60:.0f}: name the bars "
            "to go on from (primer_bars), or cut it"
        )
    return primer


def read_music(
    source: Music, *, tempo_bpm: float | None = None, transpose: int = 0, tune: str | None = None
) -> tuple[Score, str]:
    """The score in any source that `read_primer` knows, as it stands there.

    Args:
        source: As for `read_primer`.
        tempo_bpm: Of a recording, the tempo at which it was sung.
        transpose: Semitones by which it is moved.
        tune: Of ABC with several tunes, which one.

    Returns:
        The score, perhaps without notes, and what messages call it.

    Raises:
        ScoreError: It cannot be moved so far.
    """
    score, name = _read(source, tempo_bpm, tune)
    if not transpose:
        return score, name
    try:
        return score.transpose(transpose), name
    except ScoreError as error:
        raise ScoreError(f"{name}: {error}") from error


def _read(source: Music, tempo_bpm: float | None, tune: str | None) -> tuple[Score, str]:
    if isinstance(source, Score):
        return source, "the score"
    if isinstance(getattr(source, "score", None), Score):
        return source.score, "the take"
    if isinstance(source, tuple):
        return hum_to_melody(source, tempo_bpm=tempo_bpm).score, "the recording"
    if isinstance(source, str) and not os.path.lexists(source):
        if is_notes_text(source):
            return parse_notes(source), "the notes"
        if "\n" in source and is_abc(source.encode()):
            return read_score(io.BytesIO(source.encode()), tune=tune), "the ABC tune"
        if len(source.split()) > 1 and not Path(source).suffix:
            raise ScoreError(
                f"{source[:60]!r}: neither a file nor notes; write notes as in 'C4 E4 G4:2 R F#4/8', or check the path"
            )
    if isinstance(source, str | os.PathLike):
        path = Path(source)
        if path.suffix.lower() in _SOUND_SUFFIXES:
            return hum_to_melody(path, tempo_bpm=tempo_bpm).score, str(path)
        return read_score(path, tune=tune), str(path)
    if hasattr(source, "instruments"):
        return pretty_midi_to_score(source), "the pretty_midi object"
    if hasattr(source, "read"):
        return read_score(source, tune=tune), str(getattr(source, "name", "the file"))
    raise ScoreError(
        f"expected a score, a file, notes as text, a pretty_midi object or (samples, sample_rate), got "
        f"{type(source).__name__}"
    )


def _given_metre(metre: tuple[int, int]) -> TimeSignature:
    top, bottom = metre
    if not 1 <= top <= 64 or bottom not in (1, 2, 4, 8, 16, 32):
        raise ConfigError(f"metre {top}/{bottom}: expected one such as 4/4, 3/4 or 6/8")
    return TimeSignature(0, top, bottom)


def _with_pickup_of(score: Score, metre: TimeSignature) -> tuple[TimeSignature, ...]:
    """Another metre for all of a score, behind its pickup."""
    first = score_bars(score)[0]
    fits = first.is_pickup and first.end_ticks < metre.bar_quarters * score.ticks_per_quarter
    return (metre, replace(metre, tick=first.end_ticks)) if fits else (metre,)


def _led_by_a_bar(score: Score, metre: tuple[int, int]) -> tuple[Score, int]:
    """A score in one metre whose pickup ends a whole bar, and how much silence that puts before it."""
    signature = TimeSignature(0, *metre)
    first, lead = score_bars(score)[0], 0.0
    if first.is_pickup:
        lead = max(0.0, signature.bar_quarters * score.ticks_per_quarter - first.end_ticks)
    notes = score.notes.copy()
    notes["start_ticks"] += int(lead)
    return replace(score, notes=notes, time_signatures=(signature,)), int(lead)


def _metre_of(score: Score) -> tuple[tuple[int, int], str]:
    """The metre to go on in: that of the last bar."""
    if not score.time_signatures:
        return find_metre(score), "detected"
    return _pair(score_bars(score)[-1].metre), "file"


def _divided(score: Score, name: str) -> tuple[Opening | None, Score]:
    """What comes before the bars of the last metre, and these; a score in one metre is whole."""
    bars = score_bars(score)
    last = _pair(bars[-1].metre)
    before = [bar for bar in bars if _pair(bar.metre) != last]
    if not before:
        return None, score
    split, stop = before[-1].end_ticks, score.end_ticks + 1
    late = score.notes["start_ticks"] >= split
    notes = score.notes[late].copy()
    notes["start_ticks"] -= split
    if all(score.tracks[track].is_drum for track in np.unique(notes["track"]).tolist()):
        raise ScoreError(
            f"{name}: no note with a pitch begins in its last metre, {last[0]}/{last[1]}, from bar "
            f"{before[-1].number + 1} on; name bars before it (primer_bars), or pass a metre for all of it"
        )
    opening = replace(
        score,
        notes=score.notes[~late],
        time_signatures=moved_to(score.time_signatures, 0, split),
        key_signatures=moved_to(score.key_signatures, 0, split),
    )
    rest = replace(
        score,
        notes=notes,
        time_signatures=moved_to(score.time_signatures, split, stop),
        key_signatures=moved_to(score.key_signatures, split, stop),
    )
    return Opening(opening, split, before[-1].number), rest


def _pair(signature: TimeSignature) -> tuple[int, int]:
    return signature.numerator, signature.denominator


def _tempo_of(score: Score, wanted: float | None) -> tuple[float, str]:
    if wanted is not None:
        return wanted, "given"
    if not score.tempi:
        return _DEFAULT_BPM, "assumed"
    # Of several the one that holds longest: a rubato of a hundred tempi is one tempo to go on in.
    ticks = np.array([min(tempo.tick, score.end_ticks) for tempo in score.tempi] + [score.end_ticks])
    longest = score.tempi[int(np.diff(ticks).argmax())]
    return round(min(max(longest.bpm, 5.0), 1000.0), 2), "file"


def _key_of(score: Score, wanted: KeySignature | None) -> tuple[KeySignature, str]:
    if wanted is not None:
        return replace(wanted, tick=0), "given"
    for written in score.key_signatures[:1]:
        if _share_in_scale(score.notes, written) >= _IN_KEY:
            return (written if written.is_minor else find_key(score, sharps=written.sharps)), "file"
    return find_key(score), "detected"


def _share_in_scale(notes: NDArray[Any], key: KeySignature) -> float:
    """How much of the sounding time lies in the seven notes of a signature."""
    scale = [(7 * (key.sharps + fifth)) % 12 for fifth in range(-1, 6)]
    inside = np.isin(notes["pitch"] % 12, scale)
    return float(notes["duration_ticks"][inside].sum() / notes["duration_ticks"].sum())
