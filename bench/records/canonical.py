"""Canonical JSON (RFC 8785) and the content hash of a record."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import rfc8785


def sha256(data: bytes) -> str:
    """`sha256:<hex>` of some bytes."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def canonical(document: Mapping[str, Any]) -> bytes:
    """The one byte string of a JSON document; raises ValueError for NaN, infinities, ints over 2^53."""
    try:
        return rfc8785.dumps(dict(document))
    except rfc8785.CanonicalizationError as error:
        raise ValueError(f"not representable as canonical JSON: {error}") from error


def content_hash(document: Mapping[str, Any]) -> str:
    """Hash of a record's document, its own `hash` field left out."""
    return sha256(canonical({name: value for name, value in document.items() if name != "hash"}))
