"""What a song's piano shares with its voice."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from audio_lstm.errors import DataError
from audio_lstm.music.files.files import write_midi
from audio_lstm.music.score.score import Score, Tempo, TimeSignature, Track, make_notes


@pytest.fixture
def report(load_recipe: Callable[[str], ModuleType]) -> ModuleType:
    return load_recipe("music/lieder_report")


def song(seed: int = 0, velocities: tuple[int, ...] = (80,)) -> Score:
    """A voice (track 0) of quarters over a piano of half notes: C, then G from the second bar on."""
    pitches = [60, 62, 64, 65, 79, 74, 71, 67 + seed]
    voice = make_notes(np.arange(8), 1, pitches, np.resize(velocities, 8), 0)
    piano = make_notes([0, 2, 4, 6], 2, [60, 64, 67, 71], 80, 1)
    notes = np.concatenate([voice, piano])
    return Score(1, notes, (Track(program=52), Track()), (Tempo.from_bpm(0, 90 + seed),), (TimeSignature(0, 4, 4),))


def test_notes_are_doubled_where_the_piano_sounds_them(report: ModuleType) -> None:
    piano, voice = report.split_parts(song())
    assert piano.notes["pitch"].tolist() == [60, 64, 67, 71]
    assert len(voice.notes) == 8
    assert report.doubled(piano, voice) == (8, 3, 4)  # C, E, B; and the high G in its pitch class


def test_bars_are_busy_while_a_note_sounds(report: ModuleType) -> None:
    long = Score(2, make_notes([0, 30], [20, 2], 60), (Track(),), time_signatures=(TimeSignature(0, 4, 4),))
    assert report.busy_bars(long, 5).tolist() == [True, True, True, True, False]


def test_prints_all_lines(
    report: ModuleType,
    load_recipe: Callable[[str], ModuleType],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for split in ("train", "valid"):
        (tmp_path / "songs" / split).mkdir(parents=True)
        for seed in range(3):
            write_midi(song(seed, (40, 90) if seed else (80,)), tmp_path / "songs" / split / f"{seed}.mid")
    arguments = ["--preset", "tiny", "--data", str(tmp_path / "songs"), "--out", str(tmp_path / "run")]
    assert load_recipe("music/lieder").main([*arguments, "--train.device", "cpu"]) == 0
    capsys.readouterr()
    assert report.main(["--data", str(tmp_path / "songs"), "--out", str(tmp_path / "run")]) == 0
    printed = capsys.readouterr().out
    assert "of 24 notes of the voice in pitch" in printed
    assert "of 6 bars the piano is silent in 0.0%, the voice in 0.0%" in printed
    for name in ("the songs", "the piano alone", "the voice alone"):
        assert f"price of {name}: " in printed
    assert "loudness: 67% of the songs have more than one" in printed
    assert "tempo: 0% have more than one; first tempi 90 to 92" in printed
    with pytest.raises(DataError, match="chorale: a model of 'chorale'; this report is about models of events"):
        report.main(["--data", str(tmp_path / "songs"), "--out", str(tmp_path / "run"), "--model", "chorale"])
