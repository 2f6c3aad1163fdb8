"""Music models of a few hundred weights, untrained: one of each kind of representation."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, cast

import pytest

from audio_lstm.config import LSTMConfig
from audio_lstm.music.models.composer import Composer, load_music
from audio_lstm.music.tokens.chorale import ChoraleGrid
from audio_lstm.music.tokens.config import MusicModelConfig
from audio_lstm.music.tokens.events import EventVocabulary
from audio_lstm.music.tokens.representation import Representation

if TYPE_CHECKING:
    from audio_lstm.music.models.model import MusicModel

# What imports torch is imported inside the fixtures that ask for `torch`: the others run without it.


def untrained(representation: Representation) -> MusicModel:
    import torch

    from audio_lstm.music.models.model import MusicModel

    torch.manual_seed(0)
    lstm = LSTMConfig(8, hidden_size=8, n_layers=1)
    config = MusicModelConfig(representation.column_sizes, representation.vocabulary_size, lstm)
    return MusicModel(config).eval()


def exported(representation: Representation, parent: Path) -> Path:
    from audio_lstm.music.models.export import export_music

    name = f"tiny-{representation.kind}"
    card = f"# {name}\n\nUntrained.\n"
    return export_music(untrained(representation), representation, parent / name, name=name, card=card)


@pytest.fixture(scope="session")
def small_events() -> EventVocabulary:
    """An event vocabulary of a few tables."""
    return EventVocabulary(
        steps_per_quarter=2,
        time_signatures=((4, 4), (3, 4)),
        tempi=(400_000, 500_000, 600_000),
        velocities=(64, 96),
        durations=(1, 2, 4),
        n_tracks=2,
    )


@pytest.fixture(scope="session")
def chorale_folder(torch: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder, kind "chorale", named "tiny-chorale"."""
    return exported(ChoraleGrid(), tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="session")
def events_folder(torch: ModuleType, small_events: EventVocabulary, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder, kind "events", named "tiny-events"."""
    return exported(small_events, tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="session")
def chorale_composer(chorale_folder: Path) -> Composer:
    """The chorale model on ONNX Runtime."""
    return load_music(chorale_folder)


@pytest.fixture(scope="session")
def events_composer(events_folder: Path) -> Composer:
    """The event model on ONNX Runtime."""
    return load_music(events_folder)


class Foreign:
    """A representation that no code here knows."""

    kind = "hummed"

    def __getattr__(self, name: str) -> object:
        return getattr(ChoraleGrid(), name)


@pytest.fixture(scope="session")
def foreign_composer(chorale_composer: Composer) -> Composer:
    """A model of a representation that no code here knows."""
    return replace(chorale_composer, representation=cast(Representation, Foreign()))
