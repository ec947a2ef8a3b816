"""One case as its page shows it: the facts of the case, and what the person who looks may do with it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from flowops.console import written
from flowops.console.answer import Answer
from flowops.console.written import Written
from flowops.domain import effects as effect_kinds
from flowops.domain.access import Actor, Permission
from flowops.domain.handoffs import Status, Tier
from flowops.queries import drafts, effects, handoffs, operators, sla

if TYPE_CHECKING:
    from flowops.queries.audit import Entry
    from flowops.queries.paging import Page
    from flowops.storage import tables
    from flowops.storage.unit import View

ENTRIES = 200  # of the activity on one page


@dataclass(frozen=True)
class Looks:
    """How the case is to be shown: with the assistant's text in the editor, or only some of its activity."""

    text: str = ""
    who: str = ""


@dataclass(frozen=True)
class Editor:
    """What stands in the editor of the reply, and what it was made from."""

    subject: str
    body: str
    version: int  # of the saved text it would replace
    is_saved: bool
    is_based_on_draft: bool


@dataclass(frozen=True)
class Pane:
    """Everything the page of a case shows, read in one transaction."""

    case: handoffs.Case
    parts: dict[str, Any]
    written: dict[str, Written]
    draft: "tables.Draft | None"
    proposals: Sequence[effects.Proposal]
    activity: "Page[Entry]"  # the newest first
    names: dict[str, str]  # of the people the activity speaks of
    why: sla.Explanation
    colleagues: Sequence["tables.User"]
    original: str | None  # the number of the case this one repeats
    looks: Looks
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
        supervises = self.viewer.may(Permission.HANDOFFS_SUPERVISE)
        owns = self.is_mine and self.is_live
        is_open = self.handoff.status is not Status.RESOLVED
        match verb:
            case "claim":
                return works and is_open and not self.is_live and (supervises or self.handoff.tier is Tier.OPERATOR)
            case "release" | "resolve":
                return owns or (supervises and self.handoff.status is Status.CLAIMED and not self.is_mine)
            case "assign" | "priority":
                return supervises and is_open
            case "wait":
                return owns
            case "resume":
                return owns and self.handoff.waiting_for is not None
            case "escalate":
                return works and is_open
            case "reopen":
                return works and not is_open
            case "reply":
                return owns
        return works

    def editor(self, said: Answer) -> Editor:
        """What the editor shows: what was just typed, the assistant's text if it is wanted, or what was saved last."""
        saved, machine = self.draft, self.written["draft"].artifact
        theirs = machine.content if machine else None
        subject, body = (saved.subject, saved.body) if saved else ("", "")
        if "reply" in said.typed:
            subject, body = said.typed.get("subject", ""), said.typed["reply"]
        elif self.looks.text == "assistant" and theirs:
            subject, body = theirs["subject"], theirs["body"]
        return Editor(
            subject,
            body,
            version=saved.version if saved else 0,
            is_saved=saved is not None and (saved.subject, saved.body) == (subject, body),
            is_based_on_draft=theirs is not None and written.is_based_on(body, theirs["body"]),
        )

    def may_decide(self, proposal: effects.Proposal) -> bool:
        """Does the effect wait for a decision that the viewer's role can take?"""
        effect = proposal.effect
        return effect.status in effect_kinds.OPEN and self.viewer.may(Permission(effect.approval_permission))

    def may_cancel(self, proposal: effects.Proposal) -> bool:
        """Can the viewer still call the effect back?"""
        effect, me = proposal.effect, self.viewer.id
        runs = effect.execute_after is not None and effect.execute_after > self.now
        theirs = effect.proposed_by == me or me in {approval.user_id for approval in proposal.approvals}
        is_due = effect.status is effect_kinds.Status.APPROVED and runs
        return is_due and (theirs or self.viewer.may(Permission.HANDOFFS_SUPERVISE))

    def own_rulings(self, proposal: effects.Proposal) -> list[dict[str, Any]]:
        """What policy said against an effect beyond what it said about the case."""
        known = {(ruling["rule"], ruling["reason"]) for ruling in self.parts["verdict"]["rulings"]}
        against = (ruling for ruling in proposal.verdict["rulings"] if ruling["outcome"] in {"review", "deny"})
        return [ruling for ruling in against if (ruling["rule"], ruling["reason"]) not in known]


def read(view: "View", ref: str, looks: Looks) -> Pane:
    """The case with this id or number, as the viewer may see it; NotFound otherwise."""
    case = handoffs.get(view, ref)
    handoff, original = case.handoff, case.handoff.duplicate_of
    activity = handoffs.timeline(view, ref, newest_first=True, limit=ENTRIES)
    spoken_of = {value for entry in activity.items for value in entry.data.values() if _is_person(value)}
    supervises = view.viewer.may(Permission.HANDOFFS_SUPERVISE)
    return Pane(
        case=case,
        parts=handoffs.parts(view, handoff.id),
        written=written.read(view, handoff),
        draft=drafts.get(view, ref),
        proposals=list(reversed(effects.search(view, handoff_id=handoff.id, limit=100).items)),
        activity=activity,
        names=operators.names(view, spoken_of),
        why=sla.explain(view, handoff),
        colleagues=operators.colleagues(view, handoff.queue) if supervises else [],
        original=handoffs.get(view, original).handoff.label if original else None,
        looks=looks,
        viewer=view.viewer,
        now=view.now,
    )


def _is_person(value: object) -> bool:
    return isinstance(value, str) and value.startswith("usr_")
