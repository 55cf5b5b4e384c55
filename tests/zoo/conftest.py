"""Shared by the tests of generators."""

from __future__ import annotations

import pickle
import sys
import types
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

# Helpers lie beside the tests, which are imported by path and not as a package.
sys.path.insert(0, str(Path(__file__).parent))

from weights_server import Server


@pytest.fixture(autouse=True)
def _one_thread(one_thread: None) -> None: ...


class EasyDict(dict[str, Any]):
    """Stands in for dnnlib.util.EasyDict while a file is written."""

    __module__ = "dnnlib.util"


def _reconstruct_persistent_obj(meta: object) -> object:
    raise AssertionError("the reader ran the reconstruction")


_reconstruct_persistent_obj.__module__ = "torch_utils.persistence"


class Reduced:
    """Pickles as a call of `function` with these arguments."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self._call = (function, arguments)

    def __reduce__(self) -> tuple[Any, ...]:
        return self._call


def _network(class_name: str, state: dict[str, torch.Tensor], source: str, kwargs: dict[str, Any]) -> Reduced:
    """A module tree with these tensors under their dotted names, as NVlabs' persistent objects pickle."""
    parameters, buffers, children = OrderedDict(), OrderedDict(), OrderedDict()
    for key, value in state.items():
        head, _, rest = key.partition(".")
        if rest:
            children.setdefault(head, {})[rest] = value
        elif head in ("resample_filter", "noise_const", "w_avg"):
            buffers[head] = value
        else:
            parameters[head] = torch.nn.Parameter(value)
    buffers["scratch"] = torch.zeros(2)
    attributes = {
        "_init_args": (),
        "_init_kwargs": EasyDict(kwargs),
        "training": False,
        "_parameters": parameters,
        "_buffers": buffers,
        "_non_persistent_buffers_set": {"scratch"},
        "_backward_hooks": OrderedDict(),
        "_is_full_backward_hook": None,
        "_modules": OrderedDict(
            (name, _network(name.title(), inner, source, {})) for name, inner in children.items()
        ),
        # Attributes that official layers carry and nobody needs.
        "weight_gain": np.float64(0.25),
        "table": np.arange(6.0).reshape(2, 3),
    }
    meta = EasyDict(type="class", version=6, module_src=source, class_name=class_name, state=attributes)
    return Reduced(_reconstruct_persistent_obj, meta)


@pytest.fixture
def write_pkl(monkeypatch):
    """write_pkl(path, state, kwargs, protocol, **more): a file of the shape of official pickles.

    The source text inside, if anybody ran it, would leave a file beside it.
    """

    def write(
        path: Path, state: dict[str, torch.Tensor], kwargs: dict[str, Any], protocol: int = 4, **more: Any
    ) -> Path:
        source = f"import pathlib\npathlib.Path({str(path) + '.executed'!r}).touch()\n"
        easy = {key: EasyDict(value) if isinstance(value, dict) else value for key, value in kwargs.items()}
        network = _network("Generator", state, source, easy)
        content = {
            "G": network,
            "D": _network("Discriminator", {"b4.fc.weight": torch.zeros(2, 2)}, source, {}),
            "G_ema": network,
            "training_set_kwargs": EasyDict(class_name="dataset", path="x.zip"),
            "augment_pipe": None,
            **more,
        }
        with monkeypatch.context() as patch:
            for thing in (_reconstruct_persistent_obj, EasyDict):
                module = types.ModuleType(thing.__module__)
                setattr(module, thing.__name__, thing)
                patch.setitem(sys.modules, thing.__module__, module)
                parent = thing.__module__.partition(".")[0]
                patch.setitem(sys.modules, parent, types.ModuleType(parent))
            path.write_bytes(pickle.dumps(content, protocol=protocol))
        return path

    return write


@pytest.fixture
def reduced():
    """The class `Reduced`."""
    return Reduced


@pytest.fixture
def server():
    server = Server()
    yield server
    server.close()


@pytest.fixture
def cache(monkeypatch, tmp_path):
    monkeypatch.setenv("GANQBENCH_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("GANQBENCH_MIRROR", raising=False)
    return tmp_path / "home" / "official"
