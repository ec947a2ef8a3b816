"""Who somebody is, by what they show; and who there is."""

import threading
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError
from sqlalchemy import ColumnElement, Select, bindparam, or_, select

from flowops import errors
from flowops.domain import passwords
from flowops.domain import tokens as form
from flowops.domain.access import PERMISSIONS, Actor, ActorKind, Permission, Role
from flowops.storage import tables
from flowops.storage.unit import View

_HASHER = PasswordHasher()
# What is verified for those without a password: a hash with the parameters of every other.
_NOBODYS = "$argon2id$v=19$m=65536,t=3,p=4$bm9ib2R5J3Mgc2FsdC4uLg$oQMrDCZo7CdK1ZKNPcI0Ya4K7SCN1QjHirdJwJ/gFWc"
_WRONG = "The e-mail address or the password is wrong. Nobody was signed in; check both and try again."


VERIFYING = threading.BoundedSemaphore(2)  # each run of argon2 takes 64 MB and four cores


@dataclass(frozen=True)
class Claimant:
    """Somebody who says they have an address; without an id nobody can sign in with it, whatever the password."""

    user_id: str | None = None
    password_hash: str = _NOBODYS


def _owner(
    shown: type[tables.Token] | type[tables.BrowserSession], *works: ColumnElement[bool]
) -> Select[ActorKind, str, str, Role, str]:
    """A row for every queue of the active owner of what works, or one without a queue."""
    user, member = tables.User, tables.QueueMember
    return (
        select(user.kind, user.name, user.id, user.role, member.queue)
        .join(shown, shown.user_id == user.id)
        .outerjoin(member, member.user_id == user.id)
        .where(shown.sha256 == bindparam("sha256"), user.disabled_at.is_(None), *works)
    )


# Built once: every request asks one of them.
_NOW = bindparam("now", type_=tables.Token.expires_at.type)
_TOKENS_OWNER = _owner(
    tables.Token,
    tables.Token.revoked_at.is_(None),
    or_(tables.Token.expires_at.is_(None), tables.Token.expires_at > _NOW),
)
_SESSIONS_OWNER = _owner(tables.BrowserSession, tables.BrowserSession.expires_at > _NOW)


@dataclass(frozen=True)
class Member:
    """A person or service with the queues they see."""

    user: tables.User
    queues: tuple[str, ...]


def by_token(view: View, token: str) -> Actor | None:
    """Whose token this is; None when it is unknown, expired, revoked or its owner disabled."""
    return _actor(view, _TOKENS_OWNER, token)


def by_session(view: View, secret: str) -> Actor | None:
    """Whose browser this is; None when the session is unknown, expired or its owner disabled."""
    return _actor(view, _SESSIONS_OWNER, secret)


def _actor(view: View, owner: Select[ActorKind, str, str, Role, str], secret: str) -> Actor | None:
    # As plain rows: nobody keeps or changes them.
    rows = view.session.connection().execute(owner, {"sha256": form.fingerprint(secret), "now": view.now}).all()
    if not rows:
        return None
    kind, name, user_id, role, _ = rows[0]
    return Actor(kind, name, user_id, role, frozenset(row.queue for row in rows if row.queue is not None))


def claimant(view: View, email: str) -> Claimant:
    """Who could sign in with this address: nobody, unless an active person with a password has it."""
    user = view.session.scalar(select(tables.User).where(tables.User.email == email.lower()))
    if user is None or user.password_hash is None or user.disabled_at is not None:
        return Claimant()
    return Claimant(user.id, user.password_hash)


def verify(claimant: Claimant, password: str) -> str:
    """The id of whoever has this password; raises NotAuthenticated, which does not say why.

    Whatever is wrong, it takes the time of one argon2 verification, so that nobody learns who has an account. Call it
    with no view or unit open: it waits for its turn.
    """
    try:
        with VERIFYING:
            _HASHER.verify(claimant.password_hash, passwords.encode(password))
    except VerifyMismatchError:
        raise errors.NotAuthenticated(reason=_WRONG) from None
    if claimant.user_id is None:
        raise errors.NotAuthenticated(reason=_WRONG)
    return claimant.user_id


