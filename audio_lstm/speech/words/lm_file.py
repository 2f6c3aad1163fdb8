"""Language model files: a compact binary format of our own (.lm), and ARPA, told apart by what is in them.

A binary file is, little-endian: magic (8 bytes), version u16, order u16, CRC-32 u32 of all that follows; number of
words u32, bytes of vocabulary u32, number of n-grams u32 of each order; then sections, each a u32 with its compressed
size and a zlib stream. The first section is the vocabulary in UTF-8, a line feed after each word. Then one a order:

- how many children each n-gram of the order below has (orders from 2 up), u32
- the last words: u32, as differences within the children of one n-gram, which ascend
- two codebooks of 256 float32, then two code bytes an n-gram: natural log-probability and back-off weight

The u32 lie in four planes, all lowest bytes first, which compresses better. Codebooks: entry 0 is "never", entry 1 is
exactly 0, the others are fitted to the values of the order (Lloyd 1982; 8 bits cost n-gram models next to nothing:
Federico and Bertoldi, "How many bits are needed to store probabilities for phrase-based translation?", WMT 2006).
"""

from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from audio_lstm.atomic import atomic_write
from audio_lstm.errors import ConfigError, DataError
from audio_lstm.speech.words.arpa import read_arpa, write_arpa
from audio_lstm.speech.words.automaton import WordAutomaton
from audio_lstm.speech.words.ngram import MARKS, NEVER, NgramModel

__all__ = ["SUFFIXES", "check_suffix", "encoded_size", "read_language_model", "read_ngram", "write_language_model"]

SUFFIXES = (".arpa", ".arpa.gz", ".lm")

_MAGIC = b"\x89ALM\r\n\x1a\n"  # as PNG's: bytes that transfers as text would change
_VERSION = 1
_HEAD = struct.Struct("<8sHHI")
_MAX_ORDER = 10
_N_LEVELS = 256
_NEVER_BELOW = NEVER / 2
_N_FITS = 12  # rounds of fitting a codebook; the error hardly falls after that
_MAX_INFLATION = 1032  # deflate cannot do more: what claims to be larger is damaged, and is not allocated


def read_language_model(path: str | os.PathLike[str]) -> WordAutomaton:
    """Read a language model for decoding.

    Examples:
        >>> automaton = read_language_model("lm.arpa")
        >>> automaton.score(["THE", "CAT"]) > automaton.score(["CAT", "THE"])
        True

    Args:
        path: An ARPA file, plain or gzipped, or a binary one; recognised by its content.

    Returns:
        The automaton. A DataError says what is wrong with a file that is missing, damaged or something else.
    """
    return read_ngram(path).to_automaton()


def read_ngram(path: str | os.PathLike[str]) -> NgramModel:
    """Read a language model as the n-grams that it is made of.

    Args:
        path: As for `read_language_model`.

    Returns:
        The model; from a binary file, probabilities and weights are rounded to the 256 levels that it stores.

    Raises:
        DataError: If the file is missing, damaged or something else.
    """
    file = Path(path)
    if file.is_dir():
        raise DataError(f"{file}: a folder, expected a language model file (.arpa, .arpa.gz or .lm)")
    if not file.exists():
        raise DataError(f"{file}: no such language model; check the path")
    try:
        with file.open("rb") as handle:
            if handle.read(len(_MAGIC)) != _MAGIC:
                return read_arpa(file)
            data = _MAGIC + handle.read()
    except OSError as error:
        raise DataError(f"{file}: cannot be read ({error.strerror}); check its permissions") from error
    try:
        return _decode(data)
    except _DamageError as damage:
        raise DataError(f"{file}: not a usable language model: {damage}; copy or train it again") from damage


def write_language_model(model: NgramModel, path: str | os.PathLike[str]) -> None:
    """Write a language model in the format that the name says.

    Args:
        model: Any.
        path: Ends in .arpa, .arpa.gz (exact, for other programs) or .lm (some 14 times smaller than .arpa, 8-bit
            logs). An older file is replaced once the new one is complete.

    Raises:
        DataError: If the file cannot be written.
    """
    target = Path(path)
    if check_suffix(target) != ".lm":
        write_arpa(model, target)
        return
    data = _encode(model)
    try:
        with atomic_write(target) as scratch:
            scratch.write_bytes(data)
    except OSError as error:
        raise DataError(
            f"{target}: cannot write the language model ({error.strerror}); choose another place"
        ) from error


