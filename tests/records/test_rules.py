"""Records that no measurement can give."""

from __future__ import annotations

import copy
import json
import os
from pathlib import Path
from typing import Any

import pytest
from record_factory import PREVIEW, document, edited, faults

from ganqbench.cell import Bits
from ganqbench.harness.filters import Filters
from ganqbench.records.acceptance import Published
from ganqbench.records.bounds import BOUNDS, metric_faults
from ganqbench.records.canonical import content_hash
from ganqbench.records.rules import PSNR_CAP, VISIBLE_BITS, identity_faults, rule_faults
from ganqbench.records.schema import Metric, Record
from ganqbench.records.store import MAX_BYTES, parse, preview_path, seal, write
from ganqbench.records.validate import validate
from ganqbench.suite import load_suite

DISTANCES = Path(__file__).parent / "corpus/1/distances.json"


def metric(value: float, **more: Any) -> dict[str, Any]:
    return {"value": value, "low": value, "high": value, "n": 8, **more}


@pytest.mark.parametrize(
    ("metrics", "expected"),
    [
        ({"fid": metric(-0.1)}, "fid.value: -0.1 is impossible"),
        ({"psnr": metric(31), "mae": metric(2), "qfid": metric(0)}, "no image changed"),
        ({"psnr": metric(31), "mae": metric(2), "ssim": metric(1)}, "no image changed"),
        ({"psnr": metric(31), "mae": metric(2), "perceptual": metric(0)}, "no image changed"),
        ({"psnr": metric(31), "mae": metric(2), "lpips": metric(0)}, "no image changed"),
        ({"psnr": metric(31), "mae": metric(0)}, "contradict"),
        ({"psnr": metric(100), "mae": metric(0)}, "nothing runs at W4A8"),
        ({"psnr": metric(31, worst=30), "mae": metric(20, worst=40)}, "impossible beside an image"),
        ({"psnr": metric(31, worst=16.8), "mae": metric(20, worst=40)}, "at most 16.090"),
        ({"psnr": metric(31, n=9)}, "protocol has 8"),
        ({"psnr": metric(31, n=4)}, "protocol has 8"),
    ],
)
def test_metrics_that_contradict_each_other_are_refused(metrics: dict[str, Any], expected: str) -> None:
    assert expected in faults(edited("metrics", metrics))


@pytest.mark.parametrize(
    "metrics",
    [
        {"psnr": metric(31), "mae": metric(20, worst=40)},
        {"psnr": metric(31, worst=30), "mae": metric(20)},
        {"psnr": metric(31, worst=16.089), "mae": metric(20, worst=40)},
    ],
)
def test_the_worst_image_may_be_left_out_or_as_bad_as_it_can(metrics: dict[str, Any]) -> None:
    parse(edited("metrics", metrics), Path("x.json"))


@pytest.mark.parametrize(("bits", "visible"), [(VISIBLE_BITS, True), (VISIBLE_BITS + 1, False)])
def test_images_that_all_stayed_need_bits_that_nobody_sees(bits: int, visible: bool) -> None:
    """And where pixels may stay, the other metrics say nothing against it."""
    cell = {**document()["cell"], "bits": f"W{bits}A{bits}"}
    same = {"psnr": metric(PSNR_CAP), "mae": metric(0), "ssim": metric(1)}
    assert ("nothing runs at" in "".join(rule_faults(sealed(cell, same)))) == visible
    changed = {"psnr": metric(60), "mae": metric(1), "ssim": metric(1)}
    assert ("no image changed" in "".join(rule_faults(sealed(cell, changed)))) == visible


def sealed(cell: dict[str, Any], metrics: dict[str, Any]) -> Record:
    return seal(document(cell=cell, metrics=metrics))


