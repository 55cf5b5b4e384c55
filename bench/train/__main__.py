"""``python -m ganqbench.train``: one command per kind of training."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import torch
from safetensors import SafetensorError

from ganqbench.errors import UserError
from ganqbench.home import home
from ganqbench.train.data import DataError, Source, load_cifar10
from ganqbench.train.run import OtherConfiguration

if TYPE_CHECKING:
    from ganqbench.train.gan_recipe import GanRecipe


class _Trainings(click.Group):
    """Says what is wrong with a user's data or folder without a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (DataError, OtherConfiguration) as error:
            raise click.ClickException(f"{error}.") from error
        except (SafetensorError, UserError) as error:
            raise click.ClickException(str(error)) from error
        except OSError as error:
            raise click.ClickException(f"{error.filename}: {error.strerror or error}.") from error


def _data_options(command: click.decorators.FC) -> click.decorators.FC:
    """The options that say where CIFAR-10 is."""
    command = click.option(
        "--data", type=click.Path(path_type=Path), required=True, help="CIFAR-10 folder or tar."
    )(command)
    command = click.option(
        "--source", type=click.Choice(["cifar10-jpeg", "cifar10"]), default="cifar10-jpeg"
    )(command)
    return click.option(
        "--cache",
        type=click.Path(path_type=Path),
        default=lambda: home() / "data",
        show_default="data in the cache folder",
        help="Folder for the decoded images.",
    )(command)


def _recipe(network: str) -> GanRecipe:
    """Of `sagan` or `stylegan2`."""
    from ganqbench.train.sagan import SaganRecipe
    from ganqbench.train.stylegan2 import StyleGan2Recipe

    return SaganRecipe() if network == "sagan" else StyleGan2Recipe()


@click.group(cls=_Trainings)
@click.option("--threads", default=1, show_default=True, help="CPU threads of the training.")
def main(threads: int) -> None:
    """Train the networks that ship in the package; a run resumes with the same command."""
    torch.set_num_threads(threads)


@main.command()
@click.argument("network", type=click.Choice(["teacher", "tutor", "metric", "third"]))
@_data_options
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder of the run.")
@click.option("--weights", type=click.Path(path_type=Path), help="Where the finished weights go.")
@click.option("--replan", is_flag=True, help="Go on under a changed configuration, and record that.")
@click.option(
    "--init", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Trained weights to refine."
)
def classifier(
    network: str,
    data: Path,
    source: Source,
    cache: Path,
    out: Path,
    weights: Path | None,
    replan: bool,
    init: Path | None,
) -> None:
    """Train one of the CIFAR-10 classifiers."""
    from safetensors.torch import load_file

    from ganqbench.train.classifier import CONFIGS, REFINEMENTS, train_classifier
    from ganqbench.train.publish import publish_classifier

    cifar = load_cifar10(data, source, cache)
    if init is not None and network not in REFINEMENTS:
        raise click.UsageError(f"No refinement of {network} is written down: leave --init out.")
    config = CONFIGS[network] if init is None else REFINEMENTS[network]
    train_classifier(config, cifar, out, replan=replan, init=load_file(init) if init else None)
    target = weights or out / f"{network}.safetensors"
    publish_classifier(network, cifar, out, target, init)
    click.echo(f"wrote {target}")


@main.command()
@click.option("--data", type=click.Path(path_type=Path), required=True, help="npm package: tar or folder.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder of the run.")
@click.option("--weights", type=click.Path(path_type=Path), help="Folder for the finished weights.")
@click.option("--pairs", type=int, help="Length of the run in pairs of images.")
@click.option("--seed", type=int, help="Seed of initialisation and sampling.")
@click.option(
    "--init",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of weights to start from.",
)
@click.option("--publish-only", is_flag=True, help="Write the best weights so far and stop.")
def cyclegan(
    data: Path,
    out: Path,
    weights: Path | None,
    pairs: int | None,
    seed: int | None,
    init: Path | None,
    publish_only: bool,
) -> None:
    """Train the edges <-> emoji CycleGAN, both directions at once."""
    from safetensors.torch import load_file

    from ganqbench.train.cyclegan import DIRECTIONS, CycleGanConfig, publish_cyclegan, train_cyclegan
    from ganqbench.train.emoji import read_glyphs, split_glyphs

    changes = {k: v for k, v in {"pairs": pairs, "seed": seed}.items() if v is not None}
    config = replace(CycleGanConfig(), **changes)
    split = split_glyphs(read_glyphs(data))
    if not publish_only:
        start = {d: load_file(init / f"cyclegan-{d}.safetensors") for d in DIRECTIONS} if init else None
        train_cyclegan(config, split, out, start)
    for path in publish_cyclegan(config, split, out, weights or out, init):
        click.echo(f"wrote {path}")


