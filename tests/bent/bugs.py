"""Mistakes that could be made about approvals, each planted on purpose, to see that the judge of `bending` finds it."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import false

from flowops.actions import approvals, caps, decisions, effects, execution, interests
from flowops.domain import caps as arithmetic
from flowops.domain import effects as kinds
from flowops.domain.access import PERMISSIONS
from flowops.domain.effects import Status
from flowops.domain.facts import Facts, Records
from flowops.settings import Settings
from flowops.storage import tables
from flowops.storage.unit import Unit

Plant = Callable[[pytest.MonkeyPatch], None]


def _does_nothing(module: Any, name: str) -> Plant:
    return lambda patch: patch.setattr(module, name, lambda *_, **__: None)


def roles_are_not_asked(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(approvals, "refuse_decider", interests.refuse_to_decide)


def other_roles_still_count(patch: pytest.MonkeyPatch) -> None:
    everything = frozenset().union(*PERMISSIONS.values())
    patch.setattr(approvals, "PERMISSIONS", dict.fromkeys(PERMISSIONS, everything))


def conflicts_of_later_do_not_count(patch: pytest.MonkeyPatch) -> None:
    right = approvals.counting

    def counting(unit: Unit, effect: tables.Effect) -> set[str]:
        with pytest.MonkeyPatch.context() as inner:
            inner.setattr(tables.User, "has_interest", lambda *_: false())
            return right(unit, effect)

    patch.setattr(approvals, "counting", counting)


def the_disabled_still_count(patch: pytest.MonkeyPatch) -> None:
    right = approvals.counting

    def counting(unit: Unit, effect: tables.Effect) -> set[str]:
        people = (unit.session.get_one(tables.User, id) for id in approvals.given(unit, effect))
        return right(unit, effect) | {each.id for each in people if each.disabled_at}

    patch.setattr(approvals, "counting", counting)


def nobody_is_asked_again_when_it_begins(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(execution, "approvals", SimpleNamespace(counting=approvals.given))


def whoever_proposed_it_may_approve_it(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(approvals, "refuse_approver", approvals.refuse_decider)


def one_is_enough(patch: pytest.MonkeyPatch) -> None:
    right = decisions.approvals
    patch.setattr(decisions, "approvals", lambda *given: replace(right(*given), needed=1))


def caps_are_one_too_high(patch: pytest.MonkeyPatch) -> None:
    right = arithmetic.excess
    patch.setattr(arithmetic, "excess", lambda cap, used, money: right(cap, replace(used, count=used.count - 1), money))


def caps_count_an_hour_less(patch: pytest.MonkeyPatch) -> None:
    right = caps._caps
    patch.setattr(
        caps,
        "_caps",
        lambda *given: [c.model_copy(update={"window": c.window - timedelta(hours=1)}) for c in right(*given)],
    )


def an_approval_counts_for_what_was_not_seen(patch: pytest.MonkeyPatch) -> None:
    right = effects.approve

    def approve(unit: Unit, id: str, answer: effects.Answer, records: Records, *more: Any) -> tables.Effect:
        effect = unit.session.get_one(tables.Effect, id)
        fresh = kinds.content_sha256(effect.kind, effect.params, records)
        return right(unit, id, replace(answer, content_sha256=fresh), records, *more)

    patch.setattr(effects, "approve", approve)


def approvals_outlive_what_they_were_for(patch: pytest.MonkeyPatch) -> None:
    right = effects.rebind

    def rebind(unit: Unit, effect: tables.Effect, *more: Any, **named: Any) -> None:
        right(unit, effect, *more, **named)
        effect.revision -= 1

    patch.setattr(effects, "rebind", rebind)


def it_begins_on_what_was_known_before(patch: pytest.MonkeyPatch) -> None:
    right = execution.start

    def start(unit: Unit, id: str, records: Records | None, *more: Any) -> bool:
        effect = unit.session.get_one(tables.Effect, id)
        return right(unit, id, records and Facts.model_validate(effect.decision.facts).records, *more)

    patch.setattr(execution, "start", start)


def approvals_do_not_grow_old(patch: pytest.MonkeyPatch) -> None:
    right = effects._approve

    def approve(unit: Unit, effect: tables.Effect, by: set[str], settings: Settings, undo: timedelta) -> None:
        right(unit, effect, by, settings.model_copy(update={"approval_expiry": timedelta(days=365)}), undo)

    patch.setattr(effects, "_approve", approve)


def proposals_do_not_grow_old(patch: pytest.MonkeyPatch) -> None:
    right = effects.create

    def create(unit: Unit, *given: Any, **named: Any) -> tables.Effect:
        effect = right(unit, *given, **named)
        if effect.status is Status.PROPOSED:
            effect.expires_at += timedelta(days=365)
        return effect

    patch.setattr(effects, "create", create)


def it_begins_before_its_time(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(effects, "is_in_undo_window", lambda *_: False)


def _is_forgotten(status: Status) -> Plant:
    def plant(patch: pytest.MonkeyPatch) -> None:
        right = effects.set_status

        def set_status(unit: Unit, effect: tables.Effect, to: Status) -> None:
            if to is not status:
                right(unit, effect, to)

        patch.setattr(effects, "set_status", set_status)

    return plant


BUGS: dict[str, Plant] = {
    "a conflict of interest keeps nobody from approving": _does_nothing(interests, "refuse_to_decide"),
    "a conflict of later leaves an approval standing": conflicts_of_later_do_not_count,
    "roles are not asked": roles_are_not_asked,
    "whoever has another role since still counts": other_roles_still_count,
    "whoever is disabled since still counts": the_disabled_still_count,
    "who approved is not asked again when it begins": nobody_is_asked_again_when_it_begins,
    "whoever proposed a large one may approve it": whoever_proposed_it_may_approve_it,
    "one approval is always enough": one_is_enough,
    "a person is let approve twice": lambda patch: patch.setattr(approvals, "find", lambda *_: None),
    "caps are not asked": _does_nothing(caps, "refuse_reached"),
    "caps are one too high": caps_are_one_too_high,
    "caps count an hour less": caps_count_an_hour_less,
    "an approval counts for what was not seen": an_approval_counts_for_what_was_not_seen,
    "approvals outlive what they were for": approvals_outlive_what_they_were_for,
    "it begins on what was known before": it_begins_on_what_was_known_before,
    "approvals do not grow old": approvals_do_not_grow_old,
    "proposals do not grow old": proposals_do_not_grow_old,
    "it begins while it can be called back": it_begins_before_its_time,
    "a decline is forgotten": _is_forgotten(Status.DECLINED),
    "a withdrawal is forgotten": _is_forgotten(Status.CANCELLED),
}
