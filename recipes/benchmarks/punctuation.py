"""How well a writer restores marks, capitals and figures, and how fast: beside two floors and a peer.

    python recipes/benchmarks/punctuation.py --what text numbers speed
    python recipes/benchmarks/punctuation.py --what speech --data ../shared/speech/ljspeech.train.jsonl

`text`: the held-out books of recipes/speech/punctuation.py, text alone, in windows of whole sentences as long as two
minutes of speech. `speech`: manifests with `written` texts, words and pauses from a forced alignment, the same without
the pauses, and words as they are recognised, matched with the text by spelling. `numbers`: the table of the tests.
`speed`: words a second, and the writer's share of a transcription. Floors: a capital and a full stop for each phrase (a
line, or what lies between two pauses), and marks by the length of the pause alone. Figures are F1, with precision and
recall; `end` is full stop, question and exclamation mark as one; capitals are counted but at beginnings of sentences.

No peer runs from pip alone: deepmultilingualpunctuation, punctuators, silero, cadence-punctuation, fastpunct and
distilbert-punctuator (wheels of 4 to 34 kB) take their weights from a hub.
"""

from __future__ import annotations

import argparse
import difflib
import json
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

import audio_lstm
from audio_lstm.errors import AudioLSTMError
from audio_lstm.speech.hearing.transcript import Word
from audio_lstm.speech.hearing.writing import Writing
from audio_lstm.speech.text.numerals import to_digits
from audio_lstm.speech.text.punctuation import MARKS, SENTENCE_ENDS, Writer, load_writer
from audio_lstm.speech.text.punctuation_text import TextReader
from audio_lstm.speech.training.punctuation_data import Corpus, encode
from audio_lstm.speech.training.punctuation_score import Counts, Score, count_marks

sys.path.append(str(Path(__file__).resolve().parents[2]))  # run by its path, it finds its neighbours all the same

from recipes.speech.punctuation import is_prose, part, read_lines

SHOWN = ("end", "comma", "full stop", "question", "exclamation", "semicolon", "colon", "dash", "capital")
TEXT = Path("../shared/text/books.txt.xz")
TABLE = Path(__file__).parents[2] / "tests" / "speech" / "text" / "numbers.tsv"
WINDOW = 300  # words that are written at once
PAUSES_S = (0.2, 0.45)  # a comma, a full stop: the floor that reads pauses alone


@dataclass(frozen=True)
class Passage:
    """Words, and how they were printed."""

    words: tuple[str, ...]
    marks: tuple[int, ...]  # indices of MARKS
    capitals: tuple[bool | None, ...]  # None: not counted, or not matched
    pauses_s: tuple[float | None, ...] | None = None
    confidences: tuple[float, ...] | None = None


Method = Callable[[Passage], Sequence[str]]  # written words


def passages(corpus: Corpus) -> list[Passage]:
    """The text in stretches of whole sentences."""
    found, begin = [], 0
    starts = [*corpus.starts.tolist(), len(corpus.words)]
    for place, end in enumerate(starts):
        if end - begin >= WINDOW or (place == len(starts) - 1 and end > begin):
            found.append(
                Passage(
                    tuple(corpus.vocabulary[word].upper() for word in corpus.words[begin:end]),
                    tuple(corpus.marks[begin:end].tolist()),
                    tuple(None if case < 0 else bool(case) for case in corpus.cases[begin:end].tolist()),
                )
            )
            begin = end
    return found


def measure(items: Iterable[Passage], method: Method) -> Counts:
    """Count what a method writes."""
    total = Counts()
    for item in items:
        written = method(item)
        marks = [_mark(word) for word in written]
        total = total + count_marks(np.array(marks), np.array(item.marks))
        starts = [True, *(MARKS[mark] in SENTENCE_ENDS for mark in marks[:-1])]
        counted = [
            (word[:1].isupper(), wanted)
            for word, wanted, first in zip(written, item.capitals, starts, strict=True)
            if wanted is not None and not (first and word[:1].isupper())
        ]
        right = sum(given and wanted for given, wanted in counted)
        capital = Score(right, sum(given for given, _ in counted), sum(wanted for _, wanted in counted))
        total = total + Counts({"capital": capital})
    return total


def _mark(word: str) -> int:
    return next((n for n in range(len(MARKS) - 1, 0, -1) if word.endswith(MARKS[n])), 0)


