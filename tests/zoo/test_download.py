"""Downloads from a server that misbehaves in every way that real ones do."""

from __future__ import annotations

import contextlib
import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import torch

from ganqbench.errors import UserError
from ganqbench.zoo.cyclegan import ResnetGenerator
from ganqbench.zoo.download import Download
from ganqbench.zoo.registry import entry, load, names

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


@pytest.fixture
def server():
    server = Server()
    yield server
    server.close()


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path):
    monkeypatch.setenv("GANQBENCH_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("GANQBENCH_MIRROR", raising=False)
    return tmp_path / "home" / "official"


def kept(cache):
    """Files in the cache, without locks."""
    return sorted(path.name for path in cache.iterdir() if path.suffix != ".lock")


def test_a_file_is_fetched_once(server, cache):
    download = Download("weights.bin", server.url, SHA)
    assert download.fetch() == download.fetch() == cache / "weights.bin"
    assert download.fetch().read_bytes() == CONTENT
    assert server.requests == [None]
    assert kept(cache) == ["weights.bin"]


def test_broken_connections_are_continued(server):
    server.cut = [1_000_000, 1_500_000]
    assert Download("weights.bin", server.url, SHA).fetch().read_bytes() == CONTENT
    assert server.requests == [None, "bytes=1000000-", "bytes=2500000-"]


def test_a_later_run_goes_on_where_the_first_gave_up(server, cache):
    server.cut = [500_000, 500_000, 500_000, 500_000]
    with pytest.raises(UserError, match="goes on where it stopped"):
        Download("weights.bin", server.url, SHA).fetch()
    assert "weights.bin" not in kept(cache)
    assert Download("weights.bin", server.url, SHA).fetch().read_bytes() == CONTENT
    assert server.requests[-1] == "bytes=2000000-"


@pytest.mark.parametrize("change", ["no ranges", "no version", "another version"])
def test_what_can_not_be_continued_starts_again(server, cache, change):
    server.cut = [500_000] * 4
    if change == "no version":
        server.etag = None
    with pytest.raises(UserError):
        Download("weights.bin", server.url, SHA).fetch()
    server.ranges = change != "no ranges"
    if change == "another version":
        server.etag = '"two"'
    assert Download("weights.bin", server.url, SHA).fetch().read_bytes() == CONTENT


@pytest.mark.parametrize("pinned", [SHA, None])
@pytest.mark.parametrize(
    "told",
    [
        {"Content-Range": "bytes 0-9/10"},
        {"Content-Range": f"bytes 400000-{len(CONTENT) - 1}/{len(CONTENT)}"},
        {"Content-Range": f"bytes 500000-{len(CONTENT) - 1}/{len(CONTENT) - 9}"},
        {"Content-Range": f"bytes 500000-{len(CONTENT) - 9}/{len(CONTENT)}"},
        {"Content-Range": "bytes */1"},
        {"Content-Range": None},
    ],
)
def test_a_server_that_lies_about_ranges(server, cache, told, pinned):
    """It breaks off, then answers with another part than was asked for; the file is fetched anew, whole."""
    server.cut = [500_000] * 4
    with pytest.raises(UserError, match="goes on where it stopped"):
        Download("weights.bin", server.url, pinned).fetch()
    server.cut = [500_000] * 4
    server.told = told
    asked = len(server.requests)
    server.requests.clear()
    with contextlib.suppress(UserError):
        Download("weights.bin", server.url, pinned).fetch()
    assert asked == 4
    assert "weights.bin" not in kept(cache)
    server.cut, server.told = [], {}
    assert Download("weights.bin", server.url, pinned).fetch().read_bytes() == CONTENT


def test_a_part_that_nobody_asked_for_is_not_the_file(server, cache):
    """A cache on the way may answer with what it has."""
    server.partial, server.content = True, CONTENT[:1000]
    server.told = {"Content-Range": f"bytes 0-999/{len(CONTENT)}"}
    with pytest.raises(UserError, match="could not be downloaded"):
        Download("weights.bin", server.url).fetch()
    assert "weights.bin" not in kept(cache)
    server.partial, server.content, server.told = False, CONTENT, {}
    assert Download("weights.bin", server.url).fetch().read_bytes() == CONTENT


def test_a_file_of_unknown_length_needs_a_hash(server, cache):
    server.told = {"Content-Length": None}
    with pytest.raises(UserError, match="how long"):
        Download("weights.bin", server.url).fetch()
    assert kept(cache) == []
    assert Download("weights.bin", server.url, SHA).fetch().read_bytes() == CONTENT


def test_a_range_refused_at_the_last_attempt_is_an_error(server, cache, monkeypatch):
    cache.mkdir(parents=True)
    (cache / "weights.bin.part").write_bytes(b"x" * 100)
    (cache / "weights.bin.part.etag").write_text("x")
    server.status = 416
    monkeypatch.setattr("ganqbench.zoo.download._ATTEMPTS", 1)
    with pytest.raises(UserError, match="answered 416"):
        Download("weights.bin", server.url).fetch()
    server.status = 200
    assert Download("weights.bin", server.url).fetch().read_bytes() == CONTENT


@pytest.mark.parametrize("content", [b"Not Found", b"Access denied", b"\x1f\x8b\x08gzip"])
def test_what_begins_like_no_weights_is_not_trusted_at_first_use(server, cache, content):
    server.content, server.type = content, "text/plain"
    with pytest.raises(UserError, match="does not begin as a file of weights"):
        Download("weights.bin", server.url).fetch()
    assert kept(cache) == []


def test_a_cache_that_is_there_is_only_read(server, cache, monkeypatch):
    """A cluster's cache may be shared and belong to somebody else."""
    Download("weights.bin", server.url).fetch()
    before = sorted(path.name for path in cache.iterdir())
    for path in cache.glob("*.lock"):
        path.unlink()
    monkeypatch.setattr("filelock.FileLock", lambda path: pytest.fail("a lock was taken"))
    assert Download("weights.bin", server.url).fetch(offline=True).read_bytes() == CONTENT
    assert sorted(path.name for path in cache.iterdir()) == [name for name in before if "lock" not in name]


def test_another_file_is_not_kept(server, cache):
    server.content = CONTENT[:-1] + b"x"
    with pytest.raises(UserError, match=f"expected {SHA}"):
        Download("weights.bin", server.url, SHA).fetch()
    assert kept(cache) == []


def test_an_altered_cache_is_refused(server, cache):
    download = Download("weights.bin", server.url, SHA)
    download.fetch().write_bytes(b"altered")
    with pytest.raises(UserError, match="Delete it"):
        download.fetch()


def test_unpinned_files_are_trusted_at_first_use(server, cache):
    download = Download("weights.bin", server.url)
    assert download.known_sha256 is None
    download.fetch()
    assert download.known_sha256 == SHA
    record = json.loads((cache / "weights.bin.sha256.json").read_text())
    assert record["sha256"] == SHA
    assert record["source"] == server.url
    (cache / "weights.bin").unlink()
    server.content = b"another file"
    with pytest.raises(UserError, match=f"expected {SHA}"):
        download.fetch()
    (cache / "weights.bin").write_bytes(b"altered")
    with pytest.raises(UserError, match="Delete it"):
        download.fetch()


def test_a_file_that_the_user_put_there_is_recorded(cache):
    download = Download("weights.bin", "http://127.0.0.1:9/")
    cache.mkdir(parents=True)
    (cache / "weights.bin").write_bytes(CONTENT)
    assert download.fetch(offline=True).read_bytes() == CONTENT
    assert download.known_sha256 == SHA


@pytest.mark.parametrize("content", [b"<!DOCTYPE html>", b"  <html>", b""])
def test_web_pages_and_nothing_are_not_kept(server, cache, content):
    server.content = content
    with pytest.raises(UserError):
        Download("weights.bin", server.url).fetch()
    assert kept(cache) == []
    server.content = CONTENT
    for server.type in ("text/html; charset=utf-8", "application/json", "application/xml"):
        with pytest.raises(UserError, match="web page"):
            Download("weights.bin", server.url).fetch()
        assert kept(cache) == []


@pytest.mark.parametrize("status", [403, 404, 500])
def test_refusals_are_reported(server, cache, status):
    server.status = status
    with pytest.raises(UserError, match=f"answered {status}"):
        Download("weights.bin", server.url).fetch()
    assert kept(cache) == []


def test_no_server_and_no_place(monkeypatch, tmp_path):
    with pytest.raises(UserError, match="could not be downloaded"):
        Download("weights.bin", "http://127.0.0.1:9/weights.bin").fetch()
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("GANQBENCH_HOME", str(tmp_path / "file"))
    with pytest.raises(UserError, match="GANQBENCH_HOME"):
        Download("weights.bin", "http://127.0.0.1:9/weights.bin").fetch()


def test_offline_says_where_to_put_the_file(server, cache):
    with pytest.raises(UserError, match="save it as") as caught:
        Download("weights.bin", server.url, SHA).fetch(offline=True)
    assert str(cache / "weights.bin") in str(caught.value)
    assert server.requests == []


@pytest.mark.parametrize("form", ["folder", "file address", "server"])
def test_mirrors(server, cache, monkeypatch, tmp_path, form):
    (tmp_path / "my mirror").mkdir()
    (tmp_path / "my mirror" / "weights.bin").write_bytes(CONTENT)
    mirror = {
        "folder": str(tmp_path / "my mirror"),
        "file address": (tmp_path / "my mirror").as_uri() + "/",
        "server": server.url.rpartition("/")[0],
    }[form]
    monkeypatch.setenv("GANQBENCH_MIRROR", mirror)
    assert Download("weights.bin", "http://127.0.0.1:9/w", SHA).fetch().read_bytes() == CONTENT
    server.status = 404
    with pytest.raises(UserError):
        Download("other.bin", "http://127.0.0.1:9/w", SHA).fetch()
    assert kept(cache) == ["weights.bin"]


def test_two_processes_fetch_once(server):
    download = Download("weights.bin", server.url, SHA)
    threads = [threading.Thread(target=download.fetch) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert server.requests == [None]


OFFICIAL = [name for name in names() if entry(name).__module__.startswith("ganqbench.zoo.official_")]


def test_six_official_entries():
    assert len(OFFICIAL) == 6


@pytest.mark.parametrize("name", OFFICIAL)
def test_official_entries_describe_themselves(name):
    found = entry(name)
    assert found.name == name
    assert found.download.url.startswith("http")
    identities = {found.inputs(split).identity for split in ("train", "calibrate", "choose", "final")}
    assert len(identities) == 4
    with pytest.raises(UserError, match="offline"):
        load(name, offline=True)


def test_an_official_entry_loads_from_a_mirror(monkeypatch, tmp_path):
    torch.manual_seed(0)
    official = ResnetGenerator(ngf=4)
    torch.save(official.state_dict(), tmp_path / "cyclegan-horse2zebra.pth")
    monkeypatch.setenv("GANQBENCH_MIRROR", str(tmp_path))
    generator = load("cyclegan-horse2zebra")
    found = entry("cyclegan-horse2zebra")
    assert len(found.weights_sha256) == 64
    with torch.inference_mode():
        (image,) = found.inputs("final", 16).batch([0])
        assert torch.equal(generator(image), official.eval()(image))
    monkeypatch.delenv("GANQBENCH_MIRROR")
    load("cyclegan-horse2zebra", offline=True)


def test_an_official_entry_refuses_another_architecture(monkeypatch, tmp_path):
    torch.save(ResnetGenerator(ngf=4).state_dict(), tmp_path / "stylegan2-ffhq256.pkl")
    monkeypatch.setenv("GANQBENCH_MIRROR", str(tmp_path))
    with pytest.raises(UserError, match="and not a stylegan2-ada"):
        load("stylegan2-ffhq256")
