"""`inspect` and `memory`: the inside of a model over a recording or a piece. The same verbs for both wings."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audio_lstm.errors import ConfigError
from audio_lstm.inspection.inspection import Direction, Inspection
from audio_lstm.inspection.memory import Memory

if TYPE_CHECKING:
    import pretty_midi

    from audio_lstm.audio.files import AudioSource
    from audio_lstm.music.compose import Composition
    from audio_lstm.music.score.score import Score

__all__ = ["inspect", "memory"]

_PIECES = (".mid", ".midi", ".mxl", ".musicxml", ".xml", ".abc")


def inspect(
    source: AudioSource | Composition | Score | pretty_midi.PrettyMIDI,
    *,
    model: str | os.PathLike[str] | None = None,
    layer: int | None = None,
    direction: Direction = "forward",
    span_s: tuple[float, float] | None = None,
) -> Inspection:
    """Look inside an LSTM: its gates, cell and hidden state at every step of a recording or a piece.

    Examples:
        >>> import audio_lstm
        >>> seen = audio_lstm.inspect("demos/samples/spelling.wav", layer=4)
        >>> seen.trace.forget_gate.shape == (seen.n_steps, seen.n_units)
        True
        >>> best = seen.strongest("word boundary")[0]  # the unit that follows it most closely
        >>> path = seen.plot("gates.png", event="word boundary")

    The values are computed from `model.safetensors` in numpy, so they are those of the float model, equal to torch's
    to 1e-5, whatever engine transcribes or composes.

    Args:
        source: A recording (as for `transcribe`), or a piece: what `compose` returned, a score, a pretty_midi object,
            a MIDI or MusicXML file.
        model: A shipped model's name, a model folder, or a hub id; None: "english-base" for sound, "chorale" for
            pieces. A model of the other wing is a ModelError.
        layer: Counted from 1, the one nearest to the input; None for the last.
        direction: "backward" for the half of a bidirectional layer that reads from the end.
        span_s: From where to where, in seconds; None: all of it (at most 60 s of sound).

    Returns:
        The layer over time, with the words or notes that it read and the events that it may have noticed.

    Raises:
        ConfigError: If the model has no such layer or direction, or the span is none.
    """
    if not _is_piece(source):
        from audio_lstm.speech.hearing.recogniser import DEFAULT_MODEL as RECOGNISER
        from audio_lstm.speech.inside import inspect_speech

        sound: Any = source
        chosen = RECOGNISER if model is None else model
        return inspect_speech(sound, model=chosen, layer=layer, direction=direction, span_s=span_s)
    from audio_lstm.music.inside import inspect_music
    from audio_lstm.music.models.composer import DEFAULT_MODEL as COMPOSER

    if direction != "forward":
        raise ConfigError(f"models of music read forward only; direction must be 'forward', got {direction!r}")
    piece: Any = source
    return inspect_music(piece, model=COMPOSER if model is None else model, layer=layer, span_s=span_s)


def memory(
    sources: AudioSource | Composition | Score | pretty_midi.PrettyMIDI | list[Any],
    *,
    model: str | os.PathLike[str] | None = None,
    span_s: tuple[float, float] | None = None,
    n_probes: int = 8,
) -> Memory:
    """How far back an input still moves what a model says: of each layer, in seconds of sound or beats of music.

    Examples:
        >>> import audio_lstm
        >>> remembered = audio_lstm.memory("demos/samples/spelling.wav")
        >>> reach_s = remembered.reach()  # in seconds, of each layer and of the letters
        >>> path = remembered.plot("memory.png")

    One step of the model's input is replaced by the mean step, and the difference is followed through the stack. What
    later inputs tell again (a model of music has columns of echoes) stays as it is: this is the memory of the state.

    Args:
        sources: A recording or a piece, as for `inspect`; a list of either is averaged over.
        model: As for `inspect`.
        span_s: From where to where in each, in seconds; None: all (at most 60 s of sound, 3,000 tokens of a piece).
        n_probes: How many steps of each source to blot out, one after the other.

    Returns:
        Movement against distance, for every layer and for the answer.

    Raises:
        ConfigError: If the list is empty or holds both sound and pieces, or there are no probes.
    """
    several: list[Any] = sources if isinstance(sources, list) else [sources]
    kinds = {_is_piece(source) for source in several}
    if len(kinds) != 1:
        raise ConfigError("memory is averaged over recordings or over pieces, got " + ("both" if kinds else "neither"))
    if n_probes < 1:
        raise ConfigError(f"n_probes must be at least 1, got {n_probes}")
    if kinds == {True}:
        from audio_lstm.music.inside import music_memory
        from audio_lstm.music.models.composer import DEFAULT_MODEL as COMPOSER

        return music_memory(several, model=COMPOSER if model is None else model, span_s=span_s, n_probes=n_probes)
    from audio_lstm.speech.hearing.recogniser import DEFAULT_MODEL as RECOGNISER
    from audio_lstm.speech.inside import speech_memory

    chosen = RECOGNISER if model is None else model
    return speech_memory(several, model=chosen, span_s=span_s, n_probes=n_probes)


def _is_piece(source: object) -> bool:
    if isinstance(source, str | os.PathLike):
        return Path(source).suffix.lower() in _PIECES
    return hasattr(source, "score") or hasattr(source, "notes") or hasattr(source, "instruments")
