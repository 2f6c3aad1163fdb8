r"""ARPA files, the text format in which n-gram models are exchanged: \data\, counts, \1-grams:, …, \end\.

Logs in the file are to base 10 (SRILM's ngram-format(5)), here they are natural. Read is what SRILM, KenLM, IRSTLM and
pocketsphinx write: tabs or spaces, text before \data\, CRLF, gzip, <unk> or <UNK>, back-off weights left out, n-grams
whose history is not in the file. Refused is what shows that a file is damaged: counts that differ, a missing \end\,
numbers that are none, words and n-grams that occur twice or have no 1-gram.
"""

from __future__ import annotations

import gzip
import io
import math
import os
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from audio_lstm.atomic import atomic_write
from audio_lstm.errors import DataError
from audio_lstm.speech.words.ngram import MARKS, NgramModel, pack

__all__ = ["read_arpa", "write_arpa"]

_MAX_BACKOFF = 1e30  # log10; it stays finite in float32
_LN_10 = math.log(10)
_GZIP = b"\x1f\x8b"
_MAX_ORDER = 10  # of files that are read
_MAX_LINE = 2**16  # bytes
_MAX_PREAMBLE = 2**20  # bytes before \data\
_COUNT = re.compile(rb"ngram\s+(\d{1,18})\s*=\s*(\d{1,18})$")
_MARK_OF = {b"<unk>": 0, b"<UNK>": 0, b"<s>": 1, b"</s>": 2}


def read_arpa(path: str | os.PathLike[str]) -> NgramModel:
    r"""Read an ARPA file.

    Examples:
        >>> automaton = read_arpa("lm.arpa.gz").to_automaton()

    Args:
        path: The file, plain or gzipped, whatever its name.

    Returns:
        The model. Words are as the file spells them. Histories that the file lacks are added with the probability
        that backing off gives them. A back-off weight of the longest n-grams is passed over.

    Raises:
        DataError: If the file cannot be read, is not ARPA or is damaged; the message names file and line.
    """
    file = Path(path)
    try:
        with file.open("rb") as raw:
            is_gzip = raw.read(2) == _GZIP
            raw.seek(0)
            plain = cast("BinaryIO", io.BufferedReader(gzip.GzipFile(fileobj=raw))) if is_gzip else raw
            words, tables = _parse(_Lines(plain, file))
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DataError(f"{file}: damaged gzip data ({error}); fetch or write it again") from error
    except OSError as error:
        raise DataError(f"{file}: cannot be read ({error.strerror or error}); check the path") from error
    _add_histories(tables)
    return _tree(words, tables, file)


def write_arpa(model: NgramModel, path: str | os.PathLike[str]) -> None:
    """Write an ARPA file that `read_arpa`, KenLM and SRILM read.

    Args:
        model: Any.
        path: Where to write; gzipped if it ends in .gz. An older file is replaced once the new one is complete.

    Raises:
        DataError: If the file cannot be written.
    """
    target = Path(path)
    try:
        with atomic_write(target) as scratch, scratch.open("wb") as raw:
            if target.suffix.lower() == ".gz":
                with gzip.GzipFile(filename="", fileobj=raw, mode="wb", mtime=0) as zipped:  # the same bytes each time
                    zipped.writelines(_sections(model))
            else:
                raw.writelines(_sections(model))
    except OSError as error:
        raise DataError(
            f"{target}: cannot write the language model ({error.strerror}); choose another place"
        ) from error


def _sections(model: NgramModel) -> Iterator[bytes]:
    """The text of a file, a section at a time."""
    counts = "".join(f"ngram {order}={size}\n" for order, size in enumerate(model.order_sizes, 1))
    yield f"\\data\\\n{counts}".encode()
    spellings = [*model.words, *MARKS]
    histories = [""]  # of the order before
    first = 0  # the node of histories[0]
    for order in range(1, model.order + 1):
        part = model.nodes(order)
        parents, symbols = (model.parents[part] - first).tolist(), model.symbols[part].tolist()
        grams = [f"{histories[parent]}{spellings[symbol]}" for parent, symbol in zip(parents, symbols, strict=True)]
        log_probs, backoffs = (
            (values[part].astype(np.float64) / _LN_10 + 0.0).tolist() for values in (model.log_probs, model.backoffs)
        )
        if order < model.order:
            rows = [f"{p:.7g}\t{gram}\t{b:.7g}\n" for p, gram, b in zip(log_probs, grams, backoffs, strict=True)]
        else:
            rows = [f"{p:.7g}\t{gram}\n" for p, gram in zip(log_probs, grams, strict=True)]
        yield f"\n\\{order}-grams:\n{''.join(rows)}".encode()
        histories, first = [f"{gram} " for gram in grams], part.start
    yield b"\n\\end\\\n"


