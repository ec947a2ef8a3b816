"""What a text says has been or will be done for a customer, and whether anything stands behind it.

It knows these English verbs and no others: approve, cancel, compensate, credit, refund, reimburse, waive.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass
from typing import Any

# What was said, as it begins -> the kind of effect that makes it true; an empty kind means any.
_KINDS = {
    "approv": "",
    "cancel": "cancel",
    "compensat": "refund",
    "credit": "refund",
    "refund": "refund",
    "reimburs": "refund",
    "waiv": "waive",
}
_AGREED = frozenset({"approved", "executing", "done"})

_SAID = re.compile(
    r"\b(?P<participle>approved|cancell?ed|compensated|credited|refunded|reimbursed|waived)\b"
    r"|(?:\b(?:will|shall|going\s+to)|'ll)\s+(?:(?:now|also|then|get|receive|issue|be|given|a|an|the|your|full)\s+){0,4}"
    r"(?P<verb>approve|cancel|compensate|credit|refund|reimburse|waive)\b",
    re.IGNORECASE,
)
_TO_COME = re.compile(r"(?:\b(?:will|shall|to|being)|'ll)\s+(?:\w+\s+){0,2}$", re.IGNORECASE)
_DENIED = re.compile(r"(?:\b(?:no|not|nothing|nobody|never|cannot)|n't)\s+(?:\w+\s+){0,2}$", re.IGNORECASE)


@dataclass(frozen=True)
class Commitment:
    """One thing said to be done (`done`) or to come, the word that says it, and the kind of effect it takes."""

    word: str
    kind: str
    done: bool


def read(text: str) -> Iterator[Commitment]:
    """The commitments a text makes; what it denies ("was not refunded") is none.

    >>> [(c.word, c.kind, c.done) for c in read("Approved. 49 EUR will be credited; nothing was cancelled.")]
    [('Approved', '', True), ('credited', 'refund', False)]
    """
    for said in _SAID.finditer(text):
        before = text[max(0, said.start() - 60) : said.start()]
        if _DENIED.search(before):
            continue
        word = said["participle"] or said["verb"]
        kind = next(kind for stem, kind in _KINDS.items() if word.lower().startswith(stem))
        done = said["participle"] is not None and not _TO_COME.search(before)
        yield Commitment(_whole(text, said.end() - len(word), said.end()), kind, done)


def _whole(text: str, start: int, end: int) -> str:
    """The run of characters around a word, so that "pre-approved" is compared as itself and not as "approved"."""
    left = max(text.rfind(space, 0, start) for space in " \n\t") + 1
    right = re.compile(r"\s|$").search(text, end)
    return text[left : right.start() if right else end].strip(".,;:!?()[]'*")


def is_backed(commitment: Commitment, effects: Iterable[Mapping[str, Any]], recorded: Set[str]) -> bool:
    """Does an effect, or a record that holds this very word, make the commitment true?

    What is to come needs an approved effect; what is said to be done needs a finished one ("approved" itself is done
    with the approval).

    >>> paid_back, = read("The 49 EUR were refunded.")
    >>> is_backed(paid_back, [{"kind": "refund", "status": "approved"}], set())
    False
    >>> is_backed(paid_back, [], {"refunded"})
    True
    """
    enough = {"done"} if commitment.done and commitment.kind else _AGREED
    return commitment.word.casefold() in recorded or any(
        str(effect.get("kind")).startswith(commitment.kind) and effect.get("status") in enough for effect in effects
    )
