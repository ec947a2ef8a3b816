"""A11 at its full size: a thousand approved effects are paused midway, by four processes, on both databases."""

from collections.abc import Mapping

from tests import crashes, pausing
from tests.prove.part import KINDS, Bench, Figures, Part, of_kind, spread, total

EFFECTS, TRIALS = 1000, 5


def run(bench: Bench, trial: str) -> Figures:
    kind, _ = trial.split(" ")
    with bench.database(kind) as url, crashes.work(url, outbox_lease="10s") as work:
        return pausing.pause(work, EFFECTS, bench.scratch())


def lines(done: Mapping[str, Figures]) -> list[tuple[str, str, str]]:
    some = f"of {total(done, 'left'):,} that were approved and waited"
    started = total(done, "started after the pause") + total(done, "started while paused")
    found = [
        ("effects started after a pause was committed", f"{started} {some}", "0"),
        ("calls, and claims of jobs, while all was paused", f"{total(done, 'calls while paused')}, "
         f"{total(done, 'claims while paused')}", "0, 0"),
        ("tries that a pause used up", str(total(done, "claims that counted")), "0"),
        ("effects lost or carried out twice after the resume",
         f"{total(done, 'faults') + total(done, 'doubled')} of {total(done, 'effects'):,}", "0"),
    ]  # fmt: skip
    for kind in KINDS:
        if figures := of_kind(done, kind):
            for name, promised in (("to pause", ""), ("to go on", "a few seconds")):
                took = spread([each[f"seconds {name}"] for each in figures], "s")
                found.append((f"{name}, under load, {kind}", took, promised))
    return found


PART = Part(
    name="pauses",
    promise="A11",
    trials=[f"{kind} {number}" for number in range(TRIALS) for kind in KINDS],
    run=run,
    lines=lines,
)
