"""Fetch AN4 from its public source and write the manifests that recipes/speech/an4.py reads.

    python recipes/speech/an4_data.py --out data/an4
    python recipes/speech/an4.py --data data/an4

CMU's AN4 census corpus (1991; BSD-like licence, in the archive): 948 training and 130 test recordings of letters,
digits and control words, 64 MB. With `--archive FILE` an archive that is already here is used: CMU's
an4_sphere.tar.gz, or a tar of https://github.com/cmusphinx/an4 (the same as wav).
"""

from __future__ import annotations

import argparse
import io
import re
import shutil
import tarfile
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path

from audio_lstm.atomic import atomic_write
from audio_lstm.audio.files import load_audio, write_wav
from audio_lstm.errors import DataError
from audio_lstm.speech.text.data import Utterance, write_manifest
from audio_lstm.training.options import run_recipe

SOURCE = "http://www.speech.cs.cmu.edu/databases/an4/an4_sphere.tar.gz"
SAMPLE_RATE = 16_000

# "<s> ENTER SIXTY FOUR </s> (an36-mblw-b)", in the test file without the marks
_LINE = re.compile(r"^(?:<s>)?\s*(?P<text>[A-Z' ]+?)\s*(?:</s>)?\s*\((?P<id>\w+-(?P<speaker>\w+)-\w+)\)$")


def fetch(archive: Path) -> None:
    """Download the archive, whole or not at all."""
    try:
        with (
            urllib.request.urlopen(SOURCE, timeout=30) as response,
            atomic_write(archive) as scratch,
            scratch.open("wb") as file,
        ):
            shutil.copyfileobj(response, file)
    except (urllib.error.URLError, TimeoutError) as error:
        raise DataError(f"{SOURCE}: cannot be fetched ({error}); fetch it elsewhere and pass --archive FILE") from error


def read_transcripts(text: str, where: str) -> dict[str, tuple[str, str]]:
    """The text and speaker of each recording of a transcription file, by recording."""
    found: dict[str, tuple[str, str]] = {}
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        match = _LINE.match(line.strip())
        if match is None:
            raise DataError(f"{where}, line {number}: {line!r} is not 'TEXT (recording)'; is this AN4's archive?")
        found[match["id"]] = (" ".join(match["text"].split()), match["speaker"])
    return found


def convert(archive: Path, out: Path) -> dict[str, int]:
    """Unpack the recordings as wav and write one manifest a split; how many there are of each."""
    splits = {"train": ("an4_clstk", "an4_train.transcription"), "dev": ("an4test_clstk", "an4_test.transcription")}
    counts = {}
    try:
        with tarfile.open(archive) as tar:
            members = {Path(member.name).name: member for member in tar.getmembers() if member.isfile()}
            for split, (folder, transcription) in splits.items():
                if transcription not in members:
                    raise DataError(f"{archive}: holds no {transcription}; is this AN4's archive?")
                content = tar.extractfile(members[transcription])
                texts = read_transcripts(content.read().decode("ascii") if content else "", transcription)
                utterances = []
                for recording, (text, speaker) in texts.items():
                    member = members.get(f"{recording}.sph") or members.get(f"{recording}.wav")
                    sound = tar.extractfile(member) if member is not None and folder in member.name else None
                    if sound is None:
                        raise DataError(f"{archive}: {recording} is missing from {folder}; fetch the archive again")
                    samples = load_audio(io.BytesIO(sound.read()), sample_rate=SAMPLE_RATE)
                    target = out / "audio" / split / f"{recording}.wav"
                    target.parent.mkdir(parents=True, exist_ok=True)
                    write_wav(target, samples, SAMPLE_RATE)
                    duration_s = len(samples) / SAMPLE_RATE
                    utterances.append(Utterance(f"an4-{recording}", target, text, duration_s, f"an4-{speaker}"))
                write_manifest(out / f"an4.{split}.jsonl", utterances)
                counts[split] = len(utterances)
    except (tarfile.TarError, EOFError, OSError) as error:
        raise DataError(f"{archive}: not readable as an archive ({error}); fetch it again") from error
    return counts


def main(arguments: Sequence[str] | None = None) -> int:
    """Fetch if needed, convert, print what was written."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("data/an4"))
    parser.add_argument("--archive", type=Path, default=None, help="an4_sphere.tar.gz; fetched if not given")
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    archive = options.archive or options.out / "an4_sphere.tar.gz"
    if not archive.exists():
        if options.archive:
            raise DataError(f"{archive}: no such file; leave --archive out to fetch it")
        fetch(archive)
    for split, count in convert(archive, options.out).items():
        print(f"{options.out / f'an4.{split}.jsonl'}: {count} recordings")
    return 0


if __name__ == "__main__":
    run_recipe(main)
