"""ncnn: a full-precision runtime with Winograd convolutions, by way of pnnx."""

from __future__ import annotations

import subprocess
import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ganqbench.deploy.reasons import Unavailable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import nn

    from ganqbench.deploy.runtimes import Run

_TIME_LIMIT = 300
_KINDS = {"float32": "f32", "int64": "i64"}


def open_ncnn(generator: nn.Module, inputs: Sequence[NDArray[Any]], threads: int) -> Run:
    """The generator as an ncnn network; it takes one item at a time, a batch is a loop.

    Raises Unavailable where pnnx or ncnn knows no way, ImportError where one is missing.
    """
    import ncnn
    import pnnx

    one = [value[:1] for value in inputs]
    net = ncnn.Net()
    net.opt.num_threads = threads
    for half in ("fp16_packed", "fp16_storage", "fp16_arithmetic", "bf16_storage"):
        setattr(net.opt, f"use_{half}", False)
    with tempfile.TemporaryDirectory() as folder:
        param, weights = _converted(generator, one, Path(folder), pnnx.EXEC_PATH)
        if net.load_param(str(param)) != 0 or net.load_model(str(weights)) != 0:
            raise Unavailable("ncnn lacks a layer of this generator")

    def run(values: Sequence[NDArray[Any]]) -> NDArray[np.float32]:
        return np.stack([_item(net, [value[index] for value in values]) for index in range(len(values[0]))])

    run(one)
    return run


def _item(net: Any, values: Sequence[NDArray[Any]]) -> NDArray[np.float32]:
    import ncnn

    extractor = net.create_extractor()
    for place, value in enumerate(values):
        kind = np.int32 if value.dtype.kind == "i" else np.float32
        extractor.input(f"in{place}", ncnn.Mat(np.atleast_1d(np.ascontiguousarray(value, kind))))
    status, image = extractor.extract("out0")
    if status != 0:
        raise Unavailable(f"ncnn stopped with status {status}")
    return np.array(image, np.float32)


def _converted(
    generator: nn.Module, one: Sequence[NDArray[Any]], folder: Path, pnnx: str
) -> tuple[Path, Path]:
    import torch

    traced = folder / "generator.pt"
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # tracing is deprecated, and pnnx reads nothing else well
        example = tuple(torch.from_numpy(value) for value in one)
        trace: Any = torch.jit.trace
        trace(generator, example, check_trace=False).save(str(traced))
    shapes = ",".join(f"{list(value.shape)}{_KINDS[value.dtype.name]}".replace(" ", "") for value in one)
    param, weights = folder / "net.param", folder / "net.bin"
    done = subprocess.run(
        [pnnx, traced.name, f"inputshape={shapes}", "fp16=0", f"ncnnparam={param}", f"ncnnbin={weights}"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=_TIME_LIMIT,
        check=False,
    )
    if done.returncode != 0 or not param.is_file():
        raise Unavailable(f"pnnx could not convert the generator (status {done.returncode})")
    return param, weights
