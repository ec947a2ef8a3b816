"""What is remembered of those who tried what they may not."""

from flowops.domain import events
from flowops.storage.unit import Unit


def refuse(unit: Unit, permission: str, method: str, path: str) -> None:
    """Record that the actor was refused, and by which permission they lack; nothing else may be in this unit."""
    unit.record(events.AccessRefused(permission=permission, method=method, path=path[:200]))
