"""The families of error: what a caller may expect to go wrong, apart from how it is told to them.

    FlowOpsError
    ├── NotFound      there is no such thing, or it is not yours to see
    ├── Conflict      the thing is not in the state this needs; nothing was changed
    ├── Denied        who asks may not do this
    ├── Invalid       what was sent cannot be understood or accepted
    └── Unavailable   something outside this process did not answer; trying again may help

A leaf is one situation. Its docstring is its message, filled with the facts it carries, and its class name in
snake_case is the stable `code` clients see. HTTP numbers are given in `flowops.boundary` alone.
"""

import re
from typing import Any, ClassVar

DATABASE = "The database"  # what is Unavailable when it is that, and not somebody else's service


class FlowOpsError(Exception):
    """Something went wrong."""

    code: ClassVar[str] = "error"
    title: ClassVar[str] = "Something went wrong"

    def __init_subclass__(cls) -> None:
        cls.code = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", cls.__name__).lower()
        cls.title = re.sub("_", " ", cls.code).capitalize()

    def __init__(self, **facts: Any) -> None:
        """Keep the facts as attributes and fill the docstring with them.

        >>> str(ClaimExpired(at="14:22"))
        'Your claim ended at 14:22. Nothing was changed; claim the case again to go on.'
        """
        self.facts = facts
        super().__init__(" ".join((type(self).__doc__ or "").split()).format_map(facts))


class NotFound(FlowOpsError):
    """There is no {kind} {id}, or it is not in a queue you can see."""


class Conflict(FlowOpsError):
    """The {kind} is not in the state this needs. Nothing was changed."""


class Denied(FlowOpsError):
    """You may not do this. Nothing was changed."""


class Invalid(FlowOpsError):
    """{reason}"""


class Unavailable(FlowOpsError):
    """{what} did not answer: {reason}. Nothing was lost; try again in a moment."""


class TookTooLong(Unavailable):
    """A job of the topic {topic} took longer than it may. It was left alone; it is tried again under the same key."""


# Handoffs


class AlreadyClaimed(Conflict):
    """Not claimed: {name} has owned this case since {at}. Nothing was changed."""


class AlreadyResolved(Conflict):
    """The case was resolved by {name} at {at} ({outcome}). Nothing was changed; reopen it to go on."""


class NotClaimed(Conflict):
    """Nobody owns this case. Nothing was changed; claim it first."""


class NotOwner(Conflict):
    """The case is owned by {name} since {at}. Nothing was changed; ask them or a supervisor to hand it over."""


class ClaimExpired(Conflict):
    """Your claim ended at {at}. Nothing was changed; claim the case again to go on."""


class NotWaiting(Conflict):
    """The case waits for nobody. Nothing was changed; its clock is running."""


class NotResolved(Conflict):
    """The case is {status}, so there is nothing to reopen. Nothing was changed."""


class DraftChanged(Conflict):
    """{name} saved version {current} while you wrote from version {sent}. Nothing was saved; compare the two first."""


class OpenEffects(Conflict):
    """{count} effects of this case still wait for an answer. Nothing was changed; approve, decline or withdraw them."""


class StaleVersion(Conflict):
    """The case is at version {current}, you sent {sent}. Nothing was changed; read it again and repeat."""


# Effects


class ContentChanged(Conflict):
    """The effect is not what you were shown. Nothing was approved; read it again before you decide."""


class VerificationFailed(Conflict):
    """The records do not support this effect: {failed}. Nothing was approved."""


class NewMessage(Conflict):
    """A message arrived after the one you read. Nothing was changed; read it before you decide."""


class SelfApproval(Conflict):
    """An effect of this size needs other people than the one who proposed it. Nothing was approved."""


class AlreadyDecided(Conflict):
    """The effect is already {status}. Nothing was changed."""


class ImpureRules(Invalid):
    """{reason}. Nothing was loaded; mend it, and see all that is wrong with `flowops policy check DIR`."""


class DeniedByPolicy(Conflict):
    """Policy denies this effect and nobody can approve it: {reason}. Nothing was changed."""


class Expired(Conflict):
    """The proposal expired at {at}. Nothing was approved; propose it again."""


class TooLate(Conflict):
    """The effect is {status} and can no longer be called back. Nothing was changed."""


