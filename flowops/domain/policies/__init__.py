"""The built-in rules; every `@policy.rule` of this package is one, as those of a deployment's own folder are."""

from collections.abc import Mapping
from functools import cache
from importlib import resources
from types import MappingProxyType

from flowops.domain import policy, ruleset


@cache
def builtin() -> policy.Policy:
    """The policy of every deployment that configures no other."""
    return ruleset.load(files())


def together(own: Mapping[str, str]) -> policy.Policy:
    """The built-in rules and a deployment's own, one policy; a file of its own takes the place of one of the same name.

    Raises what `ruleset.load` raises.
    """
    return ruleset.load({**files(), **own})


@cache
def files() -> Mapping[str, str]:
    """The modules of the built-in rules, file name to source."""
    found = (file for file in resources.files(__name__).iterdir() if file.name.endswith(".py"))
    texts = {file.name: file.read_bytes().decode() for file in found if file.name != "__init__.py"}
    return MappingProxyType(texts)
