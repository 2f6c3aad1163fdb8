"""From heard words to text that people can read: marks and capitals, sentences, figures.

    for segment in writing.write(segments): ...      # whole sentences, as soon as what follows them is known
    live = writing.live(); live.update(words, n_stable); live.end(words)

Words keep their times and their confidence, and what was heard in `Word.spoken`.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

from audio_lstm.errors import ModelError
from audio_lstm.runtime import State
from audio_lstm.speech.decoding.decoding import Decoding, DecodingConfig, read_decoding
from audio_lstm.speech.hearing.transcript import Segment, Word
from audio_lstm.speech.text.numeral_rules import Numeral
from audio_lstm.speech.text.numerals import Letters, Numbers, joined_letters, to_digits
from audio_lstm.speech.text.punctuation import MARKS, SENTENCE_ENDS, Writer, load_writer

__all__ = ["PLAIN", "LiveWriting", "Writing", "build_writing", "find_writer"]


_AHEAD = 12  # words after a sentence that are read before it is written
_CONTEXT = 40  # words before, which are read again
_LONGEST = 240  # words without the end of a sentence that are kept waiting
_NUMBER_WORDS = 4  # that a live number is waited for where there is no writer
_SILENCE_S = 3.0  # which ends a sentence whatever was said
_ANY_MARK = "".join(mark.strip() for mark in MARKS)


@dataclass(frozen=True)
class Writing:
    """How heard words are written down. Holds no state between calls."""

    writer: Writer | None = None  # None: as they were heard
    numbers: Numbers = "words"
    letters: Letters = "apart"
    notes: tuple[str, ...] = ()  # why there is no writer, where one was expected

    @property
    def is_plain(self) -> bool:
        """Whether words stay as they were heard."""
        return self.writer is None and (self.numbers, self.letters) == ("words", "apart")

    def write(self, segments: Iterable[Segment]) -> Iterator[Segment]:
        """Write the segments of a recording.

        Args:
            segments: As heard, in their order, each with words.

        Yields:
            With a writer: sentences, each as soon as it and some words after it were heard. Without one: the segments
            as they come. Figures and letters as they are wanted.
        """
        if self.writer is None:
            for segment in segments:
                yield replace(segment, words=self.shown(segment.words))
            return
        sentences = _Sentences(self.writer)
        for segment in segments:
            yield from map(self._shown, sentences.feed(segment))
        yield from map(self._shown, sentences.finish())

    def live(self) -> LiveWriting:
        """The writing of a stream, from its beginning."""
        return LiveWriting(self)

    def _shown(self, segment: Segment) -> Segment:
        return replace(segment, words=self.shown(segment.words))

    def shown(self, words: Sequence[Word]) -> tuple[Word, ...]:
        """Written words with their figures and letters as they are wanted.

        Args:
            words: Written or as heard.

        Returns:
            The words; a number, or letters that are joined, are one word with all that was heard of it.
        """
        found: list[Numeral] = []
        spoken = [word.spoken for word in words]
        if self.numbers == "digits":
            found += to_digits(spoken, [False, *(_mark(word.text) != "" for word in words[:-1])][: len(words)])
        taken = {place for number in found for place in range(number.start, number.end)}
        if self.letters == "joined":
            found += [run for run in joined_letters(spoken) if taken.isdisjoint(range(run.start, run.end))]
        return _merged(words, sorted(found, key=lambda number: number.start))


PLAIN = Writing()


def find_writer(
    wanted: str | os.PathLike[str] | Writer | None, own: str, folder: os.PathLike[str] | None, language: str
) -> tuple[Writer | None, tuple[str, ...]]:
    """The writer of a recogniser.

    Args:
        wanted: "default": the recogniser's own, if it has one; a model folder or a shipped one's name; None: none.
        own: What the recogniser's decoding.json names; "": none.
        folder: The recogniser's.
        language: The recogniser's, an IETF tag.

    Returns:
        The writer, if there is one that fits, and lines that say why there is none where one was expected. A writer
        that was asked for by name and is not there, or is damaged, is a ModelError.
    """
    if wanted is None or (wanted == "default" and not own):
        return None, ()
    if wanted == "default":
        inside = os.path.join(os.fspath(folder), own) if folder is not None else ""
        try:
            writer = load_writer(inside if inside and os.path.isdir(inside) else own)
        except ModelError as error:
            return None, (f"the text is left as it was heard: {error}",)
    else:
        writer = load_writer(wanted)
    if writer.config.language.partition("-")[0].lower() != language.partition("-")[0].lower():
        note = (
            f"the text is left as it was heard: the writer {writer.name!r} knows the language "
            f"{writer.config.language!r}, not {language!r}; choose another one"
        )
        return None, (note,)
    return writer, ()


def build_writing(wanted: Decoding, *, folder: Path | None, language: str) -> Writing:
    """How a model's words are written down, as its decoding.json says and as the caller wants it.

    Args:
        wanted: What the caller asks for. A writer that is named and cannot be loaded is a ModelError.
        folder: The model's folder; None for a model that has none.
        language: The model's, an IETF tag.

    Returns:
        The writing; its notes say why there is no writer where one was expected.
    """
    stored = read_decoding(folder) if folder else DecodingConfig()
    own = "" if wanted.vocabulary or wanted.grammar else stored.writer
    writer, notes = find_writer(wanted.writer, own, folder, language)
    return Writing(writer, wanted.numbers, wanted.letters, notes)


class _Sentences:
    """Heard words in, sentences out, each once enough of what follows is known."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._context: list[Word] = []  # written, before the waiting ones
        self._waiting: list[Word] = []  # heard, in no sentence yet
        self._begins: list[Segment] = []  # the segments of the waiting words
        self._starts = True  # whether the first waiting word begins a sentence

    def feed(self, segment: Segment) -> Iterator[Segment]:
        """Take a segment; the sentences that are complete."""
        words = segment.words
        if self._waiting and words[0].start_s - self._waiting[-1].end_s >= _SILENCE_S:
            yield from self.finish()
        self._waiting += words
        self._begins.append(segment)
        yield from self._cut(last=False)

    def finish(self) -> Iterator[Segment]:
        """The sentences that are left: a long silence, or the end of the recording."""
        yield from self._cut(last=True)
        self._context, self._starts = [], True

    def _cut(self, *, last: bool) -> Iterator[Segment]:
        if not self._waiting:
            return
        words = [*self._context, *self._waiting]
        answers = self._writer.answers(
            [word.spoken for word in words], pauses_s=_pauses(words), confidences=[word.confidence for word in words]
        )
        n = len(self._context)
        kept = replace(answers, marks=answers.marks[n:], cases=answers.cases[n:])
        texts = self._writer.spell([word.spoken for word in self._waiting], kept, starts=self._starts, ends=last)
        ends = [place + 1 for place, text in enumerate(texts) if text.endswith(SENTENCE_ENDS)]
        if not last:
            ends = [end for end in ends if end + _AHEAD <= len(texts)]
            if not ends and len(texts) > _LONGEST:
                ends = [len(texts) - _AHEAD]
        written = [replace(word, text=text) for word, text in zip(self._waiting, texts, strict=True)]
        begin = 0
        for end in ends:
            yield self._segment(written[begin:end])
            begin = end
        if begin:
            self._context = [*self._context, *written[:begin]][-_CONTEXT:]
            self._starts = texts[begin - 1].endswith(SENTENCE_ENDS)
            self._waiting = self._waiting[begin:]
            if self._waiting:
                self._begins = [each for each in self._begins if each.words[-1].end_s >= self._waiting[0].start_s]
            else:
                self._begins = []

    def _segment(self, words: Sequence[Word]) -> Segment:
        """A sentence: with the quiet around its first and last word where those began or ended what was heard."""
        start_s, end_s = words[0].start_s, words[-1].end_s
        for heard in self._begins:
            if heard.words[0].start_s == start_s:
                start_s = heard.start_s
            if heard.words[-1].end_s == end_s:
                end_s = heard.end_s
        return Segment(start_s, end_s, tuple(words))


