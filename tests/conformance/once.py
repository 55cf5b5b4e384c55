"""What adapters do again for the same numbers, done once in a test run."""

from __future__ import annotations

import copy
import hashlib
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any
from unittest import mock

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from onnx import ModelProto
    from torch import Tensor, nn

    from ganqbench.zoo.generator import Inputs

# NVIDIA's searches by KL divergence: seconds for each network, and the same at every width of weights.
SEARCH = "_compute_amax_entropy"
SEARCHING = ("pytorch_quantization.calib.histogram", "modelopt.torch.quantization.calib.histogram")


@contextmanager
def exporting_once() -> Iterator[None]:
    """Adapters of ONNX get the graph that the same generator gave before: to write one takes seconds."""
    onnx = sys.modules.get("ganqbench.adapters._onnx")
    if onnx is None:  # no such adapter ran yet
        yield
        return
    with mock.patch.object(onnx, "float_graph", float_graph):
        yield


def float_graph(generator: nn.Module, example: Inputs) -> ModelProto:
    """A copy of the full-precision graph of a generator with this state, for inputs of these shapes."""
    from ganqbench.deploy.float_graph import float_graph as export

    digest = hashlib.sha256(repr((generator, [value.shape for value in example])).encode())
    for key, value in generator.state_dict().items():
        digest.update(key.encode() + value.numpy().tobytes())
    if digest.digest() not in GRAPHS:
        GRAPHS[digest.digest()] = export(generator, example)
    return copy.deepcopy(GRAPHS[digest.digest()])


GRAPHS: dict[bytes, ModelProto] = {}
"""By the digest of generator and shapes."""


@contextmanager
def searching_once() -> Iterator[None]:
    """A histogram that was searched before has the range that was found then."""
    with ExitStack() as patches:
        for name in SEARCHING:
            if name in sys.modules:  # the adapter is to be the first that imports it
                search = _remembered(getattr(sys.modules[name], SEARCH))
                patches.enter_context(mock.patch.object(sys.modules[name], SEARCH, search))
        yield


def _remembered(search: Callable[..., Tensor]) -> Callable[..., Tensor]:
    def find(histogram: NDArray[Any], edges: NDArray[Any], *settings: int) -> Tensor:
        key = (search.__module__, histogram.tobytes(), edges.tobytes(), settings)
        if key not in RANGES:
            RANGES[key] = search(histogram, edges, *settings)
        return RANGES[key].clone()

    return find


RANGES: dict[object, Tensor] = {}
"""By toolkit, histogram and settings."""
