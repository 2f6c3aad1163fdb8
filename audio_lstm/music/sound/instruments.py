"""Tones with envelopes: a track's program and a pitch -> any stretch of the sound of a note."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from audio_lstm.music.score.score import Track
from audio_lstm.music.sound.drums import drum_of, drum_sound
from audio_lstm.music.sound.patches import Patch, Struck, Sustained, patch_of
from audio_lstm.music.sound.tones import (
    cycle_table,
    damped_partials,
    ensemble_loop,
    formant_gain,
    pitch_to_hz,
    read_table,
)

__all__ = ["Instruments", "Tone", "note_gain"]

MAX_STRUCK_S = 12.0  # a string that nobody stops is faded out by then
_RMS = 0.1  # of a tone at full velocity, over its first quarter of a second
_MEASURED_S = 0.25
_RELEASES = 7.0  # decay constants until a released note has gone: -61 dB
_CACHE_BYTES = 256 << 20
_STRUCK_ATTACK_S = 0.0015
_SHIFT = 0x9E3779B1  # Knuth's multiplicative hash: where in their loop the players of a note begin


@dataclass(frozen=True, eq=False)
class Tone:
    """One pitch of one instrument, ready to be played."""

    data: NDArray[np.float32]  # struck: (2, n) soft and hard; soloist: (2, table); ensemble: (2, loop); drum: (1, n)
    patch: Patch | None  # None for drums
    hz: float  # fundamental; 0 for drums
    sample_rate: int
    attack_samples: int
    release_samples: float  # to 1/e after the key is let go; infinite where nothing stops it
    pan: float  # its own place, -1 left .. 1 right, besides its track's

    def end(self, held_samples: int) -> int:
        """How many samples a note sounds that is held for `held_samples`."""
        natural = None if isinstance(self.patch, Sustained) else self.data.shape[1]
        if not np.isfinite(self.release_samples):
            return natural or held_samples
        released = held_samples + int(_RELEASES * self.release_samples)
        return released if natural is None else min(natural, released)

    def play(self, velocity: int, span: tuple[int, int], held_samples: int, *, index: int = 0) -> NDArray[np.float32]:
        """A stretch of a note, at the loudness of its velocity.

        Args:
            velocity: 1..127.
            span: first sample and the one after the last, from the note's start.
            held_samples: when the key is let go.
            index: of the note, so that no two ensembles play in lockstep.

        Returns:
            (channels, n): one channel, or two of an ensemble.
        """
        sound = self._plain(velocity, span, index)
        envelope = self._envelope(span, held_samples)
        if envelope is not None:
            sound = sound * envelope
        return sound * np.float32(note_gain(velocity))

    def _plain(self, velocity: int, span: tuple[int, int], index: int) -> NDArray[np.float32]:
        first, end = span
        if self.patch is None:
            return self.data[:, first:end]
        hard = np.float32((velocity / 127.0) ** 1.5)
        if isinstance(self.patch, Struck):
            soft, bright = self.data[:, first:end]
            return np.asarray((1 - hard) * soft + hard * bright, np.float32)[None]
        if self.patch.width_cents:
            loop_size = self.data.shape[1]
            offset = (index * _SHIFT) % loop_size
            return np.take(self.data, np.arange(first + offset, end + offset), axis=1, mode="wrap")
        table = (1 - hard) * self.data[0] + hard * self.data[1]
        vibrato_hz = self.patch.vibrato_hz * (1.0 + 0.06 * (index * 0.618 % 1.0 - 0.5))
        return read_table(
            table,
            self.hz,
            span,
            sample_rate=self.sample_rate,
            vibrato_hz=vibrato_hz,
            vibrato_cents=self.patch.vibrato_cents,
        )[None]

    def _envelope(self, span: tuple[int, int], held_samples: int) -> NDArray[np.float32] | None:
        first, end = span
        if first >= self.attack_samples and (end <= held_samples or not np.isfinite(self.release_samples)):
            return None
        envelope = np.ones(end - first, np.float32)
        n_rising = min(self.attack_samples, end) - first
        if n_rising > 0:
            rise = (np.arange(first, first + n_rising) + 0.5) / self.attack_samples
            envelope[:n_rising] = 0.5 - 0.5 * np.cos(np.pi * rise)
        if end > held_samples and np.isfinite(self.release_samples):
            from_here = max(held_samples, first)
            late = np.arange(from_here - held_samples, end - held_samples, dtype=np.float32)
            late /= np.float32(max(self.release_samples, 1.0))
            envelope[from_here - first :] *= np.exp(-late) * np.maximum(1 - late / np.float32(_RELEASES), 0)
        return envelope


def note_gain(velocity: int) -> float:
    """The amplitude of a velocity; 127 is 1, and half of it is 10 dB less, near General MIDI's square law."""
    return float((velocity / 127.0) ** 1.7)


