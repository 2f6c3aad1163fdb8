"""Files in and out: real processes, hostile files, and real corpora where they are."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from audio_lstm.errors import ConfigError, ScoreError
from audio_lstm.music.files import files
from audio_lstm.music.files.files import (
    ReadLimits,
    ScoreReader,
    list_scores,
    pretty_midi_to_score,
    read_score,
    read_scores,
    score_to_pretty_midi,
    write_midi,
)
from audio_lstm.music.files.midi_bytes import score_to_midi
from audio_lstm.music.score.score import KeySignature, Score, Tempo, TimeSignature, Track, make_notes
from audio_lstm.music.tokens.events import EventVocabulary

SCORE = Score(
    480,
    make_notes([0, 480, 960], 480, [60, 64, 38], [64, 70, 127], [0, 0, 1]),
    (Track("Flute", 73), Track("Kit", 0, is_drum=True)),
    (Tempo(0, 500_000), Tempo(480, 400_000)),
    (TimeSignature(0, 3, 4),),
    (KeySignature(0, 2),),
)

# A worker that does to order what damaged files do to parsers by accident.
SABOTEUR = """
import os, signal, sys, time
from audio_lstm.music.files import parse_worker
parse = parse_worker.parse_bytes
def sabotaged(data, **options):
    if data == b"crash": os.kill(os.getpid(), signal.SIGSEGV)
    if data == b"bug": raise KeyError("a bug")
    if data == b"signal": os.kill(os.getpid(), signal.SIGRTMIN + 1)
    if data == b"hang": time.sleep(600)
    if data == b"memory": bytearray(100 << 30)
    return parse(data, **options)
parse_worker.parse_bytes = sabotaged
if __name__ == "__main__":
    parse_worker.main(int(sys.argv[1]), float(sys.argv[2]))
