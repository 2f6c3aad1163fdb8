"""Recordings to train on: decoded into memory at once, or each time they are used; and LibriSpeech's folders."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import soundfile
import torch
from numpy.typing import NDArray
from torch import Tensor

from audio_lstm.audio.files import load_audio
from audio_lstm.errors import AudioError, ConfigError, DataError
from audio_lstm.speech.acoustic.config import SpeechModelConfig
from audio_lstm.speech.text.alphabet import Alphabet
from audio_lstm.speech.text.data import Utterance
from audio_lstm.speech.text.spoken import as_spoken

__all__ = [
    "Item",
    "LazyRecording",
    "Recording",
    "encode_texts",
    "list_recordings",
    "load_corpus",
    "read_librispeech",
]

_LENGTH_TOLERANCE_S = 0.1  # by which a recording may differ from what its header or manifest says
_UNKNOWN_LENGTH = 1 << 40  # frames: libsndfile gives 2^63 - 1 where a stream was written without its length
_WAY_OUT = "give its duration_s in a manifest, or convert it to FLAC or WAV"
_SOURCE = "https://www.openslr.org/resources/12"


class Item(Protocol):
    """What the task asks of a recording: a `Recording`, or a `LazyRecording`."""

    @property
    def utterance(self) -> Utterance:
        """Whose recording and text it is."""

    @property
    def n_samples(self) -> int:
        """Its length at the model's rate, known without decoding."""

    @property
    def samples(self) -> NDArray[np.float32]:
        """The samples (n,) at the model's rate."""

    @property
    def target(self) -> Tensor:
        """Symbol ids, int64."""


@dataclass(frozen=True)
class Recording:
    """One training or development item, decoded once."""

    utterance: Utterance
    samples: NDArray[np.float32]  # (n,) at the model's rate
    target: Tensor  # symbol ids, int64

    @property
    def n_samples(self) -> int:
        """Its length at the model's rate."""
        return len(self.samples)


@dataclass(frozen=True, eq=False)
class LazyRecording:
    """A training or development item that is decoded, from its file, each time its samples are asked for.

    It has the attributes of `Recording`, and a few hundred bytes.
    """

    utterance: Utterance
    n_samples: int  # length at the model's rate, by the manifest or the file's header
    sample_rate: int  # the model's, in Hz
    ids: NDArray[np.int32]  # of the target's symbols

    @property
    def samples(self) -> NDArray[np.float32]:
        """The recording (n,) at the model's rate; AudioError if it cannot be read.

        Raises:
            DataError: If it is longer or shorter than `n_samples` promised, on which batches were planned.
        """
        samples = load_audio(self.utterance.audio, sample_rate=self.sample_rate)
        if abs(len(samples) - self.n_samples) > _LENGTH_TOLERANCE_S * self.sample_rate:
            raise DataError(
                f"{self.utterance.audio}: lasts {len(samples) / self.sample_rate:.2f} s, its manifest or header says "
                f"{self.n_samples / self.sample_rate:.2f} s; correct duration_s or fetch the recording again"
            )
        return samples

    @property
    def target(self) -> Tensor:
        """The symbol ids (n,), int64."""
        return torch.from_numpy(self.ids.astype(np.int64))


def load_corpus(utterances: Sequence[Utterance], model: SpeechModelConfig) -> list[Recording]:
    """Decode every recording of a manifest; at 16 kHz an hour takes 230 MB.

    A text that the alphabet cannot write is a DataError, before the first recording is decoded.

    Args:
        utterances: From `read_manifest`.
        model: Whose sample rate and alphabet to use.

    Returns:
        The recordings, in the same order.
    """
    targets = [torch.from_numpy(ids) for ids in encode_texts(utterances, model.alphabet, language=model.language)]
    return [
        Recording(utterance, load_audio(utterance.audio, sample_rate=model.features.sample_rate), target)
        for utterance, target in zip(utterances, targets, strict=True)
    ]


def list_recordings(utterances: Sequence[Utterance], model: SpeechModelConfig) -> list[LazyRecording]:
    """The recordings of a corpus of any size, to be decoded batch by batch in training.

    Lengths are those of the manifest; where it has none, the files' headers are read (about 0.3 ms each).
    Like `load_corpus`, which decodes everything at once, it refuses a text that the alphabet cannot write.

    Args:
        utterances: From `read_manifest`, `read_librispeech` …
        model: Whose sample rate and alphabet to use.

    Returns:
        The recordings, in the same order.
    """
    rate = model.features.sample_rate
    targets = encode_texts(utterances, model.alphabet, language=model.language)
    return [
        LazyRecording(utterance, round(_duration_s(utterance) * rate), rate, ids.astype(np.int32))
        for utterance, ids in zip(utterances, targets, strict=True)
    ]


