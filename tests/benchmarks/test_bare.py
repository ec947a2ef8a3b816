"""The bare server keeps what it says it kept, with a commit for each case and with commits that are shared."""

import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from benchmarks.http import bare

CASES = 50
Keep = Callable[[bare.Case], int]


@pytest.mark.parametrize("how", [bare.alone, bare.grouped])
def test_cases_that_come_in_together_are_all_kept(tmp_path: Path, how: Callable[[sqlite3.Connection], Keep]) -> None:
    path = str(tmp_path / "bare.db")
    with closing(bare.connect(path)) as connection, ThreadPoolExecutor(8) as threads:
        connection.executescript(bare.TABLES)
        made = list(threads.map(how(connection), [case(number) for number in range(CASES)]))
    with closing(sqlite3.connect(path)) as connection:
        kept = dict(connection.execute("select id, title from cases").fetchall())
        assert [kept[each] for each in made] == [f"case {number}" for number in range(CASES)]
        for table in ("entries", "jobs"):
            assert connection.execute(f"select count(*) from {table}").fetchone() == (CASES,)


def test_an_answer_of_the_bare_server_is_durable(tmp_path: Path) -> None:
    with closing(bare.connect(str(tmp_path / "bare.db"))) as connection:
        assert connection.execute("pragma synchronous").fetchone() == (2,)


def case(number: int) -> bare.Case:
    customer = bare.Customer(id="c")
    return bare.Case(channel="chat", customer=customer, title=f"case {number}", reason="escalated")
