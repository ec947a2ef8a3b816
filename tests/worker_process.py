"""A worker process for tests: the real loop and gateways, and if asked for a way to die at the worst moment.

Run as `python -m tests.worker_process [HABIT]...`; the settings come from the environment. A job of the topic
`bell.ring` leaves one audit entry that names its bell. `dies-after-refund` kills the process between the provider's
answer and our commit. `sweeps` makes it watch over deadlines instead of delivering. `times-claims` has it
write down, in the file `CLAIM_TIMES`, when it claimed and how many seconds that took. Tolls (`tests.bells`) are known
too.
"""

import dataclasses
import json
import os
import signal
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

from flowops import app as application
from flowops import settings
from flowops.actions import leases
from flowops.cli import serve
from flowops.domain import access, events
from flowops.domain.money import Money
from flowops.gateways.billing import Billing
from flowops.gateways.receipts import Receipt
from flowops.workers import handlers, loop, sla
from tests import bells
from tests.delivery import Ring


def ring(app: application.App, job: Ring, fence: handlers.Fence) -> handlers.Settle:
    """Take as long as a short call; `how` may be `slow`, or `deadly` for this very process."""
    if job.how == "deadly":
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(2 if job.how == "slow" else 0.01)
    return lambda unit: unit.record(events.JobRead(job_id=job.bell))


class Dying:
    """Billing after whose answer to a refund this process lives no longer."""

    def __init__(self, real: Billing) -> None:
        self._real = real
        self.invoice, self.invoices = real.invoice, real.invoices
        self.payout, self.release = real.payout, real.release

    def refund(self, invoice_id: str, money: Money, reason: str | None, key: str) -> Receipt:
        self._real.refund(invoice_id, money, reason, key)
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError


def time_claims(to: Path) -> None:
    """From now on keep, for each claim that found something, the time and how long it took."""
    claim = leases.claim

    def timed(*given: Any) -> list[leases.Claimed]:
        before = time.perf_counter()
        claimed = claim(*given)
        if claimed:
            with to.open("a") as file:
                file.write(json.dumps([time.time(), time.perf_counter() - before]) + "\n")
        return claimed

    vars(leases)["claim"] = timed


def main(*habits: str) -> None:
    """Work until SIGTERM."""
    told = serve.heed()
    bells.EXPENDABLE.append(True)
    handlers.TABLE[Ring.topic] = handlers.Handler(Ring, access.SYSTEM, ring)
    app = application.build(settings.load())
    if "dies-after-refund" in habits:
        app = dataclasses.replace(app, billing=Dying(app.billing))
    if "times-claims" in habits:
        time_claims(Path(os.environ["CLAIM_TIMES"]))
    with bells.hung():
        serve.run(app, [partial((sla if "sweeps" in habits else loop).run, app)], told)


if __name__ == "__main__":
    main(*sys.argv[1:])
