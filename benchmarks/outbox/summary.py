"""Makes the tables of the outbox benchmark from what its rounds measured."""

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from rich.table import Table

from benchmarks import figures

Measured = Mapping[str, Any]  # one contestant in one round: what it drained, and how long jobs waited
OURS = "flowops"


def summary(database: str, runs: Mapping[str, Sequence[Measured]]) -> dict[str, Any]:
    """The medians of every contestant on one database, and what ours are to the others'."""
    return {
        "database": database,
        "contestants": {name: _contestant(rounds) for name, rounds in runs.items()},
        "ratios": {name: _ratios(runs[OURS], rounds) for name, rounds in runs.items() if name != OURS},
    }


def tables(made: Measured) -> list[Table]:
    """The same for people."""
    shown = _table(f"{made['database']}: medians of the rounds", "", "jobs", "enqueued/s")
    compared = _table(f"{made['database']}: {OURS} / other, medians of the rounds' ratios", "", "enqueued/s")
    for at in ("1 worker", "2 workers"):
        for table in (shown, compared):
            table.add_column(f"{at}:\ndrained/s", justify="right")
            table.add_column("CPU s\nper 1,000" if table is shown else "CPU", justify="right")
    for column in ("pick-up\np50 ms", "p99 ms"):
        shown.add_column(column, justify="right")
    compared.add_column("pick-up\np50", justify="right")
    for name, one in made["contestants"].items():
        drained = (
            cell
            for (least, rate, most), cost in zip(one["drained"], one["cpu"], strict=True)
            for cell in (f"{rate:,.0f}\n({least:,.0f} to {most:,.0f})", f"{cost:.3f}")
        )
        waits = (f"{one['pickUpMs'][percent]:.1f}" for percent in ("p50", "p99"))
        shown.add_row(name, f"{one['jobs']:,}", f"{one['enqueued']:,.0f}", *drained, *waits)
    for name, one in made["ratios"].items():
        drained = (f"{ratio:.3g}" for pair in zip(one["drained"], one["cpu"], strict=True) for ratio in pair)
        compared.add_row(name, f"{one['enqueued']:.3g}", *drained, f"{one['pickUpP50']:.3g}")
    return [shown, compared] if made["ratios"] else [shown]


def _table(title: str, first: str, *columns: str) -> Table:
    made = Table(first, title=title, title_justify="left")
    for column in columns:
        made.add_column(column, justify="right")
    return made


def _contestant(rounds: Sequence[Measured]) -> dict[str, Any]:
    waited = [wait for one in rounds for wait in one["pickUpMs"]]
    return {
        "jobs": rounds[0]["drained"][0]["jobs"],
        "enqueued": median(_each(rounds, "enqueue_rate", 0) + _each(rounds, "enqueue_rate", 1)),
        "drained": [figures.spread(_each(rounds, "rate", at)) for at in _counts(rounds)],
        "cpu": [median(_each(rounds, "cpu", at)) for at in _counts(rounds)],
        "pickUpMs": {f"p{percent}": figures.percentile(waited, percent) for percent in (50, 99)},
    }


def _ratios(ours: Sequence[Measured], theirs: Sequence[Measured]) -> dict[str, Any]:
    def of(what: str, at: int) -> float:
        return figures.ratio(_each(ours, what, at), _each(theirs, what, at))

    waits = [[figures.percentile(one["pickUpMs"], 50) for one in rounds] for rounds in (ours, theirs)]
    return {
        "enqueued": of("enqueue_rate", 0),
        "drained": [of("rate", at) for at in _counts(ours)],
        "cpu": [of("cpu", at) for at in _counts(ours)],
        "pickUpP50": figures.ratio(*waits),
    }


def _counts(rounds: Sequence[Measured]) -> range:
    return range(len(rounds[0]["drained"]))


def _each(rounds: Sequence[Measured], what: str, at: int) -> list[float]:
    return [one["drained"][at][what] for one in rounds]
