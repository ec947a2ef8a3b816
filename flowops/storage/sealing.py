"""Keeps a secret that has to be used again so that who reads the database cannot use it."""

from base64 import urlsafe_b64encode
from collections.abc import Iterable
from contextlib import suppress

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from flowops import errors


class Seal:
    """Seals with a key derived from the deployment's secret key, which is never in the database.

    Fernet: AES-128-CBC with HMAC-SHA256, so what was tampered with does not open. `use` is what the key is derived for
    (HKDF's `info`, RFC 5869): what was sealed for one use does not open for another.
    """

    def __init__(self, secret_key: bytes, use: str) -> None:
        derived = HKDF(SHA256(), length=32, salt=None, info=use.encode()).derive(secret_key)
        self._key = Fernet(urlsafe_b64encode(derived))

    def close(self, secret: str) -> str:
        """The secret as it may be stored; another text each time."""
        return self._key.encrypt(secret.encode()).decode()

    def open(self, sealed: Iterable[str]) -> list[str]:
        """The secrets again, without those that were sealed under another key.

        Raises UnderAnotherKey when none of them opens.
        """
        opened = []
        for text in sealed:
            with suppress(InvalidToken):
                opened.append(self._key.decrypt(text).decode())
        if not opened:
            raise errors.UnderAnotherKey
        return opened
