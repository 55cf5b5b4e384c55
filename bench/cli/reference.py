"""`ganqbench reference build`: the statistics of real images that distances are taken to."""

from __future__ import annotations

from pathlib import Path

import click


@click.group()
def reference() -> None:
    """Statistics of real images, the other side of every distance."""


@reference.command()
@click.option("--images", type=click.Path(path_type=Path), help="Folder of images, of any sizes.")
@click.option("--dataset", help="cifar10-jpeg, cifar10 (training images) or emoji (ships with the package).")
@click.option("--data", type=click.Path(path_type=Path), help="Where the data set is: folder or tar file.")
@click.option(
    "--extractor",
    default="embedded",
    show_default=True,
    help="Feature network: embedded, third, inception or dinov2 (needs timm).",
)
@click.option("--weights", type=click.Path(path_type=Path), help="Folder with the network's weights file.")
@click.option("--download", is_flag=True, help="Get Inception's weights from their publisher, checked.")
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File; by default named after images and network.",
)
@click.option(
    "--rows",
    type=click.IntRange(6, 10_000),
    default=5000,
    show_default=True,
    help="Feature vectors kept for kernels and nearest neighbours.",
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Which vectors are kept.")
@click.option("--threads", type=click.IntRange(1), help="CPU threads; by default one per core.")
def build(
    images: Path | None,
    dataset: str | None,
    data: Path | None,
    extractor: str,
    weights: Path | None,
    download: bool,
    out: Path | None,
    rows: int,
    seed: int,
    threads: int | None,
) -> None:
    """Compute moments, their root, kept features and k-NN radii of images, and store them in one file.

    Images reach the network resized by Pillow's antialiased bicubic filter to its own input size.
    """
    from ganqbench.cli.out_file import check_out
    from ganqbench.errors import UserError

    if (images is None) == (dataset is None):
        raise UserError("Exactly one source of images is needed.", "Give --images FOLDER or --dataset NAME.")

    import numpy as np
    import torch
    from tqdm import tqdm

    from ganqbench.home import home
    from ganqbench.metrics.build_reference import build_reference
    from ganqbench.metrics.checks import MetricError
    from ganqbench.metrics.extractor_registry import open_extractor
    from ganqbench.metrics.pictures import dataset_pictures, folder_pictures
    from ganqbench.metrics.reference_file import load_reference, save_reference

    images = images.resolve() if images else None
    if threads is not None:
        torch.set_num_threads(threads)
    target = out or Path(f"reference-{images.name if images else dataset}-{extractor}.safetensors")
    check_out(target, new_folders=True)
    try:
        network = open_extractor(extractor, weights, download=download)
        pictures = (
            folder_pictures(images) if images else dataset_pictures(str(dataset), data, home() / "data")
        )
        with tqdm(pictures.open(), total=pictures.n, unit="image", disable=None) as bar:
            built = build_reference(pictures, network, np.random.default_rng(seed), rows, progress=bar)
        save_reference(target, built)
        stored = load_reference(target, built.digest)
    except MetricError as error:
        raise UserError(
            f"No reference was made: {error}.", "See `ganqbench reference build --help`."
        ) from error
    kept = stored.require_rows()
    click.echo(f"{target}: {pictures.name}, {stored.n} images, {network.feature_identity}, d = {stored.dim}")
    click.echo(
        f"kept rows: {len(kept.rows)} ({kept.rows.dtype}), size: {target.stat().st_size / 1e6:.2f} MB, "
        f"digest: {stored.digest}"
    )
    if stored.n <= 10 * stored.dim:
        click.echo(f"note: {stored.n} images are few for {stored.dim} features: the covariance is rough")
