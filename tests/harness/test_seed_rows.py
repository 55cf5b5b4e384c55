"""Seeds of a configuration taken together, with and without the influence values of their inputs."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from seed_records import IDENTITY, PATH, VALUES, N, records

from ganqbench.cli.seeds import seeds as command
from ganqbench.errors import UserError
from ganqbench.harness.influence import FOLDER, Influence, keep, kept
from ganqbench.harness.seed_rows import seed_rows
from ganqbench.records.store import preview_path, write


def influences() -> list[Influence]:
    rng = np.random.default_rng(0)
    labels = [f"glyph {item // 2}" for item in range(N)]
    return [Influence.of(rng.standard_normal(N), labels) for _ in VALUES]


def test_kept_values_give_the_error_of_the_mean_over_seeds(tmp_path: Path) -> None:
    own = influences()
    for value, each in zip(VALUES, own, strict=True):
        keep(tmp_path, each, value, IDENTITY)
    (row,) = seed_rows(records(), tmp_path)
    average = np.mean([each.values for each in own], axis=0)
    sums = (average - average.mean()).reshape(-1, 2).sum(axis=1)
    expected = np.sqrt(32 / 31 * (sums**2).sum()) / N
    assert row.summary.exact
    assert row.summary.sampling_se == pytest.approx(expected)
    assert row.summary.mean == pytest.approx(0.75)
    assert row.summary.calibration_sd == pytest.approx(0.25)


def test_without_all_values_the_error_is_a_bound(tmp_path: Path) -> None:
    (row,) = seed_rows(records(), tmp_path)
    assert not row.summary.exact
    assert row.summary.sampling_se == pytest.approx(0.1)
    for value, each in zip(VALUES[:2], influences(), strict=False):
        keep(tmp_path, each, value, IDENTITY)
    (partly,) = seed_rows(records(), tmp_path)
    assert partly == row


def test_what_was_measured_differently_is_never_averaged(tmp_path: Path) -> None:
    (row,) = seed_rows(records(s2=IDENTITY.replace("aaaa", "cccc")), tmp_path)
    assert (row.summary.seeds, row.summary.mean) == (2, pytest.approx(0.625))


def test_values_are_found_by_the_number_they_belong_to_alone(tmp_path: Path) -> None:
    first = influences()[0]
    keep(tmp_path, first, 0.5, IDENTITY)
    found = kept(tmp_path, 0.5, IDENTITY, N)
    assert found is not None
    assert found.values.tobytes() == first.values.tobytes()
    assert found.units == first.units
    assert kept(tmp_path, np.nextafter(0.5, 1), IDENTITY, N) is None
    assert kept(tmp_path, 0.5, IDENTITY.replace("bbbb", "cccc"), N) is None
    assert kept(tmp_path, 0.5, IDENTITY, N + 1) is None
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:-30])
    assert kept(tmp_path, 0.5, IDENTITY, N) is None


def test_the_command_says_both_sources_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANQBENCH_HOME", str(tmp_path / "home"))
    made = records()
    preview = preview_path(PATH).read_bytes()
    for record in made:
        write(record, preview, tmp_path / "results")
    for value, each in zip(VALUES, influences(), strict=True):
        keep(tmp_path / "home" / FOLDER, each, value, IDENTITY)
    run = CliRunner()
    words = run.invoke(command, [str(tmp_path / "results")], catch_exceptions=False).output
    assert "+0.75 over 3 seeds on 64 inputs" in words
    assert "SD between seeds 0.25" in words
    assert "at most" not in words
    document = json.loads(run.invoke(command, [str(tmp_path / "results"), "--json"]).output)
    assert [(each["mean"], each["exact"], each["seeds"]) for each in document] == [(0.75, True, 3)]
    with pytest.raises(UserError, match="There is no "):
        run.invoke(command, [str(tmp_path / "absent")], catch_exceptions=False)
