"""Equalizing is the same function in float, and evens out what one range has to hold."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from ganqbench.adapters.ganq.equalize import as_read, equalize
from ganqbench.adapters.ganq.products import weighted
from ganqbench.zoo.cyclegan import ResnetGenerator
from ganqbench.zoo.generator import Generator, Inputs
from ganqbench.zoo.sagan import SAGAN
from ganqbench.zoo.stylegan2 import StyleGAN2


def build(name: str) -> tuple[Generator, Inputs]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        if name == "cyclegan":
            return ResnetGenerator(ngf=4, n_blocks=1).eval(), (torch.rand(2, 3, 32, 32) * 2 - 1,)
        generator: Generator = (
            StyleGAN2((8, 8, 8), z_dim=8, w_dim=8, c_dim=3, mapping_layers=2)
            if name == "stylegan2"
            else SAGAN([16, 16, 8], z_dim=8, classes=3, attention=[1])
        )
        generator.train()(*generator.sample_inputs(64, 0))  # norms get statistics
        return generator.eval(), generator.sample_inputs(8, 1)


@pytest.mark.parametrize("level", [False, True])
@pytest.mark.parametrize("alpha", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("name", ["stylegan2", "sagan", "cyclegan"])
def test_the_function_stays(name: str, alpha: float, level: bool) -> None:
    generator, inputs = build(name)
    even = copy.deepcopy(generator)
    equalize(even, [inputs], alpha, level=level)
    weights = zip(weighted(generator).values(), weighted(even).values(), strict=True)
    assert any(not torch.allclose(old.weight, new.weight) for old, new in weights)
    with torch.inference_mode():
        before, after = generator(*inputs), even(*inputs)
    assert float((after - before).abs().max()) < 1e-4 * float(before.std())


def test_full_alpha_gives_every_channel_the_same_range() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(4, 6, 3))
    x = torch.randn(8, 4, 9, 9) * torch.tensor([0.1, 1.0, 3.0, 20.0]).view(1, 4, 1, 1)
    expected = model(x)
    seen: list[torch.Tensor] = []
    equalize(model, [(x,)], 1.0)
    model[0].register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    assert torch.allclose(model(x), expected, atol=1e-4)
    ranges = seen[0].abs().amax((0, 2, 3))
    assert torch.allclose(ranges, ranges.mean().expand(4), rtol=1e-4)


def test_dead_channels_are_no_division_by_zero() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(4, 3, 1))
    x = torch.randn(8, 4, 2, 2)
    x[:, 1] = 0
    expected = model(x)
    equalize(model, [(x,)], 0.5)
    assert torch.allclose(model(x), expected, atol=1e-5)
    assert torch.isfinite(model[0].weight).all()


@pytest.mark.parametrize("name", ["stylegan2", "sagan", "cyclegan"])
def test_levelled_images_enter_every_convolution_at_one_size(name: str) -> None:
    generator, inputs = build(name)
    equalize(generator, [inputs], 0.5, level=True)
    sizes: dict[str, torch.Tensor] = {}
    for path, layer in weighted(generator).items():
        layer.register_forward_pre_hook(
            lambda _, given, path=path: sizes.update({path: given[0].square().flatten(1).mean(1).sqrt()})
        )
    with torch.inference_mode():
        generator(*inputs)
    levelled = [size for path, size in sizes.items() if not isinstance(weighted(generator)[path], nn.Linear)]
    assert len(levelled) >= 4
    for size in levelled:
        assert torch.allclose(size, torch.ones_like(size), rtol=1e-4)


def test_an_image_of_zeros_stays_one() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(4, 3, 1))
    x = torch.randn(8, 4, 2, 2)
    x[3] = 0
    expected = model(x)
    equalize(model, [(x,)], 0.5, level=True)
    assert torch.allclose(model(x), expected, atol=1e-5)


def test_what_is_read_may_be_levelled_by_another_images_size() -> None:
    model = nn.Sequential(nn.Conv2d(4, 3, 1))
    x, other = torch.randn(2, 8, 4, 2, 2, generator=torch.Generator().manual_seed(0)).unbind()
    equalize(model, [(x,)], 0.5, level=True)
    own, theirs = as_read(model[0], x), as_read(model[0], x, like=other)
    ratio = theirs / own
    assert torch.allclose(ratio, ratio[:, :1, :1, :1].expand_as(ratio), rtol=1e-4)
    divided = [value / model[0].equalizer.factors.view(1, -1, 1, 1) for value in (x, other)]
    sizes = [value.square().mean((1, 2, 3)).sqrt() for value in divided]
    assert torch.allclose(ratio[:, 0, 0, 0], sizes[0] / sizes[1], rtol=1e-4)