def encode_texts(
    utterances: Sequence[Utterance], alphabet: Alphabet, *, language: str = "en"
) -> list[NDArray[np.int64]]:
    """The texts of utterances as symbol ids, with figures, signs and accents as `as_spoken` writes them.

    Args:
        utterances: The corpus.
        alphabet: Of the model.
        language: Of the texts, an IETF tag.

    Returns:
        Ids (n,) of each text.

    Raises:
        DataError: If a text holds what the alphabet lacks; the message names the utterance.
    """
    targets = []
    for utterance in utterances:
        try:
            targets.append(alphabet.encode(as_spoken(utterance.text, alphabet, language=language)))
        except DataError as error:
            raise DataError(f"{utterance.id}: {error}") from error
    return targets


def read_librispeech(root: str | os.PathLike[str], subsets: Sequence[str]) -> tuple[Utterance, ...]:
    """Read subsets of LibriSpeech (Panayotov, Chen, Povey & Khudanpur 2015) as they are unpacked.

    That is `ROOT/SUBSET/SPEAKER/CHAPTER/SPEAKER-CHAPTER-UTTERANCE.flac` with the texts of a chapter beside them in
    `SPEAKER-CHAPTER.trans.txt`, an utterance a line. Other corpora in this layout are read too.

    Args:
        root: The folder `LibriSpeech`.
        subsets: Names of folders in it: "train-clean-100", "dev-clean" …

    Returns:
        The utterances, subset after subset, sorted by speaker, chapter and number within each. Durations are not
        known; `list_recordings` takes them from the headers.

    Raises:
        ConfigError: If no subset is named, or one twice.
        DataError: If a folder or recording is missing, a recording has no text, or a line is not `ID TEXT`; the
            message names file and line.
    """
    if not subsets or len(set(subsets)) < len(subsets):
        raise ConfigError(f"name one or more different subsets of LibriSpeech, got {', '.join(subsets) or 'none'}")
    folder = Path(root)
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder; fetch {_SOURCE}/{subsets[0]}.tar.gz and unpack it")
    utterances: list[Utterance] = []
    for subset in subsets:
        if not (folder / subset).is_dir():
            found = ", ".join(sorted(path.name for path in folder.iterdir() if path.is_dir())) or "nothing"
            raise DataError(
                f"{folder / subset}: no such subset ({folder.name} holds {found}); fetch {_SOURCE}/{subset}.tar.gz "
                "and unpack it"
            )
        transcripts = sorted((folder / subset).glob("*/*/*.trans.txt"), key=_chapter_order)
        if not transcripts:
            raise DataError(f"{folder / subset}: no transcripts; expected SPEAKER/CHAPTER/SPEAKER-CHAPTER.trans.txt")
        for transcript in transcripts:
            utterances += _read_chapter(transcript)
    return tuple(utterances)


def _chapter_order(transcript: Path) -> tuple[tuple[int, str], ...]:
    """Speaker and chapter in numerical order."""
    parts = transcript.name.removesuffix(".trans.txt").split("-")
    return tuple((int(part) if part.isdecimal() else -1, part) for part in parts)


def _read_chapter(transcript: Path) -> Iterator[Utterance]:
    """The utterances of a chapter, in the order of its transcript."""
    chapter = transcript.name.removesuffix(".trans.txt")
    try:
        recordings = {path.stem for path in transcript.parent.iterdir() if path.suffix == ".flac"}
        lines = transcript.read_text("utf-8").split("\n")
    except UnicodeDecodeError as error:
        raise DataError(f"{transcript}: not UTF-8 text ({error.reason}); fetch the corpus again") from error
    except OSError as error:
        raise DataError(f"{transcript}: cannot be read ({error.strerror}); check its permissions") from error
    seen: set[str] = set()
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        identifier, _, text = line.strip().partition(" ")
        where = f"{transcript}:{number}"
        if not identifier.startswith(f"{chapter}-") or not text.strip():
            raise DataError(f"{where}: expected '{chapter}-NUMBER TEXT', got {line!r:.60}; fetch the corpus again")
        if identifier in seen:
            raise DataError(f"{where}: {identifier} has a line already; leave one of them")
        if identifier not in recordings:
            raise DataError(f"{where}: its recording {identifier}.flac is missing; unpack the corpus again")
        seen.add(identifier)
        audio = transcript.with_name(f"{identifier}.flac")
        yield Utterance(identifier, audio, " ".join(text.split()), None, chapter.split("-")[0])
    if recordings - seen:
        first = min(recordings - seen)
        raise DataError(f"{transcript}: {first}.flac has no line; add its text or move the recording away")


def _duration_s(utterance: Utterance) -> float:
    """Seconds, by the manifest or else the header of the file."""
    if utterance.duration_s is not None:
        return utterance.duration_s
    if not utterance.audio.is_file():
        raise AudioError(f"{utterance.audio}: no such file; check the path")
    try:
        header = soundfile.info(str(utterance.audio))
    except soundfile.SoundFileError as error:
        reason = " ".join(str(error).split())
        raise AudioError(f"{utterance.audio}: its header cannot be read ({reason}); {_WAY_OUT}") from error
    if header.frames > _UNKNOWN_LENGTH:
        raise AudioError(f"{utterance.audio}: its header tells no length; {_WAY_OUT}")
    return float(header.frames / header.samplerate)
