"""Norm statistics: what is moved, by how much, and what is left alone."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

from ganqbench.recipes.norms import restate_norms
from ganqbench.recipes.recipe import Inapplicable


def _model() -> nn.Sequential:
    rng = torch.Generator().manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 5), nn.BatchNorm1d(5), nn.ReLU(), nn.Linear(5, 4), nn.BatchNorm1d(4))
    for value in model.state_dict().values():
        if value.dtype.is_floating_point:
            value.copy_(torch.rand(value.shape, generator=rng) + 0.1)
    return model.eval()


def _batches() -> list[tuple[Tensor]]:
    rng = torch.Generator().manual_seed(1)
    return [(torch.randn(64, 6, generator=rng),) for _ in range(8)]


def _norm(model: nn.Module, index: int) -> nn.BatchNorm1d:
    assert isinstance(model, nn.Sequential)
    found = model[index]
    assert isinstance(found, nn.BatchNorm1d)
    return found


def test_an_equal_student_keeps_its_statistics() -> None:
    teacher = _model()
    student = copy.deepcopy(teacher)
    assert restate_norms(student, teacher, _batches()) == 2
    for mine, theirs in zip(student.state_dict().values(), teacher.state_dict().values(), strict=True):
        torch.testing.assert_close(mine, theirs)


def test_a_shift_and_a_scale_before_a_norm_are_undone() -> None:
    teacher = _model()
    student = copy.deepcopy(teacher)
    with torch.no_grad():
        student[0].weight.mul_(1.3)
        student[0].bias.mul_(1.3).add_(0.7)
    inputs = _batches()[0][0]
    assert (student(inputs) - teacher(inputs)).abs().max() > 0.1
    restate_norms(student, teacher, _batches())
    # But for the epsilon below each root.
    torch.testing.assert_close(student(inputs), teacher(inputs), atol=2e-4, rtol=2e-4)


def test_statistics_move_by_the_difference_of_student_and_teacher() -> None:
    teacher = _model()
    student = copy.deepcopy(teacher)
    with torch.no_grad():
        student[0].bias.add_(0.25)
    restate_norms(student, teacher, _batches())
    running = _norm(teacher, 1).running_mean
    assert running is not None
    torch.testing.assert_close(_norm(student, 1).running_mean, running + 0.25)
    torch.testing.assert_close(_norm(student, 4).running_mean, _norm(teacher, 4).running_mean)


def test_a_model_without_batch_norms_is_refused() -> None:
    """What moves nothing would be recipe distill under another name."""
    model = nn.Sequential(nn.Linear(6, 5), nn.LayerNorm(5))
    with pytest.raises(Inapplicable, match=r"no batch norm.*choose recipe distill"):
        restate_norms(model, copy.deepcopy(model), _batches())
