"""Runs every contestant in rounds and prints what they did; `python -m benchmarks.outbox --help` lists the options.

Each round runs each contestant once, in an order of its own, on the same disk and the same server.
"""

import dataclasses
import random
import signal
import sys
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from benchmarks import places, report
from benchmarks.outbox import contestants, race
from benchmarks.outbox import summary as summaries
from benchmarks.outbox.contestants import Entry

WORKERS = (1, 2)
SECONDS = 2.0  # that a drain should take: a slow contestant gets fewer jobs
FEWEST = 300  # jobs
PICKED_UP = 100  # jobs a round whose latency is measured
PER_SECOND = 25.0  # at which they come

Runs = dict[Entry, list[dict[str, Any]]]


def size(track: race.Track, most: int) -> int:
    """How many jobs this contestant is given: what takes one worker some seconds, and no more than `most`.

    The search is also what warms the disk and the libraries.
    """
    jobs = FEWEST
    while True:
        track.empty()
        rate = track.drain(1, jobs, lambda _: None).rate
        if jobs / rate > SECONDS / 2 or jobs == most:
            return max(FEWEST, min(most, int(rate * SECONDS)))
        jobs = min(most, jobs * 4)


def measure(track: race.Track, jobs: int, step: report.Step, what: str) -> dict[str, Any]:
    """One contestant's part of a round."""
    drained = []
    for workers in WORKERS:
        told = step(f"{what}, {workers} worker{'s' if workers > 1 else ''}")
        track.empty()
        drained.append(dataclasses.asdict(track.drain(workers, jobs, partial(_tell, told, jobs))))
    told = step(f"{what}, pick-up")
    track.empty()
    return {"drained": drained, "pickUpMs": track.pick_up(PICKED_UP, PER_SECOND, partial(_tell, told, PICKED_UP))}


def _tell(told: report.Told, all_of: int, count: int) -> None:
    told(count / all_of)


def main(
    rounds: Annotated[int, typer.Option(min=1, help="How often every contestant runs.")] = 5,
    jobs: Annotated[int, typer.Option(min=FEWEST, help="The most jobs one drains; slow ones get fewer.")] = 60_000,
    batch: Annotated[int, typer.Option(min=1, help="Jobs that the limits claim at once.")] = 100,
    quick: Annotated[bool, typer.Option(help="One round with few jobs: does it run?")] = False,
    only: Annotated[list[str] | None, typer.Option(help="A contestant by name; may be repeated.")] = None,
    folder: Annotated[Path, typer.Option(help="Where the databases lie: on a disk.")] = places.DISK,
    output: Annotated[Path, typer.Option(help="The file for all that was measured.")] = report.FOLDER / "outbox.json",
) -> None:
    """Measure, print the tables, and write everything into a file."""
    console = Console(width=120)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # by itself it would leave the server running
    if quick:
        rounds, jobs = 1, min(jobs, 3000)
    entries = [entry for entry in contestants.entries(batch) if not only or entry.name in {*only, summaries.OURS}]
    with places.scratch(folder) as place, places.server(place) as server:
        machine = places.machine(place)
        setting = {"machine": machine, "postgresql": server.settings, "batch": batch}
        console.print(f"On {report.described(machine)}; PostgreSQL: {report.described(server.settings)}.")
        with report.progress(console, len(entries) * (1 + rounds * (len(WORKERS) + 1))) as step:
            tracks, sizes = {}, {}
            for entry in entries:
                step(f"{entry}, how fast")
                tracks[entry] = race.Track(entry, place, server)
                sizes[entry] = size(tracks[entry], jobs)
            runs: Runs = {entry: [] for entry in entries}
            for number in range(1, rounds + 1):
                for entry in random.sample(entries, len(entries)):
                    runs[entry].append(measure(tracks[entry], sizes[entry], step, f"{number}/{rounds} {entry}"))
                found = [_summary(database, runs) for database in contestants.DATABASES]
                raw = [{"contestant": str(entry), "rounds": many} for entry, many in runs.items()]
                report.write(output, setting | {"rounds": number, "summary": found, "measured": raw})
    for one in found:
        for table in summaries.tables(one):
            console.print(table)
    console.print(f"Everything that was measured is in {output}.")


def _summary(database: str, runs: Runs) -> dict[str, Any]:
    return summaries.summary(
        contestants.DATABASES[database],
        {entry.name: many for entry, many in runs.items() if entry.database == database},
    )


if __name__ == "__main__":
    typer.run(main)