class _Lines:
    """The lines of a file, stripped, with their numbers."""

    def __init__(self, handle: BinaryIO, file: Path) -> None:
        self._handle, self._file = handle, file
        self.number = 0  # of the line that was read last, from 1
        self.n_bytes = 0

    def __iter__(self) -> Iterator[bytes]:
        """Every line that is not blank."""
        while raw := self._handle.readline(_MAX_LINE):
            self.number += 1
            self.n_bytes += len(raw)
            if len(raw) == _MAX_LINE:
                raise self.error(f"a line longer than {_MAX_LINE} bytes: not an ARPA language model")
            line = raw.strip()
            if line:
                yield line

    def error(self, complaint: str) -> DataError:
        """A complaint about the line that was read last."""
        return DataError(f"{self._file}:{max(1, self.number)}: {complaint}")

    def text(self, raw: bytes) -> str:
        """A spelling, or a complaint."""
        try:
            return raw.decode("utf-8")
        except UnicodeDecodeError:
            raise self.error(f"{raw!r:.60} is not UTF-8; convert the file, for instance with iconv") from None


@dataclass(eq=False)
class _Table:
    """The n-grams of one order as the file has them; logs to base 10."""

    symbols: NDArray[np.int32]  # (n, order)
    log_probs: NDArray[np.float64]  # (n,) nan: added, to be filled in
    backoffs: NDArray[np.float64]  # (n,)
    lines: NDArray[np.int64]  # (n,) line numbers


def _parse(lines: _Lines) -> tuple[tuple[str, ...], list[_Table]]:
    """Words and n-grams; the marks' symbols follow the words'."""
    rows = iter(lines)
    sizes, header = _counts(lines, rows)
    ids: dict[bytes, int] = {}
    words: list[str] = []
    tables: list[_Table] = []
    for order, size in enumerate(sizes, 1):
        if header != b"\\%d-grams:" % order:
            found = lines.text(header)[:40] if header else "the end of the file"
            raise lines.error(f"expected \\{order}-grams:, found {found!r}; the file is damaged or cut off")
        if order == 1:
            table, header = _unigrams(lines, rows, words, ids)
        else:
            table, header = _section(lines, rows, ids, order, is_last=order == len(sizes))
        if len(table.lines) != size:
            raise lines.error(f"{len(table.lines)} {order}-grams, but \\data\\ says {size}; the file is damaged")
        tables.append(table)
    if header != b"\\end\\":
        raise lines.error("no \\end\\ after the last n-gram; the file is damaged or cut off")
    while len(tables) > 1 and not len(tables[-1].lines):
        tables.pop()
    for table in tables:  # marks were numbered from -1 down while the number of words was not known
        table.symbols[:] = np.where(table.symbols < 0, len(words) - 1 - table.symbols, table.symbols)
    return tuple(words), tables


def _counts(lines: _Lines, rows: Iterator[bytes]) -> tuple[list[int], bytes]:
    """The counts of the orders, and the line after them."""
    for line in rows:
        if line.removeprefix(b"\xef\xbb\xbf") == b"\\data\\":
            break
        if lines.n_bytes > _MAX_PREAMBLE:
            raise lines.error("not an ARPA language model: no line \\data\\ so far")
    else:
        raise lines.error("not an ARPA language model: no line \\data\\")
    sizes: list[int] = []
    for line in rows:
        count = _COUNT.match(line)
        if not count:
            break
        if int(count[1]) != len(sizes) + 1 or len(sizes) == _MAX_ORDER:
            raise lines.error(f"expected the orders 1, 2, … up to {_MAX_ORDER} in turn, got {lines.text(line)!r:.40}")
        sizes.append(int(count[2]))
    else:
        line = b""
    if not sizes:
        raise lines.error("expected lines such as 'ngram 1=1000' after \\data\\; the file is damaged or cut off")
    return sizes, line


def _unigrams(lines: _Lines, rows: Iterator[bytes], words: list[str], ids: dict[bytes, int]) -> tuple[_Table, bytes]:
    """The section that says which words there are; fills in words and their numbers."""

    def named() -> Iterator[bytes]:
        for line in rows:
            fields = line.split()
            if not line.startswith(b"\\") and len(fields) in (2, 3):
                spelling = fields[1]
                if spelling in ids or (spelling in (b"<unk>", b"<UNK>") and -1 in ids.values()):
                    raise lines.error(f"the word {lines.text(spelling)!r:.40} is listed twice")
                if spelling in _MARK_OF:
                    ids[spelling] = -1 - _MARK_OF[spelling]
                else:
                    ids[spelling] = len(words)
                    words.append(lines.text(spelling))
            yield line

    table, header = _section(lines, named(), ids, 1, is_last=False)
    if b"</s>" not in ids:
        raise lines.error("no 1-gram </s>: the model cannot end a sentence; train it on sentences")
    return table, header


