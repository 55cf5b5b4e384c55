"""Open a model in one of the runtimes of deployment: on the CPU, with a fixed number of threads."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ganqbench.errors import UserError

Runtime = Literal["onnxruntime", "openvino"]
Run = Callable[[Sequence[NDArray[Any]]], NDArray[np.float32]]
"""Inputs in the graph's order to the one output."""


def open_model(model: bytes, runtime: Runtime, threads: int = 1) -> Run:
    """The model, ready to run; raises UserError when the runtime is missing or refuses it."""
    opened = {"onnxruntime": _onnxruntime, "openvino": _openvino}[runtime]
    try:
        return opened(model, threads)
    except ImportError as error:
        raise UserError(
            f"The model runs in {runtime}, which is not installed.", f"pip install 'ganqbench[{runtime}]'"
        ) from error
    except Exception as error:  # the runtimes raise classes of their own
        raise UserError(
            f"{runtime} can't open the model: {str(error).strip().splitlines()[0][:300]}.",
            "Check it with onnx.checker; it may hold an operator this runtime lacks.",
        ) from error


def onnxruntime_session(model: bytes, threads: int, provider: str = "CPUExecutionProvider") -> Any:
    """An `onnxruntime.InferenceSession` that prints errors alone."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model, options, providers=[provider])


def openvino_settings(threads: int) -> dict[str, Any]:
    """What OpenVINO compiles a model with."""
    return {
        "INFERENCE_NUM_THREADS": threads,
        "NUM_STREAMS": 1,
        "INFERENCE_PRECISION_HINT": "f32",  # else bfloat16 where the CPU has it
    }


def _onnxruntime(model: bytes, threads: int) -> Run:
    session = onnxruntime_session(model, threads)
    names = [value.name for value in session.get_inputs()]

    def run(inputs: Sequence[NDArray[Any]]) -> NDArray[np.float32]:
        images: NDArray[np.float32] = session.run(None, dict(zip(names, inputs, strict=True)))[0]
        return images

    return run


def _openvino(model: bytes, threads: int) -> Run:
    with no_telemetry():
        import openvino
    core = openvino.Core()
    compiled = core.compile_model(core.read_model(model), "CPU", openvino_settings(threads))
    request = compiled.create_infer_request()

    def run(inputs: Sequence[NDArray[Any]]) -> NDArray[np.float32]:
        if len(inputs) != len(compiled.inputs):
            raise TypeError(f"the model takes {len(compiled.inputs)} inputs, not {len(inputs)}")
        images: NDArray[np.float32] = request.infer(list(inputs))[0]
        return images

    return run


@contextmanager
def no_telemetry() -> Iterator[None]:
    """Import OpenVINO and NNCF inside: without their telemetry package they report to nobody."""
    name = "openvino_telemetry"
    present = sys.modules.get(name)
    sys.modules[name] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        if present is None:
            del sys.modules[name]
        else:
            sys.modules[name] = present
