"""The writer: as many words as it is given, whatever they are; long texts in windows; files that are none refused."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from audio_lstm.config import LSTMConfig
from audio_lstm.errors import ConfigError, ModelError
from audio_lstm.speech.text.punctuation import (
    MARKS,
    N_INPUTS,
    PunctuationConfig,
    Writer,
    apply_case,
    likeliest_marks,
    load_writer,
    pause_ids,
    spelt_out,
    word_ids,
)

WORDS = ["SHE", "SAID", "YES", "AND", "THEN", "WE", "WENT", "HOME", "TO", "SEE", "THE", "OLD", "MAN"]


@pytest.fixture(scope="session")
def writer(writer_folder: Path) -> Writer:
    return load_writer(writer_folder)


def heard(written: tuple[str, ...]) -> list[str]:
    return ["".join(c for c in word if c.isalnum() or c == "'").upper() for word in written]


def test_every_word_comes_out_once_and_the_last_one_ends_a_sentence(writer: Writer) -> None:
    written = writer.write(WORDS)
    assert heard(written) == WORDS
    assert written[-1].endswith((".", "?", "!"))
    assert written[0][:1].isupper()


def test_nothing_gives_nothing_and_one_word_is_a_sentence(writer: Writer) -> None:
    assert writer.write([]) == ()
    (only,) = writer.write(["YES"])
    assert only[:-1] == "Yes"
    assert only[-1] in ".?!"


def test_ten_thousand_words_without_a_pause_come_out_whole(writer: Writer) -> None:
    words = WORDS * 834
    written = writer.write(words, pauses_s=[0.0] * len(words))
    assert len(words) > 10_000
    assert heard(written) == words


def test_words_outside_the_alphabet_are_written_as_they_are(writer: Writer) -> None:
    odd = ["ÄRGER", "Привет", "你好", "🙂", "A" * 500, "\ud800", "42", "'"]
    written = writer.write(odd)
    assert [word.rstrip("".join(MARKS)).lower() for word in written] == [word.lower() for word in odd]


def test_a_long_text_is_read_in_windows_that_agree_where_they_overlap(writer: Writer) -> None:
    words = WORDS * 40
    whole = writer.answers(words)
    assert len(whole.marks) == len(words)
    first = writer.answers(words[:256])
    np.testing.assert_allclose(whole.marks[:224], first.marks[:224], atol=0.2)


def test_pauses_and_confidences_are_read(writer: Writer) -> None:
    ids = writer.encode(["A", "B", "C"], [0.0, None, 5.0], [None, 0.1, 1.0])
    assert ids.shape == (3, N_INPUTS)
    assert len(set(ids[:, 8].tolist())) == 3
    assert len(set(ids[:, 9].tolist())) == 3
    with pytest.raises(ValueError, match="expected 2 pauses_s, one a word, got 1"):
        writer.write(["A", "B"], pauses_s=[0.1])


def test_pauses_grow_with_their_rows() -> None:
    rows = pause_ids(np.array([np.nan, 0.0, 0.1, 0.5, 2.0, 1e9]))
    assert rows[0] == 0
    assert (np.diff(rows) > 0).all()


def test_a_word_has_the_same_pieces_in_every_case() -> None:
    assert word_ids("London", 100) == word_ids("LONDON", 100)
    assert word_ids("London", 10**6) != word_ids("Londom", 10**6)


def test_live_answers_do_not_hang_on_words_beyond_the_look_ahead(writer: Writer) -> None:
    ids = writer.encode(WORDS)
    whole, _ = writer.live_answers(ids, None)
    part, _ = writer.live_answers(ids[:10], None)
    n = 10 - writer.config.look_ahead
    np.testing.assert_allclose(part.marks[:n], whole.marks[:n], atol=0.1)
    _, state = writer.live_answers(ids[:3], None)
    carried, _ = writer.live_answers(ids[3:], state)
    np.testing.assert_allclose(carried.marks, whole.marks[3:], atol=0.1)


def test_a_sentence_ends_where_its_ends_together_are_likeliest() -> None:
    chances = np.full((1, len(MARKS)), 1e-6)
    chances[0, [MARKS.index(""), MARKS.index("."), MARKS.index("?")]] = [0.4, 0.25, 0.35]
    assert likeliest_marks(np.log(chances).astype(np.float32)) == [MARKS.index("?")]


def test_cases_and_listed_forms_are_spelt() -> None:
    forms = {"mcdonald": "McDonald", "cafe": "café"}
    assert [apply_case("O'NEIL", case, forms) for case in range(4)] == ["o'neil", "O'neil", "O'NEIL", "O'Neil"]
    assert apply_case("MCDONALD'S", 3, forms) == "McDonald's"
    assert apply_case("CAFE", 3, forms) == "café"


def test_letters_that_are_spelt_are_capitals_and_small_words_are_not() -> None:
    assert spelt_out(["M", "U", "S", "I", "C"]).all()
    assert not spelt_out(["AM", "I", "A", "MAN"]).any()
    assert spelt_out(["A", "B"]).tolist() == [True, True]
    assert not spelt_out([]).any()


def test_spelt_letters_stay_capitals(writer: Writer) -> None:
    written = writer.write(["THE", "LETTERS", "M", "U", "S", "I", "C"])
    assert [word[0] for word in written[2:]] == list("MUSIC")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"look_ahead": -1}, "look_ahead must lie in 0..16"),
        ({"n_buckets": 0}, "n_buckets must lie in 1.."),
        ({"mark_bias": (0.0,)}, "mark_bias needs 8 values"),
        ({"causal": LSTMConfig(8, hidden_size=8)}, "both_ways.input_size must be the output of the causal LSTM, 8"),
        ({"both_ways": LSTMConfig(320)}, "set causal.bidirectional to false and both_ways.bidirectional to true"),
    ],
)
def test_configurations_that_make_no_sense_are_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        PunctuationConfig(**changes)  # type: ignore[arg-type]


def test_what_is_no_writer_is_refused_by_name(writer_folder: Path, untrained_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="a model of the speech wing, but a punctuation model is needed"):
        load_writer(untrained_folder)
    with pytest.raises(ModelError, match="not found"):
        load_writer(tmp_path / "nothing")
    shutil.copytree(writer_folder, tmp_path / "damaged")
    (tmp_path / "damaged" / "model.onnx").write_bytes(b"nothing")
    with pytest.raises(ModelError, match="not a model that ONNX Runtime can run"):
        load_writer(tmp_path / "damaged")
    config = tmp_path / "damaged" / "config.json"
    config.write_text(config.read_text("utf-8").replace('"look_ahead": 4', '"look_ahead": 99'), "utf-8")
    with pytest.raises(ModelError, match="look_ahead"):
        load_writer(tmp_path / "damaged")


def test_a_loaded_writer_is_returned_as_it_is(writer: Writer) -> None:
    assert load_writer(writer) is writer
