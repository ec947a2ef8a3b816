"""The least a server of this kind can do: FastAPI checks a body, and a case, an entry and a job go into SQLite.

Run as `python -m benchmarks.http.bare FILE PORT [grouped]`. Nobody is asked for a token, nothing is verified or
decided, and the answer says only what was made. `grouped` lets requests that wait share a commit.
"""

import json
import sqlite3
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from typing import Any

import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel

TABLES = """
create table cases (
    id integer primary key, channel text, customer text, title text, reason text, messages text, at real
);
create table entries (id integer primary key, case_id integer, event text, data text, at real);
create table jobs (id integer primary key, topic text, payload text, status text, run_at real);
"""


class Customer(BaseModel):
    """Whom a case is about."""

    id: str


class Message(BaseModel):
    """One message of the conversation."""

    role: str
    text: str


class Case(BaseModel):
    """What is sent, as the product takes it."""

    channel: str
    customer: Customer
    title: str
    reason: str
    messages: list[Message] = []


def connect(path: str) -> sqlite3.Connection:
    """A connection of one writer, whose commits survive a power cut."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    connection.execute("pragma journal_mode = wal")
    connection.execute("pragma synchronous = full")
    return connection


def insert(connection: sqlite3.Connection, case: Case) -> int:
    """The three rows; the case's id."""
    now, said = time.time(), json.dumps([message.model_dump() for message in case.messages])
    query = "insert into cases (channel, customer, title, reason, messages, at) values (?, ?, ?, ?, ?, ?) returning id"
    values = (case.channel, case.customer.id, case.title, case.reason, said, now)
    (row,) = connection.execute(query, values).fetchall()
    data = json.dumps({"title": case.title, "reason": case.reason})
    entry = "insert into entries (case_id, event, data, at) values (?, 'case.opened', ?, ?)"
    connection.execute(entry, (row[0], data, now))
    job = "insert into jobs (topic, payload, status, run_at) values ('summary', ?, 'pending', ?)"
    connection.execute(job, (json.dumps({"case": row[0]}), now))
    return int(row[0])


def alone(connection: sqlite3.Connection) -> Callable[[Case], int]:
    """A commit for each case."""
    turn = threading.Lock()

    def keep(case: Case) -> int:
        with turn:
            connection.execute("begin immediate")
            made = insert(connection, case)
            connection.execute("commit")
        return made

    return keep


def grouped(connection: sqlite3.Connection) -> Callable[[Case], int]:
    """A commit for all that wait: one thread writes, and answers each when its commit is durable."""
    waiting: SimpleQueue[tuple[Case, Future[int]]] = SimpleQueue()

    def write() -> None:
        while True:
            group = [waiting.get()]
            try:
                while True:
                    group.append(waiting.get_nowait())
            except Empty:
                connection.execute("begin immediate")
            made = [insert(connection, case) for case, _ in group]
            connection.execute("commit")
            for (_, answer), case_id in zip(group, made, strict=True):
                answer.set_result(case_id)

    threading.Thread(target=write, daemon=True).start()

    def keep(case: Case) -> int:
        answer: Future[int] = Future()
        waiting.put((case, answer))
        return answer.result()

    return keep


def create(keep: Callable[[Case], int]) -> FastAPI:
    """The one route."""
    app = FastAPI(openapi_url=None)

    @app.post("/handoffs", status_code=201)
    def open_case(case: Case) -> dict[str, Any]:
        return {"id": keep(case), "status": "pending", "title": case.title, "reason": case.reason}

    return app


def main(path: str, port: str, *how: str) -> None:
    """Serve until SIGTERM."""
    sys.modules["uvloop"] = None  # type: ignore[assignment]  # as the product's server
    connection = connect(path)
    connection.executescript(TABLES)
    app = create((grouped if "grouped" in how else alone)(connection))
    uvicorn.run(app, port=int(port), log_config=None, access_log=False, proxy_headers=False, server_header=False)


if __name__ == "__main__":
    main(*sys.argv[1:])
