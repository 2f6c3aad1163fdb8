"""MusicXML as short texts, and what is heard of it."""

from __future__ import annotations

from audio_lstm.music.files.musicxml.reader import musicxml_to_score
from audio_lstm.music.score.bars import score_bars
from audio_lstm.music.score.score import Score

DIVISIONS = 12


FOUR_FOUR = "<time><beats>4</beats><beat-type>4</beat-type></time>"


LEFT_REPEAT = '<barline location="left"><repeat direction="forward"/></barline>'


RIGHT_REPEAT = '<barline location="right"><repeat direction="backward"/></barline>'


def note(
    name: str, quarters: float = 1, inside: str = "", voice: int = 1, before: str = "", attributes: str = ""
) -> str:
    """ "C4", "F#4" or "Bb3"; "R" is a rest."""
    alter = {"#": "<alter>1</alter>", "b": "<alter>-1</alter>"}.get(name[1:2], "")
    pitch = "<rest/>" if name == "R" else f"<pitch><step>{name[0]}</step>{alter}<octave>{name[-1]}</octave></pitch>"
    length = f"<duration>{round(quarters * DIVISIONS)}</duration>" if quarters else ""
    return f"<note{attributes}>{before}{pitch}{length}{inside}<voice>{voice}</voice></note>"


def grace(name: str, kind: str = "eighth", attributes: str = "") -> str:
    return note(name, 0, before=f"<grace{attributes}/>").replace("</voice>", f"</voice><type>{kind}</type>")


def back(quarters: float, tag: str = "backup") -> str:
    return f"<{tag}><duration>{round(quarters * DIVISIONS)}</duration></{tag}>"


def attributes(inside: str) -> str:
    return f"<attributes>{inside}</attributes>"


def ending(numbers: str, content: str, *, repeats: bool = True) -> str:
    repeat = '<repeat direction="backward"/>' if repeats else ""
    return (
        f'<barline location="left"><ending number="{numbers}" type="start"/></barline>{content}'
        f'<barline location="right"><ending number="{numbers}" type="stop"/>{repeat}</barline>'
    )


def sound(**says: str) -> str:
    return f"<sound {' '.join(f'{name}={value!r}' for name, value in says.items())}/>"


def direction(kind: str, inside: str = "") -> str:
    return f"<direction><direction-type>{kind}</direction-type>{inside}</direction>"


def numbered(text: str, *numbers: int) -> Score:
    for place, number in enumerate(numbers, 1):
        text = text.replace(f'<measure number="{place}" ', f'<measure  number="{number}" ')
    return musicxml_to_score(text.encode())


def document(*parts: str, entry: str = "", opening: str = FOUR_FOUR) -> str:
    """Parts of measures, which | divides; a measure may begin with attributes of its element and >>."""
    names = "".join(
        f'<score-part id="P{n}"><part-name>Part {n}</part-name>{entry}</score-part>' for n in range(len(parts))
    )
    bodies = ""
    for number, part in enumerate(parts):
        bodies += f'<part id="P{number}">'
        for index, measure in enumerate(part.split("|")):
            element, _, content = measure.rpartition(">>")
            head = attributes(f"<divisions>{DIVISIONS}</divisions>{opening}") if index == 0 else ""
            bodies += f'<measure number="{index + 1}" {element}>{head}{content}</measure>'
        bodies += "</part>"
    return f"<score-partwise><part-list>{names}</part-list>{bodies}</score-partwise>"


def read(*parts: str, entry: str = "", opening: str = FOUR_FOUR) -> Score:
    return musicxml_to_score(document(*parts, entry=entry, opening=opening).encode())


def heard(score: Score) -> str:
    quarter = score.ticks_per_quarter
    return " ".join(
        f"{start / quarter:g}:{pitch}+{length / quarter:g}" for start, length, pitch, _, _ in score.notes.tolist()
    )


def pitches(score: Score) -> list[int]:
    return [int(pitch) for pitch in score.notes["pitch"]]


def bars(score: Score) -> list[float]:
    return [bar.start_ticks / score.ticks_per_quarter for bar in score_bars(score)]


A, B, C, D, E, F = (note(name, 4) for name in ("C4", "D4", "E4", "F4", "G4", "A4"))  # 60 62 64 65 67 69


UNPITCHED = "<note><unpitched><display-step>C</display-step><display-octave>5</display-octave></unpitched>{}</note>"


def tempi(score: Score) -> list[tuple[float, int]]:
    return [(tempo.tick / score.ticks_per_quarter, round(tempo.bpm)) for tempo in score.tempi]
