"""torchao's PT2E: an exported graph whose operands really are integers, multiplied after scaling back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from ganqbench.adapter import Adapter, Method, Skip
from ganqbench.adapters._widths import beyond_integers

if TYPE_CHECKING:
    from torch import fx, nn

    from ganqbench.cell import Cell
    from ganqbench.zoo.generator import Inputs

_WARNINGS: tuple[str, ...] = ()


class TorchAOPT2E(Adapter):
    """Per-channel symmetric min-max weights, per-tensor asymmetric activations, float biases."""

    name: ClassVar[str] = "torchao"
    requires: ClassVar[tuple[str, ...]] = ("torchao",)
    methods: ClassVar[Mapping[str, Method]] = {
        "pt2e-minmax": Method(
            title="Min-max ranges",
            kind="ptq",
            reference="Jacob et al. 2018 (arXiv 1712.05877): smallest and largest value seen in calibration.",
            options={"observer": "MinMaxObserver"},
        ),
        "pt2e-moving-average": Method(
            title="Moving-average min-max ranges",
            kind="ptq",
            reference="Jacob et al. 2018 (arXiv 1712.05877): exponential average over calibration batches.",
            options={"observer": "MovingAverageMinMaxObserver", "settings": {"averaging_constant": 0.1}},
        ),
        "pt2e-histogram": Method(
            title="L2-optimal ranges from a histogram",
            kind="ptq",
            reference="torchao's HistogramObserver, after Caffe2's L2 norm minimization.",
            options={"observer": "HistogramObserver"},
        ),
        "x86-inductor": Method(
            title="What inductor's integer kernels for x86 take (no transposed convolutions)",
            kind="ptq",
            reference="torchao's X86InductorQuantizer as it comes: histogram ranges, 8 bits.",
            options={"x86": True},
        ),
    }

    def supports(self, cell: Cell) -> Skip | None:
        """Integer widths from 2 to 8; X86InductorQuantizer only where it quantizes all there is."""
        if cell.method == "x86-inductor":
            if cell.architecture != "sagan":
                return Skip(
                    "X86InductorQuantizer leaves transposed convolutions in floating point without a word, "
                    f"and {cell.architecture} has them: take torchao.pt2e-histogram"
                )
            if (cell.bits.weights, cell.bits.activations) != (8, 8):
                return Skip("X86InductorQuantizer knows 8-bit weights and activations only: ask for W8A8")
        return beyond_integers(cell, "torchao's PT2E")

    def quantize(self, generator: nn.Module, calibration: Iterable[Inputs], cell: Cell) -> nn.Module:
        """Export, insert observers, calibrate, convert."""
        import torch

        from ganqbench.adapters._isolation import isolated, muted

        options = self.methods[cell.method].options
        with isolated(cell.seed, _WARNINGS), muted(), torch.no_grad():
            from torchao.quantization.pt2e import allow_exported_model_train_eval
            from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e

            from ganqbench.adapters._pt2e import OperandQuantizer, Wrapped, hide_scalar_sums, x86_quantizer

            exported = _export(_exportable(generator.eval()), next(iter(calibration)))
            if options.get("x86"):
                hide_scalar_sums(exported)
                quantizer = x86_quantizer()
            else:
                quantizer = OperandQuantizer(cell.bits, options["observer"], options.get("settings", {}))
            prepared = prepare_pt2e(exported, quantizer)
            for observer in prepared.modules():
                if hasattr(observer, "dst_nbins"):  # its search assumes 256 levels, whatever it was given
                    observer.dst_nbins = observer.quant_max - observer.quant_min + 1
            for inputs in calibration:
                prepared(*inputs)
            model: fx.GraphModule = convert_pt2e(prepared)
            allow_exported_model_train_eval(model)  # or else .eval() would raise
            return Wrapped(model).eval()


def _export(model: nn.Module, example: Inputs) -> fx.GraphModule:
    """The graph of the model for any number of items."""
    import torch

    batch: Any = torch.export.Dim.DYNAMIC
    exported = torch.export.export(model, example, dynamic_shapes=[{0: batch} for _ in example])
    return exported.module()


def _exportable(module: nn.Module) -> nn.Module:
    """The module with products and batch norms in the form that PT2E handles well.

    Products become `torch.matmul`, which quantizers know, instead of `torch.bmm`. Norms become
    arithmetic: where convert_pt2e finds one it traces a hundred patterns of QAT anew, for minutes.
    """
    from torch.nn.modules.batchnorm import _BatchNorm

    from ganqbench.adapters._matmul import PlainMatMul
    from ganqbench.adapters._pt2e import FrozenNorm
    from ganqbench.zoo.layers import MatMul

    for name, child in module.named_children():
        if isinstance(child, MatMul):
            setattr(module, name, PlainMatMul())
        elif isinstance(child, _BatchNorm):
            setattr(module, name, FrozenNorm(child))
        else:
            _exportable(child)
    return module
