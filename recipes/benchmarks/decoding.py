"""How fast and how well beam search decodes, beside pyctcdecode and flashlight-text on the same emissions.

    python recipes/benchmarks/decoding.py --text ../shared/speech/lm_text.txt
    python recipes/benchmarks/decoding.py --model an4 --manifest ../shared/speech/an4.dev.jsonl --lm an4.arpa

Emissions are a model's, or made from sentences of a text file as a trained CTC model writes them: 85 % of the frames
blank, letters that flow into the next frame, and letters mistaken for others. Without --lm, a 3-gram is trained on the
other sentences of the text. Everybody reads the same ARPA file, with the same beam and weights, in one process and
thread, in turn; a figure is the median of the rounds, in seconds of processor time, so that other programs on the
machine matter less. The peers are optional: pip install pyctcdecode kenlm
flashlight-text (kenlm and flashlight-text are compiled where there is no wheel).
"""

from __future__ import annotations

import argparse
import math
import statistics
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audio_lstm.errors import DataError
from audio_lstm.speech.ctc.decode import greedy
from audio_lstm.speech.decoding.beam import BeamConfig, BeamDecoder
from audio_lstm.speech.text.alphabet import BLANK, ENGLISH, Alphabet
from audio_lstm.speech.training.metrics import score
from audio_lstm.speech.words.arpa import write_arpa
from audio_lstm.speech.words.lm_file import read_language_model
from audio_lstm.speech.words.ngram import train_ngram
from audio_lstm.training.options import run_recipe

FRAME_RATE = 25  # Hz
SPOKEN_SHARE = 0.15  # of the frames, the rest is blank
N_HELD_OUT = 2000  # sentences at the end of the text that no language model is trained on
PRESETS = {
    "base": (16, 96, 15.0, 60.0),
    "tiny": (2, 3, 2.0, 2.0),
}  # utterances timed, scored, their seconds, a long one's

Emissions = list[NDArray[np.float32]]
Decode = Callable[[Emissions], list[str]]


@dataclass(frozen=True)
class Task:
    """What everybody decodes, and how."""

    emissions: Emissions  # natural-log probabilities (time, alphabet.size) each
    texts: tuple[str, ...]  # what was said
    n_timed: int  # of the utterances, the first ones; all of them count for the error rate
    alphabet: Alphabet
    frame_rate: float  # Hz
    lm: Path  # an ARPA file
    config: BeamConfig

    @property
    def seconds(self) -> float:
        """Of speech that is timed."""
        return sum(map(len, self.emissions[: self.n_timed])) / self.frame_rate


def synthetic(sentences: Sequence[str], seconds: float, rng: np.random.Generator) -> tuple[NDArray[np.float32], str]:
    """The emissions of one utterance, and its text: as many whole words as its letters' frames hold."""
    n_frames = round(seconds * FRAME_RATE)
    n_letters = round(n_frames * SPOKEN_SHARE)
    joined = " ".join(sentences[number] for number in rng.integers(len(sentences), size=n_letters))
    text = joined[:n_letters].rsplit(" ", 1)[0].strip()
    ids = ENGLISH.encode(text)
    logits = rng.normal(0.0, 1.5, (n_frames, ENGLISH.size))
    logits[:, BLANK] = rng.uniform(11.0, 15.0, n_frames)
    places = np.sort(rng.choice(n_frames - 1, len(ids), replace=False))
    logits[places + 1, ids] += rng.uniform(0.0, 9.0, len(ids))  # the letter is still heard
    logits[places, BLANK] = rng.normal(4.0, 3.0, len(ids))
    others = rng.integers(BLANK + 1, ENGLISH.size, len(ids))
    logits[places, others] = rng.normal(6.0, 2.5, len(ids))  # what it is mistaken for
    logits[places, ids] = rng.normal(13.0, 2.5, len(ids))
    logits -= np.logaddexp.reduce(logits, axis=1, keepdims=True)
    return logits.astype(np.float32), text


def read_sentences(file: Path) -> list[str]:
    """The lines of a text in the letters of the alphabet."""
    try:
        lines = file.read_text("utf-8").split("\n")
    except OSError as error:
        raise DataError(f"{file}: cannot be read ({error.strerror}); name a text with --text") from error
    return [line for line in lines if line and all(letter in ENGLISH for letter in line)]


