"""What all benchmarks print while they run and leave behind: progress, tables, and a JSON file."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

FOLDER = Path(__file__).parent / "results"
Told = Callable[[float], None]  # how much of a step is done, 0 to 1
Step = Callable[[str], Told]  # begins the next step


@contextmanager
def progress(console: Console, steps: int) -> Iterator[Step]:
    """A bar over steps that take about as long as each other."""
    columns = (BarColumn(), TaskProgressColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(TextColumn("{task.description:<48}"), *columns, console=console, transient=True) as shown:
        bar = shown.add_task("", total=steps)
        begun = 0

        def step(what: str) -> Told:
            nonlocal begun
            before, begun = begun, begun + 1
            shown.update(bar, description=what, completed=before)
            return lambda part: shown.update(bar, completed=before + part)

        yield step


def write(path: Path, measured: dict[str, Any]) -> None:
    """Replace the file as a whole, so that an interrupted run leaves what it had."""
    path.parent.mkdir(parents=True, exist_ok=True)
    half = path.with_suffix(".part")
    half.write_text(json.dumps(measured, indent=1) + "\n")
    half.replace(path)


def described(facts: dict[str, Any]) -> str:
    """Facts on one line."""
    return ", ".join(f"{name} {value}" for name, value in facts.items())
