"""Runs the promises at their full size, as far as they were not run yet, and shows what they came to.

`python -m tests.prove [PART...]` goes on where it was interrupted; `--again` forgets what the parts came to before;
`--list` names them; `--document` runs nothing and writes the table into docs/reliability.md.
"""

import argparse
import logging
import sys
import tempfile
import traceback
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import suppress
from pathlib import Path

import structlog
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from tests import bells, conftest
from tests.prove import (
    api,
    approvals,
    caps,
    crashes,
    deadlines,
    durability,
    pauses,
    poison,
    recovery,
    restarts,
    retries,
    simulation,
    snapshot,
    zombies,
)
from tests.prove.part import Bench, Part
from tests.prove.record import COLUMNS, Record, write_document

assert conftest  # engines of one process share what they compiled
PARTS: Sequence[Part] = (
    crashes.PART,
    zombies.PART,
    recovery.PART,
    poison.PART,
    retries.PART,
    api.PART,
    restarts.PART,
    simulation.PART,
    durability.PART,
    snapshot.PART,
    pauses.PART,
    deadlines.PART,
    approvals.PART,
    caps.PART,
)


def run(part: Part, bench: Bench, record: Record, progress: Progress) -> list[str]:
    """Run the trials that are missing; what went wrong, in words. A trial that failed is tried again the next time."""
    missing = [trial for trial in part.trials if trial not in record.of(part)]
    task = progress.add_task(part.name, total=len(part.trials), completed=len(part.trials) - len(missing))
    wrong = []
    with ThreadPoolExecutor(part.at_once) as pool:
        running = {pool.submit(part.run, bench, trial): trial for trial in missing}
        try:
            for future in as_completed(running):
                if error := future.exception():
                    wrong.append(f"{part.name}, {running[future]}:\n{''.join(traceback.format_exception(error))}")
                else:
                    record.add(part, running[future], future.result())
                progress.advance(task)
        except KeyboardInterrupt:
            pool.shutdown(cancel_futures=True)
            raise
    return wrong


def show(record: Record, console: Console) -> None:
    table = Table(*COLUMNS)
    for row in record.rows(PARTS):
        table.add_row(*row)
    console.print(table)


def main() -> None:
    """Do as told on the command line; exit code 1 when a trial failed."""
    by_name = {part.name: part for part in PARTS}
    parser = argparse.ArgumentParser(prog="python -m tests.prove", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(by_name))
    parser.add_argument("--again", action="store_true", help="forget what these parts came to before")
    parser.add_argument("--list", action="store_true", help="name the parts and what they prove")
    parser.add_argument("--document", action="store_true", help="write the table into docs/reliability.md, no more")
    asked = parser.parse_args()
    if unknown := set(asked.parts) - set(by_name):
        parser.error(f"there is no part {', '.join(sorted(unknown))}; these are: {', '.join(by_name)}")
    chosen = [by_name[name] for name in asked.parts] or list(PARTS)
    console, record = Console(width=None if sys.stdout.isatty() else 160), Record()
    if asked.list:
        for part in chosen:
            console.print(f"{part.name}: {part.promise}, {len(part.trials)} trials")
        return
    if asked.document:
        write_document(record, PARTS)
        return
    if asked.again:
        for part in chosen:
            record.forget(part)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    bars = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    wrong: list[str] = []
    with tempfile.TemporaryDirectory(prefix="flowops-prove-") as folder, Progress(*bars, console=console) as progress:
        bench = Bench(Path(folder))
        with bells.hung(), suppress(KeyboardInterrupt):  # what was done is kept
            for part in chosen:
                wrong += run(part, bench, record, progress)
        bench.close()
    show(record, console)
    for each in wrong:
        console.print(each, markup=False)
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
