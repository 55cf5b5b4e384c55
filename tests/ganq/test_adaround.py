"""Learned rounding of single layers: the formulas, the objective, and what it achieves."""

from __future__ import annotations

import copy
import itertools
import warnings

import pytest
import torch
from layers_of_every_kind import LAYERS, normal
from torch import Tensor, nn

from ganqbench.adapters.ganq.adaround import OutputError, learn_rounding
from ganqbench.adapters.ganq.grids import Grid, symmetric
from ganqbench.adapters.ganq.matrices import sample_columns, weight_rows
from ganqbench.adapters.ganq.ranges import weight_grid
from ganqbench.adapters.ganq.soft_rounding import Annealing, SoftRounding, rectified_sigmoid, undecided


@pytest.mark.parametrize("name", LAYERS)
def test_rows_times_columns_are_the_layer(name: str) -> None:
    layer = copy.deepcopy(LAYERS[name])
    x = normal(3, 4) if isinstance(layer, nn.Linear) else normal(3, 4, 9, 8)
    assert layer.bias is not None
    with torch.no_grad():
        layer.bias.zero_()
        expected = layer(x)
        rows = weight_rows(layer, layer.weight)
        (columns,) = sample_columns(layer, (x,), 10**6, seed=0)
        product = rows @ columns.transpose(1, 2)  # [groups, outputs, positions]
    product = product.reshape(6, -1)
    wanted = expected.T if isinstance(layer, nn.Linear) else expected.transpose(0, 1).reshape(6, -1)
    torch.testing.assert_close(product, wanted, rtol=1e-4, atol=1e-5)


def test_samples_are_the_same_positions_of_both_inputs() -> None:
    layer, x = LAYERS["conv"], normal(3, 4, 9, 8)
    one, double = sample_columns(layer, (x, 2 * x), 7, seed=1)
    assert one.shape == (1, 7, 36)
    assert torch.equal(double, 2 * one)
    assert not torch.equal(one, sample_columns(layer, (x,), 7, seed=2)[0])


def test_the_error_is_that_of_the_outputs() -> None:
    layer = LAYERS["conv, grouped"]
    exact, given = normal(5, 4, 8, 8), normal(5, 4, 8, 8, seed=1)
    weight, other = layer.weight.detach(), normal(*layer.weight.shape, seed=2)
    columns = sample_columns(layer, (given, exact), 10**6, seed=0)
    error = OutputError.of(*columns, weight_rows(layer, weight))

    def convolve(x: Tensor, w: Tensor) -> Tensor:
        return nn.functional.conv2d(x, w, groups=2)

    direct = (convolve(given, other) - convolve(exact, weight)).square().sum(1).mean()
    assert float(error(weight_rows(layer, other))) == pytest.approx(float(direct), rel=1e-4)
    rows = weight_rows(layer, other).requires_grad_()
    error(rows).backward()
    torch.testing.assert_close(rows.grad, error.slope(rows.detach()))


@pytest.mark.filterwarnings("ignore")  # of Brevitas' import
def test_the_relaxation_is_the_papers_and_brevitas() -> None:
    logits = torch.linspace(-5, 5, 201)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from brevitas.core.function_wrapper.learned_round import LearnedRoundHardSigmoid
    torch.testing.assert_close(rectified_sigmoid(logits), LearnedRoundHardSigmoid().train()(logits))
    assert rectified_sigmoid(torch.tensor([-3.0, 0.0, 3.0])).tolist() == pytest.approx([0, 0.5, 1])
    # Eq. 24 at h = 0, 1/4, 1/2 and 1.
    regularizer = undecided(torch.tensor([0, 0.25, 0.5, 1.0]), 2.0)
    assert regularizer.tolist() == pytest.approx([0, 0.75, 1, 0])


def test_soft_rounding_begins_at_the_weights_and_ends_beside_them() -> None:
    weight = normal(5, 7)
    grid = weight_grid(weight, 0, 4, "minmax")
    soft = SoftRounding(weight, grid)
    torch.testing.assert_close(soft(weight), weight, rtol=1e-4, atol=1e-5)
    assert torch.equal(soft.decided(), grid.quantize(weight))  # undisturbed, it is rounding to nearest
    with torch.no_grad():
        soft.logits.copy_(normal(5, 7, seed=3) * 9)
    decided = soft.decided()
    assert torch.equal(grid.quantize(decided), decided)
    assert ((decided - weight).abs() <= grid.step * 1.0001).all()


