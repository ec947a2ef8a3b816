"""Leaves a trace of who took something out of the record."""

from flowops.domain import events
from flowops.storage.unit import Unit


def exported(unit: Unit, form: str, filters: dict[str, str]) -> None:
    """Record that the actor exported what the filters name, in this format."""
    unit.record(events.AuditExported(format=form, filters=filters))
