from __future__ import annotations

import pytest
import torch
from torch import nn

from ganqbench.recipes.rates import parameter_groups
from ganqbench.recipes.recipe import RECIPES

RECIPE = RECIPES["distill"]


class Student(nn.Module):
    def __init__(self, step: float) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 6, 3)
        self.step = nn.Parameter(torch.full((6, 1, 1, 1), step))
        self.frozen = nn.Parameter(torch.ones(6), requires_grad=False)


def rates(student: Student, bits: int) -> dict[str, float]:
    teacher = nn.Conv2d(2, 6, 3)
    names = {parameter: name for name, parameter in student.named_parameters()}
    groups = parameter_groups(student, teacher, RECIPE, bits)
    return {names[group["params"][0]]: group["lr"] for group in groups}  # type: ignore[index,misc]


def test_weights_move_a_fraction_of_their_grid() -> None:
    torch.manual_seed(0)
    student = Student(0.01)
    size = float(student.conv.weight.detach().square().mean().sqrt())
    four, eight = rates(student, 4), rates(student, 8)
    # A grid over four deviations on either side has 2^bits steps of 8 / 2^bits deviations.
    assert four["conv.weight"] == pytest.approx(RECIPE.weight_rate * size * 8 / 16)
    assert four["conv.weight"] == pytest.approx(16 * eight["conv.weight"])
    assert four["step"] == eight["step"]


@pytest.mark.parametrize("step", [1e-5, 1e-3, 1.0])
def test_quantizers_move_in_proportion_however_small_their_steps(step: float) -> None:
    assert rates(Student(step), 8)["step"] == pytest.approx(RECIPE.quantizer_rate * step)


def test_a_zero_parameter_can_move_and_a_frozen_one_is_left_out() -> None:
    student = Student(0.1)
    nn.init.zeros_(student.conv.bias)  # type: ignore[arg-type]
    found = rates(student, 4)
    assert found["conv.bias"] > 0
    assert "frozen" not in found
