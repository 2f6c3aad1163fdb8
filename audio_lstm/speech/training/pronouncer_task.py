"""What a recipe for a spelling-to-sound model needs: data, the torch model, its training task, and the model folder.

A recipe builds a `PronouncerTask`, hands it to `audio_lstm.training.loop.train`, and writes it with `write_pronouncer`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import TensorProto
from rapidfuzz.distance import Levenshtein
from torch import Tensor, nn

from audio_lstm.backbone import LSTMBackbone
from audio_lstm.checkpoint import ModelFolder, write_model
from audio_lstm.config import config_to_dict
from audio_lstm.errors import ConfigError, DataError
from audio_lstm.export import GraphWriter, quantise
from audio_lstm.speech.acoustic.model import ctc_loss, frames_needed
from audio_lstm.speech.decoding.pronouncer import Pronouncer, PronouncerConfig, load_pronouncer, pad_words
from audio_lstm.training.batches import bucket_batches, share
from audio_lstm.training.loop import StepLoss, TrainResult
from audio_lstm.training.model_card import Card
from audio_lstm.training.options import data_fingerprint

__all__ = [
    "PronouncerModel",
    "PronouncerTask",
    "Score",
    "WordBatch",
    "export_pronouncer",
    "score_pronouncer",
    "split_words",
    "write_pronouncer",
]

Entries = Mapping[str, Sequence[tuple[int, ...]]]  # word -> its pronunciations as phoneme ids from 1

_LENGTH_JITTER = 0.02  # many words share a length: more would only add padding


class PronouncerModel(nn.Module):
    """Letters (batch, time, 1) in, log-probabilities (batch, time * frames_per_letter, n_outputs) out."""

    def __init__(self, config: PronouncerConfig) -> None:
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(len(config.letters) + 1, config.lstm.input_size)
        self.backbone = LSTMBackbone(config.lstm)
        self.head = nn.Linear(config.lstm.output_size, config.n_outputs * config.frames_per_letter)

    def forward(self, letters: Tensor, lengths: Tensor) -> Tensor:
        """Score every phoneme at every frame.

        Args:
            letters: Ids (batch, time, 1), int64, as `pad_words` gives them.
            lengths: Valid letters of each item (batch,), boundaries among them.

        Returns:
            Natural log-probabilities (batch, time * frames_per_letter, n_outputs) in float32, the blank first.

        Raises:
            ValueError: If letters have another shape.
        """
        if letters.ndim != 3 or letters.shape[2] != 1:
            raise ValueError(f"expected letters of shape (batch, time, 1), got {tuple(letters.shape)}")
        y, _ = self.backbone(self.embedding(letters[:, :, 0]), lengths)  # (B, T, 2H)
        logits = self.head(y).float().reshape(len(y), -1, self.config.n_outputs)
        return torch.log_softmax(logits, dim=-1)


@dataclass(frozen=True)
class WordBatch:
    """Padded words and how they are said."""

    letters: Tensor  # (batch, time, 1)
    lengths: Tensor  # (batch,) valid letters
    phonemes: tuple[Tensor, ...]  # phoneme ids of each word
    names: tuple[str, ...]


class Score(NamedTuple):
    """How well a model pronounces words whose pronunciations are known; where there are several, the nearest counts."""

    word_error_rate: float  # share of the words that are said in none of the ways
    phoneme_error_rate: float  # edits over the phonemes of the nearest ways
    n_words: int


def split_words(entries: Entries, test_percent: float, dev_percent: float) -> tuple[Entries, Entries, Entries]:
    """Split a dictionary by the hash of the words: a word lies on the same side whatever else the dictionary holds.

    Args:
        entries: The dictionary.
        test_percent: About how many of a hundred words are kept for the test.
        dev_percent: The same for development.

    Returns:
        Training, development and test words.

    Raises:
        ConfigError: If a percentage is not above 0, or nothing is left to train on.
    """
    if min(test_percent, dev_percent) <= 0 or test_percent + dev_percent >= 100:
        raise ConfigError(
            f"test_percent and dev_percent must be above 0 and together below 100, got {test_percent}, {dev_percent}"
        )
    sides: tuple[dict[str, Sequence[tuple[int, ...]]], ...] = ({}, {}, {})
    for word, ways in entries.items():
        digest = hashlib.blake2b(word.encode(), digest_size=8).digest()
        place = 100 * int.from_bytes(digest, "big") / 2**64
        side = 2 if place < test_percent else 1 if place < test_percent + dev_percent else 0
        sides[side][word] = ways
    return sides[0], sides[1], sides[2]


class PronouncerTask:
    """Data, model, loss and metric of a spelling-to-sound model, for audio_lstm.training.loop."""

    def __init__(
        self, config: PronouncerConfig, *, train_words: Entries, dev_words: Entries, batch_letters: int, seed: int
    ) -> None:
        """Encodes the words and builds the model; pronunciations that are too long for CTC are left out.

        Args:
            config: Of the model.
            train_words: Words in the letters of the model; each pronunciation is an item.
            dev_words: Words that the evaluations measure.
            batch_letters: Padded letters, boundaries included, that a batch may hold.
            seed: Of the weights and the order of the batches.

        Raises:
            DataError: If there are no words on one side, or one is longer than a batch may be.
        """
        self.config, self.seed, self.batch_letters = config, seed, batch_letters
        pairs = [(word, torch.tensor(way)) for word, ways in train_words.items() for way in ways]
        fitting = [(word, way) for word, way in pairs if frames_needed(way) <= _n_frames(word, config)]
        if not fitting or not dev_words:
            raise DataError("no training words or no development words; give a larger dictionary")
        longest = max([word for word, _ in fitting] + list(dev_words), key=len)
        if len(longest) + 2 > batch_letters:
            raise DataError(f"the word {longest!r:.40} is longer than a batch of {batch_letters} letters; raise that")
        self.n_too_long = len(pairs) - len(fitting)
        self._words = [word for word, _ in fitting]
        self._letters = [config.alphabet.encode(word) for word in self._words]
        self._ways = [way for _, way in fitting]
        self.dev_words = dict(dev_words)
        self.fingerprint = data_fingerprint(
            ((word, len(word), way.numpy()) for word, way in fitting),
            ((word, len(word), np.array(way)) for word, ways in dev_words.items() for way in ways),
        )
        self._epoch: tuple[int, list[tuple[int, ...]]] = (-1, [])
        torch.manual_seed(seed)
        self.model = PronouncerModel(config)

    def n_batches(self, epoch: int) -> int:
        """How many steps the epoch takes."""
        return len(self._batches(epoch))

    def _batches(self, epoch: int) -> list[tuple[int, ...]]:
        """The words of each batch, planned once an epoch."""
        if self._epoch[0] != epoch:
            sizes = [len(row) + 2 for row in self._letters]
            plan = bucket_batches(
                sizes, frames_per_batch=self.batch_letters, seed=self.seed, epoch=epoch, jitter=_LENGTH_JITTER
            )
            self._epoch = (epoch, plan)
        return self._epoch[1]

    def batch(self, epoch: int, index: int, rank: int, world_size: int) -> WordBatch | None:
        """This process's share of a batch."""
        numbers = share(self._batches(epoch)[index], rank, world_size)
        if not numbers:
            return None
        letters, lengths = map(torch.from_numpy, pad_words([self._letters[number] for number in numbers]))
        ways = tuple(self._ways[number] for number in numbers)
        return WordBatch(letters, lengths, ways, tuple(self._words[number] for number in numbers))

    def loss(self, batch: WordBatch, carry: tuple[Tensor, ...] | None) -> StepLoss:
        """CTC in nats, summed over phonemes."""
        log_probs = self.model(batch.letters, batch.lengths)
        result = ctc_loss(log_probs, batch.lengths * self.config.frames_per_letter, batch.phonemes)
        return StepLoss(result.total, result.n_symbols, item_ids=batch.names)

    def evaluate(self) -> dict[str, float]:
        """Share of the development words that are pronounced in none of the known ways, by a beam search."""
        pronouncer = Pronouncer("", self.config, _ModuleEngine(self.model))
        score = score_pronouncer(pronouncer, self.dev_words)
        return {"score": score.word_error_rate, "wer": score.word_error_rate, "per": score.phoneme_error_rate}