def finished(writer: Writer) -> Method:
    """The bidirectional output."""
    return lambda item: writer.write(item.words, pauses_s=item.pauses_s, confidences=item.confidences)


def live(writer: Writer) -> Method:
    """The causal output with its look-ahead, as live captions have it."""

    def write(item: Passage) -> Sequence[str]:
        answers, _ = writer.live_answers(writer.encode(item.words, item.pauses_s, item.confidences), None)
        return writer.spell(item.words, answers)

    return write


def floor_of_phrases(item: Passage) -> Sequence[str]:
    """A capital and a full stop for the whole phrase."""
    words = [word.lower() for word in item.words]
    words[0] = words[0].capitalize()
    return [*words[:-1], f"{words[-1]}."]


def floor_of_pauses(item: Passage) -> Sequence[str]:
    """Marks by the length of the pause alone."""
    pauses = item.pauses_s or (None,) * len(item.words)
    written, starts = [], True
    for place, (word, pause) in enumerate(zip(item.words, pauses, strict=True)):
        end = (pause or 0.0) >= PAUSES_S[1] or place == len(pauses) - 1
        mark = "." if end else "," if (pause or 0.0) >= PAUSES_S[0] else ""
        written.append((word.capitalize() if starts else word.lower()) + mark)
        starts = end
    return written


def show(title: str, methods: dict[str, Counts]) -> None:
    """A table of F1 (precision, recall) by kind."""
    print(f"\n{title}\n")
    print("| | " + " | ".join(methods) + " |\n|---|" + "---|" * len(methods))
    for kind in SHOWN:
        scores = [counts.scores.get(kind, Score()) for counts in methods.values()]
        cells = [f"{100 * s.f1:.1f} ({100 * s.precision:.0f}, {100 * s.recall:.0f})" for s in scores]
        print(f"| {kind} ({scores[0].wanted}) | " + " | ".join(cells) + " |")


