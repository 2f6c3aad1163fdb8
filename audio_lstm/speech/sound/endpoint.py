"""When speech begins and ends: chances of speech, one every 20 ms -> phrases, with the pauses between them left out."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from audio_lstm.errors import ConfigError

__all__ = ["EndpointConfig", "Endpointer", "PhraseEvent"]

_RECENT_FRAMES = 10  # 0.2 s, over which evidence is gathered


@dataclass(frozen=True)
class EndpointConfig:
    """The rules. Times are rounded to the detector's frames of 20 ms."""

    begin_frames: float = 4.0  # a phrase begins once the chances of the last 0.2 s add up to so many frames
    lookback_s: float = 0.5  # and so long before the first of them: the soft beginnings of words
    speech_chance: float = 0.35  # a frame of at least this chance keeps a phrase going
    pause_s: float = 0.8  # without such a frame for so long, the phrase has ended; shorter pauses do not part
    margin_s: float = 0.4  # kept after the last such frame: the soft ends of words, and a late model's last letters

    def __post_init__(self) -> None:
        if not 0 < self.begin_frames <= _RECENT_FRAMES:
            raise ConfigError(f"begin_frames must lie in (0, {_RECENT_FRAMES}], got {self.begin_frames}")
        if not 0 < self.speech_chance < 1:
            raise ConfigError(f"speech_chance must lie between 0 and 1, got {self.speech_chance}")
        if not 0 <= self.lookback_s <= 2:
            raise ConfigError(f"lookback_s must lie in 0..2, got {self.lookback_s}")
        if not 0.1 <= self.margin_s <= self.pause_s <= 10:
            raise ConfigError(
                f"expected 0.1 <= margin_s <= pause_s <= 10, got margin_s={self.margin_s}, pause_s={self.pause_s}"
            )


@dataclass(frozen=True)
class PhraseEvent:
    """What a frame made known, in frames from the start of the stream."""

    begin: int | None = None  # a phrase has begun here
    end: int | None = None  # the phrase has ended here, exclusive


class Endpointer:
    """Follows the chances of speech, one frame after the other; remembers 0.2 s."""

    def __init__(self, config: EndpointConfig, frame_s: float) -> None:
        """Start before the first frame.

        Args:
            config: The rules.
            frame_s: Length of a frame in seconds.
        """
        self._config = config
        self._lookback = round(config.lookback_s / frame_s)
        self._pause = max(1, round(config.pause_s / frame_s))
        self._margin = round(config.margin_s / frame_s)
        self._recent: deque[float] = deque(maxlen=_RECENT_FRAMES)
        self._n_frames = 0
        self._last_speech = -1
        self._last_end = 0
        self.in_phrase = False
        self.evidence = 0.0  # what the chances added up to when the last phrase began

    @property
    def ready(self) -> int:
        """Up to which frame, exclusive, sound certainly belongs to the phrase; meaningless outside of one."""
        return min(self._n_frames, self._last_speech + 1 + self._margin)

    @property
    def planned_end(self) -> int:
        """Where the phrase ends if nothing more is said; it may lie ahead."""
        return self._last_speech + 1 + self._margin

    @property
    def silent_frames(self) -> int:
        """Frames since the last one of speech."""
        return self._n_frames - 1 - self._last_speech

    @property
    def keep_from(self) -> int:
        """The earliest frame that a phrase may still begin at, outside of one."""
        return max(self._last_end, self._n_frames - len(self._recent) - self._lookback)

    def advance(self, chance: float) -> PhraseEvent | None:
        """Take the next frame.

        Args:
            chance: Of speech, 0..1.

        Returns:
            What it made known, if anything.
        """
        self._recent.append(chance)
        self._n_frames += 1
        if self.in_phrase:
            if chance >= self._config.speech_chance:
                self._last_speech = self._n_frames - 1
            if self.silent_frames < self._pause:
                return None
            self.in_phrase = False
            self._recent.clear()
            self._last_end = self.planned_end
            return PhraseEvent(end=self.planned_end)
        if sum(self._recent) < self._config.begin_frames:
            return None
        self.in_phrase = True
        self._last_speech = self._n_frames - 1
        self.evidence = sum(self._recent)
        likely = min(max(self._recent), self._config.speech_chance)
        first = next(place for place, value in enumerate(self._recent) if value >= likely)
        return PhraseEvent(begin=max(self._last_end, self._n_frames - len(self._recent) + first - self._lookback))

    def finish(self) -> PhraseEvent | None:
        """End the stream.

        Returns:
            The end of the phrase, if one is open; it may lie after the last frame.
        """
        if not self.in_phrase:
            return None
        self.in_phrase = False
        self._last_end = self.planned_end
        return PhraseEvent(end=self.planned_end)
