"""Reading official files: faithful for the honest ones, nothing executed for any."""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import random
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from ganqbench.errors import UserError
from ganqbench.zoo.checkpoint import read_official
from ganqbench.zoo.official import from_official
from ganqbench.zoo.unpickle import ForbiddenGlobalError, read_pickle

FIXTURES = Path(__file__).parent / "fixtures"


def official(name):
    """(state, kwargs, arch) of a fixture."""
    with safe_open(FIXTURES / f"{name}.safetensors", "pt") as file:
        state = {
            key.removeprefix("state."): file.get_tensor(key)
            for key in file.keys()  # noqa: SIM118
            if key.startswith("state.")
        }
        return state, json.loads(file.metadata()["kwargs"]), file.metadata()["arch"]


def same(one, two):
    return one.keys() == two.keys() and all(torch.equal(one[key], two[key]) for key in one)


@pytest.fixture
def evil(reduced, tmp_path):
    """Leaves a file behind if anybody unpickles it; the test's end looks for that."""
    yield reduced(os.system, f"touch {tmp_path / 'ran'}")
    assert not (tmp_path / "ran").exists()


SYSTEM = f"{os.system.__module__}.system"


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("name", ["stylegan2_ada_32", "stylegan2_ada_32_cond"])
def test_stylegan2_pickles(write_pkl, tmp_path, name, protocol):
    state, kwargs, arch = official(name)
    path = write_pkl(tmp_path / "net.pkl", state, kwargs, protocol)
    read = read_official(path)
    assert read.arch == arch
    assert read.kwargs == kwargs
    assert same(read.state_dict, state)
    from_official(read.arch, read.state_dict, **read.kwargs)
    assert sorted(os.listdir(tmp_path)) == ["net.pkl"], "the source text inside the file was run"


def test_the_name_of_a_file_does_not_matter(write_pkl, tmp_path):
    state, kwargs, _ = official("stylegan2_ada_32")
    assert read_official(write_pkl(tmp_path / "net.pth", state, kwargs)).arch == "stylegan2-ada"


@pytest.mark.parametrize("new_format", [True, False])
@pytest.mark.parametrize("wrapped", [True, False])
@pytest.mark.parametrize("name", ["sagan_studiogan_32", "cyclegan_resnet6_32"])
def test_torch_files(tmp_path, name, wrapped, new_format):
    state, kwargs, arch = official(name)
    content = {"state_dict": state, "optimizer": {"state": {}, "param_groups": [{"lr": 1e-4}]}}
    path = tmp_path / "model=G-best-weights-step=120000.pth"
    torch.save(content if wrapped else state, path, _use_new_zipfile_serialization=new_format)
    read = read_official(str(path))
    assert (read.arch, read.kwargs) == (arch, {})
    assert same(read.state_dict, state)
    from_official(read.arch, read.state_dict, **kwargs)


@pytest.mark.parametrize("described", [True, False])
def test_safetensors(tmp_path, described):
    state, kwargs, arch = official("stylegan2_ada_32_cond")
    metadata = {"arch": arch, "kwargs": json.dumps(kwargs)} if described else None
    save_file(state, tmp_path / "net.safetensors", metadata)
    read = read_official(tmp_path / "net.safetensors")
    assert (read.arch, read.kwargs) == (arch, kwargs if described else {})
    assert same(read.state_dict, state)


def test_malicious_pickles_are_refused_by_name(evil, tmp_path):
    for protocol in range(6):
        path = tmp_path / f"{protocol}.pkl"
        path.write_bytes(pickle.dumps({"G_ema": evil}, protocol=protocol))
        with pytest.raises(UserError, match=SYSTEM):
            read_official(path)


@pytest.mark.parametrize("new_format", [True, False])
def test_malicious_torch_files_are_refused_by_name(evil, tmp_path, new_format):
    path = tmp_path / "a.pth"
    torch.save({"state_dict": evil}, path, _use_new_zipfile_serialization=new_format)
    with pytest.raises(UserError, match=SYSTEM):
        read_official(path)
    torch.save({"x": json.loads}, path, _use_new_zipfile_serialization=new_format)
    with pytest.raises(UserError, match=r"json\.loads"):
        read_official(path)


