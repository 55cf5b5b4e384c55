"""docs/speed.md, made of the figures in docs/speed/: python benchmarks/speed_page.py"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parents[1] / "docs"


def page(peers: dict[str, Any], distance: dict[str, Any]) -> str:
    """The page's text."""
    lines = [
        "# Speed of the evaluator",
        "",
        "Made by `python benchmarks/speed_page.py` from the figures that the commands below wrote.",
        "",
        "## From images to features",
        "",
        f"`{peers['command']}` on {peers['hardware']['cpu']}, {peers['hardware']['threads']} thread, "
        f"{peers['date'][:10]}: one Inception v3 with the same random weights for all, "
        f"{peers['images']} images of 64 x 64 pixels. The difference is that of the features from "
        "ganqbench's, relative, on images of 299 x 299 pixels, where nobody resizes; "
        "pytorch-fid scales pixels by 127.5 instead of 128.",
        "",
        "| tool | version | images per second | difference |",
        "|---|---|---|---|",
    ]
    for tool, row in peers["figures"]["tools"].items():
        if "reason" in row:
            lines.append(f"| {tool} | | {row['reason']} | |")
        else:
            lines.append(
                f"| {tool} | {row['version']} | {row['images_per_s']:.2f} | {row['difference']:.0e} |"
            )
    lines += [
        "",
        f"{peers['figures']['ratio_to_best_peer']:.2f} times the best peer.",
        "",
        "## The distance alone",
        "",
        f"`{distance['command']}` on {distance['hardware']['cpu']}, {distance['date'][:10]}: the Fréchet "
        "distance from moments, with the reference's root at hand, against SciPy's `sqrtm`; errors are "
        "relative to the nuclear norm.",
        "",
        "| features | images | ganqbench, s | sqrtm, s | ratio | error | error of sqrtm |",
        "|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {row['features']} | {row['images']} | {row['ganqbench_s']:.3f} | {row['sqrtm_s']:.3f} | "
        f"{row['ratio']:.1f} | {row['error']:.0e} | {row['sqrtm_error']:.0e} |"
        for row in distance["figures"]
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Write the page."""
    peers, distance = (
        json.loads((DOCS / "speed" / f"{name}.json").read_text(encoding="utf-8"))
        for name in ("peers", "distance")
    )
    (DOCS / "speed.md").write_text(page(peers, distance), encoding="utf-8")


if __name__ == "__main__":
    main()