def users(view: View) -> list[Member]:
    """Everybody, the disabled ones included, in the order they came."""
    memberships: dict[str, list[str]] = {}
    for member in view.session.scalars(select(tables.QueueMember).order_by(tables.QueueMember.queue)):
        memberships.setdefault(member.user_id, []).append(member.queue)
    rows = view.session.scalars(select(tables.User).order_by(tables.User.created_at, tables.User.id))
    return [Member(user, tuple(memberships.get(user.id, ()))) for user in rows]


def member(view: View, user_id: str) -> Member:
    """One person or service with their queues; raises NotFound."""
    found = view.session.get(tables.User, user_id)
    if found is None:
        raise errors.NotFound(kind="user", id=user_id)
    queues = select(tables.QueueMember.queue).where(tables.QueueMember.user_id == user_id)
    return Member(found, tuple(view.session.scalars(queues.order_by(tables.QueueMember.queue))))


def sessions(view: View, user_id: str) -> Sequence[tables.BrowserSession]:
    """The browsers somebody is signed in with, the newest first."""
    session = tables.BrowserSession
    query = select(session).where(session.user_id == user_id, session.expires_at > view.now)
    return view.session.scalars(query.order_by(session.created_at.desc())).all()


def admins(view: View) -> Sequence[tables.User]:
    """Those who can give people another role, by name."""
    query = select(tables.User).where(tables.User.role == Role.ADMIN, tables.User.disabled_at.is_(None))
    return view.session.scalars(query.order_by(tables.User.name, tables.User.id)).all()


def queues(view: View) -> Sequence[str]:
    """The names of all queues."""
    return view.session.scalars(select(tables.Queue.name).order_by(tables.Queue.name)).all()


def user(view: View, who: str) -> tables.User:
    """The person or service of this id, e-mail address or name; NotFound also when a name fits several."""
    named: tuple[ColumnElement[bool], ...] = (
        tables.User.id == who,
        tables.User.email == who.lower(),
        tables.User.name == who,
    )
    for condition in named:
        found = view.session.scalars(select(tables.User).where(condition).limit(2)).all()
        if len(found) == 1:
            return found[0]
    raise errors.NotFound(kind="user", id=who)


def tokens(view: View) -> list[tuple[tables.Token, tables.User]]:
    """Every token with its owner, in the order they were made; the secret itself is nowhere."""
    rows = view.session.execute(
        select(tables.Token, tables.User)
        .join(tables.User, tables.User.id == tables.Token.user_id)
        .order_by(tables.Token.created_at, tables.Token.id)
    )
    return [(token, owner) for token, owner in rows]


def token_state(token: tables.Token, owner: tables.User, now: datetime) -> str:
    """What a token is worth, in a word or two: it works, or why it does not."""
    if token.revoked_at:
        return "revoked"
    if owner.disabled_at:
        return "owner disabled"
    return "expired" if token.expires_at and token.expires_at <= now else "works"


def colleagues(view: View, queue: str | None = None) -> list[tables.User]:
    """Active people who can own cases of this queue, or of any of the viewer's, by name."""
    member, user = tables.QueueMember, tables.User
    roles = [role for role, held in PERMISSIONS.items() if Permission.HANDOFFS_WORK in held]
    shared = select(member.user_id).where(member.queue.in_(view.viewer.queues if queue is None else [queue]))
    is_person = user.kind == ActorKind.PERSON
    query = select(user).where(user.id.in_(shared), user.role.in_(roles), user.disabled_at.is_(None), is_person)
    return list(view.session.scalars(query.order_by(user.name, user.id)))


def links(view: View) -> list[tuple[tables.PersonLink, tables.User]]:
    """Every link of a person to customers, by the person's name."""
    link, user = tables.PersonLink, tables.User
    query = select(link, user).join(user, user.id == link.user_id)
    rows = view.session.execute(query.order_by(user.name, user.id, link.kind, link.value))
    return [(found, person) for found, person in rows]


def has_interest(view: View, customer: tables.Customer, *emails: str | None) -> bool:
    """Has the viewer to do with this customer, so that somebody else must act for them?"""
    user = tables.User
    conflict = user.has_interest(customer.external_id, customer.email, *emails)
    return view.session.scalar(select(user.id).where(user.id == view.viewer.id, conflict)) is not None


def names(view: View, ids: Collection[str]) -> dict[str, str]:
    """The names of these people and services, by their ids."""
    return {user.id: user.name for user in view.session.scalars(select(tables.User).where(tables.User.id.in_(ids)))}
