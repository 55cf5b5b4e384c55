"""An interrupted run that goes on must end in the same weights as one that was left alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from ganqbench.errors import UserError
from ganqbench.train import classifier, cyclegan
from ganqbench.train.checkpoint import export_weights, load_state
from ganqbench.train.data import Cifar10
from ganqbench.train.emoji import EmojiSplit, Glyphs, split_glyphs
from ganqbench.train.gan import Training, publish_gan, train_gan
from ganqbench.train.gan_recipe import GanRecipe
from ganqbench.train.match import Matching, match_gan
from ganqbench.train.patchgan import FakePool
from ganqbench.train.sagan import SaganRecipe
from ganqbench.train.stylegan2 import StyleGan2Recipe
from ganqbench.zoo.classifier import CLASSIFIERS, STEERING, build_classifier

State = dict[str, Tensor]


def _same(a: State, b: State) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_classifier(name: str, tiny: Cifar10, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = replace(classifier.CONFIGS[name], epochs=2, batch=16, small_epochs=1, warmup_epochs=1)
    whole = classifier.train_classifier(config, tiny, tmp_path / "whole").state_dict()

    loss, calls = classifier._loss, 0

    def interrupted(*args: object) -> Tensor:
        nonlocal calls
        calls += 1
        if calls == 5:
            raise KeyboardInterrupt
        return loss(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(classifier, "_loss", interrupted)
    with pytest.raises(KeyboardInterrupt):
        classifier.train_classifier(config, tiny, tmp_path / "parts", save_seconds=0)
    resumed = classifier.train_classifier(config, tiny, tmp_path / "parts").state_dict()
    assert load_state(tmp_path / "parts" / "checkpoint.pt")["step"] == 6
    assert _same(whole, resumed)
    with pytest.raises(ValueError, match="another configuration"):
        classifier.train_classifier(replace(config, seed=1), tiny, tmp_path / "parts")


@pytest.mark.parametrize("recipe", [SaganRecipe(), StyleGan2Recipe()], ids=["sagan", "stylegan2"])
def test_gan(recipe: GanRecipe, tiny: Cifar10, tmp_path: Path) -> None:
    recipe.config = replace(recipe.config, batch=4, images=16, evaluate_every=16, evaluate_images=100)
    teacher = build_classifier("teacher")
    train_gan(recipe, tiny, teacher, tmp_path / "whole")

    first = Training(recipe, tiny, teacher, tmp_path / "parts")
    first.step()
    first.step()
    first.run.save()
    train_gan(recipe, tiny, teacher, tmp_path / "parts")
    ends = [load_state(tmp_path / part / "checkpoint.pt")["parts"] for part in ("whole", "parts")]
    for part in ("generator", "critic"):
        assert _same(ends[0][part], ends[1][part])
    assert _same(ends[0]["ema"]["average"], ends[1]["ema"]["average"])
    assert (tmp_path / "whole" / "samples" / "00000016.png").exists()


@pytest.mark.parametrize("recipe", [SaganRecipe(), StyleGan2Recipe()], ids=["sagan", "stylegan2"])
def test_a_gan_from_another_start_is_another_run(recipe: GanRecipe, tiny: Cifar10, tmp_path: Path) -> None:
    recipe.config = replace(recipe.refinement, batch=4, images=16)
    teacher = build_classifier("teacher")
    start, other = (dict(recipe.shipped().state_dict()) for _ in range(2))
    first = Training(recipe, tiny, teacher, tmp_path / "run", start)
    first.step()
    first.run.save()
    again = Training(recipe, tiny, teacher, tmp_path / "run", start)
    assert again.run.resume()
    assert again.run.done == 4
    for init in (other, None):
        with pytest.raises(ValueError, match="another configuration"):
            train_gan(recipe, tiny, teacher, tmp_path / "run", init)
    # Nor are weights published as what came of another start.
    export_weights(tmp_path / "other.safetensors", other, {"network": recipe.config.network})
    for file in (tmp_path / "other.safetensors", None):
        with pytest.raises(ValueError, match="another configuration"):
            publish_gan(
                recipe, recipe.config, tiny, {"teacher": teacher}, tmp_path / "run", tmp_path / "made", file
            )
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize("recipe", [SaganRecipe(), StyleGan2Recipe()], ids=["sagan", "stylegan2"])
def test_matching(recipe: GanRecipe, tiny: Cifar10, tmp_path: Path) -> None:
    config = replace(recipe.matching, steps=3, batch=20, memory=100, real_images=60, evaluate_images=100)
    eyes = {name: build_classifier(name).eval() for name in STEERING}
    init = recipe.shipped().state_dict()
    match_gan(Matching(recipe, config, tiny, eyes, tmp_path / "whole", init), tiny)

    first = Matching(recipe, config, tiny, eyes, tmp_path / "parts", init)
    first.fill()
    first.step()
    first.run.save()
    match_gan(Matching(recipe, config, tiny, eyes, tmp_path / "parts", init), tiny)
    ends = [load_state(tmp_path / part / "checkpoint.pt")["parts"] for part in ("whole", "parts")]
    assert _same(ends[0]["generator"], ends[1]["generator"])
    assert _same(ends[0]["ema"]["average"], ends[1]["ema"]["average"])
    assert not _same(ends[0]["generator"], init)
    for other in (
        Matching(recipe, replace(config, seed=1), tiny, eyes, tmp_path / "parts", init),
        Matching(recipe, config, tiny, eyes, tmp_path / "parts", ends[0]["generator"]),
    ):
        with pytest.raises(ValueError, match="another configuration"):
            match_gan(other, tiny)


@pytest.mark.parametrize("recipe", [SaganRecipe(), StyleGan2Recipe()], ids=["sagan", "stylegan2"])
def test_a_start_of_another_network_is_refused(recipe: GanRecipe, tiny: Cifar10, tmp_path: Path) -> None:
    eyes = {name: build_classifier(name).eval() for name in STEERING}
    other = StyleGan2Recipe() if isinstance(recipe, SaganRecipe) else SaganRecipe()
    for init in (dict(other.shipped().state_dict()), dict(eyes["teacher"].state_dict())):
        with pytest.raises(UserError, match="another network"):
            recipe.training(init)
        with pytest.raises(UserError, match="another network"):
            Matching(recipe, recipe.matching, tiny, eyes, tmp_path, init)
    whole = recipe.shipped().state_dict()
    published = {name: value for name, value in whole.items() if not name.endswith("num_batches_tracked")}
    recipe.training(published)


def test_a_classifier_from_another_start_is_another_run(tiny: Cifar10, tmp_path: Path) -> None:
    config = replace(classifier.REFINEMENTS["metric"], epochs=1, batch=20)
    start, other = (dict(build_classifier("metric").state_dict()) for _ in range(2))
    classifier.train_classifier(config, tiny, tmp_path / "run", init=start)
    classifier.train_classifier(config, tiny, tmp_path / "run", init=start)
    for init in (other, None):
        with pytest.raises(ValueError, match="another configuration"):
            classifier.train_classifier(config, tiny, tmp_path / "run", init=init)
    with pytest.raises(UserError, match="another network"):
        classifier.train_classifier(
            config, tiny, tmp_path / "new", init=dict(build_classifier("teacher").state_dict())
        )


def _emoji() -> EmojiSplit:
    rng = np.random.default_rng(5)
    names = tuple(f"{glyph:04x}" for glyph in range(30))
    blocks = rng.integers(0, 256, (30, 4, 4, 3), dtype=np.uint8)
    return split_glyphs(Glyphs(blocks.repeat(8, axis=1).repeat(8, axis=2), names, names), held_out=6)


def test_cyclegan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = cyclegan.CycleGanConfig(pairs=12, batch=2, ngf=4, blocks=1, ndf=4, pool=3, evaluate_every=4)
    data = _emoji()
    cyclegan.train_cyclegan(config, data, tmp_path / "whole")

    step, calls = cyclegan._critic_step, 0

    def interrupted(*args: object) -> float:
        nonlocal calls
        calls += 1
        if calls == 4:
            raise KeyboardInterrupt
        return step(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(cyclegan, "_critic_step", interrupted)
    with pytest.raises(KeyboardInterrupt):
        cyclegan.train_cyclegan(config, data, tmp_path / "parts")
    cyclegan.train_cyclegan(config, data, tmp_path / "parts")
    ends = [load_state(tmp_path / part / "checkpoint.pt")["parts"] for part in ("whole", "parts")]
    for part in ("generators", "critics"):
        assert _same(ends[0][part], ends[1][part])

    first, second = cyclegan.publish_cyclegan(config, data, tmp_path / "whole", tmp_path)
    assert (first.name, second.name) == (
        "cyclegan-edges2emoji.safetensors",
        "cyclegan-emoji2edges.safetensors",
    )


def test_a_cyclegan_from_another_start_is_another_run(tmp_path: Path) -> None:
    config = cyclegan.CycleGanConfig(pairs=4, batch=2, ngf=4, blocks=1, ndf=4, pool=3, evaluate_every=4)
    data = _emoji()
    start, other = (
        {name: dict(cyclegan.new_generator(config).state_dict()) for name in cyclegan.DIRECTIONS}
        for _ in range(2)
    )
    for folder, weights in (("start", start), ("other", other)):
        for name in cyclegan.DIRECTIONS:
            export_weights(tmp_path / folder / f"cyclegan-{name}.safetensors", weights[name], {})
    run = tmp_path / "run"
    for _ in range(2):  # the second time there is nothing left to do
        cyclegan.train_cyclegan(config, data, run, start)
    for init in (other, None):
        with pytest.raises(ValueError, match="another configuration"):
            cyclegan.train_cyclegan(config, data, run, init)
    for file in (tmp_path / "other", None):
        with pytest.raises(ValueError, match="another configuration"):
            cyclegan.publish_cyclegan(config, data, run, tmp_path / "made", file)
    assert not (tmp_path / "made").exists()
    assert len(cyclegan.publish_cyclegan(config, data, run, tmp_path / "made", tmp_path / "start")) == 2


def test_pool_shows_old_fakes_and_never_grows() -> None:
    pool, rng = FakePool(4), torch.Generator().manual_seed(0)
    shown = torch.cat([pool.exchange(torch.full((2, 1), float(i)), rng) for i in range(50)])
    assert len(pool.kept) == 4
    fresh = torch.arange(50.0).repeat_interleave(2)
    assert 0.3 < (shown.flatten() == fresh).float().mean() < 0.7


@pytest.mark.parametrize("recipe", [SaganRecipe(), StyleGan2Recipe()], ids=["sagan", "stylegan2"])
def test_the_generator_waits_for_its_discriminator(recipe: GanRecipe, tiny: Cifar10, tmp_path: Path) -> None:
    recipe.config = replace(recipe.refinement, batch=4, images=100, head_start=2, critic_steps=2)
    training = Training(recipe, tiny, build_classifier("teacher"), tmp_path)

    def moved() -> tuple[bool, bool]:
        before = [[p.detach().clone() for p in n.parameters()] for n in (training.generator, training.critic)]
        training.step()
        after = [list(network.parameters()) for network in (training.generator, training.critic)]
        changed = [
            any(not torch.equal(a, b) for a, b in zip(old, new, strict=True))
            for old, new in zip(before, after, strict=True)
        ]
        return changed[0], changed[1]

    assert [moved() for _ in range(5)] == [
        (False, True),
        (False, True),
        (True, True),
        (False, True),
        (True, True),
    ]
    assert training.run.done == 20
