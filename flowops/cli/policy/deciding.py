"""The commands about what was decided: explain one decision, and take all of them again."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from flowops import app as application
from flowops import errors
from flowops.api import schemas
from flowops.cli import terminal
from flowops.domain import policies, ruleset, sheets
from flowops.domain.facts import Facts
from flowops.domain.policy import Policy, Verdict
from flowops.queries import decisions

DIFFERENT = 3  # exit code
SHOWN = 20  # rows of a list on the terminal; files have all of them
COLOURS = {"approve": "green", "review": "yellow", "deny": "red", "abstain": "dim"}


@dataclass
class Flip:
    """A decision that a candidate would take differently."""

    decision: str
    stage: str
    subject: str
    kind: str
    before: str
    after: str
    rule: str
    reason: str
    amount: int | None
    currency: str | None


@dataclass
class Report:
    """What taking decisions again showed; money in minor units by currency, of what policy alone approves."""

    decisions: int = 0
    same: int = 0
    different: list[str] = field(default_factory=list)
    unreadable: dict[str, int] = field(default_factory=dict)
    flips: list[Flip] = field(default_factory=list)

    def moved(self) -> dict[str, int]:
        """How much more, or less, money the candidate would let go without a person."""
        sums: Counter[str] = Counter()
        for flip in self.flips:
            if flip.currency is not None and flip.amount is not None:
                sums[flip.currency] += flip.amount * ((flip.after == "approve") - (flip.before == "approve"))
        return dict(sums)

    def counts(self) -> Counter[tuple[str, str]]:
        return Counter((flip.before, flip.after) for flip in self.flips)

    def reviews(self) -> int:
        """How many more, or fewer, decisions a person would have to take."""
        return sum((flip.after == "review") - (flip.before == "review") for flip in self.flips)

    def as_json(self) -> dict[str, Any]:
        return {
            "decisions": self.decisions,
            "same": self.same,
            "different": self.different,
            "unreadable": self.unreadable,
            "moved": self.moved(),
            "reviews": self.reviews(),
            "flips": [asdict(flip) for flip in self.flips],
        }


def explain(
    decision: Annotated[str, typer.Argument(metavar="DECISION", help="Its id, as `GET /decisions` shows it.")],
    as_json: terminal.Json = False,
) -> None:
    """Explain a decision: what every rule ruled, why, and which facts it read."""
    with terminal.opened() as app, app.view() as view:
        row = decisions.get(view, decision)
    if as_json:
        terminal.say(schemas.Decision.of(row).model_dump_json())
        return
    verdict = Verdict.load(row.verdict)
    outcome = Text(verdict.outcome, COLOURS[verdict.outcome])
    terminal.out.print(Text.assemble(f"{row.id} · {row.stage} of {row.subject_id} · ", outcome, f" · {verdict.reason}"))
    table = terminal.table("Rule", "Mode", "Says", "Because", "Read")
    for spoken in verdict.trace:
        says = Text(spoken.outcome, COLOURS[spoken.outcome])
        table.add_row(spoken.rule, spoken.mode, says, spoken.reason, ", ".join(spoken.read))
    terminal.show(table)
    for other in verdict.divergences:
        terminal.out.print(
            f"With {other.rule}, which is in shadow, it would have been {other.outcome}.", style="yellow"
        )
    terminal.out.print(f"policy version {row.policy_version}", style="dim", soft_wrap=True)


def replay(
    candidate: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Rules to decide with instead: what would they change?")
    ] = None,
    since: Annotated[datetime | None, typer.Option(help="Only decisions taken since then (UTC).")] = None,
    to_csv: Annotated[Path | None, typer.Option("--csv", metavar="FILE", help="Write every flip to this file.")] = None,
    as_json: terminal.Json = False,
) -> None:
    """Take stored decisions again, each with the rules it was taken with: every byte must be the same.

    With --candidate they are taken with other rules, and what these would change is told: decisions that flip, money
    that moves, reviews more or fewer. Exit code 3 when the same rules decided differently, or a candidate is wrong.
    """
    rules = None
    if candidate is not None:
        try:
            rules = policies.together(application.read_rules(candidate))
        except (errors.Invalid, errors.WrongSetting) as wrong:
            terminal.err.print(str(wrong), style="red", soft_wrap=True)
            raise typer.Exit(DIFFERENT) from None
    moment = since and since.replace(tzinfo=since.tzinfo or UTC)
    report = take_again(rules, moment)
    if to_csv is not None:
        _write(report, to_csv)
    if as_json:
        terminal.say(json.dumps(report.as_json(), ensure_ascii=False))
    else:
        _show(report, rules)
    if report.different:
        raise typer.Exit(DIFFERENT)


def take_again(candidate: Policy | None, since: datetime | None) -> Report:
    """Every decision again, by its own rules or by a candidate's, with a progress bar."""
    report = Report()
    with terminal.opened() as app, app.view() as view:
        sources = decisions.sources(view)
        known: dict[str, Policy | str] = {app.policy.version: app.policy}
        bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=terminal.err,
            transient=True,
        )
        with bar:
            task = bar.add_task("deciding again", total=decisions.count(view, since))
            for row in decisions.each(view, since):
                report.decisions += 1
                bar.advance(task)
                try:
                    facts = Facts.model_validate_json(row.facts)
                except ValidationError:
                    _miss(report, "what it was taken from was erased or cannot be read")
                    continue
                if candidate is not None:
                    _compare(report, row, facts, candidate.decide(facts))
                    continue
                rules = known.get(row.policy_version) or _restored(known, row.policy_version, sources)
                if isinstance(rules, str):
                    _miss(report, rules)
                elif _text(rules.decide(facts).dump()) == row.verdict:
                    report.same += 1
                else:
                    report.different.append(row.id)
    return report


