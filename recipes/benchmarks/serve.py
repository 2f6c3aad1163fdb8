"""Load on the HTTP service: many clients at once, each posting recordings one after the other.

    python recipes/benchmarks/serve.py [--clients 16] [--seconds 60] [--data ../shared/speech] [-- SERVE OPTIONS]

Starts `audio-lstm serve` on a free port of this machine and checks every answer against `audio_lstm.transcribe`.
Prints the requests, those that failed, the latency, and the resident memory of the server with its decoding processes,
after a warm-up, in the middle and at the end. Without --data the samples of the demos are sent. Exits with 1 if a
request failed.
"""

from __future__ import annotations

import argparse
import http.client
import itertools
import json
import re
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from audio_lstm.errors import AudioLSTMError, DataError
from audio_lstm.speech.hearing.recogniser import load_speech
from audio_lstm.speech.hearing.transcribe import transcribe
from audio_lstm.speech.text.data import read_manifest
from audio_lstm.training.options import run_recipe

SAMPLES = Path(__file__).resolve().parents[2] / "demos" / "samples"
N_RECORDINGS = 20
ROUTE = "/v1/audio/transcriptions"
BOUNDARY = "recording"
TIMEOUT_S = 120.0
WARM_UP_S = 2.0


@dataclass(frozen=True)
class Recording:
    """What is sent, and what must come back."""

    body: bytes
    text: str
    duration_s: float


@dataclass
class Tally:
    """What the clients saw."""

    latencies_s: list[float] = field(default_factory=list)  # of answers that were right
    failures: list[str] = field(default_factory=list)
    n_sent: int = 0
    audio_s: float = 0.0


def recordings(data: Path | None, model: str) -> list[Recording]:
    """Recordings as forms, with the text that the Python API hears."""
    if data:
        files = [utterance.audio for utterance in read_manifest(data / "an4.dev.jsonl")][:N_RECORDINGS]
    else:
        files = sorted(SAMPLES.glob("*.wav"))
    if not files:
        raise DataError(f"{data or SAMPLES}: no recordings; name a folder with an4.dev.jsonl with --data")
    recogniser = load_speech(model)
    found = []
    for file in map(Path, files):
        head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="{file.name}"\r\n\r\n'
        transcript = transcribe(file, model=recogniser)
        body = head.encode() + file.read_bytes() + f"\r\n--{BOUNDARY}--\r\n".encode()
        found.append(Recording(body, transcript.text, transcript.duration_s))
    return found


@contextmanager
def server(options: Sequence[str]) -> Iterator[tuple[int, int]]:
    """The service in its own process: its process id and port; it must leave with status 0."""
    command = [sys.executable, "-P", "-m", "audio_lstm.cli", "serve", "--port", "0", *options]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        lines = process.stderr or ()
        first = next(iter(lines), "")
        ready = re.search(r"listens on http://\S+:(\d+)$", first)
        if not ready:
            process.kill()
            raise AudioLSTMError(f"the server did not start: {first.strip()}")
        reader = threading.Thread(target=lambda: [None for _ in lines], daemon=True)  # or its log would fill the pipe
        reader.start()
        try:
            yield process.pid, int(ready[1])
        finally:
            process.terminate()
            status = process.wait(TIMEOUT_S)
    if status:
        raise AudioLSTMError(f"the server left with status {status}, expected 0")


def client(port: int, items: Iterator[Recording], until: float, tally: Tally, lock: threading.Lock) -> None:
    """Post one recording after the other over one connection."""
    headers = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_S)
    while time.monotonic() < until:
        with lock:
            item = next(items)
            tally.n_sent += 1
        start = time.monotonic()
        try:
            connection.request("POST", ROUTE, item.body, headers)
            answer = connection.getresponse()
            content = answer.read()
            text = json.loads(content).get("text")
            failure = "" if text == item.text else f"status {answer.status}: {content[:200]!r}"
        except (OSError, http.client.HTTPException, ValueError) as error:
            failure = f"{type(error).__name__}: {error}"
            connection.close()
        with lock:
            if failure:
                tally.failures.append(failure)
            else:
                tally.latencies_s.append(time.monotonic() - start)
                tally.audio_s += item.duration_s
    connection.close()


def resident_mb(pid: int) -> float:
    """Resident memory of a process and its children, in MB (pages that they share count in each)."""
    done = subprocess.run(["ps", "-ax", "-o", "pid=,ppid=,rss="], capture_output=True, text=True, check=True)
    rows = [[int(value) for value in line.split()] for line in done.stdout.splitlines()]
    return sum(rss for own, parent, rss in rows if pid in (own, parent)) * 1024 / 1e6


def load(pid: int, port: int, items: Iterator[Recording], n_clients: int, seconds: float) -> tuple[Tally, list[float]]:
    """Let all clients post at once; the tally, and memory at the start, in the middle and at the end."""
    tally, lock = Tally(), threading.Lock()
    until = time.monotonic() + seconds
    threads = [threading.Thread(target=client, args=(port, items, until, tally, lock)) for _ in range(n_clients)]
    memory = [resident_mb(pid)]
    for thread in threads:
        thread.start()
    time.sleep(seconds / 2)
    memory.append(resident_mb(pid))
    for thread in threads:
        thread.join()
    return tally, [*memory, resident_mb(pid)]


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=None, help="folder with an4.dev.jsonl")
    parser.add_argument("--model", default="an4")
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("options", nargs="*", help="for audio-lstm serve, after --")
    options = parser.parse_args(arguments)
    items = itertools.cycle(recordings(options.data, options.model))
    with server(["--model", options.model, *options.options]) as (pid, port):
        load(pid, port, items, options.clients, WARM_UP_S)
        start = time.monotonic()
        tally, memory = load(pid, port, items, options.clients, options.seconds)
        wall_s = time.monotonic() - start
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)  # the server has ended, its processes with it
    n_done = len(tally.latencies_s)
    lost = tally.n_sent - n_done - len(tally.failures)
    counts = f"{tally.n_sent} requests, {len(tally.failures)} errors, {lost} lost"
    print(f"{options.clients} clients for {wall_s:.1f} s: {counts}")
    if n_done:
        p50, p95, worst = np.percentile(tally.latencies_s, [50, 95, 100])
        print(f"latency p50 {p50:.3f} s, p95 {p95:.3f} s, worst {worst:.3f} s")
        print(f"{n_done / wall_s:.1f} requests/s, {tally.audio_s / wall_s:.0f} s of audio a second")
    print(f"CPU of the server, start and warm-up included: {usage.ru_utime + usage.ru_stime:.1f} s")
    print(
        "resident, MB: "
        + ", ".join(f"{name} {mb:.0f}" for name, mb in zip(("start", "middle", "end"), memory, strict=True))
    )
    for failure in tally.failures[:5]:
        print(f"failed: {failure}", file=sys.stderr)
    return 1 if tally.failures or lost or not n_done else 0


if __name__ == "__main__":
    run_recipe(main)
