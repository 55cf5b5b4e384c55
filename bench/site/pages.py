"""What each page is made of: its path, its template and what the template is given."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from typing import Any

from ganqbench.records.command import command
from ganqbench.records.deploy_schema import LEAST_PARITY
from ganqbench.records.schema import MIN_COVERAGE
from ganqbench.site import format as fmt
from ganqbench.site import names, suites
from ganqbench.site.ablation import ablation
from ganqbench.site.asides import asides
from ganqbench.site.board import Board, bits_order
from ganqbench.site.catalogue import BackendPage, catalogue
from ganqbench.site.columns import METRICS
from ganqbench.site.errata import SIZES, has_wrong_memory, has_wrong_size
from ganqbench.site.findings import headlines
from ganqbench.site.heatmap import heatmaps
from ganqbench.site.identity import space
from ganqbench.site.judge import MARGIN
from ganqbench.site.load import Loaded, Run
from ganqbench.site.pareto import front
from ganqbench.site.paths import image_path, json_path, run_path
from ganqbench.site.pictures import comparison, pictured, tile
from ganqbench.site.plot import HEIGHT, plots
from ganqbench.site.row import Row
from ganqbench.site.sensitivity import Measured, sensitivity
from ganqbench.site.stamps import Stamps
from ganqbench.site.support import Support
from ganqbench.site.timings import timed
from ganqbench.site.whisker import Scale
from ganqbench.suite import OWN

HOME_ROWS = 10
"""How many methods the map on the home page shows of each bit-width."""

LARGE, PAGE_ROWS = 300, 100
"""A table of more rows is shown in pages of so many, where there is a script."""

_LAYERS = {"uniform": "All at the claim", "declared": "Some declared"}
"""What the filter by declared layers is called."""


@dataclass(frozen=True)
class Page:
    """A page to render. `stamp` says what it is made of; `context` works that out when it is needed."""

    path: str
    template: str
    stamp: str
    context: Callable[[], dict[str, Any]]


def pages(
    loaded: Loaded, boards: tuple[Board, ...], support: Support, layers: Sequence[Measured], stamps: Stamps
) -> Iterator[Page]:
    """Every page of the site."""
    by_gan = {gan: tuple(group) for gan, group in groupby(boards, key=lambda board: board.gan)}
    common = {"by_gan": by_gan}
    every = stamps.of_all()
    yield Page("index.html", "home.html.j2", every, lambda: common | _home(by_gan, len(loaded.runs)))
    yield Page("protocol.html", "protocol.html.j2", stamps.of([]), lambda: common | _protocol())
    yield Page("data.html", "data.html.j2", every, lambda: common | _data(loaded, boards))
    yield from _methods(common, by_gan, boards, support, stamps)
    for board in boards:
        yield from _of_board(common, board, by_gan[board.gan], layers, stamps)


def _of_board(
    common: dict[str, Any],
    board: Board,
    siblings: tuple[Board, ...],
    layers: Sequence[Measured],
    stamps: Stamps,
) -> Iterator[Page]:
    context = {**common, "current": board.gan, "board": board}
    later = _successor(board, siblings)
    # A later version's last record makes it the successor, and changes nothing else of this board.
    own = stamps.of([board], later.folder if later else "")
    yield Page(board.path, "board.html.j2", own, lambda: context | _board(board, siblings, layers))
    stamp = stamps.of([board])
    for row in board.rows:
        for run in row.runs:
            yield Page(run_path(run), "run.html.j2", stamp, partial(_run, context, board, row, run))


def _methods(
    common: dict[str, Any],
    by_gan: dict[str, tuple[Board, ...]],
    boards: tuple[Board, ...],
    support: Support,
    stamps: Stamps,
) -> Iterator[Page]:
    """The index of methods with its map, and a page for each method and each backend."""
    owners, every = catalogue(boards, support), stamps.of_all()
    context = {**common, "current": "methods", "catalogue": owners}
    yield Page(
        "methods/index.html", "methods.html.j2", every, lambda: context | {"heatmaps": heatmaps(by_gan)}
    )
    for owner in owners:
        yield Page(owner.path, "backend.html.j2", every, partial(_backend, context, owner, boards))
        for entry in owner.entries:
            more = {"owner": owner, "entry": entry, "arch_titles": names.ARCHITECTURES}
            stamp = stamps.of(board for board, _ in entry.rows)
            yield Page(entry.path, "method.html.j2", stamp, partial(dict, context, **more))


def _backend(context: dict[str, Any], owner: BackendPage, boards: tuple[Board, ...]) -> dict[str, Any]:
    best = [
        (board, next(row for row in board.results if row.adapter == owner.adapter and row.bits == bits))
        for board in boards
        for bits in board.best()
        if any(row.adapter == owner.adapter and row.bits == bits for row in board.results)
    ]
    return {**context, "owner": owner, "best": best}


def _data(loaded: Loaded, boards: tuple[Board, ...]) -> dict[str, Any]:
    shown = {"runs_total": len(loaded.runs), "boards": boards, "faults": loaded.faults}
    return {"current": "data", **shown}


def _protocol() -> dict[str, Any]:
    limits = {"least": MIN_COVERAGE, "parity": f"{LEAST_PARITY:.0f}"}
    return {"current": "protocol", **limits, "margin": f"{MARGIN * 100:.0f}{fmt.SPACE}%"}


def _home(by_gan: dict[str, tuple[Board, ...]], runs_total: int) -> dict[str, Any]:
    leads = {gan: next(iter(suites.newest(boards)), boards[0]) for gan, boards in by_gan.items()}
    return {
        "leads": leads,
        "current": "",
        "runs_total": runs_total,
        "findings": {gan: headlines(leads[gan], boards) for gan, boards in by_gan.items()},
        "asides": {gan: asides(board) for gan, board in leads.items()},
        "ranked": {gan: _ranked(boards) for gan, boards in by_gan.items()},
        "beside": {gan: _linked(boards) for gan, boards in by_gan.items()},
        "older": {gan: _older(boards) for gan, boards in by_gan.items()},
        "heatmaps": heatmaps(by_gan),
        "heat_rows": HOME_ROWS,
        "pictures": {gan: comparison(board) for gan, board in leads.items()},
    }


def _ranked(boards: tuple[Board, ...]) -> tuple[Board, ...]:
    """The newest boards, with figures, but for those that stand beside another."""
    newest = tuple(board for board in boards if _successor(board, boards) is None)
    ranked = tuple(board for board in newest if board.suite not in names.BESIDE)
    # The best of what happened to run first is not shown beside a whole board's.
    return tuple(board for board in ranked if not suites.lacking(board)) or ranked or newest


def _linked(boards: tuple[Board, ...]) -> tuple[Board, ...]:
    """The newest of those that speak of other boards' rows, and are only linked."""
    ranked = _ranked(boards)
    return tuple(board for board in boards if board not in ranked and _successor(board, boards) is None)


