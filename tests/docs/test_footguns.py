"""The table of traps names tests that exist, and every test of a trap."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
SECTION = "## Each trap of a toolkit, and its test"
TRAPS = ("test_traps.py", "test_backend_traps.py", "test_calibration_traps.py", "test_runtime_traps.py")


def rows() -> list[list[str]]:
    """The tests that each row of the table names."""
    section = (ROOT / "docs/footguns.md").read_text(encoding="utf-8").split(SECTION)[1]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [re.findall(r"`(tests/[\w/]+\.py::\w+)`", line) for line in lines[2:]]


def defined_in(path: Path) -> set[str]:
    """The file's tests, as pytest names them."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    file = path.relative_to(ROOT).as_posix()
    names = [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]
    return {f"{file}::{name}" for name in names if name.startswith("test_")}


def test_every_trap_names_tests_that_exist() -> None:
    table = rows()
    assert len(table) >= 20
    for named in table:
        assert named, table
        for name in named:
            assert name in defined_in(ROOT / name.partition("::")[0])


def test_every_test_of_a_trap_is_in_the_table() -> None:
    named = {name for row in rows() for name in row}
    for file in TRAPS:
        assert defined_in(ROOT / "tests/conformance" / file) <= named