@pytest.mark.parametrize("name", BOUNDS)
def test_a_metric_may_reach_its_bounds_and_not_leave_them(name: str) -> None:
    for end, beyond in zip(BOUNDS[name], (-0.5, 0.5), strict=True):
        if end is not None:
            assert not list(metric_faults({name: Metric.model_validate(metric(end))}))
            assert list(metric_faults({name: Metric.model_validate(metric(end + beyond))}))


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        ("cell.bits", "FP32", "the baseline's"),
        ("cost.attempts", 0, "attempts"),
        ("provenance.finished", "2026-99-02T03:04:05Z", "no date"),
        ("preview.width", 65, "images of one width"),
        ("audit.bops", 100, "audit.bops"),
        ("audit.macs", 99, "operations sum to 100"),
        ("audit.hidden_work", 50, "audit.coverage"),
        ("audit.ops.0.weight_levels", 0, "no levels"),
        ("audit.ops.0.declared", True, "more than half"),
        ("training", {"steps": 400, "kept": 50}, "the cell has no recipe"),
        ("training", {"steps": 400, "kept": 401}, "kept 401 of 400 steps"),
        ("training", {"steps": 0, "kept": 0}, "training.steps"),
    ],
)
def test_impossible_records_are_refused(path: str, value: Any, expected: str) -> None:
    found = json.loads(edited("schema", 2))
    found["cost"]["attempts"] = 1
    found["provenance"]["hardware"]["accelerator"] = None
    target = found
    *parents, last = path.split(".")
    for name in parents:
        target = target[int(name)] if isinstance(target, list) else target[name]
    target[last] = value
    assert expected in faults(json.dumps({**found, "hash": content_hash(found)}).encode())


def test_full_precision_has_no_distance_to_itself() -> None:
    cell = {**document()["cell"], "adapter": "fp32", "method": "baseline", "bits": "FP32"}
    found = document(cell=cell)
    assert "no distance to itself" in faults(json.dumps({**found, "hash": content_hash(found)}).encode())


def test_a_name_that_stands_twice_is_refused() -> None:
    data = edited("status", "ok").replace(b'"status": "ok"', b'"status": "ok", "status": "ok"')
    assert "twice" in faults(data)


def distances(change: Any) -> Record:
    found = json.loads(DISTANCES.read_bytes())
    change(found["metrics"])
    return seal({name: value for name, value in found.items() if name != "hash"})


def test_distances_say_what_they_were_computed_with() -> None:
    assert not list(identity_faults(distances(lambda metrics: None)))
    for name, change in {
        "does not say": lambda metrics: metrics["fid"].update(identity="fid of something"),
        "of several networks": lambda metrics: metrics["fid"].update(
            identity=metrics["fid"]["identity"].replace("metric-net", "other-net")
        ),
        "it says n=100": lambda metrics: metrics["kid"].update(
            identity=metrics["kid"]["identity"].replace("n=886", "n=100")
        ),
        "qfid has reference": lambda metrics: metrics["qfid"].update(
            identity=metrics["qfid"]["identity"].replace("fp32", "8e3444799305")
        ),
        "of pixels has none": lambda metrics: metrics["psnr"].update(identity="psnr"),
    }.items():
        assert any(name in fault for fault in identity_faults(distances(change)))


def test_pairs_may_be_compared_by_a_network_of_their_own() -> None:
    def elsewhere(metrics: Any, pairs: str, network: str) -> None:
        """Distances in `network`, pairs compared by `pairs` in the embedded one or its own."""
        metrics[pairs] = metrics.pop("perceptual")
        for name, metric in metrics.items():
            if name == pairs:
                metric["identity"] = metric["identity"].replace("perceptual", pairs)
            elif metric["identity"]:
                metric["identity"] = metric["identity"].replace("metric-net", network)

    assert not list(identity_faults(distances(lambda m: elsewhere(m, "perceptual", "inception"))))
    assert not list(identity_faults(distances(lambda m: elsewhere(m, "lpips", "inception"))))
    mixed = distances(
        lambda metrics: metrics["perceptual"].update(
            identity=metrics["perceptual"]["identity"].replace("metric-net@", "metric-net@0")
        )
    )
    assert any("of several networks" in fault for fault in identity_faults(mixed))


def put(results: Path, found: dict[str, Any]) -> Path:
    return write(seal(found), PREVIEW, results)


