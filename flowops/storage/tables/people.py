"""People, services, and how they prove who they are."""

from datetime import datetime

from sqlalchemy import ColumnElement, ForeignKey, UniqueConstraint, and_, or_, select, true
from sqlalchemy.orm import Mapped, mapped_column

from flowops.domain import access, interests
from flowops.domain.interests import Link
from flowops.storage.tables.row import BOOKKEEPING, Base


class User(Base):
    """A person or a service; disabled, never deleted."""

    __tablename__ = "users"
    prefix = "usr"

    id: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[access.ActorKind]
    name: Mapped[str]
    email: Mapped[str | None] = mapped_column(unique=True)  # lower case
    role: Mapped[access.Role]
    password_hash: Mapped[str | None]
    notify: Mapped[bool] = mapped_column(default=True, server_default=true())  # by mail, of what needs them
    created_at: Mapped[datetime]
    disabled_at: Mapped[datetime | None]

    @classmethod
    def has_interest(cls, customer: str, *emails: str | None) -> ColumnElement[bool]:
        """Has this person to do with the customer of this id, who has these addresses, or are they their own?"""
        link, known = PersonLink, interests.addresses(*emails)
        by = {Link.CUSTOMER: (customer,), Link.EMAIL: known, Link.DOMAIN: interests.domains(known)}
        met = or_(*(and_(link.kind == kind, link.value.in_(values)) for kind, values in by.items()))
        linked = select(link.id).where(link.user_id == cls.id, met).exists()
        return or_(and_(cls.email.is_not(None), cls.email.in_(known)), linked)


class Queue(Base):
    """A division of the work; a person sees the queues they are a member of."""

    __tablename__ = "queues"

    name: Mapped[str] = mapped_column(primary_key=True)
    created_at: Mapped[datetime]


class QueueMember(Base):
    __tablename__ = "queue_members"

    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"), primary_key=True)
    queue: Mapped[str] = mapped_column(ForeignKey("queues.name"), primary_key=True)


class PersonLink(Base):
    """That a person has to do with a customer, so that somebody else must act for that customer."""

    __tablename__ = "person_links"
    __table_args__ = (UniqueConstraint("user_id", "kind", "value"),)
    prefix = "lnk"

    id: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"))
    kind: Mapped[interests.Link]
    value: Mapped[str]  # e-mail addresses and domains in small letters
    created_at: Mapped[datetime]


class Token(Base):
    """A bearer token, of which only the SHA-256 and the last four characters are kept."""

    __tablename__ = "tokens"
    prefix = "tok"

    id: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"), index=True)
    sha256: Mapped[str] = mapped_column(unique=True)
    hint: Mapped[str]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class BrowserSession(Base):
    """A signed-in browser; the cookie's SHA-256 finds it."""

    __tablename__ = "sessions"
    __table_args__ = BOOKKEEPING

    sha256: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"), index=True)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]


class SignInLink(Base):
    """A link that signs one person in, once; only its SHA-256 is kept."""

    __tablename__ = "sign_in_links"
    __table_args__ = BOOKKEEPING

    sha256: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"), index=True)
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