def _section(
    lines: _Lines, rows: Iterator[bytes], ids: dict[bytes, int], order: int, *, is_last: bool
) -> tuple[_Table, bytes]:
    """The n-grams of an order, and the line that ends the section."""
    symbols: list[int] = []
    log_probs: list[float] = []
    backoffs: list[float] = []
    numbers: list[int] = []
    header = b""
    for line in rows:
        if line.startswith(b"\\"):
            header = line
            break
        fields = line.split()
        try:
            if len(fields) == order + 1:
                backoffs.append(0.0)
            elif len(fields) == order + 2:
                weight = float(fields.pop())
                backoffs.append(0.0 if is_last else weight)
            else:
                raise lines.error(f"expected log-probability, {order} words, back-off weight, got {len(fields)} fields")
            log_probs.append(float(fields[0]))
            symbols += [ids[word] for word in fields[1:]]
        except ValueError:
            raise lines.error(f"expected a number at either end of {lines.text(line)!r:.60}") from None
        except KeyError as error:
            raise lines.error(f"the word {lines.text(error.args[0])!r:.40} is not among the 1-grams") from None
        if not log_probs[-1] <= 0 or not backoffs[-1] <= _MAX_BACKOFF:
            raise lines.error(f"expected a log-probability up to 0 and a finite weight in {lines.text(line)!r:.60}")
        numbers.append(lines.number)
    table = _Table(
        np.array(symbols, np.int32).reshape(-1, order), np.array(log_probs), np.array(backoffs), np.array(numbers)
    )
    return table, header


def _add_histories(tables: list[_Table]) -> None:
    """Put n-grams without the history that they extend (pruned away by some tools) right; in place."""
    for index in range(len(tables) - 1, 1, -1):
        longer, table = tables[index], tables[index - 1]
        size = index  # words in the histories
        both = np.concatenate([table.symbols, longer.symbols[:, :size]])
        ranks = np.zeros(len(both), np.int64)
        for column in both.T:
            ranks = np.unique(pack(ranks, column), return_inverse=True)[1]
        known = np.zeros(len(both), np.bool_)
        known[ranks[: len(table.symbols)]] = True
        missing = np.flatnonzero(~known[ranks])
        missing = missing[np.unique(ranks[missing], return_index=True)[1]]
        if missing.size:
            table.symbols = np.concatenate([table.symbols, both[missing]])
            table.log_probs = np.concatenate([table.log_probs, np.full(len(missing), np.nan)])
            table.backoffs = np.concatenate([table.backoffs, np.zeros(len(missing))])
            table.lines = np.concatenate([table.lines, longer.lines[missing - (len(both) - len(longer.symbols))]])


def _tree(words: tuple[str, ...], tables: list[_Table], file: Path) -> NgramModel:
    """Sort the n-grams into a tree."""
    keys = np.array([-1], np.int64)
    log_probs, backoffs = np.zeros(1), np.zeros(1)
    for table in tables:
        parents = np.zeros(len(table.lines), np.int64)
        for column in table.symbols.T[:-1]:
            parents = np.searchsorted(keys, pack(parents, column))
        packed = pack(parents, table.symbols[:, -1])
        by_key = np.argsort(packed, kind="stable")
        packed = packed[by_key]
        twice = np.flatnonzero(packed[1:] == packed[:-1])
        if twice.size:
            line = int(table.lines[by_key[twice + 1]].min())
            raise DataError(f"{file}:{line}: this n-gram has been listed before; the file is damaged")
        keys = np.concatenate([keys, packed])
        log_probs = np.concatenate([log_probs, table.log_probs[by_key]])
        backoffs = np.concatenate([backoffs, table.backoffs[by_key]])
    parents = keys >> 32
    with np.errstate(over="ignore"):  # -1e308 becomes -inf: impossible either way
        scores = (log_probs * _LN_10).astype(np.float32), (backoffs * _LN_10).astype(np.float32)
    symbols = (keys - (parents << 32)).astype(np.int32)
    sizes = tuple(len(table.lines) for table in tables)
    model = NgramModel(words, sizes, parents.astype(np.int32), symbols, *scores)
    _fill_in(model)
    return model


def _fill_in(model: NgramModel) -> None:
    """Give n-grams without a probability the one that they had by backing off; in place, the shortest first."""
    for node in np.flatnonzero(np.isnan(model.log_probs)).tolist():
        history, symbol = np.array([model.parents[node]]), model.symbols[node : node + 1]
        price = 0.0
        while True:
            price += float(model.backoffs[history[0]])
            history = model.suffixes[history]
            found = model.find(history, symbol)
            if found[0] >= 0:
                break
        model.log_probs[node] = price + model.log_probs[found[0]]
