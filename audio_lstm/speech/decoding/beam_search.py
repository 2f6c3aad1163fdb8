"""CTC prefix beam search over arrays: every beam of a batch is one list of rows, and a step is a few dozen array calls.

After Graves 2012 ("Sequence transduction with recurrent neural networks", algorithm 1) and Hannun, Maas, Jurafsky & Ng
2014 ("First-pass large vocabulary continuous speech recognition using bi-directional recurrent DNNs", algorithm 1).
A row is a text so far: the probability of the paths that write it and end in blank or in its last symbol. We differ in
that spaces at the beginning or in a row do not make another text, as in `greedy`: their paths are summed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from audio_lstm.speech.decoding.beam_frames import ActiveFrames
from audio_lstm.speech.decoding.beam_words import WordTree
from audio_lstm.speech.text.alphabet import BLANK, Alphabet
from audio_lstm.speech.words.hotwords import HotWords

__all__ = ["MIX", "SHIFT", "Finished", "Search", "best_rows", "search"]

# What a row has in numbers: natural logs, except BASE and GAIN, which are weighted scores. Extensions read the first 3.
AGAIN = 0  # of the paths after which the last symbol would be written once more; set in each step
TOTAL = 1  # of all paths
BASE = 2  # language model, word bonus and hot words of the text so far, without the word that has been begun
PB, PNB = 3, 4  # of the paths that end in blank, and in the last symbol
LM, HOT = 5, 6  # language model's log-probability, and boost of hot words, as far as in BASE
END_LM, GAIN = 7, 8  # what LM and BASE gain if the word ends here, once END_STATE is known
N_FLOATS = 9

# What a row has in whole numbers. Extensions read the first 3.
LAST, UTTERANCE, NODE, HOT_STATE, STATE, END_STATE, FRAME, HISTORY = 0, 1, 2, 3, 4, 5, 6, 7
HASH, PARENT_HASH = 8, 9  # of the symbols, and of all but the last
N_INTS = 10

_UNKNOWN_END = -3  # an END_STATE that nobody has asked for yet
_TIE_BITS, _POSITION_BITS = 30, 24  # scores are ranked in 2^30 levels; 2^24 candidates a step
_POSITIONS = (1 << _POSITION_BITS) - 1
MIX, SHIFT = np.int64(-7046029254386353131), np.int64(32)  # 2^64 / golden ratio, signed
MAX_CANDIDATES = 1 << _POSITION_BITS  # rows and their extensions, of all utterances
MAX_UTTERANCES = 1 << (63 - _TIE_BITS - _POSITION_BITS)


@dataclass(frozen=True, eq=False)
class Search:
    """What stays the same during a search."""

    alphabet: Alphabet
    beam_size: int
    margin: float  # natural log: rows this far below their utterance's best are dropped
    lm_weight: float  # above 0
    word_bonus: float
    tree: WordTree | None
    look_ahead: NDArray[np.float64]  # (n_nodes,) weighted; of no use without a tree
    hot_words: HotWords | None
    space: int  # symbol that is a space alone; -1 if there is none
    mixers: NDArray[np.int64]  # (alphabet.size,) a random number each


@dataclass(frozen=True, eq=False)
class Finished:
    """Rows of utterances that have been read to their end; rows of an utterance are adjacent, the best first."""

    floats: NDArray[np.float64]  # (N_FLOATS, n)
    ints: NDArray[np.int64]  # (N_INTS, n)
    parents: NDArray[np.int64]  # (n_entries,) of the histories
    symbols: NDArray[np.int64]  # (n_entries,)


class _Histories:
    """Symbols and the histories before them, which only ever grow; 0 is the empty history."""

    def __init__(self) -> None:
        self.n = 1
        self.parents = np.zeros(4096, np.int64)
        self.symbols = np.zeros(4096, np.int64)

    def add(self, parents: NDArray[np.int64], symbols: NDArray[np.int64]) -> NDArray[np.int64]:
        end = self.n + len(parents)
        if end > len(self.parents):
            room = np.zeros(max(len(self.parents), end), np.int64)
            self.parents, self.symbols = np.append(self.parents, room), np.append(self.symbols, room)
        self.parents[self.n : end] = parents
        self.symbols[self.n : end] = symbols
        numbers = np.arange(self.n, end)
        self.n = end
        return numbers


@dataclass(frozen=True, eq=False)
class _Extensions:
    """Texts that are one symbol longer than a row's. Filled in step by step."""

    rows: NDArray[np.int64]  # (n,) the row, rising
    offsets: NDArray[np.int64]  # (n_rows,) place of a row's extension among the frames' candidates, less that here
    symbols: NDArray[np.int64]  # (n,)
    owners: NDArray[np.int64]  # (n,) utterance
    log_probs: NDArray[np.float64]  # (n,) of the paths; -inf: the text is a row itself, or is none
    base: NDArray[np.float64]  # (n,) as BASE
    nodes: NDArray[np.int64]  # (n,) as NODE
    hot_states: NDArray[np.int64]  # (n,) as HOT_STATE


