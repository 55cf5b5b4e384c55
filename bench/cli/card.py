"""`ganqbench card`: measure a small trained model and write its page."""

from __future__ import annotations

from pathlib import Path

import click

from ganqbench.cli.out_file import check_out


@click.command()
@click.argument("gans", nargs=-1, required=True)
@click.option("--data", type=click.Path(exists=True, path_type=Path), help="CIFAR-10: folder or tar file.")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("docs/models"),
    show_default=True,
    help="Folder of the pages.",
)
def card(gans: tuple[str, ...], data: Path | None, out: Path) -> None:
    """Measure trained models and write a page with a sheet of samples for each."""
    import torch

    from ganqbench.harness.model_card import card as make_card
    from ganqbench.home import home
    from ganqbench.zoo.registry import entry

    torch.set_num_threads(1)
    check_out(out / "page", new_folders=True)
    for name in gans:
        made = make_card(entry(name), data, home() / "data")
        click.echo(f"{made.write(out)}:")
        for key, value in made.figures.items():
            click.echo(f"  {key}: {value:.4g}")
