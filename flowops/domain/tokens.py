"""The form of a bearer token, and what is kept of a secret instead of the secret; it rolls no dice itself."""

import hashlib
import re
import zlib

PREFIX = "fops_"
ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
CHANCE = 30  # characters chosen by chance: 178 bits

MASK = "***"

_SECRET = re.compile(
    rf"({PREFIX})\w+|(\bwhsec_)[\w+/=-]+|(\bBearer )\S+|(/console/link/)[\w-]+|(://[^\s/:@]*:)[^\s/@]+(?=@)"
)
_FORM = re.compile(f"{PREFIX}[0-9A-Za-z]{{{CHANCE + 6}}}")


def form(chance: str) -> str:
    """The token around 30 characters of `ALPHABET` chosen by chance: a prefix before them, a checksum after them.

    The checksum is the CRC-32 of all that precedes, in six base-62 digits: a mistyped or cut token is recognised
    without asking the database, and a leaked one by any scanner.

    >>> form("a" * 30)
    'fops_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa1PiySQ'
    """
    return PREFIX + chance + _checksum(PREFIX + chance)


def is_wellformed(token: str) -> bool:
    """Could this be a token of ours?

    >>> is_wellformed(form("a" * 30)), is_wellformed(form("a" * 30)[:-1] + "m"), is_wellformed("fops_")
    (True, False, False)
    """
    return _FORM.fullmatch(token) is not None and token[-6:] == _checksum(token[:-6])


def fingerprint(secret: str) -> str:
    """The SHA-256 by which a secret of high entropy is found; not for passwords, which can be guessed.

    >>> fingerprint("abc")[:16]
    'ba7816bf8f01cfea'
    """
    return hashlib.sha256(secret.encode()).hexdigest()


def mask(text: str) -> str:
    """The text without what only its owner may know: tokens, ours or after `Bearer`, webhooks' secrets,
    sign-in links, passwords in URLs.

    >>> mask("Got 401 for fops_0123 from https://ada:pw@example.com")
    'Got 401 for fops_*** from https://ada:***@example.com'
    """
    return _SECRET.sub(lambda found: found[found.lastindex or 0] + MASK, text)


def _checksum(text: str) -> str:
    number, digits = zlib.crc32(text.encode()), ""
    for _ in range(6):
        number, digit = divmod(number, 62)
        digits = ALPHABET[digit] + digits
    return digits
