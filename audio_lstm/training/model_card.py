"""The card of a finished model: one form for all of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import nn

from audio_lstm.checkpoint import write_card
from audio_lstm.training.loop import TrainResult

__all__ = ["Card"]


@dataclass(frozen=True)
class Card:
    """What a recipe says of the model that it has trained."""

    name: str
    purpose: str  # what it does, and what it was trained on: a sentence or two
    notes: str  # the end of the card, Markdown: licences and limits
    result: TrainResult  # how the training ended

    def write(self, folder: Path, module: nn.Module, figures: Mapping[str, str], *, tables: str = "") -> str:
        """Put the card into a model folder.

        Args:
            folder: The finished model.
            module: The model in torch.
            figures: What was measured: what it is, and its value with the unit.
            tables: Further Markdown to stand before the figures.

        Returns:
            How large its graphs are, for the recipe's last line.
        """
        graphs = sorted(folder.glob("*.onnx"))
        n_bytes = sum(file.stat().st_size for file in graphs)
        size = f"{n_bytes / 1e6:.{1 if n_bytes >= 1e6 else 2}f} MB"
        facts = {
            **figures,
            "parameters": f"{sum(parameter.numel() for parameter in module.parameters()) / 1e6:.2f} M",
            " and ".join(file.name for file in graphs): size,
            "training steps": str(self.result.step),
        }
        rows = "\n".join(f"| {fact} | {value} |" for fact, value in facts.items())
        head = f"# {self.name}\n\n{self.purpose}\n\n" + (f"{tables}\n\n" if tables else "")
        write_card(folder, f"{head}| | |\n|---|---|\n{rows}\n\n{self.notes}")
        return size
