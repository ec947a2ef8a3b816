"""What the assistant wrote for a case as its page shows it: with its sources, its state, and what people made of it."""

import difflib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flowops import errors
from flowops.domain import artifacts as kinds
from flowops.queries import artifacts

if TYPE_CHECKING:
    from flowops.storage import tables
    from flowops.storage.unit import View

_PLACES = {"facts": "#tools", "verification": "#checks", "records": "#checks", "verdict": "#rulings"}
_EFFECTS = {"effects", "request"}


@dataclass(frozen=True)
class Written:
    """The newest usable artifact of a kind, and why the newest try is none, if so; both None while none was made.

    `is_coming` means that it is being written, or waits for it; `review` is what a person made of it last.
    """

    name: str
    artifact: "tables.Artifact | None" = None
    trouble: str | None = None
    is_stale: bool = False
    is_coming: bool = False
    review: "tables.ArtifactReview | None" = None
    messages: Sequence[str] = ()  # the ids of those it was written from, as its sources count them

    @property
    def checked(self) -> str:
        """How many of the stated facts were found in the context."""
        claims = (self.artifact.grounding or {}).get("claims", []) if self.artifact else []
        return f"{sum(claim['ok'] for claim in claims)} of {len(claims)} facts checked"

    def anchor(self, source: str | None) -> str | None:
        """The part of the page that a JSON Pointer into its context leads to."""
        if not source or self.artifact is None:
            return None
        part, _, rest = source.removeprefix("/").partition("/")
        if part == "messages":
            index = rest.partition("/")[0]
            return f"#{self.messages[int(index)]}" if index.isdigit() and int(index) < len(self.messages) else None
        return _PLACES.get(part, "#effects" if part in _EFFECTS else "#case")


def read(view: "View", handoff: "tables.Handoff") -> dict[str, Written]:
    """What was written of each kind, by the kind's short name."""
    coming = artifacts.being_written(view, handoff)
    return {name: _read(view, handoff, name, kind, is_coming=kind in coming) for name, kind in kinds.NAMED.items()}


def _read(view: "View", handoff: "tables.Handoff", name: str, kind: str, *, is_coming: bool) -> Written:
    newest = next(iter(artifacts.versions(view, handoff, kind, limit=1).items), None)
    if newest is None:
        return Written(name, is_coming=is_coming)
    trouble = None if newest.artifact.status is kinds.Status.OK else _why(newest.artifact)
    try:
        (usable,) = artifacts.shown(view, [artifacts.latest(view, handoff, kind)]) if trouble else (newest,)
    except errors.NoArtifact:
        return Written(name, trouble=trouble, is_coming=is_coming)
    return Written(
        name,
        usable.artifact,
        trouble=trouble,
        is_stale=usable.stale,
        is_coming=is_coming,
        review=usable.review,
        messages=tuple(message["id"] for message in artifacts.context(view, usable.artifact)["messages"]),
    )


def _why(artifact: "tables.Artifact") -> str:
    return artifact.reasons[0].rstrip(".") if artifact.reasons else "the assistant gave no answer"


def changes(before: str, after: str) -> Iterator[tuple[str, str]]:
    """The words of a text against those of an earlier one: each run with `same`, `gone` or `new`.

    >>> list(changes("We refunded it.", "We checked it."))
    [('same', 'We '), ('gone', 'refunded'), ('new', 'checked'), ('same', ' it.')]
    """
    old, new = (re.findall(r"\s+|\S+", text) for text in (before, after))
    for what, a, b, c, d in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if what == "equal":
            yield "same", "".join(old[a:b])
            continue
        if a < b:
            yield "gone", "".join(old[a:b])
        if c < d:
            yield "new", "".join(new[c:d])


def is_based_on(text: str, draft: str) -> bool:
    """Is a text so like the assistant's draft that it was most likely made from it?

    >>> is_based_on("Dear Ada, we are looking into it.", "Hello Ada, we are looking into it.")
    True
    >>> is_based_on("Please call us.", "Hello Ada, we are looking into it.")
    False
    """
    return difflib.SequenceMatcher(None, text.split(), draft.split(), autojunk=False).ratio() > 0.5
