"""How a piece looks on the page: its notes over time with the sound, and what was asked, achieved and copied."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

import audio_lstm
from audio_lstm.demo.wording import escaped

__all__ = ["growing_view", "keyboard", "report_view", "sheet_view", "takes_view"]

Score = Any  # of a Composition

_MOST_BAR_LABELS = 16
_PIXELS_PER_BAR = 36  # of a roll; one that is wider than the page scrolls
_LOWEST_SPAN = 18  # semitones that a roll shows at least
_BLACK = (1, 3, 6, 8, 10)
_NAMES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")


def takes_view(
    takes: Sequence[audio_lstm.Composition], audio_urls: Sequence[str], *, titles: Sequence[str] = ()
) -> str:
    """All takes of a wish, side by side.

    Args:
        takes: The pieces.
        audio_urls: Where the page finds their sound; "" where it is not made yet.
        titles: One for each; none: they are numbered.

    Returns:
        HTML.
    """
    panels = [
        _panel(titles[number - 1] if titles else f"Take {number}", take.score, take.summary(), url)
        for number, (take, url) in enumerate(zip(takes, audio_urls, strict=True), 1)
    ]
    return f'<div class="takes">{"".join(panels)}</div>'


def growing_view(notes: Sequence[audio_lstm.NoteEvent], expected_s: float) -> str:
    """A piece that is being written.

    Args:
        notes: Those that are known.
        expected_s: How long it is going to be; 0 where nobody knows.

    Returns:
        HTML, with room for what is to come.
    """
    placed = [_Placed(note.part, note.pitch, note.start_s, note.start_s + note.duration_s) for note in notes]
    duration_s = max([expected_s, 1e-3, *(note.end_s for note in placed)])
    low, high = _pitch_span([note.pitch for note in placed])
    boxes = "".join(_box(note, low, high, duration_s) for note in placed)
    return (
        '<div class="takes"><section class="panel take" aria-label="Being written"><h3>Writing …</h3>'
        f'<div class="timeline"><div class="row notes tall">{boxes}</div></div>'
        f"<p>{len(notes)} notes so far</p></section></div>"
    )


def _panel(title: str, score: Score, facts: str, url: str) -> str:
    bars = audio_lstm.score_bars(score)
    n_bars = len(bars)
    duration_s = float(score.seconds_at(np.array([bars[-1].end_ticks]))[0])
    sound = (
        f'<audio class="sound" controls preload="metadata" src="{escaped(url)}" aria-label="{escaped(title)}"></audio>'
        if url
        else ""
    )
    return (
        f'<section class="panel take" data-duration="{duration_s:.3f}" aria-label="{escaped(title)}">'
        f"<h3>{escaped(title)}</h3>{sound}"
        '<div class="scroll" tabindex="0" role="group" aria-label="Piano roll">'
        f'<div class="timeline" style="min-width:{_PIXELS_PER_BAR * n_bars}px">'
        f'<div class="row notes tall">{_bars(score, bars, duration_s)}'
        f'{_notes(score, duration_s)}</div><div class="playhead"></div></div></div>'
        f"{_parts(score)}<p>{escaped(facts)}</p></section>"
    )


def _notes(score: Score, duration_s: float) -> str:
    notes = score.notes
    starts = score.seconds_at(notes["start_ticks"]).tolist()
    ends = score.seconds_at(notes["start_ticks"] + notes["duration_ticks"]).tolist()
    low, high = _pitch_span(notes["pitch"].tolist())
    rows = zip(notes["track"].tolist(), notes["pitch"].tolist(), starts, ends, strict=True)
    return "".join(_box(_Placed(*row), low, high, duration_s) for row in rows)


class _Placed(NamedTuple):
    """A note with its place on the page's clock."""

    part: int
    pitch: int
    start_s: float
    end_s: float


