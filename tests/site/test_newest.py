"""Which board of a suite speaks for it: the last version, unless it is still being run."""

from __future__ import annotations

from pathlib import Path

import pytest
import site_factory as factory

from ganqbench.site import build
from ganqbench.site.assemble import boards
from ganqbench.site.load import load
from ganqbench.site.suites import newest
from ganqbench.suite import load_suite

SUITE = load_suite("mini")


def put(results: Path, method: str, bits: str, version: int, **more: str) -> None:
    adapter = "fp32" if bits == "FP32" else more.get("adapter", "brevitas")
    cell = {"suite_version": version}
    factory.put(results, factory.document(adapter, method, bits, cell=cell))


def versions(results: Path) -> list[int]:
    return [board.version for board in newest(boards(load(results).runs))]


@pytest.fixture
def partial(tmp_path: Path) -> Path:
    """An earlier version, and two cells of the version that is installed."""
    results = tmp_path / "results"
    for version in (1, SUITE.version):
        put(results, "baseline", "FP32", version)
        put(results, "ptq-mse", "W8A8", version)
    return results


def test_a_version_that_lacks_cells_stands_back(partial: Path) -> None:
    assert versions(partial) == [1]


def test_home_leads_with_what_is_whole_and_lists_both(partial: Path, tmp_path: Path) -> None:
    build(partial, tmp_path / "site")
    page = (tmp_path / "site/index.html").read_text()
    assert "suite mini v1</small>" in page
    assert f"Suite mini v{SUITE.version}</a>" not in page  # what happened to run first is the best of nothing
    assert f"mini v{SUITE.version}</a>" in page
    assert "Earlier versions" not in page
    assert "has taken its place" not in (tmp_path / "site" / f"mini-v1/{factory.GAN}/index.html").read_text()


def test_a_whole_version_replaces_the_earlier_one(partial: Path) -> None:
    for cell in SUITE.cells():
        if cell.gan == factory.GAN and not cell.is_baseline:
            put(partial, cell.method, str(cell.bits), SUITE.version, adapter=cell.adapter)
    assert versions(partial) == [SUITE.version]


def test_alone_a_partial_version_is_what_there_is(tmp_path: Path) -> None:
    put(tmp_path, "baseline", "FP32", SUITE.version)
    put(tmp_path, "ptq-mse", "W8A8", SUITE.version)
    assert versions(tmp_path) == [SUITE.version]


def test_suites_that_speak_of_others_are_linked_on_home_and_have_no_best(tmp_path: Path) -> None:
    results = tmp_path / "results"
    put(results, "baseline", "FP32", 1)
    put(results, "ptq-mse", "W8A8", 1)
    for method, bits in (("baseline", "FP32"), ("ptq-mse", "W8A8")):
        adapter = "fp32" if bits == "FP32" else "brevitas"
        factory.put(results, factory.document(adapter, method, bits, cell={"suite": "study"}))
    build(results, tmp_path / "site")
    page = (tmp_path / "site/index.html").read_text()
    assert "Suite mini v1</a>" in page
    assert "Suite study v1</a>" not in page
    assert f'Beside these: <a href="study-v1/{factory.GAN}/index.html">study v1</a>' in page


def test_what_is_unfinished_says_nothing_beside_a_whole_board_and_says_so_itself(
    partial: Path, tmp_path: Path
) -> None:
    version = load_suite("claim").version  # which has another method at this width, too
    cell = {"suite": "claim", "suite_version": version}
    factory.put(partial, factory.document("fp32", "baseline", "FP32", cell=cell))
    factory.put(partial, factory.document("brevitas", "gptq", "W4A8", cell=cell))
    found = boards(load(partial).runs)
    assert {board.suite for board in found} == {"mini", "claim"}
    assert {board.suite for board in newest(found)} == {"mini"}
    build(partial, tmp_path / "site")
    claimed, whole = (
        (tmp_path / "site" / f"{suite}/{factory.GAN}/index.html").read_text()
        for suite in (f"claim-v{version}", "mini-v1")
    )
    assert "1 cell of this suite has no record yet" in claimed
    assert "no record yet" not in whole
