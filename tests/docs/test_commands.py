"""What the docs tell people to type is understood, and their Python runs."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from ganqbench.cli.main import cli, main
from ganqbench.errors import UserError
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
    for word in arguments:  # files that a reader has
        if re.fullmatch(r"[\w./-]+\.(pkl|pth|onnx|json|toml|safetensors)", word) and "out" not in word:
            (tmp_path / word).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / word).touch()
        elif word.endswith("/"):
            (tmp_path / word).mkdir(parents=True, exist_ok=True)
    parse(arguments)


def trainings() -> list[str]:
    pages = [block for page in PAGES for block in blocks(page, "sh")]
    return sorted(
        {words for block in pages for words in re.findall(r"python -m ganqbench\.train (.+)", block)}
    )


@pytest.mark.parametrize("words", trainings())
def test_trainings_are_understood(words: str) -> None:
    parse(shlex.split(words), train)


def test_every_training_is_described() -> None:
    assert {words.split()[0] for words in trainings()} == set(train.commands)


def runnable() -> list[str]:
    """Commands that need nothing but this checkout; what would measure is asked for its plan, or for less.

    Whole cells are run again for a record that is named, not for a sample.
    """
    found = []
    for words in sorted({words for _, words in commands()}):
        if re.search(r"\b(new-adapter|my\.pkl|mine-v0|tcp://)", words):
            continue
        plan = " --dry-run" if " run " in words and "--dry-run" not in words else ""
        part = " --inputs 64" if "--sample" in words and "--inputs" not in words else ""
        found.append(words + plan + part)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("words", runnable())
def test_commands_run(
    words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "results").symlink_to(ROOT / "results")
    monkeypatch.setattr(sys, "argv", shlex.split(words))
    with pytest.raises(SystemExit) as exit_:
        main()
    said = capsys.readouterr()
    assert not exit_.value.code, said.err
    assert said.out


def test_a_wrong_option_would_be_seen() -> None:
    with pytest.raises(click.UsageError):
        parse(["run", "--no-such-option"])
    with pytest.raises(UserError):
        parse(["no-such-command"])


def test_sessions_that_pages_name_exist() -> None:
    source = (ROOT / "noxfile.py").read_text(encoding="utf-8")
    known = set(re.findall(r"^def (\w+)\(session", source, re.MULTILINE))
    for page in PAGES:
        for line in re.findall(r"nox -s ([\w ]+)", page.read_text(encoding="utf-8")):
            named = line.split()[0]
            assert named in known, f"{page.name}: nox -s {named}"


def test_the_tutorial_runs(capsys: pytest.CaptureFixture[str]) -> None:
    (code,) = blocks(ROOT / "docs/tutorial.md", "python")
    exec(compile(code, "tutorial.md", "exec"), {})
    assert float(capsys.readouterr().out.splitlines()[-1]) > 0.95


def test_pages_link_to_pages_that_exist() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            if "://" not in target and target not in MADE:
                assert (page.parent / target).exists(), f"{page.name} -> {target}"
