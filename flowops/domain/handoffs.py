"""Statuses, priorities and reasons of a handoff, and the table of allowed moves."""

from enum import StrEnum


class Status(StrEnum):
    PENDING = "pending"
    CLAIMED = "claimed"
    RESOLVED = "resolved"


class Priority(StrEnum):
    """How urgent, least first."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    URGENT = "urgent"

    @property
    def rank(self) -> int:
        return list(Priority).index(self)

    @property
    def raised(self) -> "Priority":
        """One step more urgent; the most urgent stays what it is."""
        return list(Priority)[min(self.rank + 1, len(Priority) - 1)]


class Reason(StrEnum):
    """Why a human must own the case, strictest first."""

    VERIFICATION_FAILED = "verification_failed"
    EFFECT_FAILED = "effect_failed"
    POLICY_BOUNDARY = "policy_boundary"
    ESCALATED = "escalated"
    LOW_CONFIDENCE = "low_confidence"
    SLA_RISK = "sla_risk"
    OTHER = "other"


class Outcome(StrEnum):
    """What a person made of the case."""

    APPROVED = "approved"
    DECLINED = "declined"
    ANSWERED = "answered"
    DUPLICATE = "duplicate"
    FALSE_ALARM = "false_alarm"
    OTHER = "other"


class Tier(StrEnum):
    """Whose role is needed to own the case."""

    OPERATOR = "operator"
    SUPERVISOR = "supervisor"


class WaitingFor(StrEnum):
    """Whose answer an owned case waits for."""

    CUSTOMER = "customer"
    THIRD_PARTY = "third_party"


class Verb(StrEnum):
    CLAIM = "claim"
    ASSIGN = "assign"
    RELEASE = "release"
    ESCALATE = "escalate"
    EXPIRE = "expire"
    RESOLVE = "resolve"
    REOPEN = "reopen"


MOVES: dict[tuple[Status, Verb], Status] = {
    (Status.PENDING, Verb.CLAIM): Status.CLAIMED,
    (Status.CLAIMED, Verb.CLAIM): Status.CLAIMED,  # by the owner, or by anyone once the claim has expired
    (Status.PENDING, Verb.ASSIGN): Status.CLAIMED,
    (Status.CLAIMED, Verb.ASSIGN): Status.CLAIMED,
    (Status.CLAIMED, Verb.RELEASE): Status.PENDING,
    (Status.PENDING, Verb.ESCALATE): Status.PENDING,
    (Status.CLAIMED, Verb.ESCALATE): Status.PENDING,
    (Status.CLAIMED, Verb.EXPIRE): Status.PENDING,
    (Status.CLAIMED, Verb.RESOLVE): Status.RESOLVED,
    (Status.RESOLVED, Verb.REOPEN): Status.PENDING,
}


def move(status: Status, verb: Verb) -> Status | None:
    """Where the verb leads from this status; None where the table does not allow it.

    >>> move(Status.PENDING, Verb.CLAIM), move(Status.PENDING, Verb.RESOLVE)
    (<Status.CLAIMED: 'claimed'>, None)
    """
    return MOVES.get((status, verb))


def strictest(reasons: set[Reason]) -> Reason:
    """The reason that heads the case when several apply; OTHER when none does.

    >>> strictest({Reason.LOW_CONFIDENCE, Reason.POLICY_BOUNDARY})
    <Reason.POLICY_BOUNDARY: 'policy_boundary'>
    """
    return next((reason for reason in Reason if reason in reasons), Reason.OTHER)
