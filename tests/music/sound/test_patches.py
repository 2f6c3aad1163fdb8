"""The table of programs: every one of them has a tone, and of the right family."""

from __future__ import annotations

from audio_lstm.music.sound.patches import Struck, Sustained, patch_of


def test_every_program_has_a_patch() -> None:
    assert len({patch_of(program) for program in range(128)}) > 25


def test_families_die_away_or_last_as_their_instruments_do() -> None:
    dying = (0, 4, 6, 9, 12, 24, 33, 45, 46, 47, 105)
    lasting = (16, 21, 40, 48, 52, 53, 56, 60, 65, 68, 71, 73, 80, 89, 110)
    assert all(isinstance(patch_of(program), Struck) for program in dying)
    assert all(isinstance(patch_of(program), Sustained) for program in lasting)


def test_a_choir_is_many_and_a_singer_one() -> None:
    choir, singer = patch_of(52), patch_of(53)
    assert isinstance(choir, Sustained)
    assert isinstance(singer, Sustained)
    assert choir.width_cents > 0 == singer.width_cents
    assert singer.vibrato_cents > 0


def test_the_partials_of_a_bar_have_their_levels() -> None:
    for program in range(128):
        patch = patch_of(program)
        if isinstance(patch, Struck):
            assert len(patch.ratios) == len(patch.levels)
