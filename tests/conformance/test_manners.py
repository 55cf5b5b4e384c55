"""How an adapter behaves in the process that it is given."""

from __future__ import annotations

import copy
import logging
import random
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import workbench as wb

from ganqbench.adapter import adapter_names


def test_a_second_run_gives_the_same_bytes_and_touches_nothing(method: wb.Case) -> None:
    bits = next((bits for bits in ("W4A8", "W8A8") if not wb.declined(method, bits)), None)
    if bits is None:
        return
    first = wb.state_of(wb.quantized(method, bits))
    torch.manual_seed(123)  # what surrounds a cell must not matter
    batches = wb.calibration_of(method.arch)
    untouched = copy.deepcopy(batches)
    before = _process()

    generator = copy.deepcopy(wb.generator_of(method.arch))
    module = wb.adapter_of(method.adapter).quantize(generator, batches, method.cell(bits))

    after = _process()
    assert {name for name in before if before[name] != after[name]} == set()
    assert len(batches) == len(untouched)
    for batch, old in zip(batches, untouched, strict=True):
        assert all(map(torch.equal, batch, old))
    again = wb.state_of(module)
    assert list(first) == list(again)
    assert all(torch.equal(value, again[key]) for key, value in first.items())


def test_the_first_run_in_a_process_leaves_it_as_it_was(adapter: str) -> None:
    """Importing a toolkit must not change warnings, logging or random numbers either."""
    method = next(iter(wb.adapter_of(adapter).methods))
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import warnings; warnings.simplefilter('error'); "
        "import test_manners as t, workbench as wb; case = wb.Case(sys.argv[2], sys.argv[3], 'cyclegan'); "
        "before = t._process(); wb.quantize(case, 'W8A8'); after = t._process(); "
        "print([name for name in before if before[name] != after[name]])"
    )
    arguments = [sys.executable, "-c", code, str(Path(__file__).parent), adapter, method]
    done = subprocess.run(arguments, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "[]", done.stderr


@pytest.mark.parametrize("bits", ["W16A16", "W1A8", "W8A1", "FP32"])
def test_impossible_bits_are_declined_with_a_sentence(method: wb.Case, bits: str) -> None:
    declined = method.skip(bits)
    assert declined is not None
    assert len(declined.reason.split()) >= 5


@pytest.mark.parametrize("bits", ["W2A5"])
def test_odd_widths_work(method: wb.Case, bits: str) -> None:
    if wb.declined(method, bits):
        return
    if (
        wb.adapter_of(method.adapter).methods[method.method].options.get("amax", {}).get("method")
        == "entropy"
    ):
        pytest.skip("its search takes seconds, and takes other widths the same way")
    inputs = wb.draw(wb.generator_of(method.arch), 2, seed=9)
    assert torch.isfinite(wb.render(wb.quantized(method, bits), inputs)).all()


def test_the_baseline_returns_the_generator() -> None:
    case = wb.Case("fp32", "baseline", "cyclegan")
    generator = wb.generator_of("cyclegan")
    assert case.skip("FP32") is None
    assert case.skip("W8A8") is not None
    assert wb.adapter_of("fp32").quantize(generator, [], case.cell("FP32")) is generator


@pytest.mark.parametrize("name", adapter_names())
def test_listing_methods_imports_no_toolkit(name: str) -> None:
    code = (
        "import sys; from ganqbench.adapter import load_adapter; "
        f"print(len(load_adapter({name!r}).methods)); "
        "print(sorted({'torch', 'brevitas', 'pytorch_quantization', 'numpy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    methods, imported = done.stdout.splitlines()
    assert int(methods) >= 1
    assert imported == "[]"


@pytest.mark.parametrize("name", adapter_names())
def test_methods_are_described(name: str) -> None:
    for key, method in wb.adapter_of(name).methods.items():
        assert wb.Case(name, key, "cyclegan").cell("W8A8").method == key  # a valid slug
        assert method.title
        assert method.reference


def _process() -> dict[str, Any]:
    root = logging.getLogger()
    return {
        "dtype": torch.get_default_dtype(),
        "threads": torch.get_num_threads(),
        "grad": torch.is_grad_enabled(),
        "inference": torch.is_inference_mode_enabled(),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "torch rng": torch.get_rng_state().tolist(),
        "numpy rng": np.random.get_state()[1].tolist(),  # type: ignore[index,union-attr]  # noqa: NPY002
        "python rng": random.getstate(),
        "warnings": list(warnings.filters),
        "log handlers": list(root.handlers),
        "log level": root.level,
        "conv": torch.nn.Conv2d,
        "linear": torch.nn.Linear,
    }
