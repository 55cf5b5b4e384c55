"""Two records without a result agree only where both failed in the same way."""

from __future__ import annotations

import pytest
from record_factory import document

from ganqbench.records.compare import differences
from ganqbench.records.schema import Record
from ganqbench.records.spot_check import spot_differences
from ganqbench.records.store import seal

NAN = "The generator returned images with NaN or infinite values."


def failed(reason: str, status: str = "failed") -> Record:
    return seal(document(status=status, metrics={}, audit=None, preview=None, reason=reason))


@pytest.mark.parametrize("compare", [differences, spot_differences])
@pytest.mark.parametrize(
    ("old", "new"),
    [
        (NAN, "Stopped at the time limit of 900 s."),
        ("RuntimeError during quantize: no kernel", "RuntimeError during evaluate: no kernel"),
        ("ValueError during quantize: no kernel", "RuntimeError during quantize: no kernel"),
        ("The cell's process exited with 7. Last output: ", "The cell's process was killed. Last output: "),
    ],
)
def test_another_failure_is_a_difference(compare: type, old: str, new: str) -> None:
    (found,) = compare(failed(old), failed(new))
    assert str(found) == f"status was failed ({old}) and is failed ({new})"


@pytest.mark.parametrize("compare", [differences, spot_differences])
@pytest.mark.parametrize(
    ("old", "new"),
    [
        (NAN, NAN),
        ("Stopped at the time limit of 900 s.", "Stopped at the time limit of 240 s."),
        ("Only 12.5% of the MACs are at W4A8.", "Only 12.4% of the MACs are at W4A8."),
        ("ValueError during load: <x at 0x7f3a90>", "ValueError during load: <x at 0x55bc10>"),
        ("Given up after 2 attempts. It died. Last output: a\nb", "It died. Last output: c"),
    ],
)
def test_the_same_failure_agrees_whatever_its_numbers(compare: type, old: str, new: str) -> None:
    assert list(compare(failed(old), failed(new))) == []


def test_a_skip_for_another_reason_is_a_difference() -> None:
    old, new = (failed(reason, "skipped") for reason in ("integers only", "nobody is not installed"))
    assert [each.what for each in differences(old, new)] == ["status"]
