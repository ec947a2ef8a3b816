"""Named places at which a process can be made to kill itself, to show that nothing is lost there; never in production.

A crash cannot be asked for from outside at exactly the moment where it would hurt, so the code names these moments.
They lie in the lowest layer, for the transaction itself has some. Unarmed, reaching one costs a comparison.
"""

import os
import re
import signal
from itertools import count

POINTS = {
    "claim.uncommitted": "jobs were claimed, and it is not committed",
    "claim.committed": "jobs were claimed, and nobody in the process knows yet",
    "handler.begun": "a handler is about to run",
    "handler.ended": "a handler has run, and nothing of it is kept",
    "executing.uncommitted": "an effect is to be carried out, and it is not committed",
    "executing.committed": "an effect is to be carried out, and the provider was not asked",
    "provider.answered": "the provider answered, and it is not kept",
    "settle.uncommitted": "what a job did and its end are written, and it is not committed",
    "settle.committed": "what a job did and its end are committed",
    "batch.uncommitted": "jobs that changed nothing are finished, and it is not committed",
    "batch.committed": "jobs that changed nothing are finished",
    "retry.uncommitted": "a job is put off, and it is not committed",
    "bury.uncommitted": "a job is buried, and it is not committed",
    "recover.uncommitted": "a lost job is taken back, and it is not committed",
    "give_back.uncommitted": "a job that was not begun is given back, and it is not committed",
    "group.uncommitted": "SQLite's writers share a transaction that is about to be committed",
    "group.committed": "it is committed, and none of them has heard",
    "answer.committed": "what a call asked for is committed, and not answered",
}

_armed: str | None = None
_left = count()


def parse(text: str) -> tuple[str, int]:
    """A point and the how-manieth time there is meant; ValueError when there is no such point.

    >>> parse("claim.committed"), parse("claim.committed:3")
    (('claim.committed', 1), ('claim.committed', 3))
    """
    match = re.fullmatch(r"([\w.]+)(?::([1-9]\d{0,5}))?", text)
    if match is None or match[1] not in POINTS:
        msg = f"there is no such kill point; these are: {', '.join(POINTS)}; each may end in :2, for the second time"
        raise ValueError(msg)
    return match[1], int(match[2] or 1)


def arm(text: str | None) -> None:
    """Have this process killed at this point, or with None at none; the settings have said whether that may be."""
    global _armed, _left
    point, times = parse(text) if text else (None, 0)
    _left = count(times - 1, -1)
    _armed = point


def reach(point: str) -> None:
    """The process is at this point: it lives no longer when it is the one."""
    if _armed is not None and point == _armed and next(_left) == 0:
        os.kill(os.getpid(), signal.SIGKILL)
