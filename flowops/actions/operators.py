"""People and services, and how they prove who they are; secrets are handed out once and kept as hashes only."""

import re
import secrets
from collections.abc import Iterable
from datetime import timedelta
from typing import NewType

from argon2 import PasswordHasher
from sqlalchemy import delete, select, update
from sqlalchemy.exc import IntegrityError

from flowops import errors
from flowops.actions import ownership
from flowops.domain import events, passwords, times, tokens
from flowops.domain.access import ActorKind, Role
from flowops.storage import tables
from flowops.storage.unit import Unit

Hash = NewType("Hash", str)
SESSION = timedelta(hours=12)
LINK = timedelta(minutes=15)

_HASHER = PasswordHasher()  # argon2id with the second set of parameters RFC 9106 recommends
_SPENT = "This link was used, has expired or never was one. Nobody was signed in; ask for a new one."


def add_person(
    unit: Unit, name: str, email: str, role: Role, queues: Iterable[str] = ("default",), password: Hash | None = None
) -> tables.User:
    """Give a person an identity and the queues they see; a queue nobody had before begins to exist.

    Raises AlreadyExists when the e-mail address is taken, in whatever capitals.
    """
    if role is Role.SERVICE:
        raise errors.Invalid(reason="A person cannot have the role service. Nobody was added; choose another role.")
    if not re.fullmatch(r"[^@\s]{1,64}@[^@\s]{1,255}", email):
        raise errors.Invalid(reason="The e-mail address is none. Nobody was added; correct it and repeat.")
    user = _add(unit, tables.User(kind=ActorKind.PERSON, name=_checked(name), email=email.lower(), role=role), queues)
    if password is not None:
        set_password(unit, user.id, password)
    return user


def add_service(unit: Unit, name: str, queues: Iterable[str] = ("default",)) -> tables.User:
    """Give an API client an identity; raises AlreadyExists when there is a service of this name."""
    same = select(tables.User.id).where(tables.User.kind == ActorKind.SERVICE, tables.User.name == name)
    if unit.session.scalar(same) is not None:
        raise errors.AlreadyExists(kind="service", id=name)
    return _add(unit, tables.User(kind=ActorKind.SERVICE, name=_checked(name), role=Role.SERVICE), queues)


def change_role(unit: Unit, user_id: str, role: Role) -> tables.User:
    """Give a person another role, at once for all their sessions and tokens.

    Raises LastAdmin when nobody would be left who can decide who may act.
    """
    if role is not Role.ADMIN:
        _keep_an_admin(unit, user_id)
    user = _find(unit, user_id)
    if Role.SERVICE in {user.role, role}:
        raise errors.Invalid(reason="A service stays a service and a person becomes none. Nothing was changed.")
    unit.record(events.RoleChanged(user_id=user.id, before=user.role, after=role))
    user.role = role
    ownership.return_unfit(unit, user)
    return user


def set_queues(unit: Unit, user_id: str, queues: Iterable[str]) -> tables.User:
    """Let a person or service see these queues and no other, at once; a queue nobody had before begins to exist.

    Their cases of a queue they lose go back to it.
    """
    user, names = _find(unit, user_id), _existing(unit, queues)
    member = tables.QueueMember
    before = unit.session.scalars(select(member.queue).where(member.user_id == user_id).order_by(member.queue)).all()
    if names == list(before):
        return user
    unit.session.execute(delete(member).where(member.user_id == user_id, member.queue.not_in(names)))
    unit.session.add_all(member(user_id=user_id, queue=name) for name in names if name not in before)
    unit.record(events.QueuesSet(user_id=user_id, before=tuple(before), after=tuple(names)))
    ownership.return_unfit(unit, user)
    return user


def disable(unit: Unit, user_id: str) -> tables.User:
    """End a person's or service's access now: sessions, links and tokens die, and their cases go back to the queue.

    A repeat changes nothing.

    Raises LastAdmin when nobody would be left who can decide who may act.
    """
    _keep_an_admin(unit, user_id)
    user = _find(unit, user_id)
    if user.disabled_at is None:
        user.disabled_at = unit.now
        _end_sessions(unit, user)
        unit.record(events.UserDisabled(user_id=user.id))
        ownership.return_unfit(unit, user)
    return user


