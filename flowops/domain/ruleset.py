"""Makes a policy of the source of its rules: read for what it may not do, run with a bound, known by its hash."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import ModuleType
from typing import Any

import rfc8785

from flowops import errors
from flowops.domain import lending, policy, purity, steps

FORMAT = 1  # of decisions: what a version of this product would decide differently from the same rules has another
_PACKAGE = "flowops.domain.policies"


def load(files: Mapping[str, str]) -> policy.Policy:
    """The policy of these modules, file name to source.

    Rules are asked in the order of the files' names and of their lines. Raises ImpureRules when a module does what
    rules may not do, and Invalid when one cannot be loaded; either names the file, the line and the reason.
    """
    sources = {name: _normal(files[name]) for name in sorted(files)}
    if found := [impurity for name, source in sources.items() for impurity in check(name, source, sources)]:
        raise errors.ImpureRules(reason=str(found[0]), found=tuple(map(str, found)))
    source = canonical(sources)
    modules = _run(sources)
    # Steps that nobody takes need not be counted: looked for in all modules, for one may call another's helpers.
    counts = any(purity.STEP in purity.names(text, name) for name, text in sources.items())
    rules = [rule for name, module in modules.items() for rule in _rules(name, module)]
    return policy.Policy(version(source), tuple(replace(rule, counts=counts) for rule in rules), source)


def check(name: str, source: str, files: Mapping[str, str]) -> list[purity.Impurity]:
    """What a module does that rules may not do, when it lies beside these files."""
    return purity.check(name, source, frozenset(file.removesuffix(".py") for file in files if file != name))


def canonical(files: Mapping[str, str]) -> str:
    """The text a version is the hash of (RFC 8785): the same rules have the same one on every platform."""
    return rfc8785.dumps({"files": {name: _normal(text) for name, text in files.items()}, "format": FORMAT}).decode()


def version(source: str) -> str:
    """The name of the policy whose canonical source this is."""
    return "sha256:" + hashlib.sha256(source.encode()).hexdigest()


def restore(named: str, source: str) -> policy.Policy:
    """A policy from the canonical source that was kept under its version.

    Raises Invalid when it is another's, or of a version of this product that decided in another way.
    """
    if version(source) != named:
        raise errors.Invalid(reason=f"The source kept for policy {named} is not the one it is the hash of.")
    try:
        kept = json.loads(source)
    except ValueError:
        kept = {}
    if not isinstance(kept, dict) or kept.get("format") != FORMAT:
        raise errors.Invalid(reason=f"Policy {named} was decided with by another version of this product.")
    return load(kept["files"])


def _normal(text: str) -> str:
    return text.removeprefix("\ufeff").replace("\r\n", "\n")


def _run(sources: Mapping[str, str]) -> dict[str, ModuleType]:
    """The modules by name, each run once, what they import of each other first."""
    modules: dict[str, ModuleType] = {}
    begun: list[str] = []

    def run(name: str) -> ModuleType:
        if name in modules:
            return modules[name]
        file = f"{name}.py"
        if name in begun:
            raise errors.Invalid(reason=f"{file} and {begun[-1]}.py import each other. Nothing was loaded.")
        begun.append(name)
        module = ModuleType(f"{_PACKAGE}.{name}")
        vars(module)["__builtins__"] = purity.given(importing(module))
        steps.begin()
        try:
            exec(purity.compiled(file, sources[file]), vars(module))  # noqa: S102 - this is what rules are for
            _refuse_changeable(file, module)
        except errors.FlowOpsError:
            raise
        except (Exception, steps.Overrun) as error:
            line = _line(error, file)
            reason = f"{file}:{line}: it cannot be loaded: {type(error).__name__}: {error}. Nothing was loaded."
            raise errors.Invalid(reason=reason) from error
        modules[name] = module
        return module

    def importing(module: ModuleType) -> Callable[..., Any]:
        def find(name: str, of: Any = None, local: Any = None, wanted: Any = (), level: int = 0) -> Any:
            if level and name:
                return lending.Lent(vars(run(name)))
            if level or name == _PACKAGE:
                return lending.Lent({each: lending.Lent(vars(run(each))) for each in wanted})
            if name not in purity.IMPORTS:
                raise ImportError(name)
            lent = lending.module(name)
            if not wanted:  # `import a.b` binds a
                for part in reversed(name.split(".")[1:]):
                    lent = lending.Lent({part: lent})
            return lent

        return find

    return {name: run(name) for name in (file.removesuffix(".py") for file in sources)}


def _rules(name: str, module: ModuleType) -> list[policy.Rule]:
    """The rules of a module, those not that it has from another one."""
    return [
        value
        for value in vars(module).values()
        if isinstance(value, policy.Rule) and value.name == f"{name}.{value.judge.__name__}"
    ]


def _refuse_changeable(file: str, module: ModuleType) -> None:
    """Raise Invalid when a decision could leave something in the module for the next one."""
    for name, why in lending.lasting(vars(module)):
        hope = "Use a tuple, a frozenset or a frozen dataclass. Nothing was loaded."
        raise errors.Invalid(reason=f"{file}: `{name}` cannot be kept: {why}. {hope}")


def _line(error: BaseException, file: str) -> int:
    """Where in the module it happened."""
    if isinstance(error, SyntaxError) and error.lineno:
        return error.lineno
    at, line = error.__traceback__, 1
    while at is not None:
        if at.tb_frame.f_code.co_filename == file:
            line = at.tb_lineno
        at = at.tb_next
    return line
