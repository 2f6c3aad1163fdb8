"""A manifest of audio -> JSON lines of transcripts, on many machines, with Ray Data.

    pip install '.[cluster]'
    python recipes/speech/transcribe_corpus.py --manifest corpus.jsonl --out transcripts --workers 8
    python recipes/speech/transcribe_corpus.py --manifest corpus.jsonl --out /shared/transcripts --address auto

When to use it: when one machine is not enough. On one, `audio-lstm transcribe DIR --out OUT --workers N` does the same
without Ray and starts in a second.

Data: `--manifest` is a .jsonl file with the key audio, or a .txt file with one a line: local paths, relative to the
manifest, which every machine must see, or URLs that fsspec opens (s3://, gs://, https:// …, each with its package).
`--out` is a folder that every machine can write to. `--address auto` joins a running cluster, on whose machines the
package is installed; without it, Ray starts here.

Written: `OUT/shard-00000.jsonl` … with a line for each of `--shard-size` recordings in the manifest's order, and
`OUT/corpus.json`, which says of what. A line is `{"audio": …, …}` with what `Transcript.to_dict` gives, or
`{"audio": …, "error": …}`: a bad recording stops nothing. A shard is written whole or not at all, so that a run that is
stopped goes on with the same command; delete a shard to have it done again.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import logging
import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from audio_lstm.audio.files import DEFAULT_MAX_SECONDS
from audio_lstm.errors import AudioError, AudioLSTMError, ConfigError, DataError, MissingDependencyError
from audio_lstm.speech.batch.inputs import Job, read_list
from audio_lstm.speech.batch.process import TranscriberProcess, WorkerSettings
from audio_lstm.speech.hearing.formats import write_text
from audio_lstm.speech.hearing.recogniser import DEFAULT_MODEL, load_speech
from audio_lstm.training.options import run_recipe


def main(arguments: Sequence[str] | None = None) -> int:
    """Transcribe what is left to do, and print what was done."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--manifest", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--model", default=DEFAULT_MODEL, help="name, folder or hub id; every machine must find it")
    parser.add_argument("--shard-size", type=int, default=500, help="recordings a shard")
    parser.add_argument("--workers", type=int, default=1, help="processes over all machines, a core each")
    parser.add_argument("--address", help="of a Ray cluster, or auto; without it, Ray starts on this machine")
    parser.add_argument("--max-seconds", type=float, default=DEFAULT_MAX_SECONDS, help="refuse longer recordings")
    options = parser.parse_args(arguments)
    if options.workers < 1 or options.shard_size < 1:
        raise ConfigError("--workers and --shard-size must be at least 1")
    if Path(options.model).is_dir():
        options.model = os.path.abspath(options.model)
    load_speech(options.model)  # a model that cannot be loaded is said here, once
    shards = plan_shards(options)
    to_do = [shard for shard in shards if not Path(shard["file"]).is_file()]
    print(f"{len(shards)} shards, {len(shards) - len(to_do)} of them there already", flush=True)
    start = time.perf_counter()
    rows: list[dict[str, Any]] = []
    for row in run_shards(to_do, options):
        rows.append(row)
        left_s = (time.perf_counter() - start) / len(rows) * (len(to_do) - len(rows))
        result = row["error"] or f"{row['n_files']} recordings, {row['n_failed']} failed"
        print(f"{row['shard']}: {result}; {left_s:.0f} s left", flush=True)
    wall_s = time.perf_counter() - start
    n_files, n_failed, audio_s = (sum(row[key] for row in rows) for key in ("n_files", "n_failed", "audio_s"))
    factor = f"{wall_s / audio_s:.5f}" if audio_s else "-"
    print(f"{n_files} recordings, {audio_s / 3600:.2f} h, real-time factor {factor}, {n_failed} failed")
    lost = [row for row in rows if row["error"]]
    if lost:
        raise DataError(f"{len(lost)} of {len(to_do)} shards failed; the same command does them again")
    return 0


