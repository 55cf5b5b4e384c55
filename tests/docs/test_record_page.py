"""The page of the record names every field with the type that the schema gives it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ganqbench.records.bounds import BOUNDS
from ganqbench.records.schema import Record

PAGE = Path(__file__).parents[2] / "docs" / "record.md"
SHA256 = "^sha256:[0-9a-f]{64}$"


def schema() -> dict[str, dict[str, Any]]:
    """Part of a record -> its JSON Schema; the record itself first."""
    whole = Record.model_json_schema(mode="serialization")
    return {"Record": whole, **whole["$defs"]}


def form(field: dict[str, Any]) -> str:
    """A field's type as the page writes it."""
    if "$ref" in field:
        name = field["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in field:
        return " or ".join(form(each) for each in field["anyOf"])
    if "const" in field or "enum" in field:
        return ", ".join(f"`{value}`" for value in field.get("enum", [field.get("const")]))
    if field["type"] == "array":
        return f"list of {form(field['items'])}, at most {field['maxItems']:,}"
    if field["type"] == "object":
        (values,) = field.get("patternProperties", {"": field.get("additionalProperties")}).values()
        return f"object of {form(values)}, at most {field['maxProperties']:,}"
    if field.get("pattern") == SHA256:
        return "SHA-256"
    kind = {"string": "text", "boolean": "true or false", "null": "null"}.get(field["type"], field["type"])
    limits = [
        f"{words} {field[key]:,}"
        for key, words in (
            ("minimum", "≥"),
            ("exclusiveMinimum", ">"),
            ("maximum", "≤"),
            ("maxLength", "≤"),
        )
        if key in field
    ]
    return " ".join([kind, ", ".join(limits)]).strip()


def rows() -> Iterator[tuple[str, str, str]]:
    """Part, field and type of everything that a record may hold."""
    for part, content in schema().items():
        for name, field in content["properties"].items():
            yield part, name, form(field)


def described() -> Iterator[tuple[str, str, str]]:
    """The same as the page has it; a row without words of its own is no description."""
    part = ""
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            part = line.removeprefix("## ")
        elif found := re.fullmatch(r"\| `(\w+)` \| (.+?) \| (.+) \|", line):
            assert len(found[3]) > 5, line
            yield part, found[1], found[2]


def by_part(found: Iterator[tuple[str, str, str]]) -> dict[str, list[tuple[str, str]]]:
    parts: dict[str, list[tuple[str, str]]] = {}
    for part, name, text in found:
        parts.setdefault(part, []).append((name, text))
    return parts


def test_every_field_of_a_record_is_described() -> None:
    page = by_part(described())
    del page["Metrics"]
    assert page == by_part(rows())


def test_every_metric_is_described() -> None:
    assert {name for name, _ in by_part(described())["Metrics"]} == set(BOUNDS)


def test_ranges_of_metrics_are_those_that_are_checked() -> None:
    for name, text in by_part(described())["Metrics"]:
        ends = [end for end in BOUNDS[name] if end is not None]
        assert [float(number) for number in re.findall(r"-?\d+", text)] == ends, name
