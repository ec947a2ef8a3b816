"""One case as its page shows it: the facts of the case, and what the person who looks may do with it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from flowops import errors
from flowops.console import forms, written
from flowops.console.answer import Answer
from flowops.console.written import Written
from flowops.domain import effects as effect_kinds
from flowops.domain.access import Actor, Permission
from flowops.domain.effects import Status as Effect
from flowops.domain.handoffs import Status, Tier
from flowops.queries import decisions, drafts, effects, handoffs, operators, sla, switch

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
    names_draft: bool  # to the assistant, as what it was made of


@dataclass(frozen=True)
class Pane:
    """Everything the page of a case shows, read in one transaction."""

    case: handoffs.Case
    parts: dict[str, Any]
    decision_id: str  # of the verdict on the request
    written: dict[str, Written]
    draft: "tables.Draft | None"
    proposals: Sequence[effects.Proposal]
    asked_again: dict[str, datetime | None]  # of the effects that are unknown: when, if at all
    activity: "Page[Entry]"  # the newest first
    names: dict[str, str]  # of the people the activity speaks of
    why: sla.Explanation
    colleagues: Sequence["tables.User"]
    keeps_out: bool  # has the person who looks to do with the customer, so that somebody else must act?
    original: str | None  # the case this one repeats: its number, if the viewer may see it
    looks: Looks
    viewer: Actor
    now: datetime
    is_paused: bool  # may no effect start?

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

    @property
    def is_to_claim(self) -> bool:
        """Could somebody of the viewer's role claim the case?"""
        needed = Permission.HANDOFFS_SUPERVISE if self.handoff.tier is Tier.SUPERVISOR else Permission.HANDOFFS_WORK
        return self.handoff.status is not Status.RESOLVED and not self.is_live and self.viewer.may(needed)

    def offers(self, verb: str) -> bool:
        """Is there a button for this? A courtesy: the action has the last word."""
        works = self.viewer.may(Permission.HANDOFFS_WORK)
        supervises = self.viewer.may(Permission.HANDOFFS_SUPERVISE)
        owns = self.is_mine and self.is_live
        is_open = self.handoff.status is not Status.RESOLVED
        match verb:
            case "claim":
                return self.is_to_claim and not self.keeps_out
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
        version, was_typed = saved.version if saved else 0, "reply" in said.typed
        if was_typed:
            subject, body = said.typed.get("subject", ""), said.typed["reply"]
            # Still the one it was written from, so that what was saved since is not overwritten unseen.
            version = version if said.theirs else forms.number(said.typed.get("version", ""))
        elif self.looks.text == "assistant" and theirs:
            subject, body = theirs["subject"], theirs["body"]
        is_based_on_draft = theirs is not None and written.is_based_on(body, theirs["body"])
        return Editor(
            subject,
            body,
            version=version,
            is_saved=saved is not None and (saved.subject, saved.body) == (subject, body),
            is_based_on_draft=is_based_on_draft,
            names_draft=machine is not None and said.typed.get("artifactId") == machine.id
            if was_typed
            else is_based_on_draft,
        )

    def repeated(self, body: str) -> effects.Proposal | None:
        """The newest reply that says the same and was sent, or still may be."""
        alive = effect_kinds.OPEN | {Effect.APPROVED, Effect.EXECUTING, Effect.DONE}
        text = forms.lines(body)
        replies = (one for one in reversed(self.proposals) if one.effect.kind == "reply" and one.effect.status in alive)
        return next((reply for reply in replies if reply.effect.params["body"] == text), None)

    def is_to_decide(self, proposal: effects.Proposal) -> bool:
        """Does the effect wait for a decision that the viewer's role can take?"""
        effect = proposal.effect
        return effect.status in effect_kinds.OPEN and self.viewer.may(Permission(effect.approval_permission))

    def may_decide(self, proposal: effects.Proposal) -> bool:
        """Can the viewer take the decision that the effect waits for?"""
        return self.is_to_decide(proposal) and not self.keeps_out

    def may_cancel(self, proposal: effects.Proposal) -> bool:
        """Can the viewer withdraw the effect while it waits for a decision, or still call it back?"""
        effect, me = proposal.effect, self.viewer.id
        stands = self.is_paused or (effect.execute_after is not None and effect.execute_after > self.now)
        is_due = effect.status in effect_kinds.OPEN or (effect.status is effect_kinds.Status.APPROVED and stands)
        theirs = effect.proposed_by == me or me in {approval.user_id for approval in proposal.approvals}
        acts = self.viewer.may(Permission.EFFECTS_PROPOSE)
        supervises = self.viewer.may(Permission.HANDOFFS_SUPERVISE) and not self.keeps_out
        return is_due and acts and (theirs or supervises)

    def recipient(self, proposal: effects.Proposal, said: Answer) -> str | None:
        """To whom an approval from this page would send a reply: as the records say now, if they were just asked."""
        is_fresh = proposal.effect.id in said.content_sha256
        changed = {line["field"]: line["after"] for line in said.difference} if is_fresh else {}
        return changed.get("account.email", proposal.recipient)

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
    proposals = list(reversed(effects.search(view, handoff_id=handoff.id, limit=100).items))
    accounts = (proposal.facts.records.account for proposal in proposals)
    emails = {account.email for account in accounts if account is not None}
    keeps_out = operators.has_interest(view, handoff.customer, *emails)
    colleagues = operators.colleagues(view, handoff.queue) if supervises else []
    return Pane(
        case=case,
        parts=handoffs.parts(view, handoff.id),
        decision_id=decisions.of_case(view, handoff),
        written=written.read(view, handoff),
        draft=drafts.get(view, ref),
        proposals=proposals,
        asked_again=effects.asked_again(view, proposals),
        activity=activity,
        names=operators.names(view, spoken_of),
        why=sla.explain(view, handoff),
        colleagues=[one for one in colleagues if not (keeps_out and one.id == view.viewer.id)],
        keeps_out=keeps_out,
        original=_name(view, original) if original else None,
        looks=looks,
        viewer=view.viewer,
        now=view.now,
        is_paused=switch.is_paused(view),
    )


def _name(view: "View", ref: str) -> str:
    """What to call another case: this one's reader need not see its queue."""
    try:
        return handoffs.get(view, ref).handoff.label
    except errors.NotFound:
        return "a case you cannot see"


def _is_person(value: object) -> bool:
    return isinstance(value, str) and value.startswith("usr_")
