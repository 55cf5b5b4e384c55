"""`ganqbench list`: what there is."""

from __future__ import annotations

import json
from typing import Any

import click


@click.command(name="list")
@click.argument("what", type=click.Choice(["gans", "methods", "suites"]))
@click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
def list_(what: str, as_json: bool) -> None:
    """List the GANs, the methods of all adapters, or the suites."""
    rows = {"gans": _gans, "methods": _methods, "suites": _suites}[what]()
    if as_json:
        click.echo(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    for row in rows:
        click.echo(f"{row['name']:<40} {row['title']}")


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


def _methods() -> list[dict[str, Any]]:
    from ganqbench.adapter import adapter_names, load_adapter

    return [
        {
            "name": f"{adapter.name}.{name}",
            "title": method.title,
            "backend": adapter.name,
            "kind": method.kind,
            "trainable": method.trainable,
            "reference": method.reference,
            "exempt": list(method.exempt),
            "requires": list(adapter.requires),
            "installed": not adapter.missing,
        }
        for adapter in map(load_adapter, adapter_names())
        for name, method in adapter.methods.items()
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
