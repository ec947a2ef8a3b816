"""Kinds of side effect: their parameters, their states, what they need to know, and whose approval they wait for."""

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, Literal

import rfc8785
from pydantic import BaseModel, BeforeValidator, ConfigDict, StringConstraints, ValidationError
from pydantic.alias_generators import to_camel

from flowops import errors
from flowops.domain.access import Permission
from flowops.domain.money import Money

if TYPE_CHECKING:  # facts tell what they ask for, so they know the kinds
    from flowops.domain.facts import Limits, Records


class Status(StrEnum):
    PROPOSED = "proposed"
    APPROVED = "approved"
    EXECUTING = "executing"
    DONE = "done"
    DECLINED = "declined"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    HELD = "held"
    FAILED = "failed"


OPEN = frozenset({Status.PROPOSED, Status.HELD})  # waiting for somebody's decision

Text = Annotated[str, StringConstraints(min_length=1, max_length=20_000)]
Line = Annotated[str, StringConstraints(min_length=1, max_length=200)]


def _on_one_line(said: object) -> object:
    return " ".join(said.split()) if isinstance(said, str) else said


class Params(BaseModel):
    """The parameters of one kind of effect."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True)


class Refund(Params):
    """Give money of one invoice back."""

    money: Money
    invoice_id: Line
    reason: Line | None = None


class Reply(Params):
    """Write to the customer at the address their account has."""

    body: Annotated[Text, StringConstraints(pattern=r"\S")]
    subject: Annotated[Line, BeforeValidator(_on_one_line)] | None = None
    artifact_id: Line | None = None


class AccountSuspend(Params):
    """Suspend the customer's own account."""

    reason: Line


class PayoutRelease(Params):
    """Release one held payout to the customer, all of it."""

    payout_id: Line
    money: Money


@dataclass(frozen=True)
class Kind:
    """What a kind of effect takes, and which records its checks and rules read.

    A `supervised` kind waits for a supervisor who did not propose it, whatever its size.
    """

    params: type[Params]
    records: tuple[Literal["account", "invoice", "payout"], ...]
    supervised: bool = False


KINDS: dict[str, Kind] = {
    "refund": Kind(Refund, ("account", "invoice")),
    "reply": Kind(Reply, ("account",)),
    "account_suspend": Kind(AccountSuspend, ("account",), supervised=True),
    "payout_release": Kind(PayoutRelease, ("account", "payout")),
}


def parse(kind: str, params: dict[str, Any]) -> Params:
    """The parameters as the kind's own type.

    Raises `errors.Invalid` with one sentence naming every wrong field, also for an unknown kind.
    """
    if kind not in KINDS:
        raise errors.Invalid(reason=f"There is no effect kind {kind!r}; there are {', '.join(sorted(KINDS))}.")
    try:
        return KINDS[kind].params.model_validate(params)
    except ValidationError as wrong:
        found = "; ".join(f"{'.'.join(map(str, e['loc'])) or kind}: {e['msg']}" for e in wrong.errors())
        raise errors.Invalid(reason=f"The parameters of the {kind} are wrong: {found}.") from wrong


def kept(kind: str, params: dict[str, Any]) -> dict[str, Any]:
    """The parameters as they are kept, hashed and carried out: what is left out or on several lines is so no more.

    Raises what `parse` raises.

    >>> kept("reply", {"body": "Hello", "subject": "Your\\ninvoice", "artifactId": None})
    {'body': 'Hello', 'subject': 'Your invoice'}
    """
    return parse(kind, params).model_dump(mode="json", by_alias=True, exclude_none=True)


def read(kind: str | None, params: dict[str, Any]) -> Params | None:
    """The parameters as the kind's own type; None when they are wrong, or there is no such kind."""
    if kind not in KINDS:
        return None
    try:
        return parse(kind, params)
    except errors.Invalid:
        return None


def money(kind: str | None, params: dict[str, Any]) -> Money | None:
    """The money an effect moves; None when it moves none, or says so in a form that is not money."""
    return getattr(read(kind, params), "money", None)


def content_sha256(kind: str, params: dict[str, Any], records: "Records") -> str:
    """What an approval is bound to: the hash of kind, parameters and the record values used (RFC 8785 bytes).

    Fetch times and ages are left out, so asking again for unchanged records gives the same hash.
    """
    used = {name: record.dump() if (record := getattr(records, name)) else None for name in KINDS[kind].records}
    content: dict[str, Any] = {"kind": kind, "params": params, "records": used}
    return "sha256:" + hashlib.sha256(rfc8785.dumps(content)).hexdigest()


@dataclass(frozen=True)
class Approvals:
    """How many different people must approve, the permission each needs, and whether the proposer may be one."""

    needed: int
    permission: Permission
    proposer_may: bool

    def is_stricter_than(self, other: "Approvals") -> bool:
        """Does it ask for more people, or for others, than `other` does?

        >>> two, supervisor = Approvals(2, Permission.EFFECTS_APPROVE, True), Permission.EFFECTS_APPROVE_ABOVE_LIMIT
        >>> two.is_stricter_than(two), Approvals(1, supervisor, True).is_stricter_than(two)
        (False, True)
        """
        return self.and_as(other) != other

    def and_as(self, other: "Approvals") -> "Approvals":
        """What satisfies both: as many people as the one and as able ones as the other."""
        above = Permission.EFFECTS_APPROVE_ABOVE_LIMIT
        return Approvals(
            max(self.needed, other.needed),
            above if above in {self.permission, other.permission} else self.permission,
            self.proposer_may and other.proposer_may,
        )

    def at_least(self, needed: int, *, is_supervisor: bool) -> "Approvals":
        """The same, but by as many people and by supervisors, where that is stricter.

        >>> Approvals(1, Permission.EFFECTS_APPROVE, True).at_least(2, is_supervisor=True).needed
        2
        """
        permission = Permission.EFFECTS_APPROVE_ABOVE_LIMIT if is_supervisor else self.permission
        return Approvals(max(self.needed, needed), permission, self.proposer_may)


def approvals(kind: str, params: dict[str, Any], limits: "Limits | None") -> Approvals:
    """Whose approval an effect waits for.

    A reply needs one person with an operator's rights. Money up to the operator's limit too; above it a supervisor;
    from the two-person limit as many supervisors as the quorum says, and the proposer is none of them. Money in a
    currency without configured limits needs two. A supervised kind needs a supervisor other than its proposer.
    """
    if kind in KINDS and KINDS[kind].supervised:
        return Approvals(1, Permission.EFFECTS_APPROVE_ABOVE_LIMIT, proposer_may=False)
    amount = money(kind, params)
    if amount is None:
        return Approvals(1, Permission.EFFECTS_APPROVE, proposer_may=True)
    if limits is None or amount.amount >= limits.two_people:
        quorum = 2 if limits is None else limits.quorum
        return Approvals(quorum, Permission.EFFECTS_APPROVE_ABOVE_LIMIT, proposer_may=False)
    if amount.amount > limits.operator:
        return Approvals(1, Permission.EFFECTS_APPROVE_ABOVE_LIMIT, proposer_may=True)
    return Approvals(1, Permission.EFFECTS_APPROVE, proposer_may=True)
