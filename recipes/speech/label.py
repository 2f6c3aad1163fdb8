"""Recordings without texts -> a manifest with texts, written down by a bigger recogniser: a teacher.

    pip install '.[label]'
    python recipes/speech/label.py --data recordings/ --teacher FOLDER_OR_NAME --out data/mine
    python recipes/speech/label.py --data ../shared/speech/cv13.train.jsonl --n 300 --teacher FOLDER --out runs/check

The teacher is a Whisper model for faster-whisper: a local folder (model.bin, config.json, tokenizer.json, vocabulary)
or a name such as `base.en`, which is fetched from its hub. `--data` is anything that `audio-lstm transcribe` takes: a
folder, a pattern, a list, a manifest. Recordings longer than 28 s are cut at pauses, and the pieces kept as FLAC.

Each clip is heard twice, by a greedy and by a beam search. A label is kept if it can be trusted: by the teacher's mean
log-probability, the language, the compression ratio (repetitions), the letters a second, the agreement of the two
searches, and, with `--model`, by how well one of our own recognisers can align it. Every limit is an option. Labelling
is the slow part; what the teacher said is kept in `OUT/heard.jsonl`, so that a stopped run goes on with the same
command, and another choice of limits takes seconds.

Writes `OUT/NAME.train.jsonl` (`text` in the letters of the alphabet with numbers spelled out, `written` as the teacher
wrote it) and `OUT/NAME.rejected.jsonl` (each with its reason), and prints the counts. Where the data has texts, they
are not used, but the labels are measured against them: the word error rate of all labels and of those that are kept.
"""

from __future__ import annotations

import argparse
import json
import math
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from audio_lstm.atomic import atomic_write
from audio_lstm.audio.files import load_audio
from audio_lstm.errors import AudioError, ConfigError, DataError, MissingDependencyError, ModelError
from audio_lstm.speech.batch.inputs import find_recordings
from audio_lstm.speech.ctc.align import align_symbols
from audio_lstm.speech.hearing.recogniser import SpeechRecogniser, load_speech
from audio_lstm.speech.sound.vad import SpeechDetector
from audio_lstm.speech.text.alphabet import ENGLISH
from audio_lstm.speech.text.data import normalise_text
from audio_lstm.speech.text.spoken import spell_out
from audio_lstm.speech.training.metrics import score
from audio_lstm.training.options import run_recipe

SAMPLE_RATE = 16_000  # Hz, of the teacher
LONGEST_S = 28.0  # of a clip: the teacher hears 30 s at once
SHORTEST_PIECE_S = 10.0  # a long recording is cut at the best pause after this
BEAM_SIZE = 5
REASONS = (
    "unreadable",
    "silent",
    "language",
    "log-probability",
    "repetition",
    "speed",
    "agreement",
    "letters",
    "alignment",
)


@dataclass(frozen=True)
class Clip:
    """A recording, or a piece of one, that is to be labelled."""

    id: str
    audio: Path
    duration_s: float | None = None
    speaker: str | None = None
    truth: str | None = None  # what somebody wrote down: only to measure the labels against


@dataclass(frozen=True)
class Limits:
    """What a label must reach to be kept."""

    min_log_probability: float = -0.5  # the teacher's mean a token, natural log
    min_language_probability: float = 0.5
    max_compression_ratio: float = 2.0  # of the text by zlib: repetitions compress well (Whisper's own limit is 2.4)
    letters_per_second: tuple[float, float] = (3.0, 25.0)
    min_agreement: float = 0.8  # 1 - word error rate between the two searches
    min_alignment: float = -1.0  # nats a letter that our own model pays beyond its best path


