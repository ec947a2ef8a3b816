"""What the judge of approvals knows: the people, the rules as docs/approvals.md has them, and a journal of effects."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from flowops.domain import effects as kinds
from flowops.domain.access import Actor, ActorKind, Role

TOTAL = 200_000
LIMITS = {
    "EUR": {"automatic": 100_00, "operator": 250_00, "twoPeople": 500_00},
    "USD": {"automatic": 0, "operator": 100_00, "twoPeople": 200_00, "quorum": 3},
}
CAPS = [
    {"kind": "refund", "per": "customer", "window": "30d", "money": {"amount": 900_00, "currency": "EUR"}},
    {"kind": "refund", "per": "operator", "window": "24h", "count": 2},
]
PEOPLE = dict.fromkeys(("Ada", "Bob"), Role.OPERATOR)
PEOPLE |= dict.fromkeys(("Sue", "Tom", "Una", "Vic", "Lin"), Role.SUPERVISOR) | {"Max": Role.VIEWER}
LINKED = {"Lin": "lin.example"}
EMAILS = ("c@shop.example", "c@shop.example", "c@notlin.example", "c@mail.lin.example")
DECIDE, GOOD_FOR, DAY, UNDO = timedelta(days=7), timedelta(hours=24), timedelta(hours=24), timedelta(seconds=10)
ALIVE = {kinds.Status.APPROVED, kinds.Status.EXECUTING, kinds.Status.DONE}
WORKS, SUPERVISES = {Role.OPERATOR, Role.SUPERVISOR}, {Role.SUPERVISOR}


@dataclass
class Person:
    id: str
    name: str
    role: Role
    is_disabled: bool = False
    customers: set[str] = field(default_factory=set)

    @property
    def actor(self) -> Actor:
        return Actor(ActorKind.PERSON, self.name, self.id, self.role, frozenset({"default"}))

    def keeps_out(self, customer: str, email: str) -> bool:
        domain = LINKED.get(self.name)
        at = email.partition("@")[2]
        return customer in self.customers or (domain is not None and (at == domain or at.endswith(f".{domain}")))


@dataclass
class Put:
    """An effect as the judge knows it."""

    id: str
    amount: int | None
    currency: str
    proposer: str | None
    content: str
    expires: datetime
    email: str  # of the customer, as the records had it for this content
    by_policy: bool = False
    is_over: bool = False
    approved_at: datetime | None = None
    yes: dict[str, datetime] = field(default_factory=dict)  # names of those who approved this content
    by: set[str] = field(default_factory=set)  # names of those whose approvals did it

    @property
    def roles(self) -> set[Role]:
        limit = LIMITS[self.currency]["operator"]
        return WORKS if self.amount is None or self.amount <= limit else SUPERVISES

    @property
    def is_large(self) -> bool:
        return self.amount is not None and self.amount >= LIMITS[self.currency]["twoPeople"]

    @property
    def needed(self) -> int:
        return LIMITS[self.currency].get("quorum", 2) if self.is_large else 1