def _older(boards: tuple[Board, ...]) -> tuple[Board, ...]:
    return tuple(board for board in boards if _successor(board, boards) is not None)


def _successor(board: Board, boards: tuple[Board, ...]) -> Board | None:
    """The later version that speaks for this board's suite; None if none was run whole."""
    later = (one for one in suites.newest(boards) if one.suite == board.suite)
    return next((one for one in later if one.version > board.version), None)


def _board(board: Board, siblings: tuple[Board, ...], layers: Sequence[Measured]) -> dict[str, Any]:
    key = board.lead.key
    numbers = [row.get(name) for row in board.rows for name in (key, f"{key}_low", f"{key}_high")]
    tried = [row for row in board.rows if not row.is_baseline]
    backends, bits = Counter(row.adapter for row in tried), Counter(row.bits for row in tried)
    kinds = Counter(row.kind for row in tried if row.kind)
    held = Counter("uniform" if row.uniform else "declared" for row in tried if row.uniform is not None)
    smallest = front(board, "bytes")
    records = [run.record for row in board.rows for run in row.runs]
    return {
        "siblings": tuple(other for other in siblings if other is not board),
        "successor": _successor(board, siblings),
        "lacking": suites.lacking(board),
        "errata": [SIZES] if any(map(has_wrong_size, records)) else [],
        "suite": suites.described(board.suite, board.gan, {r.provenance.suite for r in records}),
        "scale": Scale.over(numbers, log=key == "fid"),
        "backends": [(adapter, names.backend(adapter), count) for adapter, count in sorted(backends.items())],
        "bits": [(width, bits[width]) for width in sorted(bits, key=bits_order)],
        "kinds": sorted(kinds.items()),
        "widths": [(width, label, held[width]) for width, label in _LAYERS.items() if held[width]],
        "front": smallest,
        "pareto": {row.id for row in smallest},
        "ablation": ablation(board),
        "sensitivity": sensitivity(board, layers),
        "margin": f"{MARGIN * 100:.0f}{fmt.SPACE}% of its {board.lead.title}",
        "large": LARGE,
        "page_rows": PAGE_ROWS,
        "titles": {column.key: column.title for column in METRICS},
        "identities": _identities(board),
        "width": len(board.columns) + 3 + bool(board.ranks) + any(map(board.has_worst, board.columns)),
        "images": max((int(row.get("images") or 0) for row in board.rows), default=0),
        "commits": sorted({f"{r.provenance.commit}"[:7] for r in records if r.provenance.commit}),
        "dirty": any(r.provenance.dirty for r in records),
        "machines": sorted({r.provenance.hardware.cpu for r in records}),
        "measured": max((r.provenance.finished for r in records), default=""),
        "comparison": comparison(board),
        "plots": plots(board),
        "plot_height": HEIGHT,
        "timed": sum(row.get("latency_s") is not None for row in board.results),
        "run_path": run_path,
    }


def _identities(board: Board) -> list[str]:
    """What the distances of a board are distances of: network, resizer, images, reference."""
    texts = [text for row in board.rows for name, text in row.texts.items() if name.endswith("_identity")]
    return sorted({space(text).strip("[]") for text in texts})


def _run(context: dict[str, Any], board: Board, row: Row, run: Run) -> dict[str, Any]:
    baseline = board.baseline
    shown = pictured(baseline)
    paired = None
    if baseline and run.record.provenance.baseline_images and not run.cell.is_baseline:
        theirs = baseline.runs[0].record.provenance.baseline_images
        paired = theirs is None or theirs == run.record.provenance.baseline_images
    return {
        **context,
        "row": row,
        "run": run,
        "record": run.record,
        "siblings": tuple(other for other in row.runs if other is not run),
        "command": command(run.cell),
        "own": run.cell.suite == OWN,
        "installed": suites.installed_version(run.cell.suite),
        "reference_run": shown[0] if shown and not run.cell.is_baseline else None,
        "tile": tile(run),
        "paired": paired,
        "timed": timed(run.record),
        "wrong_memory": has_wrong_memory(run.record),
        "errata": [SIZES] if has_wrong_size(run.record) else [],
        "described": any(metric.identity or metric.note for metric in run.record.metrics.values()),
        "run_path": run_path,
        "image_path": image_path,
        "json_path": json_path,
    }
