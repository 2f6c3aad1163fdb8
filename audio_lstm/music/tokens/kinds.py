"""Which class reads which `kind` of representation in a model folder."""

from __future__ import annotations

from typing import Any

from audio_lstm.errors import ModelError
from audio_lstm.music.tokens.chorale import ChoraleGrid
from audio_lstm.music.tokens.events import EventVocabulary
from audio_lstm.music.tokens.representation import Representation

__all__ = ["representation_from_dict"]


def representation_from_dict(values: dict[str, Any]) -> Representation:
    """The representation that a model folder describes.

    Args:
        values: What `Representation.to_dict` returned.

    Returns:
        The representation.

    Raises:
        ModelError: If its kind is unknown or a field is wrong.
    """
    kind = values.get("kind")
    if kind == "chorale":
        return ChoraleGrid.from_dict(values)
    if kind == "events":
        return EventVocabulary.from_dict(values)
    raise ModelError(f"unknown representation kind {kind!r}; known: chorale, events")
