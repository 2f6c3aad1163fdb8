"""The likelihood of a corpus: the right denominator, nothing left out in silence, no corpus of another kind."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from audio_lstm.errors import DataError
from audio_lstm.music.compose import compose
from audio_lstm.music.models.composer import Composer
from audio_lstm.music.score.score import Score, Track, make_notes
from audio_lstm.music.score.voices import voice_grid_to_score
from audio_lstm.music.tokens.chorale import ChoraleGrid
from audio_lstm.music.tokens.events import EventVocabulary
from audio_lstm.music.training.data import MusicData, load_pieces
from audio_lstm.music.training.evaluate import encode_pieces, evaluate_music

CHORD = np.array([72, 67, 64, 48])
TUNE = Score(4, make_notes([0, 4, 8], [4, 4, 4], [60, 62, 64], 64), tracks=(Track(),))


def chorales(*grids: np.ndarray) -> MusicData:
    return MusicData("chorale", tuple(grids), tuple(f"valid[{i}]" for i in range(len(grids))), "toy.json")


def test_nats_are_pooled_over_all_cells(chorale_composer: Composer) -> None:
    short, long = np.tile(CHORD, (4, 1)), np.tile(CHORD + 2, (20, 1))
    evaluation = evaluate_music(chorales(short, long), chorale_composer)
    grid = ChoraleGrid()
    nats = sum(float(chorale_composer.costs(grid.encode(piece)).sum()) for piece in (short, long))
    assert evaluation.nll.nats_per_unit == pytest.approx(nats / (4 * 24))
    assert evaluation.nll.n_units == 4 * 24
    assert evaluation.nll.n_tokens == 4 * 24 + 2  # an END each


def test_an_untrained_model_knows_about_nothing(chorale_composer: Composer) -> None:
    figure = evaluate_music(chorales(np.tile(CHORD, (8, 1))), chorale_composer).nll.nats_per_unit
    assert figure == pytest.approx(math.log(ChoraleGrid().vocabulary_size), rel=0.1)


def test_the_figures_are_json_with_the_keys_of_the_command_line(chorale_composer: Composer) -> None:
    figures = evaluate_music(chorales(np.tile(CHORD, (4, 1))), chorale_composer).to_dict()
    assert {"nll", "unit", "n_pieces", "n_steps", "tokens_per_s"} <= set(json.loads(json.dumps(figures)))
    assert (figures["unit"], figures["n_pieces"]) == ("nats/cell", 1)
    assert (figures["n_steps"], figures["n_units"], figures["n_tokens"]) == (4, 16, 17)  # four 16ths; an END
    assert figures["n_unusable"] == 0


def test_progress_counts_the_pieces(chorale_composer: Composer) -> None:
    seen: list[int] = []
    evaluate_music(chorales(*[np.tile(CHORD, (2, 1))] * 3), chorale_composer, progress=seen.append)
    assert seen == [1, 2, 3]


def test_a_piece_outside_the_range_is_left_out_and_named(chorale_composer: Composer) -> None:
    evaluation = evaluate_music(chorales(np.tile(CHORD, (4, 1)), np.tile(CHORD + 24, (4, 1))), chorale_composer)
    assert len(evaluation.nll.pieces) == 1
    assert len(evaluation.unusable) == 1
    assert evaluation.unusable[0].startswith("valid[1]: step 0, voice S: pitch 96 is outside 33-84")
    assert evaluation.to_dict()["n_unusable"] == 1


def test_faults_of_the_corpus_are_passed_on(chorale_composer: Composer) -> None:
    data = MusicData("chorale", (np.tile(CHORD, (4, 1)),), ("a",), "toy", faults=("b.mid: damaged",))
    assert evaluate_music(data, chorale_composer).unusable == ("b.mid: damaged",)


def test_a_corpus_of_which_nothing_fits_is_refused(chorale_composer: Composer) -> None:
    with pytest.raises(DataError, match=r"toy\.json: no piece fits the model's vocabulary \(first: valid\[0\]: step 0"):
        evaluate_music(chorales(np.tile(CHORD + 24, (4, 1))), chorale_composer)


def test_scores_are_priced_an_event(events_composer: Composer, small_events: EventVocabulary) -> None:
    events = evaluate_music(MusicData("scores", (TUNE,), ("tune",), "folder"), events_composer)
    assert events.to_dict()["unit"] == "nats/event"
    assert events.nll.n_units == events.n_steps == len(small_events.encode(TUNE))


def test_a_model_of_chorales_reads_four_part_scores() -> None:
    chords = np.stack([CHORD, CHORD + 2])
    data = MusicData("scores", (voice_grid_to_score(chords), TUNE), ("four parts", "a tune"), "place")
    pieces, unusable = encode_pieces(data, ChoraleGrid())
    assert [name for name, _ in pieces] == ["four parts"]
    np.testing.assert_array_equal(pieces[0][1], ChoraleGrid().encode(chords))
    assert unusable == ["a tune: expected four parts with notes (soprano, alto, tenor, bass), got 1"]


@pytest.mark.parametrize("kind", ["tokens"])
def test_a_corpus_of_another_kind_is_refused(kind: str) -> None:
    data = MusicData(kind, (TUNE,), ("a",), "place")  # type: ignore[arg-type]
    message = f"place: holds pieces of kind '{kind}', but a model of 'chorale' reads 'chorale'; pick a model trained"
    with pytest.raises(DataError, match=message):
        encode_pieces(data, ChoraleGrid())


def test_a_representation_without_corpora_is_refused(foreign_composer: Composer) -> None:
    with pytest.raises(DataError, match="no corpus holds pieces of kind 'hummed'"):
        encode_pieces(chorales(CHORD[None]), foreign_composer.representation)


def test_what_the_model_writes_costs_it_less_than_noise(chorale_composer: Composer) -> None:
    written = ChoraleGrid().decode(compose(model=chorale_composer, seed=0, bars=2, temperature=0.1).tokens)
    noise = np.random.default_rng(0).integers(33, 85, written.shape)
    costs = [evaluate_music(chorales(grid), chorale_composer).nll.nats_per_unit for grid in (written, noise)]
    assert costs[0] < costs[1]


@pytest.mark.shared
def test_the_real_chorales_all_fit(shared: Path) -> None:
    n_checked = 0
    for split, n_pieces in (("train", 229), ("valid", 76)):
        fitting, unusable = encode_pieces(load_pieces(shared / "music" / "jsb16", split), ChoraleGrid())
        assert (len(fitting), unusable) == (n_pieces, [])
        n_checked += len(fitting)
    assert n_checked == 305