def search(frames: ActiveFrames, settings: Search) -> Finished:
    """Search a batch.

    Args:
        frames: At most MAX_UTTERANCES utterances.
        settings: What to search with.

    Returns:
        The rows of every utterance; utterances are numbered as in `frames`.
    """
    n_live = len(frames.n_frames)
    floats, ints = _start(frames, settings)
    histories = _Histories()
    done: list[tuple[NDArray[np.float64], NDArray[np.int64]]] = []
    steps = np.arange(frames.n_frames.max(initial=0) + 1)
    for n_longer in np.searchsorted(-frames.n_frames, -steps).tolist():  # utterances with a frame in the step
        if n_longer < n_live:
            n_live = n_longer
            over = ints[UTTERANCE] >= n_live
            done.append((floats[:, over], ints[:, over]))
            floats, ints = floats[:, ~over], ints[:, ~over]
        if n_live:
            floats, ints = _step(floats, ints, frames, settings, histories)
    return Finished(
        floats=np.concatenate([part for part, _ in done], axis=1),
        ints=np.concatenate([part for _, part in done], axis=1),
        parents=histories.parents[: histories.n],
        symbols=histories.symbols[: histories.n],
    )


def _start(frames: ActiveFrames, settings: Search) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """One row an utterance: no text yet. Its last symbol is a space, so that leading spaces write nothing."""
    n = len(frames.n_frames)
    floats, ints = np.zeros((N_FLOATS, n)), np.zeros((N_INTS, n), np.int64)
    floats[PNB] = -np.inf
    ints[UTTERANCE] = np.arange(n)
    ints[FRAME] = np.cumsum(frames.n_frames) - frames.n_frames
    ints[LAST] = max(settings.space, BLANK)
    ints[END_STATE] = _UNKNOWN_END
    ints[HASH] = (np.arange(n) + 1) * MIX  # differs between utterances
    if settings.tree:
        ints[STATE] = settings.tree.automaton.start
        ints[NODE] = settings.tree.roots[settings.tree.automaton.start]
    if settings.hot_words:
        ints[HOT_STATE] = settings.hot_words.start
    return floats, ints


