"""What was proven so far, kept in a file between runs, and the table made of it."""

import fcntl
import json
import re
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.project import repository
from tests.prove.part import Figures, Part

FOLDER = repository.ROOT / ".prove"
DOCUMENT = repository.ROOT / "docs" / "reliability.md"
COLUMNS = ("promise", "measured", "figure", "promised", "trials")
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"


class Record:
    """The figures of each trial that was done, by part; one file, written whole after every trial."""

    def __init__(self, path: Path = FOLDER / "trials.json") -> None:
        self._path, self._mutex = path, threading.Lock()
        path.parent.mkdir(exist_ok=True)
        self._lock = path.with_suffix(".lock").open("w")
        fcntl.flock(self._lock, fcntl.LOCK_EX)  # two at once would forget what the other one did
        self._done: dict[str, dict[str, Figures]] = json.loads(path.read_text()) if path.exists() else {}

    def of(self, part: Part) -> dict[str, Figures]:
        """The figures of the trials of a part that it still has."""
        done = self._done.get(part.name, {})
        return {trial: done[trial] for trial in part.trials if trial in done}

    def add(self, part: Part, trial: str, figures: Figures) -> None:
        with self._mutex:
            self._done.setdefault(part.name, {})[trial] = figures
            self._write()

    def forget(self, part: Part) -> None:
        """Let the part begin anew."""
        with self._mutex:
            self._done.pop(part.name, None)
            self._write()

    def rows(self, parts: Sequence[Part]) -> Iterator[tuple[str, ...]]:
        """The cumulative table, row by row."""
        for part in parts:
            if done := self.of(part):
                for measure, figure, promised in part.lines(done):
                    yield part.promise, measure, figure, promised, f"{len(done):,} of {len(part.trials):,}"

    def _write(self) -> None:
        written = self._path.with_suffix(".new")
        written.write_text(json.dumps(self._done, indent=1, sort_keys=True))
        written.replace(self._path)


def write_document(record: Record, parts: Sequence[Part], document: Path = DOCUMENT) -> None:
    """Put the table between the two marks of the document; what was proven elsewhere stays in it."""
    text = document.read_text()
    assert text.count(BEGIN) == text.count(END) == 1, f"{document} lacks its marks"
    told = [line for line in text.partition(BEGIN)[2].partition(END)[0].splitlines() if line.startswith("| ")]
    lines = ["| " + " | ".join(row) + " |" for row in (COLUMNS, ("---",) * len(COLUMNS))]
    for part in parts:
        here = [f"| {' | '.join(row)} |" for row in record.rows([part])]
        lines += here or [line for line in told if line.startswith(f"| {part.promise} |")]
    table = "\n".join(lines)
    document.write_text(re.sub(f"(?s)({BEGIN}).*({END})", lambda found: f"{found[1]}\n{table}\n{found[2]}", text))
