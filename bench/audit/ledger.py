"""Follow every storage of one run: where its bytes came from and whether they stay put."""

from __future__ import annotations

import hashlib
import secrets
from collections import Counter
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.multiprocessing.reductions import StorageWeakRef

_BLOCK = 2**16
_FACTOR = secrets.randbits(63) | 1
_KEY = torch.randint(
    -(2**63), 2**63 - 1, (_BLOCK,), generator=torch.Generator().manual_seed(secrets.randbits(63))
)


@dataclass
class Known:
    """What is known of one storage.

    `varies`: the module's inputs may have changed it. `sources`: bit i is set when product i
    contributed. `seal`: checksum of its bytes. Holding the weak reference keeps the address
    from being given to another storage.
    """

    reference: StorageWeakRef
    seal: int
    varies: bool
    sources: int


class Ledger:
    """Storages by address. Without `strict`, seals and leaves are not computed (they take time)."""

    def __init__(self, strict: bool) -> None:
        self._strict = strict
        self._known: dict[int, Known] = {}
        self.leaves: dict[bytes, int] = {}
        """Content hash -> number of values, of storages that came out of no operation."""
        self.numbers: Counter[str] = Counter()
        """Python numbers that operations were called with."""
        self.tampered: set[str] = set()
        """Operations that received bytes which no operation had written."""

    def find(self, value: Tensor) -> Known | None:
        """What is known of a tensor's storage; None for one never met."""
        return self._known.get(_storage(value)._cdata)

    def varies(self, value: Tensor) -> bool:
        """Whether the module's inputs can have changed this tensor."""
        known = self.find(value)
        return known is not None and known.varies

    def meet(self, value: Tensor, operation: str) -> Known:
        """An operation takes this tensor: check its seal, or enter it as a leaf."""
        known = self.find(value)
        if known is None:
            if self._strict:
                storage = _storage(value)
                self.leaves[_content(storage)] = storage.nbytes() // max(value.element_size(), 1)
            return self.write(value, varies=False, sources=0)
        if self._strict and known.seal != checksum(value):
            self.tampered.add(operation)
            known.seal = checksum(value)
        return known

    def write(self, value: Tensor, *, varies: bool, sources: int) -> Known:
        """An operation wrote this tensor: enter its storage, or add to what is known of it."""
        storage = _storage(value)
        known = self._known.get(storage._cdata)
        if known is None:
            known = Known(StorageWeakRef(storage), 0, varies, sources)  # type: ignore[no-untyped-call]
            self._known[storage._cdata] = known
        known.varies |= varies
        known.sources |= sources
        if self._strict:
            known.seal = checksum(value)
        return known


def checksum(value: Tensor) -> int:
    """Sum of a tensor's whole storage as 64-bit words, each times a secret factor, modulo 2^64.

    A plain sum could be kept by a word that makes up for the change of all others.
    """
    storage = _storage(value)
    words, rest = divmod(storage.nbytes(), 8)
    total = 0
    for start in range(0, words, _BLOCK):
        block = _bytes(storage, torch.int64, 8 * start, min(_BLOCK, words - start))
        total = (total * _FACTOR + _keyed(block)) % 2**64
    if rest:
        total = total * _FACTOR + _keyed(_bytes(storage, torch.uint8, 8 * words, rest).long())
    return total % 2**64


def _keyed(block: Tensor) -> int:
    key = _KEY[: len(block)]
    if block.device.type == "cpu":
        return int(torch.dot(block, key).item())  # several times as fast as what other devices need
    return int((block * key.to(block.device)).sum().item())


def _content(storage: torch.UntypedStorage) -> bytes:
    data = _bytes(storage, torch.uint8, 0, storage.nbytes()).cpu().numpy()
    return hashlib.sha1(data.data, usedforsecurity=False).digest()


def _bytes(storage: torch.UntypedStorage, dtype: torch.dtype, start: int, count: int) -> Tensor:
    return torch.empty(0, dtype=dtype, device=storage.device).set_(
        storage, start // dtype.itemsize, (count,), (1,)
    )


def _storage(value: Tensor) -> torch.UntypedStorage:
    return value.untyped_storage()
