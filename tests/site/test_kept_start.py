"""A recipe that came no nearer to full precision than its start: the row is the start, and says so."""

from __future__ import annotations

from pathlib import Path

import pytest
import site_factory as factory

from ganqbench.site import build

BOARD = Path("mini-v1", factory.GAN)


@pytest.mark.parametrize(
    ("kept", "marked"), [((0, 0), True), ((0, 50), False), ((0, None), False), ((400, 400), False)]
)
def test_the_row_and_its_runs_say_what_was_kept(
    tmp_path: Path, kept: tuple[int | None, ...], marked: bool
) -> None:
    factory.small_board(tmp_path / "results")
    for seed, step in enumerate(kept):
        training = None if step is None else {"steps": 400, "kept": step}
        made = factory.document("ganq", "qat-lsq", "W4A8", seed=seed, cell={"recipe": "distill"})
        factory.put(tmp_path / "results", made | {"training": training})
    assert build(tmp_path / "results", tmp_path / "site").faults == ()
    page = (tmp_path / "site" / BOARD / "index.html").read_text()
    assert ("start kept" in page) == marked
    for seed, step in enumerate(kept):
        run = (tmp_path / "site" / BOARD / f"ganq.qat-lsq+distill.W4A8.s{seed}.html").read_text()
        assert ("so the start was kept" in run) == (step == 0)
        assert (f"the state after step {step} was kept" in run) == bool(step)
        assert ("of fine-tuning" in run) == (step is not None)
