"""A contributor's adapter as pip would leave it, without pip."""

from __future__ import annotations

from pathlib import Path


def install(folder: Path, name: str, code: str, distribution: str | None = None) -> None:
    """Put the class `Mine` of `code` into `folder` as a distribution's adapter of that name."""
    distribution = distribution or name
    metadata = folder / f"{distribution}-1.dist-info"
    metadata.mkdir(parents=True)
    (folder / f"{distribution}_file.py").write_text(code)
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1\n")
    (metadata / "entry_points.txt").write_text(f"[ganqbench.adapters]\n{name} = {distribution}_file:Mine\n")
