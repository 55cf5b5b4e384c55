"""What is missing is installed with the pins that the package has, not as PyPI's newest."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from ganqbench import adapter
from ganqbench.cli.doctor import doctor
from ganqbench.harness import missing_toolkits, skips
from ganqbench.harness.missing_toolkits import pip_install
from ganqbench.zoo import registry


@pytest.mark.parametrize(
    ("absent", "command"),
    [
        (["nvidia-modelopt", "huggingface-hub"], 'pip install "ganqbench[modelopt]"'),
        (["openvino", "nncf", "onnx"], 'pip install "ganqbench[openvino]" "ganqbench[onnxruntime]"'),
        (["Scikit_Image"], 'pip install "ganqbench[vintagify]"'),
        (["pytorch_quantization"], 'pip install "pytorch-quantization==2.1.3"'),
        (["a-distribution-that-nobody-has", "torchao"], "pip install a-distribution-that-nobody-has"),
    ],
)
def test_an_extra_or_a_pin_is_advised(absent: list[str], command: str) -> None:
    assert pip_install(absent).startswith(command)


def test_a_package_that_was_never_installed_advises_bare_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(missing_toolkits, "PACKAGE", "a-distribution-that-nobody-has")
    monkeypatch.setattr(missing_toolkits, "_words", missing_toolkits._words.__wrapped__)
    assert pip_install(["torchao"]) == "pip install torchao"


def test_a_gan_that_lacks_a_toolkit_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(skips, "installed_version", lambda _: None)
    skip = skips.missing(registry.entry("cyclegan-vintagify"))
    assert skip is not None
    assert skip.reason.startswith("cyclegan-vintagify needs vintagify ")
    assert skip.reason.endswith('which is not installed: pip install "ganqbench[vintagify]"')


def test_doctor_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adapter, "installed_version", lambda _: None)
    done = CliRunner().invoke(doctor)
    assert done.exit_code == 1
    assert 'missing: pip install "ganqbench[modelopt]"\n' in done.output
    assert 'missing: pip install "pytorch-quantization==2.1.3"\n' in done.output
