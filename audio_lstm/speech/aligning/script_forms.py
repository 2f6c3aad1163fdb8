"""Which of the ways to say a word of a script a recording says: "1905" is nineteen oh five, or a number, or digits.

The search finds the best path through a chain of words, each with several spellings side by side. Of a path it
remembers the spelling that each word ended with and the frame before which that began (Vintsyuk 1971, "Element-wise
recognition of continuous speech composed of words from a specified dictionary"), so that memory grows with frames
times words. It runs only where it is needed: between words that have surely been found.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from audio_lstm.speech.aligning.script import Script, ScriptWord
from audio_lstm.speech.aligning.script_path import (
    LEAVE_OUT_COST,
    LEAVE_OUT_SYMBOL_COST,
    emissions,
    find_words,
    matched_words,
)
from audio_lstm.speech.text.alphabet import BLANK, Alphabet

__all__ = ["choose_forms"]

_SURE = -0.5  # nats: a word whose every symbol is at least this likely is said as it is spelled
_N_SURE = 2  # such words on either side of those that are searched
_MAX_CELLS = 100_000_000  # frames times states of a search, seconds on one core; longer ones keep the likeliest ways


def choose_forms(log_probs: NDArray[np.floating], script: Script) -> Script:
    """Spell the words of a script as they are said in a recording.

    Args:
        log_probs: Natural-log probabilities (T, script.alphabet.size); the blank comes first.
        script: Its words may have `others`.

    Returns:
        The same words without `others`, each with the units that fit best; those of the likeliest way where nothing
        in the recording speaks for another.
    """
    words = list(script.words)
    if len(log_probs) and any(word.others for word in words):
        for part in _open_parts(log_probs, script):
            inside = [place for place in range(part.words.start, part.words.stop) if words[place].units]
            chosen = _search(log_probs[part.frames.start : part.frames.stop], [words[i] for i in inside], script)
            for place, form in zip(inside, chosen, strict=True):
                words[place] = replace(words[place], units=words[place].forms[form])
    return Script(tuple(replace(word, others=()) for word in words), script.alphabet)


@dataclass(frozen=True)
class _Part:
    """A stretch of the script, and the frames that it is said in."""

    words: range
    frames: range


def _open_parts(log_probs: NDArray[np.floating], script: Script) -> list[_Part]:
    """What has to be searched: words that may be said otherwise, up to words that are surely found."""
    spans = find_words(log_probs, script.ids, script.alphabet)
    lengths = np.array([len(ids) for ids in script.ids], np.int64)
    matched = matched_words(spans, lengths, script.is_guess)
    first_symbols = np.concatenate([[0], np.cumsum(lengths)])
    first_units = np.concatenate([[0], np.cumsum([len(word.units) for word in script.words])])
    begins, ends, sure = [], [], []  # of each word; -1: it is left out
    for number, word in enumerate(script.words):
        symbols = slice(first_symbols[first_units[number]], first_symbols[first_units[number + 1]])
        is_matched = bool(word.units) and bool(matched[first_units[number] : first_units[number + 1]].all())
        sure.append(is_matched and float(spans.scores[symbols].min()) >= _SURE)
        begins.append(int(spans.start_frames[symbols][0]) if is_matched else -1)
        ends.append(int(spans.end_frames[symbols][-1]) + 1 if is_matched else -1)
    parts: list[_Part] = []
    for number, word in enumerate(script.words):
        if not word.others or sure[number] or (parts and number < parts[-1].words.stop):
            continue
        low, high = _reach(sure, number, -1), _reach(sure, number, 1)
        first = begins[low] if low >= 0 else 0
        last = ends[high] if high < len(sure) else len(log_probs)
        low, high = max(low, 0), min(high, len(sure) - 1)
        if parts and low < parts[-1].words.stop:
            low, first = parts[-1].words.start, parts[-1].frames.start
            parts.pop()
        parts.append(_Part(range(low, high + 1), range(first, last)))
    return parts


def _reach(sure: Sequence[bool], number: int, step: int) -> int:
    """The word at which enough sure ones have been passed, or just beyond the script."""
    n_sure = 0
    while 0 <= number < len(sure) and n_sure < _N_SURE:
        number += step
        n_sure += 0 <= number < len(sure) and sure[number]
    return number


@dataclass(frozen=True, eq=False)
class _Chain:
    """The states of words with their spellings: those of all spellings of all words, each in a row."""

    labels: NDArray[np.int64]  # (S,) the emission's column
    is_first: NDArray[np.bool_]  # (S,) of a spelling
    may_skip: NDArray[np.bool_]  # (S,) whether it may be reached past the blank before it
    words: NDArray[np.int64]  # (S,) the word that a state belongs to
    lasts: NDArray[np.int64]  # (spellings,) last states
    first_spellings: NDArray[np.int64]  # (words,) of each word
    costs: NDArray[np.float64]  # (words + 1,) of leaving out all words before each


def _chain(words: Sequence[ScriptWord], alphabet: Alphabet) -> _Chain:
    space = alphabet.symbols.index(" ") + 1 if " " in alphabet else BLANK
    labels: list[int] = []
    is_first: list[bool] = []
    may_skip: list[bool] = []
    owners: list[int] = []
    lasts: list[int] = []
    first_spellings: list[int] = []
    costs = [0.0]
    for number, word in enumerate(words):
        first_spellings.append(len(lasts))
        fewest = None
        for form in word.forms:
            n_symbols, start, before = 0, len(labels), -1
            for unit in form:
                for place, symbol in enumerate(int(i) for i in alphabet.encode(unit) if i != space):
                    if len(labels) > start:
                        labels.append(BLANK if place else alphabet.size)
                        may_skip.append(False)
                    labels.append(symbol)
                    may_skip.append(len(labels) - start > 2 and symbol != before)
                    before, n_symbols = symbol, n_symbols + 1
            is_first += [position == 0 for position in range(len(labels) - start)]
            owners += [number] * (len(labels) - start)
            lasts.append(len(labels) - 1)
            fewest = n_symbols if fewest is None else min(fewest, n_symbols)
        costs.append(costs[-1] + LEAVE_OUT_COST + LEAVE_OUT_SYMBOL_COST * (fewest or 0))
    return _Chain(
        np.array(labels), np.array(is_first), np.array(may_skip), np.array(owners), np.array(lasts),
        np.array(first_spellings), np.array(costs),
    )  # fmt: skip


def _search(log_probs: NDArray[np.floating], words: Sequence[ScriptWord], script: Script) -> list[int]:
    """The number of the best form of each word; 0 where it is left out."""
    chain = _chain(words, script.alphabet)
    if len(chain.labels) * len(log_probs) > _MAX_CELLS:
        return [0] * len(words)
    columns = emissions(log_probs, script.alphabet)  # (T, size + 1)
    n_words = len(words)
    # between[w]: best score with the words before w done, in the filler after them or where the last of them ends
    between = -chain.costs
    scores = np.full(len(chain.labels) + 2, -np.inf)  # padded so that every state has two before it
    here, before, two_before = scores[2:], scores[1:-1], scores[:-2]
    begun = np.zeros(len(chain.labels) + 2, np.int32)  # the frame before which a state's spelling began
    spelling = np.full((len(log_probs) + 1, n_words + 1), -1, np.int32)  # that a word ended with; -1: it is left out
    origin = np.zeros((len(log_probs) + 1, n_words + 1), np.int32)  # and where that began
    for row, column in enumerate(columns, 1):
        stay = np.where(chain.is_first, between[chain.words], before)
        stay_begun = np.where(chain.is_first, row - 1, begun[1:-1])
        moved = stay > here
        best = np.where(moved, stay, here)
        best_begun = np.where(moved, stay_begun, begun[2:])
        skipped = np.where(chain.may_skip, two_before, -np.inf)
        jumped = skipped > best
        best_begun = np.where(jumped, begun[:-2], best_begun)
        here_new = np.where(jumped, skipped, best) + column[chain.labels]
        scores[2:], begun[2:] = here_new, best_begun
        ended = here_new[chain.lasts]
        best_ended = np.maximum.reduceat(ended, chain.first_spellings)
        is_best = ended == np.repeat(best_ended, np.diff([*chain.first_spellings, len(ended)]))
        winners = np.minimum.reduceat(np.where(is_best, np.arange(len(ended)), len(ended)), chain.first_spellings)
        filled = between + column[script.alphabet.size]
        spelling[row], origin[row] = spelling[row - 1], origin[row - 1]
        is_ended = np.concatenate([[False], best_ended > filled[1:]])
        between = np.concatenate([filled[:1], np.maximum(best_ended, filled[1:])])
        spelling[row, is_ended] = winners[is_ended[1:]]
        origin[row, is_ended] = best_begun[chain.lasts[winners[is_ended[1:]]]]
        left_out = np.maximum.accumulate(between + chain.costs) - chain.costs
        is_left_out = left_out > between + 1e-9
        between = np.where(is_left_out, left_out, between)
        spelling[row, is_left_out], origin[row, is_left_out] = -1, row
    return _walk_back(spelling, origin, chain)


def _walk_back(spelling: NDArray[np.int32], origin: NDArray[np.int32], chain: _Chain) -> list[int]:
    """The form of each word on the best path."""
    forms = []
    row = len(spelling) - 1
    for word in range(spelling.shape[1] - 1, 0, -1):
        number, row = int(spelling[row, word]), int(origin[row, word])
        forms.append(max(0, number - int(chain.first_spellings[word - 1])))
    return forms[::-1]
