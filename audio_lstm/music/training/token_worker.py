"""The process that reads files and answers with their tokens: parsing and tokenising without a way back in between.

Started by token_reader.py and spoken to in the frames of audio_lstm/workers.py. A request is `{"paths": [...]}` + the
vocabulary as JSON; the answer `{"found": [...]}` + tokens, uint16 little-endian, end to end: for each path a list of
its pieces (an ABC file may hold several tunes), of each how many tokens it has, or what is wrong with it. One answer
for many files, since a word for each would wake the other side as often.
"""

from __future__ import annotations

import gc
import json
import sys
from functools import lru_cache

from audio_lstm.errors import ScoreError
from audio_lstm.music.files.files import read_bytes
from audio_lstm.music.files.parse_worker import parse_pieces
from audio_lstm.music.score.score import Score
from audio_lstm.music.tokens.events import EventVocabulary
from audio_lstm.workers import Requests, limit_memory

__all__ = ["main"]


@lru_cache(maxsize=4)
def _vocabulary(text: bytes) -> EventVocabulary:
    return EventVocabulary.from_dict(json.loads(text))


def _read(path: str, vocabulary: bytes, *, limits: tuple[int, int], sustain: bool) -> list[bytes | str]:
    """The tokens of each piece in a file, or what is wrong with it."""
    max_bytes, max_notes = limits
    try:
        pieces = parse_pieces(read_bytes(path, max_bytes=max_bytes), max_notes=max_notes, sustain=sustain)
        return [_tokens(piece, vocabulary) for piece in pieces]
    except ScoreError as error:
        return [str(error)]
    except MemoryError:
        return ["too large: reading it takes more memory than allowed; raise max_memory_bytes"]


def _tokens(piece: Score | ScoreError, vocabulary: bytes) -> bytes | str:
    if isinstance(piece, ScoreError):
        return str(piece)
    if not piece.n_notes:
        return "there is no note in it"
    try:
        return _vocabulary(vocabulary).encode(piece).astype("<u2").tobytes()
    except ScoreError as error:
        return str(error)


def main(max_memory_bytes: int, timeout_s: float, max_bytes: int, max_notes: int) -> None:
    """Answer requests until the other side closes the pipe.

    Args:
        max_memory_bytes: the address space that this process may use.
        timeout_s: this process ends itself when a file takes longer.
        max_bytes: larger files are refused.
        max_notes: so are those with more notes.
    """
    import symusic  # noqa: F401  # else the first file would pay for it

    limit_memory(max_memory_bytes)
    gc.freeze()  # what is loaded by now stays: collections need not look at it again and again
    requests = Requests()
    for header, vocabulary in requests:
        found: list[list[int | str]] = []
        parts: list[bytes] = []
        for path in header["paths"]:
            requests.deadline.start(timeout_s)
            pieces = _read(path, vocabulary, limits=(max_bytes, max_notes), sustain=header.get("sustain", False))
            parts += (piece for piece in pieces if isinstance(piece, bytes))
            found.append([len(piece) // 2 if isinstance(piece, bytes) else piece for piece in pieces])
        requests.answer({"found": found}, b"".join(parts))


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
