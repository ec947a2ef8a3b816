"""The sandbox mailbox: what would have gone to customers and colleagues, had a mail server been set.

It holds customers' words, so it is for those who manage jobs, each sees the mails about cases they may see and those
about none, and each mail that is read is recorded.
"""

from typing import Annotated

from fastapi import APIRouter, Depends
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from flowops.console import answer, rail, render
from flowops.console.session import App, Visit, requires
from flowops.domain import events
from flowops.domain.access import Permission
from flowops.queries import mailbox


def _only_in_the_sandbox(app: App) -> None:
    if app.settings.smtp_url:
        raise HTTPException(404)


router = APIRouter(prefix="/mail", dependencies=[Depends(_only_in_the_sandbox)])
Keeper = Annotated[Visit, requires(Permission.JOBS_MANAGE)]


@router.get("")
def show(app: App, visit: Keeper, cursor: str = "") -> Response:
    """The mails, newest first."""
    with app.view(visit.actor) as view:
        return render.html(
            "mail/list.html",
            answer=answer.NONE,
            page=mailbox.mails(view, cursor or None),
            cursor=cursor,
            **rail.read(view, visit, app.settings, "mail"),
        )


@router.get("/{key:path}")
def show_mail(app: App, visit: Keeper, key: str) -> Response:
    """One mail as plain text; that it was read is recorded."""
    with app.unit(visit.actor) as unit:
        found = mailbox.mail(unit.view, key)
        unit.record(events.MailRead(key=key))
        return render.html(
            "mail/mail.html",
            answer=answer.NONE,
            mail=found,
            **rail.read(unit.view, visit, app.settings, "mail"),
        )
