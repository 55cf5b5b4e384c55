"""Official weights from their publishers: resumable, atomic, and never another file than the known one.

A file is known by a SHA-256 pinned in the source. Where none is published, the hash of the first
download is written down beside the file and every later use must match it (trust on first use).

Files lie in `$GANQBENCH_HOME/official/`. With `$GANQBENCH_MIRROR` set to a folder or an address,
they are taken from there instead of from their publishers, under their names here; a folder may also
hold them under their publishers' names.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import re
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import Message
from pathlib import Path
from typing import Any

from ganqbench.errors import UserError
from ganqbench.home import home
from ganqbench.zoo.file_kind import refuse_text, refuse_unknown

_CHUNK = 1 << 20
_ATTEMPTS = 4
_TIMEOUT_S = 30
_MESSAGES = ("text/html", "application/xhtml+xml", "application/xml", "text/xml", "application/json")
"""Types of what a server says instead of giving the file."""


@dataclass(frozen=True)
class Download:
    """A file of a publisher: its name here, its address, and its SHA-256 where one is published."""

    file: str
    url: str
    sha256: str | None = None
    folder: str = "official"
    """In the cache folder."""

    @property
    def path(self) -> Path:
        """Where the file lies once it is downloaded."""
        return home() / self.folder / self.file

    @property
    def known_sha256(self) -> str | None:
        """The pinned hash, or the one recorded at first use; None before that."""
        if self.sha256:
            return self.sha256
        try:
            recorded = json.loads(self._record.read_text(encoding="utf-8"))["sha256"]
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError) as error:
            raise UserError(
                f"{self._record} is damaged.", "Delete it and the file beside it, then download again."
            ) from error
        return str(recorded)

    @property
    def source(self) -> str:
        """The address that is asked: the publisher's, or that of the mirror."""
        mirror = os.environ.get("GANQBENCH_MIRROR")
        if not mirror:
            return self.url
        if "://" not in mirror:
            folder = Path(mirror).expanduser().resolve()
            published = folder / urllib.parse.unquote(urllib.parse.urlsplit(self.url).path.rpartition("/")[2])
            if published.is_file() and not (folder / self.file).exists():
                return published.as_uri()
            mirror = folder.as_uri()
        return f"{mirror.rstrip('/')}/{urllib.parse.quote(self.file)}"

    @property
    def _record(self) -> Path:
        return self.path.with_name(f"{self.file}.sha256.json")

    def fetch(self, *, offline: bool = False) -> Path:
        """The checked file, downloaded if it is not there yet.

        Raises UserError if it is not there and `offline` is set (a mirror on disk is no download), if the
        server does not give it whole, or if its content is not the known one; then nothing is kept.
        """
        if self.path.exists() and self.known_sha256:
            return self._checked()  # writing nothing, so that a cache may be shared and read-only
        with _locked(self.path):
            if self.path.exists():
                return self._checked()
            if offline and not self.source.startswith("file:"):
                raise UserError(
                    f"{self.file} is not downloaded yet, and this run is offline.",
                    f"Run once without --offline, or get {self.url} and save it as {self.path}.",
                )
            part = self.path.with_name(f"{self.file}.part")
            _download(self.source, part, pinned=self.known_sha256 is not None)
            found = _sha256(part)
            if self.known_sha256 is None:
                try:
                    _refuse_unknown(part, self.source)
                except UserError:
                    part.unlink()
                    raise
            if self.known_sha256 not in (None, found):
                part.unlink()
                raise UserError(
                    f"{self.source} gave a file with SHA-256 {found}, expected {self.known_sha256}.",
                    "Nothing was kept. Try again; if it persists, the publisher has replaced the file.",
                )
            self._remember(found)
            os.replace(part, self.path)
            return self.path

    def forget(self, *, file: bool = True) -> None:
        """Drop the hash noted at first use and, with `file`, the file itself: it was the wrong one."""
        self._record.unlink(missing_ok=True)
        if file:
            self.path.unlink(missing_ok=True)

    def _checked(self) -> Path:
        found = _sha256(self.path)
        known = self.known_sha256
        if known is None:  # a file that the user put there
            _refuse_unknown(self.path, str(self.path))
            self._remember(found)
        elif found != known:
            raise UserError(
                f"{self.path} has SHA-256 {found}, expected {known}.",
                "Delete it; the next run downloads it again.",
            )
        return self.path

    def _remember(self, sha256: str) -> None:
        """Writes down the hash of a file whose publisher gives none, before the file is in place."""
        if self.sha256:
            return
        record = {
            "sha256": sha256,
            "source": self.source,
            "first_use": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        temporary = self._record.with_suffix(".tmp")
        temporary.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
        os.replace(temporary, self._record)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Lets one process at a time fetch `path`; others wait and then find it there."""
    from filelock import FileLock

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{path}.lock"):
            yield
    except OSError as error:
        raise UserError(
            f"{path} can't be written: {error.strerror or error}.",
            "Free some space, or set GANQBENCH_HOME to a folder that can be written.",
        ) from error


def _refuse_unknown(path: Path, name: str) -> None:
    with path.open("rb") as file:
        refuse_unknown(name, file.read(512))


def _download(url: str, part: Path, *, pinned: bool) -> None:
    """Brings `part` to the whole content of `url`, going on where an earlier attempt stopped."""
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            _attempt(url, part, pinned=pinned)
            return
        except urllib.error.HTTPError as error:
            too_long = error.code == http.client.REQUESTED_RANGE_NOT_SATISFIABLE and part.exists()
            if too_long:  # longer than the file, so not a beginning of it
                part.unlink()
            if too_long and attempt < _ATTEMPTS:
                continue
            raise UserError(
                f"{url} answered {error.code} {error.reason}.",
                "Check the address, or set GANQBENCH_MIRROR to a folder that holds the file.",
            ) from error
        except (urllib.error.URLError, http.client.HTTPException, ConnectionError, TimeoutError) as error:
            if attempt == _ATTEMPTS:
                reason = getattr(error, "reason", error)
                raise UserError(
                    f"{url} could not be downloaded: {reason or type(error).__name__}.",
                    "Try again, it goes on where it stopped; or set GANQBENCH_MIRROR to a folder with it.",
                ) from error


def _attempt(url: str, part: Path, *, pinned: bool) -> None:
    from tqdm import tqdm

    # What the server called the version of the file that `part` is a beginning of.
    tag = part.with_name(f"{part.name}.etag")
    start = part.stat().st_size if part.exists() and tag.exists() else 0
    request = urllib.request.Request(url, headers={"User-Agent": "ganqbench"})
    if start:
        request.add_header("Range", f"bytes={start}-")
        # If the file has changed since, the server sends all of it instead of the rest.
        request.add_header("If-Range", tag.read_text(encoding="utf-8"))
    with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as response:
        if response.headers.get_content_type() in _MESSAGES:
            raise UserError(
                f"{url} answered with a web page instead of a file.",
                "Open it in a browser to see what it says; set GANQBENCH_MIRROR to take the file elsewhere.",
            )
        start, total = _extent(response, start, tag)
        if total is None and not pinned and not getattr(response, "chunked", False):
            raise UserError(
                f"{url} does not say how long the file is, so nobody could tell whether it is whole.",
                "Set GANQBENCH_MIRROR to a folder that holds the file.",
            )
        block = response.read(_CHUNK)
        if start == 0:
            refuse_text(url, block[:512])
            _note_version(tag, response.headers)
        with (
            part.open("r+b" if start else "wb") as file,
            tqdm(total=total, initial=start, unit="B", unit_scale=True, desc=part.stem, leave=False) as bar,
        ):
            file.seek(start)
            file.truncate()
            while block:
                file.write(block)
                bar.update(len(block))
                block = response.read(_CHUNK)
            file.flush()
            os.fsync(file.fileno())
            if total is not None and file.tell() < total:
                raise http.client.IncompleteRead(b"", total - file.tell())
    tag.unlink(missing_ok=True)


def _extent(response: Any, start: int, tag: Path) -> tuple[int, int | None]:
    """Where the answer begins in the file, and the size of the whole file if the server says it.

    An answer that begins anywhere else than asked, or is longer than the rest, is an error, after
    which the next attempt begins anew.
    """
    length = response.headers.get("Content-Length") or ""
    if getattr(response, "status", None) != http.client.PARTIAL_CONTENT:
        return 0, int(length) if length.isdigit() else None
    told = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+|\*)", response.headers.get("Content-Range") or "")
    if told and int(told[1]) == start:
        rest = int(told[2]) + 1 - start
        total = None if told[3] == "*" else int(told[3])
        if (not length.isdigit() or int(length) == rest) and (total is None or start + rest <= total):
            return start, total
    tag.unlink(missing_ok=True)
    raise http.client.HTTPException("the server answers with another part of the file than was asked for")


def _note_version(tag: Path, headers: Message) -> None:
    """Remembers a strong validator; without one a download can't be continued."""
    version = headers.get("ETag") or headers.get("Last-Modified")
    if version and not version.startswith("W/"):
        tag.write_text(version, encoding="utf-8")
    else:
        tag.unlink(missing_ok=True)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
