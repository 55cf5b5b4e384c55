"""The judge stays out of training: what steers a generator must not be what it is scored by."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

import ganqbench.train
from ganqbench.train.checkpoint import export_weights
from ganqbench.train.sagan import SaganRecipe
from ganqbench.train.teacher import load_eyes, load_teacher
from ganqbench.zoo.classifier import CLASSIFIERS, STEERING, build_classifier

FOLDER = Path(next(iter(ganqbench.train.__path__)))
JUDGES = set(CLASSIFIERS) - set(STEERING)
OWN = {"classifier.py": {"CONFIGS", "REFINEMENTS"}, "__main__.py": {"classifier"}}
"""What trains the judges themselves, and may name them: top-level definitions by file."""


def names_a_judge(text: str) -> bool:
    """Whether a name, of a file or else, has a judge's among its words; prose is not meant."""
    return not re.search(r"\s", text) and not JUDGES.isdisjoint(re.split(r"[^a-z0-9]+", text.lower()))


def strings(tree: ast.Module, own: set[str]) -> Iterator[str]:
    """String constants outside the top-level definitions `own`."""
    for statement in tree.body:
        target = statement.target if isinstance(statement, ast.AnnAssign) else statement
        if (getattr(target, "name", None) or getattr(target, "id", None)) in own:
            continue
        for node in ast.walk(statement):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("metric", True),
        ("third.safetensors", True),
        ("weights/metric", True),
        ("reference-cifar10-third.safetensors", True),
        ("Metric_net", True),
        ("metrics", False),
        ("symmetric.safetensors", False),
        ("a third of the images", False),
        ("teacher", False),
    ],
)
def test_a_judges_name_is_seen_in_a_files(text: str, found: bool) -> None:
    assert names_a_judge(text) == found


@pytest.mark.parametrize("file", sorted(FOLDER.glob("*.py")), ids=lambda path: path.name)
def test_nothing_but_its_own_training_names_the_judge(file: Path) -> None:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    named = list(filter(names_a_judge, strings(tree, OWN.get(file.name, set()))))
    assert not named
    if file.name in OWN:  # else the exemption would be of nothing
        assert any(map(names_a_judge, strings(tree, set())))
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            assert not (node.module or "").startswith("ganqbench.metrics")
        if isinstance(node, ast.Import):
            assert not any(alias.name.startswith("ganqbench.metrics") for alias in node.names)


def test_training_modules_load_no_metric_code() -> None:
    code = """
import sys
import ganqbench.train.cyclegan, ganqbench.train.sagan, ganqbench.train.stylegan2, ganqbench.train.teacher
print([name for name in sys.modules if name.startswith("ganqbench.metrics")])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("name", [name for name in CLASSIFIERS if name != "teacher"])
def test_only_the_teacher_is_let_in(name: str, tmp_path: Path) -> None:
    export_weights(tmp_path / "x.safetensors", build_classifier(name).state_dict(), {"network": name})
    with pytest.raises(ValueError, match="only the teacher"):
        load_teacher(tmp_path / "x.safetensors")


@pytest.mark.parametrize("name", [name for name in CLASSIFIERS if name not in STEERING])
def test_a_judge_under_the_tutors_name_is_not_let_in(name: str, tmp_path: Path) -> None:
    for file, network in (("teacher", "teacher"), ("tutor", name)):
        weights = build_classifier(network).state_dict()
        export_weights(tmp_path / f"{file}.safetensors", weights, {"network": network})
    with pytest.raises(ValueError, match="only the teacher and tutor"):
        load_eyes(tmp_path)


def test_teacher_comes_back_frozen(tmp_path: Path) -> None:
    network = build_classifier("teacher").eval()
    weights = {k: v for k, v in network.state_dict().items() if "num_batches" not in k}
    export_weights(tmp_path / "t.safetensors", weights, {"network": "teacher"})
    again = load_teacher(tmp_path / "t.safetensors")
    images = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0)) * 2 - 1
    assert torch.equal(again(images), network(images))
    assert not any(parameter.requires_grad for parameter in again.parameters())
    partial = {"head.weight": weights["head.weight"]}
    export_weights(tmp_path / "t.safetensors", partial, {"network": "teacher"})
    with pytest.raises(ValueError, match="missing"):
        load_teacher(tmp_path / "t.safetensors")


def test_folded_sagan_is_the_trained_one() -> None:
    torch.manual_seed(0)
    recipe = SaganRecipe()
    trained = recipe.training(None)
    shipped = recipe.shipped().eval()
    z, labels = torch.randn(4, 128), torch.arange(4)
    for _ in range(3):
        trained.train()(z, labels)
    before = {key: value.clone() for key, value in trained.state_dict().items()}
    shipped.load_state_dict(dict(recipe.deployed(trained)))
    assert all(torch.equal(before[key], value) for key, value in trained.state_dict().items())
    with torch.inference_mode():
        assert torch.allclose(shipped(z, labels), trained.eval()(z, labels), atol=1e-6)
