"""The commands that begin rules of one's own and say what is wrong with them."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import suppress
from importlib import resources
from importlib.util import find_spec
from pathlib import Path
from queue import Empty, Queue
from tempfile import TemporaryFile
from typing import Annotated, Any, Self

import typer
from rich.progress import Progress
from rich.text import Text

from flowops import app as application
from flowops import errors
from flowops.cli import terminal
from flowops.domain import policies, ruleset
from flowops.domain.policy import Rule
from flowops.domain.purity import Impurity

WRONG = 3  # exit code
EXAMPLES = 300  # generated facts
START = 120.0  # seconds until a process asks the first rule
LIMIT = 20.0  # seconds for one rule on all facts
NAME = "our_rules.py"
INHERITED = {"PATH", "PYTHONPATH", "HOME", "SYSTEMROOT"}  # no secret of ours reaches a rule

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="The folder of rules, FLOWOPS_POLICY_DIR.")]


def init(folder: Folder) -> None:
    """Begin rules of one's own: write a module with commented examples, none of which changes a verdict yet."""
    path = folder / NAME
    if path.exists():
        terminal.err.print(
            f"{path} is there already. Nothing was written; change it, or choose another folder.", style="red"
        )
        raise typer.Exit(1)
    folder.mkdir(parents=True, exist_ok=True)
    path.write_bytes(resources.files(__package__).joinpath("example.py").read_bytes())
    terminal.say(f"Wrote {path}. Change it, then: flowops policy check {folder}")


def check(folder: Folder) -> None:
    """Say what is wrong with rules, by file and line: what they may not do, and what they do on many made-up facts.

    They run in processes of their own, twice on the same facts; with the extra `policy` also on facts that nobody would
    think of. Exit code 3 when something is wrong.
    """
    try:
        own = application.read_rules(folder)
    except errors.WrongSetting as wrong:
        raise typer.BadParameter(str(wrong).removeprefix("FLOWOPS_POLICY_DIR is wrong: ")) from None
    if not own:
        terminal.err.print(f"There are no rules in {folder}; begin with: flowops policy init {folder}", style="yellow")
        raise typer.Exit(1)
    files = {**policies.files(), **own}
    found = [impurity for name, source in own.items() for impurity in ruleset.check(name, source, files)]
    if not found:
        try:
            rules = [rule for rule in ruleset.load(files).rules if f"{rule.name.partition('.')[0]}.py" in own]
        except errors.Invalid as wrong:
            terminal.err.print(str(wrong), style="red", soft_wrap=True)
            raise typer.Exit(WRONG) from None
        found, fuzzed = try_out(files, rules)
        _show(rules, found)
        _say_fuzzed(fuzzed)
    for impurity in found:
        terminal.out.print(str(impurity), style="red", soft_wrap=True)
    if found:
        terminal.out.print(f"{len(found)} to mend; nothing was changed.", style="bold red")
        raise typer.Exit(WRONG)
    replaced = sorted(own.keys() & policies.files().keys())
    if replaced:
        terminal.out.print(f"In place of the built-in rules of the same name: {', '.join(replaced)}", style="yellow")
    terminal.out.print(
        f"Nothing is wrong with them. Version {policies.together(own).version}", style="green", soft_wrap=True
    )


