"""What the docs tell people to type is understood, their Python runs, and no page or link is lost.

In the stress session (GANQBENCH_STRESS) commands that measure do so as they stand there; here they are asked
for their plan, or for less.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from official import official_file

from ganqbench.cli.main import cli, main
from ganqbench.errors import UserError
from ganqbench.suite import load_suite, suite_names
from ganqbench.train.__main__ import main as train

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


MADE = {"commands.md", "contributing.md"}
"""Pages that docs/hooks.py makes."""


def blocks(page: Path, language: str) -> Iterator[str]:
    yield from re.findall(rf"```{language}\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)


def commands() -> Iterator[tuple[str, str]]:
    for page in PAGES:
        for block in blocks(page, "sh"):
            for line in block.replace("\\\n", " ").splitlines():
                for part in line.split("#")[0].split("&&"):
                    words = part.strip()
                    if re.match(r"(\S*/)?ganqbench ", words):
                        yield page.name, words


def parse(words: list[str], group: click.Group = cli) -> None:
    """Read the words as the command line does, running nothing; raises an error for what it doesn't know."""
    command: click.Command | None = group
    context = click.Context(group)
    while isinstance(command, click.Group):
        command = command.get_command(context, words[0])
        words = words[1:]
    assert command is not None
    command.make_context("", words)