def set_notify(unit: Unit, user_id: str, by_mail: bool) -> tables.User:
    """Choose whether a person is told by mail of what needs them. A repeat changes nothing."""
    user = _find(unit, user_id)
    if user.kind is not ActorKind.PERSON:
        raise errors.Invalid(reason="A service gets no mail. Nothing was changed; name a person.")
    if user.notify is not by_mail:
        user.notify = by_mail
        unit.record(events.NotificationsSet(user_id=user.id, by_mail=by_mail))
    return user


def hashed(password: str) -> Hash:
    """What is kept of a password; raises Invalid for one that is short or common.

    Made before the unit opens, because it takes its time and a unit keeps other writers waiting.
    """
    passwords.check(password)
    return Hash(_HASHER.hash(passwords.encode(password)))


def set_password(unit: Unit, user_id: str, password: Hash) -> None:
    """Give a person a password and sign them out everywhere."""
    user = _find(unit, user_id)
    if user.kind is not ActorKind.PERSON:
        raise errors.Invalid(reason="A service signs in with tokens. Nothing was changed; create a token instead.")
    user.password_hash = password
    _end_sessions(unit, user)
    unit.record(events.PasswordSet(user_id=user.id))


def create_token(unit: Unit, user_id: str, expires: timedelta | None = None) -> str:
    """Make a bearer token and return it, for the only time; it lasts until revoked unless `expires` is given."""
    if expires is not None and expires <= timedelta(0):
        raise errors.Invalid(reason="A token cannot expire before it is made. No token was made; give it some time.")
    user = _active(unit, user_id)
    token = tokens.form("".join(secrets.choice(tokens.ALPHABET) for _ in range(tokens.CHANCE)))
    expires_at = None if expires is None else unit.now + expires
    row = tables.Token(
        user_id=user.id,
        sha256=tokens.fingerprint(token),
        hint=token[-4:],
        created_at=unit.now,
        expires_at=expires_at,
    )
    unit.session.add(row)
    unit.record(
        events.TokenCreated(
            token_id=row.id, user_id=user.id, expires_at=times.rfc3339(expires_at) if expires_at else None
        )
    )
    return token


def revoke_token(unit: Unit, token_id: str) -> None:
    """Make a token stop working, now; a repeat changes nothing."""
    row = unit.session.get(tables.Token, token_id, with_for_update=True)
    if row is None:
        raise errors.NotFound(kind="token", id=token_id)
    if row.revoked_at is None:
        row.revoked_at = unit.now
        unit.record(events.TokenRevoked(token_id=row.id, user_id=row.user_id))


def make_sign_in_link(unit: Unit, user_id: str) -> str:
    """The secret of a link that signs this person in once, within 15 minutes."""
    user = _active(unit, user_id)
    if user.kind is not ActorKind.PERSON:
        raise errors.Invalid(reason="A service does not sign in. No link was made; create a token instead.")
    secret = secrets.token_urlsafe(32)
    unit.session.add(tables.SignInLink(sha256=tokens.fingerprint(secret), user_id=user.id, expires_at=unit.now + LINK))
    unit.record(events.SignInLinkMade(user_id=user.id))
    return secret


def sign_in_by_link(unit: Unit, secret: str) -> str:
    """Use up a link and give the secret of a new session; of several who try at once, one succeeds."""
    spent = (
        update(tables.SignInLink)
        .where(
            tables.SignInLink.sha256 == tokens.fingerprint(secret),
            tables.SignInLink.used_at.is_(None),
            tables.SignInLink.expires_at > unit.now,
        )
        .values(used_at=unit.now)
        .returning(tables.SignInLink.user_id)
    )
    user_id = unit.session.scalar(spent)
    user = unit.session.get(tables.User, user_id) if user_id else None
    if user is None or user.disabled_at is not None:
        raise errors.NotAuthenticated(reason=_SPENT)
    return _begin_session(unit, user, by="link")