def test_the_pickle_inside_a_pickle_is_read_as_strictly(evil, reduced, write_pkl, tmp_path):
    torch.save(evil, tmp_path / "inner", _use_new_zipfile_serialization=False)
    storage = reduced(torch.storage._load_from_bytes, (tmp_path / "inner").read_bytes())
    state, kwargs, _ = official("stylegan2_ada_32")
    path = write_pkl(tmp_path / "net.pkl", state, kwargs, hidden=storage)
    with pytest.raises(UserError, match=SYSTEM):
        read_official(path)


@pytest.mark.parametrize(
    ("program", "name"),
    [
        (b"cbuiltins\neval\n(S'1'\ntR.", "builtins.eval"),
        (b"c__builtin__\ngetattr\n(c__builtin__\nset\nS'x'\ntR.", "__builtin__.getattr"),
        (b"\x80\x04\x8c\x05torch\x8c\x0cnn.Embedding\x93.", "torch.nn.Embedding"),
        (b"\x80\x04\x8c\x0bcollections\x8c\x14OrderedDict.__init__\x93.", "collections.OrderedDict.__init__"),
        (b"(ios\nsystem\nS'true'\n.", "os.system"),
        (b"(S'true'\nios\nsystem\n.", "os.system"),
        (b"cnumpy\nload\n.", "numpy.load"),
        (b"ctorch.serialization\nload\n.", "torch.serialization.load"),
    ],
)
def test_globals_off_the_list_are_named(tmp_path, program, name):
    path = tmp_path / "a.pkl"
    path.write_bytes(program)
    with pytest.raises(UserError, match="names " + name.replace(".", r"\.")):
        read_official(path)
    with path.open("rb") as file, pytest.raises(ForbiddenGlobalError):
        read_pickle(file)


def test_a_pickle_can_not_change_what_reads_the_next_one(write_pkl, tmp_path):
    """BUILD may set attributes of whatever lies on the stack."""
    for module, name in (
        ("torch._utils", "_rebuild_tensor_v2"),
        ("dnnlib.util", "EasyDict"),
        ("collections", "OrderedDict"),
        ("numpy", "dtype"),
        ("builtins", "set"),
    ):
        # (name -> a state of two parts, of which the second is set attribute by attribute)
        program = (
            f"c{module}\n{name}\n".encode() + b"(N(S'__call__'\nS'x'\nS'fromkeys'\nS'y'\nS'get'\nI1\ndtb."
        )
        path = tmp_path / "a.pkl"
        path.write_bytes(program)
        with pytest.raises(UserError):
            read_official(path)
    state, kwargs, _ = official("stylegan2_ada_32")
    assert same(read_official(write_pkl(tmp_path / "net.pkl", state, kwargs)).state_dict, state)


@pytest.mark.parametrize(
    ("offset", "size", "stride", "fits"),
    [
        (0, (2, 3), (3, 1), True),
        (1, (2, 2), (1, 3), True),
        (6, (0, 5), (5, 1), True),
        (1, (2, 3), (3, 1), False),
        (-1, (2,), (1,), False),
        (0, (2,), (-1,), False),
        (0, (2, 3), (3,), False),
        (0, (10**12,), (0,), False),
        (0, (1 << 70,), (0,), False),
        (0, (2.0,), (1,), False),
    ],
)
def test_tensors_stay_inside_their_storage(reduced, tmp_path, offset, size, stride, fits):
    values = torch.arange(6.0)
    storage = torch.storage.TypedStorage(
        wrap_storage=values.untyped_storage(), dtype=values.dtype, _internal=True
    )
    tensor = reduced(torch._utils._rebuild_tensor_v2, storage, offset, size, stride, False, {})
    path = tmp_path / "t.pkl"
    path.write_bytes(pickle.dumps(tensor))
    with path.open("rb") as file:
        if fits:
            assert torch.equal(read_pickle(file), values.as_strided(size, stride, offset))
        else:
            with pytest.raises(pickle.UnpicklingError, match="tensor"):
                read_pickle(file)