def _pitch_span(pitches: Sequence[int]) -> tuple[int, int]:
    """The lowest pitch of a roll, and the one above its highest."""
    if not pitches:
        return 60, 60 + _LOWEST_SPAN
    low = min(pitches) - 1
    return low, max(max(pitches) + 2, low + _LOWEST_SPAN)


def _box(note: _Placed, low: int, high: int, duration_s: float) -> str:
    return (
        f'<i class="note part{note.part % 4}" style="left:{100 * note.start_s / duration_s:.2f}%;'
        f"width:{100 * (note.end_s - note.start_s) / duration_s:.2f}%;"
        f'top:{100 * (high - note.pitch - 1) / (high - low):.2f}%;height:{100 / (high - low):.2f}%" '
        f'data-start="{note.start_s:.3f}" data-end="{note.end_s:.3f}"></i>'
    )


def _bars(score: Score, bars: Sequence[audio_lstm.Bar], duration_s: float) -> str:
    step = next(step for step in (1, 2, 4, 8, 16, 32, 64, 10_000) if len(bars) / step <= _MOST_BAR_LABELS)
    starts = score.seconds_at([bar.start_ticks for bar in bars]).tolist()
    return "".join(
        f'<span class="bar" style="left:{100 * start_s / duration_s:.2f}%" aria-hidden="true">'
        f"{bar.number if index % step == 0 else ''}</span>"
        for index, (bar, start_s) in enumerate(zip(bars, starts, strict=True))
    )


def _parts(score: Score) -> str:
    names = [track.name or f"part {number + 1}" for number, track in enumerate(score.tracks)]
    items = "".join(
        f'<span><i class="key part{number % 4}"></i>{escaped(name)}</span>' for number, name in enumerate(names)
    )
    return f'<div class="legend">{items}</div>'


def report_view(take: audio_lstm.Composition) -> str:
    """Asked against achieved, and what the piece shares with the music that the model learnt from.

    Args:
        take: The piece.

    Returns:
        HTML.
    """
    rows = "".join(
        f"<tr><th scope='row'>{escaped(finding.wish)}</th><td>{escaped(finding.asked)}</td>"
        f"<td>{escaped(finding.achieved)}</td><td>{'kept' if finding.kept else '<b>not kept</b>'}</td></tr>"
        for finding in take.report.findings
    )
    table = (
        '<table class="report"><caption class="caption">What you asked for, measured on the finished notes</caption>'
        "<tr><th scope='col'>wish</th><th scope='col'>asked</th><th scope='col'>achieved</th><th scope='col'></th></tr>"
        f"{rows}</table>"
        if rows
        else "<p>Nothing was asked for but a piece: all was left to the model.</p>"
    )
    novelty = take.novelty.summary() if take.novelty is not None else "No index of its training set lies beside it."
    return f'<div class="panel">{table}<p><b>Is it new?</b> {escaped(novelty)}</p></div>'


def sheet_view(svg: str) -> str:
    """Sheet music in the page; paper stays white in the dark.

    Args:
        svg: From a file that we wrote.

    Returns:
        HTML.
    """
    return f'<div class="sheet" role="img" aria-label="Sheet music">{svg[svg.find("<svg") :]}</div>'


def keyboard(low: int = 60, high: int = 84) -> str:
    """A small piano: its keys sound, and write their notes into the field for the beginning.

    Args:
        low: Its first key, MIDI.
        high: Its last key.

    Returns:
        HTML; keyboard.js makes it sound.
    """
    keys = []
    for pitch in range(low, high + 1):
        name = f"{_NAMES[pitch % 12]}{pitch // 12 - 1}"
        black = pitch % 12 in _BLACK
        label, spoken = name if pitch % 12 == 0 else "", name.replace("#", " sharp ")
        keys.append(
            f'<button type="button" data-note="{name}" data-pitch="{pitch}" aria-label="{spoken}" '
            f'class="{"black" if black else "white"}"><span>{label}</span></button>'
        )
    return f'<div class="piano" role="group" aria-label="Piano: press keys to write a beginning">{"".join(keys)}</div>'
