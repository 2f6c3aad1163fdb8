"""`transcribe`: what it prints and writes, its exit status, one line for every bad input or wish."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import wave
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from numpy.typing import NDArray

from audio_lstm.audio.files import DEFAULT_MAX_SECONDS, write_wav
from audio_lstm.commands.transcribe import _Reporter
from audio_lstm.speech.batch.batch import BatchProgress
from audio_lstm.speech.hearing.transcribe import transcribe
from audio_lstm.speech.hearing.transcript import Transcript
from tests.audio.encoders import two_tracks

if TYPE_CHECKING:
    from tests.conftest import CommandLine

Write = Callable[..., Path]


def test_one_file_gives_its_text_alone(run: CommandLine, speech: str, tmp_path: Path, tone: Write) -> None:
    assert run("transcribe", tone(tmp_path / "a.wav"), "--model", speech) == (0, "A\n", "")


def test_a_writer_writes_what_was_heard_and_spoken_leaves_it(
    run: CommandLine, speech: str, tmp_path: Path, tone: Write
) -> None:
    file = tone(tmp_path / "a.wav")
    written = ("transcribe", file, "--model", speech, "--writer", "english-writer")
    status, out, err = run(*written)
    assert (status, err) == (0, "")
    assert out[:1] == "A"
    assert out[1:] in (".\n", "?\n", "!\n")
    assert run("transcribe", file, "--model", speech, "--spoken") == (0, "A\n", "")
    assert run(*written[:-1], "none", "--letters", "joined", "--numbers", "digits") == (0, "A\n", "")
    _, out, _ = run(*written, "--json")
    facts = json.loads(out)
    assert (facts["spoken"], facts["text"][0], facts["segments"][0]["words"][0]["spoken"]) == ("A", "A", "A")


def test_a_writer_that_is_not_there_is_one_line_and_status_1(
    run: CommandLine, speech: str, tmp_path: Path, tone: Write
) -> None:
    file = tone(tmp_path / "a.wav")
    assert "'nobody' not found" in run.refused(1, "transcribe", file, "--model", speech, "--writer", "nobody")
    assert "but a punctuation model is needed" in run.refused(
        1, "transcribe", file, "--model", speech, "--writer", speech
    )


def test_several_files_give_name_tab_text(run: CommandLine, speech: str, tmp_path: Path, tone: Write) -> None:
    one, two = tone(tmp_path / "a.wav"), tone(tmp_path / "b.wav")
    assert run("transcribe", one, two, "--model", speech) == (0, f"{one}\tA\n{two}\tA\n", "")


def test_json_gives_one_object_a_file(run: CommandLine, speech: str, tmp_path: Path, tone: Write) -> None:
    one, two = tone(tmp_path / "a.wav"), tone(tmp_path / "é.wav")
    status, out, _ = run("transcribe", one, two, "--model", speech, "--json")
    facts = [json.loads(line) for line in out.splitlines()]
    assert status == 0
    assert [fact["file"] for fact in facts] == [str(one), str(two)]
    assert facts[0]["text"] == "A"
    assert facts[0]["duration_s"] == 0.5
    assert {"text", "start_s", "end_s", "confidence", "spoken"} == set(facts[0]["segments"][0]["words"][0])


TRACK_NOTE = "track 2 of 2 is heard, the default one; --track N (track=N) chooses another"


@pytest.fixture
def film(voice: Callable[..., NDArray[np.float32]], tmp_path: Path) -> Path:
    """Its first track is a second long, its second, the default one, two."""
    file = tmp_path / "film.mkv"
    file.write_bytes(two_tracks(voice(1), voice(2)))
    return file


def test_a_sound_track_is_chosen_by_its_number(run: CommandLine, speech: str, film: Path) -> None:
    call = ("transcribe", film, "--model", speech, "--json")
    status, out, err = run(*call)
    assert (status, err) == (0, f"audio-lstm: {film}: {TRACK_NOTE}\n")
    assert json.loads(out)["notes"] == [TRACK_NOTE]
    assert json.loads(out)["duration_s"] == pytest.approx(2, abs=0.1)
    status, out, err = run(*call, "--track", "1")
    assert (status, err) == (0, "")
    assert json.loads(out)["duration_s"] == pytest.approx(1, abs=0.1)
    refusal = f"audio-lstm: {film}: has 2 sound tracks, got track 3; they are counted from 1\n"
    assert run(*call, "--track", "3") == (1, "", refusal)
    status, _, err = run(*call, "--track", "0")
    assert status == 2
    assert "--track" in err


def test_a_batch_takes_the_track_and_says_what_is_odd(
    run: CommandLine, speech: str, film: Path, tmp_path: Path
) -> None:
    call = ("transcribe", film, "--model", speech, "--format", "json", "--out")
    status, _, err = run(*call, tmp_path / "default")
    assert (status, err.splitlines()[0]) == (0, f"audio-lstm: {film}: {TRACK_NOTE}")
    status, _, err = run(*call, tmp_path / "first", "--track", "1")
    assert status == 0
    assert "track" not in err
    found = [Transcript.from_json((tmp_path / name / "film.json").read_bytes()) for name in ("default", "first")]
    assert [transcript.notes for transcript in found] == [(TRACK_NOTE,), ()]
    assert [transcript.duration_s for transcript in found] == pytest.approx([2, 1], abs=0.1)
    status, _, err = run(*call, tmp_path / "third", "--track", "3")
    assert status == 1
    assert f"{film}: has 2 sound tracks, got track 3" in err


@pytest.fixture(scope="session")
def bad_audio(tone: Write) -> Write:
    """Makes a recording that cannot be transcribed."""

    def make(kind: str, folder: Path) -> Path:
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

    return make


BAD_AUDIO = ("missing", "empty", "text", "nan", "one sample", "silence", "truncated", "playlist", "folder", "fifo")


@pytest.mark.parametrize("kind", BAD_AUDIO)
def test_a_bad_recording_is_one_line_and_status_1(
    run: CommandLine, speech: str, tmp_path: Path, kind: str, bad_audio: Write
) -> None:
    file = bad_audio(kind, tmp_path)
    status, out, err = run("transcribe", file, "--model", speech)
    assert (status, out) == (1, "")
    run.assert_one_complaint(err, file)


def test_bad_files_in_a_list_are_reported_and_the_rest_go_on(
    run: CommandLine, speech: str, tmp_path: Path, tone: Write, bad_audio: Write
) -> None:
    first, last = tone(tmp_path / "first.wav"), tone(tmp_path / "last.wav")
    bad = [bad_audio(kind, tmp_path) for kind in BAD_AUDIO]
    status, out, err = run("transcribe", first, *bad, last, "--model", speech)
    assert status == 1
    assert out == f"{first}\tA\n{last}\tA\n"
    complaints = err.splitlines()
    assert len(complaints) == len(BAD_AUDIO)
    for file, line in zip(bad, complaints, strict=True):
        assert str(file) in line


def test_a_recording_may_be_piped_in(
    run: CommandLine, speech: str, tmp_path: Path, tone: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound = tone(tmp_path / "a.wav").read_bytes()
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(sound)))
    assert run("transcribe", "-", "--model", speech) == (0, "A\n", "")
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"")))
    assert run.refused(1, "transcribe", "-", "--model", speech)
    assert "standard input goes to the terminal alone; leave --out out" in run.refused(
        2, "transcribe", "-", "--model", speech, "--out", tmp_path / "out"
    )


def test_a_folder_needs_a_folder_for_its_transcripts(run: CommandLine, speech: str, tmp_path: Path) -> None:
    err = run.refused(1, "transcribe", tmp_path, "--model", speech)
    assert f"{tmp_path}: is a folder; add --out DIR for its transcripts, or pass the files in it" in err


@pytest.mark.parametrize("command", ["transcribe", "align"])
def test_the_limit_that_help_tells_is_the_one_that_holds(run: CommandLine, command: str) -> None:
    status, out, _ = run(command, "--help")
    assert status == 0
    assert f"({DEFAULT_MAX_SECONDS:.0f}: {DEFAULT_MAX_SECONDS / 3600:.0f} h)" in " ".join(out.split())


def test_silence_keeps_its_json_object_beside_the_complaint(
    run: CommandLine, speech: str, tmp_path: Path, bad_audio: Write
) -> None:
    status, out, err = run("transcribe", bad_audio("silence", tmp_path), "--model", speech, "--json")
    assert status == 1
    assert json.loads(out)["text"] == ""
    run.assert_one_complaint(err, "no speech found (digital silence); check the recording")


def test_a_recording_over_the_limit_is_refused_with_the_limit(
    run: CommandLine, speech: str, tmp_path: Path, tone: Write
) -> None:
    status, _, err = run("transcribe", tone(tmp_path / "a.wav", 2.0), "--model", speech, "--max-seconds", "1")
    assert status == 1
    run.assert_one_complaint(err, "a.wav")


def test_what_is_left_of_a_truncated_file_can_be_taken(
    run: CommandLine, speech: str, tmp_path: Path, bad_audio: Write
) -> None:
    status, out, _ = run("transcribe", bad_audio("truncated", tmp_path), "--model", speech, "--allow-truncated")
    assert (status, out) == (0, "A\n")


def test_a_name_of_several_lines_stays_one_line(run: CommandLine, speech: str, tmp_path: Path) -> None:
    status, _, err = run("transcribe", tmp_path / "two\nlines.wav", "--model", speech)
    assert status == 1
    run.assert_one_complaint(err, "lines.wav")


def test_the_program_transcribes_files_whose_names_are_not_utf8(speech: str, tmp_path: Path, tone: Write) -> None:
    good = Path(os.fsdecode(bytes(tone(tmp_path / "a.wav").rename(tmp_path / os.fsdecode(b"\xff.wav")))))
    command = [sys.executable, "-m", "audio_lstm.cli", "transcribe", good, tmp_path / "missing.wav", "--model", speech]
    done = subprocess.run([os.fspath(word) for word in command], capture_output=True, timeout=120)
    assert done.returncode == 1
    assert done.stdout == os.fsencode(good) + b"\tA\n"
    assert done.stderr.count(b"\n") == 1
    assert b"missing.wav" in done.stderr


def test_json_is_json_whatever_the_bytes_of_names(run: CommandLine, speech: str, tmp_path: Path, tone: Write) -> None:
    odd = os.fsdecode(b"\xff\xe9")
    audio = tone(tmp_path / "a.wav").rename(tmp_path / f"{odd}.wav")
    model = shutil.copytree(speech, tmp_path / odd)
    status, out, _ = run("transcribe", audio, "--model", model, "--json")
    assert status == 0
    out.encode("utf-8")
    assert json.loads(out)["file"] == str(audio)
    status, out, _ = run("align", audio, "A", "--model", model, "--format", "json")
    assert status == 0
    assert json.loads(out.encode("utf-8"))["words"]
    (tmp_path / "set" / odd).mkdir(parents=True)
    shutil.copy(audio, tmp_path / "set" / odd)
    (tmp_path / "set" / odd / f"{odd}.txt").write_text("A B")
    per = tmp_path / f"{odd}.jsonl"
    status, out, err = run(
        "evaluate", "speech", "--manifest", tmp_path / "set", "--model", model, "--json", "--per-utterance", per
    )
    assert (status, err) == (0, "")
    json.loads(out.encode("utf-8"))
    assert json.loads(per.read_text("utf-8"))["id"] == f"{odd}/{odd}"
    assert run("transcribe", audio, "--model", model, "--out", tmp_path / odd, "--format", "json")[0] == 0
    json.loads((tmp_path / odd / f"{odd}.json").read_text("utf-8"))


@pytest.mark.parametrize("kind", ["missing", "empty folder", "other wing", "damaged graph"])
def test_a_wrong_model_is_one_line_and_status_1(
    run: CommandLine, speech: str, music: str, tmp_path: Path, kind: str, tone: Write
) -> None:
    model, message = tmp_path / "model", "model"
    if kind == "empty folder":
        model.mkdir()
        message = "not a model folder (no config.json)"
    elif kind == "other wing":
        model, message = Path(music), "use it with `compose`"
    elif kind == "damaged graph":
        shutil.copytree(speech, model)
        (model / "model.onnx").write_bytes(b"nonsense")
        message = "not a model that ONNX Runtime can run"
    status, out, err = run("transcribe", tone(tmp_path / "a.wav"), "--model", model)
    assert (status, out) == (1, "")
    run.assert_one_complaint(err, model, message)


def test_an_unknown_device_is_wrong_usage(run: CommandLine, speech: str, tmp_path: Path, tone: Write) -> None:
    status, _, err = run("transcribe", tone(tmp_path / "a.wav"), "--model", speech, "--device", "tpu")
    assert status == 2
    run.assert_one_complaint(err, "device must be 'cpu' or 'cuda', got 'tpu'")


def test_transcribing_never_imports_torch(speech: str, tmp_path: Path, tone: Write) -> None:
    program = (
        "import sys, audio_lstm.cli as cli; speech, clip = sys.argv[1:]\n"
        "assert cli.main(['transcribe', clip, '--model', speech]) == 0\n"
        "assert 'torch' not in sys.modules"
    )
    command = [sys.executable, "-c", program, speech, str(tone(tmp_path / "a.wav"))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


# Formats and batches


@pytest.fixture
def talks(tmp_path: Path, tone: Write) -> Path:
    """A folder of two recordings with one name."""
    for place in ("a.wav", "deep/a.wav"):
        (tmp_path / "talks" / place).parent.mkdir(parents=True, exist_ok=True)
        tone(tmp_path / "talks" / place)
    return tmp_path / "talks"


@pytest.mark.parametrize("name", ["txt", "srt", "vtt", "tsv", "json", "TextGrid"])
def test_one_file_goes_to_stdout_in_any_format(
    run: CommandLine, speech: str, tmp_path: Path, tone: Write, name: str
) -> None:
    file = tone(tmp_path / "a.wav")
    status, out, err = run("transcribe", file, "--model", speech, "--format", name)
    assert (status, err) == (0, "")
    assert out == getattr(transcribe(file, model=speech), f"to_{name.lower()}")()


def test_silence_in_a_format_is_an_empty_file_and_a_complaint(
    run: CommandLine, speech: str, tmp_path: Path, bad_audio: Write
) -> None:
    silence = bad_audio("silence", tmp_path)
    status, out, err = run("transcribe", silence, "--model", speech, "--format", "vtt")
    assert (status, out) == (1, "WEBVTT\n")
    run.assert_one_complaint(err, "no speech found")
    assert run("transcribe", silence, "--model", speech, "--format", "srt")[1] == ""


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--format", "doc"], "unknown format 'doc'; known: txt, srt, vtt, tsv, json, textgrid"),
        (["--format", "srt,json"], "several formats or files need a folder to write to; add --out DIR"),
        (["b.wav", "--format", "srt"], "several formats or files need a folder to write to; add --out DIR"),
        (["--json", "--format", "srt"], "--json goes with neither --format nor --out; use --format json"),
        (["--json", "--out", "x"], "--json goes with neither --format nor --out; use --format json"),
        (["--workers", "2"], "--workers and --force need a folder to write to; add --out DIR"),
        (["--force"], "--workers and --force need a folder to write to; add --out DIR"),
        (["--out", "x", "--workers", "0"], "--workers must be at least 1, got 0"),
        (["--out", "x", "--format", "doc"], "unknown format 'doc'; known: txt, srt"),
        (["--out", "x", "--device", "tpu"], "device must be 'cpu' or 'cuda', got 'tpu'"),
        (["--spoken", "--numbers", "digits"], "--spoken and --numbers exclude each other; leave one of them out"),
        (["--spoken", "--writer", "x"], "--spoken and --writer exclude each other; leave one of them out"),
        (["--letters", "glued"], "--letters glued: choose from apart, joined"),
    ],
)
def test_wishes_that_contradict_each_other_are_wrong_usage(
    run: CommandLine, tmp_path: Path, options: list[str], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert message in run.refused(2, "transcribe", "a.wav", *options)
    assert not list(tmp_path.iterdir())


SUMMARY = re.compile(
    r"audio-lstm: (\d+) of (\d+) files transcribed, (\d+\.\d\d) h of audio in \d+ s, real-time factor (-|\d\.\d{4}), "
    r"(\d+) failed, (\d+) skipped( \(there already; --force does them again\))?, (\d+) without speech\n"
)


def summary_of(err: str) -> tuple[str, ...]:
    """Transcribed, found, failed, skipped, without speech."""
    found = SUMMARY.fullmatch(err)
    assert found, err
    return found[1], found[2], found[5], found[6], found[8]


def test_a_folder_is_transcribed_into_a_tree_and_resumed(
    run: CommandLine, speech: str, talks: Path, tmp_path: Path, bad_audio: Write
) -> None:
    bad_audio("silence", talks)
    wish = ["transcribe", talks, "--model", speech, "--out", tmp_path / "out", "--format", "srt,json", "--workers", "2"]
    status, out, err = run(*wish)
    assert (status, out) == (0, "")
    assert summary_of(err) == ("3", "3", "0", "0", "1")
    files = {file.relative_to(tmp_path / "out").as_posix() for file in (tmp_path / "out").rglob("*.*")}
    assert files == {"a.srt", "a.json", "deep/a.srt", "deep/a.json", "silence.srt", "silence.json"}
    assert Transcript.from_json((tmp_path / "out/deep/a.json").read_text()).text == "A"
    (tmp_path / "out" / "a.srt").unlink()
    assert summary_of(run(*wish)[2]) == ("1", "3", "0", "2", "0")
    assert summary_of(run(*wish)[2]) == ("0", "3", "0", "3", "0")
    assert summary_of(run(*wish, "--force")[2]) == ("3", "3", "0", "0", "1")


def test_plain_text_is_the_format_of_a_batch_and_patterns_and_lists_are_understood(
    run: CommandLine, speech: str, talks: Path, tmp_path: Path
) -> None:
    listed = tmp_path / "list.txt"
    listed.write_text("talks/a.wav\n")
    wish = ["transcribe", listed, talks / "d*" / "*.wav", "--model", speech, "--out", tmp_path / "out"]
    status, _, err = run(*wish, "--vocabulary", listed)
    assert status == 1
    run.assert_one_complaint(
        err, "word 1 of the list is not one word"
    )  # what the options of decoding ask for is refused by the workers
    assert run(*wish)[0] == 0
    assert (tmp_path / "out/talks/a.txt").read_text() == (tmp_path / "out/deep/a.txt").read_text() == "A\n"


def test_a_bad_recording_of_a_batch_is_a_line_and_status_1(
    run: CommandLine, speech: str, talks: Path, tmp_path: Path, bad_audio: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = bad_audio("text", talks)
    wish = ["transcribe", talks, "--model", speech, "--out", tmp_path / "out"]
    status, _, err = run(*wish)
    assert status == 1
    line, summary = err.splitlines(keepends=True)
    assert line.startswith(f"audio-lstm: {bad}: ")
    assert summary_of(summary) == ("2", "3", "1", "0", "0")
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    shown = run(*wish, "--force")[2].replace("\r\x1b[2K", "\n").split("\n")
    assert [text for text in shown if re.match(r"[123]/3 files, \d+ s left(, real-time factor \d\.\d{4})? *$", text)]
    assert next(text for text in shown if text.startswith("audio-lstm: ")) == line.strip()


@pytest.mark.parametrize(("left_s", "words"), [(59.6, ", 60 s left"), (7200.0, ", 2.0 h left"), (None, "")])
def test_time_left_is_told_in_seconds_or_hours(
    left_s: float | None, words: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    _Reporter()(None, BatchProgress(1, 9, 100.0, 1.0, left_s))
    assert capsys.readouterr().err == f"\r\x1b[2K1/9 files{words}, real-time factor 0.0100"


def test_two_recordings_with_one_output_are_refused(run: CommandLine, talks: Path, tmp_path: Path) -> None:
    err = run.refused(1, "transcribe", talks / "a.wav", talks / "deep" / "a.wav", "--out", tmp_path / "out")
    assert "would both be written to" in err
    assert not (tmp_path / "out").exists()


N_TALKS = 200  # enough that a busy machine does not finish them before the signal comes


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
@pytest.mark.parametrize(("sign", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_batch_that_is_stopped_leaves_cleanly_and_goes_on_later(
    run: CommandLine, speech: str, tmp_path: Path, tone: Write, sign: signal.Signals, status: int
) -> None:
    (tmp_path / "talks").mkdir()
    first = tone(tmp_path / "talks" / "000.wav", 1.0)
    for number in range(1, N_TALKS):
        shutil.copy(first, first.with_name(f"{number:03d}.wav"))
    out = tmp_path / "out"
    wish = ["transcribe", str(tmp_path / "talks"), "--model", speech, "--out", str(out), "--format", "srt,json"]
    with subprocess.Popen(
        [sys.executable, "-m", "audio_lstm.cli", *wish],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # which a shell's background job ignores
    ) as process:
        while process.poll() is None and not list(out.glob("[0-9]*.json")):
            time.sleep(0.001)
        process.send_signal(sign)
        printed, err = process.communicate(timeout=120)
    assert (process.returncode, printed) == (status, "")
    run.assert_one_complaint(err, "stopped after", "files; the same command goes on where it stopped")
    n_written = len(list(out.glob("*.json")))
    assert 0 < n_written < N_TALKS
    assert all(file.suffix in (".srt", ".json") and not file.name.startswith(".") for file in out.iterdir())
    for file in out.glob("*.json"):
        assert Transcript.from_json(file.read_text()).text == "A"
    transcribed, found, failed, skipped, _ = summary_of(run(*wish)[2])
    assert (found, failed) == (str(N_TALKS), "0")
    assert int(skipped) == n_written
    assert int(transcribed) == N_TALKS - n_written
    assert len(list(out.iterdir())) == 2 * N_TALKS
