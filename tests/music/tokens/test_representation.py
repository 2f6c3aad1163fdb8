"""The protocols: what the package's representations promise in common."""

from __future__ import annotations

import inspect

import pytest

from audio_lstm.music.tokens.chorale import ChoraleGrid
from audio_lstm.music.tokens.events import EventVocabulary
from audio_lstm.music.tokens.representation import START, Cursor, Representation


@pytest.mark.parametrize("build", [EventVocabulary, ChoraleGrid])
def test_representations_offer_all_that_the_protocols_name(build: type) -> None:
    representation: Representation = build()
    names = [name for name in vars(Representation) if not name.startswith("_")]
    assert len(names) == 11
    for name in names:
        assert hasattr(representation, name), name
    cursor: Cursor = representation.cursor(2)
    for name in ("columns", "legal", "push", "done"):
        assert hasattr(cursor, name), name
    assert cursor.columns().shape == (2, len(representation.column_sizes))
    legal = cursor.legal()
    assert legal.shape == (2, representation.vocabulary_size)
    assert not legal[:, START].any()
    assert legal.any(axis=1).all()
    assert not cursor.done.any()
    assert (cursor.columns()[:, 0] == START).all()
    assert build.from_dict(representation.to_dict()).to_dict() == representation.to_dict()


def test_everything_public_in_the_protocols_is_documented() -> None:
    for protocol in (Cursor, Representation):
        for name, member in vars(protocol).items():
            if not name.startswith("_"):
                assert inspect.getdoc(member), name
