"""The methods of adapter ganq: which quantizers, from which ranges, and what is learned after."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from ganqbench.adapter import Method

_MINMAX = {"weight_range": "minmax", "activation_range": "minmax"}
_PERCENTILE = {"activation_range": "percentile"}
_LEARNED = {"weights": "lsq", "activations": "lsq-plus"}
_LEVELLED = {"equalize": 0.5, "level": True}
_ADAROUND = "Nagel et al. 2020 (arXiv 2004.10568)"
_SMOOTH = "Xiao et al. 2023 (arXiv 2211.10438)"
_EVEN = f"{_SMOOTH}, and this project: each image enters convolutions at one size, taken as it runs"
_GPTQ = "Frantar et al. 2023 (arXiv 2210.17323)"
_ENDS = "wider ends as in Zhou et al. 2016 (arXiv 1606.06160)"
_MIXED = (
    "After HAWQ-V3, Yao et al. 2021 (arXiv 2011.10680): layers that change the images least for the BOPs "
    "they save have 4-bit weights, the others 8 bits."
)
ENDS = (
    *("mapping.embed", "mapping.layers.0"),  # StyleGAN2: what reads class and latent, and the last torgb
    "synthesis.*.torgb",
    *("linear0", "conv2d5"),  # SAGAN
    *("model.1", "model.*"),  # CycleGAN, of any number of blocks
)
"""First and last layers of the three architectures, by their names in the zoo; `*` is the last that fits."""
_TUNED = "Then 60 steps of self-distillation on the calibration inputs."

METHODS: Mapping[str, Method] = MappingProxyType(
    {
        "ptq-minmax": Method(
            title="Min-max ranges",
            kind="ptq",
            reference="Jacob et al. 2018 (arXiv 1712.05877): smallest and largest value of each tensor.",
            options={"scheme": _MINMAX},
            trainable=True,
        ),
        "ptq-percentile": Method(
            title="Percentile ranges",
            kind="ptq",
            reference="McKinstry et al. 2018 (arXiv 1809.04191): 0.001 % of the values clipped on each side; "
            "weights MSE-optimal.",
            options={"scheme": _PERCENTILE},
            trainable=True,
        ),
        "ptq-mse": Method(
            title="MSE-optimal ranges",
            kind="ptq",
            reference="Banner et al. 2019 (arXiv 1810.05723): the clip of least squared rounding error.",
            trainable=True,
        ),
        "ptq-minmax-per-tensor": Method(
            title="Min-max ranges, one step for each weight tensor",
            kind="ptq",
            reference="Jacob et al. 2018 (arXiv 1712.05877), as ptq-minmax but per tensor.",
            options={"scheme": {**_MINMAX, "per_channel": False}},
            trainable=True,
        ),
        "ptq-mse-per-tensor": Method(
            title="MSE-optimal ranges, one step for each weight tensor",
            kind="ptq",
            reference="Banner et al. 2019 (arXiv 1810.05723), as ptq-mse but per tensor.",
            options={"scheme": {"per_channel": False}},
            trainable=True,
        ),
        "ptq-dynamic": Method(
            title="Dynamic activations: min-max of each sample as it comes (control)",
            kind="ptq",
            reference="Krishnamoorthi 2018 (arXiv 1806.08342): ranges taken at run time; weights "
            "MSE-optimal. A control: no static integer kernel can run it.",
            options={"scheme": {"activations": "dynamic"}},
            trainable=True,
        ),
        "adaround": Method(
            title="AdaRound: learned rounding, layer by layer",
            kind="reconstruction",
            reference=f"{_ADAROUND}: whether each weight is rounded up or down, for the layer's output.",
            options={"then": "adaround"},
            trainable=True,
        ),
        "brecq": Method(
            title="BRECQ: learned rounding and steps, block by block",
            kind="reconstruction",
            reference="Li et al. 2021 (arXiv 2102.05426): AdaRound and learned activation steps for the "
            "block's output, weighed by the squared gradient of the images' error.",
            options={"then": "reconstruct"},
            trainable=True,
        ),
        "qdrop": Method(
            title="QDrop: block by block with randomly dropped quantization",
            kind="reconstruction",
            reference="Wei et al. 2022 (arXiv 2203.05740): as BRECQ without weighing, half of the "
            "activations left unquantized by chance while learning.",
            options={"then": "reconstruct", "plan": {"keep": 0.5, "weigh": False, "step_iterations": 0}},
            trainable=True,
        ),
        "lsq": Method(
            title="LSQ: learned steps",
            kind="qat",
            reference="Esser et al. 2020 (arXiv 1902.08153): steps learned, no zero points. " + _TUNED,
            options={"scheme": {"weights": "lsq", "activations": "lsq"}, "then": "distill"},
            trainable=True,
        ),
        "lsq-plus": Method(
            title="LSQ+: learned steps and offsets",
            kind="qat",
            reference="Bhalgat et al. 2020 (arXiv 2004.09576): as LSQ, activations with a learned offset. "
            + _TUNED,
            options={"scheme": _LEARNED, "then": "distill"},
            trainable=True,
        ),
        "qat-lsq": Method(
            title="Learned steps and offsets, as calibrated: a start for recipes",
            kind="qat",
            reference="Bhalgat et al. 2020 (arXiv 2004.09576); MSE-optimal ranges at first.",
            options={"scheme": _LEARNED},
            trainable=True,
        ),
        "smooth": Method(
            title="SmoothQuant, then MSE-optimal ranges",
            kind="ptq",
            reference=f"{_SMOOTH}, alpha 0.5: input channels evened out.",
            options={"scheme": {"equalize": 0.5}},
            trainable=True,
        ),
        "qat-smooth-lsq": Method(
            title="SmoothQuant and learned steps and offsets, as calibrated: a start for recipes",
            kind="qat",
            reference=f"{_SMOOTH}, then Bhalgat et al. 2020 (arXiv 2004.09576).",
            options={"scheme": {"equalize": 0.5, **_LEARNED}},
            trainable=True,
        ),
        "smooth-gptq": Method(
            title="SmoothQuant, then rounding with compensation",
            kind="reconstruction",
            reference=f"{_SMOOTH}, then {_GPTQ}, from inputs as quantized.",
            options={"scheme": {"equalize": 0.5}, "then": "compensate"},
            trainable=True,
        ),
        "smooth-gptq-ends8": Method(
            title="SmoothQuant, then rounding with compensation, 8-bit ends",
            kind="reconstruction",
            reference=f"{_SMOOTH}, then {_GPTQ}; {_ENDS}.",
            options={"scheme": {"equalize": 0.5, "ends": 8}, "then": "compensate"},
            trainable=True,
            exempt=ENDS,
        ),
        "qat-smooth-gptq": Method(
            title="SmoothQuant, rounding with compensation, learned steps and offsets: a start for recipes",
            kind="qat",
            reference=f"{_SMOOTH}, {_GPTQ}, then Bhalgat et al. 2020 (arXiv 2004.09576).",
            options={
                "scheme": {"equalize": 0.5, **_LEARNED},
                "then": "compensate",
            },
            trainable=True,
        ),
        "qat-smooth-gptq-ends8": Method(
            title="SmoothQuant, rounding with compensation, learned steps and offsets, 8-bit ends: "
            "a start for recipes",
            kind="qat",
            reference=f"{_SMOOTH}, {_GPTQ}, then Bhalgat et al. 2020 (arXiv 2004.09576); {_ENDS}.",
            options={
                "scheme": {"equalize": 0.5, **_LEARNED, "ends": 8},
                "then": "compensate",
            },
            trainable=True,
            exempt=ENDS,
        ),
        "even": Method(
            title="Channels and images evened out, then MSE-optimal ranges",
            kind="ptq",
            reference=f"{_EVEN}.",
            options={"scheme": _LEVELLED},
            trainable=True,
        ),
        "even-gptq": Method(
            title="Channels and images evened out, then rounding with compensation",
            kind="reconstruction",
            reference=f"{_EVEN}; then {_GPTQ}, from inputs as quantized.",
            options={"scheme": _LEVELLED, "then": "compensate"},
            trainable=True,
        ),
        "even-gptq-ends8": Method(
            title="Channels and images evened out, then rounding with compensation, 8-bit ends",
            kind="reconstruction",
            reference=f"{_EVEN}; then {_GPTQ}; {_ENDS}.",
            options={"scheme": {**_LEVELLED, "ends": 8}, "then": "compensate"},
            trainable=True,
            exempt=ENDS,
        ),
        "qat-even-gptq": Method(
            title="Channels and images evened out, rounding with compensation, learned steps and offsets: "
            "a start for recipes",
            kind="qat",
            reference=f"{_EVEN}; {_GPTQ}, then Bhalgat et al. 2020 (arXiv 2004.09576).",
            options={"scheme": {**_LEVELLED, **_LEARNED}, "then": "compensate"},
            trainable=True,
        ),
        "qat-even-gptq-ends8": Method(
            title="Channels and images evened out, rounding with compensation, learned steps and offsets, "
            "8-bit ends: a start for recipes",
            kind="qat",
            reference=f"{_EVEN}; {_GPTQ}, then Bhalgat et al. 2020 (arXiv 2004.09576); {_ENDS}.",
            options={"scheme": {**_LEVELLED, **_LEARNED, "ends": 8}, "then": "compensate"},
            trainable=True,
            exempt=ENDS,
        ),
        "mixed-75": Method(
            title="Mixed precision: 8- and 4-bit weights, three quarters of the BOPs",
            kind="ptq",
            reference=_MIXED,
            options={"then": "mixed", "share": 0.75},
            trainable=True,
        ),
        "mixed-60": Method(
            title="Mixed precision: 8- and 4-bit weights, six tenths of the BOPs",
            kind="ptq",
            reference=_MIXED,
            options={"then": "mixed", "share": 0.6},
            trainable=True,
        ),
        "pact": Method(
            title="PACT: learned clips",
            kind="qat",
            reference="Choi et al. 2018 (arXiv 1805.06085): the clips of activations learned, weights by "
            "DoReFa. " + _TUNED,
            options={"scheme": {"weights": "dorefa", "activations": "pact"}, "then": "distill"},
            trainable=True,
        ),
        "dorefa": Method(
            title="DoReFa: weights through tanh",
            kind="qat",
            reference="Zhou et al. 2016 (arXiv 1606.06160): latent weights behind tanh, activations clipped "
            "to a fixed range. " + _TUNED,
            options={"scheme": {"weights": "dorefa"}, "then": "distill"},
            trainable=True,
        ),
        "ewgs": Method(
            title="EWGS: element-wise gradient scaling",
            kind="qat",
            reference="Lee et al. 2021 (arXiv 2104.00903): learned bounds, gradients scaled by the rounding "
            "error with delta 0.001. " + _TUNED,
            options={"scheme": {"weights": "ewgs", "activations": "ewgs"}, "then": "distill"},
            trainable=True,
        ),
    }
)
"""By name. `qat-*` are starts for recipes: without one they are as calibrated."""
