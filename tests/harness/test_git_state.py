"""Whose commit a record names, and when it says that something differs from it."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

import pytest

from ganqbench.harness.provenance import git_state

Git = Callable[..., str]


@pytest.fixture
def git(tmp_path: Path) -> Git:
    """git(...) in a new repository; what it prints."""

    def call(*words: str) -> str:
        who = ("-c", "user.name=t", "-c", "user.email=t@t", "-c", "core.autocrlf=false")
        done = subprocess.run(["git", *who, *words], cwd=tmp_path, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    call("init", "--quiet")
    return call


def commit(git: Git) -> str:
    git("add", "--all")
    git("commit", "--quiet", "--message", "all")
    return git("rev-parse", "HEAD")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A source tree of the package that is installed."""
    for folder, package in (("bench", "ganqbench"), ("adapters", "ganqbench.adapters")):
        shutil.copytree(
            Path(str(files(package))),
            tmp_path / folder,
            ignore=shutil.ignore_patterns("adapters", "weights", "__pycache__"),
        )
    for source in Path(str(files("ganqbench.weights"))).glob("*.py"):
        (tmp_path / "bench/weights").mkdir()
        shutil.copy(source, tmp_path / "bench/weights")
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "ganqbench"\n')
    (tmp_path / "results").mkdir()
    (tmp_path / "results/record.json").write_text("{}")
    return tmp_path


def test_another_projects_commit_is_none(git: Git, tmp_path: Path) -> None:
    assert git_state(tmp_path / "absent") == (None, None)
    for content in ("", "[project]\n", '[project]\nname = "theirs"\n', "not toml"):
        (tmp_path / "pyproject.toml").write_text(content + "# or none at all\n")
        commit(git)
        assert git_state(tmp_path) == (None, None)


def test_a_clean_checkout_that_is_installed_is_clean(git: Git, checkout: Path) -> None:
    found = commit(git)
    assert git_state(checkout / "results") == (found, False)
    (checkout / "results/record.json").write_text("[]")  # a run writes them
    assert git_state(checkout) == (found, False)
    (checkout / "pyproject.toml").write_text('[project]\nname = "ganqbench"\nversion = "0"\n')
    assert git_state(checkout) == (found, True)


@pytest.mark.parametrize("name", ["bench/cell.py", "adapters/fp32.py", "bench/suites/mini.toml"])
def test_a_checkout_that_differs_from_what_is_installed_is_not_clean(
    name: str, git: Git, checkout: Path
) -> None:
    with (checkout / name).open("a") as file:
        file.write("# newer\n")
    found = commit(git)
    assert git_state(checkout) == (found, True)
    (checkout / name).unlink()
    found = commit(git)
    assert git_state(checkout) == (found, True)
