"""Bytes of the files that real generators are deployed in, and how little of them is not a weight."""

from __future__ import annotations

import copy

import pytest
from torch import nn

from ganqbench.adapter import load_adapter
from ganqbench.cell import Cell
from ganqbench.deploy.export import deployable, quantized_graph
from ganqbench.deploy.float_graph import float_graph
from ganqbench.harness.gans import ZOO
from ganqbench.zoo.generator import Generator, Inputs

MOST = {"W8A8": 0.28, "W4A8": 0.16}
"""Share of the full-precision file."""


GANS = ("stylegan2-cifar10", "sagan-cifar10", "cyclegan-edges2emoji")
SIDE = 32
"""Pixels of the images that convolutional generators are traced with: files don't depend on them."""


@pytest.fixture(scope="module", params=GANS)
def whole(request: pytest.FixtureRequest) -> tuple[Generator, Inputs, int]:
    generator = ZOO.entry(request.param).load().eval()
    inputs = ZOO.entry(request.param).inputs("calibrate").batch([0, 1])
    inputs = tuple(value[..., :SIDE, :SIDE] if value.ndim == 4 else value for value in inputs)
    return generator, inputs, len(float_graph(generator, inputs).SerializeToString())


@pytest.mark.parametrize("bits", MOST)
def test_files_shrink_with_the_width(whole: tuple[Generator, Inputs, int], bits: str) -> None:
    generator, inputs, size = whole
    cell = Cell.model_validate(
        {"suite": "test", "suite_version": 0, "gan": "some", "adapter": "ganq", "seed": 0}
        | {"method": "ptq-minmax", "bits": bits}
    )
    module = load_adapter("ganq").quantize(copy.deepcopy(generator), [inputs], cell)
    model = quantized_graph(module, generator, inputs)
    assert len(deployable(model)) <= MOST[bits] * size
    layers = (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)
    weights = sum(one.weight.numel() for one in generator.modules() if isinstance(one, layers))
    # The integers themselves are all there: nothing is smaller than its weights.
    assert len(deployable(model)) > weights * int(bits[1]) / 8
