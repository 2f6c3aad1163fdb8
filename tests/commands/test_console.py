"""What the commands share: one-line complaints and usage errors, numbers, progress on a terminal only, folders."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from audio_lstm.commands import console
from audio_lstm.errors import AudioLSTMError


def test_a_complaint_is_one_line_on_stderr_whatever_it_holds(capsys: pytest.CaptureFixture[str]) -> None:
    console.complain("two\nlines\t and  spaces ")
    assert capsys.readouterr() == ("", "audio-lstm: two lines and spaces\n")


def test_an_answer_goes_to_stdout_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    console.answer("two\nlines")
    assert capsys.readouterr() == ("two\nlines\n", "")
    console.answer("beside JSON", beside=True)
    assert capsys.readouterr() == ("", "beside JSON\n")


@pytest.mark.parametrize("text", ["0", "-1", "nan", "inf", "many", ""])
def test_what_is_no_positive_number_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match=f"expected a number above 0, got {text!r}"):
        console.positive_float(text)
    assert console.positive_float("1e-3") == 0.001


def test_progress_is_shown_on_a_terminal_only(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert console.progress(2, "files") is None
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    show = console.progress(2, "files")
    assert show is not None
    show(1)
    show(2)
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("\r1/2 files, ")
    assert err.endswith("\r2/2 files, 0 s left \n")


def test_a_live_line_is_written_anew_on_a_terminal_only(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert console.live_line() is None
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "10")
    show = console.live_line()
    assert show is not None
    for text in ("ONE", "ONE", "ONE TWO THREE", ""):
        show(text)
    assert capsys.readouterr() == ("", "\r\x1b[2KONE\r\x1b[2K…WO THREE\r\x1b[2K")


def test_what_has_been_heard_is_shown_with_the_speed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert console.listening("a.wav") is None
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    clock = iter([0.0, 0.1, 10.0, 20.0, 30.0])
    monkeypatch.setattr("time.perf_counter", lambda: next(clock))
    tell = console.listening("a.wav")
    assert tell is not None
    tell(10, 7200)  # too soon after the start
    tell(3661, 7200)
    tell(4000, None)
    tell(7200, 7200)
    shown = capsys.readouterr().err.split("\r\x1b[2K")
    assert shown == [
        "",
        "a.wav: 1:01:01 of 2:00:00 heard, 366 x real time",
        "a.wav: 1:06:40 heard, 200 x real time",
        "",
    ]


def test_a_missing_folder_is_named_before_the_work_is_done(tmp_path: Path) -> None:
    console.require_folder(tmp_path / "x.json")
    with pytest.raises(AudioLSTMError, match=r"x\.json: the folder .*nowhere does not exist; create it first"):
        console.require_folder(tmp_path / "nowhere" / "x.json")


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--modle", "x"], "audio-lstm: unknown option --modle; did you mean --model? (see program --help)\n"),
        (["x"], "audio-lstm: unexpected argument x (see program --help)\n"),
        (["--model"], "audio-lstm: argument --model: expected one argument (see program --help)\n"),
    ],
)
def test_wrong_usage_is_one_line_and_status_2(
    arguments: list[str], line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    parser = console.Parser(prog="program", allow_abbrev=False)
    console.add_model(parser, "an4")
    with pytest.raises(SystemExit, match="2"):
        parser.parse_args(arguments)
    assert capsys.readouterr() == ("", line)


def test_a_wrong_choice_is_called_a_command_only_where_it_is_one(capsys: pytest.CaptureFixture[str]) -> None:
    parser = console.Parser(prog="program")
    parser.add_argument("--voice", choices=tuple("SATB"))
    parser.add_subparsers(metavar="COMMAND").add_parser("sing")
    for arguments, message in (
        (["--voice", "X"], "--voice X: choose from S, A, T, B (see"),
        (["sign"], "unknown command sign; did you mean sing? (see"),
    ):
        with pytest.raises(SystemExit, match="2"):
            parser.parse_args(arguments)
        assert message in capsys.readouterr().err


def test_a_model_is_required_where_there_is_no_default(capsys: pytest.CaptureFixture[str]) -> None:
    parser = console.Parser(prog="program")
    console.add_model(parser, None)
    with pytest.raises(SystemExit, match="2"):
        parser.parse_args([])
    assert "the following arguments are required: --model" in capsys.readouterr().err
    assert parser.parse_args(["--model", "m"]).device == "cpu"
