"""Weights that are pulled towards their levels."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest
from tiny_sagan import SHORT, Tiny, start, tune

from ganqbench.recipes.dampening import distance_to_levels, rounded_weights
from ganqbench.recipes.recipe import RECIPES, Inapplicable


def test_dampened_weights_end_nearer_to_their_levels() -> None:
    entry = Tiny()
    student, teacher = start(entry)
    free, held = copy.deepcopy(student), copy.deepcopy(student)
    quick = replace(SHORT, weight_rate=0.05, average=0.0, losses=RECIPES["distill-pixel"].losses)
    tune(free, teacher, entry, quick)
    tune(held, teacher, entry, replace(quick, dampening=10.0))
    loose, firm = (float(distance_to_levels(rounded_weights(model), 3).detach()) for model in (free, held))
    assert firm < 0.8 * loose


def test_weights_that_cannot_be_seen_cannot_be_dampened() -> None:
    entry = Tiny()
    teacher = entry.load()
    with pytest.raises(Inapplicable, match="choose a recipe without it"):
        tune(copy.deepcopy(teacher), teacher, entry, replace(SHORT, dampening=0.1))
