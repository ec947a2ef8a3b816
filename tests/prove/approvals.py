"""E4 at its full size: tens of thousands of attempts to bend approvals, with a judge of its own."""

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis.errors import Flaky
from sqlalchemy.exc import IntegrityError

from tests.bent import bending, bugs
from tests.prove.part import Bench, Figures, Part, total

EXAMPLES = 50_000
AT_ONCE = 250  # examples in one trial, in one database
A_FEW = 25
FOR_A_BUG = 1000  # examples that must show one
MEMORY = Path("/dev/shm")  # noqa: S108 - a file in it costs no disk


def bend(bench: Bench, number: int, examples: int) -> Figures:
    with tempfile.TemporaryDirectory(prefix="flowops-bent-", dir=MEMORY if MEMORY.is_dir() else None) as folder:
        url = f"sqlite:///{shutil.copy(bench.template, Path(folder) / 'flowops.db')}"
        return dict(bending.bend(url, number, examples))


def run(bench: Bench, trial: str) -> Figures:
    if trial.startswith("examples "):
        return bend(bench, int(trial.partition(" ")[2]), AT_ONCE)
    with pytest.MonkeyPatch.context() as patch:
        bugs.BUGS[trial](patch)
        for number in range(FOR_A_BUG // A_FEW):
            try:
                bend(bench, number, A_FEW)
            except (AssertionError, IntegrityError, Flaky) as found:  # of the judge, the database, or either unrepeated
                return {"within": (number + 1) * A_FEW, "said": str(found).partition("\n")[0]}
    raise AssertionError(f"{FOR_A_BUG} examples did not show that {trial}")


def lines(done: Mapping[str, Figures]) -> list[tuple[str, str, str]]:
    bent_ones = {trial: figures for trial, figures in done.items() if "examples" in figures}
    found = [figures["within"] for figures in done.values() if "within" in figures]
    tried = f"{total(bent_ones, 'examples'):,} examples, {total(bent_ones, 'approvals'):,} approvals"
    return [
        (
            "effects begun without the approvals they need",
            f"0 of {total(bent_ones, 'executed'):,} in {tried}",
            f"0 in {EXAMPLES:,} examples",
        ),
        ("planted bugs found", f"{len(found)}, each within {max(found, default=0)} examples", f"all {len(bugs.BUGS)}"),
    ]


PART = Part(
    name="approvals",
    promise="E4",
    trials=[*bugs.BUGS, *(f"examples {number}" for number in range(EXAMPLES // AT_ONCE))],
    run=run,
    lines=lines,
)
