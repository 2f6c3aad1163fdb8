"""CTC prefix beam search over phonemes: which words the sounds are, in the array form of beam_search.py.

A row is a sequence of words and the beginning of a pronunciation: the probability of the paths that write its phonemes
and end in blank or in the last phoneme. Nothing is written between words: a row whose phonemes are a whole word may go
on within a longer word, or leave it (an exit: one for each word that sounds so) and begin the next one. What a language
model says of its exits is asked once, when a row has come to stay; until then, and within words, it is ranked by the
best word that it may still become.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audio_lstm.speech.decoding.beam_frames import IMPOSSIBLE, ActiveFrames
from audio_lstm.speech.decoding.beam_search import MIX, SHIFT, best_rows
from audio_lstm.speech.decoding.phoneme_tree import PhonemeTree
from audio_lstm.speech.text.alphabet import BLANK
from audio_lstm.speech.words.hotwords import HotWords

__all__ = ["Ended", "PhonemeSearch", "search_phonemes"]

# What a row has in numbers: natural logs, except BASE and AHEAD, which are weighted scores.
_AGAIN, _TOTAL, _PB, _PNB = 0, 1, 2, 3  # of the paths, as in beam_search
_BASE = 4  # language model, word bonus and hot words of the words that have been left
_AHEAD = 5  # what the best word that the row may still become adds to that
_LM, _HOT = 6, 7  # language model's log-probability and hot words' boost, as far as in _BASE
_N_FLOATS = 8
# What a row has in whole numbers.
_LAST, _UTTERANCE, _NODE, _STATE, _HOT_STATE, _HISTORY, _HASH, _FRAME = range(8)
_EXITS, _N_EXITS = 8, 9  # its exits are so many, from so far on
_N_INTS = 10


@dataclass(frozen=True, eq=False)
class PhonemeSearch:
    """What stays the same during a search."""

    tree: PhonemeTree
    beam_size: int
    margin: float  # natural log: rows this far below their utterance's best are dropped
    lm_weight: float  # above 0
    word_bonus: float
    look_ahead: NDArray[np.float64]  # (n_nodes,) weighted, the word bonus in it
    below: NDArray[np.float64]  # (n_nodes,) likewise
    hot_words: HotWords | None
    letters: NDArray[np.int64]  # (n_spellings, longest) symbols of each word and the space after it; used by hot words
    mixers: NDArray[np.int64]  # (size,) a random number for each phoneme
    word_mixers: NDArray[np.int64]  # (n_spellings,) and for each word


@dataclass(frozen=True, eq=False)
class Ended:
    """Sentences that may end where their utterances do: (n,) each, in no order."""

    utterances: NDArray[np.int64]  # as numbered in the frames
    log_probs: NDArray[np.float64]  # of the paths
    scores: NDArray[np.float64]  # all that is added to it, weighted
    lm: NDArray[np.float64]
    hot: NDArray[np.float64]
    words: list[tuple[int, ...]]  # positions in the tree's spellings
    complete: NDArray[np.bool_]  # whether the language model lets the sentence end


class _Pool:
    """Columns that only ever grow."""

    def __init__(self, *dtypes: type) -> None:
        self.n = 0
        self.columns: list[NDArray[Any]] = [np.zeros(4096, dtype) for dtype in dtypes]

    def add(self, *parts: NDArray[np.generic]) -> NDArray[np.int64]:
        end = self.n + len(parts[0])
        if end > len(self.columns[0]):
            room = max(len(self.columns[0]), end)
            self.columns = [np.append(column, np.zeros(room, column.dtype)) for column in self.columns]
        for column, part in zip(self.columns, parts, strict=True):
            column[self.n : end] = part
        numbers = np.arange(self.n, end)
        self.n = end
        return numbers


class _State:
    """The rows of a step, and what they point to."""

    def __init__(self, frames: ActiveFrames, settings: PhonemeSearch) -> None:
        n = len(frames.n_frames)
        self.floats, self.ints = np.zeros((_N_FLOATS, n)), np.zeros((_N_INTS, n), np.int64)
        self.floats[_PNB] = -np.inf
        self.floats[_AHEAD] = settings.look_ahead[0]
        self.ints[_UTTERANCE] = np.arange(n)
        self.ints[_FRAME] = np.cumsum(frames.n_frames) - frames.n_frames
        self.ints[_HASH] = (np.arange(n) + 1) * MIX
        self.ints[_STATE] = settings.tree.automaton.start
        if settings.hot_words:
            self.ints[_HOT_STATE] = settings.hot_words.start
        self.histories = _Pool(np.int64, np.int64)  # the history before, the word
        self.histories.add(np.array([0]), np.array([-1]))
        # Exits: word, gain in score, in log-probability, in boost; the state after it, and that of the hot words.
        self.exits = _Pool(np.int64, np.float64, np.float64, np.float64, np.int64, np.int64)


@dataclass(frozen=True, eq=False)
class _Extensions:
    """Rows of one phoneme more."""

    rows: NDArray[np.int64]  # (n,) what they extend
    exits: NDArray[np.int64]  # (n,) the exit taken before; -1: none
    symbols: NDArray[np.int64]  # (n,)
    nodes: NDArray[np.int64]  # (n,)
    log_probs: NDArray[np.float64]  # (n,) of the paths; -inf: it is a row already
    base: NDArray[np.float64]  # (n,) as _BASE
    hashes: NDArray[np.int64]  # (n,)


def search_phonemes(frames: ActiveFrames, settings: PhonemeSearch) -> Ended:
    """Search a batch.

    Args:
        frames: Of the phonemes' log-probabilities.
        settings: What to search with.

    Returns:
        Every sentence that is still there at the end of its utterance and whose last word is whole.
    """
    n_live = len(frames.n_frames)
    state = _State(frames, settings)
    done: list[Ended] = []
    steps = np.arange(frames.n_frames.max(initial=0) + 1)
    for n_longer in np.searchsorted(-frames.n_frames, -steps).tolist():  # utterances with a frame in the step
        if n_longer < n_live:
            n_live = n_longer
            over = state.ints[_UTTERANCE] >= n_live
            done.append(_end(state, over.nonzero()[0], settings))
            state.floats, state.ints = state.floats[:, ~over], state.ints[:, ~over]
        if n_live:
            _step(state, frames, settings)
    return Ended(
        utterances=np.concatenate([part.utterances for part in done]),
        log_probs=np.concatenate([part.log_probs for part in done]),
        scores=np.concatenate([part.scores for part in done]),
        lm=np.concatenate([part.lm for part in done]),
        hot=np.concatenate([part.hot for part in done]),
        words=[words for part in done for words in part.words],
        complete=np.concatenate([part.complete for part in done]),
    )


def _step(state: _State, frames: ActiveFrames, settings: PhonemeSearch) -> None:
    """Read one active frame of every utterance."""
    floats, ints = state.floats, state.ints
    frame = ints[_FRAME]
    own = frames.log_probs.take(frame * frames.size + ints[_LAST])
    blanks, gaps, losses = frames.weights.take(frame, axis=1)
    total, pb, pnb = floats[_TOTAL], floats[_PB], floats[_PNB]
    total += gaps
    np.copyto(pb, total, where=losses < 0)
    pnb += losses
    floats[_AGAIN] = pb
    pnb += own
    extensions = _extend(state, frames, settings)
    _join(state, extensions)
    np.add(total, blanks, out=pb)
    np.logaddexp(pb, pnb, out=total)
    stays = total + floats[_BASE] + floats[_AHEAD]
    scores = np.concatenate(
        [stays, extensions.log_probs + extensions.base + settings.look_ahead.take(extensions.nodes)]
    )
    owners = np.concatenate([ints[_UTTERANCE], ints[_UTTERANCE].take(extensions.rows)])
    kept = best_rows(
        np.maximum(scores, IMPOSSIBLE),
        owners,
        len(frames.n_frames),
        beam_size=settings.beam_size,
        margin=settings.margin,
    )
    _grow(state, kept, extensions, settings)


def _extend(state: _State, frames: ActiveFrames, settings: PhonemeSearch) -> _Extensions:
    """Every row, and every exit of it, and one of its frame's candidates."""
    floats, ints, tree = state.floats, state.ints, settings.tree
    n_rows = ints.shape[1]
    inner = tree.has_children.take(ints[_NODE]).nonzero()[0]
    counts = ints[_N_EXITS]
    leaving = np.arange(n_rows).repeat(counts)
    exits = np.arange(len(leaving)) + (ints[_EXITS] - (counts.cumsum() - counts)).repeat(counts)
    words, gains = state.exits.columns[0].take(exits), state.exits.columns[1].take(exits)
    sources = np.concatenate([inner, leaving])  # the row of each source
    source_exits = np.concatenate([np.full(len(inner), -1), exits])
    nodes = np.concatenate([ints[_NODE].take(inner), np.zeros(len(leaving), np.int64)])
    hashes = ints[_HASH].take(sources)
    hashes[len(inner) :] = _mixed(hashes[len(inner) :], settings.word_mixers.take(words))
    base = floats[_BASE].take(sources)
    base[len(inner) :] += gains

    n_candidates, stops = frames.places.take(ints[_FRAME].take(sources), axis=1)
    ends = n_candidates.cumsum()
    places = np.arange(len(sources)).repeat(n_candidates)  # of each extension's source
    picks = np.arange(len(places)) + (stops - ends).take(places)
    symbols = frames.symbols.take(picks)
    reached = tree.children.take(nodes.take(places) * tree.size + symbols)
    possible = (reached >= 0).nonzero()[0]
    places, symbols, reached = places.take(possible), symbols.take(possible), reached.take(possible)
    rows = sources.take(places)
    log_probs = floats[_TOTAL].take(rows)
    np.copyto(log_probs, floats[_AGAIN].take(rows), where=symbols == ints[_LAST].take(rows))
    log_probs += frames.symbol_log_probs.take(picks.take(possible))
    return _Extensions(
        rows=rows,
        exits=source_exits.take(places),
        symbols=symbols,
        nodes=reached.astype(np.int64),
        log_probs=log_probs,
        base=base.take(places),
        hashes=_mixed(hashes.take(places), settings.mixers.take(symbols)),
    )


