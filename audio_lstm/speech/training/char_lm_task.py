"""What a recipe for a character language model needs: texts, the training task, and the finished model with its card.

A recipe builds a `CharLMTask`, hands it to `audio_lstm.training.loop.train`, and writes it with `write_char_lm`.
"""

from __future__ import annotations

import hashlib
import logging
import math
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from audio_lstm.errors import ConfigError, DataError
from audio_lstm.speech.text.alphabet import Alphabet
from audio_lstm.speech.words.char_lm import CharLMConfig, load_char_lm, pad_texts
from audio_lstm.speech.words.char_lm_export import export_char_lm
from audio_lstm.speech.words.char_lm_model import CharLMModel
from audio_lstm.speech.words.lm_text import UNKNOWN, leave_out, read_lm_text
from audio_lstm.training.batches import bucket_batches, share
from audio_lstm.training.loop import StepLoss, TrainResult
from audio_lstm.training.model_card import Card
from audio_lstm.training.options import data_fingerprint

__all__ = ["CharLMTask", "TextBatch", "hold_out", "read_texts", "write_char_lm"]


_LOG = logging.getLogger(__name__)
_LENGTH_JITTER = 0.02  # many sentences share a length: more would only add padding


@dataclass(frozen=True)
class TextBatch:
    """Padded texts, each from its beginning: see `pad_texts`."""

    inputs: Tensor  # (batch, time, 1)
    targets: Tensor  # (batch, time)
    weights: Tensor  # (batch, time)
    names: tuple[str, ...]


def read_texts(
    paths: Iterable[str | os.PathLike[str]],
    alphabet: Alphabet,
    *,
    exclude: Iterable[str | os.PathLike[str]] = (),
    spells_out: bool = False,
) -> list[str]:
    """Read sentences and bring them to an alphabet.

    Args:
        paths: Text files or manifests, for `read_lm_text`.
        alphabet: Of the language model.
        exclude: The same of what the model is going to be measured on: sentences that are in it, or share eight words
            in a row with it, are left out.
        spells_out: Put printed numbers, signs and abbreviations of English into words.

    Returns:
        The sentences in order, normalised. Those with a letter that the alphabet lacks are left out; the log says how
        many.

    Raises:
        DataError: If a file cannot be read, or holds no text that the alphabet can write.
    """
    unseen = [sentence for path in exclude for sentence in read_lm_text(path, alphabet).sentences]
    texts: list[str] = []
    for path in map(Path, paths):
        text = read_lm_text(path, alphabet, spells_out=spells_out)
        writable = replace(text, sentences=tuple(s for s in text.sentences if UNKNOWN not in s))
        kept = leave_out(writable, unseen).sentences if unseen else writable.sentences
        n_unwritable = len(text.sentences) - len(writable.sentences)
        if n_unwritable or len(kept) < len(writable.sentences):
            _LOG.warning(
                "%s: %d of %d sentences have letters outside the alphabet (such as %r), %d are to be kept unseen; "
                "left out",
                *(path, n_unwritable, len(text.sentences), text.first_unwritable),
                len(writable.sentences) - len(kept),
            )
        if not kept:
            raise DataError(f"{path}: no sentence is left in the letters of the model; expected a sentence a line")
        texts += kept
    return texts


def hold_out(texts: Sequence[str], percent: float) -> tuple[list[str], list[str]]:
    """Split sentences for training and development by their hash.

    A sentence lies on the same side wherever and however often it stands, and whatever stands beside it: added texts
    never move one from development to training.

    Args:
        texts: Normalised.
        percent: About how many of a hundred different sentences are held out: those whose hash comes last.

    Returns:
        Training and development sentences, in their order.

    Raises:
        ConfigError: If percent does not lie between 0 and 100.
    """
    if not 0 < percent < 100:
        raise ConfigError(f"the percentage of held-out sentences must lie between 0 and 100, got {percent}")
    first_held_out = 2**64 * (1 - percent / 100)
    sides: tuple[list[str], list[str]] = ([], [])
    for text in texts:
        digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
        sides[int.from_bytes(digest, "big") >= first_held_out].append(text)
    return sides


