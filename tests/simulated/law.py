"""What may happen to a job in one transaction, and what must be true after each: the judge of the simulation.

It reads the database by itself, before and after, and believes nobody who says what they did.
"""

import json
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from flowops.actions.leases import LOST
from flowops.domain import jobs
from tests.bells import Toll

PENDING, PROCESSING, DEAD = "pending", "processing", "dead"
LIMIT = jobs.Job.schedule.tries
LONG = timedelta(minutes=10)  # after the end of its lease somebody took a job back; no stall is as long


class Row(NamedTuple):
    """A job of the hot table, as it is stored; times are texts that sort as the times do."""

    seq: int
    id: str
    key: str
    payload: str
    status: str
    waits: str | None
    claims: int
    claim_token: int
    worker: str | None
    lease_until: str | None
    run_at: str
    error: str | None

    @property
    def lives(self) -> bool:
        return self.status in (PENDING, PROCESSING)

    @property
    def toll(self) -> Toll:
        return Toll(**json.loads(self.payload))


@dataclass
class Party:
    """Somebody who changes jobs: a worker with the claims it was given, or, with no name, an operator."""

    name: str = ""
    granted: set[tuple[int, int]] = field(default_factory=set)

    def holds(self, row: Row) -> bool:
        """Is this claim of the job theirs, and the one that counts?"""
        return row.status == PROCESSING and (row.seq, row.claim_token) in self.granted


OPERATOR = Party()


class Broken(AssertionError):
    """Something happened that may not happen."""


