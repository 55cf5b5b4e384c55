from __future__ import annotations

import contextlib
import copy
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from ganqbench.adapters.ganq import Ganq
from ganqbench.cell import Cell
from ganqbench.recipes.dampening import distance_to_levels, rounded_weights
from ganqbench.recipes.fine_tune import Diverged, _Training, fine_tune, fingerprint
from ganqbench.recipes.recipe import RECIPES, Inapplicable, Recipe
from ganqbench.zoo.generator import Batches, Generator, InputSource, Split, ZooEntry
from ganqbench.zoo.latents import Latents
from ganqbench.zoo.sagan import SAGAN

SHORT = replace(RECIPES["distill"], steps=30, check_every=10, choose=16, batch=8)


class Tiny(ZooEntry):
    """A SAGAN of random weights; remembers which splits it was asked for."""

    name, title, arch, resolution, licence = "sagan-tiny", "tiny", "studiogan-sagan", 16, "none"

    def __init__(self) -> None:
        self.asked: list[Split] = []

    @property
    def weights_sha256(self) -> str:
        return "0" * 64

    def load(self) -> Generator:
        with torch.random.fork_rng():
            torch.manual_seed(0)
            generator = SAGAN([16, 16, 8], z_dim=8, classes=3, attention=[1])
            generator.train()(*generator.sample_inputs(64, 0))
            for parameter in generator.parameters():
                if parameter.shape == (1,):
                    nn.init.constant_(parameter, 0.5)
        return generator.eval()

    def inputs(self, split: Split, resolution: int | None = None) -> InputSource:
        self.asked.append(split)
        return Latents(split, 8, 3)


def start(entry: ZooEntry, bits: str = "W3A8", method: str = "qat-lsq") -> tuple[nn.Module, nn.Module]:
    """A quantized generator and its full-precision self."""
    cell = Cell.model_validate(
        {"suite": "t", "suite_version": 0, "gan": "sagan-tiny", "adapter": "ganq", "method": method}
        | {"bits": bits, "seed": 0}
    )
    generator = entry.load()
    calibration = Batches(Latents("calibrate", 8, 3), 32, 16)
    return Ganq().quantize(copy.deepcopy(generator), calibration, cell), generator


def tune(
    student: nn.Module,
    teacher: nn.Module,
    entry: ZooEntry,
    recipe: Recipe,
    seed: int = 0,
    checkpoint: Path | None = None,
) -> None:
    fine_tune(student, teacher, entry, recipe, resolution=16, weight_bits=3, seed=seed, checkpoint=checkpoint)


def error(student: nn.Module, teacher: nn.Module) -> float:
    inputs = Latents("final", 8, 3).batch(range(64))
    with torch.inference_mode():
        return float((student(*inputs) - teacher(*inputs)).square().mean())


@pytest.mark.parametrize(
    ("name", "left"),
    # The classifiers know nothing of a random generator's images, so that their terms pull elsewhere.
    [
        ("distill-pixel", 0.6),
        *((name, 0.9) for name in ("distill", "distill-no-average", "distill-adv", "joint")),
    ],
)
def test_images_come_closer_to_full_precision(name: str, left: float) -> None:
    entry = Tiny()
    student, teacher = start(entry)
    before = error(student, teacher)
    tune(student, teacher, entry, replace(SHORT, losses=RECIPES[name].losses))
    assert error(student, teacher) < left * before
    assert set(entry.asked) == {"train", "choose"}


def test_the_teacher_is_left_alone_and_a_seed_decides_everything() -> None:
    entry = Tiny()
    student, teacher = start(entry)
    again = copy.deepcopy(student)
    other = copy.deepcopy(student)
    state = copy.deepcopy(teacher.state_dict())
    recipe = replace(SHORT, steps=10, losses=RECIPES["distill-adv"].losses)
    torch.manual_seed(5)
    tune(student, teacher, entry, recipe)
    torch.manual_seed(6)  # no randomness but the seed that was handed in
    tune(again, teacher, entry, recipe)
    tune(other, teacher, entry, recipe, seed=1)
    assert all(torch.equal(state[key], value) for key, value in teacher.state_dict().items())
    same = [torch.equal(a, b) for a, b in zip(student.parameters(), again.parameters(), strict=True)]
    assert all(same)
    assert not all(torch.equal(a, b) for a, b in zip(student.parameters(), other.parameters(), strict=True))


