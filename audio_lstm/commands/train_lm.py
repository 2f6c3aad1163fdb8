"""The command `train-lm`: an n-gram language model from text files."""

from __future__ import annotations

import argparse
import json
import math
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audio_lstm.commands.console import answer, complain, require_folder, require_writable
from audio_lstm.errors import ConfigError, DataError

if TYPE_CHECKING:
    from audio_lstm.speech.text.alphabet import Alphabet
    from audio_lstm.speech.words.lm_text import LMText
    from audio_lstm.speech.words.ngram import NgramModel

__all__ = ["add_train_lm"]

# Heavy imports live inside the command, as in cli.py: `audio-lstm --help` answers at once.


def add_train_lm(commands: Any) -> None:
    """Add the command to the command line.

    Args:
        commands: What `add_subparsers` returned.
    """
    parser = commands.add_parser(
        "train-lm",
        allow_abbrev=False,
        help="train an n-gram language model from text",
        description="Make an n-gram language model (interpolated modified Kneser-Ney) from text, a sentence a line. "
        "Case and punctuation do not matter; words with digits count as unknown without --spell-out.",
    )
    parser.add_argument(
        "texts", nargs="+", type=Path, metavar="TEXT", help="text files, UTF-8, plain, .gz or .xz; manifests (.jsonl)"
    )
    parser.add_argument(
        "--spell-out",
        action="store_true",
        help="spell out numbers, signs and abbreviations (English)",
    )
    parser.add_argument(
        "--out", type=Path, required=True, metavar="FILE", help="output: .arpa, .arpa.gz, or .lm (small)"
    )
    parser.add_argument("--force", action="store_true", help="overwrite an existing file")
    parser.add_argument(
        "--weights",
        type=_whole_numbers,
        default=None,
        metavar="A,B,…",
        help="weight of each TEXT, whole numbers (default: 1 each)",
    )
    _add_contents(parser)
    parser.add_argument(
        "--exclude",
        action="append",
        type=Path,
        default=[],
        metavar="FILE",
        help="leave out sentences that occur in this text or manifest, or share 8 words in a row with it; repeatable",
    )
    parser.add_argument(
        "--held-out",
        action="append",
        type=Path,
        default=[],
        metavar="FILE",
        help="print the perplexity on this text; repeatable",
    )
    parser.add_argument(
        "--mix",
        nargs=2,
        default=None,
        metavar=("LM", "SHARE"),
        help="interpolate with another language model, a file or a shipped one's name: english 0.5; after pruning",
    )
    parser.add_argument(
        "--alphabet-of", default=None, metavar="M", help="use the letters of this speech model (default: A to Z and ')"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(command=_train_lm)


def _add_contents(parser: argparse.ArgumentParser) -> None:
    """The options that say which words and n-grams the model holds."""
    parser.add_argument("--order", type=int, default=3, metavar="N", help="longest n-gram, 1 to 5 words (default: 3)")
    parser.add_argument(
        "--min-count",
        type=_whole_numbers,
        default=(1,),
        metavar="A,B,…",
        help="drop n-grams of order 1, 2, … that occur less often; 1,1,2 halves the file (default: 1)",
    )
    parser.add_argument(
        "--vocabulary",
        type=Path,
        default=None,
        metavar="FILE",
        help="words to include even if they do not occur: first word of each line of a list or pronouncing dictionary",
    )
    size = parser.add_mutually_exclusive_group()
    size.add_argument(
        "--prune",
        type=float,
        default=0.0,
        metavar="X",
        help="drop n-grams whose removal raises perplexity by less than this fraction, such as 1e-8",
    )
    size.add_argument(
        "--max-mb", type=float, default=None, metavar="MB", help="drop the least useful n-grams until the .lm file fits"
    )


def _train_lm(options: argparse.Namespace) -> int:
    from audio_lstm.speech.words.lm_file import write_language_model
    from audio_lstm.speech.words.lm_text import read_lm_text
    from audio_lstm.speech.words.ngram import train_ngram
    from audio_lstm.speech.words.ngram_mixing import mix_ngrams

    _check_output(options)
    other, share = _other(options.mix)
    weights = options.weights or (1,) * len(options.texts)
    if len(weights) != len(options.texts):
        raise ConfigError(f"--weights needs one number a text, got {len(weights)} for {len(options.texts)}")
    alphabet = _alphabet(options.alphabet_of)
    start = time.perf_counter()
    words = _vocabulary(options.vocabulary, alphabet) if options.vocabulary else set()
    unseen = [sentence for file in options.exclude for sentence in read_lm_text(file, alphabet).sentences]
    held_out = [read_lm_text(file, alphabet) for file in options.held_out]
    texts = [_read(file, alphabet, unseen, spells_out=options.spell_out) for file in options.texts]
    if words:  # and those that occur often enough
        counts = Counter[str]()
        for weight, text in zip(weights, texts, strict=True):
            for sentence in text.sentences:
                counts.update(sentence.split() * weight)
        words |= {word for word, count in counts.items() if count >= options.min_count[0]}
    model = train_ngram(
        (sentence for text in texts for sentence in text.sentences),
        order=options.order,
        min_counts=options.min_count,
        weights=[weight for weight, text in zip(weights, texts, strict=True) for _ in text.sentences],
        vocabulary=words or None,
    )
    n_grams = list(model.order_sizes)
    model, threshold = _pruned(model, options)
    n_pruned = list(model.order_sizes)
    model = mix_ngrams(model, other, share) if other else model
    write_language_model(model, options.out)
    result: dict[str, Any] = {
        "file": str(options.out),
        "order": model.order,
        "n_words": len(model.words),
        "n_grams": list(model.order_sizes),
        "n_bytes": options.out.stat().st_size,
        "seconds": round(time.perf_counter() - start, 2),
    }
    if threshold:
        result |= {"pruned_from": n_grams, "pruned_to": n_pruned, "threshold": threshold}
    if held_out:
        result |= _measured(options, held_out)
    answer(json.dumps(result) if options.json else _summary(result))
    return 0


def _other(mix: Sequence[str] | None) -> tuple[NgramModel | None, float]:
    """The language model to interpolate with, and its share."""
    from audio_lstm.speech.decoding.decoding import language_model_file
    from audio_lstm.speech.words.lm_file import read_ngram

    if not mix:
        return None, 0.0
    try:
        share = float(mix[1])
    except ValueError:
        share = math.nan
    if not 0 < share < 1:
        raise ConfigError(f"--mix takes a language model and its share between 0 and 1, got {mix[1]!r:.40}")
    return read_ngram(language_model_file(mix[0])), share


def _pruned(model: NgramModel, options: argparse.Namespace) -> tuple[NgramModel, float]:
    """The model as small as it was asked for, and the threshold of its pruning."""
    from audio_lstm.speech.words.lm_file import encoded_size
    from audio_lstm.speech.words.ngram_pruning import prune_ngram, prune_to_size

    if options.max_mb is not None:
        return prune_to_size(model, int(options.max_mb * 1e6), encoded_size)
    return (prune_ngram(model, options.prune), options.prune) if options.prune else (model, 0.0)


def _measured(options: argparse.Namespace, texts: Sequence[LMText]) -> dict[str, Any]:
    """What is in the file, measured on held-out texts: on all of them, and on each if there are several."""
    from audio_lstm.speech.words.lm_file import read_language_model
    from audio_lstm.speech.words.perplexity import perplexity

    automaton = read_language_model(options.out)

    def measure(sentences: Sequence[str]) -> dict[str, float]:
        measured = perplexity(automaton, sentences)
        return {
            "perplexity": round(measured.perplexity, 2),
            "perplexity_with_unknown": round(measured.perplexity_with_unknown, 2),
            "n_sentences": measured.n_sentences,
            "n_words": measured.n_words,
            "n_unknown": measured.n_unknown,
        }

    result: dict[str, Any] = {"held_out": measure([sentence for text in texts for sentence in text.sentences])}
    if len(texts) > 1:
        pairs = zip(options.held_out, texts, strict=True)
        result["held_out_files"] = {str(file): measure(text.sentences) for file, text in pairs}
    return result


def _check_output(options: argparse.Namespace) -> None:
    """Complain before the work is done, not after."""
    from audio_lstm.speech.words.lm_file import check_suffix

    suffix = check_suffix(options.out)
    require_folder(options.out)
    require_writable([options.out], force=options.force)
    if not 0 <= options.prune < math.inf:
        raise ConfigError(f"--prune is a fraction from 0 up, such as 1e-8, got {options.prune}")
    if options.max_mb is not None and not 0 < options.max_mb < math.inf:
        raise ConfigError(f"--max-mb must be above 0, got {options.max_mb}")
    if options.max_mb is not None and suffix != ".lm":
        raise ConfigError(f"--max-mb is about .lm files; write one, or use --prune for {options.out}")


def _alphabet(model: str | None) -> Alphabet:
    from audio_lstm.speech.hearing.recogniser import load_speech
    from audio_lstm.speech.text.alphabet import ENGLISH

    return load_speech(model).alphabet if model else ENGLISH


def _vocabulary(file: Path, alphabet: Alphabet) -> set[str]:
    """The words of a list or of a pronouncing dictionary that the letters can write."""
    from audio_lstm.speech.text.data import normalise_text
    from audio_lstm.speech.words.pronunciations import VARIANT
    from audio_lstm.text_files import read_text

    letters = frozenset(alphabet.symbols)
    lines = read_text(file, what="a list of words", way_out="pass a file with a word a line").splitlines()
    firsts = [line.split()[0] for line in lines if line.strip() and not line.startswith(("#", ";;;"))]
    spelled = [normalise_text(VARIANT.sub("", word), alphabet) for word in firsts]
    words = {word for word in spelled if word and " " not in word and letters.issuperset(word)}
    if not words:
        raise DataError(f"{file}: no word in the letters of the model; expected a word a line")
    return words


def _read(file: Path, alphabet: Alphabet, unseen: Sequence[str], *, spells_out: bool) -> LMText:
    """A training text, with a remark about words that the letters cannot write, and one about what is left out."""
    from audio_lstm.speech.words.lm_text import leave_out, read_lm_text

    text = read_lm_text(file, alphabet, spells_out=spells_out)
    if text.n_unwritable:
        first = f"the first: {text.first_unwritable!r:.40}; " if text.first_unwritable else ""
        complain(
            f"{file}: {text.n_unwritable} of {text.n_words} words are not in the letters of the model and "
            f"count as unknown ({first}spell numbers out)"
        )
    if not unseen:
        return text
    rest = leave_out(text, unseen)
    n_gone = len(text.sentences) - len(rest.sentences)
    complain(f"{file}: {n_gone} of {len(text.sentences)} sentences left out, as --exclude asks")
    return rest


def _summary(result: dict[str, Any]) -> str:
    counts = ", ".join(f"{count} {order}-grams" for order, count in enumerate(result["n_grams"], 1))
    lines = [f"{result['file']}: {counts}, {result['n_bytes'] / 1e6:.2f} MB"]
    if "threshold" in result:
        n_before, n_after = sum(result["pruned_from"]), sum(result["pruned_to"])
        lines.append(f"pruned at {result['threshold']:.3g}: {n_after} of {n_before} n-grams kept")
    for name, measured in [("", result.get("held_out")), *result.get("held_out_files", {}).items()]:
        if measured:
            lines.append(
                f"{name + ': ' if name else ''}perplexity {measured['perplexity']:.1f} on {measured['n_words']} "
                f"held-out words without the {measured['n_unknown']} unknown ones, "
                f"{measured['perplexity_with_unknown']:.1f} with them"
            )
    return "\n".join(lines)


def _whole_numbers(text: str) -> tuple[int, ...]:
    try:
        numbers = tuple(int(part) for part in text.split(","))
    except ValueError:
        numbers = (0,)
    if min(numbers) < 1:
        raise argparse.ArgumentTypeError(f"expected whole numbers from 1 up with commas between them, got {text!r}")
    return numbers
