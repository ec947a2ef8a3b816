"""Which Python a rule may be written in, and the making of one that cannot run for ever.

A rule decides by the facts it is given and by nothing else, so that the same facts give the same ruling on every
machine on every day. What it may not use is refused by reading it, before any of it runs: whatever asks a clock, throws
dice, reads or writes anything, keeps something between two decisions, or reaches behind what it was given. This keeps
honest rules honest; it is no prison for a hostile one (`flowops policy check` also runs them apart).
"""

import ast
import builtins
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from flowops.domain import steps

_TYPES = {"Any", "Annotated", "Callable", "Final", "Iterable", "Iterator", "Literal", "Mapping", "Sequence"}
# What may be imported, and of it the names that may be; None means every one that is public.
IMPORTS: dict[str, frozenset[str] | None] = {
    "dataclasses": frozenset({"dataclass", "field"}),
    "datetime": frozenset({"UTC", "date", "datetime", "time", "timedelta", "timezone"}),
    "decimal": frozenset({"Decimal", "ROUND_DOWN", "ROUND_HALF_EVEN", "ROUND_HALF_UP", "ROUND_UP"}),
    "enum": frozenset({"Enum", "IntEnum", "StrEnum"}),
    "math": None,
    "re": frozenset({"compile", "escape", "fullmatch", "match", "search", "split", "sub", "findall", "finditer"})
    | {"Pattern", "Match", "IGNORECASE", "ASCII", "MULTILINE", "DOTALL", "VERBOSE"},
    "typing": frozenset(_TYPES),
    "collections.abc": frozenset({"Callable", "Iterable", "Iterator", "Mapping", "Sequence", "Set"}),
    "unicodedata": frozenset({"normalize", "category"}),
    "flowops.domain": frozenset({"effects", "policy"}),
    "flowops.domain.effects": frozenset({"AccountSuspend", "KINDS", "PayoutRelease", "Refund", "Reply"}),
    "flowops.domain.facts": frozenset({"Account", "Asked", "Facts", "Invoice", "Payout", "Plan"}),
    "flowops.domain.handoffs": frozenset({"Priority", "Reason", "Tier"}),
    "flowops.domain.money": frozenset({"Money", "Currency"}),
    "flowops.domain.policy": frozenset({"Facts", "Ruling", "abstain", "approve", "deny", "review", "rule"}),
}
_SIBLINGS = "flowops.domain.policies"  # how the built-in rules name each other
_FUNCTIONS = (
    "abs all any bool bytes dict divmod enumerate filter float frozenset int isinstance iter len list map max min next "
    "range reversed round set slice sorted str sum tuple zip property staticmethod classmethod"
)
_ERRORS = "Exception ArithmeticError IndexError KeyError LookupError TypeError ValueError ZeroDivisionError"
BUILTINS = frozenset(f"False None True {_FUNCTIONS} {_ERRORS}".split())
_CLOCKS = {"today", "utcnow", "fromtimestamp", "utcfromtimestamp", "astimezone", "strftime"}
_LEAKS = {"format", "format_map", "mro"}
_MUTABLE = (ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp)
_REFUSED: dict[type[ast.AST], str] = {
    ast.While: "`while` has no bound; a `for` over something finite has",
    ast.Global: "`global` keeps something between two decisions",
    ast.Nonlocal: "`nonlocal` keeps something between two calls",
    ast.With: "`with` opens something; a rule has nothing to open",
    ast.AsyncWith: "a rule waits for nothing",
    ast.AsyncFor: "a rule waits for nothing",
    ast.AsyncFunctionDef: "a rule waits for nothing",
    ast.Await: "a rule waits for nothing",
    ast.Yield: "`yield` keeps a function half done; return a tuple",
    ast.YieldFrom: "`yield` keeps a function half done; return a tuple",
    ast.Delete: "`del` changes what was given",
    ast.Pow: "`**` can take for ever; multiply, or use Decimal",
    ast.LShift: "`<<` can take for ever; multiply",
}


@dataclass(frozen=True, order=True)
class Impurity:
    """Something a rule module may not do, where, and why."""

    file: str
    line: int
    reason: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.reason}"


def check(file: str, source: str, siblings: frozenset[str] = frozenset()) -> list[Impurity]:
    """What is wrong with a module of rules, by line; `siblings` are the modules it may import beside the listed ones.

    >>> for found in check("refunds.py", "import time\\nNOW = time.time()"):
    ...     print(found)
    refunds.py:1: `time` cannot be imported; rules import only collections.abc, dataclasses, ...
    """
    try:
        tree = ast.parse(source, file)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as wrong:
        return [Impurity(file, getattr(wrong, "lineno", None) or 1, f"it is no Python: {getattr(wrong, 'msg', wrong)}")]
    found = {Impurity(file, line, reason) for line, reason in _Reader(siblings).read(tree)}
    return sorted(found)