def test_norm_statistics_stay() -> None:
    entry = Tiny()
    student, teacher = start(entry)
    means = {key: value.clone() for key, value in student.state_dict().items() if "running" in key}
    assert means
    tune(student, teacher, entry, replace(SHORT, steps=5))
    after = student.state_dict()
    assert all(torch.equal(after[key], value) for key, value in means.items())


def test_divergence_is_told_and_leaves_the_best_state() -> None:
    entry = Tiny()
    student, teacher = start(entry)
    before = error(student, teacher)
    wild = replace(SHORT, weight_rate=1e4, other_rate=1e4, warm_up=1, average=0.0)
    with pytest.raises(Diverged, match="diverged"):
        tune(student, teacher, entry, wild)
    assert error(student, teacher) <= before


class Poison(Latents):
    """The inputs of training are no numbers from the fifth batch on."""

    drawn = 0

    def batch(self, indices: Sequence[int]) -> tuple[torch.Tensor, ...]:
        z, labels = super().batch(indices)
        self.drawn += 1
        return (z * float("nan") if self.drawn > 5 else z), labels


def test_nan_is_caught_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = Tiny()
    student, teacher = start(entry)
    poisoned = Poison("train", 8, 3)
    honest = entry.inputs
    monkeypatch.setattr(entry, "inputs", lambda split, size: poisoned if split == "train" else honest(split))
    with pytest.raises(Diverged, match="step 6 is nan"):
        tune(student, teacher, entry, SHORT)
    assert all(torch.isfinite(value).all() for value in student.parameters())


def test_what_decides_is_the_choose_split() -> None:
    """A recipe that makes things worse returns where it began."""
    entry = Tiny()
    student, teacher = start(entry)
    before = [value.detach().clone() for value in student.parameters()]
    harmful = replace(SHORT, weight_rate=2.0, steps=3, check_every=1, average=0.0, warm_up=1)
    with contextlib.suppress(Diverged):
        tune(student, teacher, entry, harmful)
    assert all(torch.equal(a, b) for a, b in zip(before, student.parameters(), strict=True))


class CutOff(Exception):
    """The process was told to end."""


@pytest.mark.parametrize("name", ["distill", "distill-adv"])
def test_a_training_that_was_cut_off_goes_on_to_the_same_bits(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = Tiny()
    whole, teacher = start(entry)
    cut, again = copy.deepcopy(whole), copy.deepcopy(whole)
    recipe = replace(SHORT, losses=RECIPES[name].losses, dampening=0.1)
    tune(whole, teacher, entry, recipe)

    checkpoint, honest = tmp_path / "under way.part", _Training.advance

    def ends(training: _Training, inputs: tuple[torch.Tensor, ...]) -> None:
        if training.step == 17:
            raise CutOff
        honest(training, inputs)

    monkeypatch.setattr(_Training, "advance", ends)
    with pytest.raises(CutOff):
        tune(cut, teacher, entry, recipe, checkpoint=checkpoint)
    monkeypatch.undo()
    assert checkpoint.exists()
    taken: list[int] = []
    monkeypatch.setattr(
        _Training, "advance", lambda training, inputs: (taken.append(training.step), honest(training, inputs))
    )
    tune(again, teacher, entry, recipe, checkpoint=checkpoint)
    assert taken == list(range(10, 30))  # from the last check on
    for mine, theirs in zip(whole.parameters(), again.parameters(), strict=True):
        assert torch.equal(mine, theirs)
    assert not checkpoint.exists()


@pytest.mark.parametrize("content", ["another start", "torn"])
def test_a_checkpoint_of_something_else_is_not_used(content: str, tmp_path: Path) -> None:
    entry = Tiny()
    student, teacher = start(entry)
    clean = copy.deepcopy(student)
    checkpoint = tmp_path / "under way.part"
    recipe = replace(SHORT, steps=10)
    training = _Training(
        copy.deepcopy(student), teacher, recipe, [Latents("choose", 8, 3).batch(range(8))], 3, 1
    )
    training.save(checkpoint, fingerprint(student, recipe, 3, seed=1))
    if content == "torn":
        checkpoint.write_bytes(checkpoint.read_bytes()[:1000])
    tune(student, teacher, entry, recipe, checkpoint=checkpoint)
    tune(clean, teacher, entry, recipe)
    for mine, theirs in zip(clean.parameters(), student.parameters(), strict=True):
        assert torch.equal(mine, theirs)


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
