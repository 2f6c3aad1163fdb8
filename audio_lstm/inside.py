"""`inspect`: the gates and states of a chosen layer, over a recording or a piece. One verb for both wings."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audio_lstm.errors import ConfigError
from audio_lstm.inspection.inspection import Direction, Inspection

if TYPE_CHECKING:
    import pretty_midi

    from audio_lstm.audio.files import AudioSource
    from audio_lstm.music.compose import Composition
    from audio_lstm.music.score.score import Score

__all__ = ["inspect"]

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


def _is_piece(source: object) -> bool:
    if isinstance(source, str | os.PathLike):
        return Path(source).suffix.lower() in _PIECES
    return hasattr(source, "score") or hasattr(source, "notes") or hasattr(source, "instruments")
