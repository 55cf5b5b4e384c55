"""The table of ingredients: what stands in it, in which order, and when there is none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import site_factory as factory

from ganqbench.site.assemble import boards
from ganqbench.site.ingredients import ingredients
from ganqbench.site.load import load

N = 5000
SPACE = f"[net@abc pil n={N} ref=123]"
PROTOCOL = {"resolution": 32, "final": N, "batch": 2}


def put(results: Path, method: str, bits: str, delta: float | None, psnr: float = 30.0, **cell: Any) -> None:
    adapter = "fp32" if bits == "FP32" else "ganq"
    metrics = {"fid": factory.metric(0.5 + (delta or 0.0), 0.05, identity=f"fid{SPACE}", n=N)}
    if delta is not None:
        metrics["fid_delta"] = factory.metric(delta, 0.005, identity=f"fid_delta{SPACE}", n=N)
        metrics["psnr"] = factory.metric(psnr, 0.1, worst=psnr - 5, n=N)
    where = {"suite": "study", "suite_version": 1, **cell}
    protocol = PROTOCOL | {"calibrate": 16 if where["suite"] == "few" else 256}
    made = factory.document(
        adapter, method, bits, metrics=metrics, provenance=factory.provenance(protocol=protocol), cell=where
    )
    factory.put(results, made)


def section(results: Path) -> str:
    return ingredients(boards(load(results).runs))


def test_each_factor_is_in_its_table_in_per_cent_of_full_precision(tmp_path: Path) -> None:
    put(tmp_path, "baseline", "FP32", None)
    put(tmp_path, "even-gptq", "W4A8", 0.05, psnr=31)
    put(tmp_path, "ptq-mse", "W4A8", 0.5, psnr=20)
    put(tmp_path, "ptq-mse", "W4A8", 0.1, psnr=28, recipe="distill-short")
    put(tmp_path, "qat-even-gptq-ends8", "W4A8", -0.01, psnr=33, recipe="distill-pixel")
    put(tmp_path, "even-gptq-ends8", "W2A8", 2.0, psnr=12)
    text = section(tmp_path)
    alone, short, recipes, frontier = text.split("\n### ")[1:]
    assert alone.index("`ganq.ptq-mse`") < alone.index("`ganq.even-gptq`")
    assert "| `ganq.ptq-mse` | +100.0 % (+99.0 to +101.0), 20.00 dB |" in alone
    assert "| `ganq.ptq-mse` | +20.0 % (+19.0 to +21.0), 28.00 dB |" in short
    assert "`distill-pixel` | −2.0 % (−3.0 to −1.0), 33.00 dB |" in recipes
    assert "even-gptq" not in short + recipes.split("\n", 1)[1]
    assert "| W2A8, `even-gptq-ends8` | +400.0 % (+399.0 to +401.0), 12.00 dB |" in frontier


def test_the_newest_version_speaks_alone(tmp_path: Path) -> None:
    put(tmp_path, "baseline", "FP32", None)
    put(tmp_path, "ptq-mse", "W4A8", 0.5)
    put(tmp_path, "baseline", "FP32", None, suite_version=2)
    put(tmp_path, "even", "W4A8", 0.1, suite_version=2)
    assert "even" in section(tmp_path)
    assert "ptq-mse" not in section(tmp_path)


def test_rows_of_few_inputs_stand_beside_the_same_rows_of_the_study(tmp_path: Path) -> None:
    put(tmp_path, "baseline", "FP32", None)
    put(tmp_path, "ptq-mse", "W4A8", 0.5)
    put(tmp_path, "even", "W4A8", 0.2)
    put(tmp_path, "even", "W4A8", 0.1, recipe="distill-short")
    put(tmp_path, "baseline", "FP32", None, suite="few")
    put(tmp_path, "even", "W4A8", 0.25, psnr=29, suite="few")
    _, table = section(tmp_path).split("### How much calibration, at W4A8\n")
    assert [line.split(" |")[0] for line in table.strip().splitlines()[2:]] == [
        "| `ganq.even`, 16 inputs",
        "| `ganq.even`",
    ]
    assert "| `ganq.even`, 16 inputs | +50.0 % (+49.0 to +51.0), 29.00 dB |" in table


def test_other_suites_and_rows_without_full_precision_make_no_table(tmp_path: Path) -> None:
    put(tmp_path, "ptq-mse", "W4A8", 0.5)
    put(tmp_path, "baseline", "FP32", None, suite="mini")
    put(tmp_path, "ptq-mse", "W4A8", 0.5, suite="mini")
    assert section(tmp_path) == ""
