"""Batches: the same files from any number of workers, resumed, and never stopped by a bad recording."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from audio_lstm.audio.files import write_wav
from audio_lstm.errors import AudioLSTMError, ConfigError, DataError, ModelError
from audio_lstm.speech.batch.batch import (
    BatchConfig,
    BatchProgress,
    BatchSummary,
    FileOutcome,
    _Part,
    _Tally,
    transcribe_files,
)
from audio_lstm.speech.batch.inputs import Job
from audio_lstm.speech.decoding.decoding import Decoding
from audio_lstm.speech.hearing.transcribe import transcribe
from audio_lstm.speech.hearing.transcript import Transcript
from audio_lstm.speech.words.grammar import word_list

# A worker that dies of some files: how, says the file's name.
DANGEROUS_WORKER = """
import os, signal, sys, time
from audio_lstm.speech.batch import worker as batch_worker

real = batch_worker.transcribe

def transcribe(audio, **options):
    if "killed" in audio:
        open(os.path.join({out!r}, ".killed-0123456789abcdef.txt"), "w").close()  # as if in the middle of writing
        os.kill(os.getpid(), signal.SIGKILL)
    if "segfault" in audio:
        os.kill(os.getpid(), signal.SIGSEGV)
    if "bug" in audio:
        raise ZeroDivisionError("a bug")
    if "slow" in audio:
        begun = open(audio + ".tmp", "w")
        begun.write(str(os.getpid()))
        begun.close()
        os.rename(begun.name, audio + ".begun")
        time.sleep(600)
    return real(audio, **options)

batch_worker.transcribe = transcribe
batch_worker._PROGRESS_S = {tell_s}
if {dies_at_once}:
    sys.exit("cannot live")
sys.exit(batch_worker.main())
"""


@pytest.fixture
def talks(voice: Callable[..., NDArray[np.float32]], tmp_path: Path) -> Path:
    """Recordings of several lengths at two depths, one silent."""
    for number, name in enumerate(("a.wav", "deep/a.wav", "deep/b.wav", "c.wav", "silent.wav")):
        file = tmp_path / "talks" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        write_wav(file, voice(1 + number, peak=0.0 if name == "silent.wav" else 0.5), 16_000)
    return tmp_path / "talks"


@pytest.fixture
def dangerous(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Runs batches with workers that die of some files."""

    def use(out: Path, *, dies_at_once: bool = False, tell_s: float = 1.0) -> None:
        folder = tmp_path / "modules"
        folder.mkdir()
        text = DANGEROUS_WORKER.format(out=str(out), dies_at_once=dies_at_once, tell_s=tell_s)
        (folder / "dangerous_worker.py").write_text(text)
        monkeypatch.setenv("PYTHONPATH", str(folder))
        monkeypatch.setattr("audio_lstm.speech.batch.process._WORKER_MODULE", "dangerous_worker")

    return use


def written(folder: Path) -> dict[str, bytes]:
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def test_what_is_written_depends_on_neither_workers_nor_order_nor_batch(
    talks: Path, always_a_folder: Path, tmp_path: Path
) -> None:
    everything = {"formats": ("txt", "srt", "vtt", "tsv", "json", "textgrid"), "model": always_a_folder}
    one = transcribe_files(talks, tmp_path / "one", **everything)
    two = transcribe_files(talks, tmp_path / "two", **everything, config=BatchConfig(n_workers=2))
    listed = talks / "list.txt"
    listed.write_text("deep/b.wav\nsilent.wav\na.wav\nc.wav\ndeep/a.wav\n")
    transcribe_files(listed, tmp_path / "list", **everything, config=BatchConfig(n_workers=3))
    for name in ("a.wav", "deep", "c.wav", "silent.wav"):
        place = tmp_path / "single" / ("deep" if name == "deep" else "")
        transcribe_files(talks / name, place, **everything)
    files = written(tmp_path / "one")
    assert len(files) == 5 * 6
    assert files == written(tmp_path / "two") == written(tmp_path / "list") == written(tmp_path / "single")
    assert (one.n_files, one.n_transcribed, one.n_silent, one.n_skipped, one.failures) == (5, 5, 1, 0, ())
    assert one.audio_s == two.audio_s == 15.0
    assert one.real_time_factor is not None
    assert one.real_time_factor == one.wall_s / 15.0 > 0
    assert Transcript.from_json(files["deep/b.json"]) == transcribe(talks / "deep" / "b.wav", model=always_a_folder)
    assert files["silent.srt"] == b""


