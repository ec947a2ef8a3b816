"""One action on many cases at once: each for itself, so that the refusal of one stops no other."""

from typing import Annotated

from fastapi import APIRouter, Response

from flowops import bulk
from flowops.actions.bulk import Action
from flowops.api import bodies, schemas
from flowops.api.deps import Answer, App, Write, writes
from flowops.domain.access import Permission

router = APIRouter(tags=["handoffs"])
CanWork = Annotated[Write, writes(Permission.HANDOFFS_WORK)]


@router.post("/handoffs/bulk", response_model=schemas.Results)
def act(body: bodies.Bulk, write: CanWork, app: App) -> Response:
    """Take one action on up to 1,000 cases and tell of each, in their order, what became of it.

    Repeated under its Idempotency-Key, a call that broke off goes on with the cases that are left.
    """
    write.refuse_version()
    if replayed := write.replay():
        return replayed
    results = bulk.act(app, write.caller, Action(body.action), body.ids, body.params.model_dump(), write.key)
    answer = Answer(schemas.Results.of(results))
    return write.answer(lambda unit: answer)
