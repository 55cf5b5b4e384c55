"""The runtimes that latencies are compared in, each opened for inputs of fixed shapes.

An engine takes what it can run: a serialised graph, or the full-precision generator itself. What it
can't run, or lacks on this machine, it says with a reason (`Unavailable`); the others go on.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ganqbench.deploy import kernels
from ganqbench.deploy.kernels import Executed
from ganqbench.deploy.ncnn_net import open_ncnn
from ganqbench.deploy.reasons import Unavailable, first_line
from ganqbench.deploy.runtimes import Run, no_telemetry, onnxruntime_session, openvino_settings

if TYPE_CHECKING:
    from torch import nn

Arrays = Sequence[NDArray[Any]]
ENGINES = ("onnxruntime", "openvino", "ncnn", "torch-compile", "onnxruntime-cuda", "onnxruntime-tensorrt")
_PROVIDERS = {
    "onnxruntime": "CPUExecutionProvider",
    "onnxruntime-cuda": "CUDAExecutionProvider",
    "onnxruntime-tensorrt": "TensorrtExecutionProvider",
}
_DISTRIBUTIONS = {
    "torch-compile": "torch",
    "onnxruntime-cuda": "onnxruntime-gpu",
    "onnxruntime-tensorrt": "onnxruntime-gpu",
}

_NO_INTEGERS = {
    # Its wheel has the kernels, but neither ncnn2table nor ncnn2int8, and pnnx writes floats alone.
    "ncnn": "ncnn reads no graphs of QuantizeLinear and DequantizeLinear, and its own integer layers have "
    "no zero points, which these activations need",
    "torch-compile": "torch.compile reads no graphs of QuantizeLinear and DequantizeLinear",
}


@dataclass(frozen=True)
class Model:
    """What is to be run: a graph's bytes, and its generator where that is one of full precision."""

    graph: bytes
    generator: nn.Module | None

    @property
    def kind(self) -> str:
        """`fp32`, or `int8` for a graph whose products are to take integers."""
        return "int8" if self.generator is None else "fp32"


@dataclass(frozen=True)
class Opened:
    """A model in a runtime, ready for the shapes it was opened for, with `any_batch` for others too.

    `executed` counts, in the runtime's own words, what integer kernels execute.
    """

    run: Run
    executed: Callable[[], Executed]
    any_batch: bool = False


def reads_graphs(engine: str) -> bool:
    """Whether an engine opens a graph's bytes; the others take full-precision generators alone."""
    return engine in _PROVIDERS or engine == "openvino"


def open_engine(engine: str, model: Model, inputs: Arrays, threads: int) -> Opened:
    """The model, ready for inputs of these shapes; raises Unavailable with the reason why it isn't."""
    try:
        if engine in _PROVIDERS:
            return _onnxruntime(model.graph, inputs, threads, _PROVIDERS[engine])
        if engine == "openvino":
            return _openvino(model.graph, inputs, threads)
        if model.generator is None:
            raise Unavailable(_NO_INTEGERS[engine])
        if engine == "ncnn":
            return Opened(open_ncnn(model.generator, inputs, threads), Executed.in_floats, any_batch=True)
        return Opened(_compiled(model.generator, inputs), Executed.in_floats)
    except Unavailable:
        raise
    except ImportError as error:
        raise Unavailable(f"{error.name or engine} is not installed: pip install {_pip(engine)}") from error
    except Exception as error:  # the runtimes raise classes of their own
        raise Unavailable(f"{engine} can't run the model: {first_line(error)}") from error


def engine_version(engine: str) -> str | None:
    """Version of the distribution behind an engine, None where it isn't installed."""
    plain = engine.partition("-")[0]
    for name in (_DISTRIBUTIONS.get(engine), plain, f"{plain}-gpu"):
        if name is not None:
            try:
                return version(name)
            except PackageNotFoundError:
                continue
    return None


def _pip(engine: str) -> str:
    """What to tell pip: the extra of this package that pins an engine, where one does."""
    return _DISTRIBUTIONS.get(engine, f"'ganqbench[{engine}]'")


def _onnxruntime(model: bytes, inputs: Arrays, threads: int, provider: str) -> Opened:
    import onnxruntime

    if provider not in onnxruntime.get_available_providers():
        raise Unavailable(f"this ONNX Runtime has no {provider}")
    session = onnxruntime_session(model, threads, provider)
    if session.get_providers()[0] != provider:
        raise Unavailable(f"{provider} found no device: ONNX Runtime fell back to the processor")
    names = [value.name for value in session.get_inputs()]

    def run(values: Arrays) -> NDArray[np.float32]:
        images: NDArray[np.float32] = session.run(None, dict(zip(names, values, strict=True)))[0]
        return images

    def executed() -> Executed:
        if provider == _PROVIDERS["onnxruntime-tensorrt"]:  # one kernel to ONNX Runtime, whatever is in it
            return Executed.untold()
        return kernels.by_onnxruntime(model, dict(zip(names, inputs, strict=True)), provider)

    return Opened(run, executed, any_batch=True)


def _openvino(model: bytes, inputs: Arrays, threads: int) -> Opened:
    with no_telemetry():
        import openvino
    core = openvino.Core()
    read = core.read_model(model)
    # Fixed shapes are what it optimizes for, in full precision as in integers.
    read.reshape({port: list(value.shape) for port, value in zip(read.inputs, inputs, strict=True)})
    compiled = core.compile_model(read, "CPU", openvino_settings(threads))
    request = compiled.create_infer_request()

    def run(values: Arrays) -> NDArray[np.float32]:
        images: NDArray[np.float32] = request.infer(list(values))[0]
        return images

    return Opened(run, lambda: kernels.by_openvino(compiled))


def _compiled(generator: nn.Module, inputs: Arrays) -> Run:
    import torch

    compiled = torch.compile(generator, dynamic=False)  # fixed shapes, as for the others

    def run(values: Arrays) -> NDArray[np.float32]:
        with torch.no_grad():
            images: NDArray[np.float32] = compiled(*(torch.from_numpy(value) for value in values)).numpy()
        return images

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its own deprecations
        run(inputs)
    return run
