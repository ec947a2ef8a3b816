"""A6 at its full size: a thousand keys, each used by 32 callers at once, and servers killed before they answer."""

from collections.abc import Mapping

from tests import crashes, live, repeats
from tests.prove.part import KINDS, Bench, Figures, Part, total

KEYS = 1000
AT_ONCE = 50  # keys in one trial
KILLS = 20


def run(bench: Bench, trial: str) -> Figures:
    kind, what, first = trial.split(" ")
    folder = bench.scratch()
    with bench.database(kind) as url, crashes.built(url) as app:
        callers = repeats.Callers(app)
        if what == "kill":
            found = callers.repeat_over_a_kill(folder, killed_by=int(first) % 5)
            figures = {"kills": 1, "calls": 0, "keys": 0, "faults": found}
        else:
            numbers = range(int(first), int(first) + AT_ONCE)
            with live.process(url, folder) as api:
                found = callers.repeat(str(api.client.base_url), numbers)
            figures = {"kills": 0, "calls": len(numbers) * repeats.AT_ONCE, "keys": len(numbers), "faults": found}
        callers.close()
    return figures


def lines(done: Mapping[str, Figures]) -> list[tuple[str, str, str]]:
    asked = f"{total(done, 'calls'):,} calls under {total(done, 'keys'):,} keys"
    return [
        ("keys with other than one effect, or with answers that differ", f"{total(done, 'faults')} in {asked}", "0"),
        ("servers killed between commit and answer", str(total(done, "kills")), ""),
    ]


PART = Part(
    name="api",
    promise="A6",
    trials=[
        *(f"{kind} keys {first}" for first in range(0, KEYS, AT_ONCE) for kind in KINDS),
        *(f"{kind} kill {number}" for number in range(KILLS) for kind in KINDS),
    ],
    run=run,
    lines=lines,
)
