"""The command line: what it prints and where, its exit status, and one line without traceback for every bad input."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from audio_lstm import cli, compose
from audio_lstm.audio import write_wav
from audio_lstm.config import LSTMConfig
from audio_lstm.music.chorale import ChoraleGrid
from audio_lstm.music.config import MusicModelConfig
from audio_lstm.music.events import EventVocabulary
from audio_lstm.music.export import export_music
from audio_lstm.music.files import read_score, write_midi
from audio_lstm.music.model import MusicModel
from audio_lstm.music.representation import Representation
from audio_lstm.music.score import Score, Track, make_notes
from audio_lstm.music.voices import voice_grid_to_score
from audio_lstm.speech.config import SpeechModelConfig
from audio_lstm.speech.export import export_speech
from audio_lstm.speech.features import FeatureConfig
from audio_lstm.speech.model import SpeechModel

CHORD = np.array([72, 67, 64, 48])

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def speech(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A speech model that hears an A in every recording."""
    lstm = LSTMConfig(8, hidden_size=8, n_layers=1, bidirectional=True)
    model = SpeechModel(SpeechModelConfig(FeatureConfig(n_mels=20), lstm, ("A", "B", " "), conv_channels=4)).eval()
    with torch.no_grad():
        model.head.weight.zero_()
        model.head.bias.copy_(torch.tensor([0.0, 4.0, 0.0, 0.0]))
    folder = tmp_path_factory.mktemp("speech") / "hears-a"
    return str(export_speech(model, folder, name="hears-a", card="# hears-a\n\nHears an A.\n"))


def untrained_music(representation: Representation, folder: Path) -> str:
    torch.manual_seed(0)
    lstm = LSTMConfig(8, hidden_size=8, n_layers=1)
    model = MusicModel(MusicModelConfig(representation.column_sizes, representation.vocabulary_size, lstm)).eval()
    return str(export_music(model, representation, folder, name="tiny", card="# tiny\n"))


