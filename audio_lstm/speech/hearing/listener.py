"""The one engine of files and of live sound: samples -> phrases -> log-probabilities -> utterances to be decoded.

    listener = Listener(recogniser)
    for block in blocks:
        for heard in listener.feed(block): ...     # utterances that have ended
    for heard in listener.finish(): ...

What comes out does not depend on how the samples are cut. Memory is bounded: by the longest utterance, 30 s.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from audio_lstm.speech.acoustic.config import SUBSAMPLING
from audio_lstm.speech.ctc.decode import greedy
from audio_lstm.speech.ctc.timing import LEVEL_RATE, powers
from audio_lstm.speech.hearing.acoustics import PhraseAcoustics, StreamedPhrase, streams
from audio_lstm.speech.hearing.recogniser import SpeechRecogniser
from audio_lstm.speech.hearing.windows import WindowedPhrase
from audio_lstm.speech.sound.endpoint import EndpointConfig, Endpointer
from audio_lstm.speech.sound.offset import OffsetFilter
from audio_lstm.speech.sound.vad import SpeechDetector
from audio_lstm.speech.text.alphabet import BLANK, Alphabet

__all__ = ["Heard", "Listener", "ListenerConfig", "cut_frame", "pause_frames"]

_STREAM_MARGIN_S = 0.6  # kept after speech for a model that streams: it writes its letters late
_BLOCK_FRAMES = 8  # decisions between two looks at the phrase
_UNIT_FRAMES = 2  # that a model which streams hears together: words come as soon as they can
_LEAST_SHARE = 0.25  # of a short recording that must be speech
_SPACE_CHANCE = 0.9  # that two words part at a pause


@dataclass(frozen=True)
class ListenerConfig:
    """How an utterance is put together."""

    endpoint: EndpointConfig = field(default_factory=EndpointConfig)
    # Phrases with a shorter pause between them are decoded as one; None: 1.6 s where the model hears whole phrases,
    # none where it streams, so that live words are final at the first pause.
    join_pause_s: float | None = None
    longest_s: float = 30.0  # a longer utterance is cut between two words
    # An utterance whose chances of speech add up to less than so many frames of 20 ms is none: notes and clicks come to
    # a few tenths of a second now and then, single words (an4.dev, cv13.dev, so762.dev) to 0.8 s and more.
    least_evidence_frames: float = 24.0


@dataclass(frozen=True, eq=False)
class Heard:
    """What the model made of an utterance, or of its beginning, before it becomes words."""

    start_sample: int  # at the model's sample rate, from the start of the stream
    stop_sample: int  # exclusive; may lie after the end of the stream
    log_probs: NDArray[np.float32]  # (frames, n_columns) of letters, then of phonemes if the model has them; no gaps
    powers: NDArray[np.float64]  # (hundredths of a second,) of the sound from its start, NaN in pauses between phrases

    def later(self, n_samples: int) -> Heard:
        """The same in a stream that began so many samples earlier."""
        if not n_samples:
            return self
        return replace(self, start_sample=self.start_sample + n_samples, stop_sample=self.stop_sample + n_samples)


class _Unit(NamedTuple):
    """A stretch of a phrase that the model has been given, perhaps before the detector has judged it."""

    stop: int  # sample, exclusive
    log_probs: NDArray[np.float32]  # what became known with it, often nothing
    powers: NDArray[np.float64]


class Listener:
    """Follows a stream; keeps the phrase that is being spoken and the utterance that it belongs to."""

    def __init__(self, recogniser: SpeechRecogniser, config: ListenerConfig | None = None) -> None:
        """Start before the first sample.

        Args:
            recogniser: The model.
            config: The rules; None for the recommended ones.
        """
        config = config or ListenerConfig()
        model = recogniser.config
        rate = model.features.sample_rate
        self.streams = streams(model)
        endpoint = config.endpoint
        join_pause_s = config.join_pause_s
        if self.streams:
            margin_s = min(max(endpoint.margin_s, _STREAM_MARGIN_S), endpoint.pause_s)
            endpoint = replace(endpoint, margin_s=margin_s)
        if join_pause_s is None:
            join_pause_s = 0.0 if self.streams or " " not in model.alphabet else 1.6
        self._recogniser = recogniser
        self._offset = OffsetFilter(rate)
        self._detector = SpeechDetector(rate)
        self._frame = self._detector.frame_samples
        self._endpointer = Endpointer(endpoint, self._frame / rate)
        self._join_frames = round(max(join_pause_s, endpoint.pause_s) * rate / self._frame)
        self._grid = SUBSAMPLING * model.features.hop_samples  # samples of an output frame: phrases begin on it
        self._longest = max(1, round(config.longest_s * rate / self._grid))
        self._piece = rate  # a second
        self._samples = np.zeros(0, np.float32)  # that a phrase may still need
        self._first = 0  # the first of them
        self._n_decided = 0  # frames
        self._phrase: PhraseAcoustics | None = None
        self._phrase_first = 0  # its next sample
        # What a phrase is heard in: whatever the blocks that come in, decisions find the same units before them.
        self._unit = (_UNIT_FRAMES if self.streams else _BLOCK_FRAMES) * self._frame
        self._ahead: deque[_Unit] = deque()  # heard, and not yet part of the utterance
        self._utterance: list[NDArray[np.float32]] = []  # log-probabilities
        self._powers: list[NDArray[np.float64]] = []  # of its sound, up to what the model has been given
        self._utterance_start = 0  # sample
        self._evidence = 0.0  # frames of speech in it
        self._least_evidence = config.least_evidence_frames
        self.n_samples = 0

    @property
    def open(self) -> Heard | None:
        """The utterance that has not ended yet, as far as the model has heard it."""
        parts = self._utterance + [unit.log_probs for unit in self._ahead]
        return self._heard(parts, [unit.powers for unit in self._ahead]) if any(map(len, parts)) else None

    @property
    def is_speaking(self) -> bool:
        """Whether a phrase is open."""
        return self._phrase is not None

    @property
    def is_certain(self) -> bool:
        """Whether the open utterance has been found to be speech: otherwise it may still come to nothing."""
        return self._evidence >= self._least_evidence

    def feed(self, samples: NDArray[np.float32]) -> list[Heard]:
        """Take the next samples.

        Args:
            samples: Mono at the model's rate, float32 (n,), finite.

        Returns:
            The utterances that have ended.
        """
        ended: list[Heard] = []
        for start in range(0, len(samples), self._piece):  # so that a long block costs no more memory than a short one
            piece = samples[start : start + self._piece]
            self.n_samples += len(piece)
            ended += self._take(self._offset.feed(piece))
        return ended

    def _take(self, piece: NDArray[np.float32]) -> list[Heard]:
        """The next samples, without their offset."""
        self._samples = np.concatenate([self._samples, piece])
        ended = self._follow(self._detector.feed(piece))
        if self.streams and self._phrase:  # up to its planned end, sound belongs to the phrase in any case
            self._listen(min(self._endpointer.planned_end * self._frame, self._first + len(self._samples)))
        self._forget()
        return ended

    def finish(self) -> list[Heard]:
        """End the stream.

        Returns:
            The last utterances.
        """
        ended = self._take(self._offset.finish()) + self._follow(self._detector.finish())
        event = self._endpointer.finish()
        if event is not None and event.end is not None:
            stop = event.end * self._frame
            if self.streams:  # silence, so that a model that writes its letters late finishes its word
                self._samples = np.pad(self._samples, (0, max(0, stop - self._first - len(self._samples))))
            ended += self._end_phrase(min(stop, self._first + len(self._samples)))
        # A recording that is over before there could be that much evidence is judged by its share.
        self._least_evidence = min(self._least_evidence, _LEAST_SHARE * self._n_decided)
        return ended + self._end_utterance()

    def _follow(self, chances: NDArray[np.float32]) -> list[Heard]:
        ended: list[Heard] = []
        for chance in chances.tolist():
            event = self._endpointer.advance(chance)
            self._n_decided += 1
            self._evidence += chance if self._phrase else 0.0
            if event is not None and event.begin is not None:
                self._begin_phrase(event.begin * self._frame)
                self._evidence += self._endpointer.evidence
            elif event is not None and event.end is not None:
                ended += self._end_phrase(event.end * self._frame)
            if self._phrase is None and self._utterance and self._endpointer.silent_frames >= self._join_frames:
                ended += self._end_utterance()
            if self._n_decided % _BLOCK_FRAMES == 0:
                ended += self._hear(self._endpointer.ready * self._frame) if self._phrase else []
        return ended

    def _begin_phrase(self, start: int) -> None:
        start = start // self._grid * self._grid
        if self._utterance:
            n_frames = sum(map(len, self._utterance))
            gap = max(1, start // self._grid - self._utterance_start // self._grid - n_frames)
            start = self._utterance_start + (n_frames + gap) * self._grid
            self._utterance.append(
                pause_frames(gap, self._recogniser.alphabet, n_columns=self._recogniser.config.n_columns)
            )
            known = np.concatenate(self._powers)[: self._n_powers(n_frames)]
            unheard = np.full(self._n_powers(n_frames + gap) - len(known), np.nan)
            self._powers = [np.concatenate([known, unheard])]
        else:
            self._utterance_start = start
        start = max(start, self._first)
        self._phrase = StreamedPhrase(self._recogniser) if self.streams else WindowedPhrase(self._recogniser)
        self._phrase_first = start

    def _listen(self, stop: int) -> None:
        """Let the model hear the phrase up to a sample, rounded down to whole units."""
        stop = min(stop, self._first + len(self._samples))  # the detector judges the last frame with silence after it
        while self._phrase is not None and self._phrase_first < stop:
            until = (self._phrase_first // self._unit + 1) * self._unit
            if until > stop:
                return
            self._give(self._phrase, until)

    def _give(self, phrase: PhraseAcoustics, until: int) -> None:
        samples = self._samples[self._phrase_first - self._first : until - self._first].copy()
        self._phrase_first += len(samples)
        power = powers(samples, self._recogniser.config.features.sample_rate)
        self._ahead.append(_Unit(until, phrase.feed(samples), power))

    def _hear(self, stop: int) -> list[Heard]:
        """Take the units up to a sample into the utterance; utterances that become too long are cut."""
        self._listen(stop)
        ended: list[Heard] = []
        while self._ahead and self._ahead[0].stop <= stop:
            unit = self._ahead.popleft()
            self._powers.append(unit.powers)
            ended += self._add(unit.log_probs)
        return ended

    def _add(self, log_probs: NDArray[np.float32]) -> list[Heard]:
        if len(log_probs):
            self._utterance.append(log_probs)
        ended: list[Heard] = []
        while sum(map(len, self._utterance)) > self._longest:
            whole = np.concatenate(self._utterance)
            letters = whole[: self._longest, : self._recogniser.config.n_outputs]
            cut = cut_frame(letters, self._recogniser.alphabet)
            if self.is_certain:
                ended.append(self._heard([whole[:cut]]))
            self._utterance = [whole[cut:]]
            self._powers = [np.concatenate(self._powers)[self._n_powers(cut) :]]
            self._utterance_start += cut * self._grid
        return ended

    def _end_phrase(self, stop: int) -> list[Heard]:
        ended = self._hear(stop)
        if self._phrase is not None:
            if self._phrase_first < stop:  # less than a unit
                self._give(self._phrase, stop)
                ended += self._hear(stop)
            ended += self._add(self._phrase.finish())
        self._phrase = None
        return ended

    def _end_utterance(self) -> list[Heard]:
        ended = [self._heard(self._utterance)] if self._utterance and self.is_certain else []
        self._utterance, self._powers, self._evidence = [], [], 0.0
        return ended

    def _forget(self) -> None:
        """Drop the samples that no phrase will need."""
        needed = self._phrase_first if self._phrase else self._endpointer.keep_from * self._frame - self._grid
        n_old = min(max(0, needed - self._first), len(self._samples))
        if n_old:
            self._samples = self._samples[n_old:].copy()
            self._first += n_old

    def _n_powers(self, n_frames: int) -> int:
        """How many powers there are of as many output frames."""
        return round(n_frames * self._recogniser.config.output_frame_s * LEVEL_RATE)

    def _heard(self, parts: list[NDArray[np.float32]], more_powers: Sequence[NDArray[np.float64]] = ()) -> Heard:
        log_probs = np.concatenate(parts)
        stop = self._utterance_start + len(log_probs) * self._grid
        power = np.concatenate([np.zeros(0), *self._powers, *more_powers])[: self._n_powers(len(log_probs))]
        return Heard(self._utterance_start, stop, log_probs, power)


def pause_frames(n: int, alphabet: Alphabet, *, n_columns: int | None = None) -> NDArray[np.float32]:
    """What stands for a pause between two phrases that are decoded together: blanks, and very likely a space.

    Args:
        n: Output frames, at least 1.
        alphabet: Of the model.
        n_columns: Of the model; None: those of the alphabet. The others are blank and phonemes, which only rest.

    Returns:
        Log-probabilities (n, n_columns).
    """
    rest = 1e-6
    chances = np.full((n, alphabet.size), rest / alphabet.size, np.float32)
    chances[:, BLANK] = 1 - rest
    if " " in alphabet:
        space = alphabet.symbols.index(" ") + 1
        chances[n // 2, BLANK] = 1 - _SPACE_CHANCE - rest
        chances[n // 2, space] = _SPACE_CHANCE
    if n_columns is not None and n_columns > alphabet.size:
        sounds = np.full((n, n_columns - alphabet.size), rest / (n_columns - alphabet.size), np.float32)
        sounds[:, BLANK] = 1 - rest
        chances = np.concatenate([chances, sounds], axis=1)
    return np.log(chances)


def cut_frame(log_probs: NDArray[np.float32], alphabet: Alphabet) -> int:
    """Where to part an utterance that is too long: in the widest gap between two words of its second half.

    Args:
        log_probs: (frames, alphabet.size), at least one frame.
        alphabet: Of the model.

    Returns:
        How many frames belong to the first part, at least 1; all of them where no words part.
    """
    n = len(log_probs)
    words = greedy(log_probs, alphabet).words
    edges = [-1, *(word.end_frame for word in words)]
    starts = [*(word.start_frame for word in words), n]
    gaps = [(start - end, end, start) for end, start in zip(edges, starts, strict=True) if (end + start) // 2 >= n // 2]
    inner = [gap for gap in gaps if gap[2] < n] or gaps
    if not inner:
        return n
    _, end, start = max(inner)
    return max(1, math.ceil((end + start) / 2))
