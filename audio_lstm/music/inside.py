"""Looking inside a music model: a piece -> the gates of one layer while it reads the piece, the notes beside them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from audio_lstm.checkpoint import open_model
from audio_lstm.errors import ConfigError, ModelError, ScoreError
from audio_lstm.inspection.gates import trace_backbone
from audio_lstm.inspection.inspection import Direction, Inspection, Mark, choose_layer
from audio_lstm.inspection.memory import MIN_STEPS, Memory, MemoryTally, Stretch
from audio_lstm.inspection.weight_arrays import WeightArrays, read_weights
from audio_lstm.music.compose import CHORALE_BPM, Composition
from audio_lstm.music.files.files import pretty_midi_to_score, read_score
from audio_lstm.music.models.clamped import member_scores
from audio_lstm.music.models.composer import DEFAULT_MODEL, load_music
from audio_lstm.music.score.bars import score_bars
from audio_lstm.music.score.cadences import cadence_ticks, phrase_end_ticks
from audio_lstm.music.score.score import Score
from audio_lstm.music.score.voices import N_VOICES, STEPS_PER_QUARTER, score_to_voice_grid, voice_grid_to_score
from audio_lstm.music.tokens.chorale import ChoraleGrid
from audio_lstm.music.tokens.config import MusicModelConfig
from audio_lstm.music.tokens.events import EventVocabulary
from audio_lstm.music.tokens.representation import Representation

if TYPE_CHECKING:
    import pretty_midi

__all__ = ["MAX_STEPS", "inspect_music", "music_front", "music_memory"]

MAX_STEPS = 20_000  # tokens; every step is computed one after the other, in numpy
_MEMORY_STEPS = 3_000  # tokens of a piece; as many copies of it run side by side as are probed
_NAMES = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "G#", "A", "Bb", "B")


def inspect_music(
    piece: Composition | Score | pretty_midi.PrettyMIDI | str | os.PathLike[str],
    *,
    model: str | os.PathLike[str] = DEFAULT_MODEL,
    layer: int | None = None,
    span_s: tuple[float, float] | None = None,
) -> Inspection:
    """Open one layer while the model reads a piece; see `audio_lstm.inspect`. Of an ensemble, the first member's.

    A step is a token: what the layer holds while it chooses that token, knowing all before it. Events: "note start",
    "beat", "bar line", "phrase end", "cadence" (the steps that choose its chord of arrival; `score/cadences.py` says
    what counts as either).

    Args:
        piece: A composition, a score, a pretty_midi object, or a file. Models of chorales want four parts.
        model: A shipped model's name, a model folder, or a hub id.
        layer: Counted from 1; None for the last.
        span_s: From where to where, in seconds; None: all. What lies before is read, as the state comes from there.

    Returns:
        The layer over time. A model that cannot be found or does not read pieces token by token is a ModelError.

    Raises:
        ScoreError: If the piece has no notes in the span, does not fit the model, or is too long.
    """
    composer = load_music(model)
    folder = open_model(model, "music")
    config = composer.config
    chosen = choose_layer(layer, config.lstm.n_layers, "forward", bidirectional=False)
    direction: Direction = "forward"
    tokens, score = _tokens(piece, composer.representation, composer.name)
    token_ticks = _token_ticks(tokens, composer.representation)
    times_s = _times(token_ticks, score)
    first, last = _span(times_s, span_s)
    if last > MAX_STEPS:
        raise ScoreError(f"{last} tokens are too much to look into; pass span_s that ends earlier (≤ {MAX_STEPS})")
    weights = read_weights(folder)
    one = "" if config.n_members == 1 else "members.0."
    x = music_front(composer.representation.columns(tokens)[:last], weights, config, prefix=one)
    trace = trace_backbone(x, weights, config.lstm, layer=chosen, prefix=f"{one}backbone.")
    edges_s = times_s[first : last + 1]
    return Inspection(
        model=composer.name,
        layer=chosen + 1,
        n_layers=config.lstm.n_layers,
        direction=direction,
        trace=trace.directions[0].cut(first, last),
        edges_s=edges_s,
        marks=_notes(score, float(edges_s[0]), float(edges_s[-1])),
        events={name: happens[first:last] for name, happens in _events(score, token_ticks).items()},
    )


def music_memory(
    pieces: Sequence[Composition | Score | pretty_midi.PrettyMIDI | str | os.PathLike[str]],
    *,
    model: str | os.PathLike[str] = DEFAULT_MODEL,
    span_s: tuple[float, float] | None = None,
    n_probes: int = 8,
) -> Memory:
    """How far back the model remembers a piece; see `audio_lstm.memory`. Of an ensemble, the first member.

    Args:
        pieces: As for `inspect`, each.
        model: A shipped model's name, a model folder, or a hub id.
        span_s: From where to where, in seconds; None: from the beginning, at most 3,000 tokens.
        n_probes: Tokens to blot out in each piece.

    Returns:
        The memory of its layers, in beats (quarter notes).

    Raises:
        ScoreError: If a piece does not fit the model, or is too short.
    """
    composer, weights = load_music(model), read_weights(open_model(model, "music"))
    config, representation = composer.config, composer.representation
    one = "" if config.n_members == 1 else "members.0."
    tally = MemoryTally(composer.name, "beats", config.lstm, weights, f"{one}backbone.")
    for number, piece in enumerate(pieces):
        tokens, score = _tokens(piece, representation, composer.name)
        ticks = _token_ticks(tokens, representation)
        first, last = _span(_times(ticks, score), span_s)
        last = min(last, first + _MEMORY_STEPS)
        if last - first < MIN_STEPS:
            name = piece if isinstance(piece, str | os.PathLike) else f"piece {number + 1}"
            raise ScoreError(f"{name}: {last - first} tokens are too short a piece; memory needs {MIN_STEPS}")
        columns, legal = representation.columns(tokens)[first:last], representation.legal(tokens)[first:last]

        def answers(
            y: NDArray[np.float32], columns: NDArray[np.int64] = columns, legal: NDArray[np.bool_] = legal
        ) -> NDArray[np.float32]:
            scores = np.where(legal, member_scores(y, columns, weights, config), -np.inf)
            odds = np.exp(scores - scores.max(axis=1, keepdims=True))
            probabilities: NDArray[np.float32] = odds / odds.sum(axis=1, keepdims=True)
            return probabilities

        x = music_front(columns, weights, config, prefix=one)
        beats = ticks[first:last] / score.ticks_per_quarter
        tally.add(Stretch(x, beats.astype(np.float64), answers), n_probes)
    return tally.result()


def music_front(
    columns: NDArray[np.int64], weights: WeightArrays, config: MusicModelConfig, *, prefix: str = ""
) -> NDArray[np.float32]:
    """What the backbone reads: the summed embeddings of `music/models/model.py`, in numpy.

    Args:
        columns: Input ids (steps, n_columns).
        weights: Of the model.
        config: Of the model.
        prefix: Of the names in the weights, where the model is one of several.

    Returns:
        (steps, input_size).
    """
    table = weights.get(f"{prefix}embedding.weight", sum(config.column_sizes), config.lstm.input_size)
    offsets = np.concatenate([[0], np.cumsum(config.column_sizes[:-1])]).astype(np.int64)
    summed: NDArray[np.float32] = table[columns + offsets].sum(axis=1)  # (T, K, E) -> (T, E)
    return summed


def _tokens(
    piece: Composition | Score | pretty_midi.PrettyMIDI | str | os.PathLike[str],
    representation: Representation,
    name: str,
) -> tuple[NDArray[np.int64], Score]:
    """The piece as the model reads it, and the score that those tokens spell, at the piece's tempo."""
    if isinstance(piece, Composition):
        score = piece.score
    elif isinstance(piece, Score):
        score = piece
    elif isinstance(piece, str | os.PathLike):
        score = read_score(piece)
    elif hasattr(piece, "instruments"):
        score = pretty_midi_to_score(piece)
    else:
        raise ScoreError(f"expected a piece, a score, a file or a pretty_midi object, got {type(piece).__name__}")
    score.require_notes()
    if isinstance(representation, ChoraleGrid):
        grid = score_to_voice_grid(score)
        bpm = score.tempi[0].bpm if score.tempi else CHORALE_BPM
        return representation.encode(grid), voice_grid_to_score(grid, bpm=bpm)
    if isinstance(representation, EventVocabulary):
        tokens = representation.encode(score)
        return tokens, representation.decode(tokens)
    raise ModelError(f"model {name!r} reads pieces of kind {representation.kind!r}, not chorales or events")


