"""How much a file may become in memory: about as much as it holds, whatever it says of itself."""

from __future__ import annotations

import pickle
import zipfile
from typing import IO

_FACTOR = 4  # a storage and the tensor made of it, at twice the file's width
_SLACK = 1 << 20


class Budget:
    """Bytes that may still be made of a file of `size` bytes."""

    def __init__(self, size: int) -> None:
        self._left = _FACTOR * size + _SLACK

    def spend(self, amount: int) -> None:
        """Takes `amount` bytes; UnpicklingError if they are more than the file can honestly hold."""
        self._left -= amount
        if self._left < 0:
            raise pickle.UnpicklingError("it would become many times its size in memory")


def refuse_packed(file: IO[bytes], size: int) -> None:
    """UnpicklingError for a zip archive whose members are larger than itself.

    torch.save never compresses, so one that grows on reading was not made by it. What is no
    archive passes.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            unpacked = sum(member.file_size for member in archive.infolist())
    except (zipfile.BadZipFile, ValueError, NotImplementedError):
        return  # torch says what is wrong with it
    finally:
        file.seek(0)
    if unpacked > size:
        raise pickle.UnpicklingError(f"its {size} bytes would unpack to {unpacked}")
