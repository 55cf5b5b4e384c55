"""Downloads from a server that misbehaves in every way that real ones do."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time

import pytest
import torch
from weights_server import CONTENT, SHA, kept

from ganqbench.errors import UserError
from ganqbench.zoo.cyclegan import ResnetGenerator
from ganqbench.zoo.download import Download
from ganqbench.zoo.registry import entry, load, names

pytestmark = pytest.mark.usefixtures("cache")


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


FETCH = """
import sys
from ganqbench.zoo.download import Download

print("ready", flush=True)
sys.stdin.readline()
print(Download("weights.bin", *sys.argv[1:]).fetch())
"""


def test_two_processes_fetch_once(server, cache, monkeypatch):
    answer = server.answer

    def slowly(handler):
        time.sleep(1)  # time for the other process to ask as well, if it did not wait
        answer(handler)

    monkeypatch.setattr(server, "answer", slowly)
    command = [sys.executable, "-P", "-c", FETCH, server.url, SHA]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with contextlib.ExitStack() as stack:
        processes = [stack.enter_context(subprocess.Popen(command, **pipes)) for _ in range(2)]
        assert [process.stdout.readline() for process in processes] == ["ready\n"] * 2
        for process in processes:
            process.stdin.write("go\n")
            process.stdin.flush()
        said = [process.communicate()[0] for process in processes]
    assert said == [f"{cache / 'weights.bin'}\n"] * 2
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


@pytest.mark.parametrize("content", ["cut off", "hostile", "of another shape"])
def test_the_wrong_file_is_not_kept_as_the_known_one(cache, monkeypatch, tmp_path, content):
    """Else the right one would be refused ever after, for its hash."""
    name, mirrored = "cyclegan-horse2zebra", tmp_path / "cyclegan-horse2zebra.pth"
    torch.save(ResnetGenerator(ngf=4).state_dict(), mirrored)
    honest = mirrored.read_bytes()
    if content == "cut off":
        mirrored.write_bytes(honest[:-2000])
    elif content == "hostile":
        torch.save({"state_dict": json.loads}, mirrored)
    else:
        torch.save({"model.1.weight": torch.zeros(4)}, mirrored)
    monkeypatch.setenv("GANQBENCH_MIRROR", str(tmp_path))
    for bring in (lambda: entry(name).prepare(), lambda: load(name)):
        with pytest.raises(UserError):
            bring()
        assert kept(cache) == []
    mirrored.write_bytes(honest)
    entry(name).prepare(offline=True)  # a mirror on disk is no download
    assert kept(cache) == ["cyclegan-horse2zebra.pth", "cyclegan-horse2zebra.pth.sha256.json"]


def test_a_wrong_file_of_the_user_is_left_to_the_user(cache):
    cache.mkdir(parents=True)
    torch.save({"state_dict": json.loads}, cache / "cyclegan-horse2zebra.pth")
    with pytest.raises(UserError):
        load("cyclegan-horse2zebra", offline=True)
    assert kept(cache) == ["cyclegan-horse2zebra.pth"]
    torch.save(ResnetGenerator(ngf=4).state_dict(), cache / "stylegan2-ffhq256.pkl")
    with pytest.raises(UserError, match=r"official.*stylegan2-ffhq256.pkl holds a cyclegan-resnet"):
        load("stylegan2-ffhq256", offline=True)


def test_a_mirrored_folder_may_have_the_publishers_names(cache, monkeypatch, tmp_path):
    (tmp_path / "the weights.bin").write_bytes(CONTENT)
    monkeypatch.setenv("GANQBENCH_MIRROR", str(tmp_path))
    download = Download("weights.bin", "http://127.0.0.1:9/a/the%20weights.bin?x=1", SHA)
    assert download.fetch(offline=True).read_bytes() == CONTENT
