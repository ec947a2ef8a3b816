"""The `flowops` command, run in this process on a real database, or as a process of its own."""

import io
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import structlog

from flowops import app as application
from flowops import cli
from flowops import settings as configuration

Flowops = Callable[..., "Ran"]
Spawn = Callable[..., "Running"]


@dataclass(frozen=True)
class Ran:
    """How a command ended, and what it said."""

    code: int
    out: str
    err: str


@dataclass
class Running:
    """A command that goes on until somebody stops it; its words go to files."""

    process: subprocess.Popen[bytes]
    out: Path
    err: Path

    def wait_for(self, words: str) -> str:
        """What it has said, once these words are in it."""
        deadline = time.monotonic() + 60
        while words not in (said := self.out.read_text()):
            assert self.process.poll() is None, said + self.err.read_text()
            assert time.monotonic() < deadline, said + self.err.read_text()
            time.sleep(0.05)
        return said

    def stop(self, by: signal.Signals = signal.SIGTERM) -> int:
        """Its exit code after this signal."""
        self.process.send_signal(by)
        return self.process.wait(timeout=30)


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A working folder of the test's own, and no settings but those it makes."""
    for name in [name for name in os.environ if name.startswith("FLOWOPS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def on_database(environment: Path, database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A migrated database of each kind."""
    monkeypatch.setenv("FLOWOPS_DATABASE_URL", database_url)
    monkeypatch.setenv("FLOWOPS_SECRET_KEY", "k" * 32)


@pytest.fixture
def app(settings: configuration.Settings) -> Iterator[application.App]:
    """The app on the same database and, like the command, on the real clock."""
    built = application.build(settings)
    yield built
    built.close()


@pytest.fixture
def flowops(
    environment: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Flowops]:
    """Runs `flowops WORDS...` to its end."""
    handlers, level = logging.root.handlers[:], logging.root.level

    def run(*words: str, stdin: str = "") -> Ran:
        monkeypatch.setattr(sys, "argv", ["flowops", *words])
        monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            cli.main()
        code = ended.value.code
        return Ran(code if isinstance(code, int) else 0, *capsys.readouterr())

    yield run
    structlog.reset_defaults()
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)


@pytest.fixture
def spawn(environment: Path) -> Iterator[Spawn]:
    """Starts `flowops WORDS...` as a process of its own."""
    started: list[Running] = []

    def start(*words: str, **variables: str) -> Running:
        number = len(started)
        out, err = environment / f"out-{number}", environment / f"err-{number}"
        with out.open("wb") as said, err.open("wb") as logged:
            process = subprocess.Popen(
                [sys.executable, "-m", "flowops", *words], env=os.environ | variables, stdout=said, stderr=logged
            )
        started.append(Running(process, out, err))
        return started[-1]

    yield start
    for running in started:
        running.process.kill()
        running.process.wait()
