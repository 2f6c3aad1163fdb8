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
from audio_lstm.errors import DataError
from audio_lstm.speech.augment import AugmentConfig, augment_features, augment_waveform
from audio_lstm.speech.config import SpeechModelConfig
from audio_lstm.speech.data import Utterance, normalise_text, pad_features
from audio_lstm.speech.decode import greedy
from audio_lstm.speech.export import export_speech
from audio_lstm.speech.features import extract_features, n_frames
from audio_lstm.speech.metrics import ErrorReport, score
from audio_lstm.speech.model import SpeechModel, ctc_loss
from audio_lstm.training.batches import bucket_batches, seed_for, share
from audio_lstm.training.loop import StepLoss, TrainResult

__all__ = ["CTCBatch", "CTCTask", "Recording", "load_corpus", "write_speech_model"]

_LOG = logging.getLogger(__name__)


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
    """Data, model, loss and metric of a CTC recogniser, for audio_lstm.training.loop."""

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
        self.train_set, self.dev_set = train_set, dev_set
        self.batch_frames = batch_frames
        self.dev_features = [extract_features(item.samples, config.features) for item in dev_set]
        # A slower copy is longer: budget for the slowest.
        slowest = min(augment.speeds)
        self.frames = [n_frames(round(len(item.samples) / slowest), config.features) for item in train_set]
        torch.manual_seed(seed)
        self.model = SpeechModel(config)
        self.report: ErrorReport | None = None
        self.unalignable: set[str] = set()

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
            self.unalignable.add(batch.ids[item])
            _LOG.warning(
                "%s: %d symbols do not fit into %d output frames; left out of this step (%d such recordings so far)",
                batch.ids[item],
                len(batch.targets[item]),
                int(lengths[item]),
                len(self.unalignable),
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
    export_speech(task.model, folder, name=name, card=card)
    return f"{folder}: WER {100 * figures['wer']:.2f} %, CER {100 * figures['cer']:.2f} %, {size_mb:.1f} MB"