def _step(
    floats: NDArray[np.float64],
    ints: NDArray[np.int64],
    frames: ActiveFrames,
    settings: Search,
    histories: _Histories,
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Read one active frame of every utterance."""
    frame = ints[FRAME]
    cells = frame * frames.size + ints[LAST]  # (n_rows,)
    own = frames.log_probs.take(cells)  # of each row's last symbol
    blanks, gaps, losses = frames.weights.take(frame, axis=1)
    _stay(floats, ints, own, gaps, losses, settings.space)
    extensions = _extend(floats, ints, frames)
    _join(floats, ints, cells, own, extensions, frames)
    np.add(floats[TOTAL], blanks, out=floats[PB])
    np.logaddexp(floats[PB], floats[PNB], out=floats[TOTAL])
    boosts = _fuse(floats, ints, extensions, settings)
    scores = np.concatenate([floats[TOTAL] + floats[BASE], extensions.log_probs + extensions.base])
    if settings.tree:
        scores += settings.look_ahead.take(np.concatenate([ints[NODE], extensions.nodes]))
    owners = np.concatenate([ints[UTTERANCE], extensions.owners])
    kept = best_rows(scores, owners, len(frames.n_frames), beam_size=settings.beam_size, margin=settings.margin)
    return _grown(floats, ints, kept, extensions, boosts, settings, histories)


def _stay(
    floats: NDArray[np.float64],
    ints: NDArray[np.int64],
    own: NDArray[np.float64],
    gaps: NDArray[np.float64],
    losses: NDArray[np.float64],
    space: int,
) -> None:
    """Skip the blanks before the frame, then read each row's last symbol once more: sets PB, AGAIN and PNB."""
    total, pb, pnb = floats[TOTAL], floats[PB], floats[PNB]
    total += gaps
    np.copyto(pb, total, where=losses < 0)  # whatever a path ended in, after a run of blanks it is blank
    pnb += losses
    floats[AGAIN] = pb
    if space >= 0:  # spaces in a row are one: all paths may add to it, and none writes another
        in_space = ints[LAST] == space
        np.copyto(pnb, total, where=in_space)
        np.copyto(floats[AGAIN], -np.inf, where=in_space)
    pnb += own


def _extend(floats: NDArray[np.float64], ints: NDArray[np.int64], frames: ActiveFrames) -> _Extensions:
    """Every row and one of its frame's candidates."""
    counts, stops = frames.places.take(ints[FRAME], axis=1)
    ends = counts.cumsum()
    rows = np.arange(len(counts)).repeat(counts)
    offsets = stops - ends
    picks = np.arange(len(rows)) + offsets.take(rows)
    symbols = frames.symbols.take(picks)
    again, log_probs, base = floats[:PB].take(rows, axis=1)
    last, owners, nodes, hot_states = ints[:STATE].take(rows, axis=1)
    np.copyto(log_probs, again, where=symbols == last)
    log_probs += frames.symbol_log_probs.take(picks)
    return _Extensions(rows, offsets, symbols, owners, log_probs, base, nodes, hot_states)


def _join(
    floats: NDArray[np.float64],
    ints: NDArray[np.int64],
    cells: NDArray[np.int64],
    own: NDArray[np.float64],
    extensions: _Extensions,
    frames: ActiveFrames,
) -> None:
    """Extensions whose text is another row's add to that row's PNB instead.

    Such a row's text without its last symbol is the text of a row that is still there: rows are found by their hashes,
    and every row is looked up once, whether its frame's candidates hold its last symbol or not.
    """
    hashes = ints[HASH]
    order = hashes.argsort()
    ranked = hashes.take(order)
    places = ranked.searchsorted(ints[PARENT_HASH])
    children = (ranked.take(places, mode="clip") == ints[PARENT_HASH]).nonzero()[0]
    if not len(children):
        return
    parents = order.take(places.take(children))
    last = ints[LAST]
    written = np.where(
        last.take(children) == last.take(parents), floats[AGAIN].take(parents), floats[TOTAL].take(parents)
    )
    pnb = floats[PNB]
    pnb[children] = np.logaddexp(pnb.take(children), written + own.take(children))
    found = frames.numbers.take(cells.take(children))
    extensions.log_probs[(found - extensions.offsets.take(parents))[found >= 0]] = -np.inf


def _fuse(
    floats: NDArray[np.float64], ints: NDArray[np.int64], extensions: _Extensions, settings: Search
) -> NDArray[np.float32]:
    """Add what the language model and the hot words say; the boosts (n,) of the hot words are what is returned."""
    boosts = np.zeros(0, np.float32)
    if settings.hot_words:
        boosts, extensions.hot_states[:] = settings.hot_words.advance(extensions.hot_states, extensions.symbols)
        np.add(extensions.base, boosts, out=extensions.base)
    tree, nodes = settings.tree, extensions.nodes
    if tree is None:
        return boosts
    ending = tree.ends_word.take(extensions.symbols).nonzero()[0]
    if len(ending):
        rows = extensions.rows.take(ending)
        _end_words(floats, ints, rows, settings)
        nodes[ending] = tree.roots.take(ints[END_STATE].take(rows), mode="clip")
        extensions.base[ending] += floats[GAIN].take(rows)
    for columns in tree.columns:
        np.multiply(nodes, tree.n_columns, out=nodes)
        np.add(nodes, columns.take(extensions.symbols), out=nodes)
        nodes[:] = tree.children.take(nodes)
    return boosts


def _end_words(floats: NDArray[np.float64], ints: NDArray[np.int64], rows: NDArray[np.int64], settings: Search) -> None:
    """Find out what the end of the word means for rows that do not know yet."""
    rows = rows[ints[END_STATE].take(rows) == _UNKNOWN_END]
    if settings.tree is None or not len(rows):
        return
    if not settings.alphabet.is_characters:  # several pieces may begin with a space
        rows = np.unique(rows)
    log_probs, states, begun = settings.tree.end_word(ints[NODE].take(rows), ints[STATE].take(rows))
    floats[END_LM][rows] = log_probs
    floats[GAIN][rows] = settings.lm_weight * log_probs + settings.word_bonus * begun
    ints[END_STATE][rows] = states


def best_rows(
    scores: NDArray[np.float64], owners: NDArray[np.int64], n_utterances: int, *, beam_size: int, margin: float
) -> NDArray[np.int64]:
    """Which rows and extensions stay: an utterance's best within the margin, sorted by utterance and score.

    Score and position share one whole number, so that one plain sort ranks them; equal scores are ranked by position.

    Args:
        scores: (n,)
        owners: (n,) utterance of each.
        n_utterances: In all.
        beam_size: How many of an utterance stay.
        margin: Natural log: those this far below their utterance's best are dropped.

    Returns:
        Their positions.
    """
    if n_utterances == 1:
        below = scores.max() - scores
    else:
        best = np.full(n_utterances, -np.inf)
        np.maximum.at(best, owners, scores)
        below = best.take(owners) - scores
    near = (below <= margin).nonzero()[0]
    levels = (below.take(near) * (((1 << _TIE_BITS) - 1) / margin)).astype(np.int64)
    owners = owners.take(near)
    ranked = (((owners << _TIE_BITS) | levels) << _POSITION_BITS) | near
    ranked.sort()
    if len(ranked) > beam_size:
        counts = np.bincount(owners)
        if counts.max() > beam_size:
            begins = counts.cumsum() - counts
            ranked = ranked[np.arange(len(ranked)) - begins.repeat(counts) < beam_size]
    positions: NDArray[np.int64] = ranked & _POSITIONS
    return positions


def _grown(
    floats: NDArray[np.float64],
    ints: NDArray[np.int64],
    kept: NDArray[np.int64],
    extensions: _Extensions,
    boosts: NDArray[np.float32],
    settings: Search,
    histories: _Histories,
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """The rows of the next step: those that stay, then the new ones."""
    n_rows = ints.shape[1]
    stays = kept[kept < n_rows]
    picks = kept[kept >= n_rows] - n_rows
    rows, symbols = extensions.rows.take(picks), extensions.symbols.take(picks)
    sources = np.concatenate([stays, rows])
    next_floats, next_ints = floats.take(sources, axis=1), ints.take(sources, axis=1)
    next_ints[FRAME] += 1
    new_floats, new_ints = next_floats[:, len(stays) :], next_ints[:, len(stays) :]
    log_probs = extensions.log_probs.take(picks)
    new_floats[PB] = -np.inf
    new_floats[PNB] = log_probs
    new_floats[TOTAL] = log_probs
    new_floats[BASE] = extensions.base.take(picks)
    hashes = new_ints[HASH]
    new_ints[PARENT_HASH] = hashes
    hashes ^= hashes >> SHIFT
    hashes *= MIX
    hashes += settings.mixers.take(symbols)
    new_ints[LAST] = symbols
    new_ints[HISTORY] = histories.add(new_ints[HISTORY], symbols)
    if settings.hot_words:
        new_floats[HOT] += boosts.take(picks)
        new_ints[HOT_STATE] = extensions.hot_states.take(picks)
    if settings.tree:
        ended = settings.tree.ends_word.take(symbols).nonzero()[0]
        if len(ended):
            new_floats[LM][ended] += new_floats[END_LM].take(ended)
            new_ints[STATE][ended] = new_ints[END_STATE].take(ended)
        new_ints[NODE] = extensions.nodes.take(picks)
        new_ints[END_STATE] = _UNKNOWN_END
    return next_floats, next_ints
