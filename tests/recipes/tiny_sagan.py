"""A generator of random weights that a training takes a second on."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path

import torch
from small_generators import TinySagan
from torch import nn

from ganqbench.adapter import load_adapter
from ganqbench.cell import Cell
from ganqbench.recipes.fine_tune import Trained, fine_tune
from ganqbench.recipes.recipe import RECIPES, Recipe
from ganqbench.zoo.generator import Batches, ZooEntry
from ganqbench.zoo.latents import Latents


def short(name: str) -> Recipe:
    """The recipe of that name, whole but for its length."""
    recipe = RECIPES[name]
    return replace(recipe, steps=30, check_every=10, choose=16, batch=8, restate=min(recipe.restate, 64))


SHORT = short("distill")
Tiny = TinySagan


def start(
    entry: ZooEntry, bits: str = "W3A8", method: str = "qat-lsq", adapter: str = "ganq"
) -> tuple[nn.Module, nn.Module]:
    """A quantized generator and its full-precision self."""
    cell = Cell.model_validate(
        {"suite": "t", "suite_version": 0, "gan": "sagan-tiny", "adapter": adapter, "method": method}
        | {"bits": bits, "seed": 0}
    )
    generator = entry.load()
    calibration = Batches(Latents("calibrate", 8, 3), 32, 16)
    return load_adapter(adapter).quantize(copy.deepcopy(generator), calibration, cell), generator


def tune(
    student: nn.Module,
    teacher: nn.Module,
    entry: ZooEntry,
    recipe: Recipe,
    seed: int = 0,
    checkpoint: Path | None = None,
) -> Trained:
    return fine_tune(
        student, teacher, entry, recipe, resolution=16, weight_bits=3, seed=seed, checkpoint=checkpoint
    )


def error(student: nn.Module, teacher: nn.Module) -> float:
    inputs = Latents("final", 8, 3).batch(range(64))
    with torch.inference_mode():
        return float((student(*inputs) - teacher(*inputs)).square().mean())
