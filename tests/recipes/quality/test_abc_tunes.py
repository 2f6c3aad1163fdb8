"""ABC beside abc2midi: ornaments are taken out, differences found."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from audio_lstm.errors import ConfigError, MissingDependencyError
from audio_lstm.music.files.abc.book import abc_tunes
from recipes.quality.abc_tunes import difference, main, without_ornaments


def test_ornaments_are_taken_out_of_what_the_other_reader_gets() -> None:
    (tune,) = abc_tunes(b'X:1\nR:hornpipe\nK:C\n{ab}T.C "Am"!trill!D[K:G]~E|\n"Fife II"\nC|\n')
    assert without_ornaments(tune) == "X:1\n%%MIDI chordattack 0\nK:C\nC D[K:G]E|\nC|\n"  # an empty line would end it


def test_the_first_difference_is_named() -> None:
    notes = [(0.0, 1.0, 60), (1.0, 1.0, 62)]
    assert difference(notes, [(0.002, 0.99, 60), (1.0, 1.0, 62)]) == ""
    assert difference(notes, [(0.0, 1.0, 60), (1.0, 1.0, 63)]) == "ours 1:62+1, abc2midi 1:63+1"
    assert difference(notes, notes[:1]) == "2 notes, abc2midi 1"


def test_what_is_missing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(MissingDependencyError, match="the comparison needs abc2midi: apt-get install abcmidi"):
        main([str(tmp_path)])
    monkeypatch.setattr(shutil, "which", lambda name: name)
    with pytest.raises(ConfigError, match=r"no such folder; give one with \.abc files"):
        main([str(tmp_path / "none")])


@pytest.mark.skipif(shutil.which("abc2midi") is None, reason="needs abc2midi")
def test_a_folder_is_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.abc").write_text("X:1\nL:1/4\nK:C\n|:[CEGc]D|1 E:|2 F|]\n\nX:2\nK:J\nC\n")
    assert main([str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    assert "| identical | 1 | 50.00% |" in printed
    assert "a.abc X:2: refused ABC line 7: key 'J'" in printed
