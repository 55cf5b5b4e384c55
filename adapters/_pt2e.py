"""PyTorch 2 Export quantization: which operands of an exported graph get observers, and of which kind."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torchao.quantization import pt2e
from torchao.quantization.pt2e.quantizer import QuantizationAnnotation, QuantizationSpec, Quantizer

from ganqbench.cell import Bits

_ATEN = torch.ops.aten
_OUTPUT_CHANNELS = {
    _ATEN.conv2d.default: 0,
    _ATEN.conv2d.padding: 0,
    _ATEN.conv_transpose2d.input: 1,
    _ATEN.linear.default: 0,
}
_PRODUCTS = (_ATEN.bmm.default, _ATEN.matmul.default)


class OperandQuantizer(Quantizer):  # type: ignore[misc]
    """Both operands of every convolution, transposed convolution, linear layer and batched product.

    torchao's own quantizers, each made for one backend's kernels, leave out transposed convolutions.
    A convolution with a computed kernel (a FIR filter) is no layer and stays as it is.
    """

    def __init__(self, bits: Bits, observer: str, settings: dict[str, Any]) -> None:
        super().__init__()
        self._bits = bits
        self._activation = QuantizationSpec(
            dtype=torch.uint8,
            observer_or_fake_quant_ctr=getattr(pt2e, observer).with_args(**settings),
            quant_min=0,
            quant_max=2**bits.activations - 1,
            qscheme=torch.per_tensor_affine,
        )

    def annotate(self, model: fx.GraphModule) -> fx.GraphModule:
        """Note on each node what its inputs are to pass through."""
        for node in model.graph.nodes:
            if node.target in _OUTPUT_CHANNELS and node.args[1].op == "get_attr":
                weight = self._weight(_OUTPUT_CHANNELS[node.target])
                _annotate(node, {node.args[0]: self._activation, node.args[1]: weight})
            elif node.target in _PRODUCTS:
                _annotate(node, dict.fromkeys(node.args[:2], self._activation))
        return model

    def validate(self, model: fx.GraphModule) -> None:
        """Nothing to check: `annotate` takes what there is."""

    def _weight(self, channel: int) -> QuantizationSpec:
        return QuantizationSpec(
            dtype=torch.int8,
            observer_or_fake_quant_ctr=pt2e.PerChannelMinMaxObserver.with_args(),
            quant_min=-(2 ** (self._bits.weights - 1)),
            quant_max=2 ** (self._bits.weights - 1) - 1,
            qscheme=torch.per_channel_symmetric,
            ch_axis=channel,
        )


def _annotate(node: fx.Node, specs: dict[Any, QuantizationSpec]) -> None:
    node.meta["quantization_annotation"] = QuantizationAnnotation(input_qspec_map=specs, _annotated=True)


def x86_quantizer() -> Quantizer:
    """torchao's quantizer for inductor's kernels on x86, attention's products included."""
    from torchao.quantization.pt2e.quantizer.x86_inductor_quantizer import (
        X86InductorQuantizer,
        get_default_x86_inductor_quantization_config,
    )

    config = get_default_x86_inductor_quantization_config()
    quantizer = X86InductorQuantizer().set_global(config)
    return quantizer.set_function_type_qconfig(torch.matmul, config)


def hide_scalar_sums(model: fx.GraphModule) -> None:
    """Keep X86InductorQuantizer from fusing `1 + layer(x)`, where a bare AssertionError would end it.

    It finds sums to fuse by what they were in the source, and expects both terms to be tensors.
    """
    for node in model.graph.nodes:
        sum_ = node.target is _ATEN.add.Tensor
        if sum_ and not all(isinstance(term, fx.Node) for term in node.args[:2]):
            node.meta.pop("source_fn_stack", None)
            node.meta.pop("torch_fn", None)


class Wrapped(nn.Module):
    """An exported graph as an ordinary module: the graph's own `eval()` returns None."""

    def __init__(self, graph: fx.GraphModule) -> None:
        super().__init__()
        self.graph = graph

    def forward(self, *inputs: Tensor) -> Tensor:
        images: Tensor = self.graph(*inputs)
        return images


class FrozenNorm(nn.Module):
    """A batch norm in eval mode, as a factor and an offset per channel."""

    factor: Tensor
    offset: Tensor

    def __init__(self, norm: _BatchNorm) -> None:
        super().__init__()
        assert norm.running_mean is not None
        assert norm.running_var is not None
        factor = (norm.running_var + norm.eps).rsqrt()
        if norm.weight is not None:
            factor = factor * norm.weight
        offset = -norm.running_mean * factor
        if norm.bias is not None:
            offset = offset + norm.bias
        self.register_buffer("factor", factor.detach()[:, None, None])
        self.register_buffer("offset", offset.detach()[:, None, None])

    def forward(self, x: Tensor, label: Tensor | None = None) -> Tensor:
        """The normalised maps [N, C, H, W]; a label makes no difference."""
        return torch.addcmul(self.offset, x, self.factor)
