"""The built-in rules and the version they carry together; every `@policy.rule` of this package is one."""

import hashlib
from functools import cache
from importlib import resources

from flowops.domain import policy
from flowops.domain.policies import escalation, priority, refunds, replies


@cache
def builtin() -> policy.Policy:
    """The policy of every deployment that configures no other; its version is the hash of `source`."""
    modules = (refunds, replies, escalation, priority)
    rules = (value for module in modules for value in vars(module).values() if isinstance(value, policy.Rule))
    return policy.Policy("sha256:" + hashlib.sha256(source().encode()).hexdigest(), tuple(rules))


@cache
def source() -> str:
    """The text the version is the hash of: the files of this package in name order, each after a line with its name.

    Line ends are normalised, so the same rules have the same version on every platform.
    """
    files = {file.name: file.read_bytes() for file in resources.files(__name__).iterdir() if file.name.endswith(".py")}
    texts = {name: files[name].decode().replace("\r\n", "\n") for name in sorted(files)}
    return "".join(f"# {name}\n{text}" for name, text in texts.items())
