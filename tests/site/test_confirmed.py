"""Second opinions: what the findings of suite `claim` say of the same rows in another network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import site_factory as factory

from ganqbench.records.canonical import sha256
from ganqbench.site.assemble import boards
from ganqbench.site.findings import headlines
from ganqbench.site.load import load

N = 2048
SPACE = f"[net@abc pil n={N} ref=123]"


def put(
    results: Path, suite: str, method: str, delta: float | None, half: float = 0.005, **more: Any
) -> None:
    adapter, bits = ("fp32", "FP32") if delta is None else ("brevitas", "W4A8")
    metrics = {"fid": factory.metric(1 + (delta or 0), 0.05, identity=f"fid{SPACE}", **{"n": N})}
    if delta is not None:
        metrics["fid_delta"] = factory.metric(delta, half, identity=f"fid_delta{SPACE}", **{"n": N})
        metrics["psnr"] = factory.metric(30, 0.1, worst=20, **{"n": N})
    protocol = {"resolution": 32, "calibrate": 4, "final": N, "batch": 2}
    version = more.pop("version", 1)
    made = factory.document(
        adapter,
        method,
        bits,
        metrics=metrics,
        provenance=factory.provenance(protocol=protocol, **more),
        cell={"suite": suite, "suite_version": version},
    )
    factory.put(results, made)


def said(results: Path) -> str:
    shown = boards(load(results).runs)
    board = next(board for board in shown if board.suite == "claim")
    text = "\n".join("".join(part.text for part in line) for line in headlines(board, shown))
    return text.replace("\u00a0", " ")


def claim(results: Path) -> None:
    put(results, "claim", "baseline", None)
    put(results, "claim", "gptq", -0.01)


def test_another_networks_verdict_follows_and_leads_to_its_row(tmp_path: Path) -> None:
    claim(tmp_path)
    put(tmp_path, "confirm", "baseline", None)
    put(tmp_path, "confirm", "gptq", 0.1)
    text = said(tmp_path)
    assert "better than FP32 (one seed, 30.00 dB from its images)" in text
    assert "In another network: +0.1000 ±0.0050 against FP32: worse than FP32 (one seed)." in text
    shown = boards(load(tmp_path).runs)
    lines = headlines(next(board for board in shown if board.suite == "claim"), shown)
    (path,) = (part.path for line in lines for part in line if part.text == "another network")
    assert path is not None
    assert path.startswith("confirm-v1/")
    assert path.endswith("#brevitas.gptq.W4A8")


def test_the_newest_version_of_the_confirming_suite_speaks(tmp_path: Path) -> None:
    claim(tmp_path)
    for version, delta in ((1, 0.1), (2, -0.1)):
        put(tmp_path, "confirm", "baseline", None, version=version)
        put(tmp_path, "confirm", "gptq", delta, version=version)
    assert said(tmp_path).count("In another network") == 1
    assert "In another network: −0.1000" in said(tmp_path)


def test_a_network_that_saw_other_images_is_not_heard(tmp_path: Path) -> None:
    claim(tmp_path)
    put(tmp_path, "confirm", "baseline", None, baseline_images=sha256(b"other"))
    put(tmp_path, "confirm", "gptq", 0.1, baseline_images=sha256(b"other"))
    assert "another network" not in said(tmp_path)


def test_rows_that_were_not_put_to_it_stand_alone(tmp_path: Path) -> None:
    claim(tmp_path)
    put(tmp_path, "confirm", "baseline", None)
    put(tmp_path, "confirm", "gpfq", 0.1)
    assert "another network" not in said(tmp_path)
