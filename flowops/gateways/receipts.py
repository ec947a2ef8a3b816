"""What a provider gives for a side effect it carried out; it knows nothing of how it was asked for."""

from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True)
class Receipt:
    """Proof that it was done: the provider's own reference, and when we learned of it (aware UTC)."""

    reference: str
    at: datetime


def issue(reference: str) -> Receipt:
    """A receipt for an answer that came just now and does not say when the thing was done."""
    return Receipt(reference, datetime.now(UTC))  # noqa: TID251  # no transaction is open whose time it could have
