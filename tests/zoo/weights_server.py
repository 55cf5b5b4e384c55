"""A server of one file that breaks off, lies and refuses as real ones do, and the cache it fills."""

from __future__ import annotations

import contextlib
import hashlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

CONTENT = b"PK\x03\x04" + bytes(range(256)) * 20_000  # 5 MB
SHA = hashlib.sha256(CONTENT).hexdigest()


class Server:
    """Serves `content` at any path; `cut` breaks off answers after that many bytes, once for each item."""

    def __init__(self):
        self.content = CONTENT
        self.cut = []
        self.ranges = True
        self.etag = '"one"'
        self.type = "application/octet-stream"
        self.status = 200
        self.told = {}
        """Headers that replace the true ones; None leaves one out."""
        self.partial = False
        self.requests = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                with contextlib.suppress(ConnectionError):  # the other side may hang up
                    outer.answer(self)

            def log_message(self, *_):
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}/weights.bin"
        threading.Thread(target=self.http.serve_forever, args=(0.01,), daemon=True).start()

    def answer(self, handler):
        asked = handler.headers.get("Range")
        self.requests.append(asked)
        content, start = self.content, 0
        if self.status != 200:
            handler.send_error(self.status)
            return
        if asked and self.ranges and handler.headers.get("If-Range") in (None, self.etag):
            start = int(asked.removeprefix("bytes=").rstrip("-"))
            handler.send_response(206)
            headers = {"Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}"}
        else:
            handler.send_response(206 if self.partial else 200)
            headers = {}
        headers |= {"Content-Length": str(len(content) - start), "Content-Type": self.type, "ETag": self.etag}
        for name, value in (headers | self.told).items():
            if value is not None:
                handler.send_header(name, value)
        handler.end_headers()
        body = content[start:]
        handler.wfile.write(body[: self.cut.pop(0)] if self.cut else body)

    def close(self):
        self.http.shutdown()
        self.http.server_close()


def kept(cache):
    """Files in the cache, without locks."""
    return sorted(path.name for path in cache.iterdir() if path.suffix != ".lock")
