"""The rules of cases and effects once more, in as few plain lines as they take: what the product is held against.

Each method is one call: it says with which error the call must be refused, or None after doing what it must do.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from flowops import errors
from flowops.domain.access import Actor, Role

LEASE = LOOK = timedelta(minutes=15)
GIVEN = timedelta(hours=8)
UNDO = timedelta(seconds=10)
DECIDE, CARRY_OUT = timedelta(days=7), timedelta(hours=24)
AUTOMATIC, OPERATOR, TWO_PEOPLE = 100_00, 250_00, 500_00

OPEN = ("proposed", "held")
Refused = type[errors.FlowOpsError] | None
Content = tuple[int | None, int | None]  # the amount, and what billing says can be refunded; nothing for a reply


def supervises(who: Actor) -> bool:
    return who.role is Role.SUPERVISOR


def works(who: Actor) -> bool:
    return who.role in {Role.OPERATOR, Role.SUPERVISOR}


@dataclass
class Case:
    status: str = "pending"
    owner: str | None = None
    ends: datetime | None = None
    waits: bool = False
    left: timedelta = timedelta(0)  # of the claim, while it waits
    until: datetime | None = None
    needs_supervisor: bool = False
    swept: str | None = None  # whose claim was the last to run out, until somebody else gives the case back

    def is_late(self, now: datetime) -> bool:
        return self.ends is not None and self.ends <= now

    def is_mine(self, who: Actor, now: datetime) -> bool:
        return self.status == "claimed" and self.owner == who.id and not self.is_late(now)

    def stay(self, who: Actor, now: datetime) -> None:
        if self.is_mine(who, now) and not self.waits:
            self.ends = max(self.ends or now, now + LEASE)

    def refuse_late(self, who: Actor, now: datetime) -> Refused:
        mine = self.status == "claimed" and self.owner == who.id
        late = (mine and self.is_late(now)) or (self.status == "pending" and self.swept == who.id)
        return errors.ClaimExpired if late else None

    def refuse(self, who: Actor, now: datetime, *, supervisor_may: bool = False) -> Refused:
        if late := self.refuse_late(who, now):
            return late
        if self.status != "claimed":
            return errors.NotClaimed
        return None if self.owner == who.id or (supervisor_may and supervises(who)) else errors.NotOwner

    def refuse_resolved(self) -> Refused:
        return errors.AlreadyResolved if self.status == "resolved" else None

    def owned(self, who: Actor, now: datetime) -> Refused:
        if refused := self.refuse_resolved() or self.refuse(who, now):
            return refused
        self.stay(who, now)
        return None

    def unfit(self, who: Actor) -> bool:
        return not (supervises(who) if self.needs_supervisor else works(who))

    def claim(self, who: Actor, now: datetime) -> Refused:
        if self.status == "resolved":
            return errors.AlreadyResolved
        if self.unfit(who):
            return errors.NotPermitted
        if self.status == "claimed" and not self.is_late(now):
            self.stay(who, now)
            return None if self.owner == who.id else errors.AlreadyClaimed
        self.status, self.owner, self.ends = "claimed", who.id, now + LEASE
        return None

    def assign(self, who: Actor, to: Actor, now: datetime) -> Refused:
        if not supervises(who):
            return errors.NotPermitted
        if refused := self.refuse_resolved() or self.refuse_late(who, now):
            return refused
        if self.unfit(to):
            return errors.CannotOwn
        self.status, self.owner, self.ends, self.left = "claimed", to.id, now + GIVEN, GIVEN
        if self.waits:
            self.ends = None
        return None

    def release(self, who: Actor, now: datetime) -> Refused:
        if refused := self.refuse(who, now, supervisor_may=True):
            return refused
        self.give_back()
        return None

    def escalate(self, who: Actor, now: datetime) -> Refused:
        if not works(who):
            return errors.NotPermitted
        if refused := self.refuse_resolved() or self.refuse_late(who, now):
            return refused
        self.give_back()
        self.needs_supervisor = True
        return None

    def resolve(self, who: Actor, now: datetime, *, waiting_effects: bool) -> Refused:
        if not works(who):
            return errors.NotPermitted
        if self.status == "resolved":
            return errors.AlreadyResolved
        if refused := self.refuse(who, now, supervisor_may=True):
            return refused
        if waiting_effects:
            return errors.OpenEffects
        self.status, self.ends, self.waits, self.until = "resolved", None, False, None
        return None

    def reopen(self, who: Actor, now: datetime) -> Refused:
        if not works(who):
            return errors.NotPermitted
        if self.status != "resolved":
            return self.refuse_late(who, now) or errors.NotResolved
        self.give_back()
        return None

    def note(self, who: Actor, now: datetime) -> Refused:
        if not works(who):
            return errors.NotPermitted
        if late := self.refuse_late(who, now):
            return late
        self.stay(who, now)
        return None

    def wait(self, who: Actor, until: datetime | None, now: datetime) -> Refused:
        if refused := self.owned(who, now):
            return refused
        self.left = self.ends - now if self.ends else self.left
        self.waits, self.until, self.ends = True, until, None
        return None

    def resume(self, who: Actor, now: datetime) -> Refused:
        if refused := self.refuse_resolved() or self.refuse(who, now):
            return refused
        if not self.waits:
            return errors.NotWaiting
        self.go_on(now)
        return None

    def draft(self, who: Actor, now: datetime) -> Refused:
        return self.owned(who, now)

    def prioritise(self, who: Actor, now: datetime) -> Refused:
        if not supervises(who):
            return errors.NotPermitted
        if refused := self.refuse_resolved() or self.refuse_late(who, now):
            return refused
        self.stay(who, now)
        return None

    def hear(self, now: datetime) -> Refused:
        """The customer wrote."""
        self.need_person(now)
        return None

    def need_person(self, now: datetime) -> None:
        self.go_on(now)
        if self.status == "resolved":
            self.give_back()

    def go_on(self, now: datetime) -> None:
        if self.waits:
            self.waits, self.until, self.ends = False, None, now + max(LEASE, self.left)

    def give_back(self, swept: str | None = None) -> None:
        self.status, self.owner, self.ends, self.waits, self.until = "pending", None, None, False, None
        self.swept = swept

    def sweep(self, now: datetime) -> None:
        if self.is_late(now):
            self.give_back(swept=self.owner)
        if self.until is not None and self.until <= now:
            self.go_on(now)


@dataclass
class Effect:
    amount: int | None  # of a refund; None for a reply
    proposer: str | None
    content: Content
    denied: bool
    expires: datetime
    needed: int
    status: str = "proposed"
    execute_after: datetime | None = None
    yes: set[str | None] = field(default_factory=set)

    def may_decide(self, who: Actor) -> bool:
        return works(who) if (self.amount or 0) <= OPERATOR else supervises(who)

    def approve(self, who: Actor, seen: Content, fresh: Content, now: datetime) -> Refused:
        if self.status not in OPEN:
            return errors.AlreadyDecided
        if self.expires <= now:
            return errors.Expired
        if not self.may_decide(who):
            return errors.AboveLimit
        if self.proposer == who.id and (self.amount or 0) >= TWO_PEOPLE:
            return errors.SelfApproval
        if self.denied or denied(fresh):
            return errors.DeniedByPolicy
        if seen != fresh:
            return errors.ContentChanged
        if not verified(fresh):
            return errors.VerificationFailed
        if self.content == fresh and who.id in self.yes:
            return errors.AlreadyDecided
        self.bind(fresh)
        self.yes.add(who.id)
        if len(self.yes) >= self.needed:
            self.status, self.execute_after, self.expires = "approved", now + UNDO, now + CARRY_OUT
        return None

    def decline(self, who: Actor) -> Refused:
        if self.status not in OPEN:
            return errors.AlreadyDecided
        if not self.may_decide(who):
            return errors.AboveLimit
        self.status = "declined"
        return None

    def cancel(self, who: Actor, now: datetime) -> Refused:
        if who.id != self.proposer and who.id not in self.yes and not supervises(who):
            return errors.NotPermitted
        if self.status not in OPEN and not self.can_be_called_back(now):
            return errors.TooLate
        self.status, self.execute_after = "cancelled", None
        return None

    def can_be_called_back(self, now: datetime) -> bool:
        return self.status == "approved" and self.execute_after is not None and now < self.execute_after

    def start(self, fresh: Content, now: datetime) -> bool:
        """Does the provider get a call? Not told here: a hold or an expiry needs a person."""
        if self.status != "approved" or self.can_be_called_back(now):
            return self.status == "executing"
        if self.expires <= now:
            self.status = "expired"
        elif fresh != self.content or not verified(fresh):
            self.bind(fresh)
            self.yes, self.needed, self.denied = set(), people(self.amount), denied(fresh)
            self.status, self.execute_after, self.expires = "held", None, now + DECIDE
        else:
            self.status = "executing"
        return self.status == "executing"

    def bind(self, fresh: Content) -> None:
        if self.content != fresh:
            self.content, self.yes, self.denied = fresh, set(), denied(fresh)


def late(case: Case | None, who: Actor, now: datetime) -> Refused:
    """Is this somebody whose claim of the case has ended?"""
    return case.refuse_late(who, now) if case else None


def people(amount: int | None) -> int:
    """How many must approve."""
    return 2 if (amount or 0) >= TWO_PEOPLE else 1


def denied(content: Content) -> bool:
    """Does policy deny it? Nothing of the invoice is left."""
    return content[1] == 0


def verified(content: Content) -> bool:
    amount, refundable = content
    return amount is None or 0 < amount <= (refundable or 0)
