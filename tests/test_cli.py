"""The command line as a whole: help, versions, wrong usage, the list of models, and how it leaves."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.conftest import CommandLine


def test_help_lists_the_commands(run: CommandLine) -> None:
    status, out, err = run("--help")
    assert (status, err) == (0, "")
    assert all(
        command in out for command in ("transcribe", "align", "compose", "evaluate", "tune", "train-lm", "models")
    )


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["tune", "--help"], ["compose", "--bogus"]])
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


def test_the_version_is_printed(run: CommandLine) -> None:
    from audio_lstm import __version__

    assert run("--version") == (0, f"audio-lstm {__version__}\n", "")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "the following arguments are required: COMMAND (see audio-lstm --help)"),
        (["transcrbe"], "unknown command transcrbe; did you mean transcribe? (see audio-lstm --help)"),
        (
            ["xyz"],
            "unknown command xyz; known: transcribe, align, listen, serve, compose, harmonise, infill, render, memory, "
            "demo, evaluate, tune, train-lm, models",
        ),
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
        (["transcribe", "a.wav", "--beam-size", "many"], "argument --beam-size: invalid int value: 'many'"),
        (["transcribe", "a.wav", "--hotwrd", "x"], "unknown option --hotwrd; did you mean --hotword?"),
        (["tune", "--model", "m", "--manifest", "x"], "--manifest and --lm go together"),
        (["align", "a.wav"], "the following arguments are required: TEXT_OR_FILE"),
        (["train-lm", "a.txt"], "the following arguments are required: --out"),
        (["transcribe", "a.wav", "--max-seconds", "0"], "argument --max-seconds: expected a number above 0, got '0'"),
    ],
)
def test_wrong_usage_is_one_line_and_status_2(run: CommandLine, arguments: list[str], message: str) -> None:
    status, out, err = run(*arguments)
    assert (status, out) == (2, "")
    run.assert_one_complaint(err, message)


def test_models_lists_what_ships(run: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("hears-a", "no-model"):
        (tmp_path / name).mkdir()
    (tmp_path / "hears-a" / "config.json").write_text("{}")
    (tmp_path / "hears-a" / "README.md").write_text("# hears-a\n\nHears an A.\n")
    (tmp_path / "english.lm").write_text("a language model")
    monkeypatch.setattr("audio_lstm.checkpoint.SHIPPED", tmp_path)
    assert run("models") == (0, "hears-a\tHears an A.\n", "")


def test_ctrl_c_leaves_with_130(run: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    importlib.import_module("audio_lstm.speech.hearing.transcribe")  # now, or it would keep the replacement for good

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("audio_lstm.speech.hearing.recogniser.load_speech", interrupted)
    status, out, err = run("transcribe", "a.wav")
    assert (status, out) == (130, "")
    run.assert_one_complaint(err, "interrupted")


def test_an_unforeseen_failure_of_the_system_is_one_line(run: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device", "somewhere")

    monkeypatch.setattr("audio_lstm.speech.hearing.recogniser.load_speech", full)
    status, _, err = run("transcribe", "a.wav")
    assert status == 1
    run.assert_one_complaint(err, "somewhere: No space left on device")