class LiveWriting:
    """Writes the utterances of a stream while they are spoken; what it has once called stable stays."""

    def __init__(self, writing: Writing) -> None:
        """Begin before the first word.

        Args:
            writing: How.
        """
        self._writing = writing
        self._state: State | None = None  # of the causal LSTM, before the open utterance
        self._starts = True
        self._stable: list[Word] = []  # of the open utterance, as they were first written
        self._n_heard = 0  # heard words in them

    def update(self, words: Sequence[Word], n_stable: int) -> tuple[tuple[Word, ...], tuple[Word, ...]]:
        """Write the open utterance so far.

        Args:
            words: All its words, as heard.
            n_stable: How many of them, from the first, will not change.

        Returns:
            The words that will not change, and those that may.
        """
        if self._writing.is_plain:
            return tuple(words[:n_stable]), tuple(words[n_stable:])
        written, _, _ = self._written(words)
        if written and self._writing.writer:  # nobody knows yet what ends here
            written = (*written[:-1], replace(written[-1], text=written[-1].text.rstrip(_ANY_MARK + " ")))
        look_ahead = self._writing.writer.config.look_ahead if self._writing.writer else _NUMBER_WORDS
        safe = n_stable - look_ahead
        tokens = self._writing.shown(written[self._n_heard :])
        place, n_kept = self._n_heard, 0
        for token in tokens:
            n_words = len(token.spoken.split())
            if place + n_words > safe:
                break
            place, n_kept = place + n_words, n_kept + 1
        self._stable += tokens[:n_kept]
        self._n_heard = place
        return tuple(self._stable), tokens[n_kept:]

    def end(self, segment: Segment) -> Segment:
        """Write an utterance that has ended.

        Args:
            segment: Its words, as heard.

        Returns:
            The same, written; the words that were called stable are as they were.
        """
        if self._writing.is_plain:
            return segment
        heard = [part for word in self._stable for part in word.spoken.split()]
        if [word.spoken for word in segment.words[: len(heard)]] != heard:
            self._stable, self._n_heard = [], 0  # another text was found in the end
        written, self._state, self._starts = self._written(segment.words)
        words = (*self._stable, *self._writing.shown(written[self._n_heard :]))
        self._stable, self._n_heard = [], 0
        return replace(segment, words=words)

    def _written(self, words: Sequence[Word]) -> tuple[tuple[Word, ...], State | None, bool]:
        """The words, and where the next utterance goes on."""
        writer = self._writing.writer
        if writer is None or not words:
            return tuple(words), self._state, self._starts
        spoken = [word.spoken for word in words]
        ids = writer.encode(spoken, _pauses(words), [word.confidence for word in words])
        answers, state = writer.live_answers(ids, self._state)
        texts = writer.spell(spoken, answers, starts=self._starts)
        written = tuple(replace(word, text=text) for word, text in zip(words, texts, strict=True))
        return written, state, texts[-1].endswith(SENTENCE_ENDS)


def _pauses(words: Sequence[Word]) -> list[float | None]:
    """The silence after each word; unknown after the last one."""
    gaps = [max(0.0, after.start_s - word.end_s) for word, after in pairwise(words)]
    return [*gaps, *([None] * bool(words))]


def _mark(text: str) -> str:
    """The marks at the end of a written word."""
    return text[len(text.rstrip(_ANY_MARK + " ")) :]


def _merged(words: Sequence[Word], numbers: Sequence[Numeral]) -> tuple[Word, ...]:
    """Words, with each number as one word."""
    merged: list[Word] = []
    place = 0
    for number in numbers:
        parts = words[number.start : number.end]
        mark = _mark(parts[-1].text)
        if mark.startswith(".") and number.text.endswith("."):
            mark = mark[1:]
        merged += words[place : number.start]
        merged.append(
            Word(
                number.text + mark,
                parts[0].start_s,
                parts[-1].end_s,
                min(part.confidence for part in parts),
                " ".join(part.spoken for part in parts),
            )
        )
        place = number.end
    return (*merged, *words[place:])
