"""What a module of rules gets when it imports, and what it may leave behind when it was run.

It is lent names, not modules: whatever is not on the list cannot be reached through what is, and nothing of it can be
bound anew. What a module keeps afterwards must be such that no decision can leave anything in it for the next one.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from datetime import date, time, timedelta, tzinfo
from decimal import Decimal
from enum import Enum
from functools import cache, wraps
from importlib import import_module
from types import BuiltinFunctionType, FunctionType, MappingProxyType, ModuleType, NoneType
from typing import Any

from pydantic import BaseModel

from flowops.domain import purity

_PLAIN = (NoneType, bool, int, float, str, bytes, Decimal, date, time, timedelta, tzinfo, Enum, range, slice)
_MADE_ONCE = (re.Pattern, BuiltinFunctionType)


class Lent:
    """Names of a module to read and nothing else of it."""

    __slots__ = ("_names",)

    def __init__(self, names: Mapping[str, Any]) -> None:
        object.__setattr__(self, "_names", MappingProxyType(dict(names)))

    def __getattr__(self, name: str) -> Any:
        try:
            return object.__getattribute__(self, "_names")[name]
        except KeyError:
            msg = f"`{name}` is not for rules"
            raise AttributeError(msg) from None

    def __setattr__(self, name: str, value: Any) -> None:
        msg = "a module cannot be changed"
        raise TypeError(msg)


@cache
def module(name: str) -> Lent:
    """What rules may use of a module they may import by this name."""
    found, allowed = import_module(name), purity.IMPORTS[name]
    return Lent({each: _lent(name, each, getattr(found, each)) for each in sorted(allowed) if hasattr(found, each)})


def _lent(of: str, name: str, value: Any) -> Any:
    if isinstance(value, ModuleType):
        return module(f"{of}.{name}")
    if of == "re" and callable(value) and name in purity.SEARCHES:
        return _bounded(value)
    return MappingProxyType(value) if isinstance(value, dict) else value


def _bounded(search: Callable[..., Any]) -> Callable[..., Any]:
    """A function of `re` that refuses a pattern that can take for ever, wherever the pattern came from."""

    @wraps(search)
    def find(pattern: Any, *given: Any, **named: Any) -> Any:
        if isinstance(pattern, str) and purity.explodes(pattern):
            msg = "a repetition within a repetition can take for ever on some texts"
            raise ValueError(msg)
        return search(pattern, *given, **named)

    return find


def lasting(names: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The names of a module whose value could be changed by a decision, with what is the matter with each."""
    for name, value in names.items():
        if not name.startswith("__") and (why := _changeable(value, ())) is not None:
            yield name, why


def _changeable(value: Any, above: tuple[Any, ...]) -> str | None:
    """What in the value can be changed, None when nothing can."""
    if isinstance(value, (*_PLAIN, *_MADE_ONCE, Lent)) or any(value is each for each in above):
        return None
    inner = _inside(value)
    if inner is None:
        return f"it holds a {type(value).__name__}, which can be changed"
    return next((why for each in inner if (why := _changeable(each, (*above, value)))), None)


def _inside(value: Any) -> Iterable[Any] | None:
    """The parts of a value that is itself unchangeable; None for one that is not."""
    match value:
        case tuple() | frozenset():
            return value
        case MappingProxyType():
            return value.values()
        case FunctionType() if not _is_own(value):
            return ()
        case FunctionType():
            cells = [cell.cell_contents for cell in value.__closure__ or ()]
            return [*(value.__defaults__ or ()), *(value.__kwdefaults__ or {}).values(), *cells]
        case property():
            return [each for each in (value.fget, value.fset, value.fdel) if each is not None]
        case staticmethod() | classmethod():
            return [value.__func__]
        case type() if issubclass(value, Enum | Exception) or not _is_own(value):
            return ()
        case type():
            return [each for name, each in vars(value).items() if not name.startswith("__")]
    if isinstance(value, BaseModel) and value.model_config.get("frozen"):
        return ()
    if is_dataclass(value) and vars(type(value))["__dataclass_params__"].frozen:
        return [getattr(value, field.name) for field in fields(value)]
    return () if type(value).__module__ == "typing" or type(value).__name__ in {"GenericAlias", "UnionType"} else None


def _is_own(made: Any) -> bool:
    """Was this class or function made by a module of rules?"""
    return str(made.__module__).startswith("flowops.domain.policies.")
