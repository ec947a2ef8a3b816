"""Has every contestant decide the same refunds in rounds, and prints what it took; `--help` lists the options."""

import gc
import os
import platform
import random
import time
from pathlib import Path
from statistics import median
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from benchmarks import figures, report
from benchmarks.policy import contestants, inputs

OURS, PLAIN = "flowops", "plain function"
TURN = 250  # inputs that one decides before it is another's turn: so whatever slows the machine down slows all of them


def main(
    rounds: Annotated[int, typer.Option(min=1, help="How often every contestant decides all of them.")] = 7,
    quick: Annotated[bool, typer.Option(help="One round on few inputs: does it run?")] = False,
    output: Annotated[Path, typer.Option(help="The file for all that was measured.")] = report.FOLDER / "policy.json",
) -> None:
    """Measure, compare every outcome, print the table, and write everything into a file.

    Exit code 1 when two contestants decide an input differently: then no figure means anything.
    """
    console = Console(width=120)
    given = inputs.made(500 if quick else inputs.COUNT)
    entries = contestants.all_of_them()
    forms = {name: [form(one) for one in given] for name, form, _ in entries}
    gc.collect()
    gc.freeze()  # or whoever allocates most would be charged for looking through everybody's inputs
    took: dict[str, list[float]] = {name: [] for name, _, _ in entries}
    outcomes: dict[str, list[str]] = {}
    for name, _, decide in entries:
        decide(forms[name][:200])  # what is made at first use is made
    with report.progress(console, (1 if quick else rounds)) as step:
        for number in range(1 if quick else rounds):
            step(f"round {number + 1}")
            gc.collect()
            seconds = dict.fromkeys(forms, 0.0)
            outcomes = {name: [] for name in forms}
            for first in range(0, len(given), TURN):
                for name, _, decide in random.sample(entries, len(entries)):
                    turn = forms[name][first : first + TURN]
                    began = time.process_time()
                    decided = decide(turn)
                    seconds[name] += time.process_time() - began
                    outcomes[name] += decided
            for name, spent in seconds.items():
                took[name].append(spent / len(given) * 1e6)
    _same(console, outcomes)
    machine = f"{platform.python_implementation()} {platform.python_version()}, {os.cpu_count()} processors"
    counts = {each: outcomes[OURS].count(each) for each in ("approve", "review", "deny")}
    console.print(f"{len(given)} refunds, all decided alike: {report.described(counts)}; {machine}")
    console.print(_table(took))
    measured: dict[str, Any] = {"inputs": len(given), "outcomes": counts, "machine": machine, "microseconds": took}
    report.write(output, measured)
    console.print(f"Everything that was measured is in {output}.")


def _same(console: Console, outcomes: dict[str, list[str]]) -> None:
    for name, found in outcomes.items():
        if wrong := [
            number for number, pair in enumerate(zip(found, outcomes[PLAIN], strict=True)) if len({*pair}) > 1
        ]:
            console.print(f"{name} decides input {wrong[0]} and {len(wrong) - 1} others differently.", style="red")
            raise typer.Exit(1)


def _table(took: dict[str, list[float]]) -> Table:
    title = "processor time of a decision: medians of the rounds, and of the rounds' ratios"
    table = Table("", title=title, title_justify="left")
    for column in ("us", "from", "to", f"times {PLAIN}", f"{OURS} / other"):
        table.add_column(column, justify="right")
    for name, each in sorted(took.items(), key=lambda one: median(one[1])):
        least, middle, most = figures.spread(each)
        beside = [f"{figures.ratio(each, took[PLAIN]):.2f}", f"{figures.ratio(took[OURS], each):.3g}"]
        table.add_row(name, f"{middle:.1f}", f"{least:.1f}", f"{most:.1f}", *beside)
    return table


if __name__ == "__main__":
    typer.run(main)
