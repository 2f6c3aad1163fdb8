"""The command `train-lm`: an n-gram language model from text files."""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audio_lstm.commands.console import answer, complain, require_folder, require_writable
from audio_lstm.errors import ConfigError

if TYPE_CHECKING:
    from audio_lstm.speech.alphabet import Alphabet
    from audio_lstm.speech.lm_text import LMText

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
        help="make a language model for transcribe from text",
        description="Make an n-gram language model (interpolated modified Kneser-Ney) from text, a sentence a line. "
        "Case and punctuation do not matter; words with digits count as unknown, so spell numbers out.",
    )
    parser.add_argument(
        "texts", nargs="+", type=Path, metavar="TEXT", help="text files, UTF-8, plain or .gz; manifests (.jsonl)"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="ends in .arpa, .arpa.gz, .lm (small)")
    parser.add_argument("--force", action="store_true", help="overwrite a file that exists")
    parser.add_argument("--order", type=int, default=3, metavar="N", help="words in the longest n-gram, 1 to 5 (3)")
    parser.add_argument(
        "--min-count",
        type=_whole_numbers,
        default=(1,),
        metavar="A,B,…",
        help="leave out n-grams of order 1, 2, … that occur less often: 1,1,2 makes files half as large (1)",
    )
    parser.add_argument(
        "--weights", type=_whole_numbers, default=None, metavar="A,B,…", help="how often each TEXT counts (once)"
    )
    parser.add_argument("--held-out", type=Path, default=None, metavar="FILE", help="print the perplexity on this text")
    parser.add_argument(
        "--alphabet-of", default=None, metavar="M", help="a speech model whose letters count (A to Z and ')"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(command=_train_lm)


def _train_lm(options: argparse.Namespace) -> int:
    from audio_lstm.speech.lm_file import read_language_model, write_language_model
    from audio_lstm.speech.lm_text import read_lm_text
    from audio_lstm.speech.ngram import train_ngram
    from audio_lstm.speech.perplexity import perplexity

    _check_output(options.out, may_exist=options.force)
    weights = options.weights or (1,) * len(options.texts)
    if len(weights) != len(options.texts):
        raise ConfigError(f"--weights needs one number a text, got {len(weights)} for {len(options.texts)}")
    alphabet = _alphabet(options.alphabet_of)
    start = time.perf_counter()
    texts = [_read(file, alphabet) for file in options.texts]
    held_out = read_lm_text(options.held_out, alphabet) if options.held_out else None
    model = train_ngram(
        (sentence for text in texts for sentence in text.sentences),
        order=options.order,
        min_counts=options.min_count,
        weights=[weight for weight, text in zip(weights, texts, strict=True) for _ in text.sentences],
    )
    write_language_model(model, options.out)
    result: dict[str, Any] = {
        "file": str(options.out),
        "order": model.order,
        "n_words": len(model.words),
        "n_grams": list(model.order_sizes),
        "n_bytes": options.out.stat().st_size,
        "seconds": round(time.perf_counter() - start, 2),
    }
    if held_out:
        measured = perplexity(read_language_model(options.out), held_out.sentences)  # of what is in the file
        result["held_out"] = {
            "perplexity": round(measured.perplexity, 2),
            "perplexity_with_unknown": round(measured.perplexity_with_unknown, 2),
            "n_sentences": measured.n_sentences,
            "n_words": measured.n_words,
            "n_unknown": measured.n_unknown,
        }
    answer(json.dumps(result) if options.json else _summary(result))
    return 0


def _check_output(out: Path, *, may_exist: bool) -> None:
    """Complain before the work is done, not after."""
    from audio_lstm.speech.lm_file import check_suffix

    check_suffix(out)
    require_folder(out)
    require_writable([out], force=may_exist)


def _alphabet(model: str | None) -> Alphabet:
    from audio_lstm.speech.alphabet import ENGLISH
    from audio_lstm.speech.recogniser import load_speech

    return load_speech(model).alphabet if model else ENGLISH


def _read(file: Path, alphabet: Alphabet) -> LMText:
    """A training text, with a remark about words that the letters cannot write."""
    from audio_lstm.speech.lm_text import read_lm_text

    text = read_lm_text(file, alphabet)
    if text.n_unwritable:
        first = f"the first: {text.first_unwritable!r:.40}; " if text.first_unwritable else ""
        complain(
            f"{file}: {text.n_unwritable} of {text.n_words} words are not in the letters of the model and "
            f"count as unknown ({first}spell numbers out)"
        )
    return text


def _summary(result: dict[str, Any]) -> str:
    counts = ", ".join(f"{count} {order}-grams" for order, count in enumerate(result["n_grams"], 1))
    lines = [f"{result['file']}: {counts}, {result['n_bytes'] / 1e6:.2f} MB"]
    if "held_out" in result:
        measured = result["held_out"]
        lines.append(
            f"perplexity {measured['perplexity']:.1f} on {measured['n_words']} held-out words without the "
            f"{measured['n_unknown']} unknown ones, {measured['perplexity_with_unknown']:.1f} with them"
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