class CharLMTask:
    """Data, model, loss and metric of a character language model, for audio_lstm.training.loop.

    Batches are whole sentences of similar length, each read from a state of zeros, as they are when they are scored.
    """

    def __init__(
        self,
        config: CharLMConfig,
        *,
        train_texts: Sequence[str],
        dev_texts: Sequence[str],
        batch_characters: int,
        seed: int,
    ) -> None:
        """Encodes the texts and builds the model.

        Args:
            config: Of the model.
            train_texts: Normalised sentences.
            dev_texts: Normalised sentences that the evaluations measure.
            batch_characters: Padded characters, ends included, that a batch may hold.
            seed: Of the weights and the order of the batches.

        Raises:
            DataError: If there are no texts on one side, or one is longer than a batch may be.
        """
        for side, texts in (("training", train_texts), ("development", dev_texts)):
            if not texts:
                raise DataError(f"no {side} sentences; give more text or change the percentage that is held out")
        self.config, self.seed, self.batch_characters = config, seed, batch_characters
        self.dev_texts = tuple(dev_texts)
        self._train = [config.alphabet.encode(text) for text in train_texts]
        self._dev = [config.alphabet.encode(text) for text in dev_texts]
        for rows in (self._train, self._dev):
            longest = max(rows, key=len)
            if len(longest) >= batch_characters:
                raise DataError(
                    f"the sentence {config.alphabet.decode(longest[:40])!r}… has {len(longest)} characters, more than "
                    f"a batch of {batch_characters} with their ends holds; raise batch_characters or cut the sentence"
                )
        self.fingerprint = data_fingerprint(
            *([("", len(row), row) for row in rows] for rows in (self._train, self._dev))
        )
        self._epoch: tuple[int, list[tuple[int, ...]]] = (-1, [])
        torch.manual_seed(seed)
        self.model = CharLMModel(config)

    def n_batches(self, epoch: int) -> int:
        """How many steps the epoch takes."""
        return len(self._batches(epoch))

    def _batches(self, epoch: int) -> list[tuple[int, ...]]:
        """The sentences of each batch, planned once an epoch."""
        if self._epoch[0] != epoch:
            self._epoch = (epoch, self._plan(self._train, epoch))
        return self._epoch[1]

    def _plan(self, rows: Sequence[NDArray[np.int64]], epoch: int) -> list[tuple[int, ...]]:
        sizes = [len(row) + 1 for row in rows]
        return bucket_batches(
            sizes, frames_per_batch=self.batch_characters, seed=self.seed, epoch=epoch, jitter=_LENGTH_JITTER
        )

    def batch(self, epoch: int, index: int, rank: int, world_size: int) -> TextBatch | None:
        """This process's share of a batch."""
        numbers = share(self._batches(epoch)[index], rank, world_size)
        return _text_batch(self._train, numbers) if numbers else None

    def loss(self, batch: TextBatch, carry: tuple[Tensor, ...] | None) -> StepLoss:
        """Negative log-likelihood in nats, summed over characters and ends."""
        return StepLoss(self._nats(batch), int(batch.weights.sum()), item_ids=batch.names)

    def _nats(self, batch: TextBatch) -> Tensor:
        log_probs, _ = self.model(batch.inputs)  # padding comes after a text: it needs no lengths
        chosen = log_probs.gather(2, batch.targets[:, :, None])[:, :, 0]  # (B, T)
        nats: Tensor = -(chosen * batch.weights).sum()
        return nats

    def evaluate(self) -> dict[str, float]:
        """Bits a character on the development sentences, ends counted as characters."""
        device = next(self.model.parameters()).device
        nats, n_characters = 0.0, 0
        for numbers in self._plan(self._dev, 0):
            batch = _text_batch(self._dev, numbers)
            on_device = TextBatch(
                batch.inputs.to(device), batch.targets.to(device), batch.weights.to(device), batch.names
            )
            nats += float(self._nats(on_device))
            n_characters += int(batch.weights.sum())
        bits = nats / n_characters / math.log(2)
        return {"score": bits, "bits_per_character": bits}


def _text_batch(rows: Sequence[NDArray[np.int64]], numbers: Sequence[int]) -> TextBatch:
    inputs, targets, weights = map(torch.from_numpy, pad_texts([rows[number] for number in numbers]))
    return TextBatch(inputs, targets, weights, tuple(f"sentence {number}" for number in numbers))


def write_char_lm(
    task: CharLMTask, folder: Path, *, name: str, trained_on: str, notes: str, result: TrainResult
) -> str:
    """Write the model folder, measure it as users will run it, and put the figures into its card.

    Args:
        task: Whose model has been trained.
        folder: Where the model goes.
        name: The model's name.
        trained_on: What the card says of its data.
        notes: The end of the card, Markdown: licences and limits.
        result: How the training ended.

    Returns:
        One line with the folder and the figures.
    """
    export_char_lm(task.model, folder, name=name, card=f"# {name}\n")
    bits = load_char_lm(folder).bits_per_character(task.dev_texts)
    purpose = f"A small character LSTM language model trained on {trained_on}. It rates the texts of a recogniser."
    figures = {
        "bits per character, development sentences, int8": f"{bits:.4f}",
        "the same weights in torch, float32": f"{result.best_score:.4f}",
        "development sentences": str(len(task.dev_texts)),
    }
    size = Card(name, purpose, notes, result).write(folder, task.model, figures)
    return f"{folder}: {bits:.4f} bits per character, {size}"