class Teacher:
    """A Whisper model that hears a clip twice, by greedy and by beam search, from one pass of its encoder."""

    def __init__(self, name: str, language: str, n_threads: int) -> None:
        try:
            from faster_whisper import WhisperModel
            from faster_whisper.tokenizer import Tokenizer
        except ImportError as error:
            raise MissingDependencyError("labelling needs faster-whisper: pip install '.[label]'") from error
        folder = Path(name)
        if folder.exists() and not (folder / "model.bin").is_file():
            raise ModelError(f"{folder}: no Whisper folder for faster-whisper (it has no model.bin)")
        try:
            self._whisper = WhisperModel(name, device="auto", compute_type="int8", cpu_threads=n_threads)
        except (RuntimeError, ValueError, OSError) as error:
            reason = " ".join(str(error).split())[:200]
            raise ModelError(
                f"{name}: the teacher cannot be loaded ({reason}); pass a folder or a known name"
            ) from error
        multilingual = self._whisper.model.is_multilingual
        self._language = language
        self._tokenizer = Tokenizer(
            self._whisper.hf_tokenizer, multilingual, task="transcribe", language=language if multilingual else "en"
        )
        self._prompt = self._whisper.get_prompt(self._tokenizer, [], without_timestamps=True)

    def hear(self, samples: NDArray[np.float32]) -> dict[str, Any]:
        """What it understands of a clip (n,) at 16 kHz, at most 30 s, and how sure it is."""
        whisper = self._whisper
        mel = whisper.feature_extractor(samples)
        n_frames = whisper.feature_extractor.nb_max_frames
        mel = np.pad(mel[:, :n_frames], ((0, 0), (0, max(0, n_frames - mel.shape[1]))))
        encoded = whisper.encode(mel.astype(np.float32))
        language, probability = self._language, 1.0
        if whisper.model.is_multilingual:
            marked, probability = whisper.model.detect_language(encoded)[0][0]
            language = marked.strip("<|>")
        heard: dict[str, Any] = {"language": language, "language_probability": round(float(probability), 4)}
        for key, beam_size in (("greedy", 1), ("beam", BEAM_SIZE)):
            result = whisper.model.generate(
                encoded,
                [self._prompt],
                beam_size=beam_size,
                max_length=200,
                return_scores=True,
                suppress_tokens=list(self._tokenizer.non_speech_tokens),
            )[0]
            tokens = result.sequences_ids[0]
            heard[key] = self._tokenizer.decode(tokens).strip()
            heard["log_probability"] = round(result.scores[0] * len(tokens) / (len(tokens) + 1), 4)
        return heard


def read_clips(data: Sequence[str]) -> list[Clip]:
    """The clips of manifests (with or without texts), folders, patterns and lists."""
    clips: list[Clip] = []
    for item in data:
        path = Path(item)
        if path.suffix.lower() == ".jsonl" and path.is_file():
            clips += _of_manifest(path)
            continue
        for recording in find_recordings([item]):
            clips.append(Clip(recording.place.with_suffix("").as_posix(), recording.audio))
    twice = [name for name, count in Counter(clip.id for clip in clips).items() if count > 1]
    if twice:
        raise DataError(f"two recordings have the id {twice[0]!r}; label the folders one by one")
    return clips


def _of_manifest(path: Path) -> Iterator[Clip]:
    with path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
                audio = row["audio"]
                if not isinstance(audio, str):
                    raise TypeError(audio)
            except (ValueError, RecursionError, TypeError, KeyError) as error:
                raise DataError(
                    f"{path}:{number}: expected a JSON object with the key audio, got {line!r:.60}"
                ) from error
            name = str(row.get("id") or Path(audio).with_suffix("").as_posix())
            yield Clip(name, path.parent / audio, row.get("duration_s"), row.get("speaker"), row.get("text"))


def cut_at_pauses(samples: NDArray[np.float32]) -> list[tuple[int, int]]:
    """Where a long recording (n,) is cut into pieces of at most `LONGEST_S`: in the middle of the longest pauses."""
    detector = SpeechDetector(SAMPLE_RATE)
    chances = np.concatenate([detector.feed(samples), detector.finish()])  # one a frame
    frame = detector.frame_samples
    shortest, longest = (round(seconds * SAMPLE_RATE / frame) for seconds in (SHORTEST_PIECE_S, LONGEST_S))
    silent = chances < 0.5
    pieces, begin = [], 0
    while len(chances) - begin > longest:
        window = silent[begin + shortest : begin + longest]
        edges = np.flatnonzero(np.diff(np.concatenate([[False], window, [False]]).astype(np.int8)))
        starts, ends = edges[::2], edges[1::2]
        if len(starts):
            lengths = ends - starts
            best = np.flatnonzero(lengths >= 0.8 * lengths.max())[-1]  # the last of those that are about as long
            cut = begin + shortest + int(starts[best] + ends[best]) // 2
        else:  # nobody pauses: where speech is least certain
            cut = begin + shortest + int(np.argmin(chances[begin + shortest : begin + longest]))
        pieces.append((begin * frame, cut * frame))
        begin = cut
    pieces.append((begin * frame, len(samples)))
    return pieces


