"""The sandbox mailbox: what would have been sent, had a mail server been set, as far as the viewer may see the case.

A mail's key is the effect it carries out, or begins with the case it tells of; one that is about neither is anybody's.
"""

from sqlalchemy import ColumnElement, and_, func, or_, select, true

from flowops import errors
from flowops.domain.access import ActorKind
from flowops.queries.paging import Page
from flowops.storage import tables
from flowops.storage.types import new_id
from flowops.storage.unit import View


def mails(view: View, cursor: str | None = None, limit: int = 50) -> Page[tables.SandboxMail]:
    """Mails the viewer may see, newest first; a cursor is the key of the last one shown. Invalid when it is none."""
    mail = tables.SandboxMail
    query = select(mail).where(_visible(view)).order_by(mail.at.desc(), mail.key).limit(limit + 1)
    if cursor is not None:
        last = _find(view, cursor)
        if last is None:
            raise errors.Invalid(reason="The cursor is not one this list gave. Start again without it.")
        query = query.where(or_(mail.at < last.at, and_(mail.at == last.at, mail.key > last.key)))
    found = view.session.scalars(query).all()
    return Page(found[:limit], found[limit - 1].key if len(found) > limit else None)


def mail(view: View, key: str) -> tables.SandboxMail:
    """One mail; NotFound also when the viewer may not see its case."""
    found = _find(view, key)
    if found is None:
        raise errors.NotFound(kind="mail", id=key)
    return found


def _find(view: View, key: str) -> tables.SandboxMail | None:
    return view.session.scalar(select(tables.SandboxMail).where(tables.SandboxMail.key == key, _visible(view)))


def _visible(view: View) -> ColumnElement[bool]:
    """Mails that are about no case of a queue the viewer does not see."""
    if view.viewer.kind is not ActorKind.PERSON:
        return true()
    mail, case, effect, request = tables.SandboxMail, tables.Handoff, tables.Effect, tables.Request
    named = func.substr(mail.key, 1, len(new_id(case.prefix)))  # ids are all as long
    told = select(case.id).where(case.id == named, case.queue.not_in(view.viewer.queues))
    done = (
        select(effect.id)
        .join(request, request.id == effect.request_id)
        .where(effect.id == mail.key, request.queue.not_in(view.viewer.queues))
    )
    return and_(~told.exists(), ~done.exists())
