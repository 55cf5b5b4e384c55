"""Templates to HTML. Everything a record says is text: escaped, and cleared of control characters."""

from __future__ import annotations

import posixpath
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from ganqbench.errors import UserError
from ganqbench.site import format as fmt
from ganqbench.site import names, sentence, whisker
from ganqbench.site.catalogue import backend_path, method_path
from ganqbench.site.heatmap import SHADES
from ganqbench.site.pages import Page


def assets() -> Path:
    """The folder that holds `templates/` and `static/`."""
    spec = find_spec("ganqbench_site")
    # An editable install lists a placeholder beside the real folder.
    for place in (spec.submodule_search_locations or ()) if spec else ():
        if (Path(place) / "templates").is_dir():
            return Path(place)
    raise UserError(
        "The site's templates are not installed.",
        "Install ganqbench again, from a complete checkout or wheel.",
    )


def relative(target: str, page: str) -> str:
    """A link from one page of the site to another; works from disk as from a server."""
    path, hash_, anchor = target.partition("#")
    way = posixpath.relpath(path, posixpath.dirname(page) or ".") if path != page or not hash_ else ""
    return quote(way) + hash_ + quote(anchor)


def environment(folder: Path, documented: bool = False) -> Environment:
    """The template environment; `finalize` sees every value before it is escaped.

    `documented` is whether the documentation lies in the site's folder `docs`.
    """
    made = Environment(
        loader=FileSystemLoader(folder / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=_printable,
    )
    made.globals |= {
        "documented": documented,
        "fmt": fmt,
        "whisker": whisker,
        "method_path": method_path,
        "backend_path": backend_path,
        "shade_texts": SHADES,
        "states": names.STATES,
        "value_text": sentence.value_text,
    }
    return made


def render(made: Environment, page: Page) -> str:
    """One page; `link` in its template leads to other pages of the site."""
    return made.get_template(page.template).render(
        page=page.path, link=lambda target: relative(target, page.path), **page.context()
    )


def _printable(value: Any) -> Any:
    if isinstance(value, Markup) or not isinstance(value, str):
        return value
    return fmt.plain(value)
