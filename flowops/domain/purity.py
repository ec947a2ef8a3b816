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
from functools import lru_cache
from typing import Any

from flowops.domain import steps

_TYPES = {"Any", "Annotated", "Callable", "Final", "Iterable", "Iterator", "Literal", "Mapping", "Sequence"}
SEARCHES = frozenset({"compile", "fullmatch", "match", "search", "split", "sub", "findall", "finditer"})
# What may be imported, and of it the names that may be.
IMPORTS: dict[str, frozenset[str]] = {
    "dataclasses": frozenset({"dataclass", "field"}),
    "datetime": frozenset({"UTC", "date", "datetime", "time", "timedelta", "timezone"}),
    "decimal": frozenset({"Decimal", "InvalidOperation", "ROUND_DOWN", "ROUND_HALF_EVEN", "ROUND_HALF_UP", "ROUND_UP"}),
    "enum": frozenset({"Enum", "IntEnum", "StrEnum"}),
    # None of those whose result grows without a bound.
    "math": frozenset({"ceil", "copysign", "e", "exp", "fabs", "floor", "fmod", "fsum", "gcd", "hypot", "inf"})
    | {"isclose", "isfinite", "isinf", "isnan", "log", "log10", "log2", "modf", "nan", "pi", "sqrt", "trunc"},
    "re": SEARCHES
    | {"escape", "Pattern", "Match", "IGNORECASE", "ASCII", "MULTILINE", "DOTALL", "VERBOSE", "I", "A", "M", "S", "X"},
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
    "ord chr range reversed round set slice sorted str sum tuple zip property staticmethod classmethod"
)
_ERRORS = (
    "Exception ArithmeticError AttributeError IndexError KeyError LookupError TypeError ValueError ZeroDivisionError"
)
BUILTINS = frozenset(f"False None True {_FUNCTIONS} {_ERRORS}".split())
_CLOCKS = {"today", "utcnow", "fromtimestamp", "utcfromtimestamp", "astimezone", "timestamp", "strftime"}
_LEAKS = {"format", "format_map", "mro", "verified", "rule_on", "speak", "judge"}
_BEHIND = ("_", "gi_", "cr_", "ag_", "tb_", "co_", "f_")  # frames, code and what is hidden
_MAKERS = ("model_", "parse_")  # of pydantic: they read files, run pickles, change classes
_OF_PYDANTIC = {"construct", "validate", "from_orm", "schema_json", "update_forward_refs"}
_BASES = {"Enum", "IntEnum", "StrEnum", *_ERRORS.split()}
_IDENTIFIERS = ("name", "id", "arg", "asname", "rest")
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
        self.modules: dict[str, frozenset[str]] = {}  # names that stand for one, and what may be used of it
        self.classes: set[str] = set()
        self.annotations: set[ast.AST] = set()

    def read(self, tree: ast.Module) -> Iterator[tuple[int, str]]:
        self._look_round(tree)
        yield from self._globals(tree)
        for node in ast.walk(tree):
            line = getattr(node, "lineno", 0)
            yield from ((line or _line_of(node, tree), reason) for reason in self._node(node))
        for function in [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.Lambda)]:
            yield from self._function(function)

    def _look_round(self, tree: ast.Module) -> None:
        for node in ast.walk(tree):
            match node:
                case ast.Import(names=names):
                    self.modules |= {each.asname or each.name: IMPORTS.get(each.name, frozenset()) for each in names}
                case ast.ImportFrom(module="flowops.domain", names=names):
                    inner = {each.asname or each.name: f"flowops.domain.{each.name}" for each in names}
                    self.modules |= {name: IMPORTS.get(of, frozenset()) for name, of in inner.items()}
                case ast.ClassDef(name=name):
                    self.classes.add(name)
                case ast.AnnAssign(annotation=annotation) | ast.arg(annotation=ast.expr() as annotation):
                    self.annotations.update(ast.walk(annotation))
                case ast.FunctionDef(returns=ast.expr() as returns):
                    self.annotations.update(ast.walk(returns))

    def _globals(self, tree: ast.Module) -> Iterator[tuple[int, str]]:
        """A module only names things; what it names never changes."""
        named_before: set[str] = set()
        for node in tree.body:
            if isinstance(node, ast.FunctionDef) and node.name in named_before:
                yield node.lineno, f"a second `{node.name}`; the first would be lost"
            if isinstance(node, ast.FunctionDef):
                named_before.add(node.name)
            targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
            if any(
                isinstance(each, ast.Attribute | ast.Subscript)
                for target in targets
                if target
                for each in ast.walk(target)
            ):
                yield node.lineno, "it changes what was lent to it; make a new value"
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
        top = {id(node) for node in tree.body}
        for function in [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and id(node) not in top]:
            if any(_is_rule(each) for each in function.decorator_list):
                yield function.lineno, "a rule is a function of the module itself; this one would never be asked"

    def _node(self, node: ast.AST) -> Iterator[str]:
        if refused := _REFUSED.get(type(node)):
            yield refused
        named = (getattr(node, each, None) for each in _IDENTIFIERS)
        if any(isinstance(name, str) and name.startswith("__") for name in named):
            yield "names with two underscores reach behind what the rule was given"
        match node:
            case ast.Import(names=names):
                for alias in names:
                    yield from self._import(alias.name, None)
            case ast.ImportFrom(module=module, names=names, level=level):
                for alias in names:
                    yield from self._import(module or "", alias.name, level)
            case ast.Attribute(attr=name):
                yield from self._attribute(node, name)
            case ast.MatchClass(kwd_attrs=names):
                for name in names:
                    yield from _behind(name)
                if "now" in names:
                    yield "`.now` asks this machine's clock, except as facts.now"
            case ast.Call(func=ast.Attribute(value=ast.Name(id="facts"), attr="now")):
                yield "`.now` asks this machine's clock; facts.now is a moment and not a function"
            case ast.Call(func=ast.Name(id="iter"), args=[_, _, *_]):
                yield "`iter` with two values may never end"
            case ast.FunctionDef(decorator_list=made) if any(
                _is_rule(each) and not isinstance(each, ast.Call) for each in made
            ):
                yield 'a rule says what it is about: @rule() for everything, or @rule("refund")'
            case ast.Try(finalbody=body) if any(
                isinstance(each, ast.Return | ast.Break | ast.Continue) for line in body for each in ast.walk(line)
            ):
                yield "a `finally` that leaves swallows that the rule took too long"
            case ast.ClassDef(bases=bases) if not all(map(self._may_inherit, bases)):
                yield "a class inherits from Enum, from Exception or from a class of this module"
            case ast.FormattedValue(format_spec=ast.JoinedStr(values=values)) if any(
                isinstance(each, ast.Constant) and "%s" in str(each.value) for each in values
            ):
                yield "`%s` of a time asks this machine's time zone"
            case ast.Name(id=name, ctx=ast.Load()) if hasattr(builtins, name) and name not in BUILTINS:
                yield f"`{name}` is not for rules"
            case ast.ClassDef(keywords=[_, *_]):
                yield "a class with a metaclass runs when it is made"
            case ast.ExceptHandler(type=None) | ast.ExceptHandler(type=ast.Name(id="BaseException")):
                yield "it catches everything, also that the rule took too long; name the error"
            case ast.Call(func=ast.Attribute(value=ast.Name(id="re")), args=[ast.Constant(value=str(pattern)), *_]):
                if explodes(pattern):
                    yield "a repetition within a repetition can take for ever on some texts"
            case ast.Name(id="Ruling") if node not in self.annotations and isinstance(node.ctx, ast.Load):
                yield "rulings are made by approve, review, deny and abstain"

    def _import(self, module: str, name: str | None, level: int = 0) -> Iterator[str]:
        if name is not None and (level, module) in {(1, ""), (0, _SIBLINGS)}:
            if name not in self.siblings:
                yield f"there is no module `{name}` beside this one"
            return
        if level == 1 and module in self.siblings:
            if name is None or name.startswith("_") or name in {"*", "Ruling"}:
                yield f"`{name}` of `{module}` is not for rules"
            return
        allowed = IMPORTS.get(module, frozenset()) if not level else frozenset()
        if module not in IMPORTS or level:
            yield f"`{'.' * level}{module}` cannot be imported; rules import only {', '.join(sorted(IMPORTS))}"
        elif name is not None and name not in allowed:
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

    def _attribute(self, node: ast.Attribute, name: str) -> Iterator[str]:
        of = node.value.id if isinstance(node.value, ast.Name) else ""
        if name == "now" and of != "facts":
            yield "`.now` asks this machine's clock, except as facts.now"
        elif of in {"dict", "list", "set"} and name != "fromkeys":
            yield f"`{of}.{name}` changes what it is given; call it on a value of your own"
        elif of in self.modules and name not in self.modules[of]:
            yield f"`{name}` of `{of}` is not for rules"
        elif name == "Ruling" and node not in self.annotations:
            yield "rulings are made by approve, review, deny and abstain"
        else:
            yield from _behind(name)

    def _may_inherit(self, base: ast.expr) -> bool:
        match base:
            case ast.Name(id=name) | ast.Attribute(value=ast.Name(id="enum"), attr=name):
                return name in _BASES or name in self.classes
        return False


