"""`ganqbench doctor`: what is installed, what would run, and what to install for the rest."""

from __future__ import annotations

from collections.abc import Iterator

import click


@click.command()
@click.pass_context
def doctor(ctx: click.Context) -> None:
    """Show this machine, every backend, GAN and suite with what is missing and how to get it.

    Exit status 1 when a toolkit is missing or an adapter broken; weights and networks that are not here yet
    are only told.
    """
    from ganqbench.adapter import adapter_names, installed_version
    from ganqbench.errors import UserError
    from ganqbench.harness.declared import declared
    from ganqbench.harness.missing_toolkits import pip_install
    from ganqbench.harness.pinned import THREADS
    from ganqbench.harness.provenance import hardware
    from ganqbench.home import home
    from ganqbench.zoo.registry import entry, names

    machine = hardware(THREADS)
    click.echo(f"CPU       {machine['cpu']}, {machine['cores']} cores, {' '.join(machine['isa'])}")
    click.echo(f"System    {machine['os']}")
    click.echo(f"Torch     {installed_version('torch') or 'missing: pip install torch'}")
    click.echo(f"Cache     {home()}")
    missing = False
    rows = []
    for name in adapter_names():
        try:
            rows.append(("Adapter", name, declared(name).requires))
        except UserError as error:
            click.echo(f"Adapter   {name:<24} broken: {error}")
            missing = True
    rows += [("GAN", found.name, found.requires) for found in map(entry, names())]
    for kind, name, requires in rows:
        absent = [distribution for distribution in requires if installed_version(distribution) is None]
        present = ", ".join(f"{each} {installed_version(each)}" for each in requires if each not in absent)
        state = f"missing: {pip_install(absent)}" if absent else f"ready{': ' if present else ''}{present}"
        click.echo(f"{kind:<9} {name:<24} {state}")
        missing = missing or bool(absent)
    for name, reason in _absent_files():
        click.echo(f"Files     {name:<24} {reason}")
    if missing:
        ctx.exit(1)


def _absent_files() -> Iterator[tuple[str, str]]:
    """What suites need beyond toolkits and is not in the cache folder: weights, and networks that judge."""
    from ganqbench.harness.skips import missing, unjudged
    from ganqbench.suite import load_suite, suite_names
    from ganqbench.zoo.official_entry import OfficialEntry
    from ganqbench.zoo.registry import entry, names

    for found in map(entry, names()):
        if isinstance(found, OfficialEntry) and not found.download.path.is_file():
            file = found.download.path
            yield found.name, f"{file.parent.name}/{file.name} is not here; the first run downloads it"
    for suite in map(load_suite, suite_names()):
        for gan, protocol in suite.protocol.items():
            skip = None if missing(entry(gan)) else unjudged(entry(gan), protocol)
            if skip is not None:
                yield f"{suite.name} {gan}", skip.reason
