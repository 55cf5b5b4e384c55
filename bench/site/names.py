"""How the board names things. Records carry slugs; what is unknown here is shown as its slug."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from ganqbench.adapter import Adapter, Method, adapter_names, load_adapter
from ganqbench.errors import UserError


@dataclass(frozen=True)
class Backend:
    """A backend's label and mark. The stylesheet has a colour per `slug`, neutral for `other`."""

    label: str
    slug: str
    shape: str


@dataclass(frozen=True)
class Gan:
    """A generator's heading: what it is called, what it makes."""

    title: str
    short: str
    kicker: str


# Colour and shape belong to a backend on every page, so they are given out once, here.
BACKENDS: Mapping[str, Backend] = {
    "fp32": Backend("PyTorch", "fp32", "spike"),
    "brevitas": Backend("Brevitas", "brevitas", "circle"),
    "pytorch_quantization": Backend("pytorch-quantization", "pytorch-quantization", "square"),
    "torch_ao": Backend("torch.ao FX", "torch-ao", "triangle"),
    "torchao": Backend("torchao PT2E", "pt2e", "diamond"),
    "ganq": Backend("ganq (ours)", "ganq", "star"),
    "modelopt": Backend("ModelOpt", "modelopt", "hexagon"),
    "onnxruntime": Backend("ONNX Runtime", "onnxruntime", "plus"),
    "openvino": Backend("OpenVINO", "openvino", "wedge"),
}
GANS: Mapping[str, Gan] = {
    "cyclegan-vintagify": Gan("CycleGAN vintagify", "CycleGAN", "Photograph to vintage photograph"),
    "cyclegan-edges2emoji": Gan("CycleGAN edges2emoji", "edges2emoji", "Drawing to emoji"),
    "cyclegan-emoji2edges": Gan("CycleGAN emoji2edges", "emoji2edges", "Emoji to drawing"),
    "sagan-cifar10": Gan("SAGAN CIFAR-10", "SAGAN", "Class-conditional images, CIFAR-10"),
    "stylegan2-cifar10": Gan("StyleGAN2 CIFAR-10", "StyleGAN2", "Class-conditional images, CIFAR-10"),
    "stylegan2-ada-cifar10": Gan("StyleGAN2-ADA", "StyleGAN2-ADA", "Class-conditional images, CIFAR-10"),
    "stylegan2-ffhq256": Gan("StyleGAN2", "FFHQ 256", "Unconditional faces, FFHQ"),
    "stylegan2-ffhq1024": Gan("StyleGAN2", "FFHQ 1024", "Unconditional faces, FFHQ"),
    "sagan-imagenet128": Gan("SAGAN ImageNet", "ImageNet 128", "Class-conditional images, ImageNet"),
    "cyclegan-horse2zebra": Gan("CycleGAN horse2zebra", "horse2zebra", "Horse to zebra"),
    "cyclegan-zebra2horse": Gan("CycleGAN zebra2horse", "zebra2horse", "Zebra to horse"),
}
# A suite whose answers weigh more stands further in front; those that are read beside another one come last.
SUITE_ORDER = ("paper", "claim", "full", "standard", "mini", "study", "few", "confirm")
BESIDE = frozenset({"study", "few", "confirm"})
"""Suites that say something of another one's rows, and have no best of their own."""
ARCHITECTURES: Mapping[str, str] = {"stylegan2": "StyleGAN2", "sagan": "SAGAN", "cyclegan": "CycleGAN"}
STATES: Mapping[str, str] = {"failed": "\u2715 failed", "skipped": "\u2205 unsupported"}
"""What stands in place of a number. A record says `skipped` where its backend declined the cell."""
KINDS: Mapping[str, str] = {"baseline": "", "ptq": "PTQ", "reconstruction": "Reconstruction", "qat": "QAT"}
RECIPES: Mapping[str, str] = {
    "distill": "distillation",
    "distill-pixel": "distillation, images alone",
    "distill-no-moment": "distillation without moments",
    "distill-no-average": "distillation without averaging",
    "distill-restated": "distillation, norms restated",
    "distill-dampened": "distillation with dampening",
    "distill-long": "long distillation",
    "distill-short": "short distillation",
    "distill-adv": "distillation + adversarial",
    "adversarial": "adversarial",
    "joint": "distillation + quantized adversary",
}
_UNTRAINED = (", as calibrated", "; calibrated start", ": a start for recipes")
"""How titles of methods end that wait for a recipe."""


def backend(adapter: str) -> Backend:
    """Label and mark of an adapter."""
    return BACKENDS.get(adapter, Backend(adapter, "other", "ring"))


def backend_rank(adapter: str) -> tuple[int, str]:
    """Sort key: backends in the order of `BACKENDS`, unknown ones last."""
    known = list(BACKENDS)
    return known.index(adapter) if adapter in known else len(known), adapter


def gan(name: str) -> Gan:
    """Heading of a GAN."""
    return GANS.get(name, Gan(name, name, "Generator"))


def suite_rank(name: str) -> tuple[int, str]:
    """Sort key that puts the suite whose answers count most first and unknown ones last."""
    known = SUITE_ORDER.index(name) if name in SUITE_ORDER else len(SUITE_ORDER)
    return known, name


@cache
def adapters() -> Mapping[str, Adapter | None]:
    """Every registered adapter; None for one that can't be loaded here, whose records are shown by slugs."""
    return {name: _loaded(name) for name in adapter_names()}


def _loaded(name: str) -> Adapter | None:
    try:
        return load_adapter(name)
    except UserError:
        return None


def _method(adapter: str, method: str) -> Method | None:
    found = adapters().get(adapter)
    return found.methods.get(method) if found else None


def method_title(adapter: str, method: str, recipe: str | None) -> str:
    """What a method is called, with the recipe that fine-tunes it."""
    known = _method(adapter, method)
    title = known.title if known else method
    if recipe is None:
        return title
    for ending in _UNTRAINED:
        title = title.split(ending)[0]
    return f"{title} + {RECIPES.get(recipe, recipe)}"


def method_reference(adapter: str, method: str) -> str | None:
    """Where a method comes from, in a line."""
    known = _method(adapter, method)
    return known.reference if known else None


def method_kind(adapter: str, method: str, recipe: str | None) -> str:
    """PTQ, Reconstruction or QAT; empty for the baseline and for methods nobody here knows."""
    if recipe:
        return "QAT"
    known = _method(adapter, method)
    return KINDS.get(known.kind, "") if known else ""