def recorded(model: str, manifest: Path) -> tuple[Emissions, tuple[str, ...], Alphabet, float]:
    """Emissions of a model, texts, alphabet and frame rate."""
    from audio_lstm.audio.files import load_audio
    from audio_lstm.speech.hearing.recogniser import load_speech
    from audio_lstm.speech.sound.features import extract_features
    from audio_lstm.speech.text.data import normalise_text, read_manifest

    recogniser = load_speech(model)
    features, alphabet = recogniser.config.features, recogniser.alphabet
    emissions, texts = [], []
    for utterance in read_manifest(manifest):
        samples = load_audio(utterance.audio, sample_rate=features.sample_rate)
        emissions.append(recogniser.log_probs(extract_features(samples, features))[0][:, : alphabet.size])
        texts.append(normalise_text(utterance.text, alphabet))
    return emissions, tuple(texts), alphabet, 1 / recogniser.config.output_frame_s


def ours(task: Task, *, with_model: bool = True, batch_size: int | None = None) -> Decode:
    """Our beam search."""
    decoder = BeamDecoder(
        task.alphabet, task.config, language_model=read_language_model(task.lm) if with_model else None
    )

    def decode(emissions: Emissions) -> list[str]:
        size = batch_size or len(emissions)
        batches = [emissions[begin : begin + size] for begin in range(0, len(emissions), size)]
        return [best.text for batch in batches for (best,) in decoder.decode(batch)]

    return decode


def pyctcdecode(task: Task, *, with_model: bool = True) -> Decode:
    """pyctcdecode, with KenLM."""
    import kenlm  # noqa: F401  # pyctcdecode only warns where it is absent
    from pyctcdecode import build_ctcdecoder

    decoder = build_ctcdecoder(
        ["", *task.alphabet.symbols],
        str(task.lm) if with_model else None,
        list(read_language_model(task.lm).words) if with_model else None,
        alpha=task.config.lm_weight,
        beta=task.config.word_bonus,
        unk_score_offset=task.config.unknown_word_log_prob / math.log(10),  # in decades, as KenLM's
    )

    def decode(emissions: Emissions) -> list[str]:
        return [" ".join(decoder.decode(each, beam_width=task.config.beam_size).split()) for each in emissions]

    return decode


def flashlight(task: Task) -> Decode:
    """flashlight-text with the language model's words as its lexicon, and KenLM: it writes no other words."""
    from flashlight.lib.text import decoder as fl
    from flashlight.lib.text.decoder.kenlm import KenLM
    from flashlight.lib.text.dictionary import create_word_dict

    alphabet = task.alphabet
    words = [word for word in read_language_model(task.lm).words if all(letter in alphabet for letter in word)]
    lexicon: dict[str, list[list[str]]] = {"<unk>": [], **{word: [[*word, " "]] for word in words}}
    word_dict = create_word_dict(lexicon)
    model = KenLM(str(task.lm), word_dict)
    space = alphabet.symbols.index(" ") + 1
    trie = fl.Trie(alphabet.size, space)
    start = model.start(False)
    for word, spellings in lexicon.items():
        index = word_dict.get_index(word)
        for spelling in spellings:
            trie.insert(alphabet.encode("".join(spelling)).tolist(), index, model.score(start, index)[1])
    trie.smear(fl.SmearingMode.MAX)
    options: Any = fl.LexiconDecoderOptions(
        beam_size=task.config.beam_size,
        beam_size_token=alphabet.size,
        beam_threshold=25.0,
        lm_weight=task.config.lm_weight,
        word_score=task.config.word_bonus,
        unk_score=-float("inf"),
        sil_score=0.0,
        log_add=False,
        criterion_type=fl.CriterionType.CTC,
    )
    search = fl.LexiconDecoder(options, trie, model, space, BLANK, word_dict.get_index("<unk>"), [], False)

    def decode(emissions: Emissions) -> list[str]:
        texts = []
        for each in emissions:
            frames = np.ascontiguousarray(each)
            best = search.decode(frames.ctypes.data, *frames.shape)[0]
            texts.append(" ".join(word_dict.get_entry(word) for word in best.words if word >= 0))
        return texts

    return decode


def build(task: Task) -> dict[str, Decode | None]:
    """Everybody; None where a package is not installed."""
    size = task.config.beam_size
    builders: dict[str, Callable[[], Decode]] = {
        "greedy": lambda: lambda batch: [greedy(each, task.alphabet).text for each in batch],
        f"audio_lstm, beam {size}, LM": lambda: ours(task),
        f"audio_lstm, beam {size}, LM, one at a time": lambda: ours(task, batch_size=1),
        f"audio_lstm, beam {size}, no LM": lambda: ours(task, with_model=False),
        f"pyctcdecode, beam {size}, LM (kenlm)": lambda: pyctcdecode(task),
        f"pyctcdecode, beam {size}, no LM": lambda: pyctcdecode(task, with_model=False),
        f"flashlight-text, beam {size}, LM (kenlm), lexicon": lambda: flashlight(task),
    }
    peers: dict[str, Decode | None] = {}
    for name, builder in builders.items():
        try:
            peers[name] = builder()
        except ImportError:
            peers[name] = None
    return peers


