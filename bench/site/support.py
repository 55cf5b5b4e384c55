"""Which method does what it claims, where: the matrix that the conformance tests write."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, TypeAdapter

from ganqbench.errors import UserError

Support = Mapping[str, Mapping[str, Mapping[str, str]]]
"""Method (`brevitas.gptq`) -> architecture -> bits -> empty where it holds, otherwise why not."""


class Tried(BaseModel):
    """One cell of the matrix."""

    method: str
    arch: str
    bits: str
    status: Literal["ok", "failed", "skipped"]
    reason: str


_LINES = TypeAdapter(list[Tried])


def read_support(path: Path) -> Support:
    """The matrix in a file; empty if there is none, UserError if it is something else."""
    if not path.is_file():
        return {}
    try:
        lines = _LINES.validate_json(path.read_bytes())
    except (OSError, ValueError) as error:
        raise UserError(
            f"{path} is not a matrix of methods: {str(error).splitlines()[0]}.",
            "Write it with `nox -s matrix`, or name another with --matrix.",
        ) from error
    found: dict[str, dict[str, dict[str, str]]] = {}
    for line in lines:
        said = "" if line.status == "ok" else line.reason or line.status
        found.setdefault(line.method, {}).setdefault(line.arch, {})[line.bits] = said
    return found
