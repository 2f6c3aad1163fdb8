"""What every CTC recipe shares: recordings in memory, the training task, and the finished model with its card.

A recipe builds a `CTCTask`, hands it to `audio_lstm.training.loop.train`, and writes it with `write_speech_model`.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from audio_lstm.audio import load_audio
from audio_lstm.checkpoint import write_card
from audio_lstm.config import LSTMConfig
from audio_lstm.errors import DataError
from audio_lstm.speech.alphabet import ENGLISH
from audio_lstm.speech.augment import AugmentConfig, augment_features, augment_waveform
from audio_lstm.speech.config import SUBSAMPLING, SpeechModelConfig
from audio_lstm.speech.data import Utterance, normalise_text, pad_features
from audio_lstm.speech.decode import greedy
from audio_lstm.speech.export import export_speech
from audio_lstm.speech.features import FeatureConfig, extract_features, n_frames
from audio_lstm.speech.metrics import ErrorReport, score
from audio_lstm.speech.model import SpeechModel, ctc_loss, frames_needed
from audio_lstm.training.batches import bucket_batches, seed_for, share
from audio_lstm.training.loop import StepLoss, TrainResult
from audio_lstm.training.options import data_fingerprint

__all__ = [
    "SMALL_BIDIRECTIONAL",
    "SMALL_DATA_AUGMENT",
    "CTCBatch",
    "CTCTask",
    "Recording",
    "load_corpus",
    "write_speech_model",
]

_LOG = logging.getLogger(__name__)

SMALL_BIDIRECTIONAL = SpeechModelConfig(
    features=FeatureConfig(kind="log_mel", n_mels=80),
    # 1.9 M weights: what an hour of one CPU core trains to the end. Residual connections, with the projections and
    # norms that they need, end CTC's blank-only plateau in a third of the steps (recipes/README.md).
    lstm=LSTMConfig(
        input_size=192,
        hidden_size=192,
        n_layers=3,
        bidirectional=True,
        projection_size=192,
        layer_norm=True,
        residual=True,
        dropout=0.2,
    ),
    symbols=ENGLISH.symbols,
)
"""The recommended model for an hour of English speech."""

# Lighter masks than SpecAugment's own: they were meant for 960 h and models a hundred times the size.
SMALL_DATA_AUGMENT = AugmentConfig(
    frequency_mask_fraction=0.2, time_masks_per_frame=0.02, max_time_masks=6, noise_probability=0.2
)
"""The recommended augmentation for an hour of speech."""


@dataclass(frozen=True)
class Recording:
    """One training or development item, decoded once."""

    utterance: Utterance
    samples: NDArray[np.float32]  # (n,) at the model's rate
    target: Tensor  # symbol ids, int64


@dataclass(frozen=True)
class CTCBatch:
    """A padded batch."""

    features: Tensor  # (batch, time, feature)
    lengths: Tensor  # (batch,) feature frames
    targets: tuple[Tensor, ...]
    ids: tuple[str, ...]


def load_corpus(utterances: Sequence[Utterance], model: SpeechModelConfig) -> list[Recording]:
    """Decode every recording of a manifest; at 16 kHz an hour takes 230 MB.

    Args:
        utterances: From `read_manifest`.
        model: Whose sample rate and alphabet to use.

    Returns:
        The recordings, in the same order.

    Raises:
        DataError: If a text holds what the alphabet lacks; the message names the utterance.
    """
    alphabet, targets = model.alphabet, []
    for utterance in utterances:  # all texts before the first recording: decoding takes minutes
        try:
            targets.append(torch.from_numpy(alphabet.encode(normalise_text(utterance.text, alphabet))))
        except DataError as error:
            raise DataError(f"{utterance.id}: {error}") from error
    return [
        Recording(utterance, load_audio(utterance.audio, sample_rate=model.features.sample_rate), target)
        for utterance, target in zip(utterances, targets, strict=True)
    ]


class CTCTask:
    """Data, model, loss and metric of a CTC recogniser, for audio_lstm.training.loop.

    Training recordings whose text does not fit even into the slowest copy are left out, named in `unalignable` and
    in the log. A recording that is longer than a batch may be, and a set of which nothing is left, is a DataError.
    """

    def __init__(
        self,
        config: SpeechModelConfig,
        train_set: Sequence[Recording],
        dev_set: Sequence[Recording],
        *,
        augment: AugmentConfig,
        batch_frames: int,
        seed: int,
    ) -> None:
        self.config, self.augment, self.seed = config, augment, seed
        self.fingerprint = data_fingerprint(
            *(
                [(item.utterance.id, len(item.samples), item.target.numpy()) for item in items]
                for items in (train_set, dev_set)
            )
        )
        self.batch_frames = batch_frames
        self.dev_features = [extract_features(item.samples, config.features) for item in dev_set]
        self.unalignable: set[str] = set()  # training recordings that were left out
        self.train_set, self.frames = self._usable(train_set)
        self.dev_set = dev_set
        self._reported: set[str] = set()  # recordings of which a faster copy did not fit
        torch.manual_seed(seed)
        self.model = SpeechModel(config)
        self.report: ErrorReport | None = None

    def _usable(self, recordings: Sequence[Recording]) -> tuple[list[Recording], list[int]]:
        """The recordings that can be trained on, and the feature frames of the slowest (so longest) copy of each."""
        slowest = min(self.augment.speeds)
        usable, frames = [], []
        for item in recordings:
            identifier, n_symbols = item.utterance.id, len(item.target)
            n = n_frames(round(len(item.samples) / slowest), self.config.features)
            n_output = -(-n // SUBSAMPLING)
            if n < 1 or frames_needed(item.target) > n_output:
                self.unalignable.add(identifier)
                _LOG.warning(
                    "%s: %d symbols do not fit into %d output frames; left out", identifier, n_symbols, n_output
                )
                continue
            if n > self.batch_frames:
                seconds = len(item.samples) / self.config.features.sample_rate
                raise DataError(
                    f"{identifier}: {seconds:.1f} s are up to {n} frames (at speed {slowest:g}), more than a batch may "
                    f"hold; leave it out, cut it up, or set --batch_frames to {n} or more (now {self.batch_frames})"
                )
            usable.append(item)
            frames.append(n)
        if not usable:
            named = f"first: {min(self.unalignable)}" if self.unalignable else "there are none"
            raise DataError(f"nothing to train on: no text fits its recording ({named}); check which text is whose")
        return usable, frames

    def batches(self, epoch: int) -> list[tuple[int, ...]]:
        """The items of each batch of an epoch."""
        return bucket_batches(self.frames, frames_per_batch=self.batch_frames, seed=self.seed, epoch=epoch)

    def n_batches(self, epoch: int) -> int:
        """How many steps the epoch takes."""
        return len(self.batches(epoch))

    def batch(self, epoch: int, index: int, rank: int, world_size: int) -> CTCBatch | None:
        """Augmented features of this process's share of a batch."""
        items = share(self.batches(epoch)[index], rank, world_size)
        if not items:
            return None
        features = []
        for item in items:
            rng = np.random.default_rng(seed_for(self.seed, epoch, index, item))
            samples = augment_waveform(self.train_set[item].samples, self.augment, rng)
            features.append(augment_features(extract_features(samples, self.config.features), self.augment, rng))
        padded, lengths = pad_features(features)
        return CTCBatch(
            torch.from_numpy(padded),
            torch.from_numpy(lengths),
            tuple(self.train_set[item].target for item in items),
            tuple(self.train_set[item].utterance.id for item in items),
        )

    def loss(self, batch: CTCBatch, carry: tuple[Tensor, ...] | None) -> StepLoss:
        """CTC, summed over the batch, per target symbol."""
        log_probs, lengths, _ = self.model(batch.features, batch.lengths)
        loss = ctc_loss(log_probs, lengths, batch.targets)
        for item in loss.too_long:
            if batch.ids[item] in self._reported:
                continue
            self._reported.add(batch.ids[item])
            _LOG.warning(
                "%s: %d symbols do not fit into %d output frames of a faster copy; such copies are left out",
                batch.ids[item],
                len(batch.targets[item]),
                int(lengths[item]),
            )
        return StepLoss(loss.total, loss.n_symbols, item_ids=batch.ids)

    def evaluate(self) -> dict[str, float]:
        """Greedy word and character error rate on the development set."""
        device = next(self.model.parameters()).device
        hypotheses = []
        for features in self.dev_features:
            log_probs, *_ = self.model(torch.from_numpy(features)[None].to(device))
            hypotheses.append(greedy(log_probs[0].cpu().numpy(), self.config.alphabet).text)
        references = [normalise_text(item.utterance.text, self.config.alphabet) for item in self.dev_set]
        self.report = score(references, hypotheses)
        return {
            "score": self.report.wer,
            "wer": self.report.wer,
            "cer": self.report.cer,
            "unalignable": float(len(self.unalignable)),
        }


