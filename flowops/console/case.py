"""One case as its page shows it: the facts of the case, and what the person who looks may do with it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from flowops import errors
from flowops.domain import effects as effect_kinds
from flowops.domain.access import Actor, Permission
from flowops.domain.handoffs import Status
from flowops.queries import artifacts, effects, handoffs

if TYPE_CHECKING:
    from flowops.queries.audit import Entry
    from flowops.queries.paging import Page
    from flowops.storage import tables
    from flowops.storage.unit import View

SUMMARY = "handoff_summary.v1"


@dataclass(frozen=True)
class Summary:
    """The newest summary that can be used, and why the newest try cannot, if so; both None while none was made."""

    artifact: "tables.Artifact | None"
    trouble: str | None
    messages: Sequence[str] = ()  # the ids of those it was written from, as its sources count them

    @property
    def checked(self) -> str:
        """How many of the stated facts were found in the context."""
        claims = (self.artifact.grounding or {}).get("claims", []) if self.artifact else []
        return f"{sum(claim['ok'] for claim in claims)} of {len(claims)} facts checked"

    def anchor(self, source: str | None) -> str | None:
        """The part of the page that a JSON Pointer into the context of the summary leads to."""
        if not source or self.artifact is None:
            return None
        part, _, rest = source.removeprefix("/").partition("/")
        if part == "messages":
            index = rest.partition("/")[0]
            return f"#{self.messages[int(index)]}" if index.isdigit() and int(index) < len(self.messages) else None
        places = {"facts": "#tools", "verification": "#checks", "records": "#checks", "verdict": "#rulings"}
        return places.get(part, "#effects" if part in {"effects", "request"} else "#case")


@dataclass(frozen=True)
class Pane:
    """Everything the page of a case shows, read in one transaction."""

    case: handoffs.Case
    parts: dict[str, Any]
    summary: Summary
    proposals: Sequence[effects.Proposal]
    activity: "Page[Entry]"  # the newest first
    original: str | None  # the number of the case this one repeats
    viewer: Actor
    now: datetime

    @property
    def handoff(self) -> "tables.Handoff":
        return self.case.handoff

    @property
    def is_mine(self) -> bool:
        """Does the person who looks own the case, be it that the claim has ended?"""
        return self.handoff.status is Status.CLAIMED and self.handoff.claimed_by == self.viewer.id

    @property
    def is_live(self) -> bool:
        """Does a claim of the case still last?"""
        ends = self.handoff.claim_expires_at
        return self.handoff.status is Status.CLAIMED and (ends is None or ends > self.now)

    @property
    def last_message_id(self) -> str:
        """The last message whoever reads this page has read."""
        return self.case.messages[-1].id if self.case.messages else ""

    def offers(self, verb: str) -> bool:
        """Is there a button for this? A courtesy: the action has the last word."""
        works = self.viewer.may(Permission.HANDOFFS_WORK)
        owns = self.is_mine and self.is_live
        match verb:
            case "claim":
                return works and self.handoff.status is not Status.RESOLVED and not self.is_live
            case "release" | "resolve":
                supervises = self.viewer.may(Permission.HANDOFFS_SUPERVISE)
                return owns or (supervises and self.handoff.status is Status.CLAIMED and not self.is_mine)
            case "reply":
                return owns
        return works

    def may_decide(self, proposal: effects.Proposal) -> bool:
        """Does the effect wait for a decision that the viewer's role can take?"""
        effect = proposal.effect
        return effect.status in effect_kinds.OPEN and self.viewer.may(Permission(effect.approval_permission))

    def own_rulings(self, proposal: effects.Proposal) -> list[dict[str, Any]]:
        """What policy said against an effect beyond what it said about the case."""
        known = {(ruling["rule"], ruling["reason"]) for ruling in self.parts["verdict"]["rulings"]}
        against = (ruling for ruling in proposal.verdict["rulings"] if ruling["outcome"] in {"review", "deny"})
        return [ruling for ruling in against if (ruling["rule"], ruling["reason"]) not in known]


def read(view: "View", ref: str) -> Pane:
    """The case with this id or number, as the viewer may see it; NotFound otherwise."""
    case = handoffs.get(view, ref)
    proposals = effects.search(view, handoff_id=case.handoff.id, limit=100).items
    original = case.handoff.duplicate_of
    return Pane(
        case=case,
        parts=handoffs.parts(view, case.handoff.id),
        summary=_summary(view, case.handoff),
        proposals=list(reversed(proposals)),
        activity=handoffs.timeline(view, ref, newest_first=True, limit=200),
        original=handoffs.get(view, original).handoff.label if original else None,
        viewer=view.viewer,
        now=view.now,
    )


def _summary(view: "View", handoff: "tables.Handoff") -> Summary:
    try:
        usable = artifacts.latest(view, handoff, SUMMARY)
        messages = tuple(message["id"] for message in artifacts.context(view, usable)["messages"])
    except errors.NoArtifact:
        usable, messages = None, ()
    newest = next((artifact for artifact, _ in artifacts.versions(view, handoff, SUMMARY, limit=1).items), None)
    trouble = newest.reasons[0] if newest and newest is not usable and newest.reasons else None
    return Summary(usable, trouble, messages)
