"""A small room: a stereo impulse response of early echoes and a soft tail, convolved block by block."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["Room", "room_response"]

DECAY_S = 0.9  # until the tail has fallen by 60 dB: a chamber-music room
_PREDELAY_S = 0.012
_EARLY_S = ((0.0091, 0.0113), (0.0167, 0.0149), (0.0241, 0.0269), (0.0353, 0.0331))  # left, right
_TAIL_LEVEL = 0.30


def room_response(sample_rate: int) -> NDArray[np.float32]:
    """What the room adds to a click.

    Args:
        sample_rate: in Hz.

    Returns:
        (2, n) left and right, without the direct sound; the power of each channel is `_TAIL_LEVEL` squared.
    """
    n_samples = int((DECAY_S + _PREDELAY_S) * sample_rate)
    time = np.arange(n_samples) / sample_rate
    noise = np.random.default_rng(20).normal(size=(2, n_samples))
    # High frequencies are swallowed faster: three bands, each with its own decay.
    spectrum = np.fft.rfft(noise, axis=1)
    hz = np.fft.rfftfreq(n_samples, 1 / sample_rate)
    tail = np.zeros((2, n_samples))
    for low, high, decay_s in ((120, 900, DECAY_S), (900, 3500, 0.75 * DECAY_S), (3500, 9000, 0.45 * DECAY_S)):
        band = 1.0 / np.sqrt((1.0 + (low / np.maximum(hz, 1.0)) ** 4) * (1.0 + (hz / high) ** 4))
        tail += np.fft.irfft(spectrum * band, n_samples, axis=1) * 10.0 ** (-3.0 * time / decay_s)
    tail[:, time < _PREDELAY_S] = 0.0
    tail *= _TAIL_LEVEL / np.sqrt((tail**2).sum(axis=1, keepdims=True))
    for number, delays in enumerate(_EARLY_S):
        for channel, delay_s in enumerate(delays):
            tail[channel, int(delay_s * sample_rate)] += 0.10 * 0.8**number
    return tail.astype(np.float32)


class Room:
    """Adds the room to a stereo sound that comes in blocks; the tail is carried on.

    Args:
        sample_rate: in Hz.
        block_samples: the length of every block.
    """

    def __init__(self, sample_rate: int, block_samples: int) -> None:
        response = room_response(sample_rate)
        self._size = 1 << (block_samples + response.shape[1] - 1).bit_length()
        self._spectrum = np.fft.rfft(response, self._size, axis=1)
        self._carried = np.zeros((2, self._size), np.float32)
        self.tail_samples = response.shape[1]

    def add(self, block: NDArray[np.float32]) -> NDArray[np.float32]:
        """The block with the room's answer to it and to what came before.

        Args:
            block: (2, block_samples).

        Returns:
            The same shape.
        """
        n_samples = block.shape[1]
        wet = np.fft.irfft(np.fft.rfft(block, self._size, axis=1) * self._spectrum, self._size, axis=1)
        self._carried += wet.astype(np.float32)
        result = block + self._carried[:, :n_samples]
        self._carried = np.concatenate([self._carried[:, n_samples:], np.zeros((2, n_samples), np.float32)], axis=1)
        return result