def plan_shards(options: argparse.Namespace) -> list[dict[str, Any]]:
    """What each shard holds; the folder is bound to this manifest, model and size, so that no run mixes two."""
    manifest, out, shard_size = options.manifest, options.out, options.shard_size
    names = read_list(manifest)
    digest = hashlib.sha256("\n".join(names).encode("utf-8", "surrogateescape")).hexdigest()
    identity = {
        "recordings_sha256": digest,
        "n_recordings": len(names),
        "model": options.model,
        "shard_size": shard_size,
    }
    try:
        out.mkdir(parents=True, exist_ok=True)
        stored = json.loads((out / "corpus.json").read_text("utf-8"))
    except FileNotFoundError:
        write_text(out / "corpus.json", json.dumps(identity) + "\n")
    except (OSError, ValueError) as error:
        raise DataError(f"{out}: cannot be used ({error}); pass another --out") from error
    else:
        if stored != identity:
            raise DataError(f"{out}: holds the shards of another manifest, model or --shard-size; pass another --out")
    folder = os.path.abspath(manifest.parent)
    return [
        {
            "file": os.path.abspath(out / f"shard-{number:05d}.jsonl"),
            "folder": folder,
            "model": options.model,
            "max_seconds": options.max_seconds,
            "names": list(names[first : first + shard_size]),
        }
        for number, first in enumerate(range(0, len(names), shard_size))
    ]


def run_shards(shards: list[dict[str, Any]], options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """The counts of each shard as it ends. A shard whose machine is lost is begun again on another."""
    if not shards:
        return
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise MissingDependencyError(f"this recipe needs Ray ({error}): pip install 'audio-lstm[cluster]'") from error
    n_workers = min(options.workers, len(shards))
    cpus = {} if options.address else {"num_cpus": n_workers + 1}  # one for reading the list of shards
    try:
        ray.init(address=options.address, include_dashboard=False, log_to_driver=False, logging_level="error", **cpus)
        ray.data.DataContext.get_current().enable_progress_bars = False
        logging.getLogger("ray.data").setLevel(logging.ERROR)
        items = ray.data.from_items(shards, override_num_blocks=len(shards))
        yield from items.map(transcribe_shard, compute=ray.data.TaskPoolStrategy(size=n_workers)).iter_rows()
    except (ray.exceptions.RayError, ConnectionError) as error:
        raise AudioLSTMError(f"Ray gave up ({error}); the same command goes on where it stopped") from error
    finally:
        ray.shutdown()


def transcribe_shard(shard: dict[str, Any]) -> dict[str, Any]:
    """Write a shard and count what is in it. A recording that brings its process down costs no other one."""
    counts = {"shard": Path(shard["file"]).name, "error": "", "n_files": 0, "n_failed": 0, "audio_s": 0.0}
    settings = WorkerSettings(shard["model"], max_seconds=shard["max_seconds"])
    try:
        with tempfile.TemporaryDirectory() as scratch, TranscriberProcess(settings) as process:
            written = Path(scratch) / "transcript.json"
            rows = [transcribe_recording(name, shard["folder"], process, written) for name in shard["names"]]
        write_text(shard["file"], "".join(json.dumps(row) + "\n" for row in rows))
    except AudioLSTMError as error:
        return {**counts, "error": " ".join(str(error).split())}
    n_failed = sum("error" in row for row in rows)
    audio_s = float(sum(row.get("duration_s", 0.0) for row in rows))
    return {**counts, "n_files": len(rows), "n_failed": n_failed, "audio_s": audio_s}


def transcribe_recording(name: str, folder: str, process: TranscriberProcess, written: Path) -> dict[str, Any]:
    """A line of a shard; the transcript takes its way over a file of this machine."""
    try:
        with local_file(name, folder) as file:
            outcome = process.transcribe(Job(Path(file), {"json": written}))
    except AudioError as error:
        return {"audio": name, "error": " ".join(str(error).split())}
    if outcome.error:
        return {"audio": name, "error": outcome.error}
    return {"audio": name, **json.loads(written.read_text("utf-8"))}


@contextmanager
def local_file(name: str, folder: str) -> Iterator[str]:
    """A recording as a file of this machine; what a URL names is fetched, and removed afterwards."""
    if "://" not in name:
        yield os.path.join(folder, name)
        return
    import fsspec

    with tempfile.TemporaryDirectory() as scratch:
        file = os.path.join(scratch, os.path.basename(name.partition("?")[0]) or "recording")
        try:
            with fsspec.open(name, "rb") as source, open(file, "wb") as target:
                shutil.copyfileobj(source, target, 1 << 20)
        except Exception as error:
            raise AudioError(f"{name}: cannot be fetched ({type(error).__name__}: {error})") from error
        yield file


if __name__ == "__main__":
    run_recipe(main)
