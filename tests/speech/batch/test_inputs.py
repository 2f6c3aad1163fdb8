"""Files, folders, patterns and lists become recordings with a place; outputs never collide."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

from audio_lstm.audio.files import write_wav
from audio_lstm.errors import DataError
from audio_lstm.speech.batch.inputs import check_outputs, find_recordings, plan_jobs, read_list


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """talks/ with recordings at two depths, and what is none."""
    root = tmp_path / "talks"
    for name in ("b.wav", "a.MP3", "deep/er/b.wav", ".hidden/c.wav", "deep/.d.wav", "notes.txt", "deep/x.srt"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def places(*inputs: str | Path) -> list[str]:
    return [recording.place.as_posix() for recording in find_recordings(inputs)]


def test_a_folder_gives_its_recordings_sorted_with_their_tree(tree: Path) -> None:
    assert places(tree) == ["a.MP3", "b.wav", "deep/er/b.wav"]
    assert [recording.audio for recording in find_recordings([tree])][2] == tree / "deep" / "er" / "b.wav"


def test_a_file_gives_its_name_whether_it_exists_or_not(tree: Path) -> None:
    assert places(tree / "deep" / "er" / "b.wav", tree / "missing.xyz") == ["b.wav", "missing.xyz"]


def test_a_pattern_gives_the_tree_below_its_fixed_part(tree: Path) -> None:
    assert places(tree / "**" / "*.wav") == ["b.wav", "deep/er/b.wav"]
    assert places(tree / "deep" / "*" / "*") == ["er/b.wav"]
    assert places(tree.parent / "t*" / "*") == ["talks/a.MP3", "talks/b.wav"]


def test_a_pattern_is_relative_to_the_working_directory(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tree)
    assert places("*.wav") == ["b.wav"]


def test_a_file_whose_name_looks_like_a_pattern_is_that_file(tree: Path) -> None:
    file = tree / "take [1].wav"
    file.touch()
    assert [recording.audio for recording in find_recordings([file])] == [file]


def test_a_list_gives_the_tree_below_its_folder(tree: Path) -> None:
    lines = tree / "list.txt"
    lines.write_text(f"\ufeffdeep/er/b.wav\n\n {tree / 'a.MP3'} \nmissing.wav\n", "utf-8")
    assert places(lines) == ["deep/er/b.wav", "a.MP3", "missing.wav"]
    manifest = tree / "deep" / "set.jsonl"
    manifest.write_text("".join(json.dumps({"audio": name, "id": 1}) + "\n" for name in ("er/b.wav", "../b.wav")))
    assert places(manifest) == ["deep/er/b.wav", "b.wav"]  # it reaches outside: below what is common


def test_a_line_of_a_list_ends_where_a_line_feed_stands_and_nowhere_else(tree: Path) -> None:
    name = "a\u2028b\u0085c\x0cd\x1ce.wav"
    manifest, lines = tree / "set.jsonl", tree / "list.txt"
    manifest.write_bytes(json.dumps({"audio": name}, ensure_ascii=False).encode() + b"\r\n")
    lines.write_bytes(name.encode() + b"\r\n")
    assert places(manifest) == places(lines) == [name]
    manifest.write_text('{"audio": "\\udcff.wav"}\n')  # as --json writes a name that is not UTF-8
    assert [os.fsencode(item.audio.name) for item in find_recordings([manifest])] == [b"\xff.wav"]


def test_the_same_recording_twice_is_one(tree: Path) -> None:
    assert places(tree, tree / "b.wav", os.path.join(os.path.relpath(tree), "b.wav")) == [
        "a.MP3",
        "b.wav",
        "deep/er/b.wav",
    ]


def test_outputs_keep_the_tree_and_take_the_formats_suffixes(tree: Path, tmp_path: Path) -> None:
    jobs = plan_jobs(find_recordings([tree]), tmp_path / "out", ("srt", "textgrid"))
    assert dict(jobs[2].outputs) == {
        "srt": tmp_path / "out/deep/er/b.srt",
        "textgrid": tmp_path / "out/deep/er/b.TextGrid",
    }
    assert plan_jobs(find_recordings([tree / "x.y.wav"]), tmp_path, ("txt",))[0].outputs["txt"] == tmp_path / "x.y.txt"


def test_a_job_is_finished_when_all_its_files_are_there(tree: Path, tmp_path: Path) -> None:
    job = plan_jobs(find_recordings([tree / "b.wav"]), tmp_path, ("srt", "vtt"))[0]
    job.outputs["srt"].touch()
    assert not job.is_finished
    job.outputs["vtt"].touch()
    assert job.is_finished


def test_two_recordings_with_one_output_are_refused(tree: Path, tmp_path: Path) -> None:
    recordings = find_recordings([tree / "b.wav", tree / "deep" / "er" / "b.wav"])
    with pytest.raises(DataError, match=r"talks/b\.wav and .*er/b\.wav would both be written to .*/b\.srt; rename one"):
        plan_jobs(recordings, tmp_path, ("srt",))
    (tree / "b.flac").touch()
    with pytest.raises(DataError, match=r"talks/b\.flac and .*talks/b\.wav would both be written to"):
        plan_jobs(find_recordings([tree]), tmp_path, ("srt",))


def test_a_file_to_write_into_is_refused(tree: Path) -> None:
    with pytest.raises(DataError, match=r"b\.wav: is a file; pass a folder to write the transcripts to"):
        plan_jobs(find_recordings([tree]), tree / "b.wav", ("srt",))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("empty.txt", b"\n \n", r"empty\.txt: lists no recordings; expected a path a line"),
        (
            "missing.jsonl",
            None,
            r"missing\.jsonl: cannot be read \(No such file .*\); check the path",
        ),
        ("latin.txt", b"caf\xe9.wav\n", r"latin\.txt: not UTF-8 text \(byte 3\); save it as UTF-8"),
        (
            "a.jsonl",
            b'{"audio": "a.wav"}\n[1]\n',
            r"a\.jsonl:2: expected a JSON object with the key audio, got '\[1\]'",
        ),
        ("b.jsonl", b"{", r"b\.jsonl:1: expected a JSON object with the key audio, got '{'"),
        ("c.jsonl", b'{"text": "A"}', r"c\.jsonl:1: expected a JSON object with the key audio"),
        ("d.jsonl", b'{"audio": 3}', r"d\.jsonl:1: audio must be a string, got 3"),
        ("e.jsonl", b'{"audio": "a\\u0000"}', r"e\.jsonl:1: expected the path of a recording, got 'a\\x00'"),
        ("f.txt", b"a.wav\n/\n", r"f\.txt:2: expected the path of a recording, got '/'"),
    ],
)
def test_a_bad_list_is_refused_with_its_line(tmp_path: Path, name: str, content: bytes | None, message: str) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=message):
        find_recordings([tmp_path / name])


def test_a_list_of_gigabytes_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("audio_lstm.speech.batch.inputs._MAX_LIST_BYTES", 10)
    (tmp_path / "a.txt").write_text("recording.wav\n")
    with pytest.raises(DataError, match=r"a\.txt: 14 bytes is too large for a list of recordings; split it"):
        read_list(tmp_path / "a.txt")


def test_recordings_on_several_drives_need_a_list_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def several_drives(_: object) -> str:
        raise ValueError("Paths don't have the same drive")

    (tmp_path / "a.txt").write_text("../a.wav\n")
    monkeypatch.setattr("os.path.commonpath", several_drives)
    with pytest.raises(DataError, match=r"its recordings have no folder in common \(Paths .* drive\); write a list"):
        find_recordings([tmp_path / "a.txt"])


def test_nothing_to_be_found_is_refused(tree: Path) -> None:
    with pytest.raises(DataError, match="no recordings: pass a file, a folder, a quoted pattern or a list"):
        find_recordings([])
    (tree / "empty").mkdir()
    with pytest.raises(DataError, match=r"talks/empty: no recordings in it; expected files such as"):
        find_recordings([tree / "empty"])
    with pytest.raises(DataError, match=r"\*\.flac: matches no recording; \*\* stands for any folders"):
        find_recordings([tree / "*.flac"])


def test_a_folder_that_cannot_be_read_is_named(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = os.scandir

    def closed(path: str | Path) -> object:
        if str(path).endswith("deep"):
            raise PermissionError(13, "Permission denied", str(path))
        return whole(path)

    monkeypatch.setattr("os.scandir", closed)
    with pytest.raises(DataError, match=r"talks/deep: cannot be read \(Permission denied\); check its permissions"):
        find_recordings([tree])


def test_what_is_no_recording_among_several_inputs_is_passed_over(tree: Path) -> None:
    write_wav(tree / "talk.dat", np.zeros(8_000, np.float32), 16_000)
    for name, content in (
        ("a.txt", "A B C\n"),
        ("b.txt", "A\n"),  # a file of this name is there
        ("A", "x"),
        ("b.jsonl", '{"text": "A"}\n'),
        ("b.srt", "1\n00:00:00,000 --> 00:00:01,000\nA\n"),
        ("b.json", "{}"),
        ("empty.log", ""),
        ("list.m3u", "#EXTM3U\nb.wav\n"),
        ("utf16.csv", "\ufeffA;B\n"),
        ("photo.png", "\x89PNG\r\n\x1a\n"),
        ("deep2/x.txt", "A"),
    ):
        (tree / name).parent.mkdir(exist_ok=True)
        (tree / name).write_text(content, "utf-16-le" if name == "utf16.csv" else "latin-1")
    inputs = sorted(file for file in tree.glob("*") if file.name != "deep" and file.name[0] != ".")
    notes: list[str] = []
    found = find_recordings(inputs, notes.append)
    assert [recording.place.as_posix() for recording in found] == ["a.MP3", "b.wav", "talk.dat"]
    assert notes == [f"12 of 15 inputs hold no sound (the first: {tree / 'A'}) and were passed over"]
    with pytest.raises(DataError, match=r"a list; 2 of 2 inputs hold no sound \(the first: .*a\.txt\)"):
        find_recordings([tree / "a.txt", tree / "photo.png"])
    assert places(tree / "photo.png") == ["photo.png"]  # alone: its worker says what is wrong with it


def test_a_list_is_alone_or_has_an_at_sign(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tree)
    Path("list.txt").write_text("deep/er/b.wav\nmissing.wav\n")
    Path("names").write_text("a.MP3\n")
    Path("@odd.wav").touch()
    Path("@odd.txt").touch()
    notes: list[str] = []
    assert [str(item.place) for item in find_recordings(["list.txt"], notes.append)] == ["deep/er/b.wav", "missing.wav"]
    assert places("@list.txt") == ["deep/er/b.wav", "missing.wav"]
    assert places("@names", "@list.txt", "b.wav") == ["a.MP3", "deep/er/b.wav", "missing.wav", "b.wav"]
    assert places("@odd.wav") == ["@odd.wav"]
    assert places("@odd.txt", "b.wav") == ["b.wav"]
    assert notes == []
    with pytest.raises(DataError, match=r"^nothing\.txt: cannot be read"):
        find_recordings(["@nothing.txt", "b.wav"])
    with pytest.raises(DataError, match=r"^nothing\.txt: cannot be read"):
        find_recordings(["nothing.txt", "b.wav"])


def test_lists_among_other_inputs_still_work_with_a_note(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tree)
    Path("list.txt").write_text("deep/er/b.wav\nmissing.wav\n")
    Path("set.jsonl").write_text('{"audio": "a.MP3"}\n')
    notes: list[str] = []
    found = find_recordings(["list.txt", "b.wav", "set.jsonl"], notes.append)
    assert [str(item.place) for item in found] == ["deep/er/b.wav", "missing.wav", "b.wav", "a.MP3"]
    assert notes == [
        f"{name}: taken as a list, as it names recordings; among other inputs, write @{name}"
        for name in ("list.txt", "set.jsonl")
    ]


def test_outputs_that_cannot_be_written_are_said_before(tree: Path, tmp_path: Path) -> None:
    def check(out: Path) -> None:
        check_outputs(plan_jobs(find_recordings([tree]), out, ("srt", "txt")))

    check(tmp_path / "new" / "out")
    out = tmp_path / "out"
    (out / "deep").mkdir(parents=True)
    check(out)
    assert not list((out / "deep").iterdir())
    (out / "deep" / "er").write_text("in the way")
    with pytest.raises(DataError, match=r"deep/er/b\.srt: .*/out/deep/er is a file, not a folder; move it, or write"):
        check(out)
    (out / "deep" / "er").unlink()
    (out / "b.txt").mkdir()
    with pytest.raises(DataError, match=r"out/b\.txt: cannot be written: Is a directory"):
        check(out)
    with pytest.raises(DataError, match=r"/proc/out/a\.srt: cannot be written: .* \(/proc\); check the folder"):
        check(Path("/proc/out"))