def text(writer: Writer, file: Path, max_words: int) -> None:
    """Held-out books, text alone."""
    _, lines = part([line for line in read_lines(file) if is_prose(line)], 2.0)
    reader = TextReader(writer.config.forms)
    items = passages(encode(map(reader.read, lines)))
    items = items[: max_words // WINDOW] if max_words else items
    n_words = sum(len(item.words) for item in items)
    methods = {
        "finished text": measure(items, finished(writer)),
        "live": measure(items, live(writer)),
        "floor: phrases": measure(items, floor_of_phrases),
    }
    show(f"Held-out books, text alone, {n_words} words: F1 (precision, recall) in percent", methods)


def speech(writer: Writer, manifest: Path, max_recordings: int, model: str) -> None:
    """Read speech: pauses and recognised words."""
    recogniser = audio_lstm.load_speech(model)
    reader = TextReader(writer.config.forms)
    aligned, recognised = [], []
    rows = [json.loads(line) for line in manifest.read_text("utf-8").splitlines()]
    rows = [row for row in rows if row.get("written")][-max_recordings:]
    for row in rows:
        audio = manifest.parent / row["audio"]
        try:
            words = audio_lstm.align(audio, row["written"], model=recogniser).words
            heard = audio_lstm.transcribe(audio, model=recogniser.unwritten()).words
        except AudioLSTMError:
            continue
        item = _aligned(reader, [(word.text, word.start_s, word.end_s) for word in words])
        if item is not None:
            aligned.append(item)
            recognised.append(_recognised(item, heard))
    bare = [Passage(item.words, item.marks, item.capitals) for item in aligned]
    methods = {
        "reference words, text alone": measure(bare, finished(writer)),
        "with pauses": measure(aligned, finished(writer)),
        "live, with pauses": measure(aligned, live(writer)),
        "recognised words": measure(recognised, finished(writer)),
        "floor: phrases": measure(aligned, floor_of_phrases),
        "floor: pauses": measure(aligned, floor_of_pauses),
    }
    show(f"{manifest.name}, the last {len(aligned)} with written text", methods)


def _aligned(reader: TextReader, tokens: Sequence[tuple[str, float | None, float | None]]) -> Passage | None:
    """The words of a recording with the pauses after them; inside a token there is none."""
    words: list[str] = []
    marks: list[int] = []
    capitals: list[bool | None] = []
    pauses: list[float | None] = []
    for place, (token, _, end_s) in enumerate(tokens):
        following = tokens[place + 1][1] if place + 1 < len(tokens) else None
        for heard in reader.read(token):
            first = not marks or MARKS[marks[-1]] in SENTENCE_ENDS
            words.append(heard.word.upper())
            capitals.append(None if first and heard.case else bool(heard.case))
            marks.append(heard.mark)
            pauses.append(0.0)
        if pauses:
            pauses[-1] = None if following is None or end_s is None else max(0.0, following - end_s)
    return Passage(tuple(words), tuple(marks), tuple(capitals), tuple(pauses)) if words else None


def _recognised(item: Passage, heard: Sequence[Word]) -> Passage:
    """What was heard, with the marks of the words that it stands for."""
    spoken = [word.spoken for word in heard] or ["UH"]
    marks = [0] * len(spoken)
    capitals: list[bool | None] = [None] * len(spoken)
    for kind, i1, i2, j1, j2 in difflib.SequenceMatcher(a=item.words, b=spoken, autojunk=False).get_opcodes():
        if kind == "equal":
            for i, j in zip(range(i1, i2), range(j1, j2), strict=True):
                marks[j], capitals[j] = item.marks[i], item.capitals[i]
        elif i2 > i1 and max(j2 - 1, j1 - 1) >= 0:  # what ends here is still to be marked
            last = j2 - 1 if j2 > j1 else j1 - 1
            marks[last] = marks[last] or next((mark for mark in reversed(item.marks[i1:i2]) if mark), 0)
    gaps = [max(0.0, after.start_s - word.end_s) for word, after in pairwise(heard)]
    pauses = (*gaps, None) if heard else (None,)
    sure = tuple(word.confidence for word in heard) or (0.0,)
    return Passage(tuple(spoken), tuple(marks), tuple(capitals), pauses, sure)


def numbers() -> None:
    """The table of the tests."""
    rows = [line.split("\t") for line in TABLE.read_text("utf-8").splitlines()]
    right = 0
    for spoken, expected in rows:
        tokens = spoken.split()
        words = [token.rstrip(",") for token in tokens]
        written, place = [], 0
        for number in to_digits(words, [False, *(token.endswith(",") for token in tokens[:-1])]):
            written += [*words[place : number.start], number.text]
            place = number.end
        right += " ".join([*written, *words[place:]]) == expected
    print(f"\nNumbers: {right} of {len(rows)} right, {100 * right / len(rows):.1f} %")


def speed(writer: Writer, model: str, recording: Path) -> None:
    """Words a second, and the share of a transcription."""
    words = [word for line in read_lines(TEXT)[:3000] for word in line.upper().split()]
    writer.write(words[:1000])
    start = time.process_time()
    writer.write(words)
    taken = time.process_time() - start
    print(f"\nSpeed: {len(words) / taken:,.0f} words a second of one core ({len(words)} words)")
    recogniser = audio_lstm.load_speech(model)
    transcript = audio_lstm.transcribe(recording, model=recogniser.unwritten())
    start = time.process_time()
    transcript = audio_lstm.transcribe(recording, model=recogniser.unwritten())
    plain = time.process_time() - start
    start = time.process_time()
    list(Writing(writer).write(transcript.segments))
    taken = time.process_time() - start
    print(f"Share of a transcription: {100 * taken / (plain + taken):.2f} % ({len(transcript.words)} words)")


def main() -> None:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--writer", default="english-writer")
    parser.add_argument("--model", default="english-base")
    parser.add_argument(
        "--what", nargs="+", choices=("text", "speech", "numbers", "speed"), default=["text", "numbers"]
    )
    parser.add_argument("--text", type=Path, default=TEXT)
    parser.add_argument("--data", type=Path, nargs="+", default=[Path("../shared/speech/ljspeech.train.jsonl")])
    parser.add_argument("--max-recordings", type=int, default=100)
    parser.add_argument("--max-words", type=int, default=0, help="of the books; 0: all")
    parser.add_argument("--recording", type=Path, default=Path("demos/samples/control.wav"))
    options = parser.parse_args()
    writer = load_writer(options.writer)
    if "text" in options.what:
        text(writer, options.text, options.max_words)
    if "speech" in options.what:
        for manifest in options.data:
            speech(writer, manifest, options.max_recordings, options.model)
    if "numbers" in options.what:
        numbers()
    if "speed" in options.what:
        speed(writer, options.model, options.recording)


if __name__ == "__main__":
    main()
