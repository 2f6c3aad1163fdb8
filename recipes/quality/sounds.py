"""What sounds beside letters are worth: word error rate and cost of each search alone, and of both together.

    python recipes/quality/sounds.py --model models/english-base --manifest devclean.dev.jsonl cv13.dev.jsonl

The model hears phonemes too (recipes/speech/model_of_run.py) and has been tuned (`audio-lstm tune`); every row decodes
the same emissions with the tuned weights. "Best in the pool" is the text with the fewest errors, which nobody can
choose without knowing what was said. With flashlight-text and kenlm, flashlight's lexicon decoder searches the same
phonemes with the same lexicon, language model, weights and beam, and the scores of texts that both find first are
compared. Seconds are of processor time, of decoding alone; the last line is about all of recognition.
`OPENBLAS_NUM_THREADS=1 taskset -c 0` keeps it to one core.
"""

from __future__ import annotations

import argparse
import math
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from audio_lstm.checkpoint import LANGUAGE_MODEL_SUFFIX
from audio_lstm.errors import ConfigError
from audio_lstm.speech.decoding.beam import Hypothesis
from audio_lstm.speech.decoding.decoding import language_model_file, read_decoding
from audio_lstm.speech.decoding.pooling import Pool
from audio_lstm.speech.hearing.recogniser import SpeechRecogniser, load_speech
from audio_lstm.speech.hearing.transcribe import transcribe
from audio_lstm.speech.text.data import Utterance, read_utterances
from audio_lstm.speech.training.metrics import score
from audio_lstm.speech.training.tune import HeardCorpus, hear_corpus
from audio_lstm.speech.words.arpa import write_arpa
from audio_lstm.speech.words.lm_file import read_ngram
from audio_lstm.training.options import run_recipe

N_TIMED = 10  # recordings of each set that are recognised from the file on

Phrases = Sequence[NDArray[np.float32]]
Decode = Callable[[Phrases], list[str]]


class Flashlight:
    """flashlight-text's lexicon decoder over phonemes, set up like ours."""

    def __init__(self, pool: Pool, arpa: Path) -> None:
        """Build its trie, smeared with the best unigram below each node, as our look-ahead is."""
        from flashlight.lib.text import decoder as flashlight
        from flashlight.lib.text.decoder.kenlm import KenLM
        from flashlight.lib.text.dictionary import create_word_dict

        config, lexicon = pool.phonemes.config, pool.phonemes.lexicon
        words = pool.phonemes.language_model.words
        said = {word: ways for word, ways in zip(words, lexicon.pronounce(words), strict=True) if ways}
        self._words = create_word_dict({"<unk>": [], **{word: [["x"]] for word in said}})
        self._lm = KenLM(str(arpa), self._words)
        self._silence = len(lexicon.phonemes) + 1  # a symbol that never occurs: nothing stands between words
        start = self._lm.start(False)
        trie = flashlight.Trie(self._silence + 1, self._silence)
        for word, ways in said.items():
            number = self._words.get_index(word)
            value = self._lm.score(start, number)[1]
            for way in ways:
                trie.insert(list(way), number, value)
        trie.smear(flashlight.SmearingMode.MAX)
        options = flashlight.LexiconDecoderOptions(
            beam_size=config.beam_size,
            beam_size_token=config.symbols_per_frame + 1,
            beam_threshold=config.score_margin,
            lm_weight=config.lm_weight * math.log(10),  # its language model is in decimal logs
            word_score=config.word_bonus,
            unk_score=-math.inf,
            sil_score=0.0,
            log_add=True,
            criterion_type=flashlight.CriterionType.CTC,
        )
        unknown = self._words.get_index("<unk>")
        self._trie = trie  # the decoder does not keep it alive
        self._decoder = flashlight.LexiconDecoder(options, trie, self._lm, self._silence, 0, unknown, [], False)

    def best(self, log_probs: NDArray[np.float32]) -> tuple[str, float]:
        """The best text of a phrase and its score."""
        never = np.full((len(log_probs), 1), -99.0, np.float32)
        emissions = np.ascontiguousarray(np.concatenate([log_probs, never], axis=1), np.float32)
        found = self._decoder.decode(emissions.ctypes.data, *emissions.shape)[0]
        return " ".join(self._words.get_entry(word) for word in found.words if word >= 0), found.score


def compare(pool: Pool, heard: Sequence[HeardCorpus], language_model: Path) -> tuple[list[str], Decode | None]:
    """What flashlight finds of the first corpus beside us, as lines, and how it decodes; None where it is missing."""
    size = pool.letters.alphabet.size
    with tempfile.TemporaryDirectory() as folder:
        arpa = Path(folder) / "lm.arpa"
        write_arpa(read_ngram(language_model), arpa)
        try:
            peer = Flashlight(pool, arpa)
        except ImportError as error:
            return [f"flashlight-text: not installed ({error.name}); pip install flashlight-text kenlm"], None
    same, differences = 0, []
    phrases = [phrase[:, size:] for row in heard[0].phrases for phrase in row]
    for phrase, found in zip(phrases, pool.phonemes.decode(phrases), strict=True):
        text, value = peer.best(phrase)
        if found and found[0].text == text:
            same += 1
            differences.append(found[0].score - value)
    line = f"flashlight finds the same text first in {same} of {len(phrases)} phrases of {heard[0].name}"
    if differences:
        line += f"; its scores are {np.median(differences):.2f} below ours in the median"
    return [line], lambda rows: [peer.best(row[:, size:])[0] for row in rows]


