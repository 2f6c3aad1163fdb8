"""`align`: a recording and its script -> when each word and letter of the script is said, and what does not match."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import zip_longest

import numpy as np
from numpy.typing import NDArray

from audio_lstm.audio.files import DEFAULT_MAX_SECONDS, AudioSource, Reading, read_blocks
from audio_lstm.speech.aligning.alignment import AlignedCharacter, AlignedWord, Alignment, Stretch
from audio_lstm.speech.aligning.anchors import heard_symbols
from audio_lstm.speech.aligning.script import Script, read_script
from audio_lstm.speech.aligning.script_forms import choose_forms
from audio_lstm.speech.aligning.script_path import FLOOR, SymbolSpans, find_words, matched_words
from audio_lstm.speech.ctc.timing import LEVEL_RATE, QUIET, Peaks, Timing, quietness, word_times
from audio_lstm.speech.decoding.decoding import Decoding
from audio_lstm.speech.hearing.recogniser import DEFAULT_MODEL, SpeechRecogniser, load_speech
from audio_lstm.speech.hearing.transcribe import hear
from audio_lstm.speech.text.alphabet import BLANK

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
    track: int | None = None,
) -> Alignment:
    """Find out when each word of a text is said in a recording.

    Examples:
        >>> import audio_lstm
        >>> alignment = audio_lstm.align("demos/samples/control.wav", "Enter sixty-four.")
        >>> [word.text for word in alignment.words if 0 < word.start_s < word.end_s]
        ['Enter', 'sixty-four.']

    The text is brought into the model's letters. Numbers, money, signs and abbreviations are spelled out in the
    ways that people say them, and the one that fits the recording best is kept; words that the model cannot write
    even so (of another alphabet, say) have the speech between their neighbours. What does not match is flagged:
    words of the text that are not said, and speech that is not in the text. Of words that stand in another order
    than they are said, those of the longer part are found. Time and memory grow with the length of the recording;
    an hour of speech with its whole text takes about as long as hearing it.

    Args:
        audio: As for `transcribe`: a path, a binary file object, or `(samples, sample_rate)`.
        text: What is said, with punctuation, in any case, numbers in figures or in words.
        model: A shipped model's name, a model folder, a hub id, or a model from `load_speech`. How it decodes plays
            no part.
        device: "cpu" (ONNX Runtime) or "cuda" (torch); a model from `load_speech` stays where it was loaded.
        max_seconds: Refuse recordings that decode to more than this.
        allow_truncated: Take what can be read of a file that is damaged or breaks off, instead of refusing it.
        track: Which sound track of a film, counted from 1; None takes the default one.

    Returns:
        The words with their times.

    Raises:
        AudioError: If the recording cannot be read, is damaged, or too long.
        ConfigError: If an option is out of range.
        DataError: If the text has no word that the model can write.
        ModelError: If the model is not found, is damaged, or belongs to the music wing.
    """  # noqa: DOC502 - raised by what it calls
    recogniser = load_speech(model, device=device, decoding=_greedy(model))
    script = read_script(text, recogniser.alphabet, language=recogniser.config.language)
    blocks = read_blocks(
        audio,
        sample_rate=recogniser.config.features.sample_rate,
        max_seconds=max_seconds,
        allow_truncated=allow_truncated,
        track=track,
    )
    sound = _listen(blocks, recogniser)
    script = choose_forms(sound.log_probs, script)
    words, unscripted = _find(script, sound, recogniser.decoder.timing)
    return Alignment(
        words=words,
        unscripted=unscripted,
        duration_s=sound.duration_s,
        model=recogniser.name,
        peak_db=sound.peak_db,
        language=recogniser.config.language,
        notes=blocks.notes,
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
    quiet: NDArray[np.float64]  # (levels,) from `timing.quietness`, of the whole recording
    duration_s: float
    peak_db: float


@dataclass(frozen=True)
class _Heard:
    """A word of the script that is heard."""

    number: int  # in the script
    symbols: range  # of all symbols of the script


@dataclass(frozen=True)
class _Gap:
    """What lies between two words that are heard."""

    words: range  # of the script: those that are not heard, or that the model cannot write
    stretch: Stretch | None  # speech


def _listen(blocks: Reading, recogniser: SpeechRecogniser) -> _Sound:
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
    times: list[NDArray[np.float64]] = [np.zeros((0, 2))]
    levels: list[tuple[int, NDArray[np.float64]]] = []
    for heard in hear(watched(), recogniser, blocks.seams):
        log_probs = heard.log_probs[:, : recogniser.config.n_outputs]
        begin_s, end_s = heard.start_sample / rate, heard.stop_sample / rate
        edges = begin_s + frame_s * np.arange(len(log_probs) + 1)
        rows += [silence, log_probs]
        times += [np.array([[begin_s, begin_s]]), np.stack([edges[:-1], np.minimum(edges[1:], end_s)], axis=1)]
        levels.append((round(begin_s * LEVEL_RATE), quietness(heard.powers)))
    quiet = np.full(math.ceil(n_samples * LEVEL_RATE / rate) + 1, QUIET)
    for first, level in levels:
        quiet[first : first + len(level)] = level[: len(quiet) - first]
    starts, ends = np.concatenate(times).T
    peak_db = 20 * math.log10(peak) if peak > 0 else -math.inf
    return _Sound(np.concatenate(rows), starts, ends, quiet, n_samples / rate, peak_db)


def _place(script: Script, sound: _Sound) -> tuple[SymbolSpans, list[_Heard], list[_Gap]]:
    """Which words of the script are heard, and what lies before, between and after them."""
    spans = find_words(sound.log_probs, script.ids, script.alphabet)
    # What is heard where a word stands that the model cannot write is that word, and no disagreement.
    spans = replace(spans, n_strange=np.where(script.has_unwritable, 0, spans.n_strange))
    lengths = np.array([len(ids) for ids in script.ids], np.int64)
    matched = matched_words(spans, lengths, script.is_guess).tolist()
    first_symbols = [0, *np.cumsum(lengths).tolist()]  # of each unit
    _, begins, ends = heard_symbols(sound.log_probs, script.alphabet)
    heard: list[_Heard] = []
    gaps: list[_Gap] = []
    unit = frame = after = 0  # the next unit; the frame and the word after the last word that is heard

    def close_gap(next_frame: int, next_word: int) -> None:
        low, high = np.searchsorted(begins, [frame, next_frame]).tolist()
        stretch = None
        if high > low:
            start_s, end_s = sound.start_s[begins[low]], sound.end_s[ends[high - 1]]
            stretch = Stretch(float(start_s), float(end_s), high - low)
        gaps.append(_Gap(range(after, next_word), stretch))

    for number, word in enumerate(script.words):
        next_unit = unit + len(word.units)
        if word.units and all(matched[unit:next_unit]):
            symbols = range(first_symbols[unit], first_symbols[next_unit])
            close_gap(int(spans.start_frames[symbols.start]), number)
            heard.append(_Heard(number, symbols))
            frame, after = int(spans.end_frames[symbols.stop - 1]) + 1, number + 1
        unit = next_unit
    close_gap(len(sound.log_probs), len(script.words))
    return spans, heard, gaps


def _find(script: Script, sound: _Sound, timing: Timing) -> tuple[tuple[AlignedWord, ...], tuple[Stretch, ...]]:
    """The words of the script, and the speech that it does not have."""
    spans, heard, gaps = _place(script, sound)
    words = [
        AlignedWord(word.text, None, None, 0.0, matched=False, writable=bool(word.units), characters=())
        for word in script.words
    ]
    # Speech between the words has its edges as words have, so that it does not drag theirs.
    peaks = []
    for gap, word in zip_longest(gaps, heard):
        peaks += [Peaks(gap.stretch.start_s, gap.stretch.end_s, is_single=False)] if gap.stretch else []
        peaks += [_peaks(spans, word.symbols, sound)] if word else []
    times = iter([(start_s, min(end_s, sound.duration_s)) for start_s, end_s in word_times(peaks, sound.quiet, timing)])
    unscripted: list[Stretch] = []
    for gap, word in zip_longest(gaps, heard):
        if gap.stretch:
            stretch = Stretch(*next(times), gap.stretch.n_symbols)
            unwritable = [number for number in gap.words if not words[number].writable]
            if unwritable:
                edges = np.linspace(stretch.start_s, stretch.end_s, len(unwritable) + 1).tolist()
                for number, start_s, end_s in zip(unwritable, edges[:-1], edges[1:], strict=True):
                    words[number] = replace(words[number], start_s=start_s, end_s=end_s)
            elif stretch.n_symbols >= _MIN_STRANGE_SYMBOLS:
                unscripted.append(stretch)
        if word:
            span = next(times)
            scores = spans.scores[word.symbols.start : word.symbols.stop]
            words[word.number] = replace(
                words[word.number],
                start_s=span[0],
                end_s=span[1],
                score=math.exp(float(scores.mean())),
                matched=True,
                characters=tuple(_characters(script, spans, word.symbols, sound, span)),
            )
    return tuple(words), tuple(unscripted)


def _peaks(spans: SymbolSpans, symbols: range, sound: _Sound) -> Peaks:
    """Where a word is heard."""
    return Peaks(
        first_s=float(sound.start_s[spans.start_frames[symbols.start]]),
        last_s=float(sound.end_s[spans.end_frames[symbols.stop - 1]]),
        is_single=len(symbols) == 1,
    )


def _characters(
    script: Script, spans: SymbolSpans, symbols: range, sound: _Sound, times: tuple[float, float]
) -> Iterator[AlignedCharacter]:
    """The letters of a word: each lasts until the next is heard; those of a piece share its time."""
    begins = sound.start_s[spans.start_frames[symbols.start + 1 : symbols.stop]]
    edges = [times[0], *np.clip(begins, *times).tolist(), times[1]]
    for symbol, begin, end in zip(symbols, edges[:-1], edges[1:], strict=True):
        piece, score = script.symbols[symbol], math.exp(float(spans.scores[symbol]))
        parts = np.linspace(begin, end, len(piece) + 1).tolist()
        for letter, start_s, end_s in zip(piece, parts[:-1], parts[1:], strict=True):
            yield AlignedCharacter(letter, start_s, end_s, score)