class Instruments:
    """Tones by program and pitch; the most recent ones are kept, in bounded memory.

    Args:
        sample_rate: in Hz.
    """

    def __init__(self, sample_rate: int) -> None:
        self._sample_rate = sample_rate
        self._tones: OrderedDict[tuple[bool, int, int], Tone] = OrderedDict()
        self._n_bytes = 0

    def tone(self, track: Track, pitch: int, longest_s: float) -> Tone:
        """A tone, made or remembered.

        Args:
            track: says which instrument.
            pitch: MIDI pitch, or key of the drum map.
            longest_s: the longest time that a note of it is held in the piece; the same in every call.

        Returns:
            The tone.
        """
        key = (track.is_drum, 0 if track.is_drum else track.program, pitch)
        if key in self._tones:
            self._tones.move_to_end(key)
            return self._tones[key]
        tone = self._drum(pitch) if track.is_drum else self._pitched(track.program, pitch, longest_s)
        self._tones[key] = tone
        self._n_bytes += tone.data.nbytes
        while self._n_bytes > _CACHE_BYTES and len(self._tones) > 1:
            _, oldest = self._tones.popitem(last=False)
            self._n_bytes -= oldest.data.nbytes
        return tone

    def _drum(self, pitch: int) -> Tone:
        sound = 3.0 * _RMS * drum_sound(pitch, self._sample_rate)
        return Tone(sound[None], None, 0.0, self._sample_rate, 0, np.inf, drum_of(pitch).pan)

    def _pitched(self, program: int, pitch: int, longest_s: float) -> Tone:
        patch, rate = patch_of(program), self._sample_rate
        hz = pitch_to_hz(pitch)
        rng = np.random.default_rng((program, pitch))
        if isinstance(patch, Struck):
            data = _struck_layers(patch, pitch, longest_s, rate, rng)
            attack_s, pan = _STRUCK_ATTACK_S, float(np.clip((pitch - 64) / 40.0, -1.0, 1.0)) * patch.spread
            stopped = pitch < patch.undamped_from
            release_s = patch.release_s * (1.0 + 0.5 * max(0.0, (48 - pitch) / 24.0)) if stopped else np.inf
        else:
            data = _sustained(patch, pitch, rate, rng)
            attack_s, pan, release_s = patch.attack_s, 0.0, patch.release_s
        data = data * np.float32(10.0 ** (patch.level_db / 20.0))
        return Tone(data, patch, hz, rate, max(1, round(attack_s * rate)), release_s * rate, pan)


