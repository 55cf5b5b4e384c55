"""Which tests share a process where several run side by side (`pytest -n 2 --dist loadgroup`)."""

from __future__ import annotations

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Those of one file; of conformance, those of one method on one architecture, quantized only once."""
    for item in items:
        parameters = getattr(getattr(item, "callspec", None), "params", {})
        case = next(filter(None, map(parameters.get, ("case", "trainable", "method"))), None)
        group = str(case) if item.path.parent.name == "conformance" and case else item.path.as_posix()
        item.add_marker(pytest.mark.xdist_group(group))