def encoded_size(model: NgramModel) -> int:
    """How many bytes a model takes as a .lm file."""
    return len(_encode(model))


def check_suffix(path: str | os.PathLike[str]) -> str:
    """Which of the SUFFIXES a file name has.

    Args:
        path: A file, which need not exist.

    Returns:
        The suffix, in lower case.

    Raises:
        ConfigError: If it is another one.
    """
    name = Path(path).name.lower()
    suffix = next((suffix for suffix in SUFFIXES if name.endswith(suffix) and name != suffix), None)
    if suffix is None:
        raise ConfigError(f"{path}: expected a name that ends in {', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}")
    return suffix


class _DamageError(Exception):
    """What is wrong with the bytes of a file."""


def _encode(model: NgramModel) -> bytes:
    spelled = "".join(f"{word}\n" for word in model.words).encode()
    sections = [spelled]
    for order in range(1, model.order + 1):
        part = model.nodes(order)
        parents, symbols = model.parents[part].astype(np.int64), model.symbols[part].astype(np.int64)
        above = model.nodes(order - 1) if order > 1 else slice(0, 1)
        n_children = np.bincount(parents - above.start, minlength=above.stop - above.start)
        is_first = np.diff(parents, prepend=-1) != 0
        steps = np.diff(symbols, prepend=-1)
        steps[is_first] = symbols[is_first] + 1
        section = (_planes(n_children) if order > 1 else b"") + _planes(steps)
        log_probs = np.where(model.symbols[part] == len(model.words) + 1, NEVER, model.log_probs[part])
        pairs = [_quantise(log_probs), _quantise(model.backoffs[part])]
        section += b"".join(book.astype("<f4").tobytes() for book, _ in pairs)
        sections.append(section + b"".join(codes.tobytes() for _, codes in pairs))
    payload = struct.pack(f"<{2 + model.order}I", len(model.words), len(spelled), *model.order_sizes)
    for section in sections:
        squeezed = zlib.compress(section, 9)
        payload += struct.pack("<I", len(squeezed)) + squeezed
    return _HEAD.pack(_MAGIC, _VERSION, model.order, zlib.crc32(payload)) + payload


def _decode(data: bytes) -> NgramModel:
    if len(data) < _HEAD.size:
        raise _DamageError("it is cut off")
    _, version, order, checksum = _HEAD.unpack_from(data)
    if version != _VERSION:
        raise _DamageError(f"its format has version {version}, this program reads {_VERSION}")
    payload = memoryview(data)[_HEAD.size :]
    if zlib.crc32(payload) != checksum:
        raise _DamageError("its checksum is wrong, it is cut off or damaged")
    numbers = struct.Struct(f"<{2 + order}I")
    if not 1 <= order <= _MAX_ORDER or len(payload) < numbers.size:
        raise _DamageError(f"its header is damaged (order {order})")
    n_words, n_spelled, *sizes = numbers.unpack_from(payload)
    rest = payload[numbers.size :]
    spelled, rest = _inflate(rest, n_spelled)
    words = _words(spelled, n_words)
    root = np.array([-1], np.int64)
    columns = [(root, root, np.zeros(1, np.float32), np.zeros(1, np.float32))]
    above, start = 1, 0  # n-grams of the order below, and the node of the first of them
    for index, size in enumerate(sizes):
        n_counted = above if index else 0
        section, rest = _inflate(rest, 4 * (n_counted + size) + 8 * _N_LEVELS + 2 * size)
        n_children = _unplane(section[: 4 * n_counted]) if index else np.array([size])
        steps = _unplane(section[4 * n_counted : 4 * (n_counted + size)])
        parents, symbols = _siblings(n_children, steps, size, n_words)
        tail = section[4 * (n_counted + size) :]
        books = np.frombuffer(tail, "<f4", 2 * _N_LEVELS).astype(np.float32).reshape(2, _N_LEVELS)
        codes = np.frombuffer(tail, np.uint8, offset=8 * _N_LEVELS).reshape(2, size)
        if not np.all(np.isfinite(books)) or np.any(books[0] > 0):
            raise _DamageError("it holds logs that are no log-probabilities")
        columns.append((parents + start, symbols, books[0][codes[0]], books[1][codes[1]]))
        above, start = size, start + above
    if rest:
        raise _DamageError(f"{len(rest)} bytes follow its end")
    parents, symbols, log_probs, backoffs = (np.concatenate(parts) for parts in zip(*columns, strict=True))
    if n_words + 2 not in columns[1][1]:
        raise _DamageError("it has no sentence end")
    return NgramModel(words, tuple(sizes), parents.astype(np.int32), symbols.astype(np.int32), log_probs, backoffs)


