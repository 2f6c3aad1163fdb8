"""The character language model in torch: ids -> embedding -> LSTM backbone -> log-probabilities of the next character.

log_probs, state = CharLMModel(config)(symbols, lengths, state)
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from audio_lstm.backbone import LSTMBackbone, LSTMState
from audio_lstm.speech.words.char_lm import CharLMConfig

__all__ = ["CharLMModel"]


class CharLMModel(nn.Module):
    """Ids (batch, time, 1) in, natural log-probabilities (batch, time, n_outputs) out."""

    def __init__(self, config: CharLMConfig) -> None:
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(config.n_outputs, config.lstm.input_size)
        self.backbone = LSTMBackbone(config.lstm)
        self.head = nn.Linear(config.lstm.output_size, config.n_outputs)

    def forward(
        self, symbols: Tensor, lengths: Tensor | None = None, state: LSTMState | None = None
    ) -> tuple[Tensor, LSTMState]:
        """Predict the next character at every step.

        Args:
            symbols: Ids (batch, time, 1), int64: a text with the boundary before it (`pad_texts`).
            lengths: Valid steps per item (batch,); None means all. Only the state after an item's last step needs
                them, as padding comes after a text.
            state: Where the previous stretch ended; None starts a text.

        Returns:
            Natural log-probabilities (batch, time, n_outputs) in float32, and the state for the next stretch.

        Raises:
            ValueError: If symbols have another shape.
        """
        if symbols.ndim != 3 or symbols.shape[2] != 1:
            raise ValueError(f"expected symbols of shape (batch, time, 1), got {tuple(symbols.shape)}")
        y, state = self.backbone(self.embedding(symbols[:, :, 0]), lengths, state)  # (B, T, H)
        return torch.log_softmax(self.head(y).float(), dim=-1), state

    @staticmethod
    def state_from_tensors(tensors: tuple[Tensor, ...]) -> LSTMState:
        """The state again from its tensors in order: hidden, cell."""
        return LSTMState(*tensors)
