"""What a text says has been or will be done for a customer, and whether anything stands behind it.

It knows these English verbs and no others: approve, cancel, compensate, credit, pay out, refund, reimburse, release,
suspend, waive. To suspend commits to something only where the text speaks of an account, and to release only where it
speaks of money, for features and products are released too.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, field
from typing import Any

# What was said, as it begins -> the kind of effect that makes it true; an empty kind means any.
_KINDS = {
    "approv": "",
    "cancel": "cancel",
    "compensat": "refund",
    "credit": "refund",
    "paid": "payout_release",
    "pay": "payout_release",
    "refund": "refund",
    "reimburs": "refund",
    "releas": "payout_release",
    "suspen": "account_suspend",
    "waiv": "waive",
}
AGREED = frozenset({"approved", "executing", "done"})  # the states of an effect that somebody stands for

_SAID = re.compile(
    r"\b(?P<participle>approved|cancell?ed|compensated|credited|paid\s+out|refunded|reimbursed|released|suspended|waived)\b"
    r"|(?:\b(?:will|shall|going\s+to)|'ll)\s+(?:(?:now|also|then|get|receive|issue|be|given|a|an|the|your|full)\s+){0,4}"
    r"(?P<verb>approve|cancel|compensate|credit|pay(?:\s+(?:it|you|them|this|that))?\s+out|refund|reimburse|release|suspend|waive)\b",
    re.IGNORECASE,
)
_TO_COME = re.compile(r"(?:\b(?:will|shall|to|being)|'ll)\s+(?:\w+\s+){0,2}$", re.IGNORECASE)
_DENIED = re.compile(r"(?:\b(?:no|not|nothing|nobody|never|cannot)|n't)\s+(?:\w+\s+){0,2}$", re.IGNORECASE)


# What a text must speak of for these words to be about an effect of ours.
_ABOUT = {
    "account_suspend": re.compile(r"\b(?:accounts?|profile|access|user|customer|you)\b", re.IGNORECASE),
    "payout_release": re.compile(
        r"\b(?:pay-?outs?|payments?|funds|money|transfers?|withdrawals?|amount|balance|EUR|USD|GBP|CHF|JPY)\b|[€$£¥]"
        r"|\bpa(?:id|y)\b",
        re.IGNORECASE,
    ),
}
_SENTENCE = re.compile(r"[.!?](?=\s)|\n")
_IF = re.compile(
    r"\b(?:if|unless|whether|in\s+case|should\s+you|provided|assuming)\b"
    r"|\b(?:once|when|as\s+soon\s+as|until|before|after)\b[^,;:]*$",
    re.IGNORECASE,
)
_WISHED = re.compile(
    r"\b(?:ask|want|request|wish|expect|hop|like)\w*\s+(?:(?:us|for|that|it|them|this|the|your|a|an)\s+){0,3}"
    r"(?:(?:\w+\s+)?to\s+(?:be|get)\s+)?$",
    re.IGNORECASE,
)
_BY_THEM = re.compile(r"\byou(?:'ve|'d|\s+have|\s+had|\s+already|\s+just)*\s+$", re.IGNORECASE)


@dataclass(frozen=True)
class Commitment:
    """One thing said to be done (`done`) or to come, the word that says it, and the kind of effect it takes.

    What is `supposed` is said under a condition, asked, wished for, or told of the reader's own deeds. `sentence` is
    where it is said.
    """

    word: str
    kind: str
    done: bool
    supposed: bool = False
    sentence: str = field(default="", compare=False)


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
        if kind in _ABOUT and not _ABOUT[kind].search(text):
            continue
        done = said["participle"] is not None and not _TO_COME.search(before)
        start, end = _sentence(text, said.start(), said.end())
        ahead = text[start : said.end() - len(word)]
        supposed = text[end - 1 : end] == "?" or any(p.search(ahead) for p in (_IF, _WISHED, _BY_THEM))
        yield Commitment(_whole(text, said.end() - len(word), said.end()), kind, done, supposed, text[start:end])


def _sentence(text: str, first: int, last: int) -> tuple[int, int]:
    """Where the sentence around these words begins and ends; one of more than 1,000 characters is cut."""
    low = max(0, first - 500)
    start = max((found.end() for found in _SENTENCE.finditer(text, low, first)), default=low)
    found = _SENTENCE.search(text, last)
    return start, min(found.end() if found else len(text), last + 500)


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
    enough = {"done"} if commitment.done and commitment.kind else AGREED
    return commitment.word.casefold() in recorded or any(
        str(effect.get("kind")).startswith(commitment.kind) and effect.get("status") in enough for effect in effects
    )
