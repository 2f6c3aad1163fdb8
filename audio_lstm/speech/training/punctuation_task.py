"""What a recipe for a punctuation model needs: the training task, scores, and the finished model with its card.

A recipe builds a `PunctuationTask`, hands it to `audio_lstm.training.loop.train`, and writes it with
`write_punctuation`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from audio_lstm.checkpoint import ModelFolder, write_card, write_model
from audio_lstm.config import config_to_dict
from audio_lstm.errors import DataError
from audio_lstm.speech.text.punctuation import MARKS, PunctuationConfig, load_writer
from audio_lstm.speech.training.punctuation_data import IGNORED, Corpus, Noise, SpeechFacts, Window
from audio_lstm.speech.training.punctuation_model import PunctuationModel, punctuation_graph
from audio_lstm.speech.training.punctuation_score import Counts, counts, tuned_bias
from audio_lstm.training.batches import bucket_batches, share
from audio_lstm.training.loop import StepLoss, TrainResult
from audio_lstm.training.options import data_fingerprint

__all__ = ["PunctuationTask", "WordBatch", "write_punctuation"]

_SHORTEST, _LONGEST = 20, 100  # words of a window; some windows are a single sentence
_SINGLE = 0.2  # share of windows that are one sentence
_CUT = 0.15  # share of windows that end within a sentence


@dataclass(frozen=True)
class WordBatch:
    """Padded windows."""

    ids: Tensor  # (batch, time, inputs)
    lengths: Tensor  # (batch,)
    marks: Tensor  # (batch, time) IGNORED where padded
    cases: Tensor  # (batch, time) IGNORED where padded
    names: tuple[str, ...]


class PunctuationTask:
    """Data, model, loss and metric of a punctuation model, for audio_lstm.training.loop."""

    def __init__(
        self,
        config: PunctuationConfig,
        *,
        train_text: Corpus,
        dev_text: Corpus,
        facts: SpeechFacts,
        batch_words: int,
        seed: int,
    ) -> None:
        """Build the tables and the model.

        Args:
            config: Of the model.
            train_text: To learn from.
            dev_text: Measured by the evaluations, as it is printed and without pauses.
            facts: What recordings say of pauses and errors.
            batch_words: Padded words that a batch may hold.
            seed: Of the weights, the windows and the order of the batches.

        Raises:
            DataError: If a batch cannot hold the longest window.
        """
        if batch_words < _LONGEST:
            raise DataError(f"batch_words must be at least {_LONGEST}, a window, got {batch_words}")
        self.config, self.seed, self.batch_words = config, seed, batch_words
        self._train, self.dev_text = train_text, dev_text
        self._noise = Noise(train_text, facts, config.n_buckets)
        self._dev_noise = Noise(dev_text, facts, config.n_buckets)
        self.fingerprint = data_fingerprint(
            *([("", len(corpus.words), corpus.words + 100 * corpus.marks)] for corpus in (train_text, dev_text))
        )
        self._epoch: tuple[int, list[tuple[int, int]], list[tuple[int, ...]]] = (-1, [], [])
        torch.manual_seed(seed)
        self.model = PunctuationModel(config)

    def n_batches(self, epoch: int) -> int:
        """How many steps the epoch takes."""
        return len(self._plan(epoch)[1])

    def _plan(self, epoch: int) -> tuple[list[tuple[int, int]], list[tuple[int, ...]]]:
        """The windows of an epoch, and which of them each batch holds."""
        if self._epoch[0] != epoch:
            spans = windows(self._train, np.random.default_rng([self.seed, epoch]))
            sizes = [end - begin for begin, end in spans]
            batches = bucket_batches(sizes, frames_per_batch=self.batch_words, seed=self.seed, epoch=epoch)
            self._epoch = (epoch, spans, batches)
        return self._epoch[1], self._epoch[2]

    def batch(self, epoch: int, index: int, rank: int, world_size: int) -> WordBatch | None:
        """This process's share of a batch."""
        spans, batches = self._plan(epoch)
        numbers = share(batches[index], rank, world_size)
        if not numbers:
            return None
        rng = np.random.default_rng([self.seed, epoch, index, rank])
        return _batch([self._noise.window(*spans[number], rng) for number in numbers])

    def loss(self, batch: WordBatch, carry: tuple[Tensor, ...] | None) -> StepLoss:
        """Cross-entropy of marks and cases, of both outputs, summed over words."""
        log_probs, _ = self.model(batch.ids, batch.lengths)
        nats = torch.zeros((), device=log_probs.device)
        for output in log_probs.split(self.config.n_answers, dim=2):
            marks, cases = output.split([len(MARKS), self.config.n_answers - len(MARKS)], dim=2)
            for answers, wanted in ((marks, batch.marks), (cases, batch.cases)):
                nats = nats + torch.nn.functional.nll_loss(
                    answers.flatten(0, 1), wanted.flatten(), ignore_index=IGNORED, reduction="sum"
                )
        return StepLoss(nats, int(batch.lengths.sum()), item_ids=batch.names)

    def answers(self) -> list[tuple[Window, NDArray[np.float32]]]:
        """What the torch model says of the development text (windows as long as at run time, no pauses)."""
        device = next(self.model.parameters()).device
        rng = np.random.default_rng(self.seed)
        n_words = len(self.dev_text.words)
        spans = [(first, min(first + 250, n_words)) for first in range(0, n_words, 250)]
        found = []
        for first in range(0, len(spans), 16):
            items = [
                self._dev_noise.window(*span, rng, errors=False, pauses=False) for span in spans[first : first + 16]
            ]
            batch = _batch(items)
            with torch.no_grad():
                log_probs, _ = self.model(batch.ids.to(device), batch.lengths.to(device))
            rows = log_probs.float().cpu().numpy()
            found += [(item, row[: len(item.marks)]) for item, row in zip(items, rows, strict=True)]
        return found

    def counted(self, *, live: bool = False, bias: Sequence[float] | None = None) -> Counts:
        """How often the answers for the development text are right.

        Args:
            live: Of the causal output.
            bias: Of the marks; None: the configuration's.

        Returns:
            The counts.
        """
        first = self.config.n_answers if live else 0
        added = np.asarray(self.config.mark_bias if bias is None else bias, np.float32)
        totals = Counts()
        for window, row in self.answers():
            marks = row[:, first : first + len(MARKS)] + added
            cases = row[:, first + len(MARKS) : first + self.config.n_answers].argmax(axis=1)
            totals = totals + counts(window, marks, cases)
        return totals

    def evaluate(self) -> dict[str, float]:
        """1 - the mean F1 of sentence ends, commas, question marks and capitals, of both outputs."""
        values: dict[str, float] = {}
        scores = []
        for name, live in (("", False), ("live_", True)):
            found = self.counted(live=live).f1()
            values |= {f"{name}{key}": value for key, value in found.items()}
            scores.append(np.mean([found[key] for key in ("end", "comma", "question", "capital")]))
        return {"score": 1 - float(np.mean(scores)), **values}

    def tuned(self) -> tuple[float, ...]:
        """The bias of the marks with the best F1 on the development text."""
        return tuned_bias([(window, row[:, : len(MARKS)]) for window, row in self.answers()])


