"""Generators that a recipe has trained, or whose channels a method has scaled, as integer graphs."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest
import torch
from small_generators import ARCHITECTURES, TinySagan, small, small_inputs
from torch import Tensor, nn

from ganqbench.adapter import load_adapter
from ganqbench.audit.integer import audit_model
from ganqbench.cell import Cell
from ganqbench.deploy.export import deployable, quantized_graph
from ganqbench.deploy.operands import sites
from ganqbench.deploy.parity import parity
from ganqbench.deploy.session import IntegerSession
from ganqbench.errors import UserError
from ganqbench.recipes.fine_tune import fine_tune
from ganqbench.recipes.recipe import RECIPES
from ganqbench.zoo.generator import Generator, Inputs


def quantized(generator: Generator, inputs: Inputs, method: str, bits: str) -> nn.Module:
    cell = Cell.model_validate(
        {"suite": "test", "suite_version": 0, "gan": "some", "adapter": "ganq", "seed": 0}
        | {"method": method, "bits": bits}
    )
    return load_adapter("ganq").quantize(copy.deepcopy(generator), [inputs], cell)


def test_a_generator_that_a_recipe_has_trained_is_exported_as_it_ended() -> None:
    entry = TinySagan()
    generator = entry.load()
    inputs = entry.inputs("calibrate").batch(range(4))
    module = quantized(generator, inputs, "qat-smooth-lsq", "W4A8")
    before = IntegerSession(deployable(quantized_graph(module, generator, inputs)))(*inputs)
    recipe = replace(RECIPES["distill-pixel"], steps=4, check_every=2, choose=8, batch=4)
    fine_tune(module, entry.load(), entry, recipe, resolution=16, weight_bits=4, seed=0)
    session = IntegerSession(deployable(quantized_graph(module.eval(), generator, inputs)))
    assert parity(session, module, [inputs]).psnr > 40
    assert not torch.equal(session(*inputs), before)
    report = audit_model(session, inputs, generator)
    assert report.failure(4, 8) is None


@pytest.mark.parametrize("bits", ["W8A8", "W4A8"])
def test_channels_that_are_scaled_before_rounding_are_scaled_in_the_graph(bits: str) -> None:
    generator = small("cyclegan")
    inputs = small_inputs(generator, 3)
    module = quantized(generator, inputs, "smooth", bits)
    factors = [site.factors for site in sites(module, generator, inputs)[0]]
    assert all(one is not None and one.std() > 0 for one in factors)
    session = IntegerSession(deployable(quantized_graph(module, generator, inputs)))
    assert parity(session, module, [inputs]).psnr > 40


@pytest.mark.parametrize("method", ["even", "even-gptq"])
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_images_that_are_levelled_before_rounding_are_levelled_in_the_graph(name: str, method: str) -> None:
    generator = small(name, warmed=name == "sagan")
    inputs = small_inputs(generator, 4)
    module = quantized(generator, inputs, method, "W8A8")
    found = sites(module, generator, inputs)[0]
    levelled = {site.path: site.levelled for site in found}
    convolutions = {
        path for path, layer in generator.named_modules() if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d)
    }
    assert {path for path, yes in levelled.items() if yes} == convolutions
    for site in found:
        if (
            site.levelled
        ):  # with their common scale, which no levelled operand shows but the layer's output has
            divided = module.get_submodule(site.path).equalizer.factors
            kept = torch.ones_like(divided) if site.factors is None else torch.from_numpy(site.factors)
            torch.testing.assert_close(kept * divided, torch.ones_like(divided), rtol=1e-4, atol=0)
    graph = quantized_graph(module, generator, inputs)
    session = IntegerSession(deployable(graph))
    # Sizes of images magnify the rounding flips of such narrow layers; not given back they'd show at once.
    assert parity(session, module, [inputs]).psnr > 35
    as_written = IntegerSession(graph.SerializeToString())
    assert audit_model(as_written, inputs, generator).failure(8, 8) is None


class Between(nn.Module):
    """Stands between a layer's input and its quantizer and does what it is told."""

    def __init__(self, does: str) -> None:
        super().__init__()
        self.does = does

    def forward(self, x: Tensor) -> Tensor:
        size = x.square().mean(tuple(range(1, x.ndim)), keepdim=True).sqrt()
        results = {"nothing": x * 1.0, "shift": x + 0.5, "scale": x * 0.5, "level": x / size}
        return {**results, "largest": x / x.abs().amax(tuple(range(1, x.ndim)), keepdim=True)}[self.does]


@pytest.mark.parametrize(
    ("does", "scaled"),
    [("nothing", ""), ("shift", ""), ("scale", "factors"), ("largest", "")],
)
def test_only_a_module_that_scales_and_nothing_else_counts_as_a_scale(does: str, scaled: str) -> None:
    generator = small("cyclegan")
    inputs = small_inputs(generator, 2)
    module = quantized(generator, inputs, "ptq-mse", "W8A8")
    layer = module.get_submodule("model.1")
    layer.between = Between(does)
    layer.register_forward_pre_hook(lambda one, given: (one.between(given[0]),), prepend=True)
    found = {
        site.path: "" if site.factors is None else "factors" for site in sites(module, generator, inputs)[0]
    }
    assert found == {path: scaled if path == "model.1" else "" for path in found}


def test_images_that_are_levelled_for_good_are_refused() -> None:
    generator = small("cyclegan")
    inputs = small_inputs(generator, 2)
    module = quantized(generator, inputs, "ptq-mse", "W8A8")
    layer = module.get_submodule("model.1")
    layer.between = Between("level")
    layer.register_forward_pre_hook(lambda one, given: (one.between(given[0]),), prepend=True)
    with pytest.raises(UserError, match=r"model\.1 can't be exported: its items don't get back the size"):
        sites(module, generator, inputs)
