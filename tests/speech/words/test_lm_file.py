"""Language model files: the compact format there and back, formats told apart by content, and every kind of damage."""

from __future__ import annotations

import random
import shutil
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest

from audio_lstm.errors import ConfigError, DataError
from audio_lstm.speech.words.lm_file import check_suffix, read_language_model, read_ngram, write_language_model
from audio_lstm.speech.words.ngram import NgramModel, train_ngram

TEXTS = ["THE CAT SAT", "THE CAT RAN", "A DOG RAN", "THE DOG"]
HEAD = 16  # bytes before what the checksum covers
WORDS = [first + second for first in "BCDFGHKLM" for second in ("AD", "EL", "IN", "OT", "UP")]


def large_model() -> NgramModel:
    """One with more than 256 different probabilities an order."""
    rng = random.Random(0)
    frequent = [word for rank, word in enumerate(WORDS, 1) for _ in range(60 // rank + 1)]
    return train_ngram([" ".join(rng.choices(frequent, k=rng.randint(1, 12))) for _ in range(600)])


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A small binary model."""
    path = tmp_path / "tiny.lm"
    write_language_model(train_ngram(TEXTS), path)
    return path


@pytest.mark.parametrize("order", [1, 2, 3, 5])
def test_a_small_model_comes_back_exactly(tmp_path: Path, order: int) -> None:
    model = train_ngram(TEXTS, order=order)
    write_language_model(model, tmp_path / "tiny.lm")
    back = read_ngram(tmp_path / "tiny.lm")
    assert (back.words, back.order_sizes) == (model.words, model.order_sizes)
    np.testing.assert_array_equal(back.parents, model.parents)
    np.testing.assert_array_equal(back.symbols, model.symbols)
    np.testing.assert_allclose(back.log_probs, model.log_probs, rtol=1e-6)
    np.testing.assert_array_equal(back.backoffs, model.backoffs)


def test_a_large_model_comes_back_nearly(tmp_path: Path) -> None:
    model = large_model()
    for name in ("large.lm", "large.arpa"):
        write_language_model(model, tmp_path / name)
    assert (tmp_path / "large.lm").stat().st_size < (tmp_path / "large.arpa").stat().st_size / 8
    back = read_ngram(tmp_path / "large.lm")
    np.testing.assert_array_equal(back.parents, model.parents)
    np.testing.assert_array_equal(back.symbols, model.symbols)
    assert len(np.unique(model.log_probs[model.nodes(2)])) > 256 >= len(np.unique(back.log_probs[back.nodes(2)]))
    for mine, theirs in ((back.log_probs, model.log_probs), (back.backoffs, model.backoffs)):
        np.testing.assert_allclose(mine, theirs, atol=0.05)
        np.testing.assert_array_equal(mine == 0, theirs == 0)  # zero weights are no histories: they stay exact
        assert np.sqrt(np.mean((mine - theirs) ** 2)) < 0.01
    assert back.to_automaton().n_states == model.to_automaton().n_states


@pytest.mark.parametrize("suffix", [".arpa", ".arpa.gz", ".lm"])
def test_files_are_told_apart_by_their_content(tmp_path: Path, suffix: str) -> None:
    model = train_ngram(TEXTS)
    write_language_model(model, tmp_path / f"a{suffix}")
    shutil.copy(tmp_path / f"a{suffix}", tmp_path / "any.name")
    automaton = read_language_model(tmp_path / "any.name")
    sentence = ["THE", "CAT", "ZEBRA"]
    assert automaton.score(sentence) == pytest.approx(model.to_automaton().score(sentence), rel=1e-5)


def test_what_is_never_said_is_never_said_after_reading(tmp_path: Path) -> None:
    model = train_ngram(TEXTS)
    model.log_probs[3] = -np.inf
    write_language_model(model, tmp_path / "x.lm")
    assert read_ngram(tmp_path / "x.lm").log_probs[3] < -200


def test_words_in_any_language_come_back(tmp_path: Path) -> None:
    model = train_ngram(["ÜBER ŁÓDŹ 東京", "ÜBER"])
    write_language_model(model, tmp_path / "x.lm")
    assert read_ngram(tmp_path / "x.lm").words == ("ÜBER", "ŁÓDŹ", "東京")


def test_a_file_that_is_cut_off_anywhere_is_refused(file: Path) -> None:
    data = file.read_bytes()
    for length in range(0, len(data), 3):
        file.write_bytes(data[:length])
        with pytest.raises(DataError, match=r"tiny.lm"):
            read_ngram(file)


def test_a_flipped_bit_anywhere_is_noticed(file: Path) -> None:
    data = file.read_bytes()
    for place in range(0, len(data), 3):
        file.write_bytes(data[:place] + bytes([data[place] ^ 4]) + data[place + 1 :])
        with pytest.raises(DataError, match=r"tiny.lm"):
            read_ngram(file)


def sealed(data: bytes) -> bytes:
    """The bytes with a checksum that fits them: what someone who means harm would send."""
    return data[:12] + struct.pack("<I", zlib.crc32(data[HEAD:])) + data[HEAD:]


def parts(file: Path) -> tuple[list[int], list[bytes]]:
    """The numbers of the header and the sections, unpacked."""
    data = file.read_bytes()
    order = struct.unpack_from("<H", data, 10)[0]
    numbers = list(struct.unpack_from(f"<{2 + order}I", data, HEAD))
    place, sections = HEAD + 4 * len(numbers), []
    while place < len(data):
        size = struct.unpack_from("<I", data, place)[0]
        sections.append(zlib.decompress(data[place + 4 : place + 4 + size]))
        place += 4 + size
    return numbers, sections


def put_together(file: Path, numbers: list[int], sections: list[bytes], rest: bytes = b"") -> None:
    squeezed = [zlib.compress(section) for section in sections]
    body = struct.pack(f"<{len(numbers)}I", *numbers)
    body += b"".join(struct.pack("<I", len(section)) + section for section in squeezed) + rest
    file.write_bytes(sealed(file.read_bytes()[:HEAD] + body))


def refused(file: Path, message: str) -> None:
    with pytest.raises(DataError, match=f"tiny.lm: not a usable language model: {message}.*; copy or train it again"):
        read_ngram(file)


def test_damage_with_a_right_checksum_raises_nothing_else(file: Path) -> None:
    """Bytes changed in the file and in the unpacked sections, checksums made to fit: refused, or read and usable."""
    rng = random.Random(0)
    pristine = file.read_bytes()
    n_read = n_refused = 0
    for attempt in range(150):
        file.write_bytes(pristine)
        numbers, sections = parts(file)
        if attempt % 2:
            damaged = bytearray(pristine)
            damaged[rng.randrange(8, len(damaged))] = rng.randrange(256)
            file.write_bytes(sealed(bytes(damaged)))
        else:
            section = rng.randrange(len(sections))
            unpacked = bytearray(sections[section])
            unpacked[rng.randrange(len(unpacked))] = rng.randrange(256)
            put_together(file, numbers, [*sections[:section], bytes(unpacked), *sections[section + 1 :]])
        try:
            automaton = read_language_model(file)
        except DataError as error:
            assert "tiny.lm: not a usable language model: " in str(error)  # noqa: PT017
            n_refused += 1
        else:
            assert not np.isnan(automaton.score(["THE", "CAT", "DOG", "ZEBRA"]))
            n_read += 1
    assert n_read + n_refused == 150
    assert min(n_read, n_refused) > 25


def test_parts_put_together_again_are_read(file: Path) -> None:
    before = read_ngram(file)
    put_together(file, *parts(file))
    np.testing.assert_array_equal(read_ngram(file).log_probs, before.log_probs)


def test_another_version_is_refused(file: Path) -> None:
    data = file.read_bytes()
    file.write_bytes(data[:8] + struct.pack("<H", 2) + data[10:])
    refused(file, "its format has version 2, this program reads 1")


def test_a_wrong_checksum_is_refused(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-1])
    refused(file, "its checksum is wrong, it is cut off or damaged")
    file.write_bytes(file.read_bytes()[:12])
    refused(file, "it is cut off")


@pytest.mark.parametrize("order", [0, 11, 65535])
def test_an_order_that_cannot_be_is_refused(file: Path, order: int) -> None:
    data = file.read_bytes()
    file.write_bytes(data[:10] + struct.pack("<H", order) + data[12:])
    refused(file, rf"its header is damaged .order {order}.")


def test_sizes_that_cannot_be_are_not_allocated(file: Path) -> None:
    numbers, sections = parts(file)
    for place in range(1, len(numbers)):
        huge = [*numbers[:place], 2**32 - 1, *numbers[place + 1 :]]
        put_together(file, huge, sections)
        refused(file, r"it claims \d+ bytes in a section of \d+")


def test_sizes_that_are_a_little_off_are_refused(file: Path) -> None:
    numbers, sections = parts(file)
    put_together(file, [numbers[0], numbers[1] + 1, *numbers[2:]], sections)
    refused(file, "a section has not the size that the header says")
    put_together(file, [numbers[0] + 1, *numbers[1:]], sections)
    refused(file, "its vocabulary is not 7 different words")
    put_together(file, numbers, sections[:-1])
    refused(file, "it is cut off")
    put_together(file, numbers, sections, b"more")
    refused(file, "4 bytes follow its end")


def test_a_section_that_does_not_unpack_is_refused(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[HEAD + 20 + 4 + 1] ^= 255  # in the header of the first zlib stream
    file.write_bytes(sealed(bytes(data)))
    refused(file, "its data do not unpack")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (b"CAT", b"THE", "its vocabulary is not 6 different words"),
        (b"CAT", b"<s>", "its vocabulary is not 6 different words"),
        (b"CAT", b"C\nT", "its vocabulary is not 6 different words"),
        (b"CAT", b"C\xc4T", "its vocabulary is not UTF-8"),
    ],
)
def test_a_vocabulary_that_cannot_be_is_refused(file: Path, old: bytes, new: bytes, message: str) -> None:
    numbers, sections = parts(file)
    put_together(file, numbers, [sections[0].replace(old, new), *sections[1:]])
    refused(file, message)


def test_ngrams_that_cannot_be_are_refused(file: Path) -> None:
    numbers, sections = parts(file)
    n_words, n_unigrams = numbers[0], numbers[2]
    vocabulary, unigrams, bigrams, *rest = sections

    def changed(section: bytes, place: int, value: int) -> bytes:
        return section[:place] + bytes([value]) + section[place + 1 :]

    put_together(file, numbers, [vocabulary, changed(unigrams, 1, n_words), bigrams, *rest])
    refused(file, "it holds words that are not in its vocabulary")
    put_together(file, numbers, [vocabulary, changed(unigrams, 1, 0), bigrams, *rest])
    refused(file, "it holds words that are not in its vocabulary")
    put_together(file, numbers, [vocabulary, unigrams, changed(bigrams, 0, 200), *rest])
    refused(file, "its counts of n-grams contradict each other")
    for value in (1.0, np.nan, np.inf):
        broken = unigrams[: 4 * n_unigrams + 8] + struct.pack("<f", value) + unigrams[4 * n_unigrams + 12 :]
        put_together(file, numbers, [vocabulary, broken, bigrams, *rest])
        refused(file, "it holds logs that are no log-probabilities")


def test_a_model_without_sentence_end_is_refused(tmp_path: Path) -> None:
    model = train_ngram(["A"], order=1)
    without = NgramModel(model.words, (3,), *(getattr(model, name)[:4] for name in NODES))
    write_language_model(without, tmp_path / "tiny.lm")
    refused(tmp_path / "tiny.lm", "it has no sentence end")


NODES = ("parents", "symbols", "log_probs", "backoffs")


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nothing.lm: no such language model; check the path"):
        read_language_model(tmp_path / "nothing.lm")
    with pytest.raises(DataError, match="a folder, expected a language model file"):
        read_language_model(tmp_path)


def test_a_file_that_may_not_be_read_is_refused(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: object, **_options: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(DataError, match=r"tiny.lm: cannot be read .Permission denied.; check its permissions"):
        read_ngram(file)


def test_some_other_file_is_not_a_language_model(tmp_path: Path) -> None:
    (tmp_path / "photo.lm").write_bytes(bytes(range(256)) * 10)
    with pytest.raises(DataError, match=r"photo.lm:\d+: not an ARPA language model"):
        read_language_model(tmp_path / "photo.lm")


def test_a_name_says_the_format() -> None:
    assert check_suffix("a/B.ARPA.GZ") == ".arpa.gz"
    assert check_suffix("x.lm") == ".lm"
    for name in ("x.bin", "x.gz", "x", ".lm"):
        with pytest.raises(ConfigError, match=r"expected a name that ends in .arpa, .arpa.gz or .lm"):
            check_suffix(name)


def test_a_folder_that_is_not_there_cannot_be_written_to(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"x.lm: cannot write the language model .No such file"):
        write_language_model(train_ngram(TEXTS), tmp_path / "no" / "x.lm")
