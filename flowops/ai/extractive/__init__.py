"""The built-in generator: picks what matters in a case, quotes it and cites it. It never invents, and needs no model.

What people wrote stands in quotation marks, word for word; everything else is a fixed phrase around a value of the
context. There is no clock and no dice: the same context gives the same artifact.
"""

from collections.abc import Callable

from flowops.ai.extractive.reply import draft
from flowops.ai.extractive.resolution import suggest
from flowops.ai.extractive.risk import assess
from flowops.ai.extractive.summary import summarise
from flowops.ai.extractive.wording import Json

# Named in words, because the child process that runs this does not load the schemas.
GENERATORS: dict[str, Callable[[Json], Json]] = {
    "handoff_summary.v1": summarise,
    "reply_draft.v1": draft,
    "risk_assessment.v1": assess,
    "resolution_suggestion.v1": suggest,
}


def generate(kind: str, context: Json) -> Json:
    """The artifact of this kind; KeyError for a kind this generator does not write."""
    return GENERATORS[kind](context)
