"""Reconstruction of blocks: which blocks there are, what is recorded, and what is learned."""

from __future__ import annotations

import copy
from typing import cast

import pytest
import torch
from torch import Tensor, nn

from ganqbench.adapters.ganq.build import Scheme, insert_quantizers
from ganqbench.adapters.ganq.capture import capture, tensors_of
from ganqbench.adapters.ganq.products import operands, products, weight_chain, weighted
from ganqbench.adapters.ganq.quantizers import Static
from ganqbench.adapters.ganq.reconstruct import Dropped, Plan, _importance, reconstruct
from ganqbench.adapters.ganq.units import blocks_in_order, layers_in_order
from ganqbench.cell import Bits
from ganqbench.zoo.cyclegan import ResnetGenerator
from ganqbench.zoo.generator import Generator, Inputs
from ganqbench.zoo.sagan import SAGAN
from ganqbench.zoo.stylegan2 import StyleGAN2


def make(arch: str) -> tuple[Generator, Inputs]:
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(3)
        if arch == "cyclegan":
            return ResnetGenerator(ngf=4, n_blocks=2).eval(), (torch.rand(8, 3, 16, 16) * 2 - 1,)
        generator: Generator
        if arch == "sagan":
            generator = SAGAN((16, 16, 8), z_dim=8, classes=3, attention=(1,))
        else:
            generator = StyleGAN2((8, 8), z_dim=8, w_dim=8, mapping_layers=2)
        return generator.eval(), generator.sample_inputs(8, 0)


BLOCKS = {
    "cyclegan": ("model.1", "model.4", "model.7", "model.10", "model.11", "model.12", "model.15", "model.19"),
    "sagan": ("linear0", "blocks.0.0", "blocks.1.0", "blocks.2.0", "conv2d5"),
    "stylegan2": ("mapping.layers.0", "mapping.layers.2", "synthesis.b4", "synthesis.b8"),
}


@pytest.mark.parametrize("arch", BLOCKS)
def test_blocks_hold_every_layer_once_in_running_order(arch: str) -> None:
    generator, inputs = make(arch)
    blocks = blocks_in_order(generator, inputs)
    assert blocks == BLOCKS[arch]
    inside = [
        f"{block}.{name}".rstrip(".") for block in blocks for name in weighted(generator.get_submodule(block))
    ]
    assert sorted(inside) == sorted(weighted(generator))


def test_layers_come_in_running_order() -> None:
    generator, inputs = make("stylegan2")
    order = layers_in_order(generator, inputs)
    assert sorted(order) == sorted(weighted(generator))
    assert order[0] == "mapping.layers.0"  # although the synthesis was registered first


def test_what_is_captured_gives_the_same_outputs_again() -> None:
    generator, inputs = make("stylegan2")
    halves = [tuple(value[:4] for value in inputs), tuple(value[4:] for value in inputs)]
    traffic = capture(generator, "synthesis.b8", halves, samples=6)
    assert len(traffic) == 6
    assert len(traffic.outputs) == 2  # maps and image
    index = torch.tensor([5, 1])
    with torch.no_grad():
        outputs = tensors_of(generator.get_submodule("synthesis.b8")(*traffic.inputs(index)))
    for output, whole in zip(outputs, traffic.outputs, strict=True):
        torch.testing.assert_close(output, whole[index])


def test_captured_arguments_are_those_before_quantization() -> None:
    generator, inputs = make("cyclegan")
    model = copy.deepcopy(generator)
    insert_quantizers(model, [inputs], Bits(4, 2), Scheme())
    plain = capture(generator, "model.1", [inputs], 8).arguments[0]
    assert torch.equal(capture(model, "model.1", [inputs], 8).arguments[0], plain)


@pytest.mark.parametrize("arch", BLOCKS)
@pytest.mark.parametrize(
    "plan", [Plan(), Plan(keep=0.5, weigh=False, step_iterations=0)], ids=["brecq", "qdrop"]
)
def test_outputs_come_closer_than_by_rounding_to_nearest(arch: str, plan: Plan) -> None:
    generator, inputs = make(arch)
    nearest = copy.deepcopy(generator)
    insert_quantizers(nearest, [inputs], Bits(3, 8), Scheme())
    learned = copy.deepcopy(nearest)
    reconstruct(learned, generator, [inputs], 0, plan)
    block = BLOCKS[arch][-2]

    given = capture(learned, block, [inputs], 8).arguments
    targets = capture(generator, block, [inputs], 8).outputs

    def error(model: nn.Module) -> float:
        """Of the block, fed with what the quantized model feeds it, to the full-precision outputs."""
        with torch.no_grad():
            outputs = tensors_of(model.get_submodule(block)(*given))
        return sum(float((a - b).square().mean() / b.var()) for a, b in zip(outputs, targets, strict=True))

    assert error(learned) < 0.97 * error(nearest)
    with torch.no_grad():
        images, ours, theirs = generator(*inputs), learned(*inputs), nearest(*inputs)
    assert (ours - images).square().mean() < 0.7 * (theirs - images).square().mean()
    for layer in weighted(learned).values():  # every weight has its level, beside which it was
        chain = weight_chain(layer)
        assert isinstance(chain[0], Static)
        assert torch.equal(chain[0](chain.original), chain.original)
    for product in products(learned).values():
        assert all(type(quantizer) is Static for quantizer in operands(product))
        assert not any(cast("Static", quantizer).step.requires_grad for quantizer in operands(product))


def test_dropping_lets_a_share_through_unquantized() -> None:
    class Zero(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.zeros_like(x)

    dropped = Dropped(Zero(), 0.25, torch.Generator().manual_seed(0))
    x = torch.ones(100, 100)
    assert float(dropped(x).mean()) == pytest.approx(0.75, abs=0.02)
    assert not torch.equal(dropped(x), dropped(x))


def test_importance_is_the_squared_gradient_of_the_images_error() -> None:
    exact = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2, bias=False))
    model = copy.deepcopy(exact)
    with torch.no_grad():
        exact[1].weight.copy_(torch.tensor([[3.0, 0.0], [0.0, 1.0]]))
        model[1].weight.copy_(exact[1].weight)
        model[0].bias.add_(1.0)  # an error of 1 in both outputs of the first layer
    (weights,) = _importance(model, exact, "0", [(torch.randn(5, 2),)])
    # The images differ by 3 and 1, the gradients towards the outputs are 2 * 9 and 2 * 1.
    squares = torch.tensor([18.0**2, 2.0**2])
    torch.testing.assert_close(weights, 0.5 + 0.5 * squares / squares.mean())