class CapReached(Conflict):
    """{reason}. Nothing was approved: {hope}, and nobody can go beyond a cap. If it is too low, have it raised in
    FLOWOPS_CAPS.
    """


class EffectsPaused(Unavailable):
    """Effects are paused. Nothing was started; it is tried within {seconds} s of their being resumed."""


class AboveLimit(Denied):
    """This effect needs an approver with the right {permission}. Nothing was approved; ask a supervisor."""


class ConflictOfInterest(Denied):
    """{who} may not act here: there is a conflict of interest with this customer. Nothing was changed; somebody else
    must take it.
    """


# Artifacts


class NoArtifact(NotFound):
    """{label} has no usable {kind} yet. Ask for one, or look at its versions."""


# Access


class NotAuthenticated(FlowOpsError):
    """{reason}"""


class SignedOut(NotAuthenticated):
    """You are signed out. Nothing was changed; sign in to go on."""


class ForeignForm(Denied):
    """This form was not sent by a page of yours here. Nothing was changed; open the page again and repeat."""


class NotPermitted(Denied):
    """This needs the permission {permission}, which the role {role} does not have. Nothing was changed."""


class CannotOwn(Conflict):
    """{name} cannot own this case: {why}. Nothing was changed."""


class TooManyTries(FlowOpsError):
    """Too many tries. Nothing was checked; try again in {seconds} seconds."""


class TooManyStreams(FlowOpsError):
    """You listen to {limit} streams already. Nothing was opened; end one of them first."""


class LastAdmin(Conflict):
    """{name} is the last active admin. Nothing was changed; make somebody else admin first."""


class AlreadyExists(Conflict):
    """There is already a {kind} {id}. Nothing was changed."""


# HTTP conventions


class MalformedJson(Invalid):
    """The body is no JSON: {reason} (at character {position}). Nothing was done; correct it and repeat."""


class NotJson(Invalid):
    """The body is {given}, this needs application/json. Nothing was done; send JSON and its content type."""


class NotAForm(Invalid):
    """The form is {given}, this needs application/x-www-form-urlencoded in UTF-8. Nothing was changed."""


class BodyTooLarge(Invalid):
    """The body is larger than {limit} bytes. Nothing was done; send less at a time."""


class IdempotencyMismatch(Invalid):
    """This Idempotency-Key was used for another request. Nothing was done; use a new key for a new request."""


class IdempotencyInProgress(Conflict):
    """The first request with this Idempotency-Key is still running. Nothing was done; repeat it in a moment."""


class SecretAlreadyShown(Conflict):
    """The answer to this Idempotency-Key held a secret that is shown once. Nothing was done; make a new one."""


# Webhooks


class WebhookIsDisabled(Conflict):
    """The webhook {id} is disabled, so it is told of nothing. Nothing was done; enable it first."""


class StillUnderway(Conflict):
    """The delivery {id} is {status} and will be made in its turn. Nothing was done."""


class LastSecret(Conflict):
    """This is the only secret of the webhook {id} that lasts. Nothing was changed; add another one first."""


class TooManySecrets(Conflict):
    """The webhook {id} signs with {limit} secrets already. Nothing was made; revoke one of them first."""


class TurnedAway(Unavailable):
    """As many calls to {id} are running as there may be. Nothing was sent; it is tried again within {seconds} s."""


class UnderAnotherKey(Unavailable):
    """No secret of the webhook opens: each was sealed under another FLOWOPS_SECRET_KEY. Nothing was sent; make a new
    secret, which is enough, or set the key again.
    """


class ForbiddenTarget(Invalid):
    """The address is refused: {reason}. Nothing was sent to it."""


# Outside


class BadAnswer(Invalid):
    """{what} answered something that is not what was agreed: {reason}."""


class Refused(Invalid):
    """{what} refused for good: {reason}."""


# Storage and work


class UnauditedChange(FlowOpsError):
    """A unit changed {tables} and recorded no event. Nothing was committed; record what happened."""


class Fenced(Conflict):
    """Job {id} was given to another worker. What this worker did to the database was rolled back."""


class NotDead(Conflict):
    """Job {id} is {status}; only a dead job can be retried or discarded. Nothing was changed."""


class UnknownTopic(Invalid):
    """No handler is registered for the topic {topic}. The job was not run; retry it when a worker knows the topic."""


class WrongSetting(Invalid):
    """{reason}"""