def _behind(name: str) -> Iterator[str]:
    """Why a name of something may not be asked for, whatever it is the name of."""
    if name.startswith(_BEHIND) or name.startswith(_MAKERS) or name in _OF_PYDANTIC:
        yield f"`.{name}` reaches behind what the rule was given"
    elif name in _LEAKS:
        yield f"`.{name}` reaches behind what the rule was given; a text is put together by an f-string"
    elif name in _CLOCKS:
        yield f"`.{name}` asks this machine's clock or time zone; use facts.now, and an f-string for its text"


def _is_rule(decorator: ast.expr) -> bool:
    """Is this `@rule`, `@rule(...)` or `@policy.rule(...)`?"""
    of = decorator.func if isinstance(decorator, ast.Call) else decorator
    return (isinstance(of, ast.Name) and of.id == "rule") or (isinstance(of, ast.Attribute) and of.attr == "rule")


def _called(node: ast.AST | None) -> str | None:
    return node.func.id if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) else None


def _line_of(node: ast.AST, tree: ast.Module) -> int:
    """The line of an operator, which has none of its own."""
    return next(
        (each.lineno for each in ast.walk(tree) if isinstance(each, ast.expr | ast.stmt) and _has(each, node)), 1
    )


def _has(parent: ast.AST, node: ast.AST) -> bool:
    return any(child is node for child in ast.iter_child_nodes(parent))


@lru_cache(maxsize=1024)
def explodes(pattern: str) -> bool:
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
            elif name in {"BRANCH", "GROUPREF_EXISTS"}:
                parts = given[1] if name == "BRANCH" else [each for each in given[1:] if each is not None]
                if any(unbounded(each, within) for each in parts):
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
        if not any(map(_is_rule, node.decorator_list)):  # those are asked by somebody who counts
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