def _siblings(
    n_children: NDArray[np.int64], steps: NDArray[np.int64], size: int, n_words: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Positions of the parents in their order, and the symbols."""
    if int(n_children.sum()) != size:
        raise _DamageError("its counts of n-grams contradict each other")
    parents = np.repeat(np.arange(len(n_children)), n_children)
    sums = np.cumsum(steps)
    firsts = np.cumsum(n_children) - n_children
    before = np.concatenate([[0], sums])[firsts]  # of the children of earlier n-grams
    symbols = sums - np.repeat(before, n_children) - 1
    if np.any(steps < 1) or np.any(symbols >= n_words + len(MARKS)):
        raise _DamageError("it holds words that are not in its vocabulary")
    return parents, symbols


def _words(spelled: bytes, n_words: int) -> tuple[str, ...]:
    try:
        words = spelled.decode("utf-8").split("\n")
    except UnicodeDecodeError:
        raise _DamageError("its vocabulary is not UTF-8") from None
    if words.pop() or len(words) != n_words or len({*words, *MARKS, ""}) != n_words + len(MARKS) + 1:
        raise _DamageError(f"its vocabulary is not {n_words} different words")
    return tuple(words)


def _inflate(data: memoryview, size: int) -> tuple[bytes, memoryview]:
    """The first section, which must have a size in bytes, and the data after it."""
    n_squeezed = int.from_bytes(data[:4], "little")
    if len(data) < 4 or len(data) < 4 + n_squeezed:
        raise _DamageError("it is cut off")
    if size > _MAX_INFLATION * n_squeezed:
        raise _DamageError(f"it claims {size} bytes in a section of {n_squeezed}")
    inflater = zlib.decompressobj()
    try:
        section = inflater.decompress(data[4 : 4 + n_squeezed], size + 1)
    except zlib.error as error:
        raise _DamageError(f"its data do not unpack ({error})") from error
    if len(section) != size or not inflater.eof or inflater.unused_data:
        raise _DamageError("a section has not the size that the header says")
    return section, data[4 + n_squeezed :]


def _planes(numbers: NDArray[np.int64]) -> bytes:
    return numbers.astype("<u4").view(np.uint8).reshape(-1, 4).T.tobytes()


def _unplane(data: bytes) -> NDArray[np.int64]:
    planes = np.frombuffer(data, np.uint8).reshape(4, -1)
    return np.ascontiguousarray(planes.T).view("<u4")[:, 0].astype(np.int64)


def _quantise(values: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """A codebook (256,) and the codes (n,) of values."""
    codes = np.zeros(len(values), np.uint8)
    codes[values == 0] = 1
    others = (values > _NEVER_BELOW) & (values != 0)
    wanted, places = np.unique(values[others].astype(np.float64), return_inverse=True)
    levels = wanted
    if len(wanted) > _N_LEVELS - 2:
        levels = np.linspace(wanted[0], wanted[-1], _N_LEVELS - 2)
        for _ in range(_N_FITS):
            nearest = np.searchsorted((levels[1:] + levels[:-1]) / 2, wanted)
            counts = np.bincount(nearest, minlength=len(levels))
            sums = np.bincount(nearest, wanted, len(levels))
            levels = np.sort(np.where(counts > 0, sums / np.maximum(counts, 1), levels))
    book = np.zeros(_N_LEVELS, np.float32)
    book[0], book[2 : 2 + len(levels)] = NEVER, levels
    codes[others] = (2 + np.searchsorted((levels[1:] + levels[:-1]) / 2, wanted))[places]
    return book, codes