@pytest.mark.parametrize(("page", "words"), sorted(set(commands())))
def test_commands_are_understood(
    page: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    arguments = shlex.split(words)[1:]
    make_files(arguments, tmp_path)
    parse(arguments)


def make_files(arguments: list[str], folder: Path) -> None:
    """The files and folders that a reader of these arguments has."""
    for word in arguments:
        if re.fullmatch(r"[\w./-]+\.(pkl|pth|onnx|json|toml|safetensors)", word) and "out" not in word:
            (folder / word).parent.mkdir(parents=True, exist_ok=True)
            (folder / word).touch()
        elif word.endswith("/"):
            (folder / word).mkdir(parents=True, exist_ok=True)


def trainings() -> list[str]:
    pages = [block for page in PAGES for block in blocks(page, "sh")]
    return sorted(
        {words for block in pages for words in re.findall(r"python -m ganqbench\.train (.+)", block)}
    )


@pytest.mark.parametrize("words", trainings())
def test_trainings_are_understood(words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    make_files(shlex.split(words), tmp_path)
    parse(shlex.split(words), train)


def test_every_training_is_described() -> None:
    assert {words.split()[0] for words in trainings()} == set(train.commands)


WHOLE = bool(os.environ.get("GANQBENCH_STRESS"))
FIGURES = os.environ.get("GANQBENCH_FIGURES")
"""Where the stress session wants to read what was counted."""


def runnable() -> list[str]:
    """Commands that need nothing but this checkout."""
    found = set()
    for words in sorted({words for _, words in commands()}):
        if re.search(r"\b(new-adapter|my\.pkl|mine-v0|tcp://|fresh/)|--download", words):
            continue
        if WHOLE and "--suite paper" not in words:  # whose weights are downloaded
            found.add(words)
        elif "ganqbench deploy " not in words:  # which takes minutes and writes into the record
            found.add(shortened(words))
    return sorted(found)


def shortened(words: str) -> str:
    """What would measure is asked for its plan, or for less."""
    plan = " --dry-run" if " run " in words and "--dry-run" not in words else ""
    part = " --inputs 64" if " verify " in words and "--inputs" not in words else ""
    return re.sub(r"--sample \d+( --draw \d+)?", "--sample 1 --draw 7", words) + plan + part


def put_results(folder: Path, words: str) -> None:
    """The committed records; for a shortened draw among them those of a toolkit that takes seconds."""
    if WHOLE:
        shutil.copytree(ROOT / "results", folder / "results")
    elif "--sample" not in words:
        (folder / "results").symlink_to(ROOT / "results")
    else:
        for source in (ROOT / "results").rglob("torch_ao.ptq-*"):
            target = folder / source.relative_to(ROOT)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)


@pytest.fixture(scope="module")
def done() -> Iterator[list[str]]:
    """Commands that ended well, counted for the stress session."""
    ended: list[str] = []
    yield ended
    if FIGURES:
        Path(FIGURES).write_text(json.dumps({"documented_commands": len(ended)}), encoding="utf-8")


@pytest.mark.slow
@pytest.mark.parametrize("words", runnable())
def test_commands_run(
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    done: list[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    put_results(tmp_path, words)
    monkeypatch.setattr(sys, "argv", shlex.split(words))
    with pytest.raises(SystemExit) as exit_:
        main()
    said = capsys.readouterr()
    assert not exit_.value.code, said.err
    assert said.out
    done.append(words)
    if WHOLE:
        shutil.rmtree(tmp_path / "results")


def test_a_wrong_option_would_be_seen() -> None:
    with pytest.raises(click.UsageError):
        parse(["run", "--no-such-option"])
    with pytest.raises(UserError):
        parse(["no-such-command"])


def test_sessions_that_pages_name_exist() -> None:
    source = (ROOT / "noxfile.py").read_text(encoding="utf-8")
    known = set(re.findall(r"^@nox\.session.*\ndef (\w+)\(session", source, re.MULTILINE))
    for page in (*PAGES, ROOT / "RELEASING.md"):
        for line in re.findall(r"nox -s ([\w ]+)", page.read_text(encoding="utf-8")):
            assert set(line.split()) <= known, f"{page.name}: nox -s {line}"


@pytest.mark.slow
def test_the_tutorial_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, own = blocks(ROOT / "docs/tutorial.md", "python")
    assert len([line for line in code.splitlines() if line]) == 10
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "tutorial.md", "exec"), {})
    assert float(capsys.readouterr().out.splitlines()[-1]) > 0.95
    official_file(tmp_path / "my.pkl", "stylegan2_ada_32")  # what a file is, its content tells
    exec(compile(own, "tutorial.md", "exec"), {})
    assert float(capsys.readouterr().out.splitlines()[-1]) > 0.95


def links(page: Path) -> Iterator[tuple[str, str]]:
    """Target and anchor of each link within the project."""
    for target in re.findall(r"\]\(([^)]+)\)", page.read_text(encoding="utf-8")):
        if "://" not in target:
            file, _, anchor = target.partition("#")
            yield file, anchor


def anchors(page: Path) -> set[str]:
    """What a page's headings are called in links."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading).lower().replace(" ", "-") for heading in headings}


def test_pages_link_to_what_exists() -> None:
    for page in PAGES:
        for file, anchor in links(page):
            if file in MADE:
                continue
            target = page.parent / file if file else page
            assert target.exists(), f"{page.name} -> {file}"
            assert not anchor or anchor in anchors(target), f"{page.name} -> {file}#{anchor}"


def test_every_page_is_linked_from_the_first_and_in_the_menu() -> None:
    pages = {
        path.relative_to(ROOT / "docs").as_posix() for path in PAGES if path.is_relative_to(ROOT / "docs")
    }
    linked = {file for file, _ in links(ROOT / "docs/index.md")}
    menu = re.findall(r": (\S+\.md)$", (ROOT / "mkdocs.yml").read_text(encoding="utf-8"), re.MULTILINE)
    assert linked | {"index.md"} == pages | MADE
    assert sorted(menu) == sorted(pages | MADE)


def test_the_protocol_lists_the_suites_there_are() -> None:
    page = (ROOT / "docs/protocol.md").read_text(encoding="utf-8")
    listed = dict(re.findall(r"^\| `(\w+)` \| (\d+) \|", page, re.MULTILINE))
    suites = [load_suite(name) for name in suite_names()]
    assert listed == {suite.name: str(suite.version) for suite in suites}
    for line in page.splitlines():
        if found := re.match(r"\| `(\w+)` \| (\d+) \|", line):
            assert (found[2] == "0") == ("unfinished" in line), line


def test_the_readme_names_every_suite_and_cites_the_newest() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (row,) = [line for line in readme.splitlines() if line.startswith("| Suites |")]
    for name in suite_names():
        assert f"`{name}`" in row
    ((name, version),) = re.findall(r"as in \*(\w+) (\d+)\*", readme)
    assert load_suite(name).version == int(version)


@pytest.mark.slow
def test_the_documentation_builds(tmp_path: Path) -> None:
    """Strictly: a lost link, anchor or docstring is an error."""
    build = [sys.executable, "-P", "-m", "mkdocs", "build", "--site-dir", str(tmp_path / "docs")]
    done = subprocess.run(build, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "docs/record.html").is_file()