def write_speech_model(
    task: CTCTask, folder: Path, *, name: str, trained_on: str, notes: str, result: TrainResult
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
    from audio_lstm.speech.evaluate import evaluate_speech
    from audio_lstm.speech.recogniser import load_speech

    export_speech(task.model, folder, name=name, card=f"# {name}\n")
    evaluation = evaluate_speech([item.utterance for item in task.dev_set], load_speech(folder))
    figures = evaluation.to_dict()
    n_parameters = sum(parameter.numel() for parameter in task.model.parameters())
    size_mb = (folder / "model.onnx").stat().st_size / 1e6
    card = f"""# {name}

A small LSTM-CTC recogniser trained on {trained_on}.

| | |
|---|---|
| word error rate, development set, greedy, int8 | {100 * figures["wer"]:.2f} % |
| character error rate | {100 * figures["cer"]:.2f} % |
| the same weights in torch, float32 | {100 * result.best_score:.2f} % WER |
| utterances, words | {figures["n_utterances"]}, {figures["n_words"]} |
| parameters | {n_parameters / 1e6:.2f} M |
| model.onnx | {size_mb:.1f} MB |
| training steps | {result.step} |

{notes}"""
    write_card(folder, card)
    return f"{folder}: WER {100 * figures['wer']:.2f} %, CER {100 * figures['cer']:.2f} %, {size_mb:.1f} MB"
