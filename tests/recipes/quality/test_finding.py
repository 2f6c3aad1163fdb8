"""The benchmark of keys and metres, on a corpus of two."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from audio_lstm.music.files.files import write_midi
from audio_lstm.music.score.notation import parse_notes
from audio_lstm.music.score.score import KeySignature, Score, TimeSignature
from recipes.quality.finding import main


def test_the_table_counts_what_is_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "jsb16").mkdir()
    piece = [[67, 64, 60, 48]] * 16 + [[71, 65, 62, 43]] * 8 + [[72, 67, 64, 48]] * 16
    (tmp_path / "jsb16" / "satb.trainvalid.json").write_text(json.dumps({"valid": [piece]}))
    (tmp_path / "lieder").mkdir()
    tune = parse_notes("C4:2 E4 G4 C5:2 G4 E4 " * 4)
    score = Score(480, tune.notes, tune.tracks, (), (TimeSignature(0, 4, 4),), (KeySignature(0, 0),))
    write_midi(score, tmp_path / "lieder" / "a.mid")
    assert main(["--data", str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    assert "| key, jsb16 valid | 1 | 100 % | 100 % |" in printed
    assert "| metre, lieder | 1 | 100 % |" in printed
