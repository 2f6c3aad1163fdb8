"""How far the word times of `transcribe` and `align` lie from where words begin and end.

    python recipes/quality/word_times.py --data ../shared/speech
    python recipes/quality/word_times.py --model runs/mine/model --manifest mine/dev.jsonl --hour

Two sets whose times are known, neither of which any timing was fitted on (`audio-lstm tune --timing` is for training
data):

- clips: the recordings of a development set in one file, with silence of known length between them. The level of each
  clip says where its first word begins and its last one ends: of these two boundaries a clip.
- espeak: letters, digits and control words by espeak-ng, which says when it begins each word. Every word counts that
  was heard right.

With `--hour` the clips are repeated for an hour, and the first round is compared with the last: times must not drift.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from audio_lstm.audio.files import load_audio, resample
from audio_lstm.speech.aligning.align_script import align
from audio_lstm.speech.decoding.decoding import Decoding
from audio_lstm.speech.hearing.recogniser import SpeechRecogniser, load_speech
from audio_lstm.speech.hearing.transcribe import transcribe
from audio_lstm.speech.text.data import read_utterances
from audio_lstm.speech.training.timing_fit import sound_edges
from audio_lstm.training.options import run_recipe

sys.path.append(str(Path(__file__).resolve().parents[2]))  # run by its path, it finds its neighbours all the same

from recipes.quality.espeak_words import say
from recipes.speech.synthetic import random_texts

SAMPLE_RATE = 16_000
SILENCES_S = (0.3, 0.6, 1.2)  # between clips, in turn: the first two are heard through, the last parts phrases
ESPEAK_VOICES = ("en+f4", "en-us+m7", "en-gb-scotland+m4", "en-us+f5")
N_ESPEAK = 80
SEED = 2
HOUR_S = 3600.0


@dataclass(frozen=True)
class Known:
    """A stretch of a recording whose words are known."""

    begin_s: float
    end_s: float
    words: tuple[str, ...]
    starts: tuple[tuple[int, float], ...]  # of a word that begins at a known time: which, when
    ends: tuple[tuple[int, float], ...]


@dataclass(frozen=True, eq=False)
class KnownRecording:
    """A recording made of such stretches."""

    name: str
    samples: NDArray[np.float32]
    parts: tuple[Known, ...]

    @property
    def text(self) -> str:
        """All that is said."""
        return " ".join(word for part in self.parts for word in part.words)


Timed = tuple[str, float, float]  # a word, its start and its end in seconds


def joined_clips(manifest: Path) -> KnownRecording:
    """The recordings of a manifest in one, with silences between."""
    clips = []
    for utterance in read_utterances(manifest):
        samples = load_audio(utterance.audio, sample_rate=SAMPLE_RATE)
        edges = sound_edges(samples, SAMPLE_RATE)
        words = tuple(utterance.text.split())
        if edges and words:
            clips.append((samples, words, ((0, edges[0]),), ((len(words) - 1, edges[1]),)))
    return _joined(manifest.name.removesuffix(".jsonl"), clips)


def espeak(n: int) -> KnownRecording:
    """Texts by espeak-ng in one recording."""
    rng = np.random.default_rng(SEED)
    clips = []
    for number, text in enumerate(islice(random_texts(rng), n)):
        words = tuple(text.split())
        spoken = say(
            " ".join(word if len(word) == 1 else word.lower() for word in words),
            voice=ESPEAK_VOICES[number % len(ESPEAK_VOICES)],
            words_a_minute=int(rng.integers(110, 170)),
        )
        if len(spoken.words) == len(words):  # else it read something as two words
            starts, ends = zip(*spoken.words, strict=True)
            samples = resample(spoken.samples, spoken.sample_rate, SAMPLE_RATE)
            clips.append((samples, words, tuple(enumerate(starts)), tuple(enumerate(ends))))
    return _joined("espeak", clips)


def _joined(
    name: str,
    clips: Sequence[
        tuple[NDArray[np.float32], tuple[str, ...], tuple[tuple[int, float], ...], tuple[tuple[int, float], ...]]
    ],
) -> KnownRecording:
    pieces: list[NDArray[np.float32]] = []
    parts = []
    n_samples = 0
    for number, (samples, words, starts, ends) in enumerate(clips):
        silence = np.zeros(round(SILENCES_S[number % len(SILENCES_S)] * SAMPLE_RATE), np.float32)
        at_s = n_samples / SAMPLE_RATE
        parts.append(
            Known(
                begin_s=at_s,
                end_s=at_s + len(samples) / SAMPLE_RATE,
                words=words,
                starts=tuple((word, at_s + time_s) for word, time_s in starts),
                ends=tuple((word, at_s + time_s) for word, time_s in ends),
            )
        )
        pieces += [samples, silence]
        n_samples += len(samples) + len(silence)
    return KnownRecording(name, np.concatenate(pieces), tuple(parts))


def repeated(recording: KnownRecording, seconds: float) -> tuple[KnownRecording, int]:
    """A recording over and over, and how many times."""
    round_s = len(recording.samples) / SAMPLE_RATE
    n_rounds = max(2, int(seconds // round_s))
    parts = []
    for number in range(n_rounds):
        late_s = number * round_s
        for part in recording.parts:
            starts = tuple((word, late_s + time_s) for word, time_s in part.starts)
            ends = tuple((word, late_s + time_s) for word, time_s in part.ends)
            parts.append(Known(late_s + part.begin_s, late_s + part.end_s, part.words, starts, ends))
    return KnownRecording(recording.name, np.tile(recording.samples, n_rounds), tuple(parts)), n_rounds


def errors(parts: Sequence[Known], timed: Sequence[Timed]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """How late the starts and the ends are of the words that were heard right, in seconds."""
    starts, ends = [], []
    middles = np.array([(start_s + end_s) / 2 for _, start_s, end_s in timed])
    for part in parts:
        low, high = np.searchsorted(middles, [part.begin_s, part.end_s]).tolist()
        heard = timed[low:high]
        matcher = SequenceMatcher(None, part.words, [word for word, _, _ in heard], autojunk=False)
        found = {
            block.a + offset: heard[block.b + offset]
            for block in matcher.get_matching_blocks()
            for offset in range(block.size)
        }
        starts += [found[word][1] - time_s for word, time_s in part.starts if word in found]
        ends += [found[word][2] - time_s for word, time_s in part.ends if word in found]
    return np.array(starts), np.array(ends)


def by_transcribing(recording: KnownRecording, recogniser: SpeechRecogniser) -> list[Timed]:
    """The words that the model hears."""
    transcript = transcribe((recording.samples, SAMPLE_RATE), model=recogniser)
    return [(word.spoken, word.start_s, word.end_s) for word in transcript.words]


def by_aligning(recording: KnownRecording, recogniser: SpeechRecogniser) -> list[Timed]:
    """The words of the text where the model finds them."""
    alignment = align((recording.samples, SAMPLE_RATE), recording.text, model=recogniser)
    return [
        (word.text, word.start_s, word.end_s)
        for word in alignment.words
        if word.start_s is not None and word.end_s is not None
    ]


def row(name: str, parts: Sequence[Known], timed: Sequence[Timed]) -> str:
    """A line of the table, in milliseconds."""
    starts, ends = errors(parts, timed)
    n_known = sum(len(part.starts) + len(part.ends) for part in parts)
    both = np.concatenate([starts, ends])
    if not len(both):
        return f"| {name} | 0 of {n_known} | – | – | – | – |"

    def show(late: NDArray[np.float64]) -> str:
        return f"{1000 * np.median(np.abs(late)):.0f} ({1000 * np.median(late):+.0f})" if len(late) else "–"

    worst = 1000 * np.quantile(np.abs(both), 0.9)
    return f"| {name} | {len(both)} of {n_known} | {show(starts)} | {show(ends)} | {show(both)} | {worst:.0f} |"


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/speech"))
    parser.add_argument("--manifest", type=Path, help="the clips (default: an4.dev.jsonl of --data)")
    parser.add_argument("--model", action="append", help="may be repeated (default: an4, english-base)")
    parser.add_argument("--n-espeak", type=int, default=N_ESPEAK, help="texts by espeak-ng; 0: none")
    parser.add_argument("--hour", action="store_true", help="also repeat the clips for an hour")
    options = parser.parse_args(arguments)
    clips = joined_clips(options.manifest or options.data / "an4.dev.jsonl")
    recordings = [clips, *([espeak(options.n_espeak)] if options.n_espeak else [])]
    print("| set, model, how | boundaries | start: median error (median late), ms | end | both | 90 % |")
    print("|---|---|---|---|---|---|")
    for name in options.model or ["an4", "english-base"]:
        tuned = load_speech(name)
        greedy = tuned.with_decoding(Decoding(language_model=None))
        ways: list[tuple[str, Callable[[KnownRecording, SpeechRecogniser], list[Timed]], SpeechRecogniser]] = [
            ("greedy", by_transcribing, greedy),
            ("beam", by_transcribing, tuned if tuned.decoder.beam else tuned.with_decoding(Decoding(beam_size=16))),
            ("align", by_aligning, greedy),
        ]
        for recording in recordings:
            for how, listen, recogniser in ways:
                print(row(f"{recording.name}, {tuned.name}, {how}", recording.parts, listen(recording, recogniser)))
        if options.hour:
            hour, n_rounds = repeated(clips, HOUR_S)
            n_parts = len(clips.parts)
            for how, listen, recogniser in (ways[0], ways[2]):
                timed = listen(hour, recogniser)
                rounds = (("first", hour.parts[:n_parts]), ("last", hour.parts[-n_parts:]))
                for which, parts in rounds:
                    print(row(f"{which} of {n_rounds} rounds, {tuned.name}, {how}", parts, timed), flush=True)
    return 0


if __name__ == "__main__":
    run_recipe(main)
