"""Facts that note what of them is read, and that nobody can change, for the trace of a decision.

A rule gets them in place of the facts themselves and cannot tell the difference, save that they are faster to ask than
to look into: a class is made for each kind of fact, with a property for each of its fields.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import Any, cast, get_args

from flowops.domain.facts import Fact, Facts

_MADE = (property, cached_property)
_NOT_FOR_RULES = ("verified",)
# That of the fact, or rules that ask for the kind of something would be told that of a stand-in.
_CLASS, _VALUES = property(lambda noting: type(noting._of)), property(lambda noting: noting._values)
_bare = object.__new__
LONGEST = 200  # characters of a path


class Frozen(Mapping[str, Any]):
    """A JSON object that cannot be changed; its lists are tuples, and its objects like itself."""

    __slots__ = ("_of",)

    def __init__(self, of: Mapping[str, Any]) -> None:
        self._of = of

    def __getitem__(self, name: str) -> Any:
        return self._of[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._of)

    def __len__(self) -> int:
        return len(self._of)

    def __repr__(self) -> str:
        return repr(self._of)


class _Ordered(frozenset[str]):
    """Names whose order is the same in every process."""

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(super().__iter__()))


class _Noting:
    """One fact; `note` is told the path of each field that is read, like "account.plan"."""

    __slots__ = ("_known", "_note", "_of", "_values")
    _known: dict[str, Any]  # what was made of a field at its first reading
    _note: Callable[[str], None]
    _of: Fact
    _values: dict[str, Any]

    def __getattr__(self, name: str) -> Any:
        """What pydantic asks for when a fact is compared with this one."""
        if name.startswith("__pydantic_"):
            return getattr(self._of, name)
        msg = f"{type(self._of).__name__} has no {name}"
        raise AttributeError(msg)

    def __eq__(self, other: object) -> bool:
        return bool(self._of == _bared(other))

    def __hash__(self) -> int:
        return hash(self._of)

    def __repr__(self) -> str:
        return repr(self._of)  # pydantic's own, without an address

    def __str__(self) -> str:
        return str(self._of)


def noting(facts: Facts, note: Callable[[str], None]) -> Facts:
    """These facts, which call `note` with the path of whatever is read of them.

    >>> read: list[str] = []
    >>> from flowops.domain.facts import Asked, Records
    >>> from datetime import UTC, datetime
    >>> noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    >>> asked = Asked(channel="mail", customer_id="c", kind="refund")
    >>> facts = noting(Facts(asked=asked, records=Records(fetched_at=noon), now=noon), read.append)
    >>> facts.asked.kind, facts.account, read
    ('refund', None, ['asked', 'asked.kind', 'account'])
    """
    return _of_facts(facts, note)


def frozen(value: Any) -> Any:
    """JSON that cannot be changed, and facts that cannot be reached into."""
    if isinstance(value, dict):
        return Frozen({name: frozen(each) for name, each in value.items()})
    if isinstance(value, Fact):
        of = type(value)
        if of not in _unnoting:
            _unnoting[of] = _maker(of, "")
        return _unnoting[of](value, _unnoted)
    if isinstance(value, frozenset):
        return _Ordered(value)
    return tuple(map(frozen, value)) if isinstance(value, list | tuple) else value


_unnoting: dict[type, Callable[[Any, Callable[[str], None]], Any]] = {}


def _unnoted(path: str) -> None:
    """What is read of one of many facts is not noted: that the many were read is."""


def _bared(value: object) -> object:
    """The fact itself, of one that notes what is read of it."""
    return cast(_Noting, value)._of if issubclass(type(value), _Noting) else value


def _class(of: type[Fact], at: str) -> type[_Noting]:
    fields = {name: _field(name, at + name, field.annotation) for name, field in of.model_fields.items()}
    told = {
        name: _property(name, at + name) if isinstance(value, _MADE) else _method(name, at + name)
        for base in of.__mro__
        if issubclass(base, Fact) and base is not Fact
        for name, value in vars(base).items()
        if not name.startswith("_")
        and name not in (*fields, *_NOT_FOR_RULES)
        and (isinstance(value, _MADE) or callable(value))
    }
    return type(
        f"Noting{of.__name__}", (_Noting,), {"__slots__": (), "__class__": _CLASS, "__dict__": _VALUES} | told | fields
    )


def _field(name: str, path: str, annotation: Any) -> property:
    if _holds(annotation, Fact) or _holds(annotation, dict) or _holds(annotation, tuple):
        return _made(path, lambda fact: fact._values[name], name)

    def read(fact: _Noting) -> Any:
        fact._note(path)
        return fact._values[name]

    return property(read)


def _property(name: str, path: str) -> property:
    return _made(path, lambda fact: getattr(fact._of, name), name)


def _made(path: str, find: Callable[[_Noting], Any], name: str) -> property:
    """Another fact, or JSON, made to note or frozen at its first reading."""
    makers: dict[type, Callable[[Any, Callable[[str], None]], Any]] = {}  # by the type of what is found

    def read(fact: _Noting) -> Any:
        note, known = fact._note, fact._known
        note(path)
        if name in known:
            return known[name]
        value = find(fact)
        make = makers.get(type(value)) or makers.setdefault(type(value), _maker(type(value), f"{path}."))
        known[name] = made = make(value, note)
        return made

    return property(read)


def _maker(of: type[Any], path: str) -> Callable[[Any, Callable[[str], None]], Any]:
    """What makes a noting fact of one found at this path ("" or "account."), or freezes what is no fact."""
    if not issubclass(of, Fact):
        return lambda value, _: frozen(value)
    noting = _class(of, path)

    def make(fact: Fact, note: Callable[[str], None]) -> _Noting:
        made = _bare(noting)  # an __init__ would take twice as long, and five are made in an ordinary decision
        made._of, made._values, made._note, made._known = fact, fact.__dict__, note, {}
        return made

    return make


def _method(name: str, path: str) -> property:
    def read(fact: _Noting) -> Callable[..., Any]:
        def call(*given: Any, **named: Any) -> Any:
            asked = ", ".join([*map(str, given), *(f"{word}={value}" for word, value in named.items())])
            fact._note(f"{path}({asked if asked.isprintable() else ascii(asked)[:LONGEST]})"[:LONGEST])
            return frozen(getattr(fact._of, name)(*given, **named))

        return call

    return property(read)


def _holds(annotation: Any, kind: type) -> bool:
    """Is a value of this type, or may it be, such a thing (and not a tuple of them)?"""
    of = getattr(annotation, "__origin__", annotation)
    if isinstance(of, type):
        return issubclass(of, kind)
    return any(_holds(each, kind) for each in get_args(annotation))


_of_facts: Callable[[Facts, Callable[[str], None]], Facts] = _maker(Facts, "")
