"""Who somebody is, by what they show; and who there is."""

from dataclasses import dataclass

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError
from sqlalchemy import ColumnElement, select

from flowops import errors
from flowops.domain import passwords
from flowops.domain import tokens as form
from flowops.domain.access import Actor
from flowops.storage import tables
from flowops.storage.unit import View

_HASHER = PasswordHasher()
# What is verified for those without a password: a hash with the parameters of every other.
_NOBODYS = "$argon2id$v=19$m=65536,t=3,p=4$bm9ib2R5J3Mgc2FsdC4uLg$oQMrDCZo7CdK1ZKNPcI0Ya4K7SCN1QjHirdJwJ/gFWc"
_WRONG = "The e-mail address or the password is wrong. Nobody was signed in; check both and try again."


@dataclass(frozen=True)
class Member:
    """A person or service with the queues they see."""

    user: tables.User
    queues: tuple[str, ...]


def by_token(view: View, token: str) -> Actor | None:
    """Whose token this is; None when it is unknown, expired, revoked or its owner disabled."""
    row = view.session.scalar(select(tables.Token).where(tables.Token.sha256 == form.fingerprint(token)))
    if row is None or row.revoked_at is not None or (row.expires_at is not None and row.expires_at <= view.now):
        return None
    return _active(view, row.user_id)


def by_session(view: View, secret: str) -> Actor | None:
    """Whose browser this is; None when the session is unknown, expired or its owner disabled."""
    row = view.session.get(tables.BrowserSession, form.fingerprint(secret))
    if row is None or row.expires_at <= view.now:
        return None
    return _active(view, row.user_id)


def by_password(view: View, email: str, password: str) -> str:
    """The id of the active person with this address and password; raises NotAuthenticated, which does not say why.

    Whatever is wrong, it takes the time of one argon2 verification, so that nobody learns who has an account.
    """
    user = view.session.scalar(select(tables.User).where(tables.User.email == email.lower()))
    known = user.password_hash if user else None
    try:
        _HASHER.verify(known or _NOBODYS, passwords.encode(password))
    except VerifyMismatchError:
        user = None
    if user is None or known is None or user.disabled_at is not None:
        raise errors.NotAuthenticated(reason=_WRONG)
    return user.id


def users(view: View) -> list[Member]:
    """Everybody, the disabled ones included, in the order they came."""
    memberships: dict[str, list[str]] = {}
    for member in view.session.scalars(select(tables.QueueMember).order_by(tables.QueueMember.queue)):
        memberships.setdefault(member.user_id, []).append(member.queue)
    rows = view.session.scalars(select(tables.User).order_by(tables.User.created_at, tables.User.id))
    return [Member(user, tuple(memberships.get(user.id, ()))) for user in rows]


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


def _active(view: View, user_id: str) -> Actor | None:
    user = view.session.get_one(tables.User, user_id)
    if user.disabled_at is not None:
        return None
    queues = view.session.scalars(select(tables.QueueMember.queue).where(tables.QueueMember.user_id == user_id))
    return Actor(user.kind, user.name, user.id, user.role, frozenset(queues))
