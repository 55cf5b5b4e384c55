"""torch.ao's FX graph mode: fake quantizers on the operands of every weighted operation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from ganqbench.adapter import Adapter, Method, Skip
from ganqbench.adapters._widths import beyond_integers

if TYPE_CHECKING:
    from torch import fx, nn
    from torch.ao.quantization import QConfigMapping
    from torch.ao.quantization.backend_config import BackendConfig
    from torch.ao.quantization.fx.custom_config import PrepareCustomConfig

    from ganqbench.cell import Bits, Cell
    from ganqbench.zoo.generator import Inputs

_WARNINGS = (
    "torch.ao.quantization is deprecated and will be removed in 2.10",  # it is still in 2.14
)


class TorchAO(Adapter):
    """Per-channel symmetric min-max weights, per-tensor asymmetric activations, float biases.

    Returned is the prepared graph with its fake quantizers, not the converted one: the converted
    graph exists for 8 bits only.
    """

    name: ClassVar[str] = "torch_ao"
    requires: ClassVar[tuple[str, ...]] = ("torch",)
    methods: ClassVar[Mapping[str, Method]] = {
        "ptq-minmax": Method(
            title="Min-max ranges",
            kind="ptq",
            reference="Jacob et al. 2018 (arXiv 1712.05877): smallest and largest value seen in calibration.",
            options={"observer": "MinMaxObserver"},
        ),
        "ptq-moving-average": Method(
            title="Moving-average min-max ranges",
            kind="ptq",
            reference="Jacob et al. 2018 (arXiv 1712.05877): exponential average over calibration batches.",
            # torch's own 0.01 is for thousands of training steps: a calibration would end where it began.
            options={"observer": "MovingAverageMinMaxObserver", "settings": {"averaging_constant": 0.1}},
        ),
        "ptq-histogram": Method(
            title="L2-optimal ranges from a histogram",
            kind="ptq",
            reference="torch.ao's HistogramObserver, after Caffe2's L2 norm minimization.",
            options={"observer": "HistogramObserver"},
        ),
        "ptq-minmax-tensor": Method(
            title="Min-max ranges, one weight scale per layer",
            kind="ptq",
            reference="Jacob et al. 2018 (arXiv 1712.05877), per-layer weights: the price of doing without "
            "a scale per channel.",
            options={"observer": "MinMaxObserver", "per_tensor": True},
        ),
        "qat-minmax": Method(
            title="Straight-through rounding in min-max ranges; calibrated start for QAT",
            kind="qat",
            reference="Jacob et al. 2018 (arXiv 1712.05877): fake quantization in training. Without a "
            "recipe it is as calibrated.",
            options={"observer": "MinMaxObserver"},
            trainable=True,
        ),
        "qat-lsq": Method(
            title="Learned scales and zero points (LSQ+); calibrated start for QAT",
            kind="qat",
            reference="Esser et al. 2020 (arXiv 1902.08153) and Bhalgat et al. 2020 (arXiv 2004.09576), as "
            "torch.ao's learnable fake quantizer. Without a recipe it is as calibrated.",
            options={"observer": "HistogramObserver", "learn": True},
            trainable=True,
        ),
    }

    def supports(self, cell: Cell) -> Skip | None:
        """Integer widths from 2 to 8."""
        return beyond_integers(cell, "torch.ao")

    def quantize(self, generator: nn.Module, calibration: Iterable[Inputs], cell: Cell) -> nn.Module:
        """Trace, insert fake quantizers, observe, fix the ranges."""
        import torch

        from ganqbench.adapters._isolation import isolated
        from ganqbench.adapters._learnable import make_learnable

        options = self.methods[cell.method].options
        example = next(iter(calibration))
        with isolated(cell.seed, _WARNINGS), torch.no_grad():
            from torch.ao.quantization.quantize_fx import prepare_qat_fx

            # QAT's preparation, because the other one leaves weights to the conversion.
            model = prepare_qat_fx(
                generator.eval(),
                _qconfigs(cell.bits, options),
                example,
                prepare_custom_config=_untraced(generator),
                backend_config=_operands(),
            )
            _drop_result_quantizers(model)
            _calibrate(model.eval(), calibration)
            if options.get("learn"):
                make_learnable(model)
        return model


def _untraced(generator: nn.Module) -> PrepareCustomConfig:
    """Subclasses of a batch norm, whose check of the input's shape torch.fx can't follow."""
    from torch.ao.quantization.fx.custom_config import PrepareCustomConfig
    from torch.nn.modules.batchnorm import _BatchNorm

    norms = {type(module) for module in generator.modules() if isinstance(module, _BatchNorm)}
    return PrepareCustomConfig().set_non_traceable_module_classes(
        sorted(norms, key=lambda norm: norm.__name__)
    )


def _operands() -> BackendConfig:
    """What gets quantized, as torch.ao describes a backend: weighted layers and batched products."""
    import torch
    from torch import nn
    from torch.ao.nn import qat
    from torch.ao.quantization.backend_config import (
        BackendConfig,
        BackendPatternConfig,
        DTypeConfig,
        ObservationType,
    )

    from ganqbench.adapters._qat_conv_transpose import QATConvTranspose2d

    dtypes = DTypeConfig(torch.quint8, torch.quint8, torch.qint8, torch.float)
    layers: dict[Any, type[nn.Module] | None] = {
        nn.Conv2d: qat.Conv2d,
        nn.ConvTranspose2d: QATConvTranspose2d,
        nn.Linear: qat.Linear,
        torch.bmm: None,
    }
    backend = BackendConfig("operands")
    for layer, quantized in layers.items():
        pattern = (
            BackendPatternConfig(layer)
            .set_dtype_configs([dtypes])
            .set_observation_type(ObservationType.OUTPUT_USE_DIFFERENT_OBSERVER_AS_INPUT)
        )
        if quantized is not None:
            pattern.set_root_module(layer).set_qat_module(quantized)
        backend.set_backend_pattern_config(pattern)
        if quantized is not None:
            # After the swap the graph holds the other class, which has to match as well.
            backend.set_backend_pattern_config(
                BackendPatternConfig(quantized)
                .set_dtype_configs([dtypes])
                .set_root_module(layer)
                .set_observation_type(ObservationType.OUTPUT_USE_DIFFERENT_OBSERVER_AS_INPUT)
            )
    return backend


def _qconfigs(bits: Bits, options: Mapping[str, Any]) -> QConfigMapping:
    import torch
    from torch import nn
    from torch.ao.quantization import FakeQuantize, QConfig, QConfigMapping
    from torch.ao.quantization import observer as observers

    activation = partial(
        FakeQuantize,
        observer=getattr(observers, options["observer"]),
        dtype=torch.quint8,
        quant_min=0,
        quant_max=2**bits.activations - 1,
        **options.get("settings", {}),
    )

    def config(output_channel: int) -> QConfig:
        per_channel = {
            "observer": observers.PerChannelMinMaxObserver,
            "qscheme": torch.per_channel_symmetric,
            "ch_axis": output_channel,
        }
        per_tensor = {"observer": observers.MinMaxObserver, "qscheme": torch.per_tensor_symmetric}
        weight = partial(
            FakeQuantize,
            **(per_tensor if options.get("per_tensor") else per_channel),
            dtype=torch.qint8,
            quant_min=-(2 ** (bits.weights - 1)),
            quant_max=2 ** (bits.weights - 1) - 1,
        )
        return QConfig(activation=activation, weight=weight)  # type: ignore[no-untyped-call]

    return QConfigMapping().set_global(config(0)).set_object_type(nn.ConvTranspose2d, config(1))


def _drop_result_quantizers(model: fx.GraphModule) -> None:
    """Erase the fake quantizers that feed no quantized operation.

    FX has one setting for operands and results, and so rounds every result too, although what
    follows (a norm, a sum, tanh) runs in floating point.
    """
    import torch
    from torch.ao.quantization import FakeQuantize

    modules = dict(model.named_modules())

    def takes_quantized(node: fx.Node) -> bool:
        return node.target is torch.bmm or hasattr(modules.get(str(node.target)), "weight_fake_quant")

    for node in list(model.graph.nodes):
        if isinstance(modules.get(str(node.target)), FakeQuantize) and not any(
            map(takes_quantized, node.users)
        ):
            node.replace_all_uses_with(node.args[0])
            model.graph.erase_node(node)
            model.delete_submodule(node.target)
    model.recompile()


def _calibrate(model: fx.GraphModule, calibration: Iterable[Inputs]) -> None:
    import torch
    from torch.ao.quantization import FakeQuantize, HistogramObserver

    layers: list[Any] = [module for module in model.modules() if hasattr(module, "weight_fake_quant")]
    for layer in layers:
        layer.weight_fake_quant(layer.weight)
        layer.weight_fake_quant.disable_observer()

    weights = {layer.weight_fake_quant for layer in layers}
    activations = [m for m in model.modules() if isinstance(m, FakeQuantize) and m not in weights]
    for module in activations:
        module.disable_observer()
        module.disable_fake_quant()
        observer = module.activation_post_process
        if isinstance(observer, HistogramObserver):
            # It would otherwise choose the best range for 256 levels, whatever quant_max says.
            observer.dst_nbins = observer.quant_max - observer.quant_min + 1
    # FakeQuantize itself would search a histogram's range anew after each batch.
    hooks = [module.register_forward_pre_hook(_observe) for module in activations]
    for inputs in calibration:
        model(*inputs)
    for hook in hooks:
        hook.remove()

    for module in activations:
        module.enable_observer()
        module(torch.empty(0))  # adds nothing to the statistics, stores scale and zero point
        module.disable_observer()
        module.enable_fake_quant()


def _observe(module: Any, operands: tuple[Any, ...]) -> None:
    module.activation_post_process(operands[0])
