"""Who is told of what happens, and the secrets by which they know that it is us."""

from datetime import datetime

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from flowops.storage.tables.row import Base


class Webhook(Base):
    """An endpoint of somebody else's; without `types` it is told of every public event."""

    __tablename__ = "webhooks"
    prefix = "whk"

    id: Mapped[str] = mapped_column(primary_key=True)
    url: Mapped[str]
    description: Mapped[str]
    types: Mapped[list[str]]
    created_by: Mapped[str | None] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[datetime]
    disabled_at: Mapped[datetime | None]
    disabled_because: Mapped[str | None]


class WebhookSecret(Base):
    """A secret that deliveries are signed with, sealed by the secret key of this deployment; revoked, it is deleted."""

    __tablename__ = "webhook_secrets"
    prefix = "whs"

    id: Mapped[str] = mapped_column(primary_key=True)
    webhook_id: Mapped[str] = mapped_column(ForeignKey("webhooks.id"), index=True)
    sealed: Mapped[str]
    hint: Mapped[str]
    created_by: Mapped[str | None] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
