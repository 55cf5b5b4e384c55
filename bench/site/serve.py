"""A preview of the built site for this machine alone."""

from __future__ import annotations

from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from ganqbench.errors import UserError


class _Handler(SimpleHTTPRequestHandler):
    def end_headers(self) -> None:
        # The next build replaces the pages; nobody should look at old ones.
        self.send_header("Cache-Control", "no-store")
        super().end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """One line per request would hide the address."""


def server(folder: Path, port: int) -> ThreadingHTTPServer:
    """A server of `folder`, bound to the loopback address only; UserError if the port is taken."""
    handler = partial(_Handler, directory=str(folder.resolve()))
    try:
        return ThreadingHTTPServer(("127.0.0.1", port), handler)
    except OSError as error:
        raise UserError(
            f"Port {port} can't be opened: {error.strerror or error}.", "Choose another with --port, or 0."
        ) from error