class _Reader:
    def __init__(self, siblings: frozenset[str]) -> None:
        self.siblings = siblings

    def read(self, tree: ast.Module) -> Iterator[tuple[int, str]]:
        yield from self._globals(tree)
        for node in ast.walk(tree):
            line = getattr(node, "lineno", 0)
            yield from ((line or _line_of(node, tree), reason) for reason in self._node(node))
        for function in [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.Lambda)]:
            yield from self._function(function)

    def _globals(self, tree: ast.Module) -> Iterator[tuple[int, str]]:
        """A module only names things; what it names never changes."""
        for node in tree.body:
            is_text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
            named = ast.Import | ast.ImportFrom | ast.FunctionDef | ast.ClassDef | ast.Assign | ast.AnnAssign
            if not is_text and not isinstance(node, named | ast.AsyncFunctionDef):
                yield node.lineno, "a module of rules only imports, names values and defines functions"
            value = getattr(node, "value", None)
            if isinstance(node, ast.Assign | ast.AnnAssign) and (
                isinstance(value, _MUTABLE) or _called(value) in {"list", "dict", "set", "bytearray"}
            ):
                yield node.lineno, "a value of the module that can be changed; use a tuple or a frozenset"
        for each in [each for node in ast.walk(tree) if isinstance(node, ast.ClassDef) for each in node.body]:
            if isinstance(each, ast.Assign | ast.AnnAssign) and isinstance(each.value, _MUTABLE):
                yield each.lineno, "a value of the class that can be changed; use a tuple or a frozenset"

    def _node(self, node: ast.AST) -> Iterator[str]:
        if refused := _REFUSED.get(type(node)):
            yield refused
        match node:
            case ast.Import(names=names):
                for alias in names:
                    yield from self._import(alias.name, None)
            case ast.ImportFrom(module=module, names=names, level=level):
                for alias in names:
                    yield from self._import(module or "", alias.name, level)
            case ast.Attribute(attr=name):
                yield from _attribute(node, name)
            case ast.Name(id=name, ctx=ast.Load()) if hasattr(builtins, name) and name not in BUILTINS:
                yield f"`{name}` is not for rules"
            case ast.Name(id=name) if name.startswith("__"):
                yield f"`{name}` reaches behind what the rule was given"
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name) if name.startswith("__"):
                yield f"`{name}` reaches behind what the rule was given"
            case ast.ClassDef(keywords=[_, *_]):
                yield "a class with a metaclass runs when it is made"
            case ast.ExceptHandler(type=None) | ast.ExceptHandler(type=ast.Name(id="BaseException")):
                yield "it catches everything, also that the rule took too long; name the error"
            case ast.Call(func=ast.Attribute(value=ast.Name(id="re")), args=[ast.Constant(value=str(pattern)), *_]):
                if _explodes(pattern):
                    yield "a repetition within a repetition can take for ever on some texts"
            case ast.Call(func=ast.Name(id="Ruling")):
                yield "rulings are made by approve, review, deny and abstain"

    def _import(self, module: str, name: str | None, level: int = 0) -> Iterator[str]:
        if name is not None and (level, module) in {(1, ""), (0, _SIBLINGS)}:
            if name not in self.siblings:
                yield f"there is no module `{name}` beside this one"
            return
        allowed = IMPORTS.get(module, frozenset()) if not level else frozenset()
        if module not in IMPORTS or level:
            yield f"`{'.' * level}{module}` cannot be imported; rules import only {', '.join(sorted(IMPORTS))}"
        elif name is not None and (
            name.startswith("_") or name == "*" or (allowed is not None and name not in allowed)
        ):
            yield f"`{name}` of `{module}` is not for rules"
        elif name is None and module.startswith("flowops"):
            yield f"name what is used of `{module}`: from {module} import ..."

    def _function(self, node: ast.FunctionDef | ast.Lambda) -> Iterator[tuple[int, str]]:
        """It changes nothing but what it made itself."""
        for default in [*node.args.defaults, *filter(None, node.args.kw_defaults)]:
            if isinstance(default, _MUTABLE) or _called(default) in {"list", "dict", "set"}:
                yield default.lineno, "a default that can be changed is kept between two decisions"
        body = node.body if isinstance(node.body, list) else [node.body]
        inside = [each for statement in body for each in ast.walk(statement)]
        own = {each.id for each in inside if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)}
        for each in inside:
            if isinstance(each, ast.Attribute | ast.Subscript) and isinstance(each.ctx, ast.Store):
                base: Any = each
                while isinstance(base, ast.Attribute | ast.Subscript):
                    base = base.value
                if isinstance(each, ast.Attribute) or not (isinstance(base, ast.Name) and base.id in own):
                    yield each.lineno, "it changes what it was given; make a new value"


