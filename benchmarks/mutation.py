"""Do the tests notice a wrong operator? `nox -s mutation [-- MODULE ...]`.

Changes one operator, comparison or number at a time inside a function of the audit's, the
statistics' or the records' arithmetic, runs the tests of that part, and lists the changes that
none of them noticed. A change is put into the function object, in a forked process, so that
nothing is imported twice. Mutants are a seeded sample; some can't be noticed, since they compute the same.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import copy
import importlib
import io
import os
import random
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any, TypeGuard

ROOT = Path(__file__).parents[1]
HONEST = ("tests/audit/test_audit.py", "tests/audit/test_known_modules.py")
TESTS = {
    "ganqbench.audit.grid": ("tests/audit/test_grid.py",),
    "ganqbench.audit.report": (*HONEST, "tests/audit/test_adversaries.py", "tests/audit/test_report.py"),
    "ganqbench.audit.packing": (
        *HONEST,
        "tests/audit/test_adversaries.py",
        "tests/audit/test_packed_size.py",
    ),
    "ganqbench.audit.operands": ("tests/audit/test_operands.py", "tests/audit/test_grid.py"),
    "ganqbench.metrics.interval": ("tests/metrics/test_interval.py",),
    "ganqbench.metrics.judgement": ("tests/metrics/test_judgement.py",),
    "ganqbench.metrics.seeds": ("tests/metrics/test_seeds.py",),
    "ganqbench.records.rules": ("tests/records/test_audit_rules.py", "tests/records/test_rules.py"),
    "ganqbench.records.bounds": ("tests/records",),
    "ganqbench.records.schema": ("tests/records",),
    "ganqbench.records.deploy_schema": ("tests/records",),
    "ganqbench.records.acceptance": ("tests/records",),
}
SWAPS: dict[type, type] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.And: ast.Or,
    ast.Or: ast.And,
}


@dataclass(frozen=True)
class Mutant:
    """One changed place: its function and line, what was done there, and the function's new code."""

    function: str
    line: int
    change: str
    code: CodeType


def changes(node: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    """What may be wrong about a node."""
    changed = copy.deepcopy(node)
    if isinstance(changed, ast.BinOp | ast.BoolOp) and type(changed.op) in SWAPS:
        changed.op = SWAPS[type(changed.op)]()
        yield f"{ast.unparse(node)} -> {ast.unparse(changed)}", changed
    elif isinstance(changed, ast.Compare) and type(changed.ops[0]) in SWAPS:
        changed.ops[0] = SWAPS[type(changed.ops[0])]()
        yield f"{ast.unparse(node)} -> {ast.unparse(changed)}", changed
    elif isinstance(changed, ast.Constant) and _is_number(changed.value):
        changed.value += 1
        yield f"{ast.unparse(node)} -> {ast.unparse(changed)}", changed
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield f"{ast.unparse(node)} -> {ast.unparse(node.operand)}", node.operand


def _is_number(value: object) -> TypeGuard[float]:
    return type(value) in (int, float)


class Replace(ast.NodeTransformer):
    """Puts one node in another's place."""

    def __init__(self, old: ast.AST, new: ast.AST) -> None:
        self.old, self.new = old, new

    def visit(self, node: ast.AST) -> ast.AST:
        """The new node for the old one."""
        return self.new if node is self.old else self.generic_visit(node)


def mutants(source: str, path: str) -> Iterator[Mutant]:
    """Every mutant of a module's functions and methods."""
    count = sum(1 for _ in ast.walk(ast.parse(source)))
    for number in range(count):
        tree = ast.parse(source)
        node = list(ast.walk(tree))[number]
        for change, new in changes(node):
            ast.copy_location(new, node)
            changed: Any = ast.fix_missing_locations(Replace(node, new).visit(tree))
            line = node.lineno  # type: ignore[attr-defined]
            for name, code in functions(compile(changed, path, "exec")):
                if code.co_firstlineno <= line <= last_line(code):
                    yield Mutant(name, line, change, code)


def functions(code: CodeType) -> Iterator[tuple[str, CodeType]]:
    """Functions of a module and methods of its classes, by qualified name."""
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            if constant.co_flags & 0x2:  # optimized locals: a function, not a class body
                yield constant.co_qualname, constant
            else:
                yield from functions(constant)


def last_line(code: CodeType) -> int:
    """Of a function with those inside it."""
    inner = [last_line(constant) for constant in code.co_consts if isinstance(constant, CodeType)]
    return max([line for *_, line in code.co_lines() if line is not None] + inner)


def function(module: object, name: str) -> FunctionType | None:
    """The function object of a qualified name; None for what can't be reached."""
    found = module
    for part in name.split("."):
        found = vars(found).get(part)
        found = getattr(found, "fget", None) or getattr(found, "__func__", None) or found
        found = getattr(found, "func", None) or getattr(found, "wrapped", None) or found
        if found is None:
            return None
    return found if isinstance(found, FunctionType) else None


def noticed(target: FunctionType | None, code: CodeType | None, tests: list[str], limit_s: int) -> bool:
    """Whether a test fails, or none ends in time, when the function has this code."""
    child = os.fork()
    if child == 0:
        status = 1
        with contextlib.suppress(BaseException):
            signal.setitimer(signal.ITIMER_PROF, limit_s)  # whose signal ends the process
            if target is not None and code is not None:
                target.__code__ = code
            status = run(tests)
        os._exit(status)
    _, ended = os.waitpid(child, 0)
    return ended != 0


def run(tests: list[str]) -> int:
    """The status of pytest, which says nothing."""
    import pytest

    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        return int(pytest.main(["-x", "-q", "-p", "no:cacheprovider", "-m", "not slow", *tests]))


def main() -> None:
    """Print survivors; the status is 0, for a person has to look at them."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("modules", nargs="*", default=list(TESTS), help=f"of {', '.join(TESTS)}")
    parser.add_argument("--most", type=int, default=25, help="mutants of each module")
    parser.add_argument(
        "--limit", type=int, default=120, help="seconds of processor time for the tests of one mutant"
    )
    settings = parser.parse_args()
    for name in settings.modules:
        module, tests = importlib.import_module(name), [str(ROOT / path) for path in TESTS[name]]
        path = str(module.__file__)
        every = list(mutants(Path(path).read_text(encoding="utf-8"), path))
        if noticed(None, None, tests, settings.limit):
            sys.exit(
                f"{name}: its tests fail, or take more than {settings.limit} s, before anything is changed."
            )
        chosen = random.Random(0).sample(every, min(settings.most, len(every)))
        survivors = tried = 0
        for mutant in sorted(chosen, key=lambda one: one.line):
            target = function(module, mutant.function)
            if target is None or target.__code__.co_freevars != mutant.code.co_freevars:
                continue
            tried += 1
            if not noticed(target, mutant.code, tests, settings.limit):
                survivors += 1
                print(f"{name}:{mutant.line} {mutant.function}: {mutant.change}", flush=True)
        print(f"{name}: {survivors} of {tried} not noticed ({len(every)} possible)", flush=True)


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    main()
