"""Instruments by name: "voice,piano" -> General MIDI programs."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import replace

from audio_lstm.errors import ConfigError
from audio_lstm.music.score.score import Track

__all__ = ["DRUMS", "PROGRAM_NAMES", "named_tracks", "parse_parts", "part_name"]

DRUMS = 128
"""What stands for a drum kit among the programs."""

PROGRAM_NAMES = tuple(
    name.strip()
    for name in """
acoustic grand piano, bright acoustic piano, electric grand piano, honky-tonk piano, electric piano 1, electric piano 2,
harpsichord, clavinet, celesta, glockenspiel, music box, vibraphone, marimba, xylophone, tubular bells, dulcimer,
drawbar organ, percussive organ, rock organ, church organ, reed organ, accordion, harmonica, tango accordion,
nylon guitar, steel guitar, jazz guitar, clean guitar, muted guitar, overdriven guitar, distortion guitar,
guitar harmonics, acoustic bass, finger bass, pick bass, fretless bass, slap bass 1, slap bass 2, synth bass 1,
synth bass 2, violin, viola, cello, contrabass, tremolo strings, pizzicato strings, orchestral harp, timpani,
string ensemble 1, string ensemble 2, synth strings 1, synth strings 2, choir aahs, voice oohs, synth voice,
orchestra hit, trumpet, trombone, tuba, muted trumpet, french horn, brass section, synth brass 1, synth brass 2,
soprano sax, alto sax, tenor sax, baritone sax, oboe, english horn, bassoon, clarinet, piccolo, flute, recorder,
pan flute, blown bottle, shakuhachi, whistle, ocarina, square lead, sawtooth lead, calliope lead, chiff lead,
charang lead, voice lead, fifths lead, bass and lead, new age pad, warm pad, polysynth pad, choir pad, bowed pad,
metallic pad, halo pad, sweep pad, rain effect, soundtrack effect, crystal effect, atmosphere effect,
brightness effect, goblins effect, echoes effect, sci-fi effect, sitar, banjo, shamisen, koto, kalimba, bagpipe, fiddle,
shanai, tinkle bell, agogo, steel drums, woodblock, taiko drum, melodic tom, synth drum, reverse cymbal,
guitar fret noise, breath noise, seashore, bird tweet, telephone ring, helicopter, applause, gunshot
""".replace("\n", " ").split(",")
)
"""General MIDI level 1, in the order of the programs."""

_SHORT = {
    "piano": 0,
    "organ": 19,
    "guitar": 24,
    "bass": 32,
    "strings": 48,
    "harp": 46,
    "voice": 52,
    "choir": 52,
    "soprano": 52,
    "alto": 52,
    "tenor": 52,
    "baritone": 52,
    "horn": 60,
    "sax": 65,
    "saxophone": 65,
    "double bass": 43,
    "drums": DRUMS,
    "drum kit": DRUMS,
    "percussion": DRUMS,
}


def parse_parts(text: str) -> tuple[int, ...]:
    """The programs of parts by name.

    Examples:
        >>> parse_parts("voice,piano")
        (52, 0)

    Args:
        text: Names with commas between: General MIDI's, short ones such as piano, voice, strings and drums, or program
            numbers 0 to 127.

    Returns:
        A program a part, 128 for drums; a name that is none is a ConfigError.
    """
    return tuple(_program(name.strip()) for name in text.split(","))


def part_name(program: int) -> str:
    """What a part is called.

    Args:
        program: 0 to 127, 128 for drums.

    Returns:
        A name that `parse_parts` reads.
    """
    short = {number: name for name, number in reversed(_SHORT.items())}
    return short.get(program) or PROGRAM_NAMES[program]


def named_tracks(tracks: Sequence[Track]) -> tuple[Track, ...]:
    """Tracks, those without a name called after their instruments: "Voice", "Piano 1", "Piano 2".

    Args:
        tracks: Of a score.

    Returns:
        The same, each with a name.
    """
    programs = [DRUMS if track.is_drum else track.program for track in tracks]
    found = []
    for place, (track, program) in enumerate(zip(tracks, programs, strict=True)):
        name = part_name(program)
        number = f" {programs[: place + 1].count(program)}" if programs.count(program) > 1 else ""
        found.append(track if track.name else replace(track, name=name[:1].upper() + name[1:] + number))
    return tuple(found)


def _program(name: str) -> int:
    lower = " ".join(name.lower().replace("_", " ").split())
    if lower in _SHORT:
        return _SHORT[lower]
    if lower in PROGRAM_NAMES:
        return PROGRAM_NAMES.index(lower)
    if lower.isdecimal() and int(lower) < DRUMS:
        return int(lower)
    known = (*_SHORT, *PROGRAM_NAMES)
    close = difflib.get_close_matches(lower, known, n=1)
    hint = f"did you mean {close[0]!r}?" if close else "use a General MIDI name, or a program from 0 to 127"
    raise ConfigError(f"no instrument is called {name!r}; {hint}")
