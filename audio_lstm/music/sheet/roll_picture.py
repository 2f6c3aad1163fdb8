"""Piano rolls as pictures: time to the right in bars, pitch upwards, a colour for each track; PNG and SVG.

Both are drawn from one list of rectangles and labels, so they show the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from xml.sax.saxutils import escape

import numpy as np

from audio_lstm.music.score.bars import Bar, score_bars
from audio_lstm.music.score.score import Score
from audio_lstm.music.sheet.png import draw_text, png_bytes, text_width

__all__ = ["roll_png", "roll_svg"]

ROW = 8  # pixels a semitone
_DRUM_ROW = 6
_MIN_NOTE = 2.5  # pixels, so that the stroke of a drum is seen
_MAX_QUARTER = 24.0  # pixels a quarter, less for long pieces
_MAX_WIDTH = 16_000  # pixels: what viewers still open
_KEYS = 44  # width of the keyboard
_TOP = 30  # bar numbers
_BOTTOM = 22  # names of the tracks
_MIN_ROWS = 25  # two octaves
_MAX_NAME = 18

# Okabe and Ito's colours (2008), told apart by the colour-blind too; yellow is left out, since paper is white.
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#6a3d9a", "#7f5a2e")
_DRUMS = "#666666"
_PAPER, _BLACK_KEY_ROW, _INK = "#ffffff", "#f1f3f6", "#333333"
_BAR_LINE, _BEAT_LINE, _OCTAVE_LINE, _WHITE_KEY, _DARK_KEY = "#9aa0a8", "#e2e5e9", "#c9ced6", "#ffffff", "#2b2b2b"
_DARK = frozenset((1, 3, 6, 8, 10))  # pitch classes of the black keys


@dataclass(frozen=True)
class _Box:
    x: float
    y: float
    width: float
    height: float
    colour: str


@dataclass(frozen=True)
class _Label:
    x: float  # left end
    y: float  # top
    text: str
    colour: str = _INK


@dataclass(frozen=True)
class _Picture:
    width: int
    height: int
    boxes: list[_Box]
    labels: list[_Label]


def roll_png(score: Score) -> bytes:
    """A piano roll as a PNG file.

    Args:
        score: any score with at most 10,000 bars.

    Returns:
        The bytes of the file: 24 pixels a quarter note, less where the picture would be wider than 16,000.
    """
    picture = _draw(score)
    pixels = np.empty((picture.height, picture.width, 3), np.uint8)
    pixels[:] = _rgb(_PAPER)
    colours = {box.colour: _rgb(box.colour) for box in picture.boxes}
    for box in picture.boxes:
        left, top = round(box.x), round(box.y)
        right, bottom = max(round(box.x + box.width), left + 1), max(round(box.y + box.height), top + 1)
        pixels[top:bottom, left:right] = colours[box.colour]
    for label in picture.labels:
        draw_text(pixels, (round(label.x), round(label.y)), label.text, _rgb(label.colour))
    return png_bytes(pixels)


def roll_svg(score: Score) -> str:
    """A piano roll as an SVG document, as in `roll_png`.

    Args:
        score: any score with at most 10,000 bars.

    Returns:
        The document.
    """
    picture = _draw(score)
    size = f'width="{picture.width}" height="{picture.height}" viewBox="0 0 {picture.width} {picture.height}"'
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="9">',
        f'<rect width="100%" height="100%" fill="{_PAPER}"/>',
    ]
    lines += [
        f'<rect x="{box.x:.2f}" y="{box.y:.2f}" width="{box.width:.2f}" height="{box.height:.2f}" fill="{box.colour}"/>'
        for box in picture.boxes
    ]
    lines += [
        f'<text x="{label.x:.2f}" y="{label.y + 8:.2f}" fill="{label.colour}">{escape(label.text)}</text>'
        for label in picture.labels
    ]
    return "\n".join([*lines, "</svg>", ""])


def _draw(score: Score) -> _Picture:
    bars = score_bars(score)
    end_ticks = bars[-1].end_ticks
    quarters = end_ticks / score.ticks_per_quarter
    scale = min(_MAX_QUARTER, (_MAX_WIDTH - _KEYS - 8) / quarters) / score.ticks_per_quarter  # pixels a tick
    is_drum = np.array([track.is_drum for track in score.tracks], bool)
    drums = is_drum[score.notes["track"]] if score.n_notes else np.zeros(0, bool)
    low, high = _pitch_range(score.notes["pitch"][~drums])
    drum_keys = sorted(set(score.notes["pitch"][drums].tolist()))
    grid_bottom = _TOP + (high - low + 1) * ROW
    drum_top = grid_bottom + (8 if drum_keys else 0)
    bottom = drum_top + len(drum_keys) * _DRUM_ROW
    right = _KEYS + end_ticks * scale
    width = max(int(right) + 8, 240)
    boxes, labels = _keyboard(low, high, right)
    if drum_keys:
        boxes.append(_Box(_KEYS, drum_top, right - _KEYS, bottom - drum_top, _BLACK_KEY_ROW))
    time_boxes, time_labels = _time_lines(score, bars, scale, bottom)
    boxes += time_boxes
    if drum_keys:  # the gap between the strips stays white
        boxes.append(_Box(_KEYS, grid_bottom, right - _KEYS, 8, _PAPER))
    colours = _track_colours(score)
    rows = {key: drum_top + (len(drum_keys) - 1 - number) * _DRUM_ROW for number, key in enumerate(drum_keys)}
    for note, drum in zip(score.notes, drums, strict=True):
        pitch = int(note["pitch"])
        y, height = (rows[pitch], _DRUM_ROW) if drum else (_TOP + (high - pitch) * ROW, ROW)
        x, length = _KEYS + int(note["start_ticks"]) * scale, int(note["duration_ticks"]) * scale
        shade = _mixed(colours[int(note["track"])], int(note["velocity"]))
        gap = min(1.0, length / 4)  # repeated notes show as several
        boxes.append(_Box(x, y + 1, max(length - gap, _MIN_NOTE), height - 1.5, shade))
    names, legend = _legend(score, colours, bottom + 8, width)
    return _Picture(width, bottom + _BOTTOM, boxes + legend, labels + time_labels + names)


def _pitch_range(pitches: np.ndarray[tuple[int], np.dtype[np.int64]]) -> tuple[int, int]:
    """The rows shown: two semitones around the notes, and two octaves at least."""
    low, high = (int(pitches.min()) - 2, int(pitches.max()) + 2) if len(pitches) else (48, 72)
    missing = max(0, _MIN_ROWS - (high - low + 1))
    low, high = low - missing // 2, high + missing - missing // 2
    return max(low, 0), min(high, 127)


def _keyboard(low: int, high: int, right: float) -> tuple[list[_Box], list[_Label]]:
    boxes = [_Box(0, _TOP, _KEYS, (high - low + 1) * ROW, _WHITE_KEY)]
    labels = []
    for pitch in range(low, high + 1):
        y = _TOP + (high - pitch) * ROW
        if pitch % 12 in _DARK:
            boxes.append(_Box(_KEYS, y, right - _KEYS, ROW, _BLACK_KEY_ROW))
            boxes.append(_Box(16, y, _KEYS - 28, ROW, _DARK_KEY))
        if pitch % 12 in (0, 5):  # between B and C, and between E and F
            boxes.append(_Box(16, y + ROW - 0.5, right - 16, 1, _OCTAVE_LINE))
        if pitch % 12 == 0:
            labels.append(_Label(1, y, f"C{pitch // 12 - 1}"))
    boxes.append(_Box(_KEYS - 1, _TOP, 1, (high - low + 1) * ROW, _BAR_LINE))
    return boxes, labels


def _time_lines(score: Score, bars: tuple[Bar, ...], scale: float, bottom: float) -> tuple[list[_Box], list[_Label]]:
    boxes, labels = [], []
    labelled_to = 0.0
    for bar in bars:
        x = _KEYS + bar.start_ticks * scale
        beat = 4 * score.ticks_per_quarter / bar.metre.denominator
        if beat * scale >= 5:
            n_beats = int(np.ceil((bar.end_ticks - bar.start_ticks) / beat))
            boxes += [
                _Box(x + number * beat * scale, _TOP, 1, bottom - _TOP, _BEAT_LINE) for number in range(1, n_beats)
            ]
        if (bar.end_ticks - bar.start_ticks) * scale >= 3 or bar.number % 8 == 1:
            boxes.append(_Box(x, _TOP - 4, 1, bottom - _TOP + 4, _BAR_LINE))
        text = str(bar.number)
        if x >= labelled_to and bar.number:
            labels.append(_Label(x, _TOP - 14, text))
            labelled_to = x + text_width(text) + 8
    boxes.append(_Box(_KEYS + bars[-1].end_ticks * scale, _TOP - 4, 1, bottom - _TOP + 4, _BAR_LINE))
    return boxes, labels


def _track_colours(score: Score) -> list[str]:
    """One a track; tracks without notes take none."""
    used = set(np.unique(score.notes["track"]).tolist())
    colours, number = [], 0
    for index, track in enumerate(score.tracks):
        colours.append(_DRUMS if track.is_drum else _COLOURS[number % len(_COLOURS)])
        number += index in used and not track.is_drum
    return colours


def _legend(score: Score, colours: list[str], y: float, width: int) -> tuple[list[_Label], list[_Box]]:
    labels, boxes = [], []
    x = float(_KEYS)
    for track in np.unique(score.notes["track"]).tolist():
        name = (score.tracks[track].name.strip() or f"Track {track + 1}")[:_MAX_NAME]
        if x + 14 + text_width(name) > width:
            break
        boxes.append(_Box(x, y, 8, 8, colours[track]))
        labels.append(_Label(x + 12, y, name))
        x += 26 + text_width(name)
    return labels, boxes


def _mixed(colour: str, velocity: int) -> str:
    """Softer notes are paler, down to half."""
    share = 0.5 + 0.5 * min(velocity, 100) / 100
    red, green, blue = (round(255 + (value - 255) * share) for value in _rgb(colour))
    return f"#{red:02x}{green:02x}{blue:02x}"


def _rgb(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)
