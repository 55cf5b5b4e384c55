"""Which globals a pickle names, read from its instructions without following them."""

from __future__ import annotations

import pickle
import pickletools
import re
import zipfile
from collections.abc import Iterator
from typing import IO

_MOST = 1_000_000
"""Instructions that are looked at, so that a long file costs seconds."""
# What torch.save writes into an honest file.
_HONEST = re.compile(
    r"torch\.(\w+Storage|Size|device|b?float\d*|double|half|u?int\d*|long|short|bool|complex\d+"
    r"|_utils\._rebuild_\w+|nn\.parameter\.Parameter|serialization\._get_layout)"
    r"|collections\.OrderedDict|_codecs\.encode"
)


class ForbiddenGlobalError(pickle.UnpicklingError):
    """A pickle asked for a global outside the allow-list."""

    def __init__(self, name: str) -> None:
        super().__init__(f"the global {name} is not on the allow-list")
        self.name = name


def foreign_global(file: IO[bytes]) -> str | None:
    """The first global in a file of torch.save that no honest one names, as `module.name`; None without.

    Reads both of torch's formats, the archive and the older row of pickles.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            pickles = [name for name in archive.namelist() if name.endswith("data.pkl")]
            for name in pickles:
                with archive.open(name) as member:
                    found = _first_foreign(member)
                if found is not None:
                    return found
            return None
    except (zipfile.BadZipFile, ValueError, NotImplementedError, RuntimeError, OSError):
        file.seek(0)
        return _first_foreign(file)


def _first_foreign(file: IO[bytes]) -> str | None:
    return next((name for name in _named(file) if not _HONEST.fullmatch(name)), None)


def _named(file: IO[bytes]) -> Iterator[str]:
    """Every global that the pickles in `file`, one behind the other, name; ends where they are damaged."""
    seen = 0
    try:
        while seen < _MOST:
            texts: list[str] = []  # pushed one after the other; a name is made of the last two
            memo: dict[int, str] = {}
            last = ""
            for opcode, argument, _ in pickletools.genops(file):
                seen += 1
                if opcode.name in ("MEMOIZE", "PUT", "BINPUT", "LONG_BINPUT"):
                    memo[len(memo) if argument is None else argument] = last
                    continue
                last = ""
                if opcode.name in ("GLOBAL", "INST"):
                    yield str(argument).replace(" ", ".")
                elif opcode.name == "STACK_GLOBAL":
                    yield ".".join(texts[-2:])
                elif opcode.name in ("GET", "BINGET", "LONG_BINGET"):
                    last = memo.get(int(argument or 0), "")
                    texts.append(last)
                elif isinstance(argument, str):
                    last = argument
                    texts.append(last)
                if seen == _MOST:
                    return
    except Exception:  # a damaged pickle fails in any way, and names nothing more
        return
