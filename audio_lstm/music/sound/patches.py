"""What each General MIDI program sounds like here: a few families of tones, and their constants.

The constants were set by measurement (docs/decisions/sound-and-sheets.md): level, attack, decay and spectrum beside
what the literature gives for the instrument. They are the place to turn when an instrument should sound otherwise.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, replace

__all__ = ["Patch", "Struck", "Sustained", "patch_of"]

Formants = tuple[tuple[float, float, float], ...]  # centre in Hz, bandwidth in Hz, gain


@dataclass(frozen=True)
class Struck:
    """A string, bar or bell that is set going once and dies away."""

    decay_s: float  # of the fundamental of middle C, to 1/e
    halving_semitones: float = 18.0  # the decay halves with each such step up
    n_partials: int = 40
    ratios: tuple[float, ...] = ()  # of the partials to the fundamental; () is a string's
    levels: tuple[float, ...] = ()  # of the partials, where there are ratios
    stiffness: float = 0.0  # inharmonicity B of middle C: partial k lies at k sqrt(1 + B k^2)
    position: float = 0.125  # where a string is struck or plucked, of its length
    slope: float = 1.0  # partial k has amplitude k^-slope
    soft_hz: float = 1200.0  # amplitudes fall to 1/e over this, touched softly ...
    hard_hz: float = 4000.0  # ... and hard
    damping: float = 0.15  # partial k decays 1 + damping (k - 1) times as fast
    beating_cents: float = 0.0  # between the strings of a note; above 0 gives a second, slower decay
    thump: float = 0.0  # level of the hammer's knock
    release_s: float = 0.08  # to 1/e, once the key is let go
    undamped_from: int = 128  # from this pitch up nothing stops the string, as in a piano
    level_db: float = 0.0
    spread: float = 0.0  # how far low and high notes lie apart between the loudspeakers, 0..1


@dataclass(frozen=True)
class Sustained:
    """A tone that lasts as long as the note is held: one player, or an ensemble where `width_cents` > 0."""

    slope: float = 1.0  # harmonic k has amplitude k^-slope
    even: float = 1.0  # gain of the even harmonics: near 0 in a clarinet
    harmonics: tuple[float, ...] = ()  # amplitudes outright, as an organ's stops give them
    soft_hz: float = 1500.0  # amplitudes fall to 1/e over this, played softly ...
    hard_hz: float = 4000.0  # ... and loud
    formants: Formants = ()
    formant_rise: float = 0.0  # how much higher the formants of high voices lie: 0.18 from men to women
    width_cents: float = 0.0  # standard deviation of an ensemble's tuning
    vibrato_hz: float = 5.3
    vibrato_cents: float = 0.0
    attack_s: float = 0.04
    release_s: float = 0.06
    level_db: float = 0.0


Patch = Struck | Sustained

_PIANO = Struck(
    1.7, stiffness=3e-4, slope=0.9, beating_cents=0.9, thump=0.05, release_s=0.09, undamped_from=89, spread=0.5
)
_E_PIANO = Struck(
    1.2, ratios=(1, 2, 3, 4, 14.0), levels=(1, 0.25, 0.12, 0.05, 0.10), soft_hz=900, hard_hz=3500, spread=0.3
)
_HARPSICHORD = Struck(1.4, position=0.09, slope=0.6, soft_hz=5000, hard_hz=6000, stiffness=5e-5, spread=0.3)
_BELL = Struck(
    1.8, 24, ratios=(1, 2.76, 5.40, 8.93), levels=(1, 0.5, 0.25, 0.12), soft_hz=4000, hard_hz=9000, damping=1.0
)
_VIBRAPHONE = Struck(1.6, 24, ratios=(1, 3.99, 10.1), levels=(1, 0.12, 0.04), soft_hz=3000, hard_hz=8000, damping=2.0)
_MARIMBA = Struck(0.22, 20, ratios=(1, 3.93, 9.24), levels=(1, 0.25, 0.08), soft_hz=2000, hard_hz=6000, damping=2.0)
_GUITAR = Struck(1.1, position=0.17, slope=1.0, soft_hz=1500, hard_hz=3500, stiffness=4e-5, release_s=0.10)
_STEEL = replace(_GUITAR, decay_s=1.4, soft_hz=2500, hard_hz=5500, position=0.12)
_LEAD_GUITAR = replace(_GUITAR, decay_s=3.0, slope=0.7, soft_hz=2500, hard_hz=3500, damping=0.05)
_BASS = Struck(1.1, 24.0, position=0.22, slope=1.1, soft_hz=500, hard_hz=1400, release_s=0.06, level_db=1.0)
_HARP = replace(_GUITAR, decay_s=1.6, position=0.3, release_s=0.5, spread=0.4)
_PIZZICATO = replace(_GUITAR, decay_s=0.16, position=0.2, soft_hz=900, hard_hz=2500)
_TIMPANI = Struck(0.6, ratios=(1, 1.5, 1.98, 2.44), levels=(1, 0.6, 0.4, 0.25), soft_hz=500, hard_hz=900, thump=0.2)
_KALIMBA = replace(_MARIMBA, decay_s=0.6)

_PLAYER = Sustained(slope=1.0, soft_hz=1800, hard_hz=4500, vibrato_cents=14.0, attack_s=0.07, release_s=0.07)
_VIOLIN = replace(
    _PLAYER, formants=((290, 160, 0.9), (480, 220, 0.8), (1100, 700, 0.5), (2600, 1500, 0.6)), slope=0.9, level_db=-1.0
)
_SECTION = Sustained(
    slope=0.95,
    soft_hz=1800,
    hard_hz=3800,
    formants=((300, 300, 0.6), (550, 500, 0.7), (1200, 900, 0.5), (2600, 1800, 0.5)),
    width_cents=14.0,
    attack_s=0.11,
    release_s=0.12,
)
# Peterson and Barney's "ah" of men (1952), without its third formant's width; women's lie about 18 % higher.
_AH = ((710.0, 130.0, 1.0), (1120.0, 140.0, 0.63), (2500.0, 220.0, 0.20), (3400.0, 350.0, 0.12))
_OOH = ((340.0, 110.0, 1.0), (840.0, 130.0, 0.35), (2300.0, 220.0, 0.06), (3300.0, 350.0, 0.04))
_CHOIR = Sustained(
    slope=0.7,
    soft_hz=2500,
    hard_hz=4500,
    formants=_AH,
    formant_rise=0.18,
    width_cents=13.0,
    attack_s=0.09,
    release_s=0.13,
)
_SINGER = replace(
    _CHOIR, formants=tuple((f, w, g + 0.3 * h) for (f, w, g), (_, _, h) in zip(_OOH, _AH, strict=True)), width_cents=0.0
)
_SINGER = replace(_SINGER, vibrato_cents=28.0, vibrato_hz=5.6, attack_s=0.06, release_s=0.09)
_ORGAN = Sustained(
    harmonics=(1.0, 0.8, 0.35, 0.55, 0.06, 0.18, 0.03, 0.28, 0.02, 0.05, 0.01, 0.07, 0.01, 0.02, 0.01, 0.10),
    soft_hz=6000,
    hard_hz=6000,
    attack_s=0.02,
    release_s=0.05,
)
_REED_ORGAN = replace(_ORGAN, harmonics=(), slope=0.8, soft_hz=2200, hard_hz=3200, attack_s=0.05)
_TRUMPET = Sustained(
    slope=0.35, soft_hz=900, hard_hz=2600, formants=((1200, 1500, 1.0),), vibrato_cents=6, attack_s=0.03
)
_HORN = replace(_TRUMPET, soft_hz=450, hard_hz=1200, formants=((450, 700, 1.0),), attack_s=0.05)
_TUBA = replace(_HORN, formants=((300, 500, 1.0),))
_BRASS = replace(_TRUMPET, width_cents=7.0, vibrato_cents=0.0, attack_s=0.05, release_s=0.08)
_SAXOPHONE = Sustained(slope=0.7, soft_hz=1200, hard_hz=3000, formants=((900, 900, 0.8), (2000, 1200, 0.4)))
_SAXOPHONE = replace(_SAXOPHONE, vibrato_cents=12.0, attack_s=0.04)
_OBOE = replace(_SAXOPHONE, formants=((1100, 500, 1.0), (2900, 900, 0.4)), soft_hz=2500, hard_hz=4000)
_BASSOON = replace(_OBOE, formants=((500, 250, 1.0), (1250, 500, 0.4)))
_CLARINET = replace(_SAXOPHONE, formants=(), slope=0.8, even=0.12, vibrato_cents=2.0, soft_hz=1300, hard_hz=2800)
_FLUTE = Sustained(harmonics=(1.0, 0.35, 0.12, 0.05, 0.03, 0.01), soft_hz=2500, hard_hz=7000, vibrato_cents=10.0)
_RECORDER = replace(_FLUTE, harmonics=(1.0, 0.06, 0.14, 0.02, 0.03), vibrato_cents=4.0)
_SQUARE = Sustained(slope=1.0, even=0.0, soft_hz=4000, hard_hz=8000, attack_s=0.006, release_s=0.03, level_db=-2.0)
_SAW = replace(_SQUARE, even=1.0)
_PAD = replace(_SECTION, formants=(), slope=1.3, width_cents=18.0, attack_s=0.25, release_s=0.35)

# From each program on; a range is closed by the next.
_PROGRAMS: tuple[tuple[int, Patch], ...] = (
    (0, _PIANO),
    (4, _E_PIANO),
    (6, _HARPSICHORD),
    (8, _BELL),  # celesta, glockenspiel, music box
    (11, _VIBRAPHONE),
    (12, _MARIMBA),
    (14, _BELL),  # tubular bells
    (15, _STEEL),  # dulcimer
    (16, _ORGAN),
    (20, _REED_ORGAN),  # reed organ, accordion, harmonica
    (24, _GUITAR),
    (25, _STEEL),
    (29, _LEAD_GUITAR),
    (32, _BASS),
    (40, _VIOLIN),
    (44, _SECTION),
    (45, _PIZZICATO),
    (46, _HARP),
    (47, _TIMPANI),
    (48, _SECTION),
    (52, _CHOIR),
    (53, _SINGER),
    (55, _BRASS),  # orchestra hit
    (56, _TRUMPET),
    (58, _TUBA),
    (59, _TRUMPET),
    (60, _HORN),
    (61, _BRASS),
    (64, _SAXOPHONE),
    (68, _OBOE),
    (70, _BASSOON),
    (71, _CLARINET),
    (72, _FLUTE),
    (74, _RECORDER),
    (77, _FLUTE),
    (79, _RECORDER),
    (80, _SQUARE),
    (81, _SAW),
    (82, _RECORDER),  # calliope
    (83, _SAW),
    (85, _SINGER),  # voice lead
    (86, _SAW),
    (88, _PAD),
    (91, _CHOIR),  # choir pad
    (92, _PAD),
    (104, _STEEL),  # sitar, banjo, shamisen, koto
    (108, _KALIMBA),
    (109, _OBOE),  # bagpipe
    (110, _VIOLIN),  # fiddle
    (111, _OBOE),
    (112, _BELL),
    (114, _MARIMBA),  # steel drums, wood block
    (116, _TIMPANI),
    (119, _PAD),  # sound effects
)
_FIRST = [first for first, _ in _PROGRAMS]


def patch_of(program: int) -> Patch:
    """The tone of a General MIDI program.

    Args:
        program: 0..127.

    Returns:
        Its patch; equal for programs that sound alike here.
    """
    return _PROGRAMS[bisect_right(_FIRST, program) - 1][1]