def test_annealing_waits_and_then_presses() -> None:
    annealing, up = Annealing(100, strength=1.0), [torch.full((4,), 0.9), torch.full((2,), 0.9)]
    assert float(annealing.penalty(19, up)) == 0
    early, late = float(annealing.penalty(20, up)), float(annealing.penalty(99, up))
    assert early == pytest.approx(1 - 0.8**20, rel=1e-4)
    assert late == pytest.approx(1 - 0.8**2, rel=0.01)


def problem(seed: int, inputs: int, outputs: int, bits: int) -> tuple[nn.Linear, Tensor, Grid, OutputError]:
    """A linear layer with correlated inputs, where rounding to nearest is far from the best."""
    x = normal(400, inputs, seed=seed) @ normal(inputs, inputs, seed=seed + 1) + 1
    weight = normal(outputs, inputs, seed=seed + 2)
    grid = weight_grid(weight, 0, bits, "mse")
    error = OutputError.of(x[None], x[None], weight[None])
    return nn.Linear(inputs, outputs, bias=False), weight, grid, error


@pytest.mark.parametrize("seed", [0, 10, 20])
def test_it_beats_rounding_to_nearest(seed: int) -> None:
    layer, weight, grid, error = problem(seed, 48, 16, 4)
    rounded = learn_rounding(layer, weight, grid, error)
    assert torch.equal(grid.quantize(rounded), rounded)
    assert error(rounded[None]) < 0.6 * error(grid.quantize(weight)[None])


def test_it_is_close_to_the_best_of_all_roundings() -> None:
    """Every way to round ten weights up or down, by exhaustion."""
    for seed in range(0, 60, 10):
        layer, weight, grid, error = problem(seed, 10, 1, 3)
        floor = (weight / grid.step).floor()
        choices = torch.tensor(list(itertools.product([0.0, 1.0], repeat=10)))
        every = ((floor + choices).clamp(grid.low, grid.high) * grid.step)[:, None]
        errors = torch.stack([error(one[None]) for one in every])
        learned = error(learn_rounding(layer, weight, grid, error)[None])
        assert (errors < learned * 0.9999).float().mean() < 0.05  # among the best 5 % of 1,024


@pytest.mark.filterwarnings("ignore")
def test_it_agrees_with_brevitas_modules_under_the_papers_loop() -> None:
    """The same problem by Brevitas' learned round on outputs themselves, with the paper's loss."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from brevitas.core.function_wrapper.learned_round import LearnedRoundHardSigmoid, LearnedRoundSte
    layer, weight, grid, error = problem(5, 24, 6, 4)
    x = normal(400, 24, seed=5) @ normal(24, 24, seed=6) + 1
    scaled = weight / grid.step
    share = (scaled - scaled.floor() + 0.1) / 1.2
    theirs = LearnedRoundSte(LearnedRoundHardSigmoid(), (share / (1 - share)).log(), nn.Identity()).train()
    optimizer = torch.optim.Adam(theirs.parameters(), lr=0.02)
    target, nearest = x @ weight.T, float(error(grid.quantize(weight)[None]))
    for iteration in range(600):
        rounded = theirs(scaled).clamp(grid.low, grid.high) * grid.step
        loss = (x @ rounded.T - target).square().sum(1).mean() / nearest
        if iteration > 120:
            beta = 20 - 18 * (iteration - 120) / 480
            up = theirs.learned_round_impl(theirs.value)
            loss = loss + 4 * (1 - (2 * up - 1).abs().pow(beta)).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    decided = (theirs.eval()(scaled).clamp(grid.low, grid.high) * grid.step).detach()
    ours = learn_rounding(layer, weight, grid, error)
    their_error, our_error = float(error(decided[None])), float(error(ours[None]))
    assert their_error < 0.7 * nearest
    assert our_error == pytest.approx(their_error, rel=0.25)
    assert (ours == decided).float().mean() > 0.8  # the same choice for most weights


def test_the_same_seed_gives_the_same_bytes() -> None:
    layer, weight, grid, error = problem(1, 12, 4, 4)
    assert torch.equal(learn_rounding(layer, weight, grid, error), learn_rounding(layer, weight, grid, error))


def test_a_layer_without_error_stays_as_it_is() -> None:
    weight = torch.tensor([[1.0, -2.0, 3.0, 0.0]])
    grid = symmetric(torch.tensor([[7.0]]), 4)
    x = normal(50, 4)
    error = OutputError.of(x[None], x[None], weight[None])
    assert torch.equal(learn_rounding(nn.Linear(4, 1), weight, grid, error), weight)
