"""Which words `align` finds in scripts that match their recording and in scripts that do not; and what an hour costs.

    python recipes/quality/alignment.py --data ../shared/speech --corpus an4.dev --model an4
    python recipes/quality/alignment.py --data ../shared/speech --corpus so762.dev --model english-base --hour

Eight recordings at a time are joined, with scripts of five kinds: the right one; one with a sentence more in the
middle; one with a sentence less; one with two sentences in each other's place; one of other recordings altogether.
The constants of audio_lstm/speech/aligning/script_path.py were chosen on the first half of an4, so762 and cv13.dev;
this takes the other half. With `--hour` an hour of the corpus is joined and aligned with its whole script, and with the
same words in random order, where nothing helps the search: CPU seconds and the largest resident memory of the process.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from collections.abc import Sequence
from itertools import cycle, islice
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from audio_lstm.audio.files import load_audio
from audio_lstm.speech.aligning.align_script import align
from audio_lstm.speech.aligning.alignment import Alignment
from audio_lstm.speech.decoding.decoding import Decoding
from audio_lstm.speech.hearing.recogniser import SpeechRecogniser, load_speech
from audio_lstm.speech.text.data import Utterance, read_manifest
from audio_lstm.training.options import run_recipe

SAMPLE_RATE = 16_000
N_JOINED = 8
N_ROUNDS = 10
SILENCE_S = 0.4
HOUR_S = 3600
TOLERANCE_S = 0.1  # by which a word may lie outside its recording
KINDS = ("right", "sentence added", "sentence left out", "sentences swapped", "another text")

Clip = tuple[str, NDArray[np.float32]]  # text, samples
Sentence = tuple[int, str]  # which of the recordings says it (-1: none), text


def joined(clips: Sequence[Clip]) -> tuple[NDArray[np.float32], list[tuple[float, float]]]:
    """Recordings in one, and where each begins and ends in seconds."""
    silence = np.zeros(round(SILENCE_S * SAMPLE_RATE), np.float32)
    pieces, spans, n_samples = [], [], 0
    for _, samples in clips:
        spans.append((n_samples / SAMPLE_RATE, (n_samples + len(samples)) / SAMPLE_RATE))
        pieces += [samples, silence]
        n_samples += len(samples) + len(silence)
    return np.concatenate(pieces), spans


def script(kind: str, clips: Sequence[Clip], others: Sequence[Clip]) -> list[Sentence]:
    """The sentences of a script."""
    right = [(number, text) for number, (text, _) in enumerate(clips)]
    half = len(right) // 2
    return {
        "right": right,
        "sentence added": [*right[:half], (-1, others[0][0]), *right[half:]],
        "sentence left out": right[:half] + right[half + 1 :],
        "sentences swapped": [*right[: half - 1], right[half], right[half - 1], *right[half + 1 :]],
        "another text": [(-1, text) for text, _ in others],
    }[kind]


def count(
    alignment: Alignment, sentences: Sequence[Sentence], spans: Sequence[tuple[float, float]]
) -> NDArray[np.int64]:
    """Words that are said, those of them found where they are said, and elsewhere; words that are not, those found."""
    counts = np.zeros(5, np.int64)
    words = iter(alignment.words)
    for number, text in sentences:
        for _ in text.split():
            word = next(words)
            if number < 0:
                counts += [0, 0, 0, 1, word.matched]
                continue
            inside = False
            if word.start_s is not None and word.end_s is not None:
                begin_s, end_s = spans[number]
                inside = begin_s - TOLERANCE_S <= word.start_s and word.end_s <= end_s + TOLERANCE_S
            counts += [1, word.matched and inside, word.matched and not inside, 0, 0]
    return counts


def mismatches(clips: Sequence[Clip], recogniser: SpeechRecogniser) -> None:
    """Print the table."""
    print("| script | words said | found | found elsewhere | words not said | found all the same |")
    print("|---|---|---|---|---|---|")
    for kind in KINDS:
        rng = np.random.default_rng(0)
        total = np.zeros(5, np.int64)
        for _ in range(N_ROUNDS):
            order = rng.permutation(len(clips))
            chosen = [clips[i] for i in order[:N_JOINED]]
            others = [clips[i] for i in order[N_JOINED : 2 * N_JOINED]]
            sentences = script(kind, chosen, others)
            samples, spans = joined(chosen)
            text = " ".join(text for _, text in sentences)
            total += count(align((samples, SAMPLE_RATE), text, model=recogniser), sentences, spans)
        said, found, elsewhere, unsaid, found_unsaid = total.tolist()
        of_said = [f"{100 * n / said:.1f} %" if said else "–" for n in (found, elsewhere)]
        of_unsaid = f"{100 * found_unsaid / unsaid:.1f} %" if unsaid else "–"
        print(f"| {kind} | {said} | {of_said[0]} | {of_said[1]} | {unsaid} | {of_unsaid} |", flush=True)


def write_an_hour(utterances: Sequence[Utterance], file: Path) -> tuple[list[Sentence], list[tuple[float, float]]]:
    """Join recordings until there is an hour, one in memory at a time; the script, and where each begins and ends."""
    silence = np.zeros(round(SILENCE_S * SAMPLE_RATE), np.float32)
    sentences: list[Sentence] = []
    spans: list[tuple[float, float]] = []
    n_samples = 0
    with soundfile.SoundFile(file, "w", SAMPLE_RATE, 1, "PCM_16") as wav:
        for number, utterance in enumerate(islice(cycle(utterances), 10 * len(utterances))):
            if n_samples >= HOUR_S * SAMPLE_RATE:
                break
            samples = load_audio(utterance.audio, sample_rate=SAMPLE_RATE)
            sentences.append((number, utterance.text))
            spans.append((n_samples / SAMPLE_RATE, (n_samples + len(samples)) / SAMPLE_RATE))
            wav.write(np.concatenate([samples, silence]))
            n_samples += len(samples) + len(silence)
    return sentences, spans


def an_hour(utterances: Sequence[Utterance], recogniser: SpeechRecogniser) -> None:
    """Print what it costs to align an hour with its script, and with one of the same words in random order."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "hour.wav"
        sentences, spans = write_an_hour(utterances, file)
        text = " ".join(words for _, words in sentences)
        shuffled = " ".join(np.random.default_rng(0).permutation(text.split()))
        for name, words in (("its script", text), ("its words in random order", shuffled)):
            before_s = time.process_time()
            alignment = align(file, words, model=recogniser)
            spent_s = time.process_time() - before_s
            resident_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            found = f"{100 * alignment.matched_share:.1f} % of {len(alignment.words)} words found"
            if words is text:
                said, _, elsewhere, _, _ = count(alignment, sentences, spans).tolist()
                found += f", {100 * elsewhere / said:.1f} % elsewhere"
            cost = f"{spent_s:.1f} s of CPU, {resident_mb:.0f} MB resident at most"
            print(f"{name}, {alignment.duration_s:.0f} s of audio: {found}; {cost}", flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table, or the cost of an hour."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/speech"))
    parser.add_argument("--corpus", default="an4.dev", help="name of the manifest")
    parser.add_argument("--model", default="an4")
    parser.add_argument("--hour", action="store_true", help="align an hour instead")
    options = parser.parse_args(arguments)
    recogniser = load_speech(options.model, decoding=Decoding(language_model=None))
    utterances = read_manifest(options.data / f"{options.corpus}.jsonl")
    if options.hour:
        an_hour(utterances, recogniser)
        return 0
    half = utterances[len(utterances) // 2 :]
    mismatches([(each.text, load_audio(each.audio, sample_rate=SAMPLE_RATE)) for each in half], recogniser)
    return 0


if __name__ == "__main__":
    run_recipe(main)
