"""Scores as MusicXML 4.0, read by every notation program: parts, bars, voices, ties, triplets, keys, tempi."""

from __future__ import annotations

import io
import zipfile
from xml.sax.saxutils import escape, quoteattr

from audio_lstm.music.files.musicxml.instruments import CROSSED_DRUMS, DRUM_CHANNEL, DRUM_PLACES
from audio_lstm.music.score.name_text import printable
from audio_lstm.music.score.score import Score, Tempo
from audio_lstm.music.sheet.quantise import UNITS, GridBar
from audio_lstm.music.sheet.staves import Head, Notation, Symbol, WrittenBar, WrittenPart, score_to_notation
from audio_lstm.version import __version__

__all__ = ["compress_musicxml", "score_to_musicxml"]

_ACCIDENTALS = {-2: "flat-flat", -1: "flat", 0: "natural", 1: "sharp", 2: "double-sharp"}
_CLEFS = {
    "G": "<sign>G</sign><line>2</line>",
    "G8": "<sign>G</sign><line>2</line><clef-octave-change>-1</clef-octave-change>",
    "F": "<sign>F</sign><line>4</line>",
    "drums": "<sign>percussion</sign>",
}
_FULL_VELOCITY = 90  # of MusicXML: a dynamics of 100 %
_SHOWN_CHANGE = 1.05  # tempi that change by less are played but not printed


def score_to_musicxml(score: Score, *, title: str = "") -> str:
    """A score as a MusicXML document.

    Reading it back gives the notes of `score_to_notation`: the same notes where all times lie on its grid, twelfths or
    eighths of a quarter.

    Args:
        score: any score of at most 10,000 bars.
        title: of the piece.

    Returns:
        The document, partwise, in UTF-8 once encoded.
    """
    notation = score_to_notation(score)
    lines = [
        '<?xml version="1.0" encoding="UTF-8" standalone="no"?>',
        '<!DOCTYPE score-partwise PUBLIC "-//Recordare//DTD MusicXML 4.0 Partwise//EN" '
        '"http://www.musicxml.org/dtds/partwise.dtd">',
        '<score-partwise version="4.0">',
    ]
    if printable(title):
        lines.append(f"<work><work-title>{escape(printable(title))}</work-title></work>")
    lines.append(f"<identification><encoding><software>audio-lstm {__version__}</software></encoding></identification>")
    lines.append("<part-list>")
    for number, part in enumerate(notation.parts, 1):
        lines += _part_entry(part, number)
    lines.append("</part-list>")
    tempi = _tempi_by_bar(score, notation)
    for number, part in enumerate(notation.parts, 1):
        lines.append(f'<part id="P{number}">')
        for index, bar in enumerate(part.bars):
            lines += _measure(part, number, index, bar, tempi.get(index, []) if number == 1 else [])
        lines.append("</part>")
    lines += ["</score-partwise>", ""]
    return "\n".join(lines)