class Judge:
    """Sees every commit, and raises Broken at the first that breaks a promise."""

    def __init__(self, path: str) -> None:
        self._database = sqlite3.connect(path, isolation_level=None)
        self.rows: dict[int, Row] = {}
        self.finished: dict[str, tuple[str, str | None]] = {}
        self.tolls: dict[str, str] = {}  # the name of a toll by its job
        self.numbers: dict[str, int] = {}
        self.told: Counter[str] = Counter()
        self.sent: Counter[str] = Counter()  # calls of the world outside, by the name of the toll
        self.claimed: Counter[str] = Counter()  # how often a job was given out, ever
        self.revived: set[int] = set()
        self.overdue: set[tuple[int, int]] = set()  # claims whose lease was over at some moment
        self.commits = self.moves = 0  # of these, those that changed more of a job than its lease
        self._read = 0

    def close(self) -> None:
        self._database.close()

    @property
    def is_done(self) -> bool:
        """Is nothing left but what was buried?"""
        return all(row.status == DEAD for row in self.rows.values())

    def see(self, by: Party, now: str) -> None:
        """Judge what this party has just committed."""
        self.commits += 1
        before, known = self.rows, self.finished
        over = (row for row in before.values() if row.lease_until is not None and row.lease_until < now)
        self.overdue |= {(row.seq, row.claim_token) for row in over}
        self.rows = {row[0]: Row._make(row) for row in self._database.execute(_JOBS)}
        self.moves += self._without_leases(before) != self._without_leases(self.rows)
        self.finished = {id: (status, receipt) for id, status, receipt in self._database.execute(_FINISHED)}
        news = self._database.execute(_ENTRIES, (self._read,)).fetchall()
        faults = [
            *self._judge_rows(before, by, now),
            *self._judge_news(before, by, [(seq, json.loads(data)["job_id"]) for seq, data in news]),
            *self._judge_ends(self.finished.keys() - known.keys()),
            *self._judge_waiting(now),
        ]
        if faults:
            raise Broken(f"{by.name or 'an operator'}, {now}: " + "; ".join(faults))

    def is_due(self, now: str) -> bool:
        """May a job be claimed?"""
        return any(row.status == PENDING and row.waits != "key" and row.run_at <= now for row in self.rows.values())

    @property
    def next_at(self) -> str:
        """When the next job may be claimed, or be taken back."""
        return min(row.lease_until or row.run_at for row in self.rows.values() if row.lives and row.waits != "key")

    def judge_the_end(self) -> None:
        """Judge what is left when nothing happens any more."""
        faults = [f"{row.toll} is {row.status}" for row in self.rows.values() if row.lives]
        for row in self.rows.values():
            if row.status == DEAD and self.told[row.toll.name]:
                faults.append(f"{row.toll} was done and is dead")
        if faults:
            raise Broken("parked for ever: " + "; ".join(faults))

    def _without_leases(self, rows: dict[int, Row]) -> list[Row]:
        return [row._replace(lease_until=None) for row in rows.values()]

    def _judge_rows(self, before: dict[int, Row], by: Party, now: str) -> Iterator[str]:
        for seq in before.keys() | self.rows.keys():
            old, new = before.get(seq), self.rows.get(seq)
            if old == new:
                continue
            if old is None:
                assert new is not None
                self.tolls[new.id], self.numbers[new.toll.name] = new.toll.name, seq
                if by is not OPERATOR or new.status != PENDING:
                    yield f"{new.toll} was made up"
            elif new is None:
                if not by.holds(old) and not (by is OPERATOR and old.status == DEAD):
                    yield f"{old.toll} was finished by somebody who does not hold it"
                if old.id not in self.finished:
                    yield f"{old.toll} was lost"
            else:
                for fault in self._judge_change(old, new, by, now):
                    yield f"{new.toll} {fault}: {old[4:]} became {new[4:]}"

    def _judge_change(self, old: Row, new: Row, by: Party, now: str) -> Iterator[str]:
        match old.status, new.status:
            case "pending", "processing":
                yield from self._judge_claim(old, new, by, now)
            case "processing", "pending":
                is_over = old.lease_until is not None and old.lease_until < now
                if not by.holds(old) and not is_over:
                    yield "was taken from its holder"
                if new.claims != old.claims - by.holds(old) and new.claims != old.claims:
                    yield "lost count of its claims"
                if not by.holds(old) and (new.claims != old.claims or (new.waits == "alone") != (old.error == LOST)):
                    yield "was not taken back as a lost job is"
                self.claimed[new.id] -= old.claims - new.claims
            case "processing", "dead":
                # Whoever takes lost jobs back buries them a moment later; the holder may have come to life in between.
                if not by.holds(old) and (old.seq, old.claim_token) not in self.overdue:
                    yield "was buried by somebody who does not hold it"
                if old.toll.how != "wrong" and old.claims < LIMIT:
                    yield "was buried too early"
            case "dead", "pending":
                if by is not OPERATOR:
                    yield "came back from the dead"
                self.claimed[new.id] = 0
                self.revived.add(new.seq)
            case "processing", "processing" if by.holds(old) and new.claim_token > old.claim_token:
                # Given back, and claimed again in the same transaction.
                by.granted.add((new.seq, new.claim_token))
                if (new.claims, new.claim_token, new.worker) != (old.claims, old.claim_token + 1, by.name):
                    yield "was claimed without being counted"
            case "processing", "processing":
                if new._replace(lease_until=None) != old._replace(lease_until=None) or old.worker != by.name:
                    yield "was changed by somebody who does not hold it"
            case "pending", "pending":
                if (new.claims, new.claim_token) != (old.claims, old.claim_token):
                    yield "was counted without being claimed"
                if new.run_at not in (old.run_at, now):
                    yield "was put off by nobody"
            case _:
                yield "changed in no way that there is"

    def _judge_claim(self, old: Row, new: Row, by: Party, now: str) -> Iterator[str]:
        by.granted.add((new.seq, new.claim_token))
        self.claimed[new.id] += 1
        if (new.claims, new.claim_token) != (old.claims + 1, old.claim_token + 1) or new.worker != by.name:
            yield "was claimed without being counted"
        if old.run_at > now:
            yield "was claimed before its time"
        if self.claimed[new.id] > LIMIT:
            yield f"was claimed {self.claimed[new.id]} times"
        held = [row for row in self.rows.values() if row.worker == by.name]
        if old.waits == "alone" and len(held) > 1:
            yield "was to run alone"
        if any(row.lives and row.key == new.key and row.seq < new.seq for row in self.rows.values()):
            yield "was claimed before an earlier one of its key"

    def _judge_news(self, before: dict[int, Row], by: Party, news: list[tuple[int, str]]) -> Iterator[str]:
        for seq, name in news:
            self._read = seq
            self.told[name] += 1
            job = before[self.numbers[name.removesuffix(" begun")]]
            if not by.holds(job):
                yield f"{name} was told by somebody who does not hold it"
            if self.told[name] > 1:
                yield f"{name} was told {self.told[name]} times"
            earlier = (row for row in before.values() if row.key == job.key and row.seq < job.seq and row.lives)
            if not {row.seq for row in earlier} <= self.revived:
                yield f"{name} was told before an earlier one of its key"
            if not name.endswith(" begun") and job.id not in self.finished:
                yield f"{name} was told and is not finished"

    def _judge_ends(self, ended: set[str]) -> Iterator[str]:
        for id in ended:
            status, receipt = self.finished[id]
            name = self.tolls[id]
            if status == "done" and receipt is None and not self.told[name]:
                yield f"{name} was finished and not told"
            if status == "done" and receipt is not None and not (receipt == name and self.sent[name]):
                yield f"{name} was finished and not sent"

    def _judge_waiting(self, now: str) -> Iterator[str]:
        long_ago = (datetime.fromisoformat(now) - LONG).isoformat(timespec="microseconds")[:-6] + "Z"
        first: defaultdict[str, int] = defaultdict(lambda: 1 << 62)
        for row in self.rows.values():
            if row.lives:
                first[row.key] = min(first[row.key], row.seq)
        for row in self.rows.values():
            if row.waits == "key" and first[row.key] == row.seq:
                yield f"{row.toll} waits for nothing"
            if row.claims > LIMIT:
                yield f"{row.toll} was claimed {row.claims} times"
            if row.lease_until is not None and row.lease_until < long_ago:
                yield f"{row.toll} was lost and not taken back"


_JOBS = f"SELECT {', '.join(Row._fields)} FROM jobs"
_FINISHED = "SELECT id, status, receipt FROM finished_jobs"
_ENTRIES = "SELECT seq, data FROM audit_entries WHERE event = 'job.read' AND seq > ? ORDER BY seq"
