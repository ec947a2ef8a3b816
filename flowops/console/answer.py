"""What the console says when something was not done: what happened, what was not changed, what was kept."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from flowops import errors
from flowops.console import wording


@dataclass(frozen=True)
class Answer:
    """A message above a form, what is wrong beside which field, and what was typed, so that it is not lost."""

    title: str = ""
    text: str = ""
    tone: str = "warn"
    wrong: Mapping[str, str] = field(default_factory=dict)
    typed: Mapping[str, str] = field(default_factory=dict)
    difference: Sequence[Mapping[str, Any]] = ()
    theirs: Mapping[str, Any] = field(default_factory=dict)  # what somebody saved meanwhile: name, version, body
    content_sha256: Mapping[str, str] = field(default_factory=dict)  # effect -> what it would be approved as now

    @property
    def opens_resolve(self) -> bool:
        """Was this about resolving, so that its form should stay open?"""
        return "outcome" in self.typed


NONE = Answer()


def missing(fields: Mapping[str, str], typed: Mapping[str, str]) -> Answer:
    """Something was left out or is too long: `fields` says what is wrong with which."""
    return Answer("Not done — look at the form again", "Nothing was changed.", wrong=fields, typed=typed)


def refusal(error: errors.FlowOpsError, label: str, now: datetime, typed: Mapping[str, str]) -> Answer:
    """What to say when an action of a case refused."""
    kept = " Your text is kept." if any(typed.get(name) for name in ("reply", "note", "notes")) else ""
    title, text = _told(error, label, now)
    theirs = error.facts if isinstance(error, errors.DraftChanged) else {}
    return Answer(title, text + kept, typed=typed, difference=error.facts.get("difference", ()), theirs=theirs)


def plain(error: errors.FlowOpsError, typed: Mapping[str, str] | None = None) -> Answer:
    """What to say when anything else refused."""
    title, text = _told_anywhere(error)
    return Answer(title, text, typed=typed or {})


def _told(error: errors.FlowOpsError, label: str, now: datetime) -> tuple[str, str]:
    facts = error.facts
    match error:
        case errors.AlreadyClaimed():
            since = wording.ago(facts["claimed_at"], now)
            return (
                f"Not claimed — {wording.first_name(facts['name'])} got there first.",
                f"{label} was claimed {since}. Nothing was changed.",
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