def windows(corpus: Corpus, rng: np.random.Generator) -> list[tuple[int, int]]:
    """Cut a corpus into windows that begin with a sentence.

    Args:
        corpus: The text.
        rng: Of the epoch.

    Returns:
        First word and end of each. Together they hold nearly all words; a longer sentence is cut.
    """
    starts = [*corpus.starts.tolist(), len(corpus.words)]
    spans = []
    place = int(rng.integers(0, 3)) if len(starts) > 4 else 0
    while place < len(starts) - 1:
        begin, wanted = starts[place], 1 if rng.random() < _SINGLE else int(rng.integers(_SHORTEST, _LONGEST))
        after = place + 1
        while after < len(starts) - 1 and starts[after] - begin < wanted and starts[after + 1] - begin <= _LONGEST:
            after += 1
        end = min(starts[after], begin + _LONGEST)
        if rng.random() < _CUT and end - begin > 4:
            end = begin + int(rng.integers((end - begin) // 2, end - begin))
        spans.append((begin, end))
        place = after
    return spans


def write_punctuation(
    task: PunctuationTask, folder: Path, *, name: str, trained_on: str, notes: str, result: TrainResult
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
    task.model.eval()
    config = replace(task.config, mark_bias=task.tuned())
    found = task.counted(bias=config.mark_bias).f1()
    live = task.counted(live=True, bias=config.mark_bias).f1()
    header = ModelFolder(Path(folder), "punctuation", name, config_to_dict(config), {})
    write_model(folder, header, module=task.model, graph=punctuation_graph(task.model), card=f"# {name}\n", half=True)
    load_writer(folder)
    size_mb = (folder / "model.onnx").stat().st_size / 1e6
    n_parameters = sum(parameter.numel() for parameter in task.model.parameters())
    rows = "\n".join(f"| {key} | {found[key]:.3f} | {live[key]:.3f} |" for key in found)
    card = f"""# {name}

A small LSTM that gives heard words their punctuation and capitals, trained on {trained_on}.

F1 on the held-out development text, text alone:

| | finished text | live, {config.look_ahead} words late |
|---|---|---|
{rows}

{len(task.dev_text.words)} words; {n_parameters / 1e6:.2f} M parameters; model.onnx {size_mb:.1f} MB;
{result.step} training steps.

{notes}"""
    write_card(folder, card)
    return f"{folder}: F1 of ends {found['end']:.3f}, commas {found['comma']:.3f}, {size_mb:.1f} MB"


def _batch(items: Sequence[Window]) -> WordBatch:
    lengths = np.array([len(item.marks) for item in items])
    n, longest = len(items), int(lengths.max())
    ids = np.zeros((n, longest, items[0].ids.shape[1]), np.int64)
    marks, cases = np.full((2, n, longest), IGNORED, np.int64)
    for row, item in enumerate(items):
        ids[row, : len(item.marks)] = item.ids
        marks[row, : len(item.marks)] = item.marks
        cases[row, : len(item.marks)] = item.cases
    names = tuple(f"window {number}" for number in range(n))
    tensors = [torch.from_numpy(array) for array in (ids, lengths, marks, cases)]
    return WordBatch(tensors[0], tensors[1], tensors[2], tensors[3], names)