@dataclass(frozen=True)
class _ModuleEngine:
    """The model while it is trained, as an engine."""

    module: PronouncerModel

    def run(
        self, inputs: NDArray[np.int64], lengths: NDArray[np.int64], state: object
    ) -> tuple[NDArray[np.float32], tuple[()]]:
        """See audio_lstm.runtime.Engine.run."""
        device = next(self.module.parameters()).device
        with torch.inference_mode():
            log_probs = self.module(torch.from_numpy(inputs).to(device), torch.from_numpy(lengths).to(device))
        return log_probs.cpu().numpy(), ()


def _n_frames(word: str, config: PronouncerConfig) -> int:
    return (len(word) + 2) * config.frames_per_letter


def score_pronouncer(pronouncer: Pronouncer, entries: Entries) -> Score:
    """Measure a model.

    Args:
        pronouncer: The model.
        entries: Words that it was not trained on, with all their pronunciations.

    Returns:
        Its errors, which are those of its likeliest pronunciations.
    """
    words = list(entries)
    numbers = {phoneme: number for number, phoneme in enumerate(pronouncer.config.phonemes, 1)}
    n_wrong = n_edits = n_phonemes = 0
    for word, ways in zip(words, pronouncer.pronounce(words), strict=True):
        said = tuple(numbers[phoneme] for phoneme in ways[0].phonemes)
        edits, length = min((Levenshtein.distance(said, way), len(way)) for way in entries[word])
        n_wrong += edits > 0
        n_edits += edits
        n_phonemes += length
    return Score(n_wrong / max(1, len(words)), n_edits / max(1, n_phonemes), len(words))