@main.command()
@click.argument("network", type=click.Choice(["sagan", "stylegan2"]))
@_data_options
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder of the run.")
@click.option("--weights", type=click.Path(path_type=Path), help="Where the finished weights go.")
@click.option("--images", type=int, help="Length of the run in images.")
@click.option("--batch", type=click.IntRange(1), help="Images per step; fewer make more of a short run.")
@click.option("--seed", type=int, help="Seed of initialisation and sampling.")
@click.option(
    "--init",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Generator weights to refine.",
)
@click.option("--publish-only", is_flag=True, help="Write the best weights so far and stop.")
def gan(
    network: str,
    data: Path,
    source: Source,
    cache: Path,
    out: Path,
    weights: Path | None,
    images: int | None,
    batch: int | None,
    seed: int | None,
    init: Path | None,
    publish_only: bool,
) -> None:
    """Train a class-conditional GAN on CIFAR-10 against the frozen teacher."""
    from safetensors.torch import load_file

    from ganqbench.train.gan import publish_gan, train_gan
    from ganqbench.train.projected import MinibatchDeviation
    from ganqbench.train.teacher import load_teacher

    recipe = _recipe(network)
    base = recipe.config if init is None else recipe.refinement
    group = MinibatchDeviation().group if base.minibatch_deviation else 1
    if batch is not None and batch % group:
        raise click.BadParameter(f"{network} compares images in groups of {group}.", param_hint="--batch")
    recipe.config = replace(
        base,
        images=base.images if images is None else images,
        batch=base.batch if batch is None else batch,
        seed=base.seed if seed is None else seed,
    )
    cifar = load_cifar10(data, source, cache)
    teacher = load_teacher()
    if not publish_only:
        train_gan(recipe, cifar, teacher, out, load_file(init) if init else None)
    target = weights or out / f"{recipe.config.network}.safetensors"
    publish_gan(recipe, recipe.config, cifar, {"teacher": teacher}, out, target, init)
    click.echo(f"wrote {target}")


@main.command()
@click.argument("network", type=click.Choice(["sagan", "stylegan2"]))
@_data_options
@click.option(
    "--init",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    required=True,
    help="Generator weights to start from.",
)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder of the run.")
@click.option("--weights", type=click.Path(path_type=Path), help="Where the finished weights go.")
@click.option("--steps", type=int, help="Length of the run in steps.")
@click.option("--rate", type=float, help="Learning rate at the start.")
@click.option("--seed", type=int, help="Seed of sampling.")
@click.option("--publish-only", is_flag=True, help="Write the best weights so far and stop.")
def match(
    network: str,
    data: Path,
    source: Source,
    cache: Path,
    init: Path,
    out: Path,
    weights: Path | None,
    steps: int | None,
    rate: float | None,
    seed: int | None,
    publish_only: bool,
) -> None:
    """Bring a trained GAN's feature moments to the data's, without a discriminator."""
    from safetensors.torch import load_file

    from ganqbench.train.gan import publish_gan
    from ganqbench.train.match import Matching, match_gan
    from ganqbench.train.teacher import load_eyes

    recipe = _recipe(network)
    changes = {"steps": steps, "learning_rate": rate, "seed": seed}
    config = replace(recipe.matching, **{k: v for k, v in changes.items() if v is not None})  # type: ignore[arg-type]
    cifar = load_cifar10(data, source, cache)
    eyes = load_eyes()
    matching = Matching(recipe, config, cifar, eyes, out, load_file(init))
    if publish_only:
        matching.run.resume()  # refuses a run that has started from other weights
    else:
        match_gan(matching, cifar)
    target = weights or out / f"{config.network}.safetensors"
    publish_gan(recipe, config, cifar, eyes, out, target, init)
    click.echo(f"wrote {target}")


if __name__ == "__main__":
    main()
