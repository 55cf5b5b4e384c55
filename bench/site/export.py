"""The numbers behind the pages as CSV, JSON and Parquet."""

from __future__ import annotations

import io
import json
from typing import Any

import pandas as pd

from ganqbench.records.bounds import BOUNDS
from ganqbench.records.schema import Record
from ganqbench.site.tables import TEXTS

# A spreadsheet runs a cell that begins with one of these.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_TEXTS = ("reason", *(f"{name}_{part}" for name in BOUNDS for part in TEXTS))


def csv(table: pd.DataFrame) -> str:
    """A table as CSV. A free text that a spreadsheet would take for a formula gets an apostrophe."""
    guarded = table.assign(**{name: table[name].map(_guard) for name in _TEXTS if name in table})
    return guarded.to_csv(index=False, lineterminator="\n")


def as_json(table: pd.DataFrame) -> str:
    """A table as a list of objects; a missing value is null."""
    lines = [{str(name): _value(value) for name, value in line.items()} for line in table.to_dict("records")]
    return json.dumps(lines, indent=1, allow_nan=False) + "\n"


def parquet(table: pd.DataFrame) -> bytes:
    """A table as Parquet, types kept; a missing value is null."""
    file = io.BytesIO()
    table.reset_index(drop=True).to_parquet(file, engine="pyarrow", compression="zstd", index=False)
    return file.getvalue()


def record_schema() -> str:
    """The JSON Schema of a record."""
    return json.dumps(Record.model_json_schema(by_alias=True), indent=1, sort_keys=True) + "\n"


def _guard(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text


def _value(value: Any) -> Any:
    return None if pd.isna(value) else value
