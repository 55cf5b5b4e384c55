"""Sessions: `nox -l` lists them. All that need torch share one environment, since it is 5.5 GB."""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import tomllib
from pathlib import Path

import nox

nox.needs_version = ">=2024.4.15"
nox.options.sessions = ["lint", "types", "tests"]

ROOT = Path(__file__).parent
SHARED = ROOT / ".nox" / "shared"
PYTHON = SHARED / "bin/python"


def install(session: nox.Session) -> None:
    """Bring the shared environment up to date: the tested dependencies and this checkout as a wheel."""
    stamp = SHARED / "dependencies.sha256"
    wanted = hashlib.sha256(dependencies()).hexdigest()
    if not (stamp.is_file() and stamp.read_text() == wanted):
        session.log("Installing the dependencies; the first time this takes some minutes and 6 GB.")
        session.run(sys.executable, "-m", "venv", "--clear", str(SHARED), external=True)
        pip(session, "install", "-c", "constraints.txt", "setuptools", "wheel")
        pip(session, "install", "-c", "constraints.txt", ".[all,tests,dev]")
        stamp.write_text(wanted)
    # A stale build/lib would put deleted modules back into the wheel.
    for leftover in (ROOT / "build").glob("*"):
        if leftover.name == "lib" or leftover.name.startswith("bdist"):
            shutil.rmtree(leftover)
    pip(session, "install", "--no-deps", "--no-build-isolation", "--force-reinstall", ".")