def _token_ticks(tokens: NDArray[np.int64], representation: Representation) -> NDArray[np.int64]:
    """At which tick of the score each token speaks, (N + 1,): and where the last one ends."""
    if isinstance(representation, EventVocabulary):
        after = representation.columns(np.append(tokens, representation.end))[1:]  # what is known after each token
        position, metre = np.maximum(after[:, 1] - 1, 0), np.maximum(after[:, 2] - 1, 0)
        quarters = np.array([4 * top / bottom for top, bottom in representation.time_signatures])
        bar_ticks = (quarters * representation.steps_per_quarter).astype(np.int64)
        begins = tokens == representation.bar
        bar_starts = np.cumsum(np.where(begins, np.append(0, bar_ticks[metre][:-1]), 0))
        bar_starts -= bar_starts[np.argmax(begins)] if begins.any() else 0
        ticks = np.maximum(bar_starts, 0) + position
        return np.append(ticks, ticks[-1] + 1)
    grid = np.arange(len(tokens) + 1) // N_VOICES
    ticks_per_step = voice_grid_to_score([[60] * N_VOICES]).ticks_per_quarter // STEPS_PER_QUARTER
    return grid * ticks_per_step


def _times(token_ticks: NDArray[np.int64], score: Score) -> NDArray[np.float64]:
    """When each token's step begins: tokens of one tick share the time up to the next tick between them."""
    starts = np.flatnonzero(np.diff(token_ticks, prepend=token_ticks[0] - 1))
    spread = np.interp(np.arange(len(token_ticks)), starts, token_ticks[starts])
    return score.seconds_at(spread)


