"""`ganqbench list`: what there is."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import Any

import click

from ganqbench.adapter import Adapter, Skip, adapter_names
from ganqbench.cell import ARCHITECTURES, Bits, Cell
from ganqbench.errors import UserError
from ganqbench.harness.declared import declared, declines
from ganqbench.recipes.recipe import RECIPES

BITS = ("FP32", "W8A8", "W6A6", "W4A8", "W4A4", "W3A8", "W2A8")
"""Bits that methods are asked about."""


@click.command(name="list")
@click.argument("what", type=click.Choice(["gans", "methods", "recipes", "suites"]))
@click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
@click.pass_context
def list_(ctx: click.Context, what: str, as_json: bool) -> None:
    """List the GANs, the methods of all adapters, the recipes for trainable methods, or the suites.

    Exit status 1 when an adapter can't be loaded; the others are listed all the same.
    """
    broken: list[UserError] = []
    rows = _methods(broken) if what == "methods" else _LISTS[what]()
    if as_json:
        click.echo(json.dumps(rows, indent=2, ensure_ascii=False))
    else:
        for row in rows:
            click.echo(f"{row['name']:<40} {row['title']}")
    for error in broken:
        click.echo(f"Error: {error}", err=True)
    if broken:
        ctx.exit(1)


def _gans() -> list[dict[str, Any]]:
    from ganqbench.zoo.registry import entry, names

    return [
        {
            "name": found.name,
            "title": found.title,
            "arch": found.arch,
            "resolution": found.resolution,
            "ranked": found.ranked,
            "requires": list(found.requires),
            "licence": found.licence,
            "weights": found.weights_sha256,
        }
        for found in map(entry, names())
    ]


def _methods(broken: list[UserError]) -> list[dict[str, Any]]:
    """Rows of all methods; adapters that can't be loaded go to `broken`."""
    rows = []
    for name in adapter_names():
        try:
            rows += _rows(declared(name))
        except UserError as error:
            broken.append(error)
    return rows


def _rows(adapter: Adapter) -> list[dict[str, Any]]:
    missing = adapter.missing  # looked for once: it takes milliseconds
    return [
        {
            "name": f"{adapter.name}.{name}",
            "title": method.title,
            "backend": adapter.name,
            "kind": method.kind,
            "bits": [bits for bits in BITS if _takes(adapter, name, bits)],
            "trainable": method.trainable,
            "reference": method.reference,
            "exempt": list(method.exempt),
            "requires": list(adapter.requires),
            "requirement": "; ".join(filter(None, [*adapter.requires, method.requirement])),
            "installed": not missing,
            "support": _support(name, adapter, adapter.skip if missing else partial(declines, adapter)),
        }
        for name, method in adapter.methods.items()
    ]


def _takes(adapter: Adapter, method: str, bits: str) -> bool:
    """Whether the adapter accepts these bits on any architecture, whatever is installed here."""
    return any(declines(adapter, _cell(adapter, method, bits, arch)) is None for arch in ARCHITECTURES)


def _support(method: str, adapter: Adapter, ask: Callable[[Cell], Skip | None]) -> dict[str, str]:
    """Architecture -> "ok", or the reason why no cell of it runs here at any of the bits."""
    found = {}
    for arch in ARCHITECTURES:
        skips = {bits: ask(_cell(adapter, method, bits, arch)) for bits in BITS}
        skip = skips["W8A8"]  # its reason says more than that of unusual bits
        found[arch] = "ok" if skip is None or None in skips.values() else skip.reason
    return found


def _cell(adapter: Adapter, method: str, bits: str, arch: str) -> Cell:
    return Cell(
        suite="list",
        suite_version=0,
        gan=arch,
        adapter=adapter.name,
        method=method,
        bits=Bits.parse(bits),
        seed=0,
    )


def _recipes() -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "title": recipe.title,
            "reference": recipe.reference,
            "steps": recipe.steps,
            "losses": dict(recipe.losses),
        }
        for name, recipe in RECIPES.items()
    ]


def _suites() -> list[dict[str, Any]]:
    from ganqbench.suite import load_suite, suite_names

    return [
        {
            "name": suite.name,
            "version": suite.version,
            "title": suite.title,
            "cells": len(suite.cells()),
            "cpu_hours": suite.cpu_hours,
        }
        for suite in map(load_suite, suite_names())
    ]


_LISTS = {"gans": _gans, "recipes": _recipes, "suites": _suites}
