"""The table method x architecture x bits of what a conformance run found, as JSON and Markdown."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

Status = Literal["ok", "skipped", "failed"]
MARKS = {"ok": "ok", "skipped": "-", "failed": "**failed**"}


@dataclass(frozen=True, order=True)
class Entry:
    """How one cell of the table ended; `reason` is empty where it is ok."""

    method: str
    arch: str
    bits: str
    status: Status
    reason: str


def merged(old: Iterable[Entry], new: Iterable[Entry], known: Collection[str]) -> list[Entry]:
    """The old entries with those of the methods that were run again replaced, and of `known` methods only."""
    fresh = list(new)
    again = {entry.method for entry in fresh}
    kept = (entry for entry in old if entry.method in known and entry.method not in again)
    return sorted([*kept, *fresh])


def read(path: Path) -> list[Entry]:
    """Entries of a table written before; none where there is no file."""
    return [Entry(**row) for row in json.loads(path.read_text())] if path.is_file() else []


def write(entries: list[Entry], path: Path) -> None:
    """Write `path` (JSON) and the same with the suffix .md."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps([asdict(entry) for entry in entries], indent=1) + "\n")
    path.with_suffix(".md").write_text(markdown(entries))


def markdown(entries: list[Entry]) -> str:
    """One line per method, one column per architecture and bits, and the reasons below."""
    columns = sorted({(entry.arch, entry.bits) for entry in entries}, reverse=True)
    table = {(entry.method, entry.arch, entry.bits): entry for entry in entries}
    notes: dict[str, int] = {}
    lines = [
        "# Which method does what it claims, where",
        "",
        "Written by `nox -s matrix` from the conformance tests on small random generators. **ok**: the audit "
        "found at least 95 % of the multiply-accumulates at the claimed width, or all of them but the layers "
        "that the method declares (`ends8`). **-**: declared unsupported.",
        "",
        "| method | " + " | ".join(f"{arch} {bits}" for arch, bits in columns) + " |",
        "|---|" + "---|" * len(columns),
    ]
    for method in sorted({entry.method for entry in entries}):
        cells = []
        for arch, bits in columns:
            entry = table.get((method, arch, bits))
            note = notes.setdefault(entry.reason, len(notes) + 1) if entry and entry.reason else None
            cells.append((MARKS[entry.status] if entry else "") + (f" [{note}]" if note else ""))
        lines.append(f"| {method} | " + " | ".join(cells) + " |")
    counts = [sum(e.status == "ok" for e in entries if (e.arch, e.bits) == column) for column in columns]
    lines.append("| **ok** | " + " | ".join(map(str, counts)) + " |")
    lines += ["", *(f"{number}. {reason}" for reason, number in notes.items()), ""]
    return "\n".join(lines)
