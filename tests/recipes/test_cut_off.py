"""A training that was cut off goes on as if it had not been."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tiny_sagan import SHORT, Tiny, short, start, tune

from ganqbench.recipes.fine_tune import _Training, fingerprint
from ganqbench.zoo.latents import Latents


class CutOff(Exception):
    """The process was told to end."""


@pytest.mark.parametrize("name", ["distill", "distill-adv"])
def test_a_training_that_was_cut_off_goes_on_to_the_same_bits(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = Tiny()
    whole, teacher = start(entry)
    cut, again = copy.deepcopy(whole), copy.deepcopy(whole)
    recipe = replace(short(name), dampening=0.1)
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
    trained = tune(again, teacher, entry, recipe, checkpoint=checkpoint)
    assert taken == list(range(10, 30))  # from the last check on
    assert trained.kept in (10, 20, 30)
    assert min(trained.earlier_s) > 0
    for mine, theirs in zip(whole.parameters(), again.parameters(), strict=True):
        assert torch.equal(mine, theirs)
    assert not checkpoint.exists()


@pytest.mark.parametrize("content", ["another start", "torn", "empty", "something else"])
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
    elif content == "empty":
        checkpoint.write_bytes(b"")
    elif content == "something else":
        torch.save([1, 2], checkpoint)
    tune(student, teacher, entry, recipe, checkpoint=checkpoint)
    tune(clean, teacher, entry, recipe)
    for mine, theirs in zip(clean.parameters(), student.parameters(), strict=True):
        assert torch.equal(mine, theirs)