def table(recogniser: SpeechRecogniser, heard: Sequence[HeardCorpus]) -> list[str]:
    """One row a way to decode."""
    decoder = recogniser.decoder
    pool, size = decoder.pool, recogniser.alphabet.size
    if decoder.beam is None or pool is None:
        raise ConfigError(f"model {recogniser.name!r} is not tuned for sounds; run audio-lstm tune on it first")
    alone = replace(decoder, pool=None)
    lines, peer = compare(pool, heard, tuned_language_model(recogniser))
    rows: dict[str, Decode] = {
        "letters": lambda batch: texts(replace(alone, rescorer=None).search(batch)),
        "letters, character LSTM": lambda batch: texts(alone.search(batch)),
        "sounds": lambda batch: [found[0].text if found else "" for found in pool.phonemes.decode(sounds(batch, size))],
        "both": lambda batch: texts(replace(decoder, rescorer=None).search(batch)),
        "both, character LSTM": lambda batch: texts(decoder.search(batch)),
    }
    if peer is not None:
        rows["flashlight, sounds"] = peer
    n_frames = sum(len(phrase) for corpus in heard for row in corpus.phrases for phrase in row)
    seconds = n_frames * recogniser.config.output_frame_s
    names = " | ".join(corpus.name for corpus in heard)
    lines += ["", f"| | {names} | mean | ms a second of sound |", "|---" * (len(heard) + 3) + "|"]
    for name, decode in rows.items():
        start = time.process_time()
        wers = [wer(corpus, decode) for corpus in heard]
        cost = 1000 * (time.process_time() - start) / seconds
        lines.append(row_of(name, wers, f"{cost:.1f}"))
    return [*lines, row_of("best in the pool", [oracle(corpus, pool) for corpus in heard], "-")]


def tuned_language_model(recogniser: SpeechRecogniser) -> Path:
    """The file of the language model that the model was tuned with."""
    folder = recogniser.folder or Path()
    name = read_decoding(folder).language_model
    own = folder / f"{name}{LANGUAGE_MODEL_SUFFIX}"
    return own if own.is_file() else language_model_file(name)


def row_of(name: str, wers: Sequence[float], cost: str) -> str:
    """A line of the table."""
    return f"| {name} | " + " | ".join(f"{100 * value:.1f}" for value in [*wers, float(np.mean(wers))]) + f" | {cost} |"


def texts(found: Sequence[Hypothesis]) -> list[str]:
    """What each phrase says."""
    return [each.text for each in found]


def sounds(batch: Phrases, size: int) -> list[NDArray[np.float32]]:
    """The phonemes' part of each."""
    return [each[:, size:] for each in batch]


def wer(corpus: HeardCorpus, decode: Decode) -> float:
    """Word error rate of a way to decode; a phrase at a time, as recordings come."""
    hypotheses = [" ".join(text for phrase in row for text in decode([phrase]) if text) for row in corpus.phrases]
    return score(corpus.references, hypotheses).wer


def oracle(corpus: HeardCorpus, pool: Pool) -> float:
    """That of the text in the pool with the fewest errors; of an utterance of several phrases, of the best text."""
    best = []
    for reference, row in zip(corpus.references, corpus.phrases, strict=True):
        judged = pool.judge(row)
        if len(judged) == 1:
            best.append(min(judged[0].texts, key=lambda text: score([reference], [text]).words.n_errors))
        else:
            best.append(" ".join(each.texts[each.best(pool.config.weights)] for each in judged))
    return score(corpus.references, best).wer


def whole_speed(recogniser: SpeechRecogniser, utterances: Sequence[Utterance]) -> str:
    """How fast recordings are recognised, from the file to the words."""
    transcribe(utterances[0].audio, model=recogniser)  # what is made once
    start = time.process_time()
    seconds = sum(transcribe(utterance.audio, model=recogniser).duration_s for utterance in utterances)
    speed = seconds / (time.process_time() - start)
    how = recogniser.decoder.describe()
    return f"from file to words: {speed:.0f} x real time ({seconds:.0f} s, processor time; {how})"


def main(arguments: Sequence[str] | None = None) -> int:
    """Hear the recordings once, decode them in every way."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, help="a tuned model that hears phonemes too")
    parser.add_argument("--manifest", required=True, nargs="+", help="development sets")
    parser.add_argument(
        "--utterances", type=int, default=100, metavar="N", help="of each, spread over it; 0: all (100)"
    )
    options = parser.parse_args(arguments)
    recogniser = load_speech(options.model)
    heard: list[HeardCorpus] = []
    timed: list[Utterance] = []
    for path in options.manifest:
        utterances = read_utterances(path)
        step = max(1, len(utterances) // options.utterances) if options.utterances else 1
        chosen = utterances[::step][: options.utterances or None]
        heard.append(hear_corpus(Path(path).name.removesuffix(".jsonl"), chosen, recogniser))
        timed += chosen[:N_TIMED]
    print("\n".join([*table(recogniser, heard), "", whole_speed(recogniser, timed)]))
    return 0


if __name__ == "__main__":
    run_recipe(main)
