"""Run a serialised model as a generator: the only module whose images integer backends are judged by."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ganqbench.deploy.runtimes import Run, Runtime, open_model


class IntegerSession(nn.Module):
    """`images = session(*inputs)`, as any generator, computed by a runtime from the model's bytes.

    The bytes are the module's state: they are copied, saved and loaded with it, and nothing
    else of it matters. One thread, so that sums have one order. Takes CPU tensors without
    gradients; raises UserError where the runtime is missing or refuses the model.
    """

    model: Tensor

    def __init__(self, model: bytes, runtime: Runtime = "onnxruntime") -> None:
        super().__init__()
        self.runtime: Runtime = runtime
        self.register_buffer("model", torch.frombuffer(bytearray(model), dtype=torch.uint8))
        self._run: Run | None = None

    @property
    def serialised(self) -> bytes:
        """The model's bytes."""
        return self.model.numpy().tobytes()

    def forward(self, *inputs: Tensor) -> Tensor:
        """Images float32, N x 3 x H x W."""
        if self._run is None:
            self._run = open_model(self.serialised, self.runtime)
        images = self._run([np.ascontiguousarray(value.detach().numpy()) for value in inputs])
        return torch.from_numpy(images.copy())

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_run": None}  # no runtime can be copied

    def _load_from_state_dict(self, state_dict: Mapping[str, Any], prefix: str, *rest: Any) -> None:
        # Models differ in length, which torch would refuse.
        if f"{prefix}model" in state_dict:
            self.model = torch.empty_like(state_dict[f"{prefix}model"])
        self._run = None
        super()._load_from_state_dict(state_dict, prefix, *rest)


def own_session(module: nn.Module) -> nn.Module:
    """A new session of the same bytes, whatever was done to this one; any other module as it is."""
    if not isinstance(module, IntegerSession):
        return module
    return IntegerSession(module.model.numpy().tobytes(), module.runtime)