def compress_musicxml(document: str) -> bytes:
    """A MusicXML document as a compressed file, .mxl.

    Args:
        document: from `score_to_musicxml`.

    Returns:
        The bytes of the file; the same for the same document.
    """
    container = (
        '<?xml version="1.0" encoding="UTF-8"?>\n<container><rootfiles><rootfile full-path="score.musicxml" '
        'media-type="application/vnd.recordare.musicxml+xml"/></rootfiles></container>\n'
    )
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in (("META-INF/container.xml", container), ("score.musicxml", document)):
            archive.writestr(zipfile.ZipInfo(name), text, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def _part_entry(part: WrittenPart, number: int) -> list[str]:
    lines = [f'<score-part id="P{number}">', f"<part-name>{escape(part.name)}</part-name>"]
    if part.is_drum:
        keys = _drum_keys(part)
        lines += [
            f'<score-instrument id="P{number}-I{key}"><instrument-name>Key {key}</instrument-name></score-instrument>'
            for key in keys
        ]
        lines += [
            f'<midi-instrument id="P{number}-I{key}"><midi-channel>{DRUM_CHANNEL}</midi-channel>'
            f"<midi-program>{part.program + 1}</midi-program><midi-unpitched>{key + 1}</midi-unpitched>"
            "</midi-instrument>"
            for key in keys
        ]
    else:
        channel = (number - 1) % 15 + 1
        channel += channel >= DRUM_CHANNEL
        lines += [
            f'<score-instrument id="P{number}-I1"><instrument-name>{escape(part.name)}</instrument-name>'
            "</score-instrument>",
            f'<midi-instrument id="P{number}-I1"><midi-channel>{channel}</midi-channel>'
            f"<midi-program>{part.program + 1}</midi-program></midi-instrument>",
        ]
    return [*lines, "</score-part>"]


def _drum_keys(part: WrittenPart) -> list[int]:
    return sorted({head.midi for bar in part.bars for voice in bar.voices for symbol in voice for head in symbol.heads})


def _tempi_by_bar(score: Score, notation: Notation) -> dict[int, list[tuple[int, Tempo, bool]]]:
    """For each bar its tempi: units from its start, the tempo, and whether it is printed."""
    tempi = score.tempi if score.tempi and score.tempi[0].tick == 0 else (Tempo(0, 500_000), *score.tempi)
    found: dict[int, list[tuple[int, Tempo, bool]]] = {}
    index, shown_bpm = 0, 0.0
    for tempo in tempi:
        position = round(tempo.tick * UNITS / score.ticks_per_quarter)
        while index + 1 < len(notation.bars) and notation.bars[index].end <= position:
            index += 1
        if position >= notation.bars[-1].end:
            break
        ratio = max(tempo.bpm, shown_bpm) / max(min(tempo.bpm, shown_bpm), 1e-9)
        printed = ratio >= _SHOWN_CHANGE
        shown_bpm = tempo.bpm if printed else shown_bpm
        found.setdefault(index, []).append((position - notation.bars[index].start, tempo, printed))
    return found


def _measure(
    part: WrittenPart, number: int, index: int, bar: WrittenBar, tempi: list[tuple[int, Tempo, bool]]
) -> list[str]:
    grid = bar.grid
    short = ' implicit="yes"' if grid.bar.is_pickup else ""
    lines = [f'<measure number="{grid.bar.number}"{short}>']
    lines += _attributes(part, index, bar)
    for offset, tempo, printed in tempi:
        lines.append(_direction(offset, tempo, printed=printed))
    position = 0
    for voice, (symbols, staff) in enumerate(zip(bar.voices, bar.staves, strict=True), 1):
        if position:
            lines.append(f"<backup><duration>{position}</duration></backup>")
        position = 0
        for symbol in symbols:
            gap = symbol.value.start - position
            if gap:
                lines.append(f"<forward><duration>{gap}</duration></forward>")
            lines += _symbol(part, number, symbol, voice, staff)
            position = symbol.value.start + symbol.value.units
    if position < grid.size:  # the last voice ends before the bar does
        lines.append(f"<forward><duration>{grid.size - position}</duration></forward>")
    if index + 1 == len(part.bars):
        lines.append('<barline location="right"><bar-style>light-heavy</bar-style></barline>')
    return [*lines, "</measure>"]


def _attributes(part: WrittenPart, index: int, bar: WrittenBar) -> list[str]:
    before = part.bars[index - 1] if index else None
    lines = []
    if before is None:
        lines.append(f"<divisions>{UNITS}</divisions>")
    if not part.is_drum and (
        before is None or (before.key.sharps, before.key.is_minor) != (bar.key.sharps, bar.key.is_minor)
    ):
        mode = "minor" if bar.key.is_minor else "major"
        lines.append(f"<key><fifths>{bar.key.sharps}</fifths><mode>{mode}</mode></key>")
    if before is None or _metre(before.grid) != _metre(bar.grid):
        beats, unit = _metre(bar.grid)
        lines.append(f"<time><beats>{beats}</beats><beat-type>{unit}</beat-type></time>")
    if before is None:
        if len(part.clefs) > 1:
            lines.append(f"<staves>{len(part.clefs)}</staves>")
        numbered = len(part.clefs) > 1
        for staff, clef in enumerate(part.clefs, 1):
            lines.append(f"<clef{f' number={quoteattr(str(staff))}' if numbered else ''}>{_CLEFS[clef]}</clef>")
    return ["<attributes>", *lines, "</attributes>"] if lines else []


def _metre(bar: GridBar) -> tuple[int, int]:
    return bar.bar.metre.numerator, bar.bar.metre.denominator


def _direction(offset: int, tempo: Tempo, *, printed: bool) -> str:
    place = f'<offset sound="yes">{offset}</offset>' if offset else ""
    mark = (
        f"<metronome><beat-unit>quarter</beat-unit><per-minute>{tempo.bpm:.0f}</per-minute></metronome>"
        if printed
        else "<words/>"
    )
    sound = f'<sound tempo="{tempo.bpm:.6g}"/>'
    return f'<direction placement="above"><direction-type>{mark}</direction-type>{place}{sound}</direction>'


def _symbol(part: WrittenPart, number: int, symbol: Symbol, voice: int, staff: int) -> list[str]:
    """The note elements of a chord, in the order that the schema demands; or of a rest."""
    value = symbol.value
    place = f"<staff>{staff + 1}</staff>" if len(part.clefs) > 1 else ""
    shape = "" if symbol.fills_bar else f"<type>{value.type}</type>" + "<dot/>" * value.dots
    if value.in_triplet:
        triplet = "<time-modification><actual-notes>3</actual-notes><normal-notes>2</normal-notes></time-modification>"
    else:
        triplet = ""
    length = f"<duration>{value.units}</duration>"
    bracket = f'<tuplet type="{symbol.triplet}"/>' if symbol.triplet else ""
    if not symbol.heads:
        rest = '<rest measure="yes"/>' if symbol.fills_bar else "<rest/>"
        notations = f"<notations>{bracket}</notations>" if bracket else ""
        return [f"<note>{rest}{length}<voice>{voice}</voice>{shape}{triplet}{place}{notations}</note>"]
    ties = ('<tie type="stop"/>' if symbol.tied_from else "") + ('<tie type="start"/>' if symbol.tied_on else "")
    tied = ties.replace("<tie ", "<tied ")
    beams = "".join(f'<beam number="{level}">{state}</beam>' for level, state in enumerate(symbol.beams, 1))
    lines = []
    for order, head in enumerate(symbol.heads):
        notations = tied + ("" if order else bracket)
        notations = f"<notations>{notations}</notations>" if notations else ""
        accidental = (
            ""
            if head.accidental is None or part.is_drum
            else (f"<accidental>{_ACCIDENTALS[head.accidental]}</accidental>")
        )
        instrument = f'<instrument id="P{number}-I{head.midi}"/>' if part.is_drum else ""
        head_shape = "<notehead>x</notehead>" if part.is_drum and head.midi in CROSSED_DRUMS else ""
        lines.append(
            f'<note dynamics="{100 * head.velocity / _FULL_VELOCITY:.2f}">{"<chord/>" if order else ""}'
            f"{_pitch(head, drum=part.is_drum)}{length}{ties}{instrument}<voice>{voice}</voice>{shape}{accidental}"
            f"{triplet}{head_shape}{place}{'' if order else beams}{notations}</note>"
        )
    return lines


def _pitch(head: Head, *, drum: bool) -> str:
    if drum:
        place = DRUM_PLACES.get(head.midi, "B4")
        display = f"<display-step>{place[0]}</display-step><display-octave>{place[1]}</display-octave>"
        return f"<unpitched>{display}</unpitched>"
    alter = f"<alter>{head.pitch.alter}</alter>" if head.pitch.alter else ""
    return f"<pitch><step>{head.pitch.step}</step>{alter}<octave>{head.pitch.octave}</octave></pitch>"
