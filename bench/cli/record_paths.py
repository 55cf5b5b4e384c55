"""Where a command is to look for records."""

from __future__ import annotations

from pathlib import Path


def check_path(path: Path, remedy: str) -> None:
    """UserError with this remedy where nothing is, or a folder without a file that should be a record.

    Finding nothing wrong in nothing must not pass for success.
    """
    from ganqbench.errors import UserError
    from ganqbench.records.store import record_files

    if not path.exists():
        raise UserError(f"There is no {path}.", remedy)
    if path.is_dir() and next(record_files(path), None) is None:
        raise UserError(f"There is no record in {path}.", remedy)
