"""The guarantee against copies: what it lets through has no longer run, and it always lets something through."""

from __future__ import annotations

import numpy as np
import pytest

from audio_lstm.errors import ConfigError
from audio_lstm.music.compare.copy_guard import MIN_COPIED, CopyGuard
from audio_lstm.music.compare.novelty import NoveltyIndex
from audio_lstm.music.score.score import Score, Track, make_notes
from audio_lstm.music.training.novelty_build import build_index


def song(line: list[int]) -> Score:
    return Score(480, make_notes(np.arange(len(line)) * 240, 240, line), (Track(),))


def walk(generator: np.random.Generator, n: int) -> list[int]:
    line = [64]
    for _ in range(n - 1):
        line.append(
            line[-1] + int(generator.choice([-5, -3, -2, -1, 1, 2, 3, 5])) - 2 * (line[-1] > 76) + 2 * (line[-1] < 52)
        )
    return line


@pytest.fixture(scope="module")
def trained() -> list[list[int]]:
    return [walk(np.random.default_rng(seed), 300) for seed in range(6)]


@pytest.fixture(scope="module")
def index(trained: list[list[int]]) -> NoveltyIndex:
    return build_index([song(line) for line in trained], [f"song {i}" for i in range(len(trained))])


@pytest.mark.parametrize("max_copied", [MIN_COPIED, 8, 11, 20])
def test_a_forger_under_guard_copies_no_more_than_allowed(
    index: NoveltyIndex, trained: list[list[int]], max_copied: int
) -> None:
    generator = np.random.default_rng(max_copied)
    line, written, n_stopped = CopyGuard(index, max_copied).line(), [trained[0][0]], 0
    line.push(written[0])
    source, place, shift = trained[0], 0, 0
    for _ in range(400):
        if place + 1 >= len(source) or generator.random() < 0.02:
            source, place = trained[int(generator.integers(6))], int(generator.integers(200))
            shift = written[-1] - source[place]
        wanted = source[place + 1] + shift  # copies whenever it is let
        place += 1
        if wanted in line.forbidden() or not 0 <= wanted <= 127:
            n_stopped += wanted in line.forbidden()
            free = sorted(set(range(40, 90)) - line.forbidden())
            wanted = min(free, key=lambda pitch: abs(pitch - written[-1] - int(generator.choice([-2, -1, 1, 2]))))
            shift = wanted - source[place]
        line.push(wanted)
        written.append(wanted)
    run = index.longest_run(song(written))
    assert (run.n_notes if run else 0) <= max_copied
    assert n_stopped > 3
    freely = index.longest_run(song(trained[0]))
    assert freely is not None
    assert freely.n_notes > 100


def test_only_the_note_that_goes_on_with_the_copy_is_forbidden(index: NoveltyIndex, trained: list[list[int]]) -> None:
    tune = [pitch for i, pitch in enumerate(trained[2]) if i == 0 or pitch != trained[2][i - 1]][:13]
    line = CopyGuard(index, 12).line()
    for pitch in tune[:12]:
        assert line.forbidden() == frozenset()
        line.push(pitch + 4)
        line.push(pitch + 4)  # a repeated note changes nothing
    assert tune[12] + 4 in line.forbidden()
    assert len(line.forbidden()) <= 3  # others only by chance, one in 255 each
    assert tune[11] + 4 not in line.forbidden()


def test_figures_that_everybody_uses_stay_free() -> None:
    figure = [60, 67, 64, 67] * 20
    line = CopyGuard(build_index([song(figure)], ["figure"]), 7).line()
    for pitch in figure:
        assert pitch not in line.forbidden()
        line.push(pitch)


def test_a_copied_line_goes_its_own_way(index: NoveltyIndex, trained: list[list[int]]) -> None:
    line = CopyGuard(index, 8).line()
    for pitch in trained[1][:30]:
        line.push(pitch)
    twin, before = line.copy(), line.forbidden()
    assert twin.forbidden() == before
    twin.push(trained[1][29] + 1)
    assert line.forbidden() == before
    for pitch in trained[1][30:60]:
        line.push(pitch)
    again = CopyGuard(index, 8).line()
    for pitch in trained[1][:60]:
        again.push(pitch)
    assert again.forbidden() == line.forbidden()


def test_a_guarantee_below_what_the_index_sees_is_refused(index: NoveltyIndex) -> None:
    with pytest.raises(ConfigError, match=r"max_copied must be 7 notes or more .*got 6"):
        CopyGuard(index, 6)
