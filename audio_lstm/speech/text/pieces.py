"""Pieces of words as output symbols: byte pair encoding, learned by sentencepiece and used without it."""

from __future__ import annotations

import io
import unicodedata
from collections.abc import Iterable
from types import ModuleType

from audio_lstm.errors import ConfigError, DataError, MissingDependencyError
from audio_lstm.speech.text.alphabet import Alphabet
from audio_lstm.speech.text.data import normalise_text

__all__ = ["pieces_of_transcripts", "train_pieces"]

_SPACE = "\u2581"  # what sentencepiece writes for a space
_RESERVED = frozenset({_SPACE, "\u2585"})  # the second is its unknown letter
_ANY_LENGTH = 1_000_000_000  # bytes: sentencepiece passes longer sentences over


def train_pieces(texts: Iterable[str], n_symbols: int) -> Alphabet:
    """An alphabet of word pieces for a corpus, by byte pair encoding (Sennrich, Haddow & Birch 2016).

    Frequent words become one symbol, rare ones a few, and every character stays a symbol, so that no text of these
    characters is unwritable. Unlike sentencepiece's default, letters and signs may share a piece ("'S", "N'T"), and
    the texts are taken as they are (no NFKC). The same texts give the same alphabet. Texts without letters, with
    white space other than the space, or with characters that sentencepiece keeps for itself are a DataError.

    Examples:
        >>> train_pieces(["THE CAT", "THE HAT", "THE THEME"], 11).symbols
        ('HE', ' T', ' THE', 'AT', 'T', ' ', 'E', 'H', 'A', 'C', 'M')

    Args:
        texts: Transcripts as they will be encoded: after `normalise_text`.
        n_symbols: Pieces and characters together; the CTC blank is not counted.

    Returns:
        The alphabet: pieces in the order of their merges, then the characters by frequency. Its `encode` does what
        sentencepiece does with the same model.

    Raises:
        ConfigError: If n_symbols is not above the number of characters, or the texts do not have as many pieces.
        MissingDependencyError: If sentencepiece is not installed.
    """
    try:
        import sentencepiece
    except ImportError as error:
        raise MissingDependencyError("training word pieces needs sentencepiece: pip install sentencepiece") from error
    sentences = list(texts)
    characters = _characters(sentences)
    if n_symbols <= len(characters):
        raise ConfigError(
            f"n_symbols must be above {len(characters)}, the characters of the texts (the space is one), "
            f"got {n_symbols}; ask for more, or train on characters"
        )
    model = _merges(sentencepiece, sentences, n_symbols)
    processor = sentencepiece.SentencePieceProcessor(model_proto=model)
    pieces = [processor.id_to_piece(i) for i in range(processor.vocab_size()) if not processor.is_unknown(i)]
    if len(pieces) < n_symbols:
        raise ConfigError(
            f"the texts have only {len(pieces)} pieces and characters, got n_symbols {n_symbols}; ask for at most "
            f"{len(pieces)}, or give more text"
        )
    return Alphabet(tuple(piece.replace(_SPACE, " ") for piece in pieces))


def pieces_of_transcripts(texts: Iterable[str], n_symbols: int, letters: Alphabet) -> tuple[str, ...]:
    """The symbols of a model that writes word pieces, learned from a corpus; every letter stays one.

    Args:
        texts: Transcripts as they stand in a manifest.
        n_symbols: Pieces and letters together; the CTC blank is not counted.
        letters: What the transcripts are brought to first (`normalise_text`), and what must be writable in the end,
            though the texts may lack some of it.

    Returns:
        The symbols, as `train_pieces` orders them; its errors are raised.
    """
    alone = [letter for letter in letters.symbols if letter != " "]
    return train_pieces([*(normalise_text(text, letters) for text in texts), *alone], n_symbols).symbols


def _merges(sentencepiece: ModuleType, sentences: list[str], n_symbols: int) -> bytes:
    """Sentencepiece's model of the texts: pieces in the order of their merges, then characters."""
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(sentences),
        model_writer=model,
        model_type="bpe",
        vocab_size=n_symbols + 1,  # with <unk>, which sentencepiece insists on
        hard_vocab_limit=False,  # what is missing is counted below
        unk_id=0,
        bos_id=-1,
        eos_id=-1,
        pad_id=-1,
        character_coverage=1.0,
        byte_fallback=False,
        add_dummy_prefix=True,
        normalization_rule_name="identity",
        split_by_unicode_script=False,
        max_sentence_length=_ANY_LENGTH,
        num_threads=1,
        minloglevel=2,  # errors only
    )
    return model.getvalue()


def _characters(sentences: list[str]) -> set[str]:
    """The characters of the texts, the space among them."""
    characters = set().union(*sentences)
    if not characters - {" "}:
        raise DataError("the texts hold no characters to make pieces of; check the transcripts")
    for character in sorted(characters - {" "}):
        if character.isspace() or character in _RESERVED or unicodedata.category(character) in ("Cc", "Cs"):
            sentence = next(sentence for sentence in sentences if character in sentence)
            raise DataError(
                f"{character!r} in {sentence!r:.80} cannot be part of a piece; write the texts in letters with single "
                "spaces between the words (normalise_text)"
            )
    return characters | {" "}
