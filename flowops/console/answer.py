"""What the console says when something was not done: what happened, what was not changed, what was kept."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from flowops import errors
from flowops.console import wording

# What people write, as against what they choose: field -> what to call it where its form is not shown.
TEXTS = {
    "reply": "Reply",
    "subject": "Subject",
    "note": "Note",
    "message": "Message",
    "notes": "Notes",
    "duplicate_of": "Other case",
    "assign": "Why somebody else",
    "priority": "Why another priority",
    "escalate": "Why it needs a supervisor",
    "reopen": "Why again",
    "decline": "Why not",
    "review": "What is wrong with it",
    "amount": "Amount",
    "currency": "Currency",
    "invoice_id": "Invoice",
    "refund_reason": "Reason for the refund",
    "suspend_reason": "Reason for the suspension",
    "payout_id": "Payout",
    "payout_amount": "Amount of the payout",
    "payout_currency": "Currency of the payout",
    "reason": "Reason",
}


@dataclass(frozen=True)
class Answer:
    """A message above a form, what is wrong beside which field, and what was typed, so that it is not lost.

    Its page is made first: each form takes `again` what was typed in it, and what no form took, the message shows.
    """

    title: str = ""
    text: str = ""
    tone: str = "warn"
    wrong: Mapping[str, str] = field(default_factory=dict)
    typed: Mapping[str, str] = field(default_factory=dict)
    difference: Sequence[Mapping[str, Any]] = ()
    theirs: Mapping[str, Any] = field(default_factory=dict)  # what somebody saved meanwhile: name, version, body
    content_sha256: Mapping[str, str] = field(default_factory=dict)  # effect -> what it would be approved as now
    shown: set[str] = field(default_factory=set)  # the fields that stand on the page again
    carried: set[str] = field(default_factory=set)  # those that the button to claim takes along

    def again(self, name: str, otherwise: str = "") -> str:
        """What was typed in a field, for the field to show it again."""
        if name in self.typed:
            self.shown.add(name)
        return self.typed.get(name, otherwise)

    def carry(self) -> dict[str, str]:
        """Everything that was typed, for the button to claim, when some of it is text."""
        if not self._texts:
            return {}
        self.carried.update(self._texts)
        return {name: text for name, text in self.typed.items() if text}

    @property
    def left(self) -> dict[str, str]:
        """The texts whose fields are not on the page, by their names."""
        return {name: text for name, text in self._texts.items() if name not in self.shown}

    @property
    def is_kept(self) -> bool:
        """Was something written, and will the next step find it?"""
        return bool(self._texts) and self._texts.keys() <= self.shown | self.carried

    @property
    def _texts(self) -> dict[str, str]:
        return {name: text for name, text in self.typed.items() if text.strip() and label(name)}

    @property
    def opens_resolve(self) -> bool:
        """Was this about resolving, so that its form should stay open?"""
        return "outcome" in self.typed


NONE = Answer()


def label(name: str) -> str | None:
    """What to call a text somebody wrote in a field; None for what is no text of theirs.

    >>> label("note"), label("decline-eff_1"), label("outcome")
    ('Note', 'Why not', None)
    """
    return TEXTS.get(name.partition("-")[0])


def missing(fields: Mapping[str, str], typed: Mapping[str, str]) -> Answer:
    """Something was left out or is too long: `fields` says what is wrong with which."""
    return Answer("Not done — look at the form again", "Nothing was changed.", wrong=fields, typed=typed)


def refusal(error: errors.FlowOpsError, case: str, now: datetime, typed: Mapping[str, str]) -> Answer:
    """What to say when an action of a case refused."""
    title, text = _told(error, case, now)
    theirs = error.facts if isinstance(error, errors.DraftChanged) else {}
    return Answer(title, text, typed=typed, difference=error.facts.get("difference", ()), theirs=theirs)


def plain(error: errors.FlowOpsError, typed: Mapping[str, str] | None = None) -> Answer:
    """What to say when anything else refused."""
    title, text = _told_anywhere(error)
    return Answer(title, text, typed=typed or {})


def _told(error: errors.FlowOpsError, case: str, now: datetime) -> tuple[str, str]:
    facts = error.facts
    match error:
        case errors.AlreadyClaimed():
            since = wording.ago(facts["claimed_at"], now)
            return (
                f"Not claimed — {wording.first_name(facts['name'])} got there first.",
                f"{case} was claimed {since}. Nothing was changed.",
            )
        case errors.AlreadyResolved():
            when, outcome = facts["resolved_at"], wording.words(facts["outcome"])
            return (
                f"Already resolved by {wording.first_name(facts['name'])} at {when:%H:%M} UTC ({outcome}).",
                "Nothing was changed.",
            )
        case errors.ClaimExpired():
            return f"Your claim ended at {facts['claim_expires_at']:%H:%M} UTC.", "Nothing was sent or changed."
        case errors.DraftChanged():
            return (
                f"{wording.first_name(facts['name'])} saved v{facts['current']} while you wrote.",
                "Nothing was saved. Compare the two, then save yours or take theirs.",
            )
        case errors.TooLate():
            return "Too late to call back.", str(error)
        case errors.StaleVersion():
            return "The case changed while you looked at it.", "Nothing was changed. Read it again and repeat."
        case errors.NewMessage():
            return (
                f"Somebody wrote again {wording.ago(facts['at'], now)}.",
                "Nothing was changed. Read it before you decide.",
            )
        case errors.VerificationFailed():
            told = (
                f"{check['actual']}; {check['expected']}" for check in facts["checks"] if check["source"] == "reply"
            )
            if sentences := ". ".join(map(wording.sentence_of, told)):
                return "The reply says what nothing supports.", f"{sentences}. Nothing was approved."
        case errors.ContentChanged():
            return "The records changed since this was shown.", "Nothing was approved. Look at the difference first."
    return _told_anywhere(error)


def _told_anywhere(error: errors.FlowOpsError) -> tuple[str, str]:
    match error:
        case errors.IdempotencyMismatch():
            return (
                "This form was sent before, filled in differently.",
                "That was done; this was not. Send it again to do it too.",
            )
        case errors.IdempotencyInProgress():
            return "This is being done at the moment.", "You sent it twice. Look again in a moment."
        case errors.SecretAlreadyShown():
            return (
                "It was shown once and cannot be shown again.",
                "Nothing was made now. If nobody has it, make a new one.",
            )
        case errors.Unavailable():
            return "Not done — something did not answer.", str(error)
        case errors.Denied():
            return "Not allowed.", str(error)
        case errors.Invalid():
            return "Not done — look at the form again", str(error)
    return f"{error.title}.", str(error)


def with_content(said: Answer, effect_id: str, error: errors.ContentChanged) -> Answer:
    """The same, and what an approval of the effect would be bound to now that the difference was shown."""
    return replace(said, content_sha256={effect_id: error.facts["content_sha256"]})
