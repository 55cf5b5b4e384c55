"""The scripts beside the package still run: at a size that shows nothing but that."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest


@pytest.mark.usefixtures("one_thread")
def test_the_cost_of_an_evaluation_can_be_measured(script: Callable[[str], ModuleType]) -> None:
    overhead = script("overhead")
    found = overhead.evaluate(2 * overhead.BATCH, overhead.Standin(8, 32))
    assert {"fid", "fid_delta", "psnr"} <= set(found["metrics"])
    assert {"quantize", "audit", "evaluate", "metrics"} <= set(found["phases"])


def test_a_site_of_no_records_can_not_be_measured(
    script: Callable[[str], ModuleType], tmp_path: Path
) -> None:
    with pytest.raises(SystemExit, match="no records of quantized generators"):
        script("site_cost").fill(tmp_path, tmp_path / "filled", 300)


def test_figures_of_records_that_do_not_belong_together_are_refused_in_a_sentence(
    script: Callable[[str], ModuleType],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, step in (("ablation", "figures"), ("claim", "confirmed")):
        module = script(name)

        def refused(*_: object) -> None:
            raise ValueError("these were measured differently")

        monkeypatch.setattr(module, step, refused)
        with pytest.raises(SystemExit):
            module.main([])
        assert "error: these were measured differently" in capsys.readouterr().err
