"""People, services, and how they prove who they are."""

from datetime import datetime

from sqlalchemy import ForeignKey, true
from sqlalchemy.orm import Mapped, mapped_column

from flowops.domain import access
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


class Queue(Base):
    """A division of the work; a person sees the queues they are a member of."""

    __tablename__ = "queues"

    name: Mapped[str] = mapped_column(primary_key=True)
    created_at: Mapped[datetime]


class QueueMember(Base):
    __tablename__ = "queue_members"

    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"), primary_key=True)
    queue: Mapped[str] = mapped_column(ForeignKey("queues.name"), primary_key=True)


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
