"""Whether every wish is kept: thousands of random requests, random models, and a report measured on each score.

    python recipes/quality/wishes.py [--n 10000] [--seed 0]

Half of the requests contradict themselves and are refused before anything is written; of the others every piece has to
end, and to have all that was asked for. The tests do the same with a hundred requests.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from audio_lstm.errors import ConfigError
from audio_lstm.music.request.report import Report, measure
from audio_lstm.music.request.wishes import Wishes
from audio_lstm.music.score.score import Score, Tempo, TimeSignature
from audio_lstm.music.score.voices import voice_grid_to_score
from audio_lstm.music.tokens.chorale import ChoraleCursor, ChoraleGrid
from audio_lstm.music.tokens.event_cursor import EventCursor
from audio_lstm.music.writing.chorale_plan import plan_chorale
from audio_lstm.music.writing.event_plan import plan_events
from audio_lstm.music.writing.planned_chorale import chorale_writer
from audio_lstm.music.writing.planned_events import event_writer
from audio_lstm.music.writing.sample import Writer
from audio_lstm.training.options import run_recipe

sys.path.append(str(Path(__file__).resolve().parents[2]))  # run by its path, it finds its neighbours all the same

from recipes.quality.random_wishes import SMALL_VOCABULARY, random_piece, random_wishes

GRID = ChoraleGrid()


def request(seed: int, *, chorale: bool) -> Report | None:
    """The report of one random piece; None where the request contradicts itself, or the model never ends."""
    chance = random.Random(seed)
    writer: Writer[ChoraleCursor] | Writer[EventCursor]
    try:
        wishes = Wishes(**random_wishes(chance, chorale=chorale))
        if chorale:
            writer = chorale_writer(plan_chorale(GRID, wishes), 1, max_repeats=chance.choice([None, 1, 2]))
        else:
            plan = plan_events(SMALL_VOCABULARY, wishes, min_bars=2)
            writer = event_writer(plan, 1, max_repeats=chance.choice([None, 1, 2]))
    except ConfigError:
        return None
    tokens = random_piece(writer, chance, 64 * (wishes.bars or 2) + 1 if chorale else 4000)
    if tokens is None:
        if wishes.bars is not None:
            raise ConfigError(f"request {seed}: the piece did not end")
        return None
    score: Score = voice_grid_to_score(GRID.decode(tokens)) if chorale else SMALL_VOCABULARY.decode(tokens)
    if chorale:
        score = replace(score, time_signatures=(TimeSignature(0, *(wishes.metre or (4, 4))),))
    if wishes.tempo_bpm is not None:
        score = replace(score, tempi=(Tempo.from_bpm(0, wishes.tempo_bpm),))
    return measure(score, wishes)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print how many requests were accepted, and how many wishes were broken."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=10_000, help="requests of events; a tenth as many of chorales")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    n_broken = 0
    for name, chorale, n in (("events", False, options.n), ("chorales", True, options.n // 10)):
        reports = [request(options.seed + number, chorale=chorale) for number in range(n)]
        kept = [report for report in reports if report is not None]
        broken = [finding for report in kept for finding in report.findings if not finding.kept]
        n_wishes = sum(len(report.findings) for report in kept)
        print(f"{name}: {n} requests, {len(kept)} pieces, {n_wishes} wishes, {len(broken)} not kept")
        n_broken += len(broken)
    return 1 if n_broken else 0


if __name__ == "__main__":
    run_recipe(main)
