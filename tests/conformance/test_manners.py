"""How an adapter behaves in the process that it is given."""

from __future__ import annotations

import copy
import logging
import os
import random
import subprocess
import sys
import warnings
from collections.abc import Iterator
from contextlib import nullcontext
from itertools import takewhile
from pathlib import Path
from subprocess import PIPE
from typing import Any

import numpy as np
import pytest
import torch
import workbench as wb
from once import exporting_once

from ganqbench.adapter import adapter_names


def test_a_second_run_gives_the_same_bytes_and_touches_nothing(method: wb.Case) -> None:
    bits = next((bits for bits in ("W4A8", "W8A8") if not wb.declined(method, bits)), None)
    if bits is None:
        return
    first = wb.state_of(wb.quantized(method, bits))
    torch.manual_seed(123)  # what surrounds a cell must not matter
    batches = wb.calibration_of(method.arch)
    untouched = copy.deepcopy(batches)
    before = process_state()

    generator = copy.deepcopy(wb.generator_of(method.arch))
    # That an export is the same, too, shows at one of an adapter's methods.
    with nullcontext() if method.is_first else exporting_once():
        module = wb.adapter_of(method.adapter).quantize(generator, batches, method.cell(bits))

    after = process_state()
    assert {name for name in before if before[name] != after[name]} == set()
    assert len(batches) == len(untouched)
    for batch, old in zip(batches, untouched, strict=True):
        assert all(map(torch.equal, batch, old))
    again = wb.state_of(module)
    assert list(first) == list(again)
    assert all(torch.equal(value, again[key]) for key, value in first.items())


@pytest.fixture(scope="module")
def first_runs() -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, str(Path(__file__).with_name("first_runs.py"))]
    alone = {**os.environ, "OMP_NUM_THREADS": "1"}  # no process with threads is to be forked
    with subprocess.Popen(command, stdin=PIPE, stdout=PIPE, text=True, env=alone) as process:
        yield process


def test_the_first_run_in_a_process_leaves_it_as_it_was(
    adapter: str, first_runs: subprocess.Popen[str]
) -> None:
    """Importing a toolkit must not change warnings, logging or random numbers either."""
    assert first_runs.stdin is not None
    assert first_runs.stdout is not None
    print(adapter, next(iter(wb.adapter_of(adapter).methods)), file=first_runs.stdin, flush=True)
    answer = list(takewhile(str.strip, first_runs.stdout))  # up to an empty line
    assert answer == ["[]\n"]


@pytest.mark.parametrize("bits", ["W16A16", "W1A8", "W8A1", "FP32"])
def test_impossible_bits_are_declined_with_a_sentence(method: wb.Case, bits: str) -> None:
    declined = method.skip(bits)
    assert declined is not None
    assert len(declined.reason.split()) >= 5


@pytest.mark.parametrize("bits", ["W2A5"])
def test_odd_widths_work(method: wb.Case, bits: str) -> None:
    if wb.declined(method, bits):
        return
    found = wb.adapter_of(method.adapter).methods[method.method]
    if found.options.get("amax", {}).get("method") == "entropy":
        pytest.skip("its search takes seconds, and takes other widths the same way")
    if found.kind == "reconstruction" and method.adapter in wb.OUR_OWN:
        pytest.skip("its quantizers are those of other methods of the adapter")
    claim = method.cell(bits).bits
    assert wb.audited(method, bits).failure(claim.weights, claim.activations) is None
    assert torch.isfinite(wb.audited(method, bits).images).all()


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


def process_state() -> dict[str, Any]:
    """What a toolkit might change for all who come after it."""
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
