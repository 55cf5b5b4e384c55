"""A contributor's file that is wrong ends as one clear message, and the other adapters go on.

All of them are installed side by side, so that each has to be named apart from the others.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys

import pytest
from installed import install

GOOD = """
from ganqbench.adapter import Adapter, Method

class Mine(Adapter):
    name = "mine"
    requires = ()
    methods = {"ptq": Method("t", "ptq", "r")}

    def quantize(self, generator, calibration, cell):
        return generator
"""
BAD = {
    "syntax error": (GOOD.replace("requires = ()", "requires = ("), "SyntaxError line"),
    "missing dependency": ("import a_toolkit_that_nobody_has\n" + GOOD, "a_toolkit_that_nobody_has"),
    "no such class": (GOOD.replace("class Mine", "class Other"), "Mine"),
    "no quantize": (GOOD.replace("def quantize", "def quantise"), "abstract method"),
    "another name": (GOOD.replace('name = "mine"', 'name = "yours"'), "not an Adapter of that name"),
    "raises": (GOOD + "\nraise RuntimeError('at import')\n", "at import"),
    "exits": ("raise SystemExit(0)\n" + GOOD, "SystemExit"),
    "one distribution, not a tuple": (GOOD.replace("requires = ()", "requires = 'torch'"), "`requires`"),
    "methods in a list": (GOOD.replace('{"ptq": Method("t", "ptq", "r")}', '["ptq"]'), "`methods`"),
    "a method's name": (GOOD.replace('"ptq": M', '"../P tq": M'), "'../P tq'"),
    "no method": (GOOD.replace('Method("t", "ptq", "r")', '{"kind": "ptq"}'), "not a Method"),
    "another kind": (GOOD.replace('"t", "ptq", "r"', '"t", "magic", "r"'), "known kind"),
    "supports raises": (GOOD + "\n    def supports(self, cell):\n        return self.nothing\n", "nothing"),
    "supports answers": (GOOD + "\n    def supports(self, cell):\n        return False\n", "False"),
    "supports gives no reason": (
        GOOD.replace("import Adapter", "import Skip, Adapter")
        + "\n    def supports(self, cell):\n        return Skip('')\n",
        "gives no reason",
    ),
    "a version": (GOOD.replace("requires = ()", "requires = ('torch>=2',)"), "and not 'torch>=2'"),
    "a forgotten comma": (GOOD.replace('"r")', '"r", exempt=("linear0"))'), "no tuple of modules' names"),
    "no title": (GOOD.replace('"t",', "None,"), "the title of its method 'ptq' is None"),
    "no adapter": ("class Mine:\n    name = 'mine'\n", "not an Adapter of that name"),
}
NAMES = {fault: f"bad_{place}" for place, fault in enumerate(BAD)} | {"capitals": "BadName"}
BAD["capitals"] = GOOD, "its name is not made of lower-case letters"


def named(code: str, name: str) -> str:
    return code.replace('name = "mine"', f'name = "{name}"')


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """One that has a good adapter, all bad ones, two of one name, and one of a name that the package has."""
    folder = tmp_path_factory.mktemp("installed")
    install(folder, "mine", GOOD)
    for fault, (code, _) in BAD.items():
        install(folder, NAMES[fault], named(code, NAMES[fault]))
    for distribution in ("twice", "theirs"):
        install(folder, "twice", named(GOOD, "twice"), distribution)
    install(folder, "torch_ao", named(GOOD, "torch_ao"), "impostor")
    return {**os.environ, "PYTHONPATH": str(folder)}


def call(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-P", "-m", "ganqbench", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.fixture(scope="module")
def listing(environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return call(environment, "list", "methods", "--json")


def listed(listing: subprocess.CompletedProcess[str]) -> set[str]:
    return {row["name"] for row in json.loads(listing.stdout)}


def messages(listing: subprocess.CompletedProcess[str]) -> list[str]:
    return re.split(r"^Error: ", listing.stderr, flags=re.MULTILINE)[1:]


def said_of(name: str, listing: subprocess.CompletedProcess[str]) -> str:
    """The one message that names the adapter."""
    (message,) = (one for one in messages(listing) if f"{name!r}" in one.splitlines()[0])
    return message


def test_the_good_ones_are_listed_and_the_status_tells_of_the_others(
    listing: subprocess.CompletedProcess[str],
) -> None:
    assert listing.returncode == 1
    assert {"mine.ptq", "brevitas.ptq-mse", "ganq.ptq-mse"} <= listed(listing)
    assert "Traceback" not in listing.stderr
    assert len(messages(listing)) == len(BAD) + 2


@pytest.mark.parametrize("fault", BAD)
def test_a_bad_one_is_named_with_its_fault(fault: str, listing: subprocess.CompletedProcess[str]) -> None:
    message = said_of(NAMES[fault], listing)
    assert BAD[fault][1] in message
    assert len(message.splitlines()) <= 3
    assert f"{NAMES[fault]}.ptq" not in listed(listing)


def test_doctor_goes_on_and_says_which(environment: dict[str, str]) -> None:
    done = call(environment, "doctor")
    assert done.returncode == 1
    broken = {line.split()[1] for line in done.stdout.splitlines() if " broken: " in line}
    # Nobody asks them about a cell here.
    silent = {NAMES[fault] for fault in BAD if fault.startswith("supports")}
    assert broken == {*NAMES.values(), "twice", "torch_ao"} - silent
    assert "brevitas" in done.stdout
    assert "Traceback" not in done.stderr


def test_two_distributions_of_one_name_are_an_error(listing: subprocess.CompletedProcess[str]) -> None:
    said = said_of("twice", listing)
    assert "Two installed distributions register an adapter named 'twice'" in said
    assert "twice.ptq" not in listed(listing)


def test_a_name_that_the_package_has_is_an_error(listing: subprocess.CompletedProcess[str]) -> None:
    assert said_of("torch_ao", listing)
    assert not [name for name in listed(listing) if name.startswith("torch_ao.")]