def _mixed(hashes: NDArray[np.int64], mixers: NDArray[np.int64]) -> NDArray[np.int64]:
    mixed: NDArray[np.int64] = (hashes ^ (hashes >> SHIFT)) * MIX + mixers
    return mixed


def _join(state: _State, extensions: _Extensions) -> None:
    """Extensions that are rows already add to these instead."""
    hashes = state.ints[_HASH]
    order = hashes.argsort()
    ranked = hashes.take(order)
    places = ranked.searchsorted(extensions.hashes)
    same = (ranked.take(places, mode="clip") == extensions.hashes).nonzero()[0]
    if len(same):
        rows = order.take(places.take(same))
        pnb = state.floats[_PNB]
        pnb[rows] = np.logaddexp(pnb.take(rows), extensions.log_probs.take(same))
        extensions.log_probs[same] = -np.inf


def _grow(state: _State, kept: NDArray[np.int64], extensions: _Extensions, settings: PhonemeSearch) -> None:
    """The rows of the next step: those that stay, then the new ones."""
    n_rows = state.ints.shape[1]
    stays, picks = kept[kept < n_rows], kept[kept >= n_rows] - n_rows
    rows = extensions.rows.take(picks)
    sources = np.concatenate([stays, rows])
    floats, ints = state.floats.take(sources, axis=1), state.ints.take(sources, axis=1)
    ints[_FRAME] += 1
    new_floats, new_ints = floats[:, len(stays) :], ints[:, len(stays) :]
    log_probs, nodes = extensions.log_probs.take(picks), extensions.nodes.take(picks)
    new_floats[_PB], new_floats[_PNB], new_floats[_TOTAL] = -np.inf, log_probs, log_probs
    new_floats[_BASE] = extensions.base.take(picks)
    new_ints[_LAST], new_ints[_NODE] = extensions.symbols.take(picks), nodes
    new_ints[_HASH] = extensions.hashes.take(picks)
    exits = extensions.exits.take(picks)
    left = (exits >= 0).nonzero()[0]
    if len(left):
        words, _, lm, hot, next_states, hot_states = (column.take(exits.take(left)) for column in state.exits.columns)
        new_floats[_LM, left] += lm
        new_floats[_HOT, left] += hot
        new_ints[_STATE, left], new_ints[_HOT_STATE, left] = next_states, hot_states
        new_ints[_HISTORY, left] = state.histories.add(new_ints[_HISTORY].take(left), words)
    state.floats, state.ints = floats, ints
    if len(picks):
        _look(state, len(stays), settings)


