"""Reading files whose content is pinned by its SHA-256."""

from __future__ import annotations

import hashlib
import json
from importlib.util import find_spec
from pathlib import Path

from ganqbench.errors import UserError


def package_file(package: str, relative: str, distribution: str) -> Path:
    """Path of a file inside an installed top-level package, found without importing the package.

    Raises UserError with the pip command if the package or the file is not there.
    """
    spec = find_spec(package)
    for folder in (spec and spec.submodule_search_locations) or ():
        path = Path(folder, relative)
        if path.is_file():
            return path
    missing = "is not installed" if spec is None else f"has no file {relative}"
    raise UserError(
        f"{distribution} {missing}, and this GAN reads files of it.",
        f"Install it: pip install '{distribution}'.",
    )


def pinned_bytes(path: Path, sha256: str, remedy: str) -> bytes:
    """The content of `path`, checked before anyone parses it; UserError if it is another file."""
    return checked(path.read_bytes(), sha256, str(path), remedy)


def checked(
    content: bytes, sha256: str, name: str, remedy: str = "Install ganqbench again, it ships this file."
) -> bytes:
    """`content`, if it has that SHA-256; UserError otherwise."""
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise UserError(f"{name} has SHA-256 {found}, expected {sha256}.", remedy)
    return content


def safetensors_metadata(content: bytes) -> dict[str, str]:
    """The metadata of a safetensors file that is in memory."""
    length = int.from_bytes(content[:8], "little")
    metadata: dict[str, str] = json.loads(content[8 : 8 + length]).get("__metadata__", {})
    return metadata
