"""What is written in a case: notes among colleagues, messages that come in later, and the owner's working text."""

from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Response

from flowops.actions import conversation
from flowops.api import bodies, handoffs, schemas
from flowops.api.deps import Answer, App, Write, requires, writes
from flowops.domain.access import Actor, Permission
from flowops.queries import drafts

if TYPE_CHECKING:
    from flowops.storage.unit import Unit

router = APIRouter(tags=["handoffs"])
CanRead = Annotated[Actor, requires(Permission.CASES_READ)]
CanWork = Annotated[Write, writes(Permission.HANDOFFS_WORK)]
CanSend = Annotated[Write, writes(Permission.REQUESTS_CREATE)]


@router.post("/handoffs/{ref}/notes", response_model=schemas.Handoff)
def note(ref: str, body: bodies.Note, write: CanWork, app: App) -> Response:
    """Write an internal note, which no customer sees."""
    lease = app.settings.claim_lease
    return handoffs.answer(
        write, lambda unit: conversation.note(unit, ref, body.text, lease=lease, version=write.version)
    )


@router.post("/handoffs/{ref}/messages", response_model=schemas.Handoff)
def receive(ref: str, body: bodies.LaterMessage, write: CanSend, app: App) -> Response:
    """Add what the customer or a third party wrote later; it ends a pause and opens a resolved case again."""
    lease = app.settings.claim_lease
    return handoffs.answer(
        write,
        lambda unit: conversation.receive(unit, ref, body.message(unit.now), lease=lease, version=write.version),
    )


@router.get("/handoffs/{ref}/draft")
def draft(ref: str, caller: CanRead, app: App) -> schemas.Draft:
    """The text the owner is working on; version 0 before it was saved for the first time."""
    with app.view(caller) as view:
        return schemas.Draft.of(drafts.get(view, ref))


@router.put("/handoffs/{ref}/draft", response_model=schemas.Draft)
def save_draft(ref: str, body: bodies.SaveDraft, write: CanWork, app: App) -> Response:
    """Save the text as it is typed; `version` is that of the text it was changed from, and 409 shows a newer one."""

    def work(unit: "Unit") -> Answer:
        lease, seen = app.settings.claim_lease, write.version
        saved = conversation.save_draft(
            unit, ref, body.subject, body.body, body.version, lease=lease, case_version=seen
        )
        return Answer(schemas.Draft.of(saved))

    return write.answer(work)