def _look(state: _State, first: int, settings: PhonemeSearch) -> None:
    """Find the exits of the rows from `first` on, and look ahead from them."""
    floats, ints, tree = state.floats[:, first:], state.ints[:, first:], settings.tree
    nodes = ints[_NODE]
    begins = tree.firsts.take(nodes)
    counts = tree.firsts.take(nodes + 1) - begins
    ahead = settings.below.take(nodes)
    ints[_EXITS], ints[_N_EXITS] = state.exits.n, 0
    rows = np.arange(len(nodes)).repeat(counts)
    if len(rows):
        words = tree.words.take(np.arange(len(rows)) + (begins - (counts.cumsum() - counts)).repeat(counts))
        lm, next_states = tree.automaton.advance(ints[_STATE].take(rows), tree.ids.take(words))
        allowed = (next_states >= 0).nonzero()[0]
        rows, words, next_states = rows.take(allowed), words.take(allowed), next_states.take(allowed)
        log_probs = lm.take(allowed).astype(np.float64) + tree.penalties.take(words)
        gains = settings.lm_weight * log_probs + settings.word_bonus
        boosts, hot_states = np.zeros(len(rows)), ints[_HOT_STATE].take(rows)
        if settings.hot_words:
            for symbols in settings.letters.take(words, axis=0).T:
                more, hot_states = settings.hot_words.advance(hot_states, symbols)
                boosts += more
            gains += boosts
        numbers = state.exits.add(words, gains, log_probs, boosts, next_states, hot_states)
        counts = np.bincount(rows, minlength=len(nodes))
        ints[_EXITS] = numbers[0] + counts.cumsum() - counts if len(numbers) else 0
        ints[_N_EXITS] = counts
        np.maximum.at(ahead, rows, gains)
    floats[_AHEAD] = ahead


