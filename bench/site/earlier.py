"""The site that an earlier build left in the folder: what need not be made again."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from ganqbench.records.canonical import sha256

MARKER = ".ganqbench-site"
"""A file that says a folder was made here, lists the files that were, which may be replaced, and of what."""
_ABOUT = "Built by ganqbench; the next build replaces the files listed here."


class Made(BaseModel):
    """A page's digest of what it was made of, and that of its bytes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    of: str
    sha256: str


class _Marker(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    about: str
    pages: dict[str, Made]


@dataclass(frozen=True)
class Earlier:
    """An earlier site in `folder`, or none."""

    folder: Path
    pages: Mapping[str, Made]

    @classmethod
    def in_folder(cls, folder: Path) -> Earlier:
        """What the marker says; nothing where it is missing, older or damaged."""
        try:
            return cls(folder, _Marker.model_validate_json((folder / MARKER).read_bytes()).pages)
        except (OSError, ValueError):
            return cls(folder, {})

    def page(self, path: str, stamp: str) -> bytes | None:
        """The page, if it was made of the same and nobody changed it since."""
        made = self.pages.get(path)
        if made is None or made.of != stamp:
            return None
        content = self._content(path)
        return content if content is not None and sha256(content) == made.sha256 else None

    def place(self, path: str, content: bytes, fresh: Path) -> None:
        """Put a file into a new site; the same file as before where its bytes are the same.

        So it keeps its time, by which a copy to a server leaves out what did not change.
        """
        target = fresh / path
        target.parent.mkdir(parents=True, exist_ok=True)
        if self._content(path) == content:
            try:
                os.link(self.folder / path, target, follow_symlinks=False)
                return
            except OSError:  # a file system without hard links
                pass
        target.write_bytes(content)

    def _content(self, path: str) -> bytes | None:
        old = self.folder / path
        try:
            return None if old.is_symlink() else old.read_bytes()
        except OSError:
            return None


def marker(pages: Mapping[str, Made]) -> bytes:
    """The marker of a site with these pages."""
    held = {path: made.model_dump() for path, made in sorted(pages.items())}
    return (json.dumps({"about": _ABOUT, "pages": held}, indent=1) + "\n").encode()
