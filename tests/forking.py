"""Processes that start in no time, forked from one that has imported everything: real ones, to be killed."""

import multiprocessing
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from flowops.settings import Settings

# Importing takes longer than most tests.
STARTER = multiprocessing.get_context("forkserver")
STARTER.set_forkserver_preload(["flowops.cli", "tests.worker_process"])


def environment(settings: Settings, **more: str) -> dict[str, str]:
    """The variables by which another process gets these settings, as far as tests change them."""
    return {
        "FLOWOPS_DATABASE_URL": settings.database_url,
        "FLOWOPS_SECRET_KEY": "k" * 32,
        "FLOWOPS_ACCOUNTS_URL": settings.accounts_url,
        "FLOWOPS_BILLING_URL": settings.billing_url,
        "FLOWOPS_OUTBOX_LEASE": f"{settings.outbox_lease.seconds}s",
        "FLOWOPS_STOP_GRACE": f"{settings.stop_grace.seconds}s",
    } | more


def become(run: Callable[..., object], words: tuple[Any, ...], variables: dict[str, str], log: Path) -> None:
    """What the new process does: with these variables and this log, whatever it says, call the function."""
    os.environ.update(variables)
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for stream in (1, 2):
        os.dup2(file, stream)
    run(*words)


def worker(settings: Settings, log: Path, *habits: str, **variables: str) -> BaseProcess:
    """Start a worker process on the same database; `tests.worker_process` lists the `habits`."""
    from tests import worker_process

    started = STARTER.Process(
        target=become, args=(worker_process.main, habits, environment(settings, **variables), log), daemon=True
    )
    started.start()
    return started


@contextmanager
def working(settings: Settings, log: Path, *habits: str, **variables: str) -> Iterator[BaseProcess]:
    """A worker process as `worker` starts it, killed when the block ends."""
    started = worker(settings, log, *habits, **variables)
    try:
        yield started
    finally:
        started.kill()
        started.join()
