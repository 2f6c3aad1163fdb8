"""How a transcript looks on the page: words to click, coloured by confidence, over the sound that they are in."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

import audio_lstm
from audio_lstm.demo.pictures import GLOW, heat_map, wave_path
from audio_lstm.demo.wording import escaped

__all__ = ["Hearing", "changes", "transcript_view"]

_PIXELS_PER_S, _FAR_PIXELS_PER_S = 110, 30  # of a timeline; one that is wider than the page scrolls
_CLOSE_S = 60.0  # longer recordings are seen from farther away
_WAVE_COLUMNS = 1200
_SURE, _LIKELY = 0.85, 0.6  # confidence from which a word counts as sure, likely
_LOW_LOG_PROB = -6.0  # natural log; less likely symbols are as dark as can be


@dataclass(frozen=True, eq=False)
class Hearing:
    """A recording and what was made of it."""

    transcript: audio_lstm.Transcript
    samples: NDArray[np.float32]  # (n,) mono
    sample_rate: int  # Hz
    features: NDArray[np.float32] | None  # (frames, mel bands) as the model reads them; None where it is too long
    log_probs: NDArray[np.float32] | None  # (frames, symbols); None where the recording is too long for it
    symbols: tuple[str, ...]  # of the columns of log_probs, the blank as "" first


def changes(before: Sequence[str], after: Sequence[str]) -> dict[int, str]:
    """Which words of a text are not those of an earlier one.

    Args:
        before: The earlier words.
        after: The words now.

    Returns:
        For the position of each changed word, what stood there ("" where nothing did).
    """
    found: dict[int, str] = {}
    for kind, i1, i2, j1, j2 in difflib.SequenceMatcher(a=list(before), b=list(after), autojunk=False).get_opcodes():
        if kind == "equal":
            continue
        for position in range(j1, j2):
            found[position] = " ".join(before[i1:i2])
    return found


def transcript_view(hearing: Hearing, *, audio_url: str, changed: dict[int, str] | None = None) -> str:
    """The panel of a transcript.

    Args:
        hearing: The recording and its transcript.
        audio_url: Where the page finds the sound.
        changed: From `changes`, against the transcript before.

    Returns:
        HTML; app.js makes it play.
    """
    transcript = hearing.transcript
    duration_s = max(transcript.duration_s, 1e-3)
    changed = changed or {}
    words = [_word(number, word, changed.get(number)) for number, word in enumerate(transcript.words)] or [
        f'<span class="nothing">Nobody was heard ({escaped(transcript.loudness)}).</span>'
    ]
    return (
        f'<div class="panel" data-duration="{duration_s:.3f}">'
        f'<audio class="sound" controls preload="metadata" src="{escaped(audio_url)}" '
        'aria-label="The recording"></audio>'
        f'<div class="said" role="group" aria-label="Transcript: press a word to hear it">{" ".join(words)}</div>'
        f"{_notes(transcript.notes)}{_legend(any_changed=bool(changed))}{_timeline(hearing, duration_s)}</div>"
    )


def _notes(notes: Sequence[str]) -> str:
    return "".join(f'<p class="hint">{escaped(note)}</p>' for note in notes)


def _word(number: int, word: audio_lstm.Word, was: str | None) -> str:
    sure = "sure" if word.confidence >= _SURE else "likely" if word.confidence >= _LIKELY else "doubtful"
    note = f"{100 * word.confidence:.0f} % sure, {word.start_s:.2f} to {word.end_s:.2f} s"
    if was is not None:
        note += f"; before: {was or 'nothing'}"
    return (
        f'<button type="button" class="word {sure}{" changed" if was is not None else ""}" data-word="{number}" '
        f'data-start="{word.start_s:.3f}" data-end="{word.end_s:.3f}" title="{escaped(note)}" '
        f'aria-label="{escaped(word.text)}, {escaped(note)}">{escaped(word.text)}</button>'
    )


def _legend(*, any_changed: bool) -> str:
    sure, likely = f"{100 * _SURE:.0f} % sure or more", f"{100 * _LIKELY:.0f} % or more"
    names = [("sure", sure), ("likely", likely), ("doubtful", "doubtful")]
    if any_changed:
        names.append(("changed", "not what it was before"))
    items = "".join(f'<span class="word {kind}">{escaped(text)}</span>' for kind, text in names)
    return f'<div class="legend" aria-hidden="true">{items}</div>'


def _timeline(hearing: Hearing, duration_s: float) -> str:
    transcript = hearing.transcript
    words = "".join(
        f'<button type="button" tabindex="-1" class="tag" style="left:{_share(word.start_s, duration_s)};'
        f'width:{_share(word.end_s - word.start_s, duration_s)}" data-start="{word.start_s:.3f}" '
        f'data-end="{word.end_s:.3f}" aria-hidden="true">{escaped(word.text)}</button>'
        for word in transcript.words
    )
    rows = [
        f'<div class="row tags">{words}</div>',
        f'<div class="row wave"><svg viewBox="0 0 {_WAVE_COLUMNS} 2" preserveAspectRatio="none" role="img" '
        f'aria-label="Waveform"><path d="{wave_path(hearing.samples, n_columns=_WAVE_COLUMNS)}"/></svg></div>',
    ]
    if hearing.features is not None and len(hearing.features):
        low, high = np.quantile(hearing.features, [0.02, 0.99])
        mel = heat_map(hearing.features.T[::-1], low=float(low), high=float(high), scale=GLOW)
        rows.append(_picture("Log-mel spectrogram, low tones at the bottom", mel, "mel"))
    if hearing.log_probs is not None and len(hearing.log_probs):
        rows.append(_posteriors(hearing.log_probs, hearing.symbols))
    pixels = duration_s * (_PIXELS_PER_S if duration_s <= _CLOSE_S else _FAR_PIXELS_PER_S)
    seconds = "".join(
        f'<span style="left:{_share(second, duration_s)}">{second:g}&thinsp;s</span>' for second in _ticks(duration_s)
    )
    rows.append(f'<div class="row seconds" aria-hidden="true">{seconds}</div>')
    return (
        '<div class="scroll" tabindex="0" role="group" aria-label="Timeline">'
        f'<div class="timeline" style="min-width:{pixels:.0f}px">{"".join(rows)}'
        '<div class="playhead"></div></div></div>'
    )


def _picture(title: str, source: str, kind: str) -> str:
    return (
        f'<div class="caption">{escaped(title)}</div>'
        f'<div class="row {kind}"><img alt="{escaped(title)}" src="{source}"></div>'
    )


def _posteriors(log_probs: NDArray[np.float32], symbols: tuple[str, ...]) -> str:
    """What the network writes: only symbols that are likely somewhere, the blank left out."""
    best = log_probs[:, 1:].max(axis=0)
    chosen = 1 + np.flatnonzero(best > np.log(0.1))
    if not len(chosen):
        return ""
    picture = heat_map(log_probs[:, chosen].T, low=_LOW_LOG_PROB, high=0.0)
    names = "".join(f"<span>{escaped({' ': '␣'}.get(symbols[column], symbols[column]))}</span>" for column in chosen)
    title = "CTC posteriors: when the network writes which letter (␣ is the space)"
    return (
        f'<div class="caption">{escaped(title)}</div><div class="row posteriors" style="height:{len(chosen) * 0.95}em">'
        f'<div class="names" aria-hidden="true">{names}</div><img alt="{escaped(title)}" src="{picture}"></div>'
    )


def _share(seconds: float, duration_s: float) -> str:
    return f"{100 * seconds / duration_s:.3f}%"


def _ticks(duration_s: float) -> list[float]:
    """At most a dozen round seconds."""
    step = next((step for step in (0.25, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300) if duration_s / step <= 12), 600)
    return [number * step for number in range(int(duration_s / step) + 1)]
