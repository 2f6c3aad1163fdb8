"""The comparison of readers: what is the same, what graces explain, and what is different is told apart."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from audio_lstm.errors import ConfigError
from audio_lstm.music.files.files import write_midi
from audio_lstm.music.score.score import Score, Tempo, TimeSignature, Track, make_notes
from audio_lstm.music.sheet.musicxml import score_to_musicxml

TUNE = Score(
    480,
    make_notes([0, 480, 960, 1440, 1920], 480, [67, 60, 62, 64, 65]),
    (Track("Tune"),),
    (Tempo.from_bpm(0, 90),),
    (TimeSignature(0, 4, 4), TimeSignature(480, 4, 4)),
)


@pytest.fixture
def recipe(load_recipe: Callable[[str], ModuleType]) -> ModuleType:
    return load_recipe("quality/score_readers")


def test_a_folder_is_compared_file_by_file(
    recipe: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("partitura")
    (tmp_path / "same.musicxml").write_text(score_to_musicxml(TUNE))
    (tmp_path / "bad.musicxml").write_text("<score-partwise>")
    write_midi(TUNE, tmp_path / "tune.mid")
    assert recipe.main([str(tmp_path), "--reader", "partitura", "--reader", "mido"]) == 0
    printed = capsys.readouterr().out
    assert "| notes | partitura | mido |" in printed
    assert "| identical | 1 | 1 |" in printed
    assert "| it refuses | 1 | 0 |" in printed
    assert "| same first bar | 1 of 1 | 0 of 0 |" in printed
    assert "- bad.musicxml, partitura: it refuses:" in printed


def test_differences_are_told_apart(recipe: ModuleType) -> None:
    heard = recipe.Heard
    mine = heard([(0.0, 0.5, 67), (0.5, 1.5, 62)])
    assert recipe.compare(mine, heard([(0.0, 0.5, 67), (0.5, 1.51, 62)])) == ("identical", "")
    assert recipe.compare(mine, heard([(0.0, 2.0, 62)], [(0.0, 67)])) == ("but for grace notes", "")
    verdict, first = recipe.compare(mine, heard([(0.0, 2.0, 62)]))
    assert (verdict, first) == ("different", "we 0:67+0.5, it 0:62+2; 2 and 1 of 2")
    assert recipe.compare(mine, heard([]))[1] == "we 0:67+0.5, it nothing; 2 and 0 of 2"


def test_music21_reads_repeats_graces_and_bars_as_we_do(recipe: ModuleType, tmp_path: Path) -> None:
    pytest.importorskip("music21")
    path = tmp_path / "tune.musicxml"
    path.write_text(score_to_musicxml(TUNE))
    found = recipe.by_music21(path)
    assert recipe.compare(recipe.ours(TUNE), found) == ("identical", "")
    assert recipe.maps_agree(recipe.ours(TUNE), found)["first bar"]


def test_a_sample_has_at_least_one_file(recipe: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--files is 0; expected at least 1"):
        recipe.main([str(tmp_path), "--files", "0"])
