"""What the assistant writes, for tests: the built-in generator's text, or any other, kept the way a worker keeps it."""

from typing import Any

from flowops.actions import artifacts as writing
from flowops.ai import context, extractive
from flowops.ai.generator import Attempt
from flowops.app import App
from flowops.domain import artifacts, grounding
from flowops.domain.access import ASSISTANT
from flowops.domain.artifacts import Status
from flowops.queries import artifacts as written
from flowops.queries import handoffs
from flowops.storage import tables


def write(
    app: App, handoff: tables.Handoff, kind: str, *, status: Status = Status.OK, content: dict[str, Any] | None = None
) -> str:
    """The id of a new version; `content` instead of what the built-in generator makes of the case."""
    with app.view() as view:
        seen = context.build(handoffs.parts(view, handoff.id))
    made = content or artifacts.validate(kind, extractive.generate(kind, seen))
    provenance = dict.fromkeys(("model", "promptVersion", "inputTokens", "outputTokens"))
    provenance |= {"generator": "extractive", "inputSha256": context.sha256(seen), "latencyMs": 5}
    found = grounding.check(seen, artifacts.claims(kind, made))
    attempt = Attempt(status=status, content=made, grounding=found.dump(), provenance=provenance, reasons=())
    with app.unit(ASSISTANT) as unit:
        writing.keep(unit, handoff.id, kind, [attempt], seen)
    with app.view() as view:
        return written.versions(view, handoff, kind, limit=1).items[0].artifact.id
