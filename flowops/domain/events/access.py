"""What happened to people, services and their access."""

from dataclasses import dataclass
from typing import ClassVar

from flowops.domain.events.event import Event, personal


@dataclass(frozen=True, kw_only=True)
class UserAdded(Event):
    """A person or a service got an identity."""

    name: ClassVar[str] = "user.added"
    user_id: str
    kind: str
    role: str
    queues: tuple[str, ...]
    user_name: str | None = personal()
    email: str | None = personal()


@dataclass(frozen=True, kw_only=True)
class RoleChanged(Event):
    """A person got another role."""

    name: ClassVar[str] = "user.role_changed"
    user_id: str
    before: str
    after: str


@dataclass(frozen=True, kw_only=True)
class QueuesSet(Event):
    """A person or a service sees other queues than before."""

    name: ClassVar[str] = "user.queues_set"
    user_id: str
    before: tuple[str, ...]
    after: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class PersonLinked(Event):
    """A person has to do with a customer, and keeps out of their cases and effects; `kind` says what `value` is."""

    name: ClassVar[str] = "user.linked"
    user_id: str
    kind: str
    value: str | None = personal()


@dataclass(frozen=True, kw_only=True)
class PersonUnlinked(Event):
    """A person has no more to do with a customer."""

    name: ClassVar[str] = "user.unlinked"
    user_id: str
    kind: str
    value: str | None = personal()


@dataclass(frozen=True, kw_only=True)
class PasswordSet(Event):
    """A person got a password; their sessions ended."""

    name: ClassVar[str] = "user.password_set"
    user_id: str


@dataclass(frozen=True, kw_only=True)
class UserDisabled(Event):
    """A person or service lost access; their sessions ended."""

    name: ClassVar[str] = "user.disabled"
    user_id: str


@dataclass(frozen=True, kw_only=True)
class QueueAdded(Event):
    """Work got a new queue."""

    name: ClassVar[str] = "queue.added"
    queue: str


@dataclass(frozen=True, kw_only=True)
class TokenCreated(Event):
    """A token was made; only its hash is kept."""

    name: ClassVar[str] = "token.created"
    token_id: str
    user_id: str
    expires_at: str | None


@dataclass(frozen=True, kw_only=True)
class TokenRevoked(Event):
    """A token stopped working."""

    name: ClassVar[str] = "token.revoked"
    token_id: str
    user_id: str


@dataclass(frozen=True, kw_only=True)
class SignInLinkMade(Event):
    """A one-time sign-in link was made; only its hash is kept."""

    name: ClassVar[str] = "session.link_made"
    user_id: str


@dataclass(frozen=True, kw_only=True)
class SignedIn(Event):
    """A person signed in."""

    name: ClassVar[str] = "session.signed_in"
    user_id: str
    by: str


@dataclass(frozen=True, kw_only=True)
class SignedOut(Event):
    """A person signed out."""

    name: ClassVar[str] = "session.signed_out"
    user_id: str


@dataclass(frozen=True, kw_only=True)
class AccessRefused(Event):
    """Somebody tried what their role does not allow."""

    name: ClassVar[str] = "access.refused"
    permission: str
    method: str
    path: str


@dataclass(frozen=True, kw_only=True)
class NotificationsSet(Event):
    """Somebody chose whether they are told by mail of what needs them."""

    name: ClassVar[str] = "user.notifications_set"
    user_id: str
    by_mail: bool