def _struck_layers(
    patch: Struck, pitch: int, longest_s: float, sample_rate: int, rng: np.random.Generator
) -> NDArray[np.float32]:
    """(2, n): touched softly and hard, equally loud; until it has died away, or as long as it is needed."""
    hz = pitch_to_hz(pitch)
    decay_s = patch.decay_s * 2.0 ** (-(pitch - 60) / patch.halving_semitones)
    slowest_s = decay_s * (1.8 if patch.beating_cents else 1.0)
    stopped = pitch < patch.undamped_from
    needed_s = longest_s + 1.5 * _RELEASES * patch.release_s if stopped else MAX_STRUCK_S
    length_s = min(_RELEASES * slowest_s, MAX_STRUCK_S, needed_s)
    n_samples = max(64, int(length_s * sample_rate))
    frequencies, levels = _struck_partials(patch, pitch, hz)
    order = frequencies / hz
    decays = 1.0 / ((1.0 + patch.damping * (order - 1.0)) / decay_s + 6.0 * (frequencies / 6000.0) ** 2)
    decays = np.maximum(decays, 0.004)
    layers = np.stack(
        [levels * np.exp(-(frequencies - hz) / brightness) for brightness in (patch.soft_hz, patch.hard_hz)]
    )
    phases = rng.uniform(0, 2 * np.pi, len(frequencies))
    if patch.beating_cents:  # two strings: together at first, then each on its own, slightly apart
        apart = 2.0 ** (rng.uniform(0.5, 1.0) * patch.beating_cents / 1200.0)
        frequencies = np.concatenate([frequencies, frequencies * apart])
        decays = np.concatenate([0.45 * decays, 1.8 * decays])
        layers = np.concatenate([0.8 * layers, 0.25 * layers], axis=1)
        phases = np.concatenate([phases, phases])
    sound = damped_partials(frequencies, decays, layers, phases, n_samples=n_samples, sample_rate=sample_rate)
    if patch.thump:
        knock = damped_partials(
            rng.uniform(70.0, 900.0, 20),
            rng.uniform(0.008, 0.04, 20),
            rng.normal(size=(1, 20)) * patch.thump * float(np.abs(layers).sum(axis=1).mean()) / 4.0,
            rng.uniform(0, 2 * np.pi, 20),
            n_samples=min(n_samples, int(0.3 * sample_rate)),
            sample_rate=sample_rate,
        )
        sound[:, : knock.shape[1]] += knock * np.array([[0.5], [1.0]], np.float32)
    sound *= _RMS / np.maximum(_rms(sound, sample_rate), 1e-6)
    n_faded = min(n_samples, int(0.05 * sample_rate))
    sound[:, n_samples - n_faded :] *= np.linspace(1, 0, n_faded, dtype=np.float32)
    return sound


def _struck_partials(patch: Struck, pitch: int, hz: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Where the partials lie, and how strong they are at the source."""
    if patch.ratios:
        return hz * np.array(patch.ratios), np.array(patch.levels)
    order = np.arange(1.0, patch.n_partials + 1)
    # Stiffness doubles about every 13 semitones in the treble; wound bass strings have little (Fletcher 1964).
    stiffness = patch.stiffness * 2.0 ** (max(pitch - 60, -24) / 13.0)
    frequencies = hz * order * np.sqrt((1 + stiffness * order**2) / (1 + stiffness))
    levels = (0.05 + np.abs(np.sin(np.pi * order * patch.position))) * order**-patch.slope
    if pitch < 40:  # the soundboard radiates little below 80 Hz
        levels *= 1.0 / (1.0 + (70.0 / frequencies) ** 2)
    return frequencies, levels


def _sustained(patch: Sustained, pitch: int, sample_rate: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """(2, n): tables of a soloist played softly and loud, or the two channels of an ensemble's loop."""
    hz = pitch_to_hz(pitch)
    order = np.arange(1.0, (len(patch.harmonics) or min(400, int(16_000 / hz) + 1)) + 1)
    levels = np.array(patch.harmonics) if patch.harmonics else order**-patch.slope
    levels = levels * np.where(order % 2 == 0, patch.even, 1.0)
    if patch.formants:
        rise = 1.0 + patch.formant_rise * float(np.clip((pitch - 52) / 16.0, 0.0, 1.0))
        formants = tuple((rise * centre, width, gain) for centre, width, gain in patch.formants)
        levels = levels * formant_gain(order * hz, formants)
    soft, hard = (levels * np.exp(-(order - 1) * hz / brightness) for brightness in (patch.soft_hz, patch.hard_hz))
    if patch.width_cents:
        loop = ensemble_loop((soft + hard) / 2.0, hz, width_cents=patch.width_cents, sample_rate=sample_rate, rng=rng)
        return np.float32(_RMS) * loop
    tables = [cycle_table(amplitudes, hz, sample_rate) for amplitudes in (soft, hard)]
    return np.float32(_RMS) * np.stack(tables)


def _rms(sound: NDArray[np.float32], sample_rate: int) -> NDArray[np.float32]:
    start = sound[:, : int(_MEASURED_S * sample_rate)]
    return np.asarray(np.sqrt(np.mean(start**2, axis=1, keepdims=True)))
