"""The guard against loops: exact repeats of one, two or four bars, and nothing less."""

from __future__ import annotations

import pytest

from audio_lstm.errors import ConfigError
from audio_lstm.music.writing.loops import LoopGuard


def after(bars: str, *, max_repeats: int) -> LoopGuard:
    guard = LoopGuard(max_repeats)
    for bar in bars.split():
        for token in bar:
            guard.push(ord(token))
        guard.begin_bar()
    return guard


@pytest.mark.parametrize("bars", ["ab ab ab", "ab cd ab cd ab cd", "a b c d a b c d a b c d"])
def test_a_passage_that_has_stood_as_often_as_allowed_may_not_begin_again(bars: str) -> None:
    assert after(bars, max_repeats=3).forbidden == ord("a")


@pytest.mark.parametrize("bars", ["ab ab", "ab ab ac", "ab ac ab", "a b c a b c a b c"])
def test_what_repeats_less_often_or_with_a_change_is_left_alone(bars: str) -> None:
    assert after(bars, max_repeats=3).forbidden == -1


def test_one_other_token_ends_the_watch() -> None:
    guard = after("ab ab", max_repeats=2)
    guard.push(ord("a"))
    assert guard.forbidden == ord("b")
    guard.push(ord("c"))
    assert guard.forbidden == -1


def test_a_bar_that_goes_on_longer_is_another_bar() -> None:
    guard = after("ab ab", max_repeats=2)
    for token in "abc":
        guard.push(ord(token))
    assert guard.forbidden == -1


def test_less_than_one_repeat_is_refused() -> None:
    with pytest.raises(ConfigError, match="max_repeats must be >= 1"):
        LoopGuard(0)
