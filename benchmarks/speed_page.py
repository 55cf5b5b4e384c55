"""docs/speed.md, made of the figures in docs/speed/: python benchmarks/speed_page.py"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parents[1] / "docs"
Figures = dict[str, Any]


def page(
    peers: Figures | None, distance: Figures | None, overhead: Figures | None, memory: Figures | None
) -> str:
    """The page's text; what was not measured yet has no section."""
    sections = [
        *([_features(peers)] if peers else []),
        *([_distance(distance)] if distance else []),
        *([_rest(overhead)] if overhead else []),
        *([_memory(memory)] if memory else []),
    ]
    head = [
        "# Speed of the evaluator",
        "",
        "Made by `python benchmarks/speed_page.py` from the figures that the commands below wrote into "
        "`docs/speed/`. All seconds are those of the CPU, on one thread.",
    ]
    return "\n".join([*head, *(line for section in sections for line in ("", *section)), ""])


def _features(peers: Figures) -> list[str]:
    figures = peers["figures"]
    rows = []
    for tool, row in figures["tools"].items():
        if "reason" in row:
            rows.append(f"| {tool} | | {row['reason']} | |")
        else:
            rows.append(
                f"| {tool} | {row['version']} | {row['images_per_s']:.2f} | {row['difference']:.0e} |"
            )
    return [
        "## From images to features",
        "",
        f"{_made(peers)}: one Inception v3 with the same random weights for all, {peers['images']} images "
        "of 64 x 64 pixels. The difference is that of the features from ganqbench's, relative, on images of "
        "299 x 299 pixels, where nobody resizes; pytorch-fid scales pixels by 127.5 instead of 128.",
        "",
        "| tool | version | images per second | difference |",
        "|---|---|---|---|",
        *rows,
        "",
        f"{figures['ratio_to_best_peer']:.2f} times the best peer; the aim is 1.45.",
    ]


def _distance(distance: Figures) -> list[str]:
    return [
        "## The distance alone",
        "",
        f"{_made(distance)}: the Fréchet distance from moments, with the reference's root at hand, against "
        "SciPy's `sqrtm`; errors are relative to the nuclear norm. The aim at 2048 features is a ratio of 8 "
        "and an error of 1e-9.",
        "",
        "| features | images | ganqbench, s | sqrtm, s | ratio | error | error of sqrtm |",
        "|---|---|---|---|---|---|---|",
        *(
            f"| {row['features']} | {row['images']} | {row['ganqbench_s']:.3f} | {row['sqrtm_s']:.3f} | "
            f"{row['ratio']:.1f} | {row['error']:.0e} | {row['sqrtm_error']:.0e} |"
            for row in distance["figures"]
        ),
    ]


def _rest(overhead: Figures) -> list[str]:
    found = overhead["time"]
    phases = ", ".join(f"{name} {seconds:.1f}" for name, seconds in found["phases"].items())
    return [
        "## Everything but the forward passes",
        "",
        f"{_made(overhead)}: one cell of {found['images']} images of 64 x 64 pixels, full precision and "
        f"quantized, and all metrics of its record with Inception's 2048 features. The network's own seconds "
        f"were taken on {found['sample']} images; in the cell a stand-in made the features, and a generator "
        "that costs next to nothing the images.",
        "",
        "| | s |",
        "|---|---|",
        f"| forward passes | {found['forward_s']:.0f} |",
        f"| everything else | {found['rest_s']:.1f} |",
        "",
        f"Everything else, the embedded network's comparison of pairs included, is {found['share']:.1%} of "
        "the cell; the aim is at most 10 %. Seconds of the "
        f"cell's phases, the stand-in's included: {phases}.",
    ]


def _memory(memory: Figures) -> list[str]:
    found = memory["memory"]
    few, many = found["images"]
    rows = [f"| {n} | {peak / 1e6:.0f} |" for n, peak in zip(found["images"], found["peaks"], strict=True)]
    return [
        "## Memory",
        "",
        f"{_made(memory)}: the largest resident size of a fresh process that evaluates a cell with "
        f"{found['features']} features an image, without the network's own memory.",
        "",
        "| images | MB |",
        "|---|---|",
        *rows,
        "",
        f"The aim at {many} images is at most the size at {few} and 10 %, plus "
        f"{found['kept'] / 1e6:.0f} MB of features kept: {found['limit'] / 1e6:.0f} MB.",
    ]


def _made(figures: Figures) -> str:
    busy = ", beside other work" if figures["busy"] else ""
    return f"`{figures['command']}` on {figures['hardware']['cpu']}, {figures['date'][:10]}{busy}"


def read(folder: Path) -> list[Figures | None]:
    """What :func:`page` takes, from the files of `folder` that are there."""
    files = [folder / f"{name}.json" for name in ("peers", "distance", "overhead", "memory")]
    return [json.loads(file.read_text(encoding="utf-8")) if file.is_file() else None for file in files]


def main() -> None:
    """Write the page."""
    (DOCS / "speed.md").write_text(page(*read(DOCS / "speed")), encoding="utf-8")


if __name__ == "__main__":
    main()
