"""The report on models of events."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from audio_lstm.errors import DataError
from audio_lstm.music.files.files import write_midi
from audio_lstm.music.models.composer import load_music
from audio_lstm.music.score.score import Score, Tempo, TimeSignature, Track, make_notes
from audio_lstm.music.tokens.events import EventVocabulary


@pytest.fixture
def run(load_recipe: Callable[[str], ModuleType], tmp_path: Path) -> Path:
    """A run of midi_folder.py on eight tunes; the longest has 2,400 events."""
    for number in range(8):
        pitches = 60 + np.random.default_rng(number).integers(0, 12, 600 if number else 16)
        notes = make_notes(np.arange(len(pitches)) * 240, 240, pitches, 80)
        score = Score(480, notes, (Track(),), (Tempo.from_bpm(0, 120),), (TimeSignature(0, 4, 4),))
        for split in ("train", "valid"):
            (tmp_path / "tunes" / split).mkdir(parents=True, exist_ok=True)
            write_midi(score, tmp_path / "tunes" / split / f"{number}.mid")
    arguments = ["--preset", "tiny", "--data", str(tmp_path / "tunes"), "--out", str(tmp_path / "run")]
    assert load_recipe("music/midi_folder").main([*arguments, "--train.device", "cpu", "--max_pieces", "2"]) == 0
    return tmp_path


def test_prints_three_tables(
    load_recipe: Callable[[str], ModuleType], run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = load_recipe("music/event_report")
    capsys.readouterr()
    assert report.main(["--data", str(run / "tunes"), "--out", str(run / "run"), "--n", "2", "--order", "2"]) == 0
    printed = capsys.readouterr().out
    assert "2 pieces to count in, 2 to foretell" in printed
    for row in ("| LSTM |", "| LSTM without memory beyond 64 |", "| 2-gram |", "| 1-gram |"):
        assert row in printed
    for row in ("| pitch |", "| duration |", "| events (1 pieces) |", "| 2048 and on |"):
        assert row in printed


def test_memory_that_holds_the_whole_piece_changes_nothing(load_recipe: Callable[[str], ModuleType], run: Path) -> None:
    report = load_recipe("music/event_report")
    composer = load_music(run / "run" / "model")
    assert isinstance(composer.representation, EventVocabulary)
    tokens = composer.representation.encode(Score(4, make_notes(np.arange(40), 1, 60, 80), (Track(),)))
    whole = composer.costs(tokens)
    np.testing.assert_allclose(report.forgetful_costs(composer, tokens, len(tokens)), whole, atol=1e-4)
    assert not np.allclose(report.forgetful_costs(composer, tokens, 7), whole, atol=1e-4)


def test_a_model_of_something_else_is_refused(load_recipe: Callable[[str], ModuleType], run: Path) -> None:
    report = load_recipe("music/event_report")
    with pytest.raises(DataError, match="chorale: a model of 'chorale'; this report is about models of events"):
        report.main(["--data", str(run / "tunes"), "--out", str(run / "run"), "--model", "chorale"])
    arguments = ["--preset", "tiny", "--data", str(run / "tunes"), "--out", str(run / "other"), "--train.device", "cpu"]
    midi_folder = load_recipe("music/midi_folder")
    assert midi_folder.main([*arguments, "--max_pieces", "2", "--steps_per_quarter", "4"]) == 0
    assert report.main(["--data", str(run / "tunes"), "--out", str(run / "other"), "--n", "1", "--order", "1"]) == 0
