"""Takes stored decisions again with the rules of today, and tells what they would change; keeps nothing."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pydantic import ValidationError

from flowops.domain.facts import Facts
from flowops.domain.policy import Policy, Spoken, Verdict

if TYPE_CHECKING:
    from flowops.storage import tables

SECONDS = 2.0  # that decisions are taken again for one page; two hundred take a tenth of one


@dataclass(frozen=True)
class Change:
    """A rule whose part in a decision is another one today; None where it took or takes no part."""

    rule: str
    then: Spoken | None
    now: Spoken | None


@dataclass(frozen=True)
class Again:
    """A decision as it was taken, or as some rules take it now, and as other rules take it from the same facts."""

    row: "tables.Decision"
    then: Verdict
    now: Verdict
    changes: tuple[Change, ...]

    @property
    def flips(self) -> bool:
        """Is the outcome another one?"""
        return self.then.outcome is not self.now.outcome


@dataclass
class Replay:
    """What taking decisions again showed; `looked` counts those that were reached in time and could be read."""

    looked: int = 0
    unreadable: int = 0
    left: int = 0
    flips: list[Again] = field(default_factory=list)


def facts(row: "tables.Decision") -> Facts | None:
    """What a decision was taken from; None when that was erased or cannot be read any more."""
    try:
        return Facts.model_validate(row.facts)
    except ValidationError:
        return None


def decide(row: "tables.Decision", known: Facts, policy: Policy, instead: Policy | None = None) -> Again:
    """One decision again, from its facts; beside it as it was taken, or as others decide `instead`."""
    then, now = instead.decide(known) if instead else Verdict.load(row.verdict), policy.decide(known)
    before = {spoken.rule: spoken for spoken in then.trace}
    # Decisions of before there was a trace kept only the rulings that mattered.
    is_whole = instead is not None or "trace" in row.verdict
    after = {spoken.rule: spoken for spoken in (now.trace if is_whole else now.rulings)}
    changes = (Change(rule, before.get(rule), after.get(rule)) for rule in before | after)
    return Again(row, then, now, tuple(each for each in changes if _said(each.then) != _said(each.now)))


def replay(
    rows: "Iterable[tables.Decision]",
    policy: Policy,
    seconds: float = SECONDS,
    clock: Callable[[], float] = time.monotonic,
) -> Replay:
    """These decisions again, as many as can be taken within the time; the others are counted as left."""
    report, ends = Replay(), clock() + seconds
    for row in rows:
        if clock() >= ends:
            report.left += 1
            continue
        known = facts(row)
        if known is None:
            report.unreadable += 1
            continue
        report.looked += 1
        again = decide(row, known, policy)
        if again.flips:
            report.flips.append(again)
    return report


def _said(spoken: Spoken | None) -> object:
    return spoken and (spoken.mode, spoken.ruling, spoken.failed)
