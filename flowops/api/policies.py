"""Policy and its decisions: the rules, what they decided from what, and what they would decide."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import ValidationError

from flowops import errors
from flowops.api import bodies, schemas
from flowops.api.deps import App, requires
from flowops.domain import verification
from flowops.domain.access import Actor, Permission
from flowops.domain.facts import Facts
from flowops.queries import decisions

router = APIRouter(tags=["policies"])
CanRead = Annotated[Actor, requires(Permission.CASES_READ)]
CanReadDecisions = Annotated[Actor, requires(Permission.CASES_READ, Permission.CASES_READ_OWN)]
CanTry = Annotated[Actor, requires(Permission.HANDOFFS_SUPERVISE)]
Name = Annotated[str | None, Query(max_length=200)]
Limit = Annotated[int, Query(ge=1, le=200)]


@router.get("/policies")
def rules(caller: CanRead, app: App) -> schemas.Policy:
    """Every rule: what it says it does, its mode, how often it failed and, in shadow, would have changed a verdict."""
    with app.view(caller) as view:
        return schemas.Policy.of(app.policy, decisions.findings(view))


@router.post("/policies/evaluate")
def evaluate(body: bodies.Evaluate, caller: CanTry, app: App) -> schemas.Evaluated:
    """What the rules would decide from these facts; nothing is kept, nothing happens.

    Facts have the form of a decision's. Without `checks` they are verified first.
    """
    try:
        facts = Facts.model_validate(body.facts)
    except ValidationError as wrong:
        first = wrong.errors(include_url=False)[0]
        where = ".".join(map(str, ("facts", *first["loc"])))
        raise errors.Invalid(reason=f"{where}: {first['msg']}. Nothing was decided.") from None
    if not facts.checks:
        facts = facts.verified(verification.verify(facts))
    verdict = app.policy.decide(facts)
    return schemas.Evaluated(verdict=verdict.dump(), checks=[check.dump() for check in facts.checks])


@router.get("/decisions")
def search(
    caller: CanReadDecisions,
    app: App,
    rule: Name = None,
    outcome: Literal["approve", "review", "deny"] | None = None,
    finding: Literal["diverged", "failed"] | None = None,
    subject: Name = None,
    cursor: Annotated[str | None, Query(max_length=200)] = None,
    limit: Limit = 50,
) -> schemas.Page[schemas.DecisionItem]:
    """Decisions the caller may see, newest first: by the rule that decided, or that showed a finding; by subject."""
    with app.view(caller) as view:
        page = decisions.search(
            view, rule=rule, outcome=outcome, finding=finding, subject=subject, cursor=cursor, limit=limit
        )
    return schemas.Page.of(page, schemas.DecisionItem.of)


@router.get("/decisions/{decision_id}")
def read(decision_id: str, caller: CanReadDecisions, app: App) -> schemas.Decision:
    """One decision: the facts, what each rule ruled and read of them, and the version of the rules."""
    with app.view(caller) as view:
        return schemas.Decision.of(decisions.get(view, decision_id))
