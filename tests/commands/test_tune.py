"""`tune`: the table that it prints, what it writes into the model's folder, and one line for every bad input."""

from __future__ import annotations

import dataclasses
import json
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch

from audio_lstm.config import LSTMConfig
from audio_lstm.speech.acoustic.config import SpeechModelConfig
from audio_lstm.speech.acoustic.model import SpeechModel
from audio_lstm.speech.ctc.timing import Timing
from audio_lstm.speech.decoding.decoding import read_decoding
from audio_lstm.speech.decoding.lexicon import Lexicon
from audio_lstm.speech.sound.features import FeatureConfig
from audio_lstm.speech.training.export import export_speech
from audio_lstm.speech.training.tune import N_TRIALS
from audio_lstm.speech.words.char_lm import CharLMConfig
from audio_lstm.speech.words.char_lm_export import export_char_lm
from audio_lstm.speech.words.char_lm_model import CharLMModel
from audio_lstm.speech.words.lm_file import read_language_model

if TYPE_CHECKING:
    from tests.conftest import CommandLine

Write = Callable[..., Path]

# The model hears A in half a second of sound, and B as e^-26 times as likely.
ARPA = """\\data\\
ngram 1=4

\\1-grams:
-0.5 </s>
-99 <s>
{a} A
-0.5 B

\\end\\
"""


@pytest.fixture
def folder(speech: str, tmp_path: Path) -> Path:
    """A copy of the model, to be tuned."""
    return shutil.copytree(speech, tmp_path / "model")


@pytest.fixture
def likes_b(tmp_path: Path) -> Path:
    file = tmp_path / "likes-b.arpa"
    file.write_text(ARPA.format(a=-20))
    return file


@pytest.fixture
def data(tmp_path: Path, manifest: Write) -> Write:
    """Makes a manifest of a name, with texts."""

    def write(name: str, *texts: str) -> Path:
        (tmp_path / name).mkdir()
        return manifest(tmp_path / name, *texts).rename(tmp_path / name / f"{name}.dev.jsonl")

    return write


def test_a_language_model_that_helps_goes_into_the_folder(
    run: CommandLine, folder: Path, likes_b: Path, data: Write
) -> None:
    status, out, err = run("tune", "--manifest", data("b", "B", "B"), "--model", folder, "--lm", likes_b)
    assert (status, err) == (0, "")
    lines = out.splitlines()
    assert lines[0].split() == ["lm", "weight", "word", "bonus", "mean", "WER", "b.dev"]
    assert lines[1].split() == ["greedy", "100.00", "100.00"]
    assert len(lines) == 1 + 1 + N_TRIALS + 2 + 2
    assert {len(line) for line in lines[: 2 + N_TRIALS]} == {len(lines[0])}
    assert lines[2 + N_TRIALS].startswith("chosen: language model likes-b, weight ")
    assert lines[2 + N_TRIALS].endswith("beam 32: WER 0.00 % (greedy 100.00 %)")
    assert "not calibrated: that needs right and wrong words in both halves of the data" in lines[3 + N_TRIALS]
    assert lines[4 + N_TRIALS :] == [f"wrote {folder / 'likes-b.lm'}", f"wrote {folder / 'decoding.json'}"]
    stored = read_decoding(folder)
    assert stored.language_model == "likes-b"
    assert stored.beam.beam_size == 32
    assert (folder / "likes-b.lm").read_bytes().startswith(b"\x89ALM")
    assert read_language_model(folder / "likes-b.lm").words == ("A", "B")
    assert run("transcribe", folder.parent / "b" / "0.wav", "--model", folder) == (0, "B\n", "")
    # Once more, with the language model that is in the folder now, and a decoding.json that is there already.
    (folder / "likes-b.lm").rename(folder / "own.lm")
    again = ["tune", "--manifest", folder.parent / "b" / "b.dev.jsonl", "--model", folder]
    assert run(*again, "--lm", folder / "own.lm", "--beam-size", "6")[0] == 0
    assert (read_decoding(folder).language_model, read_decoding(folder).beam.beam_size) == ("own", 6)


