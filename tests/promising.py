"""Many cases with deadlines at once, written straight into the tables: opening each would take longer than the test."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import insert, select

from flowops.app import App
from flowops.domain.handoffs import Priority, Status
from flowops.domain.sla import CALLERS, Clock, Kind
from flowops.storage import tables
from flowops.storage.types import new_id
from tests import cases

CHUNK = 5000
PROMISED = timedelta(hours=1)


def open_many(app: App, count: int, due_at: datetime, over: timedelta = timedelta(0)) -> None:
    """Open this many cases which are to be resolved by then, or one after another over a time from then on.

    They share one request, and are warned of already.
    """
    opener = cases.person(app, "Opener")
    first = cases.case(app, opener, promise=False)
    with app.database.writing() as connection:
        row = connection.execute(select(tables.Handoff.__table__).where(tables.Handoff.id == first.id)).mappings().one()
        own = {"number", "id", "turn", "due_rank", "risk"}
        like: dict[str, Any] = {name: row[name] for name in row if name not in own}
        like |= {
            "sla_policy": CALLERS,
            "sla_clock": Clock.RESOLUTION,
            "sla_started_at": due_at - PROMISED,
            "sla_warned_at": due_at,
        }
        mark = {"at": due_at - PROMISED, "kind": Kind.STARTED, "clock": Clock.RESOLUTION, "priority": Priority.HIGH}
        assert row["status"] is Status.PENDING
        for start in range(0, count, CHUNK):
            dues = {new_id("hnd"): due_at + over * number / count for number in range(start, min(start + CHUNK, count))}
            rows = [{**like, "id": id, "sla_due_at": due} for id, due in dues.items()]
            connection.execute(insert(tables.Handoff), rows)
            marks = [{**mark, "handoff_id": id, "due_at": due} for id, due in dues.items()]
            connection.execute(insert(tables.SlaMark), marks)
