"""Which records this machine made itself, so that a committed record can be told from an own one."""

from __future__ import annotations

from pathlib import Path

from ganqbench.records.schema import Record


class Ledger:
    """Hashes of the records that were made here, one a line in a file of the cache folder."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "records-made-here.txt"

    def add(self, record: Record) -> None:
        """Enter a record; called before the record is put in place, so that no crash forgets it."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="ascii") as file:
            # What a full disk cut off stays on a line of its own.
            file.write(f"\n{record.hash}\n")

    def hashes(self) -> frozenset[str]:
        """Hashes of all records made here."""
        if not self.path.is_file():
            return frozenset()
        return frozenset(self.path.read_text(encoding="ascii").split())