@pytest.mark.parametrize("kept", ["kept", "left out"])
def test_a_rescorer_is_kept_where_it_helps(
    run: CommandLine, folder: Path, tmp_path: Path, data: Write, kept: str
) -> None:
    helps = kept == "kept"
    # The language model likes A and B alike, so that the sound decides, which says A.
    neutral = tmp_path / "neutral.arpa"
    neutral.write_text(ARPA.format(a=-0.5))
    judge = CharLMModel(CharLMConfig(LSTMConfig(8, hidden_size=8, n_layers=1), ("A", "B", " "))).eval()
    with torch.no_grad():
        judge.head.weight.zero_()
        judge.head.bias.copy_(torch.tensor([0.0, -20.0, 20.0, 0.0] if helps else [0.0, 0.0, 0.0, 0.0]))
    rescorer = export_char_lm(judge, tmp_path / "judge", name="judge", card="# Judge\n")
    dev = data("dev", "B", "B")
    options = ["tune", "--manifest", dev, "--model", folder, "--lm", neutral, "--rescorer", rescorer]
    status, out, err = run(*options, "--dry-run", "--json")
    assert (status, err) == (0, "")
    facts = json.loads(out)
    assert (facts["rescored"]["kept"], facts["rescored"]["wer"]) == (helps, 0.0 if helps else 1.0)
    assert facts["greedy_stays"] == (not helps)
    status, out, err = run(*options)
    assert (status, err) == (0, "")
    said = "rescored by judge, weight" if helps else "not rescored: no better with judge, weight"
    assert said in out
    heard = "B" if helps else "A"
    assert run("transcribe", tmp_path / "dev" / "0.wav", "--model", folder) == (0, f"{heard}\n", "")
    assert run("transcribe", tmp_path / "dev" / "0.wav", "--model", folder, "--rescorer", "none")[1] == "A\n"


def test_greedy_decoding_stays_where_the_language_model_hurts(
    run: CommandLine, folder: Path, likes_b: Path, data: Write
) -> None:
    status, out, _ = run("tune", "--manifest", data("a", "A", "A"), "--model", folder, "--lm", likes_b)
    assert status == 0
    assert "greedy decoding stays: the language model does not help (WER 0.00 % greedy, " in out
    assert out.splitlines()[-1] == f"wrote {folder / 'decoding.json'}"
    assert read_decoding(folder).language_model == ""
    assert not list(folder.glob("*.lm"))


def test_several_manifests_have_their_columns_and_confidence_is_calibrated(
    run: CommandLine, folder: Path, likes_b: Path, data: Write
) -> None:
    sets = ["--manifest", data("mixed", "A", "A", "B", "B", "A", "A"), "--manifest", data("other", "A")]
    status, out, _ = run("tune", *sets, "--model", folder, "--lm", likes_b)
    assert status == 0
    assert out.splitlines()[0].endswith("mean WER  mixed.dev  other.dev")
    assert out.splitlines()[1].split() == ["greedy", "16.67", "33.33", "0.00"]
    assert " % after (fitted on one half, measured on the other)" in out
    assert read_decoding(folder).calibration is not None
    evaluate = ["evaluate", "speech", "--manifest", sets[1], "--model", folder, "--json"]
    assert json.loads(run(*evaluate)[1])["calibration_error"] < 0.05  # A's probability is 0.85, 2 of 3 are right