def dependencies() -> bytes:
    """What the shared environment depends on: not the whole of pyproject.toml, which also lists adapters."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [project["requires-python"], project["dependencies"], project["optional-dependencies"]]
    return repr(wanted).encode() + (ROOT / "constraints.txt").read_bytes()


def pip(session: nox.Session, *arguments: str) -> None:
    python(session, "-m", "pip", "--disable-pip-version-check", *arguments, "--quiet")


def python(session: nox.Session, *arguments: str, **environment: str) -> None:
    session.run(str(PYTHON), *arguments, external=True, env=environment)


def pytest(session: nox.Session, *arguments: str, under: tuple[str, ...] = ()) -> None:
    workers = str(min(os.cpu_count() or 1, 4))
    # Groups: see tests/conftest.py. A process that dies ends the run, which xdist could not go on with.
    parallel = ("-n", workers, "--dist", "loadgroup", "--max-worker-restart", "0")
    python(session, "-P", *under, "-m", "pytest", *parallel, *arguments, OMP_NUM_THREADS="1")


def ganqbench(session: nox.Session, *arguments: str) -> None:
    # -P keeps this folder's `site/` and `bench/` off the import path.
    python(session, "-P", "-m", "ganqbench", *arguments)


@nox.session(venv_backend="none")
def bench(session: nox.Session) -> None:
    """Run suite mini on this machine, whatever others recorded, and build the leaderboard."""
    install(session)
    try:
        ganqbench(session, "run", "--suite", "mini", "--here", *session.posargs)
    finally:
        ganqbench(session, "site")


@nox.session(venv_backend="none")
def tests(session: nox.Session) -> None:
    """Run the tests against the installed wheel, in up to four processes with one thread each."""
    install(session)
    pytest(session, *session.posargs)


@nox.session(venv_backend="none")
def quick(session: nox.Session) -> None:
    """Run the tests that need no minutes: formulas, records, pages, commands."""
    install(session)
    folders = ("audit", "cli", "docs", "metrics", "recipes/test_losses.py", "records")
    pytest(session, *(f"tests/{folder}" for folder in folders), "-m", "not slow", *session.posargs)


@nox.session(venv_backend="none")
def reproduce(session: nox.Session) -> None:
    """Run committed cells again and compare: nox -s reproduce -- RECORD ...; without one, three at random."""
    install(session)
    ganqbench(session, "verify", *(session.posargs or ("results", "--sample", "3")))


@nox.session(venv_backend="none")
def stress(session: nox.Session) -> None:
    """Faults and scale at full size, into docs/stress.json: nox -s stress [-- PART ...]."""
    install(session)
    python(session, "-P", "benchmarks/stress.py", *session.posargs)


@nox.session(venv_backend="none")
def docs(session: nox.Session) -> None:
    """Build the documentation into build/docs."""
    install(session)
    python(session, "-P", "-m", "mkdocs", "build", "--clean", *session.posargs)


@nox.session(venv_backend="none")
def adapter(session: nox.Session) -> None:
    """Run the conformance suite for one adapter: nox -s adapter -- NAME, or the path of a file."""
    install(session)
    if not session.posargs:
        session.error("Say which adapter: nox -s adapter -- NAME, or -- path/to/file.py")
    name, *rest = session.posargs
    python(session, "-P", "-m", "pytest", "tests/conformance", "--adapter", name, *rest)


@nox.session(venv_backend="none")
def matrix(session: nox.Session) -> None:
    """Write docs/method-matrix.json and .md: which method does what it claims, where."""
    install(session)
    claims = [
        "tests/conformance/test_numbers.py",
        "-k",
        "claimed_bits",
        "--matrix",
        "docs/method-matrix.json",
    ]
    python(session, "-P", "-m", "pytest", *claims, *session.posargs)


@nox.session(venv_backend="none")
def lint(session: nox.Session) -> None:
    """Check style."""
    install(session)
    python(session, "-P", "-m", "ruff", "check", ".")
    python(session, "-P", "-m", "ruff", "format", "--check", ".")


@nox.session(venv_backend="none")
def house(session: nox.Session) -> None:
    """Find dependencies that are unused or undeclared, and leftovers in any text."""
    install(session)
    python(session, "-P", "-m", "deptry", ".")
    left = session.run(
        *("git", "grep", "-nIE", r"\b(TODO|FIXME)\b", "--", ":!noxfile.py"),
        external=True,
        silent=True,
        success_codes=[0, 1],
    )
    bare = [line for line in str(left or "").splitlines() if "issue" not in line.lower()]
    if bare:
        session.error("Unfinished without an issue:\n" + "\n".join(bare))


@nox.session
def advisories(session: nox.Session) -> None:
    """Look for known vulnerabilities of the tested set; needs the network."""
    session.install("pip-audit")
    audit = ("pip-audit", "--no-deps", "--disable-pip", "-r", "constraints.txt", *session.posargs)
    said = str(session.run(*audit, silent=True, success_codes=[0, 1]) or "")
    # Where PyPI can't be asked, pip-audit lists every package as unknown and finds nothing in none.
    unknown = said.count("could not be audited")
    pins = sum("==" in line for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines())
    if "known vulnerabilit" not in said or unknown >= pins:
        session.skip("The service that knows the vulnerabilities can't be reached: nothing was checked.")
    session.log(f"{said}\n{pins - unknown} of {pins} packages were checked.")
    if "No known vulnerabilities" not in said:
        session.error("A package of constraints.txt is known to be vulnerable.")


@nox.session(venv_backend="none")
def coverage(session: nox.Session) -> None:
    """Branch coverage of `ganqbench` without the adapters; takes as long as the tests do."""
    install(session)
    python(session, "-P", "-m", "coverage", "erase")
    pytest(session, *session.posargs, under=("-m", "coverage", "run"))
    python(session, "-P", "-m", "coverage", "combine")
    python(session, "-P", "-m", "coverage", "report")


@nox.session(venv_backend="none")
def mutation(session: nox.Session) -> None:
    """List wrong operators in audit, statistics and records that no test notices: [-- MODULE ...]."""
    install(session)
    python(session, "-P", "benchmarks/mutation.py", *session.posargs, OMP_NUM_THREADS="1")


@nox.session(venv_backend="none")
def types(session: nox.Session) -> None:
    """Check types of the installed wheel and of the scripts that use it."""
    install(session)
    python(session, "-P", "-m", "mypy", "-p", "ganqbench")
    python(session, "-P", "-m", "mypy", "benchmarks", MYPYPATH="benchmarks")


@nox.session(venv_backend="none")
def validate(session: nox.Session) -> None:
    """Check every committed record."""
    install(session)
    ganqbench(session, "validate", *session.posargs)


@nox.session(venv_backend="none")
def site(session: nox.Session) -> None:
    """Build the leaderboard from the committed records."""
    install(session)
    ganqbench(session, "site", *session.posargs)


@nox.session(venv_backend="none")
def pictures(session: nox.Session) -> None:
    """Build the leaderboard and take the docs' pictures of it; needs chromium."""
    install(session)
    ganqbench(session, "site")
    python(session, "-P", "tests/browser/take_pictures.py", "results", "build/site", "docs/pictures")
