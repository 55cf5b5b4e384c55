"""``python -m ganqbench.train``: one command per network."""

from __future__ import annotations

from pathlib import Path

import click
import torch

_CACHE = Path.home() / ".cache" / "ganqbench" / "data"


def _data_options(command: click.decorators.FC) -> click.decorators.FC:
    """The options that say where CIFAR-10 is."""
    command = click.option(
        "--data", type=click.Path(path_type=Path), required=True, help="CIFAR-10 folder or tar."
    )(command)
    command = click.option(
        "--source", type=click.Choice(["cifar10-jpeg", "cifar10"]), default="cifar10-jpeg"
    )(command)
    return click.option("--cache", type=click.Path(path_type=Path), default=_CACHE)(command)


@click.group()
@click.option("--threads", default=1, show_default=True, help="CPU threads of the training.")
def main(threads: int) -> None:
    """Train the networks that ship in the package; a run resumes with the same command."""
    torch.set_num_threads(threads)


@main.command()
@click.argument("network", type=click.Choice(["teacher", "metric", "third"]))
@_data_options
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder of the run.")
@click.option("--weights", type=click.Path(path_type=Path), help="Where the finished weights go.")
def classifier(
    network: str, data: Path, source: str, cache: Path, out: Path, weights: Path | None
) -> None:
    """Train one of the CIFAR-10 classifiers."""
    from ganqbench.train.classifier import CONFIGS, publish, train_classifier
    from ganqbench.train.data import load_cifar10

    cifar = load_cifar10(data, "cifar10" if source == "cifar10" else "cifar10-jpeg", cache)
    trained = train_classifier(CONFIGS[network], cifar, out)
    target = weights or out / f"{network}.safetensors"
    publish(trained, CONFIGS[network], cifar, out, target)
    click.echo(f"wrote {target}")


if __name__ == "__main__":
    main()
