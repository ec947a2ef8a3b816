"""What people of ours are told by mail about their cases; of a customer's words only the title goes out."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from flowops.domain import times
from flowops.domain.handoffs import Priority
from flowops.domain.sla import Clock, Mark


class About(StrEnum):
    """Why somebody is told of a case."""

    ASSIGNED = "assigned"
    ESCALATED = "escalated"
    BREACHED = "breached"
    TAKEN = "taken"
    RETURNED = "returned"


@dataclass(frozen=True)
class Notice:
    """A case as a mail speaks of it; `broken` marks the promise that was broken last."""

    about: About
    number: str
    title: str
    queue: str
    priority: Priority
    due_at: datetime | None
    broken: Mark | None = None

    @property
    def subject(self) -> str:
        """The case and what happened, in one line."""
        return f"{self.number} {_SUBJECTS[self.about]}: {self.title}"

    def body(self, origin: str) -> str:
        """The mail as plain text; `origin` is the address of the console."""
        due = f"due {times.in_words(self.due_at)}" if self.due_at else "without a running deadline"
        return (
            f"{self.number}: {self.title}\n\n"
            f"{self._happened}\n"
            f"Priority {self.priority}, queue {self.queue}, {due}.\n\n"
            f"{origin}/console/case/{self.number}\n\n"
            "You are told because you own or owned this case, or look after its queue. "
            f"To get no such mail: {origin}/console/me\n"
        )

    @property
    def _happened(self) -> str:
        match self.about:
            case About.ASSIGNED:
                return "The case was assigned to you."
            case About.ESCALATED:
                return "The case was escalated: it waits for a supervisor to claim it."
            case About.TAKEN:
                return "Somebody else escalated the case: it is no longer yours and waits for a supervisor."
            case About.RETURNED:
                return "Its owner can own it no more, so the case went back to the queue."
            case About.BREACHED:
                assert self.broken is not None, "nobody is told of a breach that was not marked"
                return f"It was to be {_DONE[self.broken.clock]} by {times.in_words(self.broken.due_at)}, and was not."


_SUBJECTS = {
    About.ASSIGNED: "is yours",
    About.ESCALATED: "needs a supervisor",
    About.BREACHED: "is late",
    About.TAKEN: "is no longer yours",
    About.RETURNED: "needs a new owner",
}
_DONE = {Clock.RESPONSE: "claimed", Clock.RESOLUTION: "resolved"}
