"""The records that are committed: whoever installs the source of their commit gets them again."""

from __future__ import annotations

from pathlib import Path

from ganqbench.records.validate import validate
from ganqbench.suite import load_suite, suite_names

RESULTS = Path(__file__).parents[2] / "results"


def test_those_of_the_present_suites_are_of_clean_checkouts() -> None:
    suites = [load_suite(name) for name in suite_names()]
    folders = [RESULTS / f"{suite.name}-v{suite.version}" for suite in suites if suite.version]
    records = [record for folder in folders if folder.is_dir() for _, record in validate(folder).records]
    assert len(records) > 100
    edited = [str(record.cell) for record in records if record.provenance.dirty]
    assert edited == [], "commit what they were run with, and run these again"


def test_every_delta_has_its_full_precision_beside_it() -> None:
    """Without that record nothing could say that a delta is a difference."""
    for folder in {path.parent for path in RESULTS.glob("*-v*/*/*.json")}:
        assert folder.joinpath("fp32.baseline.FP32.s0.json").is_file(), folder
