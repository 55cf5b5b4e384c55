"""Files that are no checkpoint, or one no longer."""

from __future__ import annotations

import contextlib
import pickle
import random

import pytest
import torch
from official import official
from safetensors.torch import save_file

from ganqbench.errors import UserError
from ganqbench.zoo.checkpoint import read_official


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
