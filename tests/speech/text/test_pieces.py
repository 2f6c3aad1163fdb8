"""Word pieces: what sentencepiece learns, the alphabet encodes in the same way without it."""

from __future__ import annotations

import builtins
import io
from collections.abc import Sequence
from pathlib import Path

import pytest
import sentencepiece

from audio_lstm.errors import ConfigError, DataError, MissingDependencyError
from audio_lstm.speech.text.alphabet import ENGLISH, Alphabet
from audio_lstm.speech.text.pieces import pieces_of_transcripts, train_pieces

TEXTS = ["THE CAT", "THE HAT", "THE THEME"]


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[io.BytesIO]:
    """The models that sentencepiece trains during a test."""
    train, models = sentencepiece.SentencePieceTrainer.train, []

    def record(**options: object) -> None:
        train(**options)
        models.append(options["model_writer"])

    monkeypatch.setattr(sentencepiece.SentencePieceTrainer, "train", record)
    return models


def assert_same_pieces(alphabet: Alphabet, model: io.BytesIO, texts: Sequence[str]) -> None:
    """sentencepiece's ids begin with <unk>, ours with the blank."""
    processor = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
    for text in texts:
        ids = alphabet.encode(text).tolist()
        assert ids == processor.encode(text)
        assert alphabet.decode(ids) == processor.decode(ids) == " ".join(text.split())


def test_frequent_words_become_pieces_and_every_character_stays() -> None:
    alphabet = train_pieces(TEXTS, 11)
    assert alphabet.symbols == ("HE", " T", " THE", "AT", "T", " ", "E", "H", "A", "C", "M")
    assert alphabet == train_pieces(iter(TEXTS), 11)
    assert set("".join(TEXTS)) <= set(alphabet.symbols)


@pytest.mark.parametrize("text", ["THE HAT", "", "   ", " THE   CAT ", "MACHETE", "TTT", "H", "HETHE THETA"])
def test_a_text_gets_sentencepieces_own_ids(trained: list[io.BytesIO], text: str) -> None:
    assert_same_pieces(train_pieces(TEXTS, 14), trained[0], [text])


@pytest.mark.parametrize(
    "texts",
    [
        ["你好 世界", "你好", "世界你好"],
        ["l'été à l'ÉTÉ", "été"],
        ["IT'S ISN'T IT'S", "IT'S"],
        ["e\u0301te\u0301", "e\u0301"],
    ],
)
def test_any_script_is_taken_as_it_is(trained: list[io.BytesIO], texts: list[str]) -> None:
    n_characters = len(set("".join(texts)) | {" "})
    alphabet = train_pieces(texts, n_characters + 2)
    assert alphabet.size == n_characters + 3
    assert not alphabet.is_characters
    assert_same_pieces(alphabet, trained[0], texts)


def test_letters_and_signs_may_share_a_piece() -> None:
    assert "'S" in train_pieces(["IT'S HE'S SHE'S"] * 3, 10).symbols


def test_long_texts_are_not_passed_over() -> None:
    assert "X" in train_pieces(["AB " * 5_000 + "X", "AB"], 6)


@pytest.mark.parametrize("n_pieces", [128, 500])
@pytest.mark.shared
def test_thousands_of_real_sentences_get_sentencepieces_own_ids(
    shared: Path, trained: list[io.BytesIO], n_pieces: int
) -> None:
    texts = (shared / "speech" / "lm_text.txt").read_text("utf-8").splitlines()
    alphabet = train_pieces(texts, n_pieces)
    assert len(alphabet.symbols) == n_pieces
    sample = texts[::5]
    assert len(sample) > 8_000
    assert_same_pieces(alphabet, trained[0], sample)


@pytest.mark.parametrize("n_symbols", [-1, 5, 7])
def test_fewer_symbols_than_characters_are_refused(n_symbols: int) -> None:
    with pytest.raises(ConfigError, match=rf"n_symbols must be above 7, .* got {n_symbols}; ask for more"):
        train_pieces(TEXTS, n_symbols)


def test_more_symbols_than_the_texts_have_are_refused() -> None:
    with pytest.raises(
        ConfigError, match="texts have only 26 pieces and characters, got n_symbols 27; ask for at most"
    ):
        train_pieces(TEXTS, 27)
    assert train_pieces(TEXTS, 26).size == 27


@pytest.mark.parametrize("texts", [[], [""], ["  ", " "]])
def test_texts_without_letters_are_refused(texts: list[str]) -> None:
    with pytest.raises(DataError, match="no characters to make pieces of; check the transcripts"):
        train_pieces(texts, 10)


@pytest.mark.parametrize("character", ["\t", "\n", "\0", "\u2581", "\u2585", "\u00a0", "\ud800"])
def test_characters_that_no_piece_can_hold_are_named(character: str) -> None:
    with pytest.raises(DataError, match=r"in 'THE.*CAT' cannot be part of a piece; write the texts in letters"):
        train_pieces(["THE HAT", f"THE{character}CAT"], 10)


def test_without_sentencepiece_the_pip_line_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def refuse(name: str, *rest: object) -> object:
        if name == "sentencepiece":
            raise ImportError(name)
        return real(name, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(MissingDependencyError, match="needs sentencepiece: pip install sentencepiece"):
        train_pieces(TEXTS, 11)


def test_pieces_of_transcripts_keep_every_letter_though_the_texts_lack_some() -> None:
    symbols = pieces_of_transcripts(["the cat", "The hat.", "THE THEME"], 34, ENGLISH)
    assert len(symbols) == 34
    assert set(ENGLISH.symbols) < set(symbols)
    assert " THE" in symbols
