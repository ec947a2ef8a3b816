"""Says in a sentence's second half what an audit entry tells: "Priya claimed the case"."""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from flowops.console import wording

# event -> what its actor did; codes of the entry's data are filled in as plain words.
VERBS = {
    "request.received": "sent the request: {outcome}",
    "handoff.created": "opened the case: {reason}",
    "handoff.claimed": "claimed the case",
    "handoff.claim_extended": "extended the claim",
    "handoff.released": "released the case",
    "handoff.resolved": "resolved the case: {outcome}",
    "handoff.reopened": "reopened the case: {reason}",
    "handoff.issue_found": "found one more reason for a person: {issue}",
    "handoff.note_added": "added a note",
    "handoff.assigned": "gave the case to {owner_id}",
    "handoff.claim_expired": "returned the case to the queue, because the claim ran out",
    "handoff.waiting": "waits for {waiting_for}",
    "handoff.resumed": "went on: {because}",
    "handoff.priority_changed": "changed the priority from {before} to {after}",
    "handoff.escalated": "escalated the case to a supervisor",
    "handoff.message_received": "added a message of the {role}",
    "handoff.draft_saved": "saved the draft, version {version}",
    "handoff.draft_used": "proposed the saved draft, which is empty again",
    "handoff.risk_copied": "noted the assessed risk: {risk_level}",
    "sla.warned": "warned that the {clock} is nearly due",
    "sla.breached": "marked the {clock} as overdue",
    "sla.escalated": "told those who can help that the {clock} is overdue",
    "operator.notified": "told {user_id} that the case was {about}",
    "effect.proposed": "proposed a {kind}; policy said {verdict}",
    "effect.approved": "approved the effect",
    "effect.declined": "declined the effect",
    "effect.cancelled": "called the effect back before it left",
    "effect.expired": "let the effect expire; it was {was}",
    "effect.started": "verified the records again and started the effect",
    "effect.put_back": "put the effect back: {reason}",
    "effect.unknown": "does not know whether the {kind} was done: {reason}",
    "effect.held": "held the effect, because the records changed",
    "effect.done": "carried out the {kind}, receipt {reference}",
    "effect.failed": "could not carry out the {kind}: {error}",
    "artifact.requested": "asked the assistant for a {kind}",
    "artifact.created": "wrote a {kind}: {status}",
    "artifact.reviewed": "judged a {kind}: {verdict}",
    "context.read": "read what the assistant was shown",
}
_CODE = re.compile(r"[a-z][a-z0-9_.]*")
_AS_WRITTEN = {"reference"}  # a provider's id may look like one of our codes


def describe(event: str, data: dict[str, Any], names: Mapping[str, str] = MappingProxyType({})) -> str:
    """What the actor of an entry did; an event unknown here is named, and people by their `names` instead of their ids.

    >>> describe("handoff.created", {"reason": "policy_boundary"})
    'opened the case: policy boundary'
    >>> describe("effect.approved", {"missing": 1})
    'approved the effect; one more approval is needed'
    """
    filled = {
        name: names[value]
        if isinstance(value, str) and value in names
        else value
        if name in _AS_WRITTEN
        else _in_words(value)
        for name, value in data.items()
    }
    said = VERBS.get(event, wording.words(event)).format_map(filled)
    missing = data.get("missing", 0) if event == "effect.approved" else 0
    if missing:
        said += "; one more approval is needed" if missing == 1 else f"; {missing} more approvals are needed"
    return said


def _in_words(value: Any) -> Any:
    return wording.words(value) if isinstance(value, str) and _CODE.fullmatch(value) else value