def test_numpy_values_are_plain_data(evil, tmp_path):
    path = tmp_path / "n.pkl"
    values = {"scalar": np.float32(0.5), "flag": np.bool_(True), "big": np.array([[1, 2]], dtype=">i4")}
    for protocol in range(6):
        path.write_bytes(pickle.dumps(values, protocol=protocol))
        with path.open("rb") as file:
            read = read_pickle(file)
        assert read["scalar"] == 0.5
        assert read["flag"] is True
        assert read["big"].value.tolist() == [[1, 2]]
    path.write_bytes(pickle.dumps(np.array([evil], dtype=object)))
    with pytest.raises(UserError):
        read_official(path)


@pytest.mark.parametrize(
    "content",
    [
        b"\n<!DOCTYPE html><html>quota exceeded</html>",
        b"<HTML><body>404</body></HTML>",
        b'<?xml version="1.0"?><Error/>',
    ],
)
@pytest.mark.parametrize("suffix", ["pkl", "pth", "safetensors"])
def test_web_pages_saved_as_weights(tmp_path, content, suffix):
    path = tmp_path / f"a.{suffix}"
    path.write_bytes(content)
    with pytest.raises(UserError, match="web page"):
        read_official(path)


def test_pointers_empty_files_and_absent_ones(tmp_path):
    path = tmp_path / "a.pkl"
    with pytest.raises(UserError, match="can't be read"):
        read_official(path)
    with pytest.raises(UserError, match="can't be read"):
        read_official(tmp_path)
    path.write_bytes(b"")
    with pytest.raises(UserError, match="is empty"):
        read_official(path)
    path.write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n")
    with pytest.raises(UserError, match="LFS"):
        read_official(path)


def test_truncated_files(write_pkl, tmp_path):
    state, kwargs, _ = official("stylegan2_ada_32")
    write_pkl(tmp_path / "a.pkl", state, kwargs)
    torch.save(official("sagan_studiogan_32")[0], tmp_path / "a.pth")
    torch.save(official("sagan_studiogan_32")[0], tmp_path / "b.pth", _use_new_zipfile_serialization=False)
    save_file(state, tmp_path / "a.safetensors")
    for path in sorted(tmp_path.iterdir()):
        whole = path.read_bytes()
        for share in (0.999, 0.9, 0.5, 0.1, 0.001):
            path.write_bytes(whole[: int(len(whole) * share)])
            with pytest.raises(UserError):
                read_official(path)


def test_damaged_pickles_never_escape(write_pkl, tmp_path):
    """Random bytes anywhere give a UserError or a readable file, never another exception."""
    state, kwargs, _ = official("stylegan2_ada_32")
    small = {key: state[key] for key in ("mapping.w_avg", "synthesis.b4.const")}
    whole = write_pkl(tmp_path / "a.pkl", small, kwargs).read_bytes()
    path, rng = tmp_path / "b.pkl", random.Random(0)
    for _ in range(300):
        damaged = bytearray(whole)
        for _ in range(rng.randint(1, 4)):
            damaged[rng.randrange(len(damaged))] = rng.randrange(256)
        path.write_bytes(damaged)
        with contextlib.suppress(UserError):
            read_official(path)


def test_files_without_a_known_state(tmp_path, write_pkl):
    path = tmp_path / "a.pth"
    for content, match in (
        ({"a": torch.ones(1)}, "no known architecture"),
        ([1, 2], "holds no state_dict"),
        ({"state_dict": {"linear0.weight": 3}}, "holds no state_dict"),
    ):
        torch.save(content, path)
        with pytest.raises(UserError, match=match):
            read_official(path)
    path.write_bytes(pickle.dumps({"G": 1}))
    with pytest.raises(UserError, match="G_ema"):
        read_official(path)
