"""E4 at its full size: tens of thousands of attempts to bend approvals, with a judge of its own."""

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from tests import bending
from tests.prove.part import Bench, Figures, Part, total

EXAMPLES = 50_000
AT_ONCE = 250  # examples in one trial, in one database
MEMORY = Path("/dev/shm")  # noqa: S108 - a file in it costs no disk


def run(bench: Bench, trial: str) -> Figures:
    with tempfile.TemporaryDirectory(prefix="flowops-bent-", dir=MEMORY if MEMORY.is_dir() else None) as folder:
        url = f"sqlite:///{shutil.copy(bench.template, Path(folder) / 'flowops.db')}"
        return dict(bending.bend(url, int(trial.partition(" ")[2]), AT_ONCE))


def lines(done: Mapping[str, Figures]) -> list[tuple[str, str, str]]:
    tried = f"{total(done, 'examples'):,} examples, {total(done, 'approvals'):,} approvals"
    figure = f"0 of {total(done, 'executed'):,} in {tried}"
    return [("effects begun without the approvals they need", figure, f"0 in {EXAMPLES:,} examples")]


PART = Part(
    name="approvals",
    promise="E4",
    trials=[f"examples {number}" for number in range(EXAMPLES // AT_ONCE)],
    run=run,
    lines=lines,
)
