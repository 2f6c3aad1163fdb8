"""Novelty: the longest shared run is found in any key, rhythm and part, by name, place and length."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import audio_lstm
from audio_lstm.checkpoint import NOVELTY_FILE
from audio_lstm.errors import ModelError
from audio_lstm.music.compare.fingerprints import KEY_NOTES, LEAST_PAIRS, fingerprints
from audio_lstm.music.compare.novelty import NoveltyIndex, NoveltyReport, load_index
from audio_lstm.music.files.files import write_midi
from audio_lstm.music.models.composer import load_music
from audio_lstm.music.score.score import Score, Tempo, Track, make_notes
from audio_lstm.music.training.novelty_build import build_index

WINDOWS = np.lib.stride_tricks.sliding_window_view


def tune(seed: int, n: int = 60) -> NDArray[np.int64]:
    """Pitches that never repeat at once."""
    generator, line = np.random.default_rng(seed), [64]
    while len(line) < n:
        step = int(generator.choice([-7, -5, -4, -3, -2, -1, 1, 2, 3, 4, 5, 7]))
        line.append(line[-1] + (step if 45 < line[-1] + step < 85 else -step))
    return np.array(line, np.int64)


def song(*lines: NDArray[np.int64], ticks: int = 240) -> Score:
    notes = [make_notes(np.arange(len(line)) * ticks, ticks, line, 80, track) for track, line in enumerate(lines)]
    return Score(480, np.concatenate(notes), tuple(Track() for _ in lines), tempi=(Tempo.from_bpm(0, 60.0),))


@pytest.fixture(scope="module")
def index() -> NoveltyIndex:
    pieces = [song(tune(i), tune(100 + i)) for i in range(5)]
    return build_index(pieces, [f"song {i}" for i in range(5)], held_out=[song(tune(50 + i)) for i in range(3)])


def test_a_quotation_is_found_in_another_key_part_and_rhythm(index: NoveltyIndex) -> None:
    quoted = tune(103)[20:35] + 9
    line = np.concatenate([tune(70, 10), quoted, tune(71, 10) + 1])
    run = index.longest_run(song(tune(72), line, ticks=480))
    assert run is not None
    assert (run.piece, run.track) == ("song 3", 1)
    assert (run.piece_note, run.first_note, run.n_notes) == (20, 10, 15)
    assert (run.start_s, run.duration_s) == (10.0, 15.0)


def test_repeated_notes_neither_break_a_run_nor_make_it_longer(index: NoveltyIndex) -> None:
    sung = np.repeat(tune(2)[5:17], [1, 3, 1, 1, 2, 1, 4, 1, 1, 1, 2, 1])
    run = index.longest_run(song(sung))
    assert run is not None
    assert (run.n_notes, run.piece, run.piece_note) == (12, "song 2", 5)
    assert run.duration_s == 0.5 * len(sung)


def test_a_piece_of_the_training_set_is_found_whole(index: NoveltyIndex) -> None:
    run = index.longest_run(song(tune(1), tune(101)))
    assert run is not None
    assert (run.piece, run.piece_note, run.first_note, run.n_notes) == ("song 1", 0, 0, 60)


def test_a_run_does_not_go_on_from_one_line_into_the_next(index: NoveltyIndex) -> None:
    run = index.longest_run(song(np.concatenate([tune(0)[40:], tune(0)[-1] - tune(100)[0] + tune(100)[:20]])))
    assert run is not None
    assert run.n_notes == 20


def test_figures_that_everybody_uses_are_no_run(index: NoveltyIndex) -> None:
    alberti = np.tile([60, 67, 64, 67], 20)
    common = build_index([song(alberti, np.arange(40, 90))], ["figures"])
    assert common.longest_run(song(alberti)) is None
    assert common.longest_run(song(np.arange(45, 80))) is None
    assert index.longest_run(song(tune(200))) is None


def test_pieces_that_are_short_empty_or_drums_share_nothing(index: NoveltyIndex) -> None:
    assert index.longest_run(Score(480)) is None
    assert index.longest_run(song(tune(0)[:7])) is None
    drums = song(tune(0))
    assert index.longest_run(Score(480, drums.notes, (Track(is_drum=True),))) is None


def longest_by_hand(line: NDArray[np.int64], trained: list[NDArray[np.int64]], *, by_hash: bool) -> int:
    """The definition, word by word: the longest passage that is shared and holds 8 telling notes."""

    def signs(pitches: NDArray[np.int64]) -> list[int]:
        return fingerprints(WINDOWS(np.diff(pitches), 4)).tolist() if by_hash else np.diff(pitches).tolist()

    steps, passages = np.diff(line).tolist(), [signs(other) for other in trained]
    signs_a_run = 4 if by_hash else 1  # a run of n notes has n - 4 fingerprints, or n - 1 intervals
    for n_notes in range(len(line), KEY_NOTES - 1, -1):
        n = n_notes - signs_a_run
        for i in range(len(line) - n_notes + 1):
            part, inside = signs(line)[i : i + n], steps[i : i + n_notes - 1]
            tells = any(
                len(set(pairwise(inside[j : j + KEY_NOTES - 1]))) >= LEAST_PAIRS for j in range(n_notes - KEY_NOTES + 1)
            )
            if tells and any(part == other[j : j + n] for other in passages for j in range(len(other) - n + 1)):
                return n_notes
    return 0


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), n_steps=st.integers(2, 4))
def test_the_longest_run_is_that_of_the_definition(seed: int, n_steps: int) -> None:
    generator = np.random.default_rng(seed)
    # Few different steps, so that runs are long and many, telling or not.
    choices = generator.choice([-4, -3, -2, -1, 1, 2, 3, 5], n_steps, replace=False)
    lines = [(64 + np.cumsum(generator.choice(choices, 40)) % 50).astype(np.int64) for _ in range(4)]
    line, *trained = [line[np.append(True, np.diff(line) != 0)] for line in lines]
    found = build_index([song(other) for other in trained], ["a", "b", "c"]).longest_run(song(line))
    n_notes = found.n_notes if found else 0
    assert n_notes == longest_by_hand(line, trained, by_hash=True)
    assert n_notes >= longest_by_hand(line, trained, by_hash=False)  # a hash may make a run longer, never shorter


def test_a_report_stands_beside_what_real_pieces_share() -> None:
    pieces = [song(tune(i)) for i in range(4)]
    held_out = [song(tune(i)[:n]) for i, n in ((0, 10), (1, 12), (2, 20), (90, 30))]
    index = build_index(pieces, list("abcd"), held_out=held_out)
    assert index.held_out.tolist() == [0, 10, 12, 20]
    report = index.report(song(tune(3)[:15]))
    assert (report.n_notes, report.held_out_median, report.held_out_90) == (15, 10.0, 20.0)
    assert report.summary() == (
        "longest run shared with the training set: 15 notes, 7.5 s from 0.0 s on (d); "
        "real held-out pieces: median 10, 90 % at most 20"
    )
    assert report.to_dict()["longest"]["piece"] == "d"
    nothing = index.report(song(tune(91)))
    assert nothing.n_notes == 0
    assert nothing.summary().startswith("shares no run of 8 notes with the training set; real held-out")
    assert NoveltyReport(None, None, None).summary() == "shares no run of 8 notes with the training set"
    assert NoveltyReport(None, None, None).to_dict()["longest"] is None


def test_without_a_held_out_set_the_report_has_no_baseline() -> None:
    report = build_index([song(tune(0))], ["a"]).report(song(tune(0)))
    assert (report.n_notes, report.held_out_median, report.held_out_90) == (60, None, None)
    assert "held-out" not in report.summary()


def test_an_index_comes_back_as_it_was_saved(index: NoveltyIndex, tmp_path: Path) -> None:
    assert index.save(tmp_path) == tmp_path / NOVELTY_FILE
    again = NoveltyIndex.load(tmp_path)
    assert again.names == index.names
    np.testing.assert_array_equal(again.held_out, index.held_out)
    assert again.report(song(tune(3))) == index.report(song(tune(3)))
    assert load_index(tmp_path) is load_index(tmp_path)


def test_a_missing_damaged_or_newer_index_is_one_clear_line(index: NoveltyIndex, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"novelty.npz: no such file; recipes/music/novelty_index.py writes it"):
        load_index(tmp_path)
    file = index.save(tmp_path)
    whole = file.read_bytes()
    for damaged in (whole[:200], b"nonsense", b""):
        file.write_bytes(damaged)
        with pytest.raises(ModelError, match=r"novelty.npz: damaged .*copy the model again"):
            NoveltyIndex.load(tmp_path)
    np.savez(file, version=np.int32(9))
    with pytest.raises(ModelError, match=r"version 9, this one reads 1; build it again"):
        NoveltyIndex.load(tmp_path)
    with pytest.raises(ModelError, match=r"novelty.npz: cannot be written"):
        index.save(tmp_path / "nowhere")


def test_parts_that_do_not_fit_are_refused(index: NoveltyIndex) -> None:
    with pytest.raises(ModelError, match=r"lines and fingerprints do not fit together"):
        NoveltyIndex(index.prints, index.line_starts + 1, index.line_pieces, index.names, index.held_out)
    with pytest.raises(ModelError, match=r"lines and fingerprints do not fit together"):
        NoveltyIndex(index.prints, index.line_starts, index.line_pieces, index.names[:1], index.held_out)


def test_the_shipped_chorales_come_with_their_index(tmp_path: Path) -> None:
    piece = audio_lstm.compose(seed=3, bars=4).score
    report = audio_lstm.novelty(piece)
    assert report.held_out_median is not None
    assert report == audio_lstm.novelty(piece, model=load_music("chorale"))
    write_midi(piece, tmp_path / "piece.mid")
    assert audio_lstm.novelty(tmp_path / "piece.mid") == report


def test_a_model_that_lies_nowhere_has_no_index() -> None:
    from dataclasses import replace

    with pytest.raises(ModelError, match=r"'chorale' lies in no folder"):
        audio_lstm.novelty(song(tune(0)), model=replace(load_music("chorale"), folder=None))
