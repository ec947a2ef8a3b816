"""The sandbox mailbox: what would have been sent, had a mail server been set."""

from sqlalchemy import and_, or_, select

from flowops import errors
from flowops.queries.paging import Page
from flowops.storage import tables
from flowops.storage.unit import View


def mails(view: View, cursor: str | None = None, limit: int = 50) -> Page[tables.SandboxMail]:
    """Mails, newest first; a cursor is the key of the last one shown. Raises Invalid for one that is none."""
    mail = tables.SandboxMail
    query = select(mail).order_by(mail.at.desc(), mail.key).limit(limit + 1)
    if cursor is not None:
        last = view.session.get(mail, cursor)
        if last is None:
            raise errors.Invalid(reason="The cursor is not one this list gave. Start again without it.")
        query = query.where(or_(mail.at < last.at, and_(mail.at == last.at, mail.key > last.key)))
    found = view.session.scalars(query).all()
    return Page(found[:limit], found[limit - 1].key if len(found) > limit else None)


def mail(view: View, key: str) -> tables.SandboxMail:
    """One mail; raises NotFound."""
    found = view.session.get(tables.SandboxMail, key)
    if found is None:
        raise errors.NotFound(kind="mail", id=key)
    return found
