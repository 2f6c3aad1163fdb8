"""The recipe of songs: MusicXML becomes a model that composes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from audio_lstm import compose
from audio_lstm.music.files.files import write_midi
from audio_lstm.music.score.score import KeySignature, Score, Tempo, TimeSignature, Track, make_notes

SONG = """<?xml version="1.0"?>
<score-partwise version="3.1"><part-list><score-part id="P1"><part-name>Voice</part-name></score-part></part-list>
<part id="P1"><measure number="1"><attributes><divisions>1</divisions><key><fifths>1</fifths></key>
<time><beats>4</beats><beat-type>4</beat-type></time><clef><sign>G</sign><line>2</line></clef></attributes>
{notes}</measure></part></score-partwise>"""


@pytest.fixture
def recipe(load_recipe: Callable[[str], ModuleType]) -> ModuleType:
    return load_recipe("music/lieder")


def test_tiny_reads_songs_and_writes_a_model(
    recipe: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    songs = tmp_path / "songs" / "Composer"
    songs.mkdir(parents=True)
    for number in range(2):
        notes = "".join(
            f"<note><pitch><step>{step}</step><octave>{4 + number}</octave></pitch>"
            "<duration>1</duration><type>quarter</type></note>"
            for step in "CEGA"
        )
        (songs / f"{number}.musicxml").write_text(SONG.format(notes=notes))
    for number in range(3):
        pitches = 60 + np.random.default_rng(number).integers(0, 12, 16)
        key, metre = (KeySignature(0, 0),), (TimeSignature(0, 4, 4),)
        write_midi(
            Score(
                480, make_notes(np.arange(16) * 240, 240, pitches, 80), (Track(),), (Tempo.from_bpm(0, 90),), metre, key
            ),
            songs / f"{number}.mid",
        )
    run = [
        "--preset",
        "tiny",
        "--data",
        str(tmp_path / "songs"),
        "--out",
        str(tmp_path / "run"),
        "--train.device",
        "cpu",
    ]
    assert recipe.main(run) == 0
    assert "nats/event" in capsys.readouterr().out
    card = (tmp_path / "run" / "model" / "README.md").read_text()
    assert "OpenScore Lieder Corpus (CC0)" in card
    assert compose(model=tmp_path / "run" / "model", seed=1, bars=1).model == "lieder"