def _attribute(node: ast.Attribute, name: str) -> Iterator[str]:
    if name.startswith("_"):
        yield f"`.{name}` reaches behind what the rule was given"
    elif name in _LEAKS:
        yield f"`.{name}` reaches behind what the rule was given; use an f-string"
    elif name in _CLOCKS:
        yield f"`.{name}` asks this machine's clock or time zone; use facts.now"
    elif name == "now" and not (isinstance(node.value, ast.Name) and node.value.id == "facts"):
        yield "`.now` asks this machine's clock, except as facts.now"
    elif isinstance(node.value, ast.Name) and (allowed := _of_module(node.value.id)) and name not in allowed:
        yield f"`{name}` of `{node.value.id}` is not for rules"


def _of_module(name: str) -> frozenset[str] | None:
    """What may be used of a module by this name; None when it is no module, or all of it."""
    return IMPORTS.get(name) or (IMPORTS.get(f"flowops.domain.{name}") if name in {"effects", "policy"} else None)


def _called(node: ast.AST | None) -> str | None:
    return node.func.id if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) else None


def _line_of(node: ast.AST, tree: ast.Module) -> int:
    """The line of an operator, which has none of its own."""
    return next(
        (each.lineno for each in ast.walk(tree) if isinstance(each, ast.expr | ast.stmt) and _has(each, node)), 1
    )


def _has(parent: ast.AST, node: ast.AST) -> bool:
    return any(child is node for child in ast.iter_child_nodes(parent))


def _explodes(pattern: str) -> bool:
    """Does a repetition without an end hold another one? Such a pattern can try exponentially many ways to fail."""
    from re import _parser  # the only description of a pattern there is

    def unbounded(parsed: Any, within: bool) -> bool:
        for kind, given in parsed:
            name = str(kind)
            if name in {"MAX_REPEAT", "MIN_REPEAT"}:
                _, most, inner = given
                endless = most is _parser.MAXREPEAT or most > 1000
                if (endless and within) or unbounded(inner, within or endless):
                    return True
            elif name == "SUBPATTERN":
                if unbounded(given[-1], within):
                    return True
            elif name == "BRANCH":
                if any(unbounded(each, within) for each in given[1]):
                    return True
            elif name in {"ASSERT", "ASSERT_NOT"} and unbounded(given[1], within):
                return True
        return False

    try:
        return unbounded(_parser.parse(pattern), False)
    except re.error:
        return False  # it fails when the module is loaded, with its own message


STEP = "__step__"


class _Counting(ast.NodeTransformer):
    """Puts a step into every loop and every function that is called by others."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        self.generic_visit(node)
        if not node.decorator_list:
            first = isinstance(node.body[0], ast.Expr) and isinstance(node.body[0].value, ast.Constant)
            node.body.insert(1 if first else 0, _step_before(node))
        return node

    def visit_Lambda(self, node: ast.Lambda) -> ast.Lambda:
        self.generic_visit(node)
        node.body = ast.copy_location(ast.BoolOp(ast.And(), [_step(node), node.body]), node)
        return node

    def visit_For(self, node: ast.For) -> ast.For:
        self.generic_visit(node)
        node.body.insert(0, _step_before(node))
        return node

    def visit_comprehension(self, node: ast.comprehension) -> ast.comprehension:
        self.generic_visit(node)
        node.ifs.insert(0, _step(node.iter))
        return node


def _step(at: ast.expr) -> ast.Call:
    call = ast.Call(ast.Name(STEP, ast.Load()), [], [])
    return ast.fix_missing_locations(ast.copy_location(call, at))


def _step_before(at: ast.stmt) -> ast.Expr:
    call = ast.Call(ast.Name(STEP, ast.Load()), [], [])
    return ast.fix_missing_locations(ast.copy_location(ast.Expr(call), at))


def compiled(file: str, source: str) -> Any:
    """The module's code, with a bound on the steps it takes; it is to run with `given` as its builtins."""
    return compile(_Counting().visit(ast.parse(source, file)), file, "exec", dont_inherit=True)


def names(source: str, file: str) -> frozenset[str]:
    """Every name that the module's code asks for."""
    tree = _Counting().visit(ast.parse(source, file))
    return frozenset(node.id for node in ast.walk(tree) if isinstance(node, ast.Name))


def given(importing: Any) -> dict[str, Any]:
    """What a rule module finds without importing it; `importing` stands for `__import__`."""
    known = {name: getattr(builtins, name) for name in BUILTINS}
    return known | {
        "range": steps.bounded_range,
        "__build_class__": builtins.__build_class__,
        "__import__": importing,
        STEP: steps.step,
    }
