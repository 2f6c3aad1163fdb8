"""The spelling-to-sound task: a stable split, pure batches, a graph that answers as torch does, and honest scores."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from audio_lstm.config import LSTMConfig
from audio_lstm.errors import ConfigError, DataError
from audio_lstm.export import quantise
from audio_lstm.runtime import OnnxEngine
from audio_lstm.speech.decoding.pronouncer import Pronouncer, PronouncerConfig, load_pronouncer, pad_words
from audio_lstm.speech.training.pronouncer_task import (
    PronouncerModel,
    PronouncerTask,
    export_pronouncer,
    pronouncer_graph,
    score_pronouncer,
    split_words,
    write_pronouncer,
)
from audio_lstm.training.config import TrainConfig
from audio_lstm.training.loop import train

CONFIG = PronouncerConfig(LSTMConfig(8, hidden_size=16, n_layers=2, bidirectional=True), ("A", "B"), ("AH", "B", "EY"))
SOUNDS = {"A": 1, "B": 2}
WORDS = {word: (tuple(SOUNDS[letter] for letter in word),) for word in ("AB", "BA", "ABA", "BAB", "A", "B", "BABA")}


def make_task(words: dict[str, tuple[tuple[int, ...], ...]] = WORDS, *, batch_letters: int = 20) -> PronouncerTask:
    return PronouncerTask(CONFIG, train_words=words, dev_words=WORDS, batch_letters=batch_letters, seed=1)


def test_a_word_lies_on_the_same_side_whatever_else_there_is() -> None:
    entries = {f"W{number}": ((1,),) for number in range(2000)}
    train_words, dev_words, test_words = split_words(entries, 10, 5)
    assert len(train_words) + len(dev_words) + len(test_words) == 2000
    assert 160 < len(test_words) < 240
    assert 70 < len(dev_words) < 130
    fewer = {word: ways for word, ways in entries.items() if int(word[1:]) % 2}
    assert set(split_words(fewer, 10, 5)[2]) == set(test_words) & set(fewer)
    for percentages in ((0, 5), (10, 0), (60, 40)):
        with pytest.raises(ConfigError, match="must be above 0 and together below 100"):
            split_words(entries, *percentages)


def test_every_pronunciation_is_an_item_and_those_too_long_for_ctc_are_left_out() -> None:
    task = make_task({"A": ((1,), (3,)), "B": ((2,) * 20,)})
    batch = task.batch(0, 0, 0, 1)
    assert batch is not None
    assert task.n_batches(0) == 1
    assert sorted(tuple(way.tolist()) for way in batch.phonemes) == [(1,), (3,)]
    assert task.n_too_long == 1
    assert batch.lengths.tolist() == [3, 3]


def test_batches_hold_every_word_once_and_depend_on_the_epoch_alone() -> None:
    task, again = make_task(), make_task()

    def names(of: PronouncerTask, epoch: int) -> list[tuple[str, ...]]:
        batches = [of.batch(epoch, index, 0, 1) for index in range(of.n_batches(epoch))]
        return [batch.names for batch in batches if batch]

    assert sorted(name for batch in names(task, 0) for name in batch) == sorted(WORDS)
    assert names(task, 3) == names(again, 3)
    halves = [task.batch(0, 0, rank, 2) for rank in range(2)]
    assert sorted(name for half in halves if half for name in half.names) == sorted(names(task, 0)[0])


def test_it_learns_and_the_folder_says_what_it_learnt(tmp_path: Path) -> None:
    task = make_task(batch_letters=14)
    options = TrainConfig(
        max_epochs=60, learning_rate=2e-2, warmup_steps=5, ema_decay=0, evaluate_every_epochs=20, tensorboard=False
    )
    result = train(task, options, tmp_path / "run", settings={})
    line = write_pronouncer(
        task, tmp_path / "model", name="tiny", test_words={"AAB": ((1, 1, 2),)}, notes="Data: ours.", result=result
    )
    assert result.best_score < 0.2
    pronouncer = load_pronouncer(tmp_path / "model")
    assert pronouncer.name == "tiny"
    assert pronouncer.pronounce(["BAB"])[0][0].phonemes == ("B", "AH", "B")
    card = (tmp_path / "model" / "README.md").read_text("utf-8")
    assert "| words wrong, 1 test words, int8 |" in card
    assert "Data: ours." in card
    assert "of 1 test words wrong" in line


def test_the_graph_answers_as_torch_does_and_padding_changes_nothing(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = PronouncerModel(CONFIG).eval()
    (tmp_path / "model.onnx").write_bytes(pronouncer_graph(model).SerializeToString())
    engine = OnnxEngine(tmp_path / "model.onnx")
    engine.check(input_size=1, output_size=4, streams=False)
    inputs, lengths = pad_words([np.array([1, 2, 1, 1]), np.array([2])])
    found, _ = engine.run(inputs, lengths, None)
    with torch.inference_mode():
        expected = model(torch.from_numpy(inputs), torch.from_numpy(lengths)).numpy()
        alone = model(*map(torch.from_numpy, pad_words([np.array([2])]))).numpy()
    assert found.shape == (2, 18, 4)
    np.testing.assert_allclose(found[0], expected[0], atol=1e-4)
    np.testing.assert_allclose(found[1, :9], alone[0], atol=1e-4)
    assert len(quantise(pronouncer_graph(model)).SerializeToString()) > 0


def test_the_nearest_of_several_pronunciations_counts() -> None:
    class Always:
        def run(self, inputs: np.ndarray, lengths: np.ndarray, state: None) -> tuple[np.ndarray, tuple[()]]:
            frames = np.full((len(inputs), inputs.shape[1] * 3, 4), 1e-6, np.float32)
            frames[:, :, 0] = 1 - 3e-6
            frames[:, 3], frames[:, 4] = (1e-6, 1, 1e-6, 1e-6), (1e-6, 1e-6, 1, 1e-6)
            return np.log(frames), ()

    pronouncer = Pronouncer("always", CONFIG, Always())  # says AH B
    score = score_pronouncer(pronouncer, {"A": ((3,), (1, 2)), "B": ((1, 2, 1, 2), (2,)), "AB": ((3, 3, 3),)})
    assert score.word_error_rate == pytest.approx(2 / 3)
    assert score.phoneme_error_rate == pytest.approx((0 + 1 + 3) / (2 + 1 + 3))
    assert score.n_words == 3


def test_what_cannot_be_trained_is_said() -> None:
    with pytest.raises(DataError, match="no training words or no development words"):
        make_task({})
    with pytest.raises(DataError, match="the word 'BABA' is longer than a batch of 5 letters"):
        make_task(batch_letters=5)
    with pytest.raises(ValueError, match=r"expected letters of shape \(batch, time, 1\), got \(1, 3\)"):
        PronouncerModel(CONFIG)(torch.zeros(1, 3, dtype=torch.int64), torch.tensor([3]))


def test_an_exported_folder_is_small(tmp_path: Path) -> None:
    model = PronouncerModel(PronouncerConfig())
    folder = export_pronouncer(model, tmp_path / "model", name="base", card="")
    assert (folder / "model.onnx").stat().st_size < 1_500_000