def measure(peers: dict[str, Decode | None], task: Task, n_rounds: int) -> dict[str, tuple[float, float]]:
    """Processor seconds (median of the rounds, in turn, after a warm-up) and word error rate of each peer."""
    times: dict[str, list[float]] = {name: [] for name, decode in peers.items() if decode is not None}
    rates: dict[str, float] = {}
    for name, decode in peers.items():  # the warm-up
        if decode is not None:
            begins = range(0, len(task.emissions), task.n_timed)
            batches = [decode(task.emissions[begin : begin + task.n_timed]) for begin in begins]
            rates[name] = score(task.texts, [text for batch in batches for text in batch]).wer
    for _ in range(n_rounds):
        for name, decode in peers.items():
            if decode is not None:
                start = time.process_time()
                decode(task.emissions[: task.n_timed])
                times[name].append(time.process_time() - start)
    return {name: (statistics.median(values), rates[name]) for name, values in times.items()}


def long_utterance(task: Task, emissions: NDArray[np.float32]) -> float:
    """MiB that decoding one long utterance takes at its peak, reading the language model included."""
    tracemalloc.start()
    ours(task)([emissions])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / 2**20


def prepare(options: argparse.Namespace, folder: Path) -> tuple[Task, NDArray[np.float32]]:
    """The task, and a long utterance."""
    n_timed, n_scored, seconds, long_seconds = PRESETS[options.preset]
    config = BeamConfig(beam_size=options.beam_size, lm_weight=options.lm_weight, word_bonus=options.word_bonus)
    sentences = read_sentences(options.text)
    n_held_out = min(N_HELD_OUT, len(sentences) // 2)
    lm = options.lm
    if lm is None:
        lm = folder / "words.arpa"
        write_arpa(train_ngram(sentences[: len(sentences) - n_held_out], order=3), lm)
    rng = np.random.default_rng(options.seed)
    made = [synthetic(sentences[-n_held_out:], seconds, rng) for _ in range(n_scored)]
    long_one, _ = synthetic(sentences[-n_held_out:], long_seconds, rng)
    task = Task(
        emissions=[each for each, _ in made],
        texts=tuple(text for _, text in made),
        n_timed=n_timed,
        alphabet=ENGLISH,
        frame_rate=FRAME_RATE,
        lm=lm,
        config=config,
    )
    if options.manifest is not None:
        emissions, texts, alphabet, frame_rate = recorded(options.model, options.manifest)
        task = replace(
            task, emissions=emissions, texts=texts, n_timed=len(texts), alphabet=alphabet, frame_rate=frame_rate
        )
        repeats = -(-round(long_seconds * frame_rate) // max(1, sum(map(len, emissions))))
        long_one = np.concatenate(emissions * repeats)[: round(long_seconds * frame_rate)]
    return task, long_one


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--text", type=Path, default=Path("../shared/speech/lm_text.txt"), help="a sentence a line")
    parser.add_argument("--lm", type=Path, help="an ARPA file; without one, a 3-gram is trained on the text")
    parser.add_argument("--model", default="an4", help="whose emissions to decode, with --manifest")
    parser.add_argument("--manifest", type=Path, help="recordings to decode instead of synthetic emissions")
    parser.add_argument("--preset", choices=list(PRESETS), default="base", help="how much is synthesised")
    parser.add_argument("--beam-size", type=int, default=32)
    parser.add_argument("--lm-weight", type=float, default=BeamConfig.lm_weight)
    parser.add_argument("--word-bonus", type=float, default=BeamConfig.word_bonus)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as name:
        task, long_one = prepare(options, Path(name))
        peers = build(task)
        figures = measure(peers, task, options.rounds)
        memory = long_utterance(task, long_one)
    blank = np.concatenate([each.argmax(axis=1) == BLANK for each in task.emissions]).mean()
    print(
        f"{task.n_timed} utterances, {task.seconds:.0f} s, {blank:.0%} of the frames blank, one thread; "
        f"error rates of {len(task.texts)} utterances\n"
    )
    reference = figures[next(name for name in figures if name.startswith("audio_lstm"))][0]
    print("| decoder | CPU ms | x real time | time / ours | WER |\n|---|---|---|---|---|")
    for peer, decode in peers.items():
        if decode is None:
            print(f"| {peer} | not installed | | | |")
            continue
        seconds, wer = figures[peer]
        ratio = f"{task.seconds / seconds:,.0f} | {seconds / reference:.2f}"
        print(f"| {peer} | {1000 * seconds:.1f} | {ratio} | {wer:.1%} |", flush=True)
    print(f"\n{len(long_one) / task.frame_rate:.0f} s in one utterance: {memory:.0f} MiB at the peak, LM included")
    return 0


if __name__ == "__main__":
    run_recipe(main)