def _end(state: _State, over: NDArray[np.int64], settings: PhonemeSearch) -> Ended:
    """End the sentences of rows."""
    floats, ints = state.floats.take(over, axis=1), state.ints.take(over, axis=1)
    counts = ints[_N_EXITS]
    rows = np.arange(len(over)).repeat(counts)
    exits = np.arange(len(rows)) + (ints[_EXITS] - (counts.cumsum() - counts)).repeat(counts)
    silent = (ints[_LAST] == BLANK).nonzero()[0]  # nothing was said at all
    words, gains, lm, hot, states, hot_states = (column.take(exits) for column in state.exits.columns)
    rows = np.concatenate([rows, silent])
    states = np.concatenate([states, ints[_STATE].take(silent)])
    finals = settings.tree.automaton.final_log_probs.take(states).astype(np.float64)
    complete = np.isfinite(finals)
    finals = np.where(complete, finals, 0.0)
    nothing = np.zeros(len(silent))
    boosts = nothing
    all_hot = np.concatenate([hot, nothing])
    scores = floats[_BASE].take(rows) + np.concatenate([gains, nothing]) + settings.lm_weight * finals
    if settings.hot_words:
        hot_states = np.concatenate([hot_states, ints[_HOT_STATE].take(silent)])
        boosts = settings.hot_words.final_boosts.take(hot_states).astype(np.float64)
        scores, all_hot = scores + boosts, all_hot + boosts
    histories = state.histories.columns
    last_words = np.concatenate([words, np.full(len(silent), -1)])
    said = []
    for word, entry in zip(last_words.tolist(), ints[_HISTORY].take(rows).tolist(), strict=True):
        sentence = [word] if word >= 0 else []
        while entry:
            sentence.append(int(histories[1][entry]))
            entry = int(histories[0][entry])
        said.append(tuple(sentence[::-1]))
    return Ended(
        utterances=ints[_UTTERANCE].take(rows),
        log_probs=floats[_TOTAL].take(rows),
        scores=scores,
        lm=floats[_LM].take(rows) + np.concatenate([lm, nothing]) + finals,
        hot=floats[_HOT].take(rows) + all_hot,
        words=said,
        complete=complete,
    )
