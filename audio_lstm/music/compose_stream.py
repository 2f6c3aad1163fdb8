"""`compose_stream`: notes as they are made, faster than they are played, to be stopped at any time.

    stream = audio_lstm.compose_stream(model="lieder", key="D minor", seed=1)
    for note in stream:
        play(note)                      # start_s, duration_s, pitch, velocity, part
        if enough:
            break
    stream.finish().save("so-far.mid")  # whatever has been written is a piece

The model's state does not grow, nor does the cost of a step: recipes/benchmarks/composing.py prints it.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Unpack, cast

import numpy as np

from audio_lstm.music.compose import ComposeOptions, finished_piece, make_request
from audio_lstm.music.composition import Composition
from audio_lstm.music.models.composer import Composer
from audio_lstm.music.request.primer import Primer
from audio_lstm.music.request.starting import pitched_parts
from audio_lstm.music.score.score import Track
from audio_lstm.music.score.voices import N_VOICES, STEPS_PER_QUARTER, VOICES
from audio_lstm.music.tokens.chorale import FIRST_PITCH, ChoraleGrid
from audio_lstm.music.tokens.event_cursor import EventCursor, EventPiece
from audio_lstm.music.tokens.event_grammar import Kind
from audio_lstm.music.tokens.events import EventVocabulary
from audio_lstm.music.tokens.representation import START
from audio_lstm.music.writing.choose import SamplingConfig
from audio_lstm.music.writing.chorale_plan import ChoralePlan
from audio_lstm.music.writing.sample import write_steps
from audio_lstm.music.writing.start_given import opening_in_parts
from audio_lstm.music.writing.writing import CHORALE_BPM, Request, beginning_of, make_writer

__all__ = ["CompositionStream", "NoteEvent", "compose_stream"]

_VELOCITY = 80  # of chorales, as in their scores
_DEFAULT_US = 500_000  # a quarter at 120, before the first tempo is known


@dataclass(frozen=True)
class NoteEvent:
    """A note of a piece that is being written."""

    start_s: float  # from the beginning of the piece
    duration_s: float
    pitch: int  # MIDI note number
    velocity: int  # 1..127
    part: int  # index into Score.tracks


def compose_stream(
    *,
    model: str | os.PathLike[str] | Composer | None = None,
    seed: int | None = None,
    sampling: SamplingConfig | None = None,
    device: str = "cpu",
    **options: Unpack[ComposeOptions],
) -> CompositionStream:
    """Begin a piece whose notes come one by one; the options are those of `compose`.

    Examples:
        >>> import audio_lstm
        >>> stream = audio_lstm.compose_stream(seed=1, bars=8)
        >>> first = next(stream)

    Args:
        model: As for `compose`.
        seed: As for `compose`.
        sampling: As for `compose`; best_of and beam_size do not apply, as what has been told cannot be taken back.
        device: As for `compose`.
        **options: As for `compose`.

    Returns:
        An iterator over notes, with `finish`.

    Raises:
        ConfigError: As for `compose`.
        ModelError: As for `compose`.
        ScoreError: As for `compose`.
    """  # noqa: DOC502 - raised by what it calls
    return CompositionStream(make_request(model=model, seed=seed, sampling=sampling, device=device, options=options))


class CompositionStream(Iterator[NoteEvent]):
    """The notes of a piece in the order in which they are known.

    A note of events is known when it begins, with its length; one of a chorale when it ends.
    """

    def __init__(self, request: Request) -> None:
        """Begins a piece; `compose_stream` does so too.

        Args:
            request: What is asked for.
        """
        self._request = request
        self._writer = make_writer(request, 1)
        self._tokens: list[int] = []
        self._ready: deque[NoteEvent] = deque()
        self._told = 0
        primer = request.start.primer if request.start else None
        self._shift_s = 0.0  # from the times that the model counts to those of the piece
        if primer is not None:
            before = primer.opening.stop_ticks if primer.opening else 0
            self._shift_s = (before - primer.lead_ticks) * 60 / (primer.score.ticks_per_quarter * primer.tempo_bpm)
            self._ready.extend(self._opening_notes(primer))
        self._listener: _EventListener | _ChoraleListener
        representation, cursor = request.composer.representation, self._writer.cursor
        if isinstance(cursor, EventCursor):
            self._listener = _EventListener(request, cast(EventVocabulary, representation), cursor.pieces[0])
        else:
            self._listener = _ChoraleListener(request, cast(ChoraleGrid, representation))
        beginning = beginning_of(request)
        for token in beginning.tolist():  # the model reads it in one go, and draws no luck for it
            self._writer.push([token])
            self._hear(token)
        self._steps = write_steps(
            request.composer.step,
            self._writer,
            generators=[np.random.default_rng([request.seed, 0])],
            config=request.limited(),
            state=request.composer.read(beginning, 1),
        )

    def __iter__(self) -> CompositionStream:
        """The stream itself: it goes on where it was left."""
        return self

    def __next__(self) -> NoteEvent:
        """The next note; StopIteration at the end of the piece."""
        while not self._ready:
            self._write()
        self._told += 1
        return self._ready.popleft()

    @property
    def n_tokens(self) -> int:
        """How many tokens have been written."""
        return len(self._tokens)

    def finish(self) -> Composition:
        """Stop here: the piece as far as it has been written.

        Returns:
            A well-formed piece; where there is no note yet, it goes on to the first one. Its report says which wishes
            a piece broken off cannot keep. The stream can go on afterwards.
        """
        while not self._listener.has_sound:
            try:
                self._write()
            except StopIteration:
                break
        tokens = np.array(self._tokens, np.int64)
        return finished_piece(self._request, 0, tokens, nats=float(self._request.composer.costs(tokens).sum()))

    def _write(self) -> None:
        _, (token,) = next(self._steps)
        self._hear(token)

    def _hear(self, token: int) -> None:
        self._tokens.append(token)
        notes = self._listener.hear(token)
        if self._shift_s:
            notes = (replace(note, start_s=max(0.0, note.start_s + self._shift_s)) for note in notes)
        self._ready.extend(notes)

    def _opening_notes(self, primer: Primer) -> Iterator[NoteEvent]:
        plan = self._request.plan()
        voices = isinstance(plan, ChoralePlan)
        n_drums = len(np.unique(primer.score.notes["track"])) - len(pitched_parts(primer.score))
        n_parts = N_VOICES + n_drums if isinstance(plan, ChoralePlan) else len(plan.parts)
        tick_s = 60 / (primer.score.ticks_per_quarter * primer.tempo_bpm)
        for note in opening_in_parts(primer, (Track(),) * n_parts, voices=voices).notes.tolist():
            start, length, pitch, velocity, part = note
            yield NoteEvent(start * tick_s, length * tick_s, pitch, velocity, part)


class _EventListener:
    """Turns events into notes in seconds."""

    def __init__(self, request: Request, vocabulary: EventVocabulary, piece: EventPiece) -> None:
        self._vocabulary, self._piece = vocabulary, piece
        self._fixed_bpm = request.wishes.tempo_bpm
        self._us = 60e6 / self._fixed_bpm if self._fixed_bpm else float(_DEFAULT_US)  # a quarter
        self._since = (0, 0.0)  # tick and second of the last change of tempo
        self._note = (0, 0)  # pitch and velocity
        self.has_sound = False

    def hear(self, token: int) -> Iterator[NoteEvent]:
        """The note that this token completes, if it does."""
        layout = self._vocabulary.layout
        kind, value = int(layout.kind_of[token]), int(layout.value_of[token])
        if kind in (Kind.PITCH, Kind.DRUM):
            self._note = (value, 0)
        elif kind == Kind.VELOCITY:
            self._note = (self._note[0], self._vocabulary.velocities[value])
        elif kind == Kind.TEMPO and not self._fixed_bpm:
            self._since = (self._piece.now, self._seconds(self._piece.now))
            self._us = float(self._vocabulary.tempi[value])
        elif kind == Kind.DURATION:
            self.has_sound = True
            length = self._vocabulary.durations[value] * self._us / (1e6 * self._vocabulary.steps_per_quarter)
            yield NoteEvent(self._seconds(self._piece.now), length, *self._note, self._piece.track)

    def _seconds(self, tick: int) -> float:
        since_tick, since_s = self._since
        return since_s + (tick - since_tick) * self._us / (1e6 * self._vocabulary.steps_per_quarter)


class _ChoraleListener:
    """Turns cells into notes in seconds: each is told when its voice moves on."""

    def __init__(self, request: Request, grid: ChoraleGrid) -> None:
        self._grid = grid
        self._step_s = 60 / ((request.wishes.tempo_bpm or CHORALE_BPM) * STEPS_PER_QUARTER)
        self._n_cells = 0
        self._voices = [(START, 0)] * N_VOICES  # in the order of writing: what each sings, and since which step

    @property
    def has_sound(self) -> bool:
        """Whether there is a whole step."""
        return self._n_cells >= N_VOICES

    def hear(self, token: int) -> Iterator[NoteEvent]:
        """The notes that this cell ends."""
        step, voice = divmod(self._n_cells, N_VOICES)
        if token < FIRST_PITCH - 1:  # the end: all voices
            for number, (held, since) in enumerate(self._voices):
                yield from self._note(number, held, since, step)
            return
        held, since = self._voices[voice]
        if token != held:
            yield from self._note(voice, held, since, step)
            self._voices[voice] = (token, step)
        self._n_cells += 1

    def _note(self, voice: int, held: int, since: int, step: int) -> Iterator[NoteEvent]:
        if held >= FIRST_PITCH:
            part = VOICES.index(self._grid.order[voice])
            pitch = held - FIRST_PITCH + self._grid.low
            yield NoteEvent(since * self._step_s, (step - since) * self._step_s, pitch, _VELOCITY, part)