def test_a_copy_of_a_record_deeper_down_is_a_duplicate(tmp_path: Path) -> None:
    put(tmp_path, document())
    put(tmp_path / "again", document())
    assert any("same cell" in fault.what for fault in validate(tmp_path).faults)


def test_records_of_one_board_are_judged_by_one_network(tmp_path: Path) -> None:
    identity = "fid[net@abc pil-32 n=8 ref=123]"
    for seed, found in enumerate([identity, identity.replace("123", "456")]):
        cell = {**document()["cell"], "seed": seed}
        fid = metric(1, identity=found)
        put(tmp_path, document(cell=cell, metrics={"fid": fid}))
    assert any("456" in fault.what for fault in validate(tmp_path).faults)


def test_a_delta_is_the_difference_to_the_baseline(tmp_path: Path) -> None:
    space = "[net@abc pil-32 n=8 ref=123]"
    base = {**document()["cell"], "adapter": "fp32", "method": "baseline", "bits": "FP32"}
    fid, delta = (lambda value: metric(value, identity=f"fid{space}")), f"fid_delta{space}"
    put(tmp_path, document(cell=base, metrics={"fid": fid(1.0)}))
    put(tmp_path, document(metrics={"fid": fid(1.5), "fid_delta": metric(0.5, identity=delta)}))
    assert not validate(tmp_path).faults
    put(tmp_path, document(metrics={"fid": fid(1.5), "fid_delta": metric(0.1, identity=delta)}))
    (fault,) = validate(tmp_path).faults
    assert "full precision's 1 is 0.5" in fault.what


def test_a_record_of_a_published_suite_keeps_to_it() -> None:
    suite = load_suite("mini")
    (cell,) = (
        cell
        for cell in Filters(gans=["sagan-cifar10"], methods=["gptq"], bits=["W4A8"]).select(suite)
        if cell.bits == Bits(4, 8)
    )
    protocol = suite.protocol[cell.gan]
    where = document()["provenance"] | {"protocol": protocol.counts(), "suite": suite.digest(cell.gan)}
    good = {
        "cell": cell.model_dump(mode="json"),
        "metrics": {},
        "provenance": where,
        "tolerance": dict(suite.tolerance),
    }
    published = Published()
    assert not list(published.faults(seal(document(**good))))
    for change, expected in (
        ({"cell": good["cell"] | {"seed": 77}}, "has no sagan-cifar10"),
        ({"tolerance": {"psnr": 50.0}}, "tolerance.psnr"),
        ({"provenance": where | {"suite": "sha256:" + "1" * 64}}, "another protocol"),
        ({"provenance": where | {"protocol": protocol.counts() | {"final": 8}}}, "other counts"),
    ):
        found = copy.deepcopy(good) | change
        assert any(expected in fault for fault in published.faults(seal(document(**found))))


def test_links_and_pipes_are_not_followed(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text('{"schema": 1, "password": "hunter2"}')
    results = tmp_path / "results"
    path = put(results, document())
    (path.parent / "link.json").symlink_to(secret)
    os.mkfifo(path.parent / "pipe.json")
    preview_path(path).unlink()
    preview_path(path).symlink_to(secret)
    found = [str(fault) for fault in validate(results).faults]
    assert len(found) == 3
    assert all("link" in fault for fault in found)
    assert not any("hunter2" in fault for fault in found)


def test_sizes_are_bounded() -> None:
    assert "at most" in faults(b" " * (MAX_BYTES + 1))
    deep = b'{"schema": 1, "x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    assert faults(deep)


def test_nothing_of_a_record_reaches_the_terminal_as_a_command() -> None:
    from ganqbench.records.text import printable

    assert printable("a\x1b[2Jb\nc\u202e") == "a [2Jb c "


def test_names_can_not_leave_the_results_folder() -> None:
    for name in ("../x", "/etc/x", "..", "a/b", "A", "a\x00", "", "a" * 65, "con/.", "a\n"):
        found = document(cell={**document()["cell"], "gan": name})
        with pytest.raises(ValueError, match="gan"):
            seal(found)
    assert parse(edited("status", "ok"), Path("x")).cell.path.parts[0] == "mini-v1"
