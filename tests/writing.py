"""Units that write, one after the other."""

from flowops.domain import events
from flowops.domain.access import SYSTEM
from flowops.storage.engine import Database
from flowops.storage.unit import open_unit


def write(url: str, units: int) -> None:
    """Commit so many units, each acknowledged before the next one begins."""
    database = Database(url)
    for number in range(units):
        with open_unit(database, SYSTEM) as unit:
            unit.record(events.JobRead(job_id=str(number)))
    database.close()