def hear_all(clips: Sequence[Clip], teacher: Teacher, out: Path) -> dict[str, dict[str, Any]]:
    """What the teacher heard in each clip or piece of one, by id; goes on where an earlier run stopped."""
    from tqdm import tqdm

    journal = out / "heard.jsonl"
    try:
        out.mkdir(parents=True, exist_ok=True)
        heard, done = _read_journal(journal)
        with journal.open("a", encoding="utf-8") as file:
            for clip in tqdm([clip for clip in clips if clip.id not in done], unit="clip", disable=None):
                rows = list(_hear(clip, teacher, out))
                heard |= {row["id"]: row for row in rows}
                lines = [json.dumps(row, ensure_ascii=False) + "\n" for row in [*rows, {"done": clip.id}]]
                file.write("".join(lines))
                file.flush()
    except OSError as error:
        raise DataError(
            f"{journal}: cannot be written ({error.strerror}); what is done is kept, the same command goes on with it"
        ) from error
    return heard


def _read_journal(journal: Path) -> tuple[dict[str, dict[str, Any]], set[str]]:
    """The rows and the finished clips of an earlier run; a half-written last line is dropped."""
    heard: dict[str, dict[str, Any]] = {}
    done: set[str] = set()
    if not journal.exists():
        return heard, done
    raw = journal.read_bytes()
    whole = raw[: raw.rfind(b"\n") + 1]
    if len(whole) < len(raw):
        with atomic_write(journal) as scratch:
            scratch.write_bytes(whole)
    for line in whole.splitlines():
        row = json.loads(line)
        if "done" in row:
            done.add(row["done"])
        else:
            heard[row["id"]] = row
    return heard, done


def _hear(clip: Clip, teacher: Teacher, out: Path) -> Iterator[dict[str, Any]]:
    row: dict[str, Any] = {"id": clip.id, "audio": str(clip.audio.absolute())}
    row |= {"speaker": clip.speaker} if clip.speaker else {}
    try:
        samples = load_audio(clip.audio, sample_rate=SAMPLE_RATE)
    except AudioError as error:
        yield {**row, "error": " ".join(str(error).split())}
        return
    if len(samples) <= LONGEST_S * SAMPLE_RATE:
        yield {**row, "duration_s": round(len(samples) / SAMPLE_RATE, 3), **teacher.hear(samples)}
        return
    for number, (begin, end) in enumerate(cut_at_pauses(samples)):
        name = f"{clip.id}-{number:04d}"
        path = out / "clips" / f"{name}.flac"
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path) as scratch:
            soundfile.write(scratch, samples[begin:end], SAMPLE_RATE, format="FLAC", subtype="PCM_16")
        piece = {**row, "id": name, "audio": str(path.absolute()), "of": clip.id, "start_s": begin / SAMPLE_RATE}
        yield {**piece, "duration_s": round((end - begin) / SAMPLE_RATE, 3), **teacher.hear(samples[begin:end])}


def judge(row: Mapping[str, Any], limits: Limits, language: str) -> tuple[str, str]:
    """The reason why a label is not trusted ('' if it is), and its text in the letters of the alphabet."""
    if "error" in row:
        return "unreadable", ""
    written = str(row["beam"])
    text, other = (spoken(str(row[key])) for key in ("beam", "greedy"))
    if not text:
        return "silent", ""
    if row["language"] != language or row["language_probability"] < limits.min_language_probability:
        return "language", text
    if row["log_probability"] < limits.min_log_probability:
        return "log-probability", text
    raw = written.encode()
    if len(raw) / len(zlib.compress(raw)) > limits.max_compression_ratio:
        return "repetition", text
    low, high = limits.letters_per_second
    if not low <= len(text) / max(row["duration_s"], 0.01) <= high:
        return "speed", text
    if 1 - score([text], [other]).wer < limits.min_agreement:
        return "agreement", text
    if any(symbol not in ENGLISH for symbol in text):
        return "letters", text
    return "", text


def spoken(written: str) -> str:
    """A written text as it is said, in the letters of the alphabet as far as they reach."""
    return normalise_text(spell_out(written), ENGLISH)