def _restored(known: dict[str, Policy | str], version: str, sources: Mapping[str, str]) -> Policy | str:
    """The rules of a version, or why there are none."""
    try:
        known[version] = ruleset.restore(version, sources[version])
    except errors.Invalid as wrong:
        known[version] = str(wrong)
    return known[version]


def _compare(report: Report, row: decisions.Kept, facts: Facts, verdict: Verdict) -> None:
    if verdict.outcome == row.outcome:
        report.same += 1
        return
    money = facts.money
    report.flips.append(
        Flip(
            decision=row.id,
            stage=row.stage,
            subject=row.subject_id,
            kind=facts.asked.kind or "",
            before=row.outcome,
            after=verdict.outcome.value,
            rule=verdict.decided_by,
            reason=verdict.reason,
            amount=money.amount if money else None,
            currency=money.currency if money else None,
        )
    )


def _miss(report: Report, why: str) -> None:
    report.unreadable[why] = report.unreadable.get(why, 0) + 1


def _text(verdict: dict[str, Any]) -> str:
    """What the database would keep of it."""
    return json.dumps(verdict, ensure_ascii=False, separators=(",", ":"))


def _write(report: Report, path: Path) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        file.write(sheets.row(Flip.__dataclass_fields__))
        for flip in report.flips:
            file.write(sheets.row("" if value is None else str(value) for value in asdict(flip).values()))


def _show(report: Report, candidate: Policy | None) -> None:
    out = terminal.out
    if candidate is None:
        out.print(f"{report.same} of {report.decisions} decisions are the same, byte for byte.", style="green")
        for decision in report.different[:SHOWN]:
            out.print(f"{decision} is decided differently; see it with: flowops policy explain {decision}", style="red")
        if (more := len(report.different) - SHOWN) > 0:
            out.print(f"and {more} more are.", style="red")
    else:
        table = terminal.table("Was", "Would be", "Decisions")
        for (before, after), count in sorted(report.counts().items()):
            table.add_row(Text(before, COLOURS[before]), Text(after, COLOURS[after]), str(count))
        out.print(f"{len(report.flips)} of {report.decisions} decisions would be others.")
        if report.flips:
            terminal.show(table)
            out.print(f"A person would decide {report.reviews():+d} of them.")
            for currency, amount in sorted(report.moved().items()):
                out.print(f"Without a person {amount:+d} minor units of {currency} more would move.")
            listed = terminal.table("Id", "About", "Was", "Would be", "Rule", "Because")
            for flip in report.flips[:SHOWN]:
                listed.add_row(flip.decision, flip.kind, flip.before, flip.after, flip.rule, flip.reason)
            terminal.show(listed)
            if len(report.flips) > SHOWN:
                out.print(f"and {len(report.flips) - SHOWN} more; see all with --csv FILE", style="dim")
        out.print(f"candidate {candidate.version}", style="dim", soft_wrap=True)
    for why, count in report.unreadable.items():
        out.print(f"{count} were skipped: {why}", style="yellow", soft_wrap=True)
