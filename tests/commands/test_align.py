"""`align`: a table, other formats, what it complains about, and one line for every bad input."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from audio_lstm.audio.files import load_audio
from tests.audio.encoders import two_tracks

if TYPE_CHECKING:
    from tests.conftest import CommandLine

TEXT = "Three one four – one five nine two six."


@pytest.fixture
def digits(repository: Path) -> Path:
    return repository / "demos" / "samples" / "digits.wav"


def test_a_text_or_a_file_of_it_gives_a_line_a_word(run: CommandLine, digits: Path, tmp_path: Path) -> None:
    status, out, err = run("align", digits, TEXT)
    assert (status, err) == (0, "")
    lines = [line.split("\t") for line in out.splitlines()]
    assert lines[0] == ["start_s", "end_s", "score", "matched", "word"]
    assert [line[4] for line in lines[1:]] == ["Three", "one", "four –", "one", "five", "nine", "two", "six."]
    assert {line[3] for line in lines[1:]} == {"yes"}
    times = [float(time) for line in lines[1:] for time in line[:2]]
    assert times == sorted(times)
    script = tmp_path / "script.txt"
    script.write_text("\ufeff" + TEXT.replace(" ", "\n"), "utf-8")
    assert run("align", digits, script) == (0, out, "")


def test_a_sound_track_is_chosen_by_its_number(run: CommandLine, digits: Path, tmp_path: Path) -> None:
    voice = load_audio(digits)
    film = tmp_path / "film.mkv"
    film.write_bytes(two_tracks(voice, 0 * voice))
    status, out, _ = run("align", film, TEXT, "--track", "1")
    assert status == 0
    assert {line.split("\t")[3] for line in out.splitlines()[1:]} == {"yes"}
    status, out, err = run("align", film, TEXT)
    assert status == 1
    assert {line.split("\t")[3] for line in out.splitlines()[1:]} == {"no"}
    assert "track 2 of 2 is heard" in err


@pytest.mark.parametrize(
    ("name", "part"), [("srt", "00:00:0"), ("vtt", "WEBVTT\n"), ("textgrid", 'text = "nine"'), ("json", '"characters"')]
)
def test_other_formats_go_to_stdout_or_into_a_file(
    run: CommandLine, digits: Path, tmp_path: Path, name: str, part: str
) -> None:
    status, out, _ = run("align", digits, TEXT, "--format", name)
    assert status == 0
    assert part in out
    file = tmp_path / "out"
    assert run("align", digits, TEXT, "--format", name, "--out", file) == (0, "", "")
    assert file.read_text("utf-8").rstrip("\n") == out.rstrip("\n")
    if name == "json":
        assert json.loads(out)["matched_share"] == 1.0


@pytest.mark.parametrize(
    ("file", "part"),
    [
        ("x.srt", "00:00:0"),
        ("x.VTT", "WEBVTT\n"),
        ("x.TextGrid", 'text = "nine"'),
        ("x.json", '"characters"'),
        ("x.tsv", "start_s\t"),
        ("x.txt", "start_s\t"),
        ("x", "start_s\t"),
    ],
)
def test_the_suffix_of_the_file_says_its_format(
    run: CommandLine, digits: Path, tmp_path: Path, file: str, part: str
) -> None:
    assert run("align", digits, TEXT, "--out", tmp_path / file) == (0, "", "")
    assert part in (tmp_path / file).read_text("utf-8")
    assert run("align", digits, TEXT, "--out", tmp_path / file, "--format", "vtt") == (0, "", "")
    assert (tmp_path / file).read_text("utf-8").startswith("WEBVTT\n")


def test_standard_input_may_hold_the_recording_or_the_text(
    run: CommandLine, digits: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = run("align", digits, TEXT)
    for arguments, data in ((("-", TEXT), digits.read_bytes()), ((digits, "-"), TEXT.encode("utf-8-sig"))):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data), "ascii"))
        assert run("align", *arguments) == expected
    for data, message in ((b"caf\xe9", "standard input: not UTF-8 text (byte 3)"), (b"a" * 60_000_000, "too many for")):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data), "ascii"))
        assert message in run.refused(1, "align", digits, "-")


@pytest.mark.parametrize("text", ["Six!", "26", "2.6", "9/2", "one/five", "‘nine’"])
def test_a_text_of_one_word_is_no_file(
    run: CommandLine, digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.chdir(tmp_path)
    status, out, _ = run("align", digits, text, "--model", "an4")
    assert out.splitlines()[1].endswith(f"\t{text}")
    assert status == (text == "2.6")  # nobody says the point


def test_what_does_not_match_is_said_on_stderr(run: CommandLine, digits: Path) -> None:
    status, out, err = run("align", digits, "three 東 four nine two six hello everybody")
    assert status == 0
    assert "-\t-\t0.000\tno\thello\n" in out
    assert "the model cannot write 1 of 8 words (the first: '東'); spell them out" in err
    assert "2 of 8 words were not heard (the first: 'hello'); check the text, or try another --model" in err
    assert " s of speech are not in the text (the first at 1." in err
    assert err.count("\n") == 3
    status, out, err = run("align", digits, "quite another text", "--format", "json")
    assert status == 1
    assert json.loads(out)["matched_share"] == 0
    assert "3 of 3 words were not heard" in err


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["{digits}", "notes/script.txt"], 1, "notes/script.txt: no such text file; check the path, or pass the text"),
        (["{digits}", "script.txt"], 1, "script.txt: no such text file; check the path, or pass the text in quotes"),
        (["{digits}", "latin.txt"], 1, "latin.txt: not UTF-8 text (byte 3); save it as UTF-8"),
        (["{digits}", "empty.txt"], 1, "the text to align holds no words; check that it is the right file"),
        (["{digits}", "東京 мир"], 1, "the model can write none of the text's 2 words (the first: '東京'); check that"),
        (["{digits}", "./script"], 1, "./script: no such text file; check the path, or pass the text in quotes"),
        (["{digits}", "folder/script"], 1, "folder/script: no such text file; check the path, or pass the text in"),
        (["{digits}", "three", "--out", "x.doc"], 2, "x.doc: no format for the suffix '.doc'; known: tsv, json, srt"),
        (["-", "-"], 2, "audio and text cannot both be -: standard input holds one of them"),
        (["missing.wav", "three"], 1, "missing.wav: no such file"),
        (["{digits}", "three", "--max-seconds", "1"], 1, "more than the 1 s allowed"),
        (["{digits}", "three", "--model", "nothing"], 1, "model 'nothing' not found"),
        (["{digits}", "three", "--model", "chorale"], 1, "of the music wing, but a speech model is needed"),
        (["{digits}", "three", "--format", "doc"], 2, "expected one of tsv, json, srt, vtt, textgrid; got 'doc'"),
        (["{digits}", "three", "--out", "none/x.tsv"], 1, "none/x.tsv: the folder none does not exist; create it"),
        (["{digits}", "three", "--out", "folder"], 1, "folder: is a folder; pass another --out"),
        (["{digits}"], 2, "the following arguments are required: TEXT_OR_FILE"),
    ],
)
def test_bad_input_is_one_line(
    run: CommandLine,
    digits: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    status: int,
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("latin.txt").write_bytes(b"caf\xe9")
    Path("empty.txt").touch()
    Path("folder").mkdir()
    if "folder" in arguments:
        arguments = [*arguments[:1], TEXT, *arguments[2:]]  # else it complains about the words too
    assert message in run.refused(status, "align", *(argument.format(digits=digits) for argument in arguments))


def test_files_that_are_no_script_are_refused(
    run: CommandLine, digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "script.txt"
    script.write_text(TEXT)
    monkeypatch.setattr("audio_lstm.commands.align._MAX_TEXT_BYTES", 10)
    assert f"{script}: {script.stat().st_size} bytes is too large for the text of a recording" in run.refused(
        1, "align", digits, script
    )
    monkeypatch.undo()

    def refuse(*_: object, **__: object) -> str:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_text", refuse)
    assert "cannot be read (Permission denied); check the path and its permissions" in run.refused(
        1, "align", digits, script
    )


def test_a_long_text_is_no_file(run: CommandLine, digits: Path) -> None:
    status, out, _ = run("align", digits, f"{TEXT} " + "more " * 1000)
    assert status == 0
    assert out.count("\n") == 1 + 8 + 1000
