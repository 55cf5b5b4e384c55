"""The deploy part of a record: what it may say, how it gets in, and that it doesn't outlive its record."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
from deploy_parts import AGREEMENT, PLAIN, SKIPPED, line, part
from record_factory import HASH, PREVIEW, document

from ganqbench.errors import UserError
from ganqbench.harness.deploy_part import with_deploy, write_deploy
from ganqbench.records.schema import Record
from ganqbench.records.store import content_faults, read, seal, write
from ganqbench.records.validate import validate

POOR = AGREEMENT | {"psnr": 39.0, "worst": 30.0}


def record(deploy: dict[str, Any] | None = None, **changes: Any) -> Record:
    return seal(document(**changes) | {"deploy": deploy})


def test_a_part_is_kept_and_the_key_stays() -> None:
    found = with_deploy(record(), part(), HASH)
    assert found.deploy is not None
    assert found.deploy.runtimes[1].ratio is not None
    assert found.provenance == record().provenance
    assert found.hash != record().hash
    assert with_deploy(found, None, HASH).hash == record().hash


@pytest.mark.parametrize(
    ("wrong", "fault"),
    [
        (part(key="sha256:" + "2" * 64), "for another record"),
        (part(PLAIN, line(parity=POOR), parity_psnr=39.0), "39.0 dB only"),
        (part(PLAIN, line(), line()), "stands there twice"),
        (part(PLAIN, line(weight_bits=8)), "weights of 8 bits"),
        (part(PLAIN, line(weight_bits=6)), "weights of 6 bits"),
        (part(PLAIN, line(change=None)), "its change from full precision"),
        (part(line()), "without one of full precision"),
        (part(line("fp32", 20, 0.5), line()), "is the fastest full precision"),
        (part(line("fp32", 20, 1, integer_share=0.1), line()), "runs in no integer kernel"),
        (part(parity_psnr=50.0), "the lowest of its lines is 45.0"),
        (part(file_bytes=None), "but no file"),
        (part(PLAIN, file_bytes=None, parity_psnr=None), "nothing says why"),
    ],
)
def test_what_no_deployment_shows_is_a_fault(wrong: dict[str, Any], fault: str) -> None:
    assert fault in " ".join(content_faults(record(wrong)))
    with pytest.raises(ValueError, match="deploy"):
        with_deploy(record(), wrong, HASH)


def test_a_grid_without_a_level_at_zero_takes_one_bit_more_to_store() -> None:
    assert list(content_faults(record(part(PLAIN, line(weight_bits=5))))) == []


def test_lines_are_timed_or_explained() -> None:
    for wrong in (line(reason="none"), line(latency_ms=None), SKIPPED | {"reason": None}, line(parity=None)):
        with pytest.raises(ValueError, match=r"exactly when|compared"):
            record(part(PLAIN, wrong))


def test_only_current_records_that_are_ok_are_deployed() -> None:
    with pytest.raises(UserError, match="not current"):
        with_deploy(record(), part(), "sha256:" + "3" * 64)
    failed = document(status="failed", metrics={}, reason="it stopped", preview=None)
    with pytest.raises(UserError, match="nothing to deploy"):
        with_deploy(seal(failed), part(), HASH)


def test_the_file_is_replaced_with_its_image_and_a_run_drops_the_part(tmp_path: Path) -> None:
    path = write(record(), PREVIEW, tmp_path)
    write_deploy(with_deploy(read(path), part(), HASH), path)
    assert read(path).deploy is not None
    assert not validate(tmp_path).faults
    write(copy.deepcopy(record()), PREVIEW, tmp_path)
    assert read(path).deploy is None
