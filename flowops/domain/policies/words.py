"""Words by which a customer or a third party says that a case is no routine.

English only. Whole words in any case of letters: "sue" is not found in "issue" or "pursued", nor "court" in
"courteous". Ambiguous words count only in a phrase ("sue you", for Sue is also a name). Negations are not
understood: "I was not hacked" is found, because a person loses a minute over it and a missed threat costs more.
"""

import re

from flowops.domain.facts import Facts


def _phrases(*patterns: str) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{'|'.join(patterns)})\b", re.IGNORECASE)


LEGAL = _phrases(
    r"lawyers?",
    r"attorneys?",
    r"solicitors?",
    r"barristers?",
    r"law ?suits?",
    r"law firm",
    r"litigat(?:e|ed|ing|ion)",
    r"suing",
    r"sue (?:you|u|your|them|everyone|the company|this company|for damages)",
    r"(?:i|we)(?:'ll| will| shall| may| might| can| could) sue",
    r"(?:going|gonna|have|want|forced|ready|prepared|able|right|planning|intend) (?:to )?sue",
    r"small claims",
    r"class action",
    r"cease and desist",
    r"court (?:order|case|action|proceedings)",
    r"(?:go|going|went|take \w+|taking \w+|see \w+|meet \w+) (?:all )?(?:to|in) court",
    r"legal (?:action|actions|proceedings|steps|counsel|advice|claim|notice|case|remedies|team|department)",
    r"ombudsman",
    r"data protection authority",
    r"consumer protection",
)
CHARGEBACK = _phrases(
    r"charge[- ]?backs?",
    r"charged back",
    r"disput(?:e|ed|es|ing) (?:[\w']+ ){0,4}?(?:charges?|payments?|transactions?)",
    r"disput(?:e|ed|es|ing) (?:[\w']+ ){0,4}?with (?:my|our|the) (?:[\w']+ )?(?:bank|card|issuer|credit card company)",
    r"(?:open|opened|opening|file|filed|filing|raise|raised|start|started) an? (?:\w+ )?dispute",
)
SECURITY = _phrases(
    r"hack(?:ed|er|ers|ing)",
    r"phish(?:ed|ing)",
    r"(?:data|security|privacy) (?:breach|leak|incident)(?:es|s)?",
    r"account takeover",
    r"(?:was|were|is|are|been|got|be|account|password|card|data) compromised",
    r"unauthori[sz]ed",
    r"fraud(?:ulent|ster|sters)?",
    r"identity theft",
    r"stolen (?:[\w']+ )?(?:card|cards|password|passwords|account|identity|phone|laptop|credentials)",
    r"stole my (?:[\w']+ )?(?:card|password|account|identity|phone|laptop|credentials|money)",
    r"(?:some ?one|some ?body)(?: else)? (?:has )?(?:logged|signed|broke|broken|got) (?:in|into)",
    r"suspicious (?:log ?-?ins?|sign-?ins?|activity|e-?mails?|transactions?|charges?|payments?)",
    r"malware",
    r"ransomware",
    r"(?:do|did)(?: not|n't) recogni[sz]e (?:this|that|the|a|these|those) (?:log-?in|sign-?in|device|charge|payment)s?",
)


def find(phrases: re.Pattern[str], facts: Facts) -> str | None:
    """The first of these phrases in what the customer or a third party wrote, subject included; None without any."""
    found = (phrases.search(text) for text in facts.said)
    return next((match.group()[:60] for match in found if match), None)
