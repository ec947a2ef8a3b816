"""What the database says of one request and of all that came of it, to be compared with itself and with a model."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import BindParameter, bindparam, func, or_, select

from flowops.app import App
from flowops.storage import tables


@dataclass(frozen=True)
class Seen:
    """What the database says: the case, its effects, who approved what, and how much is written and on record."""

    case: Any
    effects: dict[str, Any]
    approvals: frozenset[Any]
    written: int
    entries: int

    @property
    def shown(self) -> tuple[object, ...]:
        """What an operator sees of it; an extended claim does not count."""
        case = self.case and {k: v for k, v in self.case.items() if k not in {"version", "claim_expires_at"}}
        return case, self.effects, self.approvals, self.written

    def approvers(self, effect_id: str) -> set[str]:
        """Who approved the effect exactly as it is now."""
        row = self.effects[effect_id]
        now = (effect_id, row["revision"], row["content_sha256"])
        return {user_id for user_id, *what in self.approvals if tuple(what) == now}


_case, _effect, _approval, _entry = tables.Handoff, tables.Effect, tables.Approval, tables.AuditEntry
_ours: BindParameter[str] = bindparam("request")
_CASE = select(
    *(_case.id, _case.version, _case.status, _case.tier, _case.priority, _case.claimed_by, _case.claim_expires_at),
    *(_case.waiting_for, _case.wait_until, _case.resolved_by, _case.outcome),
).where(_case.request_id == _ours)
_EFFECTS = select(
    *(_effect.id, _effect.handoff_id, _effect.status, _effect.revision, _effect.content_sha256),
    *(_effect.approvals_needed, _effect.proposed_by, _effect.execute_after, _effect.expires_at),
).where(_effect.request_id == _ours)
_APPROVALS = (
    select(_approval.user_id, _approval.effect_id, _approval.revision, _approval.content_sha256)
    .join(_effect, _effect.id == _approval.effect_id)
    .where(_effect.request_id == _ours)
)
_this = select(_case.id).where(_case.request_id == _ours).scalar_subquery()
_these = select(_effect.id).where(_effect.request_id == _ours)
_COUNTS = select(
    select(func.count()).where(tables.Note.handoff_id == _this).scalar_subquery()
    + select(func.count()).where(tables.Message.handoff_id == _this).scalar_subquery(),
    select(func.count()).where(or_(_entry.handoff_id == _this, _entry.effect_id.in_(_these))).scalar_subquery(),
)


def look(app: App, request_id: str) -> Seen:
    """All of it, in one transaction."""
    asked = {"request": request_id}
    with app.view() as view:
        case = view.session.execute(_CASE, asked).mappings().one_or_none()
        effects = {row["id"]: dict(row) for row in view.session.execute(_EFFECTS, asked).mappings()}
        approvals = frozenset(tuple(row) for row in view.session.execute(_APPROVALS, asked))
        written, entries = view.session.execute(_COUNTS, asked).one()
    return Seen(case and dict(case), effects, approvals, written, entries)