def sign_in(unit: Unit, user_id: str) -> str:
    """Give the secret of a new session to somebody whose password was right (`queries.operators.verify`).

    The password is checked before, because a check takes its time and a unit keeps other writers waiting.
    """
    user = unit.session.get_one(tables.User, user_id)
    if user.disabled_at is not None:
        raise errors.NotAuthenticated(reason="This account is disabled. Nobody was signed in; ask an admin.")
    return _begin_session(unit, user, by="password")


def sign_out(unit: Unit, secret: str) -> None:
    """End a session; one that has ended already is left in peace."""
    ended = delete(tables.BrowserSession).where(tables.BrowserSession.sha256 == tokens.fingerprint(secret))
    user_id = unit.session.scalar(ended.returning(tables.BrowserSession.user_id))
    if user_id is not None:
        unit.record(events.SignedOut(user_id=user_id))


def sign_out_everywhere(unit: Unit, user_id: str) -> None:
    """End every session and link of a person; one who has none is left in peace."""
    if _end_sessions(unit, _find(unit, user_id)):
        unit.record(events.SignedOut(user_id=user_id))


def _add(unit: Unit, user: tables.User, queues: Iterable[str]) -> tables.User:
    names = _existing(unit, queues)
    user.created_at = unit.now
    unit.session.add(user)
    try:
        unit.session.flush()
    except IntegrityError as taken:
        raise errors.AlreadyExists(kind="user", id=user.email or user.name) from taken
    unit.session.add_all(tables.QueueMember(user_id=user.id, queue=name) for name in names)
    unit.record(
        events.UserAdded(
            user_id=user.id, kind=user.kind, role=user.role, queues=tuple(names), user_name=user.name, email=user.email
        )
    )
    return user


def _existing(unit: Unit, queues: Iterable[str]) -> list[str]:
    names = sorted(set(queues))
    for name in names:
        if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,39}", name):
            reason = f"{name[:40]!r} names no queue: up to 40 lower case letters, digits, - and _. Nothing was changed."
            raise errors.Invalid(reason=reason)
        if unit.add_if_new(tables.Queue, name, created_at=unit.now):
            unit.record(events.QueueAdded(queue=name))
    return names


def _checked(name: str) -> str:
    name = name.strip()
    if not (name.isprintable() and 1 <= len(name) <= 200):
        raise errors.Invalid(reason="A name has 1 to 200 characters on one line. Nobody was added.")
    return name


def _find(unit: Unit, user_id: str) -> tables.User:
    user = unit.session.get(tables.User, user_id, with_for_update={"key_share": True})
    if user is None:
        raise errors.NotFound(kind="user", id=user_id)
    return user


def _active(unit: Unit, user_id: str) -> tables.User:
    user = _find(unit, user_id)
    if user.disabled_at is not None:
        raise errors.Invalid(reason=f"{user.name} is disabled. Nothing was made.")
    return user


def _keep_an_admin(unit: Unit, leaving_id: str) -> None:
    # Locked before anything else, in one order: of two admins who remove each other, the second finds itself the last.
    admins = unit.session.scalars(
        select(tables.User)
        .where(tables.User.role == Role.ADMIN, tables.User.disabled_at.is_(None))
        .order_by(tables.User.id)
        .with_for_update(key_share=True)
    ).all()
    if [admin.id for admin in admins] == [leaving_id]:
        raise errors.LastAdmin(name=admins[0].name)


def _begin_session(unit: Unit, user: tables.User, by: str) -> str:
    secret = secrets.token_urlsafe(32)
    unit.session.add(
        tables.BrowserSession(
            sha256=tokens.fingerprint(secret), user_id=user.id, created_at=unit.now, expires_at=unit.now + SESSION
        )
    )
    unit.record(events.SignedIn(user_id=user.id, by=by))
    return secret


def _end_sessions(unit: Unit, user: tables.User) -> bool:
    """Whether there were any."""
    ended = [
        unit.session.scalars(delete(table).where(table.user_id == user.id).returning(table.sha256)).all()
        for table in (tables.BrowserSession, tables.SignInLink)
    ]
    return any(ended)