def test_a_dry_run_writes_nothing_and_json_says_it_all(
    run: CommandLine, folder: Path, likes_b: Path, data: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    monkeypatch.setattr(tempfile, "TemporaryFile", None)  # nor does it try to
    wish = ["tune", "--manifest", data("b", "B", "A"), "--model", folder, "--lm", likes_b, "--dry-run"]
    status, out, _ = run(*wish, "--json", "--beam-size", "8")
    facts = json.loads(out)
    assert status == 0
    assert (facts["model"], facts["language_model"], facts["beam_size"]) == ("hears-a", "likes-b", 8)
    assert (facts["corpora"], facts["files"]) == (["b.dev"], [])
    assert len(facts["settings"]) == 1 + N_TRIALS
    assert facts["settings"][0] == {"lm_weight": None, "word_bonus": 0.0, "wer": 0.5, "wers": [0.5]}
    assert facts["best_with_language_model"]["wer"] >= 0.5
    assert facts["greedy_stays"] is True
    assert {"calibration_error", "calibration_error_before"} <= set(facts)
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == before
    assert run(*wish)[1].splitlines()[-1] == "dry run: nothing written"


def test_of_a_shipped_language_model_only_the_name_is_stored(
    run: CommandLine, folder: Path, likes_b: Path, data: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped = tmp_path / "weights"
    shipped.mkdir()
    likes_b.rename(shipped / "english.lm")
    for module in ("audio_lstm.checkpoint", "audio_lstm.speech.decoding.decoding"):
        monkeypatch.setattr(f"{module}.SHIPPED", shipped)
    wish = ["tune", "--manifest", data("b", "B"), "--model", folder, "--lm", "english"]
    assert run(*wish)[0] == 0
    assert read_decoding(folder).language_model == "english"
    assert not list(folder.glob("*.lm"))
    (folder / "english.lm").write_text("another one")
    err = run.refused(1, *wish)
    assert f"{folder / 'english.lm'}: would hide the shipped language model of this name; remove it, or pass" in err


def test_words_that_the_model_cannot_write_are_counted(
    run: CommandLine, folder: Path, likes_b: Path, data: Write
) -> None:
    likes_b.write_text(ARPA.format(a=-20).replace("-0.5 B\n", "-0.5 B\n-2 C\n").replace("1=4", "1=5"))
    status, _, err = run("tune", "--manifest", data("b", "B"), "--model", folder, "--lm", likes_b, "--dry-run")
    assert status == 0
    run.assert_one_complaint(err, likes_b, "1 of 3 words hold letters that the model cannot write, and will never")


def test_a_folder_that_takes_no_files_is_refused_before_the_work(
    run: CommandLine, folder: Path, likes_b: Path, data: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read_only(**_: object) -> None:
        raise OSError(30, "Read-only file system")

    def never(*_: object, **__: object) -> None:
        raise AssertionError("heard first")

    monkeypatch.setattr(tempfile, "TemporaryFile", read_only)
    monkeypatch.setattr("audio_lstm.speech.training.tune.hear_corpus", never)
    err = run.refused(1, "tune", "--manifest", data("b", "B"), "--model", folder, "--lm", likes_b)
    assert (
        f"{folder}: cannot be written (Read-only file system); copy the model to a folder of your own, or pass" in err
    )


def test_a_disk_that_is_full_by_then_leaves_the_folder_as_it_was(
    run: CommandLine, folder: Path, likes_b: Path, data: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    before = sorted(file.name for file in folder.iterdir())
    monkeypatch.setattr(shutil, "copyfile", full)
    err = run.refused(1, "tune", "--manifest", data("b", "B"), "--model", folder, "--lm", likes_b)
    assert "likes-b.lm: cannot be written (No space left on device); check the folder and the space left" in err
    assert sorted(file.name for file in folder.iterdir()) == before


@pytest.mark.parametrize(
    ("options", "status", "message"),
    [
        (["--beam-size", "0"], 2, "beam_size must be at least 1, got 0"),
        (["--manifest", "b/b.dev.jsonl"], 2, "the same --manifest is given twice; name it once"),
        (["--timing", "t.jsonl", "--timing", "t.jsonl"], 2, "the same --timing is given twice; name it once"),
        (["--timing", "missing.jsonl"], 1, "missing.jsonl"),
        (["--timing", "b/b.dev.jsonl"], 1, "the timing of words needs 10 pairs of recordings whose words the model"),
        (["--manifest", "missing.jsonl"], 1, "missing.jsonl"),
        (["--manifest", "empty.jsonl"], 1, "empty.jsonl: no utterances"),
        (["--manifest", "silent.jsonl"], 1, "silent.wav: no such file"),
        (["--model", "nothing"], 1, "model 'nothing' not found"),
        (["--model", "music"], 1, "of the music wing, but a speech model is needed"),
        (["--lm", "missing.lm"], 1, "missing.lm: no such language model; check the path"),
        (["--lm", "empty.jsonl"], 1, "empty.jsonl:1: not an ARPA language model"),
        (["--lm", "foreign.arpa"], 1, "none of the language model's 2 words fits the recogniser"),
        (["--lm", "nameless/.arpa"], 2, "--lm nameless/.arpa: the file needs a name before its suffix"),
    ],
)
def test_bad_input_is_one_line_and_changes_nothing(
    run: CommandLine,
    folder: Path,
    music: str,
    likes_b: Path,
    data: Write,
    monkeypatch: pytest.MonkeyPatch,
    options: list[str],
    status: int,
    message: str,
) -> None:
    monkeypatch.chdir(folder.parent)
    data("b", "B")
    Path("empty.jsonl").touch()
    Path("silent.jsonl").write_text('{"audio": "silent.wav", "text": "B"}\n')
    Path("foreign.arpa").write_text(ARPA.format(a=-1).replace("A\n", "X\n").replace("B\n", "Y\n"))
    Path("nameless").mkdir()
    shutil.copy(likes_b, "nameless/.arpa")
    before = sorted(file.name for file in folder.iterdir())
    wish = ["tune", "--manifest", "b/b.dev.jsonl", "--model", folder, "--lm", likes_b]
    options = [music if option == "music" else option for option in options]
    assert message in run.refused(status, *wish, *options)
    assert sorted(file.name for file in folder.iterdir()) == before


def test_word_times_are_measured_alone_and_leave_the_rest_as_it_was(
    run: CommandLine, folder: Path, likes_b: Path, data: Write
) -> None:
    assert run("tune", "--manifest", data("b", "B", "B"), "--model", folder, "--lm", likes_b)[0] == 0
    before = read_decoding(folder)
    assert before.timing == Timing()
    wish = ["tune", "--model", folder, "--timing", data("many", *["A"] * 24)]
    status, out, err = run(*wish, "--dry-run", "--json")
    assert (status, err) == (0, "")
    assert json.loads(out)["timing"]["n_joints"] == 23
    assert read_decoding(folder) == before
    status, out, _ = run(*wish)
    first, last = out.splitlines()
    assert status == 0
    assert first.startswith("word times: from start to first peak ")
    assert " ms); median error at 23 joints " in first
    assert last == f"wrote {folder / 'decoding.json'}"
    after = read_decoding(folder)
    assert after.timing != Timing()
    assert dataclasses.replace(after, timing=Timing()) == before
    # Tuning anew keeps it.
    assert run("tune", "--manifest", folder.parent / "b" / "b.dev.jsonl", "--model", folder, "--lm", "none.lm")[0] == 1
    (folder / "likes-b.lm").rename(folder / "own.lm")
    again = ["tune", "--manifest", folder.parent / "b" / "b.dev.jsonl", "--model", folder, "--lm", folder / "own.lm"]
    assert run(*again)[0] == 0
    assert read_decoding(folder).timing == after.timing


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "pass --manifest and --lm to choose how to decode, --timing to measure word times, or all"),
        (["--manifest", "dev.jsonl"], "--manifest and --lm go together: a language model is tuned on development data"),
        (
            ["--timing", "t.jsonl", "--rescorer", "r"],
            "--rescorer judges what a search with a language model finds: add",
        ),
        (["--lm", "english", "--timing", "t.jsonl"], "--manifest and --lm go together"),
    ],
)
def test_options_that_do_not_go_together_are_refused(
    run: CommandLine, folder: Path, options: list[str], message: str
) -> None:
    assert message in run.refused(2, "tune", "--model", folder, *options)


@pytest.mark.parametrize("right", ["sounds", "letters"])
def test_sounds_are_weighed_for_a_model_that_hears_them(
    run: CommandLine, tmp_path: Path, likes_b: Path, data: Write, right: str
) -> None:
    lstm = LSTMConfig(8, hidden_size=8, n_layers=1, bidirectional=True)
    config = SpeechModelConfig(FeatureConfig(n_mels=20), lstm, ("A", "B", " "), conv_channels=4, n_phonemes=2)
    model = SpeechModel(config).eval()
    with torch.no_grad():  # in every frame the letters say A, and the phonemes the sound of B
        for head, bias in ((model.head, [0.0, 4.0, 1.0, 0.0]), (model.phoneme_head, [0.0, 0.0, 4.0])):
            head.weight.zero_()
            head.bias.copy_(torch.tensor(bias))
    lexicon = Lexicon.from_pronunciations({"A": [(1,)], "B": [(2,)]}, phonemes=("ah", "b"))
    folder = export_speech(model, tmp_path / "model", name="both", card="", lexicon=lexicon)
    neutral = tmp_path / "neutral.arpa"
    neutral.write_text(ARPA.format(a=-0.5))
    text = "B" if right == "sounds" else "A"
    options = ["tune", "--manifest", data("dev", text, text), "--model", folder, "--lm", neutral]
    status, out, _ = run(*options, "--dry-run", "--json")
    assert status == 0
    pooled = json.loads(out)["pooled"]
    assert pooled["wer"] == 0.0
    assert pooled["kept"] == (right == "sounds")
    status, out, err = run(*options)
    assert (status, err) == (0, "")
    line = next(line for line in out.splitlines() if "sounds' beam 128" in line)
    assert line.startswith("letters and sounds (" if right == "sounds" else "letters only: no better are both (")
    assert line.endswith("WER 0.00 % (0.00)")
    assert (read_decoding(folder).pooling is not None) == (right == "sounds")
    assert run("transcribe", tmp_path / "dev" / "0.wav", "--model", folder) == (0, f"{text}\n", "")
    status, out, _ = run("evaluate", "speech", "--manifest", tmp_path / "dev" / "dev.dev.jsonl", "--model", folder)
    assert status == 0
    assert ("pooled: letters" in out) == (right == "sounds")
