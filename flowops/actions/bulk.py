"""The actions that can be taken on many cases at once: which function each is, and who may take it."""

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any

from flowops.actions import conversation, handoffs, ownership
from flowops.domain.access import Permission
from flowops.settings import Settings
from flowops.storage import tables
from flowops.storage.unit import Unit


class Action(StrEnum):
    """What can be done to many cases."""

    CLAIM = "claim"
    RELEASE = "release"
    ASSIGN = "assign"
    WAIT = "wait"
    RESUME = "resume"
    PRIORITY = "priority"
    ESCALATE = "escalate"
    NOTE = "note"
    RESOLVE = "resolve"
    REOPEN = "reopen"


NEEDS = dict.fromkeys(Action, Permission.HANDOFFS_WORK) | {
    Action.ASSIGN: Permission.HANDOFFS_SUPERVISE,
    Action.PRIORITY: Permission.HANDOFFS_SUPERVISE,
    Action.RESOLVE: Permission.HANDOFFS_RESOLVE,
}
_LEASED: dict[Action, Callable[..., tables.Handoff]] = {
    Action.CLAIM: ownership.claim,
    Action.WAIT: ownership.wait,
    Action.RESUME: ownership.resume,
    Action.NOTE: conversation.note,
    Action.PRIORITY: handoffs.set_priority,
}
_OTHERS: dict[Action, Callable[..., tables.Handoff]] = {
    Action.RELEASE: ownership.release,
    Action.ASSIGN: ownership.assign,
    Action.ESCALATE: ownership.escalate,
    Action.RESOLVE: handoffs.resolve,
    Action.REOPEN: handoffs.reopen,
}


def act(unit: Unit, action: Action, ref: str, params: Mapping[str, Any], settings: Settings) -> tables.Handoff:
    """Take the action on one case; `params` are the further arguments of its function, which says what it raises."""
    if action in _LEASED:
        return _LEASED[action](unit, ref, **params, lease=settings.claim_lease)
    return _OTHERS[action](unit, ref, **params)
