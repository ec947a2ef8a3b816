"""One action on many cases, for every front door: each in a unit of its own, so that one refusal stops no other."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flowops import errors
from flowops.actions import access, bulk, idempotency
from flowops.actions.bulk import Action
from flowops.app import App
from flowops.domain.access import Actor
from flowops.queries import idempotency as answers


@dataclass(frozen=True)
class Result:
    """What became of one case: its new version, or why nothing was changed."""

    ref: str
    version: int | None = None
    error: errors.FlowOpsError | None = None


def act(
    app: App, actor: Actor, action: Action, refs: Sequence[str], params: Mapping[str, Any], key: str | None = None
) -> list[Result]:
    """Take an action on each case, in order; a case named twice is acted on once. `params` as in `actions.bulk.act`.

    Under a `key` a repeat goes on where the first try stopped: cases that are done are told again and not touched.
    Raises NotPermitted before anything is done, and Unavailable in the middle of it, when the database fails.
    """
    actor.require(bulk.NEEDS[action])
    results = {ref: _act(app, actor, action, ref, params, key) for ref in dict.fromkeys(refs)}
    return [results[ref] for ref in refs]


def _act(app: App, actor: Actor, action: Action, ref: str, params: Mapping[str, Any], key: str | None) -> Result:
    own_key = "bulk:" + _sha256(key, action, ref)
    content = _sha256(action, ref, params)
    try:
        with app.unit(actor) as unit:
            reserved = idempotency.reserve(unit, own_key, content) if key else None
            if key and reserved is None and (row := answers.answered(unit.view, own_key, content)):
                return Result(ref, version=json.loads(row.body or ""))
            version = bulk.act(unit, action, ref, params, app.settings).version
            if reserved:
                reserved.body = json.dumps(version)
    except (errors.Conflict, errors.Denied, errors.Invalid, errors.NotFound) as error:
        if isinstance(error, errors.Denied):  # somebody tried what they may not, as at the endpoint of the action
            with app.unit(actor) as unit:
                permission = error.facts.get("permission", error.code)
                access.refuse(unit, permission, "POST", f"/handoffs/{ref}/{action}")
        return Result(ref, error=error)
    return Result(ref, version=version)


def _sha256(*parts: object) -> str:
    return hashlib.sha256(json.dumps(parts, default=str, sort_keys=True).encode()).hexdigest()
