"""The throw-away PostgreSQL is shared while it is used and gone afterwards."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg

from tests import postgres
from tests.project import repository

USER = """
import sys
from pathlib import Path
from tests import postgres
server = postgres.start(Path(sys.argv[1]))
print(server.sockets, flush=True)
sys.stdin.read()
"""


def start_user(folder: Path) -> tuple[subprocess.Popen[str], str]:
    """Another process that uses the server of `folder` until its input closes, and that server's socket folder."""
    process = subprocess.Popen(
        [sys.executable, "-c", USER, str(folder)],
        cwd=repository.ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    return process, process.stdout.readline().strip()


def wait_until_gone(sockets: str) -> None:
    deadline = time.monotonic() + 30
    while Path(sockets).exists():
        assert time.monotonic() < deadline, f"PostgreSQL still has {sockets}"
        time.sleep(0.05)


def test_a_run_shares_one_server_until_its_last_process_ends(tmp_path: Path) -> None:
    first, sockets = start_user(tmp_path)
    second, same = start_user(tmp_path)
    assert same == sockets
    with first:
        os.kill(first.pid, signal.SIGKILL)
    server = postgres.start(tmp_path)
    with second:
        second.communicate()
    assert server.sockets == sockets
    server.create_database("alive")
    server.lease.close()
    wait_until_gone(sockets)


def test_a_killed_run_leaves_no_server(tmp_path: Path) -> None:
    user, sockets = start_user(tmp_path)
    (pid, *_) = Path(sockets, "postmaster.pid").read_text().splitlines()
    with user:
        os.kill(user.pid, signal.SIGKILL)
    wait_until_gone(sockets)
    assert not Path("/proc", pid).exists()


def test_a_database_is_a_copy_of_its_template(tmp_path: Path) -> None:
    server = postgres.start(tmp_path)
    with psycopg.connect(server.create_database("original").replace("+psycopg", "")) as connection:
        connection.execute("create table marks (mark text)")
        connection.execute("insert into marks values ('here')")
    copy = server.create_database("copy", template="original").replace("+psycopg", "")
    with psycopg.connect(copy) as connection:
        assert connection.execute("select mark, current_setting('synchronous_commit') from marks").fetchall() == [
            ("here", "on")
        ]
        server.drop_database("original")
    server.lease.close()
    wait_until_gone(server.sockets)
