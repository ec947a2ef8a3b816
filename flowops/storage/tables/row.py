"""What every row shares: its columns' types, the names of its constraints, and its id."""

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import BigInteger, Integer, MetaData
from sqlalchemy.orm import DeclarativeBase

from flowops.domain import access, artifacts, effects, handoffs, interests, jobs, sla
from flowops.storage.types import Json, UtcTime, enum, new_id

# Tables that are not the business's record: a unit may change them without an audit entry.
BOOKKEEPING = {"info": {"bookkeeping": True}}
# SQLite gives only an INTEGER PRIMARY KEY its own numbers; AUTOINCREMENT never gives one twice.
Serial = BigInteger().with_variant(Integer, "sqlite")


class Base(DeclarativeBase):
    """A row. A class with a `prefix` gives each new row its id at once, so that others can refer to it."""

    prefix: ClassVar[str] = ""
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_N_label)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        datetime: UtcTime,
        dict[str, Any]: Json,
        list[str]: Json,
        list[dict[str, Any]]: Json,
        access.ActorKind: enum(access.ActorKind),
        access.Role: enum(access.Role),
        artifacts.Status: enum(artifacts.Status),
        artifacts.Judgement: enum(artifacts.Judgement),
        effects.Status: enum(effects.Status),
        handoffs.Status: enum(handoffs.Status),
        handoffs.Priority: enum(handoffs.Priority),
        handoffs.Reason: enum(handoffs.Reason),
        handoffs.Outcome: enum(handoffs.Outcome),
        handoffs.Tier: enum(handoffs.Tier),
        handoffs.WaitingFor: enum(handoffs.WaitingFor),
        interests.Link: enum(interests.Link),
        jobs.Status: enum(jobs.Status),
        jobs.Waits: enum(jobs.Waits),
        jobs.AttemptOutcome: enum(jobs.AttemptOutcome),
        sla.Clock: enum(sla.Clock),
        sla.Kind: enum(sla.Kind),
    }

    def __init__(self, **values: Any) -> None:
        if self.prefix:
            values.setdefault("id", new_id(self.prefix))
        self.registry.constructor(self, **values)
