"""How quick the demo is, and whether it holds out: `python recipes/benchmarks/demo.py`.

Starts `audio-lstm demo` in a process of its own, visits it with Chromium (playwright), then lets simulated users work
on it through gradio_client. Prints, with the processor time beside the time on the clock where a busy machine makes
them differ:

- from the start of the process until the page can be opened, against `python -c "import gradio"`
- from opening the page until its first tab can be used
- from the click to the words of a ten-second clip; from the click to the first notes of a composition
- users, wishes, failures, and the server's memory at the beginning and at the end
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from audio_lstm.audio.files import load_audio, write_wav

SAMPLES = Path(__file__).resolve().parents[2] / "demos" / "samples"
CLIP_S = 10
ROUNDS = 5
BROWSER_FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync"]
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
READY = "the demo is at "


def import_gradio() -> tuple[float, float]:
    """Seconds on the clock and of the processor that importing Gradio takes."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run([sys.executable, "-P", "-c", "import gradio"], check=True, env=quiet())
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.perf_counter() - start, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def quiet() -> dict[str, str]:
    return {**os.environ, "GRADIO_ANALYTICS_ENABLED": "False", "HF_HUB_OFFLINE": "1"}


class Server:
    """The demo in a process of its own."""

    def __init__(self, *options: str) -> None:
        command = [sys.executable, "-P", "-m", "audio_lstm.cli", "demo", "--port", "0", *options]
        start = time.perf_counter()
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=quiet())
        stderr = self.process.stderr or sys.stdin
        for line in stderr:
            if READY in line:
                self.url = line.split(READY)[1].split()[0]
                break
        self.up_wall_s, self.up_cpu_s = time.perf_counter() - start, self.cpu_s()
        threading.Thread(target=stderr.read, daemon=True).start()

    def cpu_s(self) -> float:
        """Seconds of processor time so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory_mb(self) -> float:
        """Resident memory."""
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024

    def close(self) -> None:
        """End it."""
        self.process.terminate()
        self.process.wait(30)


def start_up(rounds: int) -> dict[str, float]:
    """Starting against importing Gradio alone, interleaved: medians."""
    peers, own = [], []
    for _ in range(rounds):
        peers.append(import_gradio())
        server = Server()
        own.append((server.up_wall_s, server.up_cpu_s))
        server.close()
    wall, cpu = (statistics.median(one[kind] for one in own) for kind in (0, 1))
    peer_wall, peer_cpu = (statistics.median(one[kind] for one in peers) for kind in (0, 1))
    return {
        "up_wall_s": wall,
        "up_cpu_s": cpu,
        "import_gradio_wall_s": peer_wall,
        "import_gradio_cpu_s": peer_cpu,
        "up_cpu_ratio": cpu / peer_cpu,
        "up_wall_ratio": wall / peer_wall,
    }


def ten_seconds(folder: Path) -> Path:
    samples = load_audio(SAMPLES / "digits.wav")
    clip = folder / "ten-seconds.wav"
    write_wav(clip, np.tile(samples, 4)[: CLIP_S * 16_000], 16_000)
    return clip


def in_a_browser(server: Server, clip: Path, rounds: int) -> dict[str, float]:
    """What a visitor waits for: medians over `rounds` visits."""
    from playwright.sync_api import sync_playwright

    path = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if path is None:
        print("no browser found: apt-get install chromium", file=sys.stderr)
        return {}
    times: dict[str, list[float]] = {"page_load_s": [], "words_s": [], "words_server_cpu_s": [], "notes_s": []}
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=BROWSER_FLAGS)
        for _ in range(rounds):
            page = browser.new_context().new_page()
            page.set_default_timeout(120_000)
            times["page_load_s"].append(timed(visit, page, server.url))
            page.set_input_files("#speech-audio input[type=file]", clip)
            page.get_by_role("button", name="Play").first.wait_for()
            cpu_s = server.cpu_s()
            times["words_s"].append(timed(press, page, "#transcribe", "#speech-panel .word"))
            times["words_server_cpu_s"].append(server.cpu_s() - cpu_s)
            page.get_by_role("tab", name="Compose").click()
            times["notes_s"].append(timed(press, page, "#compose", "#music-panel .note"))
            page.context.close()
        browser.close()
    return {name: statistics.median(values) for name, values in times.items()}


def timed(work: Callable[..., None], *arguments: Any) -> float:
    start = time.perf_counter()
    work(*arguments)
    return time.perf_counter() - start


def visit(page: Any, url: str) -> None:
    page.goto(url)
    page.wait_for_selector("#transcribe")


def press(page: Any, button: str, result: str) -> None:
    page.click(button)
    page.wait_for_selector(result)


def many_users(server: Server, clip: Path, *, n_users: int, seconds: float) -> dict[str, float]:
    """Users who transcribe, compose and look inside, one after the other, without a pause."""
    import httpx
    from gradio_client import Client, handle_file
    from gradio_client.exceptions import AppError

    done, failures = [0] * n_users, []
    until = time.monotonic() + seconds

    def work(number: int) -> None:
        client = Client(server.url, verbose=False, download_files=False)
        wishes: list[dict[str, Any]] = [
            {"audio": handle_file(clip), "api_name": "/transcribe"},
            {"bars": 4, "file": None, "humming": None, "api_name": "/compose"},
            {"source": "digits", "file": None, "api_name": "/inspect"},
        ]
        while time.monotonic() < until:
            try:
                client.predict(**wishes[(number + done[number]) % len(wishes)])
                done[number] += 1
            except (AppError, ValueError, OSError, httpx.HTTPError) as error:
                failures.append(str(error))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(n_users)]
    for thread in threads:
        thread.start()
    time.sleep(seconds / 2)  # by then all of them have used everything once
    early_mb = server.memory_mb()
    for thread in threads:
        thread.join()
    late_mb = server.memory_mb()
    for failure in failures[:5]:
        print(failure, file=sys.stderr)
    return {
        "users": n_users,
        "wishes": sum(done),
        "failures": len(failures),
        "memory_early_mb": early_mb,
        "memory_late_mb": late_mb,
        "memory_growth": late_mb / early_mb - 1,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="visits, and starts of the process (%(default)s)")
    parser.add_argument("--users", type=int, default=8, help="at once (%(default)s)")
    parser.add_argument("--seconds", type=float, default=120.0, help="for so long (%(default)s)")
    options = parser.parse_args()
    figures = start_up(options.rounds)
    with tempfile.TemporaryDirectory() as folder:
        clip = ten_seconds(Path(folder))
        server = Server()
        try:
            time.sleep(1)
            figures |= in_a_browser(server, clip, options.rounds)
            figures |= many_users(server, clip, n_users=options.users, seconds=options.seconds)
        finally:
            server.close()
    print(json.dumps({name: round(value, 3) for name, value in figures.items()}, indent=1))


if __name__ == "__main__":
    main()