def alignment_score(row: Mapping[str, Any], text: str, recogniser: SpeechRecogniser) -> float:
    """How many nats a letter a recogniser of ours pays for the label beyond its own best path, 0 being the best."""
    samples = load_audio(row["audio"], sample_rate=recogniser.config.features.sample_rate)
    log_probs, _ = recogniser.log_probs(recogniser.features(samples))
    ids = recogniser.config.alphabet.encode(normalise_text(text, recogniser.config.alphabet))
    try:
        found = align_symbols(log_probs, ids).log_prob
    except DataError:  # more letters than frames
        return -math.inf
    return float(found - log_probs.max(axis=1).sum()) / max(1, len(ids))


def main(arguments: Sequence[str] | None = None) -> int:
    """Hear, judge, write both manifests, print the counts."""
    options = _options(arguments)
    clips = read_clips(options.data)
    if options.n:
        clips = clips[:: max(1, len(clips) // options.n)][: options.n]
    teacher = Teacher(options.teacher, options.language, options.threads)
    heard = hear_all(clips, teacher, options.out)
    limits = Limits(
        **{name: getattr(options, name) for name in Limits.__dataclass_fields__ if name != "letters_per_second"},
        letters_per_second=tuple(options.letters_per_second),
    )
    recogniser = load_speech(options.model) if options.model else None
    wanted = {clip.id for clip in clips}
    kept, rejected = [], []
    for row in heard.values():
        if row.get("of", row["id"]) not in wanted:
            continue
        reason, text = judge(row, limits, options.language)
        values = {**row, "text": text, "written": row.get("beam", "")}
        if not reason and recogniser is not None:
            values["alignment"] = round(alignment_score(row, text, recogniser), 4)
            reason = "alignment" if values["alignment"] < limits.min_alignment else ""
        (rejected.append({**values, "reason": reason}) if reason else kept.append(values))
    write_rows(options.out / f"{options.name}.train.jsonl", kept)
    write_rows(options.out / f"{options.name}.rejected.jsonl", rejected)
    report(clips, kept, rejected)
    return 0


def write_rows(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write JSON lines; an older file is replaced only once the new one is complete."""
    with atomic_write(path) as scratch:
        scratch.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")


def report(clips: Sequence[Clip], kept: Sequence[Mapping[str, Any]], rejected: Sequence[Mapping[str, Any]]) -> None:
    """Print how much is kept, why the rest is not, and, where the data has texts, how good the labels are."""
    hours = sum(row["duration_s"] for row in kept) / 3600
    n_all = len(kept) + len(rejected)
    print(f"kept {len(kept)} of {n_all} clips ({len(kept) / max(1, n_all):.1%}), {hours:.2f} h")
    counts = Counter(str(row["reason"]) for row in rejected)
    for reason in REASONS:
        if counts[reason]:
            print(f"  rejected for {reason}: {counts[reason]}")
    truths = {clip.id: spoken(clip.truth) for clip in clips if clip.truth}
    for name, rows in (("all", [*kept, *rejected]), ("kept", kept)):
        known = [row for row in rows if row["id"] in truths]
        if known:
            wer = score([truths[row["id"]] for row in known], [row["text"] for row in known]).wer
            print(f"word error rate of {name} {len(known)} labels against the texts: {wer:.2%}")


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", nargs="+", required=True, help="folders, patterns, lists or manifests")
    parser.add_argument("--teacher", required=True, help="a folder or name of a Whisper model for faster-whisper")
    parser.add_argument("--out", type=Path, required=True, help="folder of the manifests")
    parser.add_argument("--name", default="labelled", help="of the corpus: NAME.train.jsonl")
    parser.add_argument("--language", default="en", help="a clip in another one is rejected")
    parser.add_argument("--model", default="", help="a recogniser of ours (name or folder) that must agree as well")
    parser.add_argument("--n", type=int, default=0, help="label so many clips, spread over the data; 0 = all")
    parser.add_argument("--threads", type=int, default=1, help="of the teacher on a CPU")
    limits = Limits()
    for name in (
        "min_log_probability",
        "min_language_probability",
        "max_compression_ratio",
        "min_agreement",
        "min_alignment",
    ):
        value = getattr(limits, name)
        parser.add_argument(f"--{name.replace('_', '-')}", type=float, default=value, help=f"default {value:g}")
    parser.add_argument(
        "--letters-per-second", type=float, nargs=2, default=limits.letters_per_second, metavar=("LOW", "HIGH")
    )
    options = parser.parse_args(arguments)
    if options.n < 0 or options.threads < 1:
        raise ConfigError(f"--n must be at least 0 and --threads at least 1, got {options.n} and {options.threads}")
    return options


if __name__ == "__main__":
    run_recipe(main)
