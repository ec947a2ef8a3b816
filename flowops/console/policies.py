"""Policy as pages: the rules and since when they decide, the decisions, each of them explained and taken again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from fastapi.responses import Response

from flowops import errors
from flowops.console import again, answer, evidence, rail, render
from flowops.console.session import App, Visit, requires
from flowops.domain.access import Permission
from flowops.domain.policy import Outcome, Rule, Verdict
from flowops.queries import decisions

if TYPE_CHECKING:
    from flowops.storage import tables

REPLAYED = 200  # decisions on one page

router = APIRouter()
Reader = Annotated[Visit, requires(Permission.CASES_READ)]

_OFFERED = {
    "outcome": (Outcome.APPROVE, Outcome.REVIEW, Outcome.DENY),
    "finding": ("diverged", "failed"),
}


@dataclass(frozen=True)
class Asked:
    """What the address of the list of decisions asks for; it travels along to the next page."""

    outcome: str = ""
    rule: str = ""
    finding: str = ""
    subject: str = ""

    @staticmethod
    def read(query: Mapping[str, str]) -> "Asked":
        """What an address asks for; Invalid for an outcome or a finding there is none of."""
        asked = Asked(**{name: query.get(name, "") for name in Asked.__dataclass_fields__})
        for name, offered in _OFFERED.items():
            if (wanted := getattr(asked, name)) and wanted not in offered:
                raise errors.Invalid(reason=f"There is no {name} {wanted!r}; there are {', '.join(offered)}.")
        return asked

    def url(self, **other: str) -> str:
        """The address of the list for the same, unless it is given something else."""
        given = urlencode({name: value for name, value in (vars(self) | other).items() if value})
        return "/console/decisions" + (f"?{given}" if given else "")


@dataclass(frozen=True)
class Taken:
    """A decision of a list: its sentence, what it is about, and the money that would move."""

    row: "tables.Decision"
    verdict: Verdict
    subject: decisions.Subject
    kind: str | None
    money: str


@router.get("/policies")
def show(app: App, visit: Reader) -> Response:
    """The rules that decide now, what decisions showed about each, and the versions that decided before."""
    with app.view(visit.actor) as view:
        records, versions = decisions.findings(view), decisions.versions(view)
        return render.html(
            "policies/rules.html",
            answer=answer.NONE,
            policy=app.policy,
            rules=[(rule, records.get(rule.name, decisions.RuleRecord())) for rule in app.policy.rules],
            present=next((each for each in versions if each.version == app.policy.version), None),
            before=[each for each in versions if each.version != app.policy.version],
            most=REPLAYED,
            **rail.read(view, visit, app.settings, "policy"),
        )


@router.get("/policies/replay")
def replay(app: App, visit: Reader) -> Response:
    """The newest decisions that I may see again, with the rules of now: how many would be others; nothing is kept."""
    with app.view(visit.actor) as view:
        rows = decisions.search(view, limit=REPLAYED).items
        frame = rail.read(view, visit, app.settings, "policy")
        subjects = decisions.subjects(view, rows)
    report = again.replay(rows, app.policy)
    return render.html(
        "policies/replay.html", answer=answer.NONE, report=report, subjects=subjects, policy=app.policy, **frame
    )


@router.get("/decisions")
def search(request: Request, app: App, visit: Reader, cursor: str = "") -> Response:
    """The decisions that I may see, the newest first."""
    asked = Asked.read(request.query_params)
    with app.view(visit.actor) as view:
        page = decisions.search(
            view,
            rule=asked.rule or None,
            outcome=asked.outcome or None,
            finding=asked.finding or None,
            subject=asked.subject or None,
            cursor=cursor or None,
        )
        return render.html(
            "policies/decisions.html",
            answer=answer.NONE,
            asked=asked,
            offered=_OFFERED,
            names=_names(app.policy.rules, asked.rule),
            taken=_taken(page.items, decisions.subjects(view, page.items)),
            cursor=cursor,
            onward=page.next_cursor,
            **rail.read(view, visit, app.settings, "policy"),
        )


@router.get("/decisions/{decision_id}")
def explain(app: App, visit: Reader, decision_id: str, then: str = "", now: str = "") -> Response:
    """One decision: what it was taken from, each rule's part in it, and how it would be taken again.

    By the rules of today and beside it as it was taken, or by any two versions that ever decided, `then` and `now`.
    """
    with app.view(visit.actor) as view:
        row = decisions.get(view, decision_id)
        (taken,) = _taken([row], decisions.subjects(view, [row]))
        versions = decisions.versions(view)
        before = decisions.restored(view, then) if then else None
        after = app.policy if now in {"", app.policy.version} else decisions.restored(view, now)
        frame = rail.read(view, visit, app.settings, "policy")
    known = again.facts(row)
    return render.html(
        "policies/decision.html",
        answer=answer.NONE,
        row=row,
        taken=taken,
        verdict=taken.verdict,
        facts=known,
        groups=evidence.groups(known) if known else (),
        again=again.decide(row, known, after, before) if known else None,
        compared=(before.version if before else "", after.version),
        versions=[each for each in versions if each.version != app.policy.version],
        policy=app.policy,
        rules={rule.name for rule in app.policy.rules},
        **frame,
    )


def _taken(rows: "Sequence[tables.Decision]", subjects: Mapping[str, decisions.Subject]) -> list[Taken]:
    return [_take(row, subjects[row.subject_id]) for row in rows]


def _take(row: "tables.Decision", subject: decisions.Subject) -> Taken:
    known = again.facts(row)
    return Taken(
        row,
        Verdict.load(row.verdict),
        subject,
        known.kind if known else None,
        str(known.money) if known and known.money else "",
    )


def _names(rules: Sequence[Rule], wanted: str) -> list[str]:
    """The rules to choose from: those of now, what stands in for one, and the one that is asked for."""
    names = [rule.name for rule in rules]
    return names + [name for name in ("default", "default.known_and_verified", wanted) if name and name not in names]
