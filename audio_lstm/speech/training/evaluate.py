"""Corpus-level error rates of a speech model on a manifest of recordings."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from audio_lstm.atomic import atomic_write
from audio_lstm.errors import AudioError, DataError
from audio_lstm.speech.decoding.confidence import expected_calibration_error
from audio_lstm.speech.hearing.recogniser import SpeechRecogniser
from audio_lstm.speech.hearing.transcribe import transcribe
from audio_lstm.speech.hearing.transcript import Word
from audio_lstm.speech.text.data import Utterance
from audio_lstm.speech.text.spoken import as_spoken
from audio_lstm.speech.training.metrics import ErrorReport, count_edits, score

__all__ = ["SpeechEvaluation", "evaluate_speech"]


@dataclass(frozen=True)
class SpeechEvaluation:
    """How well, and how fast, a model wrote down a manifest."""

    report: ErrorReport
    references: tuple[str, ...]  # the manifest's texts, normalised to the model's alphabet
    hypotheses: tuple[str, ...]  # one an utterance, in the manifest's order
    unwritable: tuple[str, ...]  # those references that hold letters the model has not, such as digits
    unreadable: tuple[str, ...]  # what was wrong with recordings that could not be read; they count as empty
    audio_s: float  # seconds of audio
    wall_s: float  # seconds it took, reading the files included
    confidences: tuple[float, ...]  # of all words of the hypotheses in order, 0..1
    correct: tuple[bool, ...]  # whether each of them is right
    decoding: str  # how the model's output became words: "greedy", or language model, weights and beam

    @property
    def calibration_error(self) -> float:
        """Expected calibration error of the confidences over ten bins, 0..1 (Naeini et al. 2015); 0 without words."""
        return expected_calibration_error(self.confidences, self.correct)

    def write_per_utterance(self, path: str | os.PathLike[str], utterances: Sequence[Utterance]) -> None:
        """Write one JSON object a line: id, reference, hypothesis, word errors.

        Args:
            path: The file to write.
            utterances: Those that were evaluated.

        Raises:
            DataError: If the file cannot be written.
        """
        lines = [
            json.dumps(
                {
                    "id": utterance.id,
                    "reference": reference,
                    "hypothesis": hypothesis,
                    "n_word_errors": count_edits(alignment).n_errors,
                }
            )
            for utterance, reference, hypothesis, alignment in zip(
                utterances, self.references, self.hypotheses, self.report.alignments, strict=True
            )
        ]
        try:
            with atomic_write(path) as scratch:
                scratch.write_text("\n".join(lines) + "\n", "utf-8")
        except OSError as error:
            raise DataError(
                f"{path}: cannot be written ({error.strerror}); check the folder and the space left"
            ) from error

    def to_dict(self) -> dict[str, Any]:
        """The figures as JSON values."""
        return {
            "wer": self.report.wer,
            "cer": self.report.cer,
            "n_utterances": len(self.hypotheses),
            "n_words": self.report.words.n_reference,
            "n_characters": self.report.characters.n_reference,
            "n_unreadable": len(self.unreadable),
            "calibration_error": self.calibration_error,
            "decoding": self.decoding,
            "audio_s": round(self.audio_s, 3),
            "real_time_factor": round(self.wall_s / self.audio_s, 5) if self.audio_s else None,
        }


def evaluate_speech(
    utterances: Sequence[Utterance], recogniser: SpeechRecogniser, *, progress: Callable[[int], None] | None = None
) -> SpeechEvaluation:
    """Transcribe every utterance and compare it with its text.

    Args:
        utterances: From `read_manifest`.
        recogniser: From `load_speech`.
        progress: Called with the number of utterances done.

    Returns:
        Word and character error rates over the whole corpus. A recording that cannot be read counts as an empty
        hypothesis and is listed; a text with letters that the model has not is scored as it is, and listed.
    """
    references = [
        as_spoken(utterance.text, recogniser.alphabet, language=recogniser.config.language) for utterance in utterances
    ]
    unwritable = tuple(text for text in references if any(letter not in recogniser.alphabet for letter in text))
    recogniser = recogniser.unwritten()  # what was heard is compared
    heard: list[tuple[Word, ...]] = []
    unreadable: list[str] = []
    audio_s = 0.0
    start = time.perf_counter()
    for done, utterance in enumerate(utterances, 1):
        try:
            transcript = transcribe(utterance.audio, model=recogniser)
            audio_s += transcript.duration_s
            heard.append(transcript.words)
        except AudioError as error:
            unreadable.append(str(error))
            heard.append(())
        if progress is not None:
            progress(done)
    wall_s = time.perf_counter() - start
    hypotheses = tuple(" ".join(word.text for word in words) for words in heard)
    report = score(references, hypotheses)
    written = [op for alignment in report.alignments for op in alignment if op.hypothesis is not None]
    return SpeechEvaluation(
        report=report,
        references=tuple(references),
        hypotheses=hypotheses,
        unwritable=unwritable,
        unreadable=tuple(unreadable),
        audio_s=audio_s,
        wall_s=wall_s,
        confidences=tuple(word.confidence for words in heard for word in words),
        correct=tuple(op.kind == "hit" for op in written),
        decoding=recogniser.decoder.describe(),
    )