"""


@pytest.fixture
def saboteur(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "modules"
    folder.mkdir()
    (folder / "saboteur.py").write_text(SABOTEUR)
    monkeypatch.setenv("PYTHONPATH", str(folder))
    monkeypatch.setattr(files, "_WORKER_MODULE", "saboteur")


def test_what_is_written_is_read_back_from_path_and_from_file_object(tmp_path: Path) -> None:
    path = tmp_path / "x.mid"
    write_midi(SCORE, path)
    assert read_score(path) == SCORE
    assert read_score(str(path)).tempi[0].bpm == 120.0
    with path.open("rb") as file:
        assert read_score(file) == SCORE
    assert list(tmp_path.iterdir()) == [path]


def test_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "x.mid"
    write_midi(SCORE, path)
    with pytest.raises(AttributeError):
        write_midi("no score", path)  # type: ignore[arg-type]
    assert read_score(path) == SCORE


def test_unwritable_path_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(ScoreError, match=r"x\.mid: cannot be written \(No such file or directory\); check"):
        write_midi(SCORE, tmp_path / "nowhere" / "x.mid")


def test_many_files_come_in_order_and_a_deadly_one_takes_only_itself(tmp_path: Path, saboteur: None) -> None:
    contents = {"a": score_to_midi(SCORE), "b": b"crash", "c": b"text", "d": score_to_midi(SCORE), "e": b"bug"}
    contents |= {f"f{index:02}": score_to_midi(SCORE) for index in range(30)}
    for name, data in contents.items():
        (tmp_path / f"{name}.mid").write_bytes(data)
    paths = [tmp_path / f"{name}.mid" for name in contents]
    results = list(read_scores((path for path in paths), n_workers=2))
    assert [path for path, _ in results] == paths
    outcome = {path.stem: score for path, score in results}
    assert all(outcome[name] == SCORE for name in contents if name not in "bce")
    assert str(outcome["b"]) == f"{tmp_path / 'b.mid'}: damaged: it broke the parser (SIGSEGV)"
    assert "c.mid: not a MIDI file: it starts with b'text'" in str(outcome["c"])
    assert str(outcome["e"]).endswith("it broke the parser (exit status 1)")
    assert all(isinstance(outcome[name], ScoreError) for name in "bce")


def test_parser_that_hangs_or_eats_memory_is_stopped(saboteur: None) -> None:
    with ScoreReader(ReadLimits(timeout_s=0.5)) as reader:
        with pytest.raises(ScoreError, match=r"the score: not read within 0\.5 s; raise timeout_s"):
            reader.read(io.BytesIO(b"hang"))
        with pytest.raises(ScoreError, match="more memory than allowed; raise max_memory_bytes"):
            reader.read(io.BytesIO(b"memory"))
        with pytest.raises(ScoreError, match=r"it broke the parser \((signal \d+|SIGRTMIN\+1)\)"):
            reader.read(io.BytesIO(b"signal"))
        assert reader.read(io.BytesIO(score_to_midi(SCORE))) == SCORE


def test_iteration_may_stop_early(tmp_path: Path) -> None:
    write_midi(SCORE, tmp_path / "x.mid")
    results = read_scores([tmp_path / "x.mid"] * 100)
    assert next(results)[1] == SCORE
    results.close()  # type: ignore[attr-defined]


def test_reading_needs_no_main_guard(tmp_path: Path) -> None:
    write_midi(SCORE, tmp_path / "x.mid")
    script = tmp_path / "script.py"
    script.write_text(
        "from audio_lstm.music.files.files import read_scores\n"
        "print([score.n_notes for _, score in read_scores(['x.mid', 'x.mid'], n_workers=2)])\n"
    )
    root = Path(files.__file__).parents[2]
    (tmp_path / "json.py").write_text("raise SystemExit('a module of the user shadows ours')")
    done = subprocess.run(
        [sys.executable, "-P", script],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "[3, 3]\n"
    assert done.stderr == ""


def test_importing_loads_no_parser_and_no_torch() -> None:
    code = (
        "import sys, audio_lstm.music.files.files, audio_lstm.music.tokens.events\n"
        "print({'torch', 'symusic', 'pretty_midi', 'verovio', 'scipy'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_bad_paths_are_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "empty.mid").touch()
    (tmp_path / "large.mid").write_bytes(bytes(100))
    os.mkfifo(tmp_path / "pipe.mid")
    cases = {
        "missing.mid": "missing.mid: no such file; check the path",
        "empty.mid/x.mid": r"x.mid: cannot be opened \(.*Not a directory.*\); check its path and permissions",
        "empty.mid": "empty.mid: the file is empty",
        "large.mid": "large.mid: too large: more than 99 bytes; raise max_bytes to read it",
        "pipe.mid": "pipe.mid: is a pipe or device, not a file",
        ".": "is a folder; give a file in it, or list it with list_scores",
    }
    with ScoreReader(ReadLimits(max_bytes=99)) as reader:
        for name, message in cases.items():
            with pytest.raises(ScoreError, match=message):
                reader.read(tmp_path / name)
        with pytest.raises(ScoreError, match="the score: gives str, not bytes; open it with mode 'rb'"):
            reader.read(io.StringIO("MThd"))  # type: ignore[arg-type]
        with pytest.raises(ScoreError, match=r"cannot be opened \(embedded null byte\)"):
            reader.read("a\0b")
    with pytest.raises(ScoreError, match="/dev/zero: is a pipe or device"):
        read_score("/dev/zero")


def test_limits_must_be_positive() -> None:
    with pytest.raises(ConfigError, match="max_bytes is 0; expected a positive number"):
        ReadLimits(max_bytes=0)
    with pytest.raises(ConfigError, match="timeout_s is -1; expected a positive number"):
        ReadLimits(timeout_s=-1)
    with pytest.raises(ConfigError, match="n_workers is 0; expected at least 1"):
        next(read_scores([], n_workers=0))


def test_listing_finds_scores_at_any_depth_in_order(tmp_path: Path) -> None:
    for name in ("b.MID", "a/z.mxl", "a/b/c.musicxml", "notes.txt", ".hidden.mid"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found = list_scores(tmp_path)
    assert [str(path.relative_to(tmp_path)) for path in found] == ["a/b/c.musicxml", "a/z.mxl", "b.MID"]
    for name in ("b.musicxml", "b.abc", "c.abc", "c.mxl"):
        (tmp_path / name).write_bytes(b"")
    assert [path.name for path in list_scores(tmp_path) if path.parent == tmp_path] == ["b.MID", "c.mxl"]
    assert list_scores(tmp_path / "b.MID") == (tmp_path / "b.MID",)
    with pytest.raises(ScoreError, match="nowhere: no such file or folder; give a folder of"):
        list_scores(tmp_path / "nowhere")
    (tmp_path / "bare").mkdir()
    with pytest.raises(ScoreError, match="bare: no music file in it; expected files named"):
        list_scores(tmp_path / "bare")


def test_pretty_midi_and_back_is_the_same_music() -> None:
    midi = score_to_pretty_midi(SCORE)
    assert [instrument.name for instrument in midi.instruments] == ["Flute", "Kit"]
    back = pretty_midi_to_score(midi)
    assert back.tempi == SCORE.tempi
    np.testing.assert_array_equal(back.notes, SCORE.notes)
    assert back == SCORE


@pytest.mark.shared
def test_real_corpora_are_read_and_round_trip_through_events(shared: Path, tmp_path: Path) -> None:
    music = shared / "music"
    paths = [path for path in list_scores(music / "cc0") if path.suffix == ".mid"]
    paths += [*list_scores(music / "nottingham")[::80], *list_scores(music / "pop909")[::80]]
    vocabulary, n_swept = EventVocabulary(), 0
    for path, score in read_scores(paths, n_workers=2):
        assert isinstance(score, Score), f"{path}: {score}"
        fitted, report = vocabulary.fit(score)
        assert report.max_onset_shift_quarters <= 1 / 24 + 1e-9
        tokens = vocabulary.encode(score)
        assert vocabulary.decode(tokens) == fitted
        np.testing.assert_array_equal(vocabulary.encode(fitted), tokens)
        write_midi(score, tmp_path / "x.mid")
        n_swept += 1
    assert n_swept == len(paths) >= 34
    assert read_score(tmp_path / "x.mid").n_notes == score.n_notes


@pytest.mark.shared
def test_real_songs_in_musicxml_are_read(shared: Path) -> None:
    paths = list_scores(shared / "music" / "lieder")[::460]
    vocabulary = EventVocabulary()
    for path, score in read_scores(paths):
        assert isinstance(score, Score), f"{path}: {score}"
        assert score.n_notes > 100
        assert vocabulary.decode(vocabulary.encode(score)) == vocabulary.fit(score)[0]
    assert len(paths) == 4


@pytest.mark.shared
def test_truncated_compressed_song_says_so(shared: Path) -> None:
    data = list_scores(shared / "music" / "lieder")[0].read_bytes()
    assert zipfile.is_zipfile(io.BytesIO(data))
    with pytest.raises(ScoreError, match="damaged compressed MusicXML"):
        read_score(io.BytesIO(data[: len(data) // 2]))


def test_a_book_of_tunes_is_read_whole_or_by_name(tmp_path: Path) -> None:
    book = tmp_path / "book.abc"
    book.write_text("X:1\nT:One\nK:C\nC\n\nX:2\nT:Two\nK:C\nK:none\nCD\n\nX:3\nT:Bad\nK:J\nC\n")
    pieces = [piece for _, piece in read_scores([book])]
    assert [piece.n_notes if isinstance(piece, Score) else str(piece) for piece in pieces] == [
        *(1, 2, f"{book}: X:3 Bad: ABC line 14: key 'J'; expected one such as G, Bb, Em or D dorian")
    ]
    assert read_score(book, tune="two").n_notes == 2
    said = "it holds 3 tunes, and X:1 One is read; name another one by its X: number or title"
    assert read_score(book).remarks == (said,)
    with pytest.raises(ScoreError, match=r"book\.abc: no tune '7' among its 3 tunes"):
        read_score(book, tune="7")


def test_the_sustain_pedal_lengthens_notes_where_asked(tmp_path: Path) -> None:
    events = b"\x00\xb0\x40\x7f\x00\x90\x3c\x40\x60\x80\x3c\x40\x60\xb0\x40\x00\x00\xff\x2f\x00"
    header = b"MThd" + (6).to_bytes(4) + b"\x00\x00\x00\x01\x00\x60MTrk"
    path = tmp_path / "held.mid"
    path.write_bytes(header + len(events).to_bytes(4) + events)
    assert read_score(path).notes["duration_ticks"].tolist() == [96]
    assert read_score(path, sustain=True).notes["duration_ticks"].tolist() == [192]
