"""Pages that `mkdocs` makes of other things: the commands' own help, and the guide for contributors."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

from ganqbench.cli.main import cli

GUIDE = Path(__file__).parents[1] / "CONTRIBUTING.md"
ENVIRONMENT = """## Environment

| variable | what it sets |
|---|---|
| `GANQBENCH_HOME` | the cache folder; by default `ganqbench` in `XDG_CACHE_HOME`, or in `~/.cache` |
| `GANQBENCH_MIRROR` | folder or address of [official weights](tutorial.md#official-checkpoints) |
| `GANQBENCH_PASS` | names, with spaces between them, of further variables that a cell's process sees |
"""


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Called by mkdocs with the files of `docs/`."""
    files.append(File.generated(config, "commands.md", content=commands()))
    files.append(File.generated(config, "contributing.md", content=guide()))
    return files


def on_page_content(html: str, **_: object) -> str:
    """Called by mkdocs with a page: tables get the look of the theme, and scroll where they are wide."""
    html = html.replace("<table>", '<div class="table-responsive"><table class="table table-sm">')
    return html.replace("</table>", "</table></div>")


def guide() -> str:
    """The guide for contributors, whose links are those of the folder above."""
    return GUIDE.read_text(encoding="utf-8").replace("](docs/", "](")


def commands() -> str:
    """A section for each command: what it does and its options."""
    return "# Commands\n\n" + "\n".join([*_sections(click.Context(cli, info_name="ganqbench")), ENVIRONMENT])


def _sections(context: click.Context) -> Iterator[str]:
    group = context.command
    assert isinstance(group, click.Group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        inner = click.Context(command, parent=context, info_name=name)
        inner.max_content_width = 100
        if isinstance(command, click.Group):
            yield from _sections(inner)
        else:
            yield f"## {inner.command_path}\n\n```text\n{command.get_help(inner)}\n```\n"
