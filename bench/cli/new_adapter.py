"""`ganqbench new-adapter`: a working adapter to start from."""

from __future__ import annotations

import keyword
import re
import shlex
from importlib.util import find_spec
from pathlib import Path

import click

from ganqbench.cli.skeleton import DISTRIBUTION, SKELETON
from ganqbench.errors import UserError

TABLE = '[project.entry-points."ganqbench.adapters"]\n'


@click.command(name="new-adapter")
@click.argument("name")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for a distribution of its own; without it the adapter goes into this checkout.",
)
def new_adapter(name: str, out: Path | None) -> None:
    """Write a working adapter NAME that passes the conformance tests, to be changed step by step.

    In a checkout of ganqbench it becomes adapters/NAME.py, registered in pyproject.toml. With --out
    it becomes NAME.py with a pyproject.toml of its own, to be published as another distribution.
    """
    _check(name)
    title = _title(name)
    code = SKELETON.format(name=name, title=title)
    if out is None:
        path = _into_checkout(Path.cwd(), name, title, code)
        command = f"nox -s adapter -- {name}"
    else:
        if find_spec(name) is not None:
            raise UserError(
                f"A module {name!r} is installed already, and {name}.py would hide it.",
                f"Take another name, for example {name}_adapter.",
            )
        path = out / f"{name}.py"
        _write({path: code, out / "pyproject.toml": _distribution(name, title)})
        command = f"nox -s adapter -- {shlex.quote(str(path.absolute()))}"
    click.echo(f"Wrote {path}. It is complete: try it in a checkout of ganqbench with\n\n    {command}\n")
    click.echo("Then put your backend's calls in its place; CONTRIBUTING.md leads on from here.")


def _title(name: str) -> str:
    """The class's name."""
    return "".join(part.capitalize() for part in name.split("_"))


def _imported(skeleton: str) -> set[str]:
    """Names that the skeleton imports, which its class must not hide."""
    lines = re.findall(r"^ *from \S+ import ([A-Za-z, ]+)", skeleton, re.MULTILINE)
    return {name.strip() for line in lines for name in line.split(",")}


def _check(name: str) -> None:
    from ganqbench.adapter import adapter_names

    title = _title(name)
    if not re.fullmatch(r"[a-z]([a-z0-9_]{0,39}[a-z0-9])?", name):
        raise UserError(
            f"{name!r} can't be an adapter's name.",
            "Take lower-case letters, digits and underscores, a letter first and no underscore last, "
            "for example my_backend.",
        )
    if keyword.iskeyword(name) or keyword.iskeyword(title) or title in _imported(SKELETON):
        raise UserError(
            f"{name!r} is a word of Python's, or its class {title} would hide an import.",
            "Take another name, for example my_backend.",
        )
    if name in adapter_names():
        raise UserError(
            f"There is an adapter named {name!r} already.", "Take another name, or change that one."
        )


def _distribution(name: str, title: str) -> str:
    return DISTRIBUTION.format(name=name, title=title, dashed=name.replace("_", "-"))


def _into_checkout(root: Path, name: str, title: str, code: str) -> Path:
    project, path = root / "pyproject.toml", root / "adapters" / f"{name}.py"
    text = project.read_text(encoding="utf-8") if project.is_file() else ""
    if TABLE not in text or not path.parent.is_dir():
        raise UserError(
            f"{root} is not a checkout of ganqbench.",
            "Change into one, or write a distribution of your own with --out FOLDER.",
        )
    line = f'{name} = "ganqbench.adapters.{name}:{title}"\n'
    _write({path: code}, project, text.replace(TABLE, TABLE + line))
    return path.relative_to(root)


def _write(files: dict[Path, str], last: Path | None = None, change: str = "") -> None:
    """Write all or nothing, and nothing over a file that is there; at the end, `last` anew with `change`."""
    from ganqbench.records.store import put

    taken = [path for path in files if path.exists()]
    if taken:
        raise UserError(f"{taken[0]} is there already.", "Move it away, or take another name or folder.")
    try:
        for path, text in files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        if last is not None:
            put(last, change.encode())
    except OSError as error:
        for path in files:
            if path.is_file():
                path.unlink()
        raise UserError(
            f"{error.filename or last or next(iter(files))} can't be written: {error.strerror}.",
            "Choose another folder, or make it writable.",
        ) from error