def pronouncer_graph(model: PronouncerModel) -> onnx.ModelProto:
    """The float32 graph of a spelling-to-sound model.

    Args:
        model: The trained model.

    Returns:
        A graph with inputs `letters` (batch, time, 1) int64 and `lengths` (batch,) int32 and the output `log_probs`
        (batch, time * frames_per_letter, n_outputs).
    """
    writer = GraphWriter()
    letters = writer.input("letters", TensorProto.INT64, ("batch", "time", 1))
    lengths = writer.input("lengths", TensorProto.INT32, ("batch",))
    ids = writer.node("Squeeze", [letters, writer.constant([2])])
    x = writer.node("Gather", [writer.constant(model.embedding.weight), ids], axis=0)  # (B, T, E)
    x = writer.node("Transpose", [x], perm=[1, 0, 2])  # time first, for ONNX's LSTM
    y, _ = writer.backbone(x, model.backbone, lengths, None)
    logits = writer.node("Transpose", [writer.linear(y, model.head)], perm=[1, 0, 2])
    n_outputs = model.config.n_outputs
    logits = writer.node("Reshape", [logits, writer.constant([0, -1, n_outputs])])
    log_probs = writer.node("LogSoftmax", [logits], axis=-1)
    writer.output(log_probs, "log_probs", TensorProto.FLOAT, ("batch", "frames", n_outputs))
    return writer.model("pronouncer")


def export_pronouncer(model: PronouncerModel, folder: Path, *, name: str, card: str) -> Path:
    """Write a trained model as a folder that `load_pronouncer` reads; its wing is "pronunciation".

    Args:
        model: The trained model.
        folder: Where to write; an older model there is replaced.
        name: The model's name.
        card: The model card, Markdown.

    Returns:
        The folder.
    """
    header = ModelFolder(folder, "pronunciation", name, config_to_dict(model.config), {})
    return write_model(folder, header, module=model, graph=quantise(pronouncer_graph(model)), card=card, half=True)


def write_pronouncer(
    task: PronouncerTask, folder: Path, *, name: str, test_words: Entries, notes: str, result: TrainResult
) -> str:
    """Write the model folder, measure it on words kept apart as users will run it, and put the figures into its card.

    Args:
        task: Whose model has been trained.
        folder: Where the model goes.
        name: The model's name.
        test_words: Words that it was not trained on.
        notes: The end of the card, Markdown: licences and limits.
        result: How the training ended.

    Returns:
        One line with the folder and the figures.
    """
    export_pronouncer(task.model, folder, name=name, card=f"# {name}\n")
    score = score_pronouncer(load_pronouncer(folder), test_words)
    purpose = "A small spelling-to-sound LSTM: it says how English words are pronounced that no dictionary has."
    figures = {
        f"words wrong, {score.n_words} test words, int8": f"{100 * score.word_error_rate:.2f} %",
        "phonemes wrong": f"{100 * score.phoneme_error_rate:.2f} %",
        f"words wrong, {len(task.dev_words)} development words, float32": f"{100 * result.best_score:.2f} %",
    }
    size = Card(name, purpose, notes, result).write(folder, task.model, figures)
    return (
        f"{folder}: {100 * score.word_error_rate:.2f} % of {score.n_words} test words wrong, "
        f"{100 * score.phoneme_error_rate:.2f} % of the phonemes, {size}"
    )
