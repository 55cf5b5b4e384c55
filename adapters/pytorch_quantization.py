"""NVIDIA's pytorch-quantization 2.1.3: symmetric fake quantization, max and histogram calibration."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar

from ganqbench.adapter import Adapter, Method, Skip
from ganqbench.adapters._widths import beyond_integers

if TYPE_CHECKING:
    from torch import Tensor, nn

    from ganqbench.cell import Bits, Cell
    from ganqbench.zoo.generator import Inputs

_WARNINGS = (
    r"`torch\.jit\.script` is deprecated",  # the toolkit decorates a function with it when imported
)
_SURVEY = "Wu et al. 2020 (arXiv 2004.09602)"


class PytorchQuantization(Adapter):
    """Per-channel symmetric max weights; activations symmetric, or unsigned where none is negative."""

    name: ClassVar[str] = "pytorch_quantization"
    requires: ClassVar[tuple[str, ...]] = ("pytorch-quantization",)
    methods: ClassVar[Mapping[str, Method]] = {
        "ptq-max": Method(
            title="Largest magnitude",
            kind="ptq",
            reference=f"{_SURVEY}: the range ends at the largest magnitude seen in calibration.",
        ),
        "ptq-percentile": Method(
            title="Percentile of magnitudes",
            kind="ptq",
            reference=f"{_SURVEY}: 0.001 % of the magnitudes seen in calibration are clipped.",
            options={"amax": {"method": "percentile", "percentile": 99.999}},
        ),
        "ptq-entropy": Method(
            title="KL-divergence ranges",
            kind="ptq",
            reference="Migacz 2017 (TensorRT): the clip that changes the distribution of magnitudes least.",
            # Every sixteenth of the histogram's bins: trying all takes minutes of Python per network.
            options={"amax": {"method": "entropy", "stride": 16}},
        ),
        "ptq-mse": Method(
            title="MSE-optimal ranges",
            kind="ptq",
            reference=f"{_SURVEY}: the clip of least squared rounding error on the histogram.",
            options={"amax": {"method": "mse"}},
        ),
        "ptq-max-tensor": Method(
            title="Largest magnitude, one weight scale per layer",
            kind="ptq",
            reference=f"{_SURVEY}, per-tensor weights: the price of doing without a scale per channel.",
            options={"per_tensor": True},
        ),
        "qat-max": Method(
            title="Straight-through rounding in calibrated ranges; calibrated start for QAT",
            kind="qat",
            reference=f"{_SURVEY}, section 5: fixed ranges, trained weights. Without a recipe it is as "
            "calibrated.",
            trainable=True,
        ),
        "qat-learn-amax": Method(
            title="Learned activation ranges; calibrated start for QAT",
            kind="qat",
            reference="Choi et al. 2018 (arXiv 1805.06085), activations clipped at learned values: the "
            "toolkit's `learn_amax`. Without a recipe it is as calibrated.",
            options={"learn_amax": True},
            trainable=True,
        ),
    }

    def supports(self, cell: Cell) -> Skip | None:
        """Integer widths from 2 to 8; the MSE search only with a GPU."""
        if cell.method == "ptq-mse":
            import torch

            if not torch.cuda.is_available():
                return Skip(
                    "pytorch-quantization 2.1.3 searches MSE ranges on a CUDA device only, and none is here: "
                    "take ptq-percentile here, or another backend's ptq-mse"
                )
        return beyond_integers(cell, "pytorch-quantization")

    def quantize(self, generator: nn.Module, calibration: Iterable[Inputs], cell: Cell) -> nn.Module:
        """Swap the layers, collect statistics in one pass, set the ranges."""
        import torch

        from ganqbench.adapters._isolation import isolated

        options = self.methods[cell.method].options
        with isolated(cell.seed, _WARNINGS), _quiet_toolkit(), torch.no_grad():
            model = _swapped(generator.eval(), cell.bits, options)
            _calibrate(model, calibration, options.get("amax", {}))
        return model


@contextmanager
def _quiet_toolkit() -> Iterator[None]:
    """Mute the toolkit, which reports each quantizer's every step at warning level.

    The root logger's handlers are put back afterwards: the toolkit's import adds one, and its
    log calls (absl's) configure another where there is none.
    """
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    import pytorch_quantization  # noqa: F401

    toolkit = logging.getLogger("absl")
    disabled, toolkit.disabled = toolkit.disabled, True
    try:
        yield
    finally:
        toolkit.disabled = disabled
        root.handlers[:] = handlers
        root.setLevel(level)


def _swapped(module: nn.Module, bits: Bits, options: Mapping[str, Any]) -> nn.Module:
    """The module, or what the toolkit has in its place; children are swapped inside.

    The toolkit's own way rebinds the names in torch.nn, for the whole process.
    """
    from pytorch_quantization import nn as qnn
    from pytorch_quantization.tensor_quant import QuantDescriptor
    from torch import nn

    from ganqbench.adapters._matmul import QuantMatMul
    from ganqbench.zoo.layers import MatMul

    operand = QuantDescriptor(
        num_bits=bits.activations,
        calib_method="histogram" if "amax" in options else "max",
        learn_amax=options.get("learn_amax", False),
    )
    if isinstance(module, MatMul):
        return QuantMatMul(qnn.TensorQuantizer(operand), qnn.TensorQuantizer(operand))
    if isinstance(module, nn.Linear):
        channel = 0
        layer = qnn.QuantLinear
        shape = {"in_features": module.in_features, "out_features": module.out_features}
    elif isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        transposed = isinstance(module, nn.ConvTranspose2d)
        # The toolkit's default for the transposed layer is 0 as well, its input channels.
        channel = 1 if transposed else 0
        layer = qnn.QuantConvTranspose2d if transposed else qnn.QuantConv2d
        names = ["in_channels", "out_channels", "kernel_size", "stride", "padding", "dilation", "groups"]
        names += ["padding_mode", "output_padding"] if transposed else ["padding_mode"]
        shape = {name: getattr(module, name) for name in names}
    else:
        for name, child in module.named_children():
            setattr(module, name, _swapped(child, bits, options))
        return module
    weight = QuantDescriptor(num_bits=bits.weights, axis=None if options.get("per_tensor") else (channel,))
    quantized: Any = layer(
        **shape, bias=module.bias is not None, quant_desc_input=operand, quant_desc_weight=weight
    )
    quantized.weight = module.weight
    quantized.bias = module.bias
    return quantized.eval()  # type: ignore[no-any-return]


def _calibrate(model: nn.Module, calibration: Iterable[Inputs], amax: Mapping[str, Any]) -> None:
    from pytorch_quantization.nn import TensorQuantizer

    quantizers: dict[str, Any] = {
        name: module for name, module in model.named_modules() if isinstance(module, TensorQuantizer)
    }
    signed: set[nn.Module] = set()

    def note_sign(quantizer: nn.Module, operands: tuple[Tensor, ...]) -> None:
        if operands[0].min() < 0:
            signed.add(quantizer)

    for quantizer in quantizers.values():
        quantizer.disable_quant()
        quantizer._if_clip = False  # a learned range starts at 1 and would clip what is to be calibrated
        quantizer.enable_calib()
    hooks = [quantizer.register_forward_pre_hook(note_sign) for quantizer in quantizers.values()]
    for inputs in calibration:
        model(*inputs)
    for hook in hooks:
        hook.remove()

    for name, quantizer in quantizers.items():
        activation = not name.endswith("_weight_quantizer")
        if activation and quantizer not in signed:
            _make_unsigned(quantizer)
        quantizer.load_calib_amax(**(amax if activation else {}))
        quantizer.disable_calib()
        if quantizer._learn_amax:
            quantizer.init_learn_amax()
            quantizer.enable_clip()
        quantizer.enable_quant()


def _make_unsigned(quantizer: Any) -> None:
    """Give a non-negative operand, as after a ReLU, all the levels."""
    quantizer.unsigned = True
    quantizer._calibrator._unsigned = True  # the searches count levels by it
    quantizer.register_forward_pre_hook(_saturate)


def _saturate(quantizer: nn.Module, operands: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """Values below an unsigned range become 0; the toolkit raises TypeError there."""
    return (operands[0].clamp_min(0), *operands[1:])
