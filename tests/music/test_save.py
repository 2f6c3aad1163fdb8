"""Saving by suffix: every kind is written whole, wrong names are told the right ones."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import soundfile

from audio_lstm.errors import MissingDependencyError, ScoreError
from audio_lstm.music.files.files import read_score
from audio_lstm.music.files.score_json import read_score_json
from audio_lstm.music.save import SAVE_SUFFIXES, SaveOptions, check_save_path, save_score, written_loss
from audio_lstm.music.score.score import KeySignature, Score, Tempo, TimeSignature, Track, make_notes

PIECE = Score(
    480,
    make_notes([0, 480, 960], 480, [67, 69, 71], 80, [0, 0, 1]),
    (Track("Flute", 73), Track("Piano")),
    (Tempo(0, 500_000),),
    (TimeSignature(0, 3, 4),),
    (KeySignature(0, 1),),
)
STARTS = {".mid": b"MThd", ".wav": b"RIFF", ".flac": b"fLaC", ".ogg": b"OggS", ".png": b"\x89PNG", ".roll.svg": b"<svg"}
STARTS |= {".svg": b"<svg", ".pdf": b"%PDF", ".musicxml": b"<?xml", ".xml": b"<?xml", ".mxl": b"PK", ".json": b"{"}


@pytest.mark.parametrize("suffix", STARTS)
def test_every_kind_is_what_its_name_says(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.b{suffix.upper()}"
    assert save_score(PIECE, path, SaveOptions(sample_rate=16_000)) == path
    assert path.read_bytes().startswith(STARTS[suffix])
    assert list(tmp_path.iterdir()) == [path]


def test_a_single_line_can_be_a_tune(tmp_path: Path) -> None:
    line = Score(4, make_notes([0, 4], 4, [67, 69]), (Track("Flute", 73),))
    path = save_score(line, tmp_path / "x.abc", SaveOptions(title="Air"))
    assert path.read_text().startswith("X:1\nT:Air\n")
    with pytest.raises(ScoreError, match="ABC holds single lines"):
        save_score(PIECE, tmp_path / "y.abc")
    assert not (tmp_path / "y.abc").exists()


def test_facts_and_titles_are_written(tmp_path: Path) -> None:
    options = SaveOptions(title="Etude", facts={"seed": 9})
    assert '"seed": 9' in save_score(PIECE, tmp_path / "x.json", options).read_text()
    assert "<work-title>Etude</work-title>" in save_score(PIECE, tmp_path / "x.musicxml", options).read_text()


def test_every_suffix_has_been_tried() -> None:
    assert {*STARTS, ".abc", ".opus", ".midi"} == set(SAVE_SUFFIXES)


def test_midi_comes_back_and_sound_has_its_rate(tmp_path: Path) -> None:
    assert read_score(save_score(PIECE, tmp_path / "x.mid")) == PIECE
    save_score(PIECE, tmp_path / "x.wav", SaveOptions(sample_rate=16_000))
    assert soundfile.info(tmp_path / "x.wav").samplerate == 16_000


@pytest.mark.parametrize("name", ["x", "x.mp3", "x.doc"])
def test_an_unknown_suffix_names_the_known(tmp_path: Path, name: str) -> None:
    with pytest.raises(ScoreError, match=r"cannot write .*; use one of \.mid \.midi .*\.png"):
        save_score(PIECE, tmp_path / name)


def test_a_missing_folder_is_found_before_the_work(tmp_path: Path) -> None:
    with pytest.raises(ScoreError, match="nowhere does not exist; create it first"):
        check_save_path(tmp_path / "nowhere" / "x.wav")


def test_a_missing_verovio_is_found_before_the_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "verovio", None)
    for name in ("x.svg", "x.pdf"):
        with pytest.raises(
            MissingDependencyError, match=r"x\..*: sheet music needs verovio: pip install 'audio-lstm\["
        ):
            check_save_path(tmp_path / name)
    assert check_save_path(tmp_path / "x.roll.svg")


@pytest.mark.parametrize("suffix", sorted(set(SAVE_SUFFIXES) - {".abc"}))
def test_a_folder_of_that_name_is_one_clear_error(tmp_path: Path, suffix: str) -> None:
    target = tmp_path / f"x{suffix}"
    target.mkdir()
    with pytest.raises(Exception, match=r"cannot be written \(Is a directory\); check"):
        save_score(PIECE, target, SaveOptions(sample_rate=8_000))
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("name", ["x.musicxml", "x.mxl", "x.mid", "x.json"])
def test_names_with_control_characters_leave_every_note_readable(name: str, tmp_path: Path) -> None:
    score = Score(480, make_notes([0, 480], 480, [60, 62]), (Track("Pi\x01ano\x00\x1b", 0),))
    save_score(score, tmp_path / name, SaveOptions(title="a\x02\x00b"))
    again = read_score_json(tmp_path / name) if name.endswith("json") else read_score(tmp_path / name)
    assert again.notes["pitch"].tolist() == [60, 62]


def test_a_sheet_with_control_characters_holds_all_notes(tmp_path: Path) -> None:
    pytest.importorskip("verovio")
    score = Score(480, make_notes([0, 480], 480, [60, 62]), (Track("Pi\x01ano\x00", 0),))
    save_score(score, tmp_path / "x.svg", SaveOptions(title="a\x02b"))
    assert (tmp_path / "x.svg").read_text().count('class="note"') == 2


def test_what_a_file_does_not_hold_is_known(tmp_path: Path) -> None:
    score = Score(480, make_notes([0, 0], [480, 240], 60), (Track(),))
    assert written_loss(score, "x.mid") is None
    loss = written_loss(score, "x.musicxml")
    assert loss is not None
    assert loss.n_written == 1