def try_out(files: Mapping[str, str], rules: list[Rule]) -> tuple[list[Impurity], int]:
    """What is wrong with rules as they run, and the number of generated facts each was asked about.

    Two processes ask them, whose sets and hashes are in different orders, so that a rule that depends on these differs.
    """
    found: set[Impurity] = set()
    fuzzed = 0
    hashes: dict[str, set[str]] = {}
    with Progress(console=terminal.err, transient=True) as progress:
        bar = progress.add_task("trying", total=2 * len(rules))
        for seed in ("1", "2"):
            for rule, told in _answers(files, rules, seed):
                progress.advance(bar)
                file = f"{rule.name.partition('.')[0]}.py"
                found |= {Impurity(file, line, f"{rule.name}: {what}") for line, what in told.get("wrong", ())}
                hashes.setdefault(rule.name, set()).add(told.get("hash", ""))
                fuzzed = max(fuzzed, told.get("fuzzed", 0))
    for rule in rules:
        file = f"{rule.name.partition('.')[0]}.py"
        if len(hashes[rule.name]) > 1 and not any(each.reason.startswith(f"{rule.name}:") for each in found):
            found.add(Impurity(file, rule.line, f"{rule.name}: two processes got different rulings for the same facts"))
    return sorted(found), fuzzed


def _answers(files: Mapping[str, str], rules: list[Rule], seed: str) -> Iterator[tuple[Rule, dict[str, Any]]]:
    """What one process says about each rule; one that does not end is ended, and the rules after it are asked anew."""
    left = list(rules)
    while left:
        with _Process(files, left, seed) as process:
            lines = process.lines
            while left:
                try:
                    begun, told = lines.get(timeout=START), lines.get(timeout=LIMIT)
                except Empty:
                    begun = told = None
                if begun is None or told is None:
                    yield left[0], {"wrong": [(left[0].line, process.why())]}
                    left.pop(0)
                    break
                yield left.pop(0), told


class _Process:
    """A process that tries rules; what it says comes in `lines`, which None ends."""

    def __init__(self, files: Mapping[str, str], rules: list[Rule], seed: str) -> None:
        kept = {name: value for name, value in os.environ.items() if name in INHERITED}
        command = [sys.executable, "-m", "flowops.cli.policy.trial"]
        environment = kept | {"PYTHONHASHSEED": seed, "PYTHONWARNINGS": "ignore"}
        self._said = TemporaryFile()  # noqa: SIM115 - closed with the process
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._said, env=environment
        )
        self._given = json.dumps(
            {"files": dict(files), "rules": [rule.name for rule in rules], "examples": EXAMPLES}
        ).encode()
        self._reader = threading.Thread(target=self._read)
        self.lines: Queue[dict[str, Any] | None] = Queue()

    def why(self) -> str:
        """What kept it from an answer."""
        if self._process.poll() is None:
            return f"it did not end within {LIMIT:.0f} seconds"
        self._said.seek(0)
        last = self._said.read().decode(errors="replace").strip().splitlines()[-1:]
        return f"it ended the process: {' '.join(last) or self._process.returncode}"

    def __enter__(self) -> Self:
        self._reader.start()
        return self

    def _read(self) -> None:
        given, told = self._process.stdin, self._process.stdout
        if given is not None and told is not None:
            with suppress(BrokenPipeError):
                given.write(self._given)
                given.close()
            with told:
                for line in told:
                    self.lines.put(json.loads(line))
        self._process.wait()
        self.lines.put(None)
        self.lines.put(None)

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._reader.join()
        self._said.close()


def _show(rules: list[Rule], found: list[Impurity]) -> None:
    table = terminal.table("Rule", "Mode", "Rules on", "Says it does", "")
    for rule in rules:
        wrong = any(each.reason.startswith(f"{rule.name}:") for each in found)
        mark = Text("wrong", "red") if wrong else Text("ok", "green")
        doc = Text(rule.doc) if rule.doc else Text("no docstring: nobody will know", "yellow")
        table.add_row(rule.name, rule.mode, ", ".join(sorted(rule.kinds)) or "every request", doc, mark)
    terminal.show(table)


def _say_fuzzed(fuzzed: int) -> None:
    if find_spec("hypothesis") is None:
        said = "Facts that nobody would think of were not tried: install the extra, pip install 'flowops[policy]'."
        terminal.err.print(said, style="yellow")
    else:
        terminal.err.print(f"Each was asked about {fuzzed} generated facts, twice, in two processes.", style="dim")
