"""What a promise forbids of moving on makes the other ways of moving on likelier, and nothing else."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from audio_lstm.music.tokens.event_grammar import Kind
from audio_lstm.music.tokens.events import EventVocabulary
from audio_lstm.music.writing.event_moves import moved_on

LAYOUT = EventVocabulary().layout
FIRST = [int(start) for start in LAYOUT.first]
END, BAR, POSITION, TRACK, PITCH = (FIRST[kind] for kind in (Kind.END, Kind.BAR, Kind.POSITION, Kind.TRACK, Kind.PITCH))
SCORES = np.random.default_rng(0).standard_normal(LAYOUT.vocabulary_size).astype(np.float32)
NOTES = [TRACK + 2, PITCH + 64, PITCH + 65]  # other things that may come


def weights(*tokens: int) -> float:
    return float(np.exp(SCORES[list(tokens)].astype(np.float64)).sum())


def after(tokens: list[int], *, position: int = 3) -> NDArray[np.float64]:
    """The weight of each token once the forbidden ones have handed on theirs."""
    scores = SCORES.astype(np.float64)
    changed = moved_on(SCORES, np.array(tokens), FIRST, position=position, bar_steps=48)
    if changed is not None:
        scores[changed[0]] = changed[1]
    return np.exp(scores)


def ways(position: int = 3) -> list[int]:
    return list(range(POSITION + position + 1, POSITION + 48))


def test_nothing_changes_where_everything_is_allowed() -> None:
    tokens = np.array([END, BAR, *ways(), *NOTES])
    assert moved_on(SCORES, tokens, FIRST, position=3, bar_steps=48) is None


def test_in_the_last_bar_the_end_is_as_likely_as_the_next_bar_would_be() -> None:
    found = after([END, *ways(), *NOTES])
    np.testing.assert_allclose(found[END], weights(END, BAR), rtol=1e-5)
    np.testing.assert_allclose(found[ways()], np.exp(SCORES[ways()]), rtol=1e-5)


def test_before_the_last_bar_the_next_bar_takes_the_place_of_the_end() -> None:
    found = after([BAR, *ways(), *NOTES])
    np.testing.assert_allclose(found[BAR], weights(END, BAR), rtol=1e-5)


def test_moving_on_stays_as_likely_where_positions_are_forbidden() -> None:
    for left in ([BAR, *ways()[:5]], [END], ways()[-2:], [END, BAR, *ways()[3:9]]):
        found = after([*left, *NOTES])
        np.testing.assert_allclose(found[left].sum(), weights(END, BAR, *ways()), rtol=1e-4)
        np.testing.assert_allclose(found[NOTES], np.exp(SCORES[NOTES]), rtol=1e-5)


def test_where_no_way_is_left_other_parts_come() -> None:
    found = after(NOTES)
    np.testing.assert_allclose(found[NOTES[0]], weights(END, BAR, *ways(), NOTES[0]), rtol=1e-4)
    np.testing.assert_allclose(found[NOTES[1:]], np.exp(SCORES[NOTES[1:]]), rtol=1e-5)


def test_where_only_notes_of_the_part_are_left_nothing_changes() -> None:
    assert moved_on(SCORES, np.array(NOTES[1:]), FIRST, position=47, bar_steps=48) is None


def test_at_the_beginning_of_a_bar_all_positions_lie_ahead() -> None:
    tokens = np.array([BAR, *ways(-1)])
    changed = moved_on(SCORES, tokens, FIRST, position=-1, bar_steps=48)
    assert changed is not None
    np.testing.assert_allclose(np.exp(changed[1][0]), weights(END, BAR), rtol=1e-5)
