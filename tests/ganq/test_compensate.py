"""Rounding with compensation against its formulas, written out slowly."""

from __future__ import annotations

import copy

import pytest
import torch
from layers_of_every_kind import LAYERS, normal
from torch import Tensor, nn

from ganqbench.adapters.ganq.build import Scheme, insert_quantizers
from ganqbench.adapters.ganq.compensate import compensate, nearest_rows, round_rows
from ganqbench.adapters.ganq.equalize import equalize
from ganqbench.adapters.ganq.matrices import weight_of_rows, weight_rows
from ganqbench.cell import Bits
from ganqbench.zoo.sagan import SAGAN
from ganqbench.zoo.stylegan2 import StyleGAN2


@pytest.mark.parametrize("name", LAYERS)
def test_a_weight_comes_back_from_its_rows(name: str) -> None:
    layer = LAYERS[name]
    assert torch.equal(
        weight_of_rows(layer, weight_rows(layer, layer.weight), layer.weight.shape), layer.weight
    )


def _correlated(values: int, seed: int) -> tuple[Tensor, Tensor]:
    columns = (normal(500, values, seed=seed) @ normal(values, values, seed=seed + 1)).double()
    return columns, columns.T @ columns / len(columns)


def test_rounding_is_that_of_optimal_brain_quantization() -> None:
    """Each step by the inverse of the moments of what is left: eq. 2 and 3 of the paper."""
    _, second = _correlated(7, seed=0)
    weight, step = normal(5, 7, seed=2).double(), torch.full((5, 7), 0.3, dtype=torch.float64)
    expected = weight.clone()
    left = second.diagonal().argsort(descending=True).tolist()
    while left:
        inverse = torch.linalg.inv(second[left][:, left])
        column = left[0]
        rounded = (expected[:, column] / 0.3).round().clamp(-4, 3) * 0.3
        error = (expected[:, column] - rounded) / inverse[0, 0]
        expected[:, left] -= error[:, None] * inverse[0]
        expected[:, column] = rounded
        left = left[1:]
    torch.testing.assert_close(round_rows(weight, step, -4, 3, second), expected)


def test_inputs_without_correlation_leave_rounding_to_the_nearest() -> None:
    weight, step = normal(5, 7, seed=2).double(), torch.full((5, 7), 0.3, dtype=torch.float64)
    second = torch.diag(torch.arange(1.0, 8).double())
    nearest = (weight / 0.3).round().clamp(-4, 3) * 0.3
    torch.testing.assert_close(round_rows(weight, step, -4, 3, second), nearest)


def test_compensation_beats_the_nearest_levels_on_the_outputs() -> None:
    columns, second = _correlated(12, seed=4)
    weight, step = normal(8, 12, seed=5).double(), torch.full((8, 12), 0.4, dtype=torch.float64)
    nearest = (weight / 0.4).round().clamp(-8, 7) * 0.4
    clever = round_rows(weight, step, -8, 7, second)
    lost = [((other - weight) @ columns.T).square().mean() for other in (clever, nearest)]
    assert lost[0] < 0.7 * lost[1]


def test_nearest_rows_solve_the_least_squares() -> None:
    exact, _ = _correlated(6, seed=6)
    given = exact + 0.3 * normal(500, 6, seed=8).double()
    weight = normal(4, 6, seed=9).double()
    second = given.T @ given / len(given)
    found = nearest_rows(weight[None], given[None], exact[None], second[None])[0]
    torch.testing.assert_close(found, torch.linalg.lstsq(given, exact @ weight.T).solution.T)


with torch.random.fork_rng(devices=[]):
    torch.default_generator.manual_seed(0)
    GENERATORS: dict[str, nn.Module] = {
        "stylegan2": StyleGAN2((16, 16, 8), z_dim=16, w_dim=16, mapping_layers=2, noise=False),
        "sagan": SAGAN((16, 16, 8), z_dim=8, classes=3, attention=(1,)),
    }


@pytest.mark.parametrize("weights", ["static", "lsq"])
@pytest.mark.parametrize("alpha", [None, 0.5])
@pytest.mark.parametrize("name", GENERATORS)
def test_whole_generators_come_closer(name: str, alpha: float | None, weights: str) -> None:
    model = copy.deepcopy(GENERATORS[name]).eval()
    inputs = model.sample_inputs(64, 0)  # type: ignore[operator]
    if alpha is not None:
        equalize(model, [inputs], alpha)
    exact = copy.deepcopy(model)
    insert_quantizers(model, [inputs], Bits(3, 8), Scheme(weights=weights))  # type: ignore[arg-type]
    with torch.no_grad():
        wanted = exact(*inputs)
        before = (model(*inputs) - wanted).square().mean()
        compensate(model, exact, [inputs], seed=0)
        after = (model(*inputs) - wanted).square().mean()
    assert after < 0.7 * before
