"""What a server says of a file it does not give: nothing of it is kept."""

from __future__ import annotations

import contextlib

import pytest
from weights_server import CONTENT, SHA, kept

from ganqbench.errors import UserError
from ganqbench.zoo.download import Download

pytestmark = pytest.mark.usefixtures("cache")


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
