"""What every event is: a frozen value that knows which of its fields are personal."""

from dataclasses import dataclass, field, fields
from typing import Any, ClassVar


def personal() -> Any:
    """A field whose value must never stand in the audit entry itself; None is kept as it is."""
    return field(default=None, metadata={"personal": True})


@dataclass(frozen=True, kw_only=True)
class Event:
    """Something that happened; `name` is stable and is what the log and its readers call it."""

    name: ClassVar[str]

    def open_data(self) -> dict[str, Any]:
        """What the entry itself may say."""
        return {f.name: getattr(self, f.name) for f in fields(self) if not f.metadata.get("personal")}

    def personal_data(self) -> dict[str, Any]:
        """What must be kept apart; empty fields are left out."""
        kept = ((f.name, getattr(self, f.name)) for f in fields(self) if f.metadata.get("personal"))
        return {name: value for name, value in kept if value is not None}
