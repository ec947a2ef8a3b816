"""What others may be told of, and in which words: the public events as CloudEvents, which name and never quote."""

from datetime import datetime
from typing import Any

from pydantic.alias_generators import to_camel

from flowops.domain import times
from flowops.domain.access import ActorKind

PING = "flowops.ping"
SECRET_PREFIX = "whsec_"  # noqa: S105  # what every secret begins with (Standard Webhooks)
SECRET_BYTES = 32
MOST_SECRETS = 5  # that sign at a time: each makes the header of every delivery longer

_CASE = ("handoff_id",)
_EFFECT = ("effect_id", "handoff_id")
_ARTIFACT = ("artifact_id", "handoff_id", "kind")
# The audit events that are public, and the fields of each that are: ids, states and codes. Listed and not derived, so
# that a field which holds somebody's words cannot become public by being added to an event.
FIELDS: dict[str, tuple[str, ...]] = {
    "request.received": (
        "request_id",
        "customer_id",
        "outcome",
        "decision_id",
        "verdict",
        "policy_version",
        "failed_checks",
    ),
    "handoff.created": (*_CASE, "request_id", "customer_id", "reason", "issues", "priority", "queue", "sla_due_at"),
    "handoff.claimed": (*_CASE, "claim_expires_at"),
    "handoff.assigned": (*_CASE, "owner_id", "former_owner_id", "claim_expires_at"),
    "handoff.released": (*_CASE, "owner_id"),
    "handoff.claim_expired": (*_CASE, "owner_id"),
    "handoff.waiting": (*_CASE, "waiting_for", "until"),
    "handoff.resumed": (*_CASE, "because", "sla_due_at"),
    "handoff.priority_changed": (*_CASE, "before", "after", "sla_due_at"),
    "handoff.escalated": (*_CASE, "former_owner_id"),
    "handoff.message_received": (*_CASE, "message_id", "role"),
    "handoff.resolved": (*_CASE, "outcome", "duplicate_of"),
    "handoff.reopened": (*_CASE, "reason"),
    "effect.proposed": (*_EFFECT, "request_id", "kind", "content_sha256", "verdict", "approvals_needed"),
    "effect.approved": (*_EFFECT, "content_sha256", "missing", "execute_after"),
    "effect.declined": _EFFECT,
    "effect.cancelled": _EFFECT,
    "effect.expired": (*_EFFECT, "was"),
    "effect.held": (*_EFFECT, "content_sha256", "changed"),
    "effect.done": (*_EFFECT, "kind", "reference"),
    "effect.failed": (*_EFFECT, "kind"),
    "sla.warned": (*_CASE, "clock", "sla_due_at"),
    "sla.breached": (*_CASE, "clock", "priority", "sla_due_at"),
    "artifact.created": (*_ARTIFACT, "version", "status", "generator"),
    "artifact.reviewed": (*_ARTIFACT, "verdict"),
}


def is_public(event: str, data: dict[str, Any]) -> bool:
    """May others be told of this event? Of what was only tried out in shadow mode they are not.

    >>> is_public("handoff.claimed", {}), is_public("handoff.note_added", {})
    (True, False)
    >>> is_public("request.received", {"mode": "shadow"})
    False
    """
    return event in FIELDS and data.get("mode") != "shadow"


def wants(types: list[str], event: str) -> bool:
    """Is an endpoint that chose these types told of this event? Who chose none is told of all.

    >>> wants([], "sla.warned"), wants(["sla.breached"], "sla.warned")
    (True, False)
    """
    return not types or event in types


def describe(event: str, data: dict[str, Any], actor_kind: ActorKind, actor_id: str | None) -> dict[str, Any]:
    """What a public event says: its public fields, and the kind and id of whoever caused it.

    >>> describe("sla.warned", {"clock": "response", "note": "hello"}, ActorKind.SYSTEM, None)
    {'handoffId': None, 'clock': 'response', 'slaDueAt': None, 'actorKind': 'system', 'actorId': None}
    """
    said = {to_camel(name): data.get(name) for name in FIELDS[event]}
    return said | {"actorKind": actor_kind.value, "actorId": actor_id}


def cloud_event(
    id: str, type: str, subject: str, at: datetime, data: dict[str, Any], sequence: int | None = None
) -> dict[str, Any]:
    """The event as CloudEvents 1.0 has it, but for its `source`, which only whoever sends it knows.

    The number of an event among those of its subject is text with leading zeros, so that it sorts as text too
    (CloudEvents' Sequence extension).
    """
    numbered = {} if sequence is None else {"sequence": f"{sequence:010}"}
    return {
        "specversion": "1.0",
        "id": id,
        "type": type,
        "subject": subject,
        "time": times.rfc3339(at),
        "datacontenttype": "application/json",
        **numbered,
        "data": data,
    }
