"""Manifests, folders of recordings, padding and the normalisation of texts."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audio_lstm.errors import DataError
from audio_lstm.speech.text.alphabet import ENGLISH, Alphabet
from audio_lstm.speech.text.data import (
    Utterance,
    longest_first,
    normalise_text,
    pad_features,
    read_folder,
    read_manifest,
    write_manifest,
)

LINE = '{"id": "a", "audio": "clips/a.flac", "text": "YES", "duration_s": 1.5, "speaker": "s1"}\n'


def manifest(folder: Path, content: str | bytes) -> Path:
    file = folder / "x.jsonl"
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return file


def test_a_manifest_gives_utterances_with_audio_beside_it(tmp_path: Path) -> None:
    file = manifest(tmp_path, LINE)
    assert read_manifest(file) == (Utterance("a", tmp_path / "clips" / "a.flac", "YES", 1.5, "s1"),)
    assert read_manifest(str(file)) == read_manifest(file)


def test_id_duration_and_speaker_are_optional_and_other_keys_are_passed_over(tmp_path: Path) -> None:
    file = manifest(tmp_path, '\ufeff{"audio": "sub/b.c.wav", "text": "", "lang": "en"}\r\n\n  \n' + LINE)
    first, second = read_manifest(file)
    assert first == Utterance("sub/b.c", tmp_path / "sub" / "b.c.wav", "", None, None)
    assert second.id == "a"


def test_a_line_ends_where_a_line_feed_stands_and_nowhere_else(tmp_path: Path) -> None:
    text = "a\u2028b\u2029c\u0085d\x0be"
    file = manifest(tmp_path, json.dumps({"audio": "odd.wav", "text": text}, ensure_ascii=False) + "\r\n" + LINE)
    first, second = read_manifest(file)
    assert (first.text, second.id) == (text, "a")
    write_manifest(tmp_path / "y.jsonl", [first, second])
    assert read_manifest(tmp_path / "y.jsonl")[0].text == text
    assert normalise_text(text, ENGLISH) == "A B C D E"


def test_an_absolute_audio_path_stays(tmp_path: Path) -> None:
    (utterance,) = read_manifest(manifest(tmp_path, '{"audio": "/data/c.wav", "text": "C"}'))
    assert utterance.audio == Path("/data/c.wav")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{'audio': 1}", r"x\.jsonl:2: not valid JSON \(Expecting property name.*\); expected one object a line"),
        ("[" * 100_000, r"x\.jsonl:2: not valid JSON \(RecursionError\)"),
        ("[1]", r"x\.jsonl:2: expected a JSON object with audio and text, got list"),
        ('{"text": "A"}', r"x\.jsonl:2: the key 'audio' is missing \(keys found: text\)"),
        ('{"audio_filepath": "a.wav", "text": "A"}', r"'audio' is missing \(keys found: audio_filepath, text\)"),
        ("{}", r"'audio' is missing \(keys found: none\)"),
        ('{"audio": "a.wav"}', r"x\.jsonl:2: the key 'text' is missing"),
        ('{"audio": "b.wav", "text": 5}', r"x\.jsonl:2: text must be a string, got 5"),
        ('{"audio": null, "text": "A"}', r"x\.jsonl:2: audio must be a string, got None"),
        ('{"audio": "", "text": "A"}', r"x\.jsonl:2: audio must be the path of a recording, got ''"),
        ('{"audio": ".", "text": "A"}', r"audio must be the path of a recording, got '\.'"),
        ('{"audio": "a\\u0000b", "text": "A"}', r"audio must be the path of a recording"),
        ('{"audio": "b.wav", "text": "\\ud800"}', r"x\.jsonl:2: text holds half a character"),
        ('{"audio": "b.wav", "text": "A", "id": 7}', r"x\.jsonl:2: id must be a string, got 7"),
        ('{"audio": "b.wav", "text": "A", "speaker": []}', r"x\.jsonl:2: speaker must be a string"),
        ('{"audio": "b.wav", "text": "A", "duration_s": "1"}', r"x\.jsonl:2: duration_s must be a number .* got '1'"),
        ('{"audio": "b.wav", "text": "A", "duration_s": -1}', r"duration_s must be a number .* got -1"),
        ('{"audio": "b.wav", "text": "A", "duration_s": true}', r"duration_s must be a number .* got True"),
        ('{"audio": "b.wav", "text": "A", "duration_s": NaN}', r"duration_s must be a number .* got nan"),
        ('{"audio": "b.wav", "text": "A", "duration_s": 1e999}', r"duration_s must be a number .* got inf"),
        ('{"audio": "b.wav", "text": "A", "id": "a"}', r"x\.jsonl:2: the id 'a' was used in line 1"),
    ],
)
def test_a_bad_line_is_named_by_file_and_number(tmp_path: Path, line: str, message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        read_manifest(manifest(tmp_path, LINE + line))
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300 + len(str(tmp_path))


@pytest.mark.parametrize("content", ["", "\n\n"])
def test_an_empty_manifest_is_refused(tmp_path: Path, content: str) -> None:
    with pytest.raises(DataError, match=r"x\.jsonl: no utterances; expected JSON lines"):
        read_manifest(manifest(tmp_path, content))


def test_a_manifest_that_is_missing_a_folder_or_binary_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.jsonl: no such manifest"):
        read_manifest(tmp_path / "none.jsonl")
    with pytest.raises(DataError, match=r"a folder, expected a manifest .* read_folder"):
        read_manifest(tmp_path)
    with pytest.raises(DataError, match=r"x\.jsonl: not UTF-8 text"):
        read_manifest(manifest(tmp_path, b"RIFF\xff\xfe\x80WAVE"))


def test_a_pipe_is_no_manifest_and_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(DataError, match="pipe: not a regular file"):
        read_manifest(tmp_path / "pipe")


def test_a_file_that_cannot_be_opened_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def deny(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    file, text = manifest(tmp_path, LINE), tmp_path / "a.txt"
    (tmp_path / "a.wav").touch()
    text.touch()
    monkeypatch.setattr(Path, "open", deny)
    monkeypatch.setattr(Path, "read_text", deny)
    with pytest.raises(DataError, match=r"x\.jsonl: cannot be read \(Permission denied\)"):
        read_manifest(file)
    with pytest.raises(DataError, match=r"a\.txt: cannot be read \(Permission denied\)"):
        read_folder(tmp_path)


def test_a_written_manifest_reads_back(tmp_path: Path) -> None:
    utterances = (
        Utterance("a", tmp_path / "deep" / "clips" / "a.flac", "YES", 1.5, "s1"),
        Utterance("ü/b", tmp_path / "b.wav", "ÇA VA 你好"),
    )
    file = tmp_path / "deep" / "x.jsonl"
    write_manifest(file, utterances[:1])
    write_manifest(file, utterances)
    assert read_manifest(file) == utterances
    first, second = (json.loads(line) for line in file.read_text("utf-8").splitlines())
    assert first["audio"] == "clips/a.flac"
    assert second == {"id": "ü/b", "audio": str(tmp_path / "b.wav"), "text": "ÇA VA 你好"}
    assert [entry.name for entry in file.parent.iterdir()] == ["x.jsonl"]


def test_audio_relative_to_the_working_folder_is_found_from_the_manifest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_manifest("sets/x.jsonl", [Utterance("a", Path("clips/a.wav"), "A"), Utterance("b", Path("sets/b.wav"), "B")])
    first, second = read_manifest("sets/x.jsonl")
    assert first.audio == tmp_path / "clips" / "a.wav"
    assert second.audio == Path("sets/b.wav")


def test_a_failed_write_leaves_the_old_manifest(tmp_path: Path) -> None:
    file = manifest(tmp_path, LINE)
    bad = Utterance("b", tmp_path / "b.wav", "\ud800")
    with pytest.raises(DataError, match=r"x\.jsonl: .* cannot be written as UTF-8"):
        write_manifest(file, [Utterance("a", tmp_path / "a.wav", "A"), bad])
    assert file.read_text() == LINE
    assert [entry.name for entry in tmp_path.iterdir()] == ["x.jsonl"]


def test_a_manifest_that_could_not_be_read_back_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="at least one utterance, got none"):
        write_manifest(tmp_path / "x.jsonl", [])
    utterance = Utterance("a", tmp_path / "a.wav", "A")
    with pytest.raises(DataError, match="the id 'a' is used twice"):
        write_manifest(tmp_path / "x.jsonl", [utterance, utterance])
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match=r"cannot write the manifest \(.*\); choose another place"):
        write_manifest(tmp_path / "file" / "x.jsonl", [utterance])


def test_a_folder_of_recordings_and_texts_is_a_corpus(tmp_path: Path) -> None:
    for name, text in [("b", "two\n words\n"), ("sub/a.1", "\ufeffone"), ("C", "")]:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / f"{name}.txt").write_text(text, "utf-8")
    for name in ("b.WAV", "sub/a.1.mp3", "C.opus", "README.txt", "notes.pdf", "._b.wav", ".cache.wav"):
        (tmp_path / name).touch()
    assert read_folder(tmp_path) == (
        Utterance("C", tmp_path / "C.opus", ""),
        Utterance("b", tmp_path / "b.WAV", "two words"),
        Utterance("sub/a.1", tmp_path / "sub" / "a.1.mp3", "one"),
    )


def test_a_recording_without_text_is_named_not_dropped(tmp_path: Path) -> None:
    for name in ("a.wav", "a.txt", "b.wav", "c.wav"):
        (tmp_path / name).touch()
    with pytest.raises(DataError, match=r"b\.wav: no text beside it \(2 of 3 recordings have none\).* b\.txt"):
        read_folder(tmp_path)


def test_two_recordings_of_one_text_are_refused(tmp_path: Path) -> None:
    for name in ("a.wav", "a.txt", "a.mp3"):
        (tmp_path / name).touch()
    with pytest.raises(DataError, match=r"a\.mp3 and a\.wav share one text"):
        read_folder(tmp_path)


def test_a_folder_that_is_missing_or_without_recordings_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="none: no such folder"):
        read_folder(tmp_path / "none")
    (tmp_path / "a.txt").touch()
    with pytest.raises(DataError, match="no recordings; expected files such as"):
        read_folder(tmp_path)


def test_a_text_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.wav").touch()
    (tmp_path / "a.txt").write_bytes(b"caf\xe9")
    with pytest.raises(DataError, match=r"a\.txt: not UTF-8 text"):
        read_folder(tmp_path)


def test_padding_stacks_items_with_zeros_after_them() -> None:
    items = [np.full((n, 3), n, np.float32) for n in (2, 0, 4)]
    batch, lengths = pad_features(items)
    assert batch.shape == (3, 4, 3)
    assert (batch.dtype, lengths.dtype) == (np.float32, np.int64)
    assert lengths.tolist() == [2, 0, 4]
    for row, item in zip(batch, items, strict=True):
        np.testing.assert_array_equal(row[: len(item)], item)
        assert not row[len(item) :].any()


def test_padding_refuses_nothing_and_mixed_shapes() -> None:
    with pytest.raises(ValueError, match="at least one item to pad"):
        pad_features([])
    with pytest.raises(ValueError, match=r"shape \(time, 3\), got \(2, 4\) at position 1"):
        pad_features([np.zeros((2, 3), np.float32), np.zeros((2, 4), np.float32)])
    with pytest.raises(ValueError, match=r"got \(3,\) at position 0"):
        pad_features([np.zeros(3, np.float32)])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Hello, world!", "HELLO WORLD"),
        ("“Don’t stop – it's twenty-one!”", "DON'T STOP IT'S TWENTY ONE"),
        ("  a\t\nb\u00a0c\u200bd ", "A B C D"),
        ("'tis the dogs' - ' - O`Neill", "TIS THE DOGS O'NEILL"),
        ("‘Yes,’ he said, ‘it’s ‘hers’.’", "YES HE SAID IT'S HERS"),
        ("'No', 'don't' ''both''", "NO DON'T BOTH"),
        ("‛a‚ ‹b› `c' ʼd´ O’Brien’s 'n'", "A B C D O'BRIEN'S N"),
        ("Straße, ﬁne, Ｗｉｄｅ", "STRASSE FINE WIDE"),
        ("wait… what?!", "WAIT WHAT"),
        ("...", ""),
        ("", ""),
    ],
)
def test_ordinary_english_text_becomes_capitals(text: str, expected: str) -> None:
    normalised = normalise_text(text, ENGLISH)
    assert normalised == expected
    ENGLISH.encode(normalised)


@pytest.mark.parametrize(
    ("text", "left"), [("5 dogs", "5"), ("100%", "1"), ("ham & eggs", "&"), ("café", "é"), ("+", r"\+")]
)
def test_what_is_spoken_but_not_in_the_alphabet_is_left_for_encode_to_name(text: str, left: str) -> None:
    with pytest.raises(DataError, match=rf"(?i)'{left}' at position"):
        ENGLISH.encode(normalise_text(text, ENGLISH))


def test_the_alphabet_decides_case_apostrophe_and_spaces() -> None:
    assert normalise_text("Don't  GO-go", Alphabet.from_texts(["abcdefghijklmnopqrstuvwxyz -"])) == "dont go-go"
    assert normalise_text("你 好！", Alphabet(("你", "好"))) == "你好"
    assert normalise_text("É", Alphabet.from_texts(["é"])) == "é"
    assert normalise_text("e\u0301", Alphabet.from_texts(["é"])) == "é"
    assert normalise_text("It’s", Alphabet.from_texts(["It’s"])) == "It’s"


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=30))
def test_a_text_of_the_alphabet_is_normal_already(text: str) -> None:
    words = " ".join(text.replace("'", "").split())  # an apostrophe that touches no letter would go
    assert normalise_text(words, Alphabet.from_texts([words, " "])) == words


@settings(deadline=None)
@given(st.text())
def test_normalising_again_changes_nothing_where_the_text_can_be_encoded(text: str) -> None:
    once = normalise_text(text, ENGLISH)
    if all(character in ENGLISH for character in once):
        assert normalise_text(once, ENGLISH) == once


@pytest.mark.shared
def test_the_real_manifests_read_and_are_normal_already(shared: Path) -> None:
    n_utterances = 0
    sets = ("an4", "cv13", "libri3", "so762")
    files = [file for name in sets for file in sorted((shared / "speech").glob(f"{name}.*.jsonl"))]
    for file in files:
        for utterance in read_manifest(file):
            n_utterances += 1
            assert utterance.audio.is_file()
            assert utterance.duration_s is not None
            assert utterance.duration_s > 0
            assert utterance.speaker
            assert normalise_text(utterance.text, ENGLISH) == utterance.text
            assert len(ENGLISH.encode(utterance.text)) == len(utterance.text)
    assert len(files) == 7
    assert n_utterances == 948 + 130 + 367 + 995 + 158 + 2500 + 1260


def test_items_are_batched_from_the_longest_down_within_a_budget() -> None:
    assert list(longest_first([10, 1, 2, 9, 7], 30)) == [[0, 3, 4], [2, 1]]
    assert list(longest_first([50, 1], 30)) == [[0], [1]]
    assert list(longest_first([], 30)) == []
