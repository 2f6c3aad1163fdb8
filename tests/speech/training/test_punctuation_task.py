"""The punctuation task: pure batches, a loss that falls, and a model folder that says how good it is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from audio_lstm.config import LSTMConfig
from audio_lstm.errors import DataError
from audio_lstm.speech.text.punctuation import PunctuationConfig, load_writer
from audio_lstm.speech.text.punctuation_text import TextReader
from audio_lstm.speech.training.punctuation_data import IGNORED, Corpus, SpeechFacts, encode
from audio_lstm.speech.training.punctuation_task import PunctuationTask, windows, write_punctuation
from audio_lstm.training.config import TrainConfig
from audio_lstm.training.loop import train

LINES = ["Bob came, and Ann left.", "Did she go?", "Yes, she did.", "Who saw Bob?"] * 60
CONFIG = PunctuationConfig(
    causal=LSTMConfig(16, hidden_size=32, n_layers=1),
    both_ways=LSTMConfig(32, hidden_size=16, n_layers=1, bidirectional=True),
    head_size=16,
    n_buckets=200,
)


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    return encode(map(TextReader().read, LINES))


def make_task(corpus: Corpus, batch_words: int = 400) -> PunctuationTask:
    facts = SpeechFacts()
    return PunctuationTask(CONFIG, train_text=corpus, dev_text=corpus, facts=facts, batch_words=batch_words, seed=3)


def test_windows_begin_with_sentences_and_hold_nearly_all_words(corpus: Corpus) -> None:
    spans = windows(corpus, np.random.default_rng(0))
    starts = set(corpus.starts.tolist())
    assert all(begin in starts and begin < end <= begin + 100 for begin, end in spans)
    assert sum(end - begin for begin, end in spans) > 0.85 * len(corpus.words)
    assert any(end not in starts for _, end in spans[:-1])  # some are cut: speech does not always end a sentence


def test_a_batch_is_a_pure_function_of_its_arguments(corpus: Corpus) -> None:
    first, again = (make_task(corpus).batch(1, 0, 0, 1) for _ in range(2))
    assert first is not None
    assert again is not None
    assert torch.equal(first.ids, again.ids)
    other = make_task(corpus).batch(2, 0, 0, 1)
    assert other is not None
    assert other.ids.shape != first.ids.shape or not torch.equal(other.ids, first.ids)


def test_padding_teaches_nothing(corpus: Corpus) -> None:
    task = make_task(corpus)
    batches = [task.batch(0, number, 0, 1) for number in range(task.n_batches(0))]
    batch = next(batch for batch in batches if batch is not None and len(set(batch.lengths.tolist())) > 1)
    for row, length in enumerate(batch.lengths.tolist()):
        assert (batch.marks[row, length:] == IGNORED).all()
        assert (batch.cases[row, length:] == IGNORED).all()


def test_a_batch_must_hold_a_window(corpus: Corpus) -> None:
    with pytest.raises(DataError, match="batch_words must be at least 100"):
        make_task(corpus, batch_words=50)


def test_a_few_epochs_teach_a_small_text_and_the_folder_says_so(corpus: Corpus, tmp_path: Path) -> None:
    task = make_task(corpus)
    options = TrainConfig(
        max_epochs=40, warmup_steps=2, learning_rate=1e-2, tensorboard=False, n_threads=1, ema_decay=0.8
    )
    result = train(task, options, tmp_path / "run")
    line = write_punctuation(
        task, tmp_path / "model", name="small", trained_on="four sentences", notes="None.", result=result
    )
    assert "F1 of ends" in line
    assert task.counted().f1()["end"] > 0.8
    writer = load_writer(tmp_path / "model")
    assert " ".join(writer.write(["DID", "SHE", "GO", "YES", "SHE", "DID"])) == "Did she go? Yes, she did."
    card = (tmp_path / "model" / "README.md").read_text("utf-8")
    assert "| comma |" in card
    assert "trained on four sentences" in card
