"""Answers about the text an operator is working on."""

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from flowops.queries import handoffs
from flowops.storage import tables
from flowops.storage.unit import View


def get(view: View, ref: str) -> tables.Draft | None:
    """The draft of a case with who saved it, None before the first; NotFound when the viewer may not see the case."""
    handoff = handoffs.get(view, ref).handoff
    query = select(tables.Draft).where(tables.Draft.handoff_id == handoff.id)
    return view.session.scalar(query.options(joinedload(tables.Draft.author)))
