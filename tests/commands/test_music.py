"""`compose` and `evaluate music`: what they print, their exit status, one line for every bad input."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from audio_lstm import compose
from audio_lstm.audio.files import write_wav
from audio_lstm.music.files.files import read_score, write_midi
from audio_lstm.music.score.score import Score, Track, make_notes
from audio_lstm.music.score.voices import voice_grid_to_score

if TYPE_CHECKING:
    from tests.conftest import CommandLine

CHORD = np.array([72, 67, 64, 48])


def test_compose_writes_a_midi_file_and_says_how_to_repeat_it(run: CommandLine, music: str, tmp_path: Path) -> None:
    out_file = tmp_path / "piece.mid"
    status, out, err = run("compose", "--model", music, "--bars", "1", "--seed", "3", "--out", out_file)
    assert (status, err) == (0, "")
    assert out.startswith(f"{out_file}: 1 bars, ")
    assert "seed 3" in out
    assert read_score(out_file).n_notes


def test_the_command_line_and_python_write_the_same_piece(run: CommandLine, music: str, tmp_path: Path) -> None:
    run("compose", "--model", music, "--bars", "1", "--seed", "3", "--out", tmp_path / "cli.mid")
    compose(model=music, bars=1, seed=3).save(tmp_path / "python.mid")
    assert (tmp_path / "cli.mid").read_bytes() == (tmp_path / "python.mid").read_bytes()


def test_takes_are_numbered_files(run: CommandLine, music: str, tmp_path: Path) -> None:
    arguments = ["--model", music, "--bars", "1", "--seed", "3", "--takes", "2", "--json"]
    status, out, _ = run("compose", *arguments, "--out", tmp_path / "piece.mid")
    facts = [json.loads(line) for line in out.splitlines()]
    assert status == 0
    assert [Path(fact["file"]).name for fact in facts] == ["piece-1.mid", "piece-2.mid"]
    assert [fact["take"] for fact in facts] == [0, 1]
    assert sorted(file.name for file in tmp_path.iterdir()) == ["piece-1.mid", "piece-2.mid"]


def test_sampling_options_reach_the_sampler(run: CommandLine, music: str, tmp_path: Path) -> None:
    options = ["--temperature", "0.5", "--top-k", "3", "--top-p", "0.9", "--tempo", "100", "--json"]
    status, out, _ = run("compose", "--model", music, "--bars", "1", "--out", tmp_path / "x.mid", *options)
    facts = json.loads(out)
    assert status == 0
    assert (facts["temperature"], facts["top_k"], facts["top_p"]) == (0.5, 3, 0.9)
    assert read_score(tmp_path / "x.mid").tempi[0].bpm == 100


def test_wishes_are_kept_and_reported(run: CommandLine, events: str, tmp_path: Path) -> None:
    options = ["--key", "D minor", "--bars", "3", "--metre", "3/4", "--parts", "voice,piano", "--ranges", "C4-A5,C2-C5"]
    options += ["--density", "2-9", "--max-polyphony", "4", "--ending", "--tempo", "90", "--seed", "1"]
    status, out, err = run("compose", "--model", events, *options, "--out", tmp_path / "x.mid")
    assert (status, err) == (0, "")
    assert "NOT KEPT" not in out
    assert "ending           tonic of D minor" in out
    status, out, _ = run("compose", "--model", events, *options, "--json", "--out", tmp_path / "y.mid")
    facts = json.loads(out)
    assert facts["report"]["kept"]
    assert facts["wishes"]["parts"] == ["voice", "piano"]
    assert (tmp_path / "x.mid").read_bytes() == (tmp_path / "y.mid").read_bytes()


def test_a_name_without_a_suffix_is_a_folder_of_midi(run: CommandLine, music: str, tmp_path: Path) -> None:
    run("compose", "--model", music, "--bars", "1", "--takes", "2", "--seed", "1", "--out", tmp_path / "pieces")
    assert sorted(file.name for file in (tmp_path / "pieces").iterdir()) == ["composition-1.mid", "composition-2.mid"]


def test_a_folder_takes_every_format_of_every_take(run: CommandLine, music: str, tmp_path: Path) -> None:
    out = tmp_path / "pieces" / "new"
    arguments = ["compose", "--model", music, "--bars", "1", "--takes", "2", "--out", out, "--format", "mid,roll.svg"]
    status, told, _ = run(*arguments, "--json")
    names = ["composition-1.mid", "composition-1.roll.svg", "composition-2.mid", "composition-2.roll.svg"]
    assert status == 0
    assert sorted(file.name for file in out.iterdir()) == names
    assert [Path(file).name for file in json.loads(told.splitlines()[0])["files"]] == names[:2]
    assert run(*arguments)[0] == 1


def test_an_existing_file_is_kept_unless_forced(run: CommandLine, music: str, tmp_path: Path) -> None:
    out_file = tmp_path / "piece.mid"
    out_file.write_text("mine")
    wish = ["compose", "--model", music, "--bars", "1", "--out", out_file]
    status, _, err = run(*wish)
    assert status == 1
    run.assert_one_complaint(err, out_file, "exists already; pass --force to overwrite it, or another --out")
    assert out_file.read_text() == "mine"
    assert run(*wish, "--force")[0] == 0
    assert read_score(out_file).n_notes


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--bars", "0"], "bars must be a whole number in 1..1000, got 0"),
        (["--bars", "-3"], "bars must be a whole number in 1..1000, got -3"),
        (["--seed", "-1"], "seed must not be negative, got -1"),
        (["--temperature", "-1"], "temperature must lie in 0..100, got -1.0"),
        (["--temperature", "nan"], "temperature must lie in 0..100, got nan"),
        (["--top-k", "0"], "top_k must be >= 1"),
        (["--top-p", "1.5"], "top_p must lie above 0 and not above 1, got 1.5"),
        (["--takes", "0"], "--takes must be at least 1, got 0"),
        (["--tempo", "2000"], "tempo must lie in 5..1000 quarters a minute, got 2000.0"),
        (["--out", "piece.txt"], "--out piece.txt: cannot write '.txt'; use one of .mid"),
        (["--out", "piece.xyz"], "--out piece.xyz: cannot write '.xyz'; use one of .mid"),
        (["--out", "piece.mid", "--format", "mid"], "--out piece.mid: with --format it is a folder, such as piece;"),
        (["--out", "ch.wav", "--format", "mid"], "--out ch.wav: with --format it is a folder, such as ch;"),
        (["--out", "pieces", "--format", "mid,doc"], "--format doc: is not known; choose from mid,midi,wav,"),
        (["--out", "pieces", "--bars", "0"], "bars must be a whole number in 1..1000, got 0"),
        (["--key", "J minor"], "key 'J minor': expected a tonic and a mode"),
        (["--key", "D minro"], "no mode is called 'minro'; did you mean 'minor'?"),
        (["--bars", "10000"], "bars must be a whole number in 1..1000, got 10000"),
        (["--parts", "voice,piano"], "2 parts: a chorale model writes soprano, alto, tenor and bass"),
        (["--ending", "--bars", "4"], "an ending rests on the tonic: pass a key"),
        (["--key", "C", "--first", "C#4"], "the first note, C#4, is outside C-1-G9 in C major"),
        (["--best-of", "0"], "best_of must lie in 1..64, got 0"),
    ],
)
def test_bad_wishes_are_one_line_and_status_2(
    run: CommandLine, music: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: list[str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    status, out, err = run("compose", "--model", music, *options)
    assert (status, out) == (2, "")
    run.assert_one_complaint(err, message)
    assert not list(tmp_path.iterdir())


def test_places_that_cannot_be_written_are_refused_before_composing(
    run: CommandLine, music: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(**_: object) -> None:
        raise AssertionError("composed first")

    monkeypatch.setattr("audio_lstm.music.compose.compose_takes", never)
    status, _, err = run("compose", "--model", music, "--out", tmp_path / "nowhere" / "x.mid")
    assert status == 1
    run.assert_one_complaint(err, "the folder", "nowhere does not exist; create it first")
    (tmp_path / "folder.mid").mkdir()
    status, _, err = run("compose", "--model", music, "--force", "--out", tmp_path / "folder.mid")
    assert status == 1
    run.assert_one_complaint(err, "folder.mid: is a folder; pass another --out")


def test_a_folder_that_cannot_be_is_refused_before_composing(run: CommandLine, music: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    for out in (tmp_path / "file", tmp_path / "file" / "below"):
        status, _, err = run("compose", "--model", music, "--out", out)
        assert status == 2
        run.assert_one_complaint(err, f"--out {out}: {tmp_path / 'file'} is no folder that can be written; name")


def test_sheet_music_without_verovio_is_refused_before_composing(
    run: CommandLine, music: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "verovio", None)
    status, _, err = run("compose", "--model", music, "--out", tmp_path / "pieces", "--format", "mid,pdf")
    assert status == 1
    run.assert_one_complaint(err, "sheet music needs verovio: pip install 'audio-lstm[scores]'")
    assert not list(tmp_path.iterdir())


def test_a_format_that_cannot_hold_the_piece_costs_that_format_only(
    run: CommandLine, music: str, tmp_path: Path
) -> None:
    out = tmp_path / "pieces"
    status, told, err = run("compose", "--model", music, "--bars", "1", "--out", out, "--format", "abc,mid,MID,json")
    assert status == 1
    run.assert_one_complaint(err, "composition.abc: ABC holds single lines, and this score has 4 parts")
    assert told.startswith(f"{out / 'composition.mid'}, {out / 'composition.json'}: 1 bars")
    assert sorted(file.name for file in out.iterdir()) == ["composition.json", "composition.mid"]


@pytest.mark.parametrize("split", ["valid", "test"])
def test_evaluate_music_prints_one_json_object_with_the_agreed_keys(
    run: CommandLine, music: str, tmp_path: Path, split: str
) -> None:
    file = tmp_path / "satb.json"
    file.write_text(json.dumps({split: [np.tile(CHORD, (8, 1)).tolist()] * 2}))
    arguments = ["--data", file, "--model", music, "--json", *(["--split", "test"] if split == "test" else [])]
    status, out, err = run("evaluate", "music", *arguments)
    figures = json.loads(out)
    assert (status, err, out.count("\n")) == (0, "", 1)
    assert {"nll", "unit", "n_pieces", "n_steps", "n_tokens", "tokens_per_s"} <= set(figures)
    assert (figures["unit"], figures["n_pieces"], figures["n_steps"]) == ("nats/cell", 2, 16)


def test_evaluate_music_for_people(run: CommandLine, music: str, tmp_path: Path) -> None:
    file = tmp_path / "satb.json"
    file.write_text(json.dumps({"valid": [np.tile(CHORD, (8, 1)).tolist()] * 2}))
    status, out, _ = run("evaluate", "music", "--data", file, "--model", music)
    assert status == 0
    assert out.endswith("2 pieces, 16 time steps, 64 units, 66 tokens\n")


def test_a_malformed_chorale_is_reported_and_the_rest_go_on(run: CommandLine, music: str, tmp_path: Path) -> None:
    file = tmp_path / "satb.json"
    file.write_text(json.dumps({"valid": [[[60, 60]], np.tile(CHORD, (8, 1)).tolist()]}))
    status, out, err = run("evaluate", "music", "--data", file, "--model", music, "--json")
    assert status == 1
    assert (json.loads(out)["n_pieces"], json.loads(out)["n_unusable"]) == (1, 1)
    run.assert_one_complaint(err, "satb.json: valid[0]: a voice grid has the shape", "(left out)")


def test_evaluate_music_reads_a_folder_of_midi(run: CommandLine, events: str, tmp_path: Path) -> None:
    write_midi(voice_grid_to_score(np.tile(CHORD, (8, 1))), tmp_path / "a.mid")
    status, out, _ = run("evaluate", "music", "--data", tmp_path, "--split", "test", "--model", events)
    assert status == 0
    assert "nats/event" in out
    assert "1 pieces" in out


def bad_midi(kind: str, folder: Path) -> Path:
    file = folder / f"{kind}.mid"
    if kind == "no notes":
        write_midi(Score(480, make_notes([], [], [], 64), tracks=(Track(),)), file)
    elif kind == "damaged":
        write_midi(voice_grid_to_score(np.tile(CHORD, (8, 1))), file)
        file.write_bytes(file.read_bytes()[:40])
    elif kind == "text":
        file.write_text("do re mi")
    return file


@pytest.mark.parametrize("kind", ["missing", "no notes", "damaged", "text"])
def test_a_bad_midi_file_is_one_line_and_status_1(run: CommandLine, events: str, tmp_path: Path, kind: str) -> None:
    file = bad_midi(kind, tmp_path)
    status, out, err = run("evaluate", "music", "--data", file, "--model", events)
    assert (status, out) == (1, "")
    run.assert_one_complaint(err, file)


def test_bad_midi_files_in_a_folder_are_reported_and_the_rest_go_on(
    run: CommandLine, events: str, tmp_path: Path
) -> None:
    write_midi(voice_grid_to_score(np.tile(CHORD, (8, 1))), tmp_path / "good.mid")
    bad = [bad_midi(kind, tmp_path) for kind in ("damaged", "no notes", "text")]
    status, out, err = run("evaluate", "music", "--data", tmp_path, "--model", events, "--json")
    assert status == 1
    assert json.loads(out)["n_pieces"] == 1
    for file, line in zip(bad, err.splitlines(), strict=True):
        assert str(file) in line
        assert line.endswith("(left out)")


def test_data_of_another_kind_and_missing_splits_are_named(
    run: CommandLine, music: str, events: str, tmp_path: Path
) -> None:
    file = tmp_path / "satb.json"
    file.write_text(json.dumps({"train": [np.tile(CHORD, (8, 1)).tolist()]}))
    status, _, err = run("evaluate", "music", "--data", file, "--model", music)
    assert status == 1
    run.assert_one_complaint(err, 'no split "valid"; it has train (choose one with --split)')
    status, _, err = run("evaluate", "music", "--data", file, "--split", "train", "--model", events)
    assert status == 1
    run.assert_one_complaint(err, "holds pieces of kind 'chorale', but a model of 'events' reads 'scores'")


def test_the_program_ends_quietly_when_its_reader_goes_away(tmp_path: Path, music: str) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "audio_lstm.cli", "compose", "--model", music, "--bars", "1"]
    with os.fdopen(writer, "wb") as pipe:
        done = subprocess.run(command, stdout=pipe, stderr=subprocess.PIPE, cwd=tmp_path, timeout=120)
    assert (done.returncode, done.stderr) == (1, b"")


@pytest.mark.parametrize("kind", ["missing", "empty folder", "other wing", "damaged graph"])
def test_a_wrong_model_is_one_line_and_status_1(
    run: CommandLine, speech: str, music: str, tmp_path: Path, kind: str
) -> None:
    model, message = tmp_path / "model", "model"
    if kind == "empty folder":
        model.mkdir()
        message = "not a model folder (no config.json)"
    elif kind == "other wing":
        model, message = Path(speech), "use it with `transcribe`"
    elif kind == "damaged graph":
        shutil.copytree(music, model)
        (model / "model.onnx").write_bytes(b"nonsense")
        message = "not a model that ONNX Runtime can run"
    status, out, err = run("compose", "--out", tmp_path / "x.mid", "--model", model)
    assert (status, out) == (1, "")
    run.assert_one_complaint(err, model, message)
    assert not (tmp_path / "x.mid").exists()


def test_composing_never_imports_torch(music: str, tmp_path: Path) -> None:
    program = (
        "import sys, audio_lstm.cli as cli; music, out = sys.argv[1:]\n"
        "assert cli.main(['compose', '--model', music, '--bars', '1', '--out', out]) == 0\n"
        "assert 'torch' not in sys.modules"
    )
    command = [sys.executable, "-c", program, music, str(tmp_path / "x.mid")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


def test_pieces_start_from_primers_and_chords(run: CommandLine, music: str, tmp_path: Path) -> None:
    out_file = tmp_path / "x.mid"
    start = ("--model", music, "--seed", "1", "--out", out_file)
    status, out, err = run("compose", *start, "--primer", "C4 E4 G4:2 F4 D4 C4:2", "--primer-bars", "1", "--bars", "2")
    assert status == 0, err
    assert "C major" in out
    assert read_score(out_file).notes["pitch"][0] == 60
    status, out, err = run("compose", *start, "--force", "--chords", "Am F | C", "--json")
    assert status == 0, err
    assert json.loads(out)["bars"] == 2


def test_bad_starts_are_one_line_and_nothing_is_written(run: CommandLine, music: str, tmp_path: Path) -> None:
    write_wav(tmp_path / "silence.wav", np.zeros(16_000, np.float32), 16_000)
    drums = Score(480, make_notes([0, 480], 240, [36, 38]), (Track(is_drum=True),))
    write_midi(drums, tmp_path / "drums.mid")
    write_midi(Score(480), tmp_path / "empty.mid")
    out_file = tmp_path / "x.mid"
    for options, message in (
        (("--chords", "Am Hb"), "chord 'Hb' cannot be understood"),
        (("--primer", tmp_path / "drums.mid"), "all of its notes are drums"),
        (("--primer", tmp_path / "empty.mid"), "there is no note in it"),
        (("--primer", "C4 X4"), "notes, word 2, 'X4'"),
        (("--primer", tmp_path / "silence.wav"), "no voice is heard in its 1.0 s"),
        (("--primer", "C4 E4", "--primer-bars", "2-3"), "the notes: its bars are 1 to 1"),
        (("--primer-bars", "x"), "expected a bar such as 5, or a range such as 5-8, got 'x'"),
    ):
        status, out, err = run("compose", "--model", music, "--out", out_file, *options)
        assert status in (1, 2)
        assert out == ""
        run.assert_one_complaint(err, message)
        assert not out_file.exists()
