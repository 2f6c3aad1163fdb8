"""`align`: a recording and its script -> when each word and letter of the script is said, and what does not match."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from audio_lstm.audio import DEFAULT_MAX_SECONDS, AudioSource, read_blocks
from audio_lstm.speech.alignment import AlignedCharacter, AlignedWord, Alignment, Stretch
from audio_lstm.speech.alphabet import BLANK
from audio_lstm.speech.anchors import heard_symbols
from audio_lstm.speech.decoding import Decoding
from audio_lstm.speech.recogniser import DEFAULT_MODEL, SpeechRecogniser, load_speech
from audio_lstm.speech.script import Script, ScriptWord, read_script
from audio_lstm.speech.script_path import FLOOR, SymbolSpans, find_words, matched_words
from audio_lstm.speech.transcribe import hear

__all__ = ["align"]

_MIN_STRANGE_SYMBOLS = 3  # fewer between two words are the model's mistakes, not speech without a script


def align(
    audio: AudioSource,
    text: str,
    *,
    model: str | os.PathLike[str] | SpeechRecogniser = DEFAULT_MODEL,
    device: str = "cpu",
    max_seconds: float = DEFAULT_MAX_SECONDS,
    allow_truncated: bool = False,
) -> Alignment:
    """Find out when each word of a text is said in a recording.

    Example:
        >>> import audio_lstm
        >>> alignment = audio_lstm.align("demos/samples/control.wav", "Enter sixty-four.")
        >>> [(word.text, word.start_s, word.end_s) for word in alignment.words]

    The text is brought into the model's letters; words that it cannot write (digits, say) are kept, but not heard.
    What does not match is flagged: words of the text that are not said, and speech that is not in the text. Of words
    that stand in another order than they are said, those of the longer part are found. Time and memory grow with the
    length of the recording; an hour of speech with its whole text takes about as long as hearing it. A recording that
    cannot be read is an AudioError, a model that is not found or damaged is a ModelError, a text without a word that
    the model can write is a DataError.

    Args:
        audio: As for `transcribe`: a path, a binary file object, or `(samples, sample_rate)`.
        text: What is said, with punctuation and in any case; numbers spelled out.
        model: A shipped model's name, a model folder, a hub id, or a model from `load_speech`. How it decodes plays
            no part.
        device: "cpu" (ONNX Runtime) or "cuda" (torch); a model from `load_speech` stays where it was loaded.
        max_seconds: Refuse recordings that decode to more than this.
        allow_truncated: Take what can be read of a file that breaks off, instead of refusing it.

    Returns:
        The words with their times.
    """
    recogniser = load_speech(model, device=device, decoding=_greedy(model))
    script = read_script(text, recogniser.alphabet)
    blocks = read_blocks(
        audio,
        sample_rate=recogniser.config.features.sample_rate,
        max_seconds=max_seconds,
        allow_truncated=allow_truncated,
    )
    sound = _listen(blocks, recogniser)
    words, unscripted = _find(script, sound)
    return Alignment(
        words=words,
        unscripted=unscripted,
        duration_s=sound.duration_s,
        model=recogniser.name,
        peak_db=sound.peak_db,
    )


def _greedy(model: str | os.PathLike[str] | SpeechRecogniser) -> Decoding | None:
    """Spares a model that is loaded here its language model, which plays no part."""
    return None if isinstance(model, SpeechRecogniser) else Decoding(language_model=None)


@dataclass(frozen=True, eq=False)
class _Sound:
    """A recording as the model hears it: the phrases end to end, a frame of silence before each."""

    log_probs: NDArray[np.float32]  # (T, n_outputs)
    start_s: NDArray[np.float64]  # (T,) when each frame begins
    end_s: NDArray[np.float64]  # (T,)
    duration_s: float
    peak_db: float


def _listen(blocks: Iterable[NDArray[np.float32]], recogniser: SpeechRecogniser) -> _Sound:
    """Run the model over a recording."""
    n_samples, peak = 0, 0.0

    def watched() -> Iterator[NDArray[np.float32]]:
        nonlocal n_samples, peak
        for block in blocks:
            n_samples += len(block)
            peak = max(peak, float(np.abs(block).max(initial=0.0)))
            yield block

    rate, frame_s = recogniser.config.features.sample_rate, recogniser.config.output_frame_s
    silence = np.full((1, recogniser.alphabet.size), FLOOR, np.float32)
    silence[0, BLANK] = 0.0
    rows: list[NDArray[np.float32]] = [silence[:0]]
    starts: list[NDArray[np.float64]] = [np.zeros(0)]
    ends: list[NDArray[np.float64]] = [np.zeros(0)]
    for phrase, log_probs in hear(watched(), recogniser):
        begin_s, end_s = phrase.start_sample / rate, (phrase.start_sample + len(phrase.samples)) / rate
        rows += [silence, log_probs]
        times = begin_s + frame_s * np.arange(len(log_probs) + 1)
        starts += [times[:1], times[:-1]]
        ends += [times[:1], np.minimum(times[1:], end_s)]
    return _Sound(
        np.concatenate(rows),
        np.concatenate(starts),
        np.concatenate(ends),
        n_samples / rate,
        20 * math.log10(peak) if peak > 0 else -math.inf,
    )


def _find(script: Script, sound: _Sound) -> tuple[tuple[AlignedWord, ...], tuple[Stretch, ...]]:
    """The words of the script, and the speech between them."""
    spans = find_words(sound.log_probs, script.ids, script.alphabet)
    lengths = np.array([len(ids) for ids in script.ids], np.int64)
    matched = matched_words(spans, lengths).tolist()
    last_symbols = np.cumsum(lengths).tolist()
    _, begins, ends = heard_symbols(sound.log_probs, script.alphabet)
    words: list[AlignedWord] = []
    unscripted: list[Stretch] = []
    waiting: list[ScriptWord] = []  # words without times
    unit, symbol, frame = 0, 0, 0  # the next ones

    def close_gap(next_frame: int) -> None:
        low, high = np.searchsorted(begins, [frame, next_frame]).tolist()
        strange = None
        if high > low:
            strange = Stretch(float(sound.start_s[begins[low]]), float(sound.end_s[ends[high - 1]]), high - low)
        if waiting and strange and not any(word.units for word in waiting):
            words.extend(_share(waiting, strange))
        else:
            words.extend(_without_times(word) for word in waiting)
            if strange and strange.n_symbols >= _MIN_STRANGE_SYMBOLS:
                unscripted.append(strange)
        waiting.clear()

    for word in script.words:
        next_unit = unit + len(word.units)
        next_symbol = last_symbols[next_unit - 1] if word.units else symbol
        if word.units and all(matched[unit:next_unit]):
            close_gap(int(spans.start_frames[symbol]))
            words.append(_word(word, script, spans, range(symbol, next_symbol), sound))
            frame = int(spans.end_frames[next_symbol - 1]) + 1
        else:
            waiting.append(word)
        unit, symbol = next_unit, next_symbol
    close_gap(len(sound.log_probs))
    return tuple(words), tuple(unscripted)


def _without_times(word: ScriptWord) -> AlignedWord:
    """A word that is not said, or that the model cannot write."""
    return AlignedWord(word.text, None, None, 0.0, matched=False, writable=bool(word.units), characters=())


def _share(words: list[ScriptWord], stretch: Stretch) -> Iterator[AlignedWord]:
    """Words that the model cannot write, with equal parts of the speech that lies where they belong."""
    edges = np.linspace(stretch.start_s, stretch.end_s, len(words) + 1).tolist()
    for word, start_s, end_s in zip(words, edges[:-1], edges[1:], strict=True):
        yield AlignedWord(word.text, start_s, end_s, 0.0, matched=False, writable=False, characters=())


def _word(word: ScriptWord, script: Script, spans: SymbolSpans, symbols: range, sound: _Sound) -> AlignedWord:
    """A word that was heard, of these symbols."""
    scores = spans.scores[symbols.start : symbols.stop]
    begins = sound.start_s[spans.start_frames[symbols.start : symbols.stop]]
    end_s = float(sound.end_s[spans.end_frames[symbols.stop - 1]])
    pieces = [script.symbols[number] for number in symbols]
    return AlignedWord(
        text=word.text,
        start_s=float(begins[0]),
        end_s=end_s,
        score=math.exp(float(scores.mean())),
        matched=True,
        writable=True,
        characters=tuple(_characters(pieces, begins.tolist(), end_s, scores.tolist())),
    )


def _characters(
    pieces: list[str], begins: list[float], end_s: float, scores: list[float]
) -> Iterator[AlignedCharacter]:
    """The letters of a word: each lasts until the next begins; those of a piece share its time."""
    for piece, begin, end, score in zip(pieces, begins, [*begins[1:], end_s], scores, strict=True):
        edges = np.linspace(begin, end, len(piece) + 1).tolist()
        for letter, start, stop in zip(piece, edges[:-1], edges[1:], strict=True):
            yield AlignedCharacter(letter, start, stop, math.exp(score))