@pytest.fixture(scope="module")
def music(tmp_path_factory: pytest.TempPathFactory) -> str:
    """An untrained model of chorales."""
    return untrained_music(ChoraleGrid(), tmp_path_factory.mktemp("music") / "tiny")


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> str:
    """An untrained model of events."""
    return untrained_music(EventVocabulary(), tmp_path_factory.mktemp("events") / "tiny")


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run the command line here: exit status, stdout, stderr."""

    def call(*arguments: str | Path) -> tuple[int, str, str]:
        try:
            status = cli.main([str(argument) for argument in arguments])
        except SystemExit as stop:
            status = int(stop.code or 0)
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return call


def assert_one_complaint(err: str, *parts: str | Path) -> None:
    assert err.count("\n") == 1, err
    assert err.startswith("audio-lstm: ")
    assert "Traceback" not in err
    for part in parts:
        assert str(part) in err


def tone(path: Path, seconds: float = 0.5) -> Path:
    samples = 0.3 * np.sin(2 * np.pi * 440 * np.arange(int(16_000 * seconds)) / 16_000)
    write_wav(path, samples.astype(np.float32), 16_000)
    return path


def manifest(folder: Path, *texts: str) -> Path:
    lines = []
    for number, text in enumerate(texts):
        tone(folder / f"{number}.wav")
        lines.append(json.dumps({"id": str(number), "audio": f"{number}.wav", "text": text}))
    file = folder / "set.jsonl"
    file.write_text("\n".join(lines) + "\n")
    return file


# Help, versions, and wrong usage


def test_help_lists_the_commands(run: Run) -> None:
    status, out, err = run("--help")
    assert (status, err) == (0, "")
    assert all(command in out for command in ("transcribe", "compose", "evaluate", "models"))


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["transcribe", "--help"], ["compose", "--bogus"]])
def test_help_is_light_because_nothing_heavy_is_imported(arguments: list[str]) -> None:
    program = (
        "import sys, audio_lstm.cli as cli\n"
        "try: cli.main(sys.argv[1:])\n"
        "except SystemExit: pass\n"
        "heavy = {'numpy', 'onnxruntime', 'torch', 'soundfile', 'av', 'symusic'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_the_version_is_printed(run: Run) -> None:
    from audio_lstm import __version__

    assert run("--version") == (0, f"audio-lstm {__version__}\n", "")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "the following arguments are required: COMMAND (see audio-lstm --help)"),
        (["transcrbe"], "unknown command transcrbe; did you mean transcribe? (see audio-lstm --help)"),
        (["xyz"], "unknown command xyz; known: transcribe, compose, evaluate, models"),
        (["evaluate"], "the following arguments are required: speech|music (see audio-lstm evaluate --help)"),
        (["evaluate", "spech"], "unknown command spech; did you mean speech?"),
        (["evaluate", "speech"], "the following arguments are required: --manifest"),
        (["transcribe"], "the following arguments are required: FILE"),
        (["transcribe", "a.wav", "--modle", "x"], "unknown option --modle; did you mean --model? (see audio-lstm tra"),
        (["evaluate", "music", "--data=x", "--splitt=test"], "unknown option --splitt; did you mean --split?"),
        (["compose", "--qqq"], "unknown option --qqq (see audio-lstm compose --help)"),
        (["compose", "extra"], "unexpected argument extra"),
        (["compose", "--temp", "1"], "unknown option --temp; did you mean --tempo?"),
        (["compose", "--seed"], "argument --seed: expected one argument"),
        (["compose", "--seed", "x"], "argument --seed: invalid int value: 'x'"),
        (["compose", "--bars", "2.5"], "argument --bars: invalid int value: '2.5'"),
        (["compose", "--tempo", "fast"], "argument --tempo: expected a number above 0, got 'fast'"),
        (["compose", "--tempo", "nan"], "argument --tempo: expected a number above 0, got 'nan'"),
        (["transcribe", "a.wav", "--max-seconds", "0"], "argument --max-seconds: expected a number above 0, got '0'"),
    ],
)
def test_wrong_usage_is_one_line_and_status_2(run: Run, arguments: list[str], message: str) -> None:
    status, out, err = run(*arguments)
    assert (status, out) == (2, "")
    assert_one_complaint(err, message)


# transcribe


def test_one_file_gives_its_text_alone(run: Run, speech: str, tmp_path: Path) -> None:
    assert run("transcribe", tone(tmp_path / "a.wav"), "--model", speech) == (0, "A\n", "")


def test_several_files_give_name_tab_text(run: Run, speech: str, tmp_path: Path) -> None:
    one, two = tone(tmp_path / "a.wav"), tone(tmp_path / "b.wav")
    assert run("transcribe", one, two, "--model", speech) == (0, f"{one}\tA\n{two}\tA\n", "")


def test_json_gives_one_object_a_file(run: Run, speech: str, tmp_path: Path) -> None:
    one, two = tone(tmp_path / "a.wav"), tone(tmp_path / "é.wav")
    status, out, _ = run("transcribe", one, two, "--model", speech, "--json")
    facts = [json.loads(line) for line in out.splitlines()]
    assert status == 0
    assert [fact["file"] for fact in facts] == [str(one), str(two)]
    assert facts[0]["text"] == "A"
    assert facts[0]["duration_s"] == 0.5
    assert {"text", "start_s", "end_s", "confidence"} == set(facts[0]["segments"][0]["words"][0])


def bad_audio(kind: str, folder: Path) -> Path:
    file = folder / f"{kind}.wav"
    if kind == "empty":
        file.touch()
    elif kind == "text":
        file.write_text("these are words, not a recording\n" * 20)
    elif kind == "nan":
        import soundfile

        soundfile.write(file, np.full(8000, np.nan, np.float32), 16_000, subtype="FLOAT")
    elif kind == "one sample":
        with wave.open(str(file), "wb") as writer:
            writer.setparams((1, 2, 16_000, 0, "NONE", ""))
            writer.writeframes(b"\1\2")
    elif kind == "silence":
        write_wav(file, np.zeros(16_000, np.float32), 16_000)
    elif kind == "truncated":
        whole = tone(folder / "whole.wav", 2.0).read_bytes()
        file.write_bytes(whole[: len(whole) // 2])
    elif kind == "playlist":
        file = folder / "list.m3u8"
        file.write_text(f"#EXTM3U\n#EXTINF:1,\n{tone(folder / 'secret.wav')}\n")
    elif kind == "folder":
        file.mkdir()
    elif kind == "fifo":
        os.mkfifo(file)
    return file


BAD_AUDIO = ("missing", "empty", "text", "nan", "one sample", "silence", "truncated", "playlist", "folder", "fifo")


@pytest.mark.parametrize("kind", BAD_AUDIO)
def test_a_bad_recording_is_one_line_and_status_1(run: Run, speech: str, tmp_path: Path, kind: str) -> None:
    file = bad_audio(kind, tmp_path)
    status, out, err = run("transcribe", file, "--model", speech)
    assert (status, out) == (1, "")
    assert_one_complaint(err, file)


def test_bad_files_in_a_list_are_reported_and_the_rest_go_on(run: Run, speech: str, tmp_path: Path) -> None:
    first, last = tone(tmp_path / "first.wav"), tone(tmp_path / "last.wav")
    bad = [bad_audio(kind, tmp_path) for kind in BAD_AUDIO]
    status, out, err = run("transcribe", first, *bad, last, "--model", speech)
    assert status == 1
    assert out == f"{first}\tA\n{last}\tA\n"
    complaints = err.splitlines()
    assert len(complaints) == len(BAD_AUDIO)
    for file, line in zip(bad, complaints, strict=True):
        assert str(file) in line


def test_silence_keeps_its_json_object_beside_the_complaint(run: Run, speech: str, tmp_path: Path) -> None:
    status, out, err = run("transcribe", bad_audio("silence", tmp_path), "--model", speech, "--json")
    assert status == 1
    assert json.loads(out)["text"] == ""
    assert_one_complaint(err, "no speech found (digital silence); check the recording")


def test_a_recording_over_the_limit_is_refused_with_the_limit(run: Run, speech: str, tmp_path: Path) -> None:
    status, _, err = run("transcribe", tone(tmp_path / "a.wav", 2.0), "--model", speech, "--max-seconds", "1")
    assert status == 1
    assert_one_complaint(err, "a.wav")


def test_what_is_left_of_a_truncated_file_can_be_taken(run: Run, speech: str, tmp_path: Path) -> None:
    status, out, _ = run("transcribe", bad_audio("truncated", tmp_path), "--model", speech, "--allow-truncated")
    assert (status, out) == (0, "A\n")


def test_a_name_of_several_lines_stays_one_line(run: Run, speech: str, tmp_path: Path) -> None:
    status, _, err = run("transcribe", tmp_path / "two\nlines.wav", "--model", speech)
    assert status == 1
    assert_one_complaint(err, "lines.wav")


@pytest.mark.parametrize("command", ["transcribe", "compose"])
@pytest.mark.parametrize("kind", ["missing", "empty folder", "other wing", "damaged graph"])
def test_a_wrong_model_is_one_line_and_status_1(
    run: Run, speech: str, music: str, tmp_path: Path, command: str, kind: str
) -> None:
    own, other = (speech, music) if command == "transcribe" else (music, speech)
    model, message = tmp_path / "model", "model"
    if kind == "empty folder":
        model.mkdir()
        message = "not a model folder (no config.json)"
    elif kind == "other wing":
        model, message = Path(other), f"use it with `{'compose' if command == 'transcribe' else 'transcribe'}`"
    elif kind == "damaged graph":
        shutil.copytree(own, model)
        (model / "model.onnx").write_bytes(b"nonsense")
        message = "not a model that ONNX Runtime can run"
    wish = (
        ["transcribe", tone(tmp_path / "a.wav")]
        if command == "transcribe"
        else ["compose", "--out", tmp_path / "x.mid"]
    )
    status, out, err = run(*wish, "--model", model)
    assert (status, out) == (1, "")
    assert_one_complaint(err, model, message)
    assert not (tmp_path / "x.mid").exists()


def test_an_unknown_device_is_wrong_usage(run: Run, speech: str, tmp_path: Path) -> None:
    status, _, err = run("transcribe", tone(tmp_path / "a.wav"), "--model", speech, "--device", "tpu")
    assert status == 2
    assert_one_complaint(err, "device must be 'cpu' or 'cuda', got 'tpu'")


# compose


def test_compose_writes_a_midi_file_and_says_how_to_repeat_it(run: Run, music: str, tmp_path: Path) -> None:
    out_file = tmp_path / "piece.mid"
    status, out, err = run("compose", "--model", music, "--bars", "1", "--seed", "3", "--out", out_file)
    assert (status, err) == (0, "")
    assert out.startswith(f"{out_file}: 1 bars, ")
    assert "seed 3" in out
    assert read_score(out_file).n_notes


def test_the_command_line_and_python_write_the_same_piece(run: Run, music: str, tmp_path: Path) -> None:
    run("compose", "--model", music, "--bars", "1", "--seed", "3", "--out", tmp_path / "cli.mid")
    compose(model=music, bars=1, seed=3).save(tmp_path / "python.mid")
    assert (tmp_path / "cli.mid").read_bytes() == (tmp_path / "python.mid").read_bytes()


def test_takes_are_numbered_files(run: Run, music: str, tmp_path: Path) -> None:
    arguments = ["--model", music, "--bars", "1", "--seed", "3", "--takes", "2", "--json"]
    status, out, _ = run("compose", *arguments, "--out", tmp_path / "piece.mid")
    facts = [json.loads(line) for line in out.splitlines()]
    assert status == 0
    assert [Path(fact["file"]).name for fact in facts] == ["piece-1.mid", "piece-2.mid"]
    assert [fact["take"] for fact in facts] == [0, 1]
    assert sorted(file.name for file in tmp_path.iterdir()) == ["piece-1.mid", "piece-2.mid"]


def test_sampling_options_reach_the_sampler(run: Run, music: str, tmp_path: Path) -> None:
    options = ["--temperature", "0.5", "--top-k", "3", "--top-p", "0.9", "--tempo", "100", "--json"]
    status, out, _ = run("compose", "--model", music, "--bars", "1", "--out", tmp_path / "x.mid", *options)
    facts = json.loads(out)
    assert status == 0
    assert (facts["temperature"], facts["top_k"], facts["top_p"]) == (0.5, 3, 0.9)
    assert read_score(tmp_path / "x.mid").tempi[0].bpm == 100


def test_an_existing_file_is_kept_unless_forced(run: Run, music: str, tmp_path: Path) -> None:
    out_file = tmp_path / "piece.mid"
    out_file.write_text("mine")
    wish = ["compose", "--model", music, "--bars", "1", "--out", out_file]
    status, _, err = run(*wish)
    assert status == 1
    assert_one_complaint(err, out_file, "exists already; pass --force to overwrite it, or another --out")
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
        (["--out", "piece.wav"], "--out piece.wav: expected a name that ends in .mid"),
        (["--out", "piece"], "--out piece: expected a name that ends in .mid"),
    ],
)
def test_bad_wishes_are_one_line_and_status_2(
    run: Run, music: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: list[str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    status, out, err = run("compose", "--model", music, *options)
    assert (status, out) == (2, "")
    assert_one_complaint(err, message)
    assert not list(tmp_path.iterdir())


def test_places_that_cannot_be_written_are_refused_before_composing(
    run: Run, music: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(**_: object) -> None:
        raise AssertionError("composed first")

    monkeypatch.setattr("audio_lstm.music.compose.compose_takes", never)
    status, _, err = run("compose", "--model", music, "--out", tmp_path / "nowhere" / "x.mid")
    assert status == 1
    assert_one_complaint(err, "the folder", "nowhere does not exist; create it first")
    (tmp_path / "folder.mid").mkdir()
    status, _, err = run("compose", "--model", music, "--force", "--out", tmp_path / "folder.mid")
    assert status == 1
    assert_one_complaint(err, "folder.mid: is a folder; pass another --out")


# evaluate


def test_evaluate_speech_prints_one_json_object_with_the_agreed_keys(run: Run, speech: str, tmp_path: Path) -> None:
    status, out, err = run(
        "evaluate", "speech", "--manifest", manifest(tmp_path, "A", "A B"), "--model", speech, "--json"
    )
    figures = json.loads(out)
    assert (status, err, out.count("\n")) == (0, "", 1)
    assert {"wer", "cer", "n_utterances", "n_words", "audio_s", "real_time_factor"} <= set(figures)
    assert figures["wer"] == pytest.approx(1 / 3)  # "A" and "A" for "A" and "A B"
    assert figures["cer"] == pytest.approx(2 / 4)
    assert (figures["n_utterances"], figures["n_words"], figures["audio_s"]) == (2, 3, 1.0)
    assert figures["real_time_factor"] > 0


def test_evaluate_speech_for_people(run: Run, speech: str, tmp_path: Path) -> None:
    status, out, _ = run("evaluate", "speech", "--manifest", manifest(tmp_path, "A"), "--model", speech)
    assert status == 0
    assert out.startswith("WER 0.00 %   CER 0.00 %\n1 utterances, 1 words")


def test_a_folder_of_recordings_and_texts_is_a_manifest_too(run: Run, speech: str, tmp_path: Path) -> None:
    for name, text in (("one", "a\n"), ("two", "A B")):
        tone(tmp_path / f"{name}.wav")
        (tmp_path / f"{name}.txt").write_text(text)
    status, out, _ = run("evaluate", "speech", "--manifest", tmp_path, "--model", speech, "--json")
    assert status == 0
    assert json.loads(out)["wer"] == pytest.approx(1 / 3)


def test_hypothesis_and_reference_are_written_a_line(run: Run, speech: str, tmp_path: Path) -> None:
    file = tmp_path / "out.jsonl"
    wish = ["evaluate", "speech", "--manifest", manifest(tmp_path, "A B", "A"), "--model", speech]
    assert run(*wish, "--per-utterance", file)[0] == 0
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert [(line["id"], line["reference"], line["hypothesis"]) for line in lines] == [
        ("0", "A B", "A"),
        ("1", "A", "A"),
    ]
    status, out, err = run(*wish, "--per-utterance", tmp_path / "nowhere" / "out.jsonl")
    assert (status, out) == (1, "")
    assert_one_complaint(err, "nowhere does not exist; create it first")


def test_the_listing_of_errors_leaves_json_alone_on_stdout(run: Run, speech: str, tmp_path: Path) -> None:
    wish = ["evaluate", "speech", "--manifest", manifest(tmp_path, "A B"), "--model", speech, "--errors"]
    status, out, _ = run(*wish)
    assert status == 0
    assert "B" in out.split("real-time factor")[1]
    status, out, err = run(*wish, "--json")
    assert status == 0
    json.loads(out)
    assert "B" in err


def test_an_unreadable_recording_is_reported_and_counts_as_empty(run: Run, speech: str, tmp_path: Path) -> None:
    file = manifest(tmp_path, "A", "A")
    (tmp_path / "1.wav").unlink()
    status, out, err = run("evaluate", "speech", "--manifest", file, "--model", speech, "--json")
    figures = json.loads(out)
    assert status == 1
    assert (figures["wer"], figures["n_unreadable"], figures["n_utterances"]) == (0.5, 1, 2)
    assert_one_complaint(err, "1.wav", "(counted as empty)")


def test_texts_that_the_model_cannot_write_are_named_and_scored(run: Run, speech: str, tmp_path: Path) -> None:
    file = manifest(tmp_path, "A", "A 12", "7")
    status, out, err = run("evaluate", "speech", "--manifest", file, "--model", speech, "--json")
    assert (status, json.loads(out)["wer"]) == (0, 0.5)
    assert_one_complaint(err, "2 of 3 references hold letters that the model cannot write", "'A 12'")


@pytest.mark.parametrize("content", [None, "", "not json\n", '{"audio": "a.wav"}\n'])
def test_a_bad_manifest_is_one_line(run: Run, speech: str, tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "set.jsonl"
    if content is not None:
        file.write_text(content)
    status, out, err = run("evaluate", "speech", "--manifest", file, "--model", speech, "--json")
    assert (status, out) == (1, "")
    assert_one_complaint(err, file)


@pytest.mark.parametrize("split", ["valid", "test"])
def test_evaluate_music_prints_one_json_object_with_the_agreed_keys(
    run: Run, music: str, tmp_path: Path, split: str
) -> None:
    file = tmp_path / "satb.json"
    file.write_text(json.dumps({split: [np.tile(CHORD, (8, 1)).tolist()] * 2}))
    arguments = ["--data", file, "--model", music, "--json", *(["--split", "test"] if split == "test" else [])]
    status, out, err = run("evaluate", "music", *arguments)
    figures = json.loads(out)
    assert (status, err, out.count("\n")) == (0, "", 1)
    assert {"nll", "unit", "n_pieces", "n_steps", "n_tokens", "tokens_per_s"} <= set(figures)
    assert (figures["unit"], figures["n_pieces"], figures["n_steps"]) == ("nats/cell", 2, 16)


def test_evaluate_music_for_people(run: Run, music: str, tmp_path: Path) -> None:
    file = tmp_path / "satb.json"
    file.write_text(json.dumps({"valid": [np.tile(CHORD, (8, 1)).tolist()] * 2}))
    status, out, _ = run("evaluate", "music", "--data", file, "--model", music)
    assert status == 0
    assert out.endswith("2 pieces, 16 time steps, 64 units, 66 tokens\n")


def test_a_malformed_chorale_is_reported_and_the_rest_go_on(run: Run, music: str, tmp_path: Path) -> None:
    file = tmp_path / "satb.json"
    file.write_text(json.dumps({"valid": [[[60, 60]], np.tile(CHORD, (8, 1)).tolist()]}))
    status, out, err = run("evaluate", "music", "--data", file, "--model", music, "--json")
    assert status == 1
    assert (json.loads(out)["n_pieces"], json.loads(out)["n_unusable"]) == (1, 1)
    assert_one_complaint(err, "satb.json: valid[0]: a voice grid has the shape", "(left out)")


def test_evaluate_music_reads_a_folder_of_midi(run: Run, events: str, tmp_path: Path) -> None:
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
def test_a_bad_midi_file_is_one_line_and_status_1(run: Run, events: str, tmp_path: Path, kind: str) -> None:
    file = bad_midi(kind, tmp_path)
    status, out, err = run("evaluate", "music", "--data", file, "--model", events)
    assert (status, out) == (1, "")
    assert_one_complaint(err, file)


def test_bad_midi_files_in_a_folder_are_reported_and_the_rest_go_on(run: Run, events: str, tmp_path: Path) -> None:
    write_midi(voice_grid_to_score(np.tile(CHORD, (8, 1))), tmp_path / "good.mid")
    bad = [bad_midi(kind, tmp_path) for kind in ("damaged", "no notes", "text")]
    status, out, err = run("evaluate", "music", "--data", tmp_path, "--model", events, "--json")
    assert status == 1
    assert json.loads(out)["n_pieces"] == 1
    for file, line in zip(bad, err.splitlines(), strict=True):
        assert str(file) in line
        assert line.endswith("(left out)")


def test_data_of_another_kind_and_missing_splits_are_named(run: Run, music: str, events: str, tmp_path: Path) -> None:
    file = tmp_path / "satb.json"
    file.write_text(json.dumps({"train": [np.tile(CHORD, (8, 1)).tolist()]}))
    status, _, err = run("evaluate", "music", "--data", file, "--model", music)
    assert status == 1
    assert_one_complaint(err, 'no split "valid"; it has train (choose one with --split)')
    status, _, err = run("evaluate", "music", "--data", file, "--split", "train", "--model", events)
    assert status == 1
    assert_one_complaint(err, "holds pieces of kind 'chorale', but a model of 'events' reads 'scores'")


# models, and leaving


def test_models_lists_what_ships(run: Run, speech: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("audio_lstm.checkpoint.SHIPPED", Path(speech).parent)
    assert run("models") == (0, "hears-a\tHears an A.\n", "")


def test_ctrl_c_leaves_with_130(run: Run, speech: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("audio_lstm.speech.recogniser.load_speech", interrupted)
    status, out, err = run("transcribe", "a.wav", "--model", speech)
    assert (status, out) == (130, "")
    assert_one_complaint(err, "interrupted")


def test_an_unforeseen_failure_of_the_system_is_one_line(
    run: Run, speech: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device", "somewhere")

    monkeypatch.setattr("audio_lstm.speech.recogniser.load_speech", full)
    status, _, err = run("transcribe", "a.wav", "--model", speech)
    assert status == 1
    assert_one_complaint(err, "somewhere: No space left on device")


def in_a_process(*arguments: str | Path, **options: object) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "audio_lstm.cli", *map(os.fspath, arguments)]
    return subprocess.run(command, capture_output=True, timeout=120, **options)  # type: ignore[call-overload, no-any-return]


def test_the_program_transcribes_files_whose_names_are_not_utf8(speech: str, tmp_path: Path) -> None:
    good = Path(os.fsdecode(bytes(tone(tmp_path / "a.wav").rename(tmp_path / os.fsdecode(b"\xff.wav")))))
    done = in_a_process("transcribe", good, tmp_path / "missing.wav", "--model", speech)
    assert done.returncode == 1
    assert done.stdout == os.fsencode(good) + b"\tA\n"
    assert done.stderr.count(b"\n") == 1
    assert b"missing.wav" in done.stderr


def test_the_program_ends_quietly_when_its_reader_goes_away(tmp_path: Path, music: str) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "audio_lstm.cli", "compose", "--model", music, "--bars", "1"]
    with os.fdopen(writer, "wb") as pipe:
        done = subprocess.run(command, stdout=pipe, stderr=subprocess.PIPE, cwd=tmp_path, timeout=120)
    assert (done.returncode, done.stderr) == (1, b"")


def test_the_program_never_imports_torch(speech: str, music: str, tmp_path: Path) -> None:
    program = (
        "import sys, audio_lstm.cli as cli; speech, music, clip, out = sys.argv[1:]\n"
        "assert cli.main(['transcribe', clip, '--model', speech]) == 0\n"
        "assert cli.main(['compose', '--model', music, '--bars', '1', '--out', out]) == 0\n"
        "assert 'torch' not in sys.modules"
    )
    arguments = [speech, music, str(tone(tmp_path / "a.wav")), str(tmp_path / "x.mid")]
    done = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
