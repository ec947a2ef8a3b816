"""FlowOps as a process: it starts, says where it is, works, and stops when told."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import httpx
import pytest

from flowops import app as application
from flowops import settings as configuration
from flowops.app import App
from flowops.domain.access import Role
from flowops.queries import operators, outbox
from tests import cases, delivery, live, make, verbs, world
from tests.cli.conftest import Flowops, Spawn
from tests.listening import listening


def address(said: str) -> str:
    found = re.search(r"^FlowOps listens on (http://127\.0\.0\.1:\d+)$", said, re.MULTILINE)
    assert found, said
    return found[1]


@pytest.mark.usefixtures("on_database")
def test_the_first_start_prints_a_link_that_signs_the_first_admin_in_and_the_next_prints_none(
    spawn: Spawn, app: App
) -> None:
    first = spawn("up", FLOWOPS_PORT="0", COLUMNS="40")
    said = first.wait_for("/console/link/")
    link = said.splitlines()[-1]
    assert re.fullmatch(re.escape(address(said)) + r"/console/link/[\w-]{43}", link)
    assert httpx.get(link, trust_env=False).status_code == 200
    assert first.stop() == 0
    with app.view() as view:
        assert [member.user.role for member in operators.users(view)] == [Role.ADMIN]
    second = spawn("up", FLOWOPS_PORT="0")
    assert "link" not in second.wait_for("Stop it with")
    assert second.stop(signal.SIGINT) == 0
    assert "link" not in second.out.read_text()


# As told the moment the first word is out: `flowops` in a process that interrupts itself then.
EAGER = """
import os, signal, sys
from flowops import cli

write = sys.stdout.write

def interrupt(text):
    if "Stop it with" in text:
        os.kill(os.getpid(), signal.SIG%s)
    return write(text)

sys.stdout.write = interrupt
cli.main()
"""


@pytest.mark.parametrize(
    ("command", "by"), [("up", "INT"), ("serve", "TERM"), ("work", "INT"), ("demo --port 0", "TERM")]
)
def test_who_is_told_to_stop_as_soon_as_it_runs_stops_cleanly(
    environment: Path, sqlite_template: Path, command: str, by: str
) -> None:
    shutil.copy(sqlite_template, environment / "flowops.db")
    ran = subprocess.run(
        [sys.executable, "-c", EAGER % by, *command.split()],
        env=os.environ | {"FLOWOPS_PORT": "0"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "Stop it with" in ran.stdout
    assert (ran.returncode, "Traceback" in ran.stderr) == (0, False), ran.stderr


# As told while the main thread waits and is not woken: the signal goes to another thread.
UNHEARD = """
import signal, sys, threading
from flowops import cli

write = sys.stdout.write

def interrupt(text):
    if "Stop it with" in text:
        threading.Timer(1, signal.raise_signal, [signal.SIGTERM]).start()
    return write(text)

sys.stdout.write = interrupt
cli.main()
"""


def test_a_signal_that_does_not_wake_the_main_thread_stops_the_process_all_the_same(
    environment: Path, sqlite_template: Path
) -> None:
    shutil.copy(sqlite_template, environment / "flowops.db")
    command = [sys.executable, "-c", UNHEARD, "work"]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert (ran.returncode, "Stop it with" in ran.stdout) == (0, True), ran.stderr


def test_with_sqlite_up_needs_no_migration(spawn: Spawn) -> None:
    running = spawn("up", FLOWOPS_PORT="0")
    said = running.wait_for("/console/link/")
    assert httpx.get(f"{address(said)}/readyz", trust_env=False).status_code == 200
    assert running.stop() == 0


@pytest.mark.usefixtures("on_database")
def test_serve_and_work_are_the_two_halves_of_up(spawn: Spawn, app: App) -> None:
    make.user(app, Role.ADMIN, "Ana")
    served = spawn("serve", FLOWOPS_PORT="0")
    url = address(served.wait_for("Stop it with"))
    world.receive(app, world.service(app), escalate=True)
    assert httpx.get(f"{url}/healthz", trust_env=False).status_code == 200
    with app.view() as view:
        assert outbox.heartbeats(view) == []
    working = spawn("work", "--only", "outbox")
    working.wait_for("Working on outbox.")
    deadline = time.monotonic() + 30
    while True:
        with app.view() as view:
            (job,), _ = outbox.search(view)
        if job.status == "done":
            break
        assert time.monotonic() < deadline, working.err.read_text()
        time.sleep(0.1)
    began = time.monotonic()
    assert (working.stop(), served.stop()) == (0, 0)
    assert time.monotonic() - began < app.settings.stop_grace.total_seconds()
    with app.view() as view:
        assert outbox.heartbeats(view) == []


def is_late(app: App, case: str) -> bool:
    return verbs.read(app, case).sla_breached_at is not None


@pytest.mark.usefixtures("on_database")
def test_deadlines_can_be_watched_alone_and_are_watched_beside_the_outbox(spawn: Spawn, app: App) -> None:
    for command, said in ((("work", "--only", "sla"), "sla"), (("work",), "outbox and sla")):
        case = cases.case(app, cases.person(app, "Ada"), sla_due_at=app.now()).id
        working = spawn(*command)
        working.wait_for(f"Working on {said}.")
        delivery.wait_until(partial(is_late, app, case))
        with app.view() as view:
            assert len(outbox.heartbeats(view)) == ("outbox" in said)
        assert working.stop() == 0


def test_an_open_stream_does_not_keep_the_process_from_stopping(
    environment: Path, sqlite_template: Path, spawn: Spawn
) -> None:
    shutil.copy(sqlite_template, environment / "flowops.db")
    app = application.build(configuration.load())
    token = make.token(app, Role.VIEWER)
    app.close()
    # The grace is longer than the fixture waits for the end.
    served = spawn("serve", FLOWOPS_PORT="0", FLOWOPS_STOP_GRACE="5m")
    url = address(served.wait_for("Stop it with"))
    with live.client(url) as client, listening(client, Authorization=f"Bearer {token}") as listener:
        assert served.stop() == 0
        listener.wait_for_end()


def test_an_address_that_is_taken_is_one_sentence(
    spawn: Spawn, flowops: Flowops, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = spawn("up", FLOWOPS_PORT="0")
    url = address(running.wait_for("/console/link/"))
    monkeypatch.setenv("FLOWOPS_PORT", url.rpartition(":")[2])
    ran = flowops("serve")
    assert (ran.code, ran.out) == (1, "")
    assert "Address already in use" in ran.err
    assert len(ran.err.splitlines()) == 1
