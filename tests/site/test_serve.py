from __future__ import annotations

import socket
import threading
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from ganqbench.errors import UserError
from ganqbench.site.serve import server


def test_the_preview_serves_the_site_to_this_machine(small: tuple[Path, Path]) -> None:
    with server(small[1], 0) as running:
        assert running.server_address[0] == "127.0.0.1"
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        try:
            address = f"http://127.0.0.1:{running.server_port}"
            with urlopen(f"{address}/index.html", timeout=120) as answer:
                assert answer.read() == (small[1] / "index.html").read_bytes()
                assert answer.headers["Cache-Control"] == "no-store"
            with pytest.raises(HTTPError) as refused:
                urlopen(f"{address}/..%2f..%2fetc/passwd", timeout=120)
            refused.value.close()
        finally:
            running.shutdown()
            thread.join()


def test_a_taken_port_is_said_plainly(small: tuple[Path, Path]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(UserError, match="can't be opened"):
            server(small[1], taken.getsockname()[1])