def _span(times_s: NDArray[np.float64], span_s: tuple[float, float] | None) -> tuple[int, int]:
    if span_s is None:
        return 0, len(times_s) - 1
    start_s, end_s = span_s
    if not 0.0 <= start_s < end_s:
        raise ConfigError(f"span_s must be two seconds, 0 <= start < end, got {span_s}")
    first = int(np.searchsorted(times_s, start_s - 1e-9))
    last = int(np.searchsorted(times_s, end_s - 1e-9))
    last = min(last, len(times_s) - 1)
    if last <= first:
        raise ScoreError(f"from {start_s:g} s on there is nothing to look at: the piece has {times_s[-1]:.2f} s")
    return first, last


def _notes(score: Score, start_s: float, end_s: float) -> tuple[Mark, ...]:
    starts = score.seconds_at(score.notes["start_ticks"])
    ends = score.seconds_at(score.notes["start_ticks"] + score.notes["duration_ticks"])
    return tuple(
        Mark(note_name(int(note["pitch"])), float(start), float(end), int(note["pitch"]), int(note["track"]))
        for note, start, end in zip(score.notes, starts, ends, strict=True)
        if start < end_s and end > start_s
    )


def note_name(pitch: int) -> str:
    """A pitch as musicians write it: 60 is "C4"."""
    return f"{_NAMES[pitch % 12]}{pitch // 12 - 1}"


def _events(score: Score, token_ticks: NDArray[np.int64]) -> dict[str, NDArray[np.bool_]]:
    steps = token_ticks[:-1]
    quarter = score.ticks_per_quarter
    bars = score_bars(score)
    return {
        "note start": np.isin(steps, score.notes["start_ticks"]),
        "beat": steps % quarter == 0,
        "bar line": np.isin(steps, [0, *(bar.end_ticks for bar in bars)]),
        "phrase end": np.isin(steps, phrase_end_ticks(score)),
        "cadence": np.isin(steps, cadence_ticks(score)),
    }
