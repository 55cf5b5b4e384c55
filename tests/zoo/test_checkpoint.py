"""Reading official files: faithful for the honest ones, nothing executed for any."""

from __future__ import annotations

import io
import json
import os
import pickle

import numpy as np
import pytest
import torch
from official import official
from safetensors.torch import save_file

from ganqbench.errors import UserError
from ganqbench.zoo.checkpoint import read_official
from ganqbench.zoo.official import from_official
from ganqbench.zoo.pickled_names import ForbiddenGlobalError, foreign_global
from ganqbench.zoo.unpickle import read_pickle


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


@pytest.mark.parametrize("protocol", range(6))
def test_a_global_is_named_whatever_the_protocol(evil, reduced, write_pkl, tmp_path, protocol):
    """torch's own reader stops at instructions of protocol 4 before it sees any name."""
    state, kwargs, _ = official("stylegan2_ada_32")
    plain = pickle.dumps(evil, protocol=protocol)
    storage = reduced(torch.storage._load_from_bytes, plain)
    paths = [write_pkl(tmp_path / "net.pkl", state, kwargs, hidden=storage)]
    if protocol >= 2:  # which torch.save begins with
        for new_format in (True, False):
            paths.append(tmp_path / f"{new_format}.pth")
            torch.save(
                {"a": torch.zeros(2), "state_dict": [evil, evil]},
                paths[-1],
                pickle_protocol=protocol,
                _use_new_zipfile_serialization=new_format,
            )
    for path in paths:
        with pytest.raises(UserError, match=f"names {SYSTEM}"):
            read_official(path)


def test_names_that_a_pickle_remembers_are_found():
    """Texts come from the memo, too: the second global is made of what was read before the first."""
    program = b"\x80\x04\x8c\x05posix\x94\x8c\x06system\x94K\x01\x94000h\x00h\x01\x93."
    assert foreign_global(io.BytesIO(program)) == "posix.system"
    assert foreign_global(io.BytesIO(pickle.dumps([1, "os", {"system": 2}]))) is None


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
    ("metadata", "problem", "remedy"),
    [
        ({"kwargs": "{img_resolution: 32}"}, "The metadata `kwargs` of .* is no JSON: ", "as a JSON object"),
        ({"kwargs": "[32]"}, "is no JSON object", "by name"),
        ({"arch": "stylegan2"}, "says that it is of 'stylegan2'", "Known are stylegan2-ada"),
    ],
)
def test_metadata_that_says_nothing_is_named_and_the_file_is_left_in_peace(
    metadata: dict[str, str], problem: str, remedy: str, tmp_path
) -> None:
    save_file({"synthesis.b4.const": torch.zeros(2)}, tmp_path / "my.safetensors", metadata)
    with pytest.raises(UserError, match=problem) as told:
        read_official(tmp_path / "my.safetensors")
    assert remedy in told.value.remedy
    assert "Delete" not in told.value.remedy
