"""A model folder's representation comes back as what it was."""

from __future__ import annotations

import json

import pytest

from audio_lstm.errors import ModelError
from audio_lstm.music.tokens.chorale import ChoraleGrid
from audio_lstm.music.tokens.events import EventVocabulary
from audio_lstm.music.tokens.kinds import representation_from_dict
from audio_lstm.music.tokens.representation import Representation


@pytest.mark.parametrize("representation", [ChoraleGrid(order="BSTA", low=36), EventVocabulary()])
def test_every_kind_comes_back_through_json(representation: Representation) -> None:
    values = json.loads(json.dumps(representation.to_dict()))
    assert representation_from_dict(values) == representation


@pytest.mark.parametrize("values", [{}, {"kind": "tune"}, {"kind": ["chorale"]}])
def test_an_unknown_kind_is_refused_with_those_that_are_known(values: dict[str, object]) -> None:
    with pytest.raises(ModelError, match=r"unknown representation kind .*; known: chorale, events"):
        representation_from_dict(values)


@pytest.mark.parametrize("kind", ["chorale", "events"])
def test_a_wrong_field_is_refused(kind: str) -> None:
    with pytest.raises(ModelError):
        representation_from_dict({"kind": kind, "surprise": 1})
