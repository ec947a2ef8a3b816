"""The answer a caller was given under a key."""

from flowops import errors
from flowops.storage import tables
from flowops.storage.unit import View


def answered(view: View, key: str, request_sha256: str) -> tables.IdempotencyKey | None:
    """What the viewer was answered under this key; None when the key is new.

    Raises IdempotencyMismatch when the key was used for another request, and SecretAlreadyShown when the answer held
    a secret, which is not kept.
    """
    row = view.session.get(tables.IdempotencyKey, (view.viewer.id, key))
    if row is None:
        return None
    if row.request_sha256 != request_sha256:
        raise errors.IdempotencyMismatch()
    if row.body is None:
        raise errors.SecretAlreadyShown()
    return row
