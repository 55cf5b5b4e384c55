"""Adapters of another distribution that do what adapters must not do, and one honest one."""

from __future__ import annotations

import copy
import os
import time
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import torch
from torch import nn

from ganqbench.adapter import Adapter, Method, Skip
from ganqbench.cell import Cell
from ganqbench.zoo.generator import Inputs


def method(title: str) -> Method:
    return Method(title=title, kind="ptq", reference="tests")


class Grid(nn.Module):
    """Wrap a layer: its input and weight go onto grids of a fixed step."""

    def __init__(self, layer: nn.Conv2d | nn.ConvTranspose2d, weight_bits: int, activation_bits: int) -> None:
        super().__init__()
        self.layer = layer
        self.levels = 2**activation_bits - 1
        top = 2 ** (weight_bits - 1) - 1
        dims = (0, 2, 3) if isinstance(layer, nn.ConvTranspose2d) else (1, 2, 3)
        step = layer.weight.detach().abs().amax(dims, keepdim=True) / top
        layer.weight.data = (layer.weight.data / step).round().clamp(-top, top) * step
        self.register_buffer("step", torch.tensor(0.0))
        self.register_buffer("low", torch.tensor(0.0))
        self.observing = True

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.observing:
            self.step = torch.maximum(self.step, x.abs().max() * 2 / self.levels)
            return self.layer(x)
        half = (self.levels + 1) // 2
        return self.layer((x / self.step).round().clamp(-half, half - 1) * self.step)


def honest(generator: nn.Module, calibration: Iterable[Inputs], cell: Cell) -> nn.Module:
    for module in list(generator.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, nn.Conv2d | nn.ConvTranspose2d):
                setattr(module, name, Grid(child, cell.bits.weights, cell.bits.activations))
    with torch.no_grad():
        for inputs in calibration:
            generator(*inputs)
    for module in generator.modules():
        if isinstance(module, Grid):
            module.observing = False
    return generator


class Poisoned(nn.Module):
    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, *inputs: torch.Tensor) -> torch.Tensor:
        return self.inner(*inputs) * float("nan")


class Unstable(nn.Module):
    """Its first gradient is no number."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner
        self.zero = nn.Parameter(torch.zeros(1))

    def forward(self, *inputs: torch.Tensor) -> torch.Tensor:
        return self.inner(*inputs) + 0 * self.zero.sqrt()


class Turncoat(nn.Module):
    """Is the full-precision generator in some of its calls, and the quantized one in the others."""

    def __init__(self, quantized: nn.Module, full: nn.Module, calls: range) -> None:
        super().__init__()
        self.quantized, self.full, self.calls, self.made = quantized, full, calls, 0

    def forward(self, *inputs: torch.Tensor) -> torch.Tensor:
        self.made += 1
        return (self.full if self.made in self.calls else self.quantized)(*inputs)


def patch_convolutions() -> None:
    """Make every convolution of the process, the full-precision generator's too, one of 8 bits."""
    plain = torch.conv2d

    def coarse(x: torch.Tensor) -> torch.Tensor:
        step = x.abs().max() / 127
        return (x / step).round() * step

    def conv2d(x: torch.Tensor, weight: torch.Tensor, *rest: object) -> torch.Tensor:
        return plain(coarse(x), coarse(weight), *rest)

    torch.nn.functional.conv2d = conv2d


class Faulty(Adapter):
    name = "faulty"
    requires = ("faulty",)
    methods = {
        name: method(name)
        for name in (
            "honest",
            "fp32",
            "none",
            "nan",
            "raises",
            "hangs",
            "exits",
            "killed",
            "shape",
            "forks",
            "marked",
            "flaky",
            "turncoat",
            "returns",
            "patches",
            "gpu",
        )
    } | {name: replace(method(name), trainable=True) for name in ("trainable", "unstable")}

    def supports(self, cell: Cell) -> Skip | None:
        seen = os.environ.get("CUDA_VISIBLE_DEVICES")
        return Skip("it needs a GPU") if cell.method == "gpu" and not seen else None

    def quantize(self, generator: nn.Module, calibration: Iterable[Inputs], cell: Cell) -> nn.Module:
        match cell.method:
            case "none":
                return None  # type: ignore[return-value]
            case "nan":
                return Poisoned(honest(generator, calibration, cell))
            case "unstable":
                return Unstable(honest(generator, calibration, cell))
            case "shape":
                return nn.Sequential(honest(generator, calibration, cell), nn.Flatten())
            case "raises":
                raise RuntimeError("the backend <b>broke</b>")
            case "hangs":
                time.sleep(3600)
            case "forks":
                if os.fork() == 0:
                    Path(os.environ["FAULTY_MARKS"]).write_text(str(os.getpid()))
                    time.sleep(3600)
            case "exits":
                os._exit(7)
            case "killed":
                os.kill(os.getpid(), 9)
            case "flaky":
                # The first process that comes here dies, the second finds the mark.
                mark = Path(os.environ["FAULTY_MARKS"])
                if not mark.exists():
                    mark.touch()
                    os.kill(os.getpid(), 9)
            case "fp32":
                return generator
            case "turncoat":
                quantized = honest(copy.deepcopy(generator), calibration, cell)
                return Turncoat(quantized, generator, range(8, 10**9))
            case "returns":
                quantized = honest(copy.deepcopy(generator), calibration, cell)
                return Turncoat(quantized, generator, range(8, 9))
            case "patches":
                generator = honest(generator, calibration, cell)
                patch_convolutions()
                return generator
            case "marked":
                # Leaves one line per time the cell really ran.
                with Path(os.environ["FAULTY_MARKS"]).open("a") as file:
                    file.write(f"{cell.seed}\n")
                time.sleep(float(os.environ.get("FAULTY_SLEEP", "0")))
        return honest(generator, calibration, cell)


class Absent(Adapter):
    name = "absent"
    requires = ("a-distribution-that-nobody-has",)
    methods = {"ptq": method("ptq")}  # noqa: RUF012

    def quantize(self, generator: nn.Module, calibration: Iterable[Inputs], cell: Cell) -> nn.Module:
        raise AssertionError("never reached")