def test_finished_files_are_skipped_and_half_finished_ones_done_again(
    talks: Path, always_a_folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    wish = {"formats": "txt,srt", "model": always_a_folder}
    assert transcribe_files(talks / "a.wav", out, **wish).n_transcribed == 1
    (out / "a.txt").write_text("mine")
    seen: list[str] = []
    again = transcribe_files(talks, out, **wish, report=lambda outcome, _: seen.append(outcome and outcome.audio.name))
    seen = [name for name in seen if name]
    assert (again.n_files, again.n_transcribed, again.n_skipped) == (5, 4, 1)
    assert sorted(seen) == ["a.wav", "b.wav", "c.wav", "silent.wav"]
    assert (out / "a.txt").read_text() == "mine"
    (out / "a.srt").unlink()
    assert transcribe_files(talks, out, **wish).n_skipped == 4
    assert (out / "a.txt").read_text() == "A\n"
    (out / "c.txt").write_text("mine")
    nothing = transcribe_files(talks, out, **wish)
    assert (nothing.n_skipped, nothing.real_time_factor) == (5, None)
    assert transcribe_files(talks, out, **wish, config=BatchConfig(force=True)).n_skipped == 0
    assert (out / "c.txt").read_text() == "A\n"


def test_a_bad_recording_fails_alone_and_is_tried_again(talks: Path, always_a_folder: Path, tmp_path: Path) -> None:
    (talks / "bad.wav").write_text("no sound")
    reported: list[tuple[FileOutcome, BatchProgress]] = []
    summary = transcribe_files(
        [talks, talks / "missing.wav"],
        tmp_path / "out",
        model=always_a_folder,
        report=lambda outcome, progress: reported.append((outcome, progress)) if outcome else None,
    )
    assert (summary.n_files, summary.n_transcribed) == (7, 5)
    assert [failure.audio.name for failure in summary.failures] == ["bad.wav", "missing.wav"]
    assert summary.failures[1].error == f"{talks / 'missing.wav'}: no such file; check the path"
    assert [progress.n_done for _, progress in reported] == [1, 2, 3, 4, 5, 6, 7]
    assert {outcome.error for outcome, _ in reported} == {"", *(failure.error for failure in summary.failures)}
    last = reported[-1][1]
    assert (last.n_files, last.left_s, last.audio_s) == (7, 0.0, 15.0)
    assert last.real_time_factor == last.wall_s / 15.0
    assert BatchProgress(0, 1, 0.0, 1.0, 1.0).real_time_factor is None
    again = transcribe_files([talks, talks / "missing.wav"], tmp_path / "out", model=always_a_folder)
    assert (again.n_skipped, len(again.failures)) == (5, 2)


def test_how_far_a_long_recording_is_is_told_while_it_is_heard(
    talks: Path, voice: Callable[..., NDArray[np.float32]], always_a_folder: Path, tmp_path: Path, dangerous: Callable
) -> None:
    write_wav(talks / "long.wav", voice(35.0), 16_000)
    dangerous(tmp_path / "out", tell_s=0.0)
    news: list[tuple[str, BatchProgress]] = []

    def report(outcome: FileOutcome | None, progress: BatchProgress) -> None:
        news.append(("" if outcome is None else outcome.audio.name, progress))

    transcribe_files(talks / "long.wav", tmp_path / "out", model=always_a_folder, report=report)
    assert [name for name, _ in news] == ["", "", "", "", "long.wav"]
    assert [progress.audio_s for _, progress in news] == [10.0, 20.0, 30.0, 35.0, 35.0]
    assert [progress.n_done for _, progress in news] == [0, 0, 0, 0, 1]
    for _, progress in news:
        assert progress.left_s == pytest.approx(progress.wall_s / progress.audio_s * (35.0 - progress.audio_s))
    unknown = _Tally([Job(talks / "long.wav", {})])
    unknown.add(_Part(talks / "long.wav", 7.0, None))
    assert (unknown.progress().audio_s, unknown.progress().left_s) == (7.0, None)


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
@pytest.mark.parametrize("n_workers", [1, 2])
def test_a_worker_that_dies_takes_only_its_file_with_it(
    talks: Path, always_a_folder: Path, tmp_path: Path, dangerous: Callable[..., None], n_workers: int
) -> None:
    out = tmp_path / "out"
    for name in ("killed.wav", "segfault.wav", "bug.wav"):
        (talks / name).write_bytes((talks / "a.wav").read_bytes())
    dangerous(out)
    summary = transcribe_files(talks, out, model=always_a_folder, config=BatchConfig(n_workers=n_workers))
    assert summary.n_transcribed == 5
    errors = {failure.audio.name: failure.error for failure in summary.failures}
    end = "; the file may be damaged, or memory short: try fewer workers"
    died = "its worker process died"
    assert errors == {
        "bug.wav": f"{talks / 'bug.wav'}: {died} (exit status 1: ZeroDivisionError: a bug){end}",
        "killed.wav": f"{talks / 'killed.wav'}: {died} (SIGKILL){end}",
        "segfault.wav": f"{talks / 'segfault.wav'}: {died} (SIGSEGV){end}",
    }
    assert sorted(written(out)) == ["a.txt", "c.txt", "deep/a.txt", "deep/b.txt", "silent.txt"]


def test_a_worker_that_dies_before_it_begins_stops_the_batch(
    talks: Path, tmp_path: Path, dangerous: Callable[..., None]
) -> None:
    dangerous(tmp_path / "out", dies_at_once=True)
    with pytest.raises(AudioLSTMError, match=r"died while it loaded the model \(exit status 1: cannot live\)"):
        transcribe_files(talks, tmp_path / "out", config=BatchConfig(n_workers=2))


def test_a_process_that_cannot_be_started_is_one_line(
    talks: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none_left(*_: object, **__: object) -> None:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr("subprocess.Popen", none_left)
    with pytest.raises(AudioLSTMError, match=r"cannot be started \(.*temporarily unavailable\); try fewer workers"):
        transcribe_files(talks, tmp_path / "out", config=BatchConfig(n_workers=2))


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_a_caller_who_leaves_ends_the_workers_at_once(
    talks: Path, always_a_folder: Path, tmp_path: Path, dangerous: Callable[..., None]
) -> None:
    (talks / "slow.wav").write_bytes((talks / "a.wav").read_bytes())
    dangerous(tmp_path / "out")

    def leave(outcome: FileOutcome | None, _: BatchProgress) -> None:
        if outcome is None:
            return
        while not (talks / "slow.wav.begun").exists():
            time.sleep(0.01)
        raise KeyboardInterrupt

    start = time.monotonic()
    inputs = [talks / "slow.wav", talks / "a.wav"]
    with pytest.raises(KeyboardInterrupt):
        transcribe_files(inputs, tmp_path / "out", model=always_a_folder, config=BatchConfig(n_workers=2), report=leave)
    assert time.monotonic() - start < 300  # the slow file sleeps for ten minutes
    with pytest.raises(ProcessLookupError):
        os.kill(int((talks / "slow.wav.begun").read_text()), 0)
    assert list(written(tmp_path / "out")) == ["a.txt"]


def test_what_a_killed_batch_left_is_removed(talks: Path, always_a_folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / ".a-0123456789abcdef.txt").write_text("half")
    (out / ".other-0123456789abcdef.txt").write_text("not ours")
    transcribe_files(talks / "a.wav", out, model=always_a_folder)
    assert sorted(written(out)) == [".other-0123456789abcdef.txt", "a.txt"]


def test_the_wish_how_to_decode_reaches_the_workers(talks: Path, always_a_folder: Path, tmp_path: Path) -> None:
    wish = Decoding(vocabulary=("AB", "B"), language_model=None)
    transcribe_files(talks / "a.wav", tmp_path / "out", model=always_a_folder, decoding=wish)
    text = (tmp_path / "out" / "a.txt").read_text()
    assert text.strip() == transcribe(talks / "a.wav", model=always_a_folder, decoding=wish).text
    assert set(text.split()) <= {"AB", "B"}
    missing = Decoding(language_model=tmp_path / "no.lm")
    with pytest.raises(AudioLSTMError, match=r"no\.lm"):
        transcribe_files(talks / "c.wav", tmp_path / "out", model=always_a_folder, decoding=missing)


def test_wishes_that_cannot_be_met_are_refused_before_anything_is_written(talks: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(ModelError, match="model 'nosuch' not found"):
        transcribe_files(talks, out, model="nosuch", config=BatchConfig(n_workers=2))
    with pytest.raises(ConfigError, match="unknown format 'doc'"):
        transcribe_files(talks, out, formats="doc")
    with pytest.raises(DataError, match="would both be written to"):
        transcribe_files([talks / "a.wav", talks / "deep" / "a.wav"], out)
    with pytest.raises(ConfigError, match="device must be 'cpu' or 'cuda', got 'tpu'"):
        transcribe_files(talks, out, config=BatchConfig(device="tpu"))
    with pytest.raises(ConfigError, match="workers load the language model themselves; pass its name or file"):
        transcribe_files(talks, out, decoding=Decoding(language_model=word_list(["A"])))
    assert not out.exists()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"n_workers": 0}, "n_workers must be at least 1, got 0"),
        ({"max_seconds": 0.0}, r"max_seconds must be above 0, got 0\.0"),
    ],
)
def test_a_bad_config_is_refused(values: dict[str, float], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        BatchConfig(**values)


@pytest.mark.shared
def test_real_speech_comes_out_alike_from_one_and_two_workers(shared: Path, tmp_path: Path) -> None:
    lines = (shared / "speech" / "an4.dev.jsonl").read_text().splitlines()[:8]
    listed = tmp_path / "set.jsonl"
    listed.write_text(
        "".join(json.dumps({"audio": str(shared / "speech" / json.loads(line)["audio"])}) + "\n" for line in lines)
    )
    for n_workers in (1, 2):
        summary = transcribe_files(
            listed, tmp_path / str(n_workers), formats="json,srt", config=BatchConfig(n_workers=n_workers)
        )
        assert (summary.n_transcribed, summary.n_silent) == (8, 0)
    assert len(written(tmp_path / "1")) == 16
    assert written(tmp_path / "1") == written(tmp_path / "2")


def test_a_summary_counts_what_was_transcribed() -> None:
    failure = FileOutcome(Path("a.wav"), "a.wav: bad")
    assert BatchSummary(10, 3, 1, (failure,), 7200.0, 72.0).n_transcribed == 6
    assert BatchSummary(10, 3, 1, (failure,), 7200.0, 72.0).real_time_factor == 0.01


def test_a_folder_given_file_by_file_resumes_among_its_own_outputs(
    talks: Path, always_a_folder: Path, tmp_path: Path
) -> None:
    out = talks
    (talks / "photo.png").write_bytes(b"\x89PNG")
    wish = {"formats": "txt,srt,vtt,tsv,json,textgrid", "model": always_a_folder}
    first = transcribe_files(sorted(talks.glob("*.*")), out, **wish)
    assert (first.n_transcribed, first.failures) == (3, ())
    assert first.notes == (f"1 of 4 inputs hold no sound (the first: {talks / 'photo.png'}) and were passed over",)
    before = written(talks)
    again = transcribe_files(sorted(talks.glob("*.*")), out, **wish)
    assert (again.n_files, again.n_skipped, again.failures) == (3, 3, ())
    assert again.notes == (f"19 of 22 inputs hold no sound (the first: {talks / 'a.TextGrid'}) and were passed over",)
    assert written(talks) == before


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
@pytest.mark.parametrize("n_workers", [1, 2])
def test_a_disk_that_fills_up_ends_the_batch_and_what_is_done_stays(
    talks: Path, always_a_folder: Path, tmp_path: Path, n_workers: int
) -> None:
    out = tmp_path / "out"
    (out / "deep").mkdir(parents=True)
    (out / "c.txt").symlink_to("/dev/full")
    message = r"c\.txt: cannot be written \(No space left on device\).*; stopped after \d of 5 files; the same call"
    with pytest.raises(AudioLSTMError, match=message):
        transcribe_files(talks, out, model=always_a_folder, config=BatchConfig(n_workers=n_workers))
    done = written(out)
    if n_workers == 1:  # of two workers the other may have done none, or several
        assert sorted(done) == ["a.txt"]
        assert (out / "a.txt").read_text() == "A\n"
    (out / "c.txt").unlink()
    assert transcribe_files(talks, out, model=always_a_folder).n_skipped == len(done)


def test_a_folder_that_takes_no_files_is_said_before_anything_is_heard(talks: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "deep").write_text("in the way")
    with pytest.raises(DataError, match=r"out/deep is a file, not a folder"):
        transcribe_files(talks, tmp_path / "out", model="nosuch")
    with pytest.raises(DataError, match=r"/proc/out/a\.txt: cannot be written"):
        transcribe_files(talks, "/proc/out", model="nosuch")
