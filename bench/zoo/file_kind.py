"""What a file is not, told by its first bytes: weights."""

from __future__ import annotations

import codecs
import re

from ganqbench.errors import UserError

ZIP = b"PK\x03\x04"
AGAIN = "Delete it and download it again."

# Longer than a safetensors file, which begins with a length, could begin by chance.
_MARKUP = (b"<!doctype", b"<!--", b"<html", b"<?xml", b"<head", b"<body", b"<title", b"<script", b"<error")


def refuse_text(name: object, head: bytes) -> None:
    """Raises UserError if a file that begins with `head` is a web page, a pointer, or empty."""
    start = head.removeprefix(codecs.BOM_UTF8).lstrip().lower()
    if not start:
        raise UserError(f"{name} is empty.", AGAIN)
    if start.startswith(_MARKUP) or re.match(rb'\{\s*"', start):
        raise UserError(
            f"{name} is a web page or a server's message saved under that name.",
            "Download the file itself: open the address in a browser to see what the page says.",
        )
    if start.startswith(b"version https://git-lfs"):
        raise UserError(f"{name} is a Git LFS pointer.", "Fetch the file that it points to: git lfs pull.")


def refuse_unknown(name: object, head: bytes) -> None:
    """Raises UserError if a file that begins with `head` is in no format that weights come in."""
    refuse_text(name, head)
    if not head.startswith((ZIP, b"\x80")) and head[8:9] != b"{":
        raise UserError(f"{name} does not begin as a file of weights does.", AGAIN)
