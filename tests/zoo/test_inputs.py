"""Inputs of the noise-to-image GANs and of the emoji: disjoint splits, the same on every machine."""

from __future__ import annotations

import pytest
import torch

from ganqbench.errors import UserError
from ganqbench.zoo.generator import SPLITS, Batches
from ganqbench.zoo.glyphs import FILE, Glyphs
from ganqbench.zoo.latents import SEEDS, Latents

KINDS = ("drawing", "picture")


@pytest.mark.parametrize("classes", [0, 10])
@pytest.mark.parametrize("one_hot", [False, True])
def test_a_latent_is_the_same_in_every_batch(classes, one_hot):
    source = Latents("final", 8, classes, one_hot=one_hot)
    whole = source.batch(range(7))
    parts = [torch.cat(parts) for parts in zip(*Batches(source, 7, 3), strict=True)]
    assert len(whole) == (2 if classes else 1)
    assert all(torch.equal(a, b) for a, b in zip(whole, parts, strict=True))
    assert source.cluster(3) != source.cluster(4)


def test_latents_of_different_splits_have_nothing_in_common():
    drawn = torch.cat([Latents(split, 4).batch(range(500))[0] for split in SPLITS])
    assert len(torch.unique(drawn, dim=0)) == 2000
    assert len({Latents(split, 4).identity for split in SPLITS}) == 4
    assert min(SEEDS.values()) >= 2**32, "users' seeds lie below"


def test_latents_are_these_numbers_on_every_machine():
    z, label = Latents("final", 3, 10).batch([5])
    torch.testing.assert_close(
        z, torch.tensor([[2.148970365524292, -1.6824017763137817, 0.7722600102424622]]), rtol=0, atol=0
    )
    assert label.tolist() == [5]


@pytest.mark.parametrize("kind", KINDS)
def test_no_base_glyph_is_in_two_splits(kind):
    bases = {split: set(Glyphs(split, kind)._bases) for split in SPLITS}
    for one in SPLITS:
        for other in SPLITS:
            assert one == other or not bases[one] & bases[other]
    assert len(bases["final"]) == (961 if kind == "drawing" else 200)
    assert [len(bases[split]) for split in ("calibrate", "choose")] == [128, 64]


def test_the_halves_of_the_training_share_no_glyph():
    drawn, pictured = (
        {base for split in ("train", "calibrate", "choose") for base in Glyphs(split, kind)._bases}
        for kind in KINDS
    )
    assert not drawn & pictured


@pytest.mark.parametrize("kind", KINDS)
def test_the_first_items_are_independent(kind):
    source = Glyphs("final", kind)
    assert len({source.cluster(index) for index in range(200)}) == 200
    assert source.noto == 443
    assert len(source) == 2 * (443 + (961 if kind == "drawing" else 0))


def test_two_drawings_of_one_glyph_differ_and_are_one_cluster():
    final = Glyphs("final", "drawing")
    twin = next(item for item in range(443, len(final)) if final.cluster(item) == final.cluster(0))
    noto, twemoji = final.batch([0, twin])[0]
    assert noto.shape == twemoji.shape
    assert 0.01 < (noto - twemoji).abs().mean() < 1


def test_an_emoji_is_the_same_in_every_batch():
    source = Glyphs("choose", "picture")
    whole = source.batch(range(10))[0]
    assert torch.equal(whole, torch.cat([batch[0] for batch in Batches(source, 10, 4)]))
    assert whole.shape == (10, 3, 64, 64)
    assert whole.dtype == torch.float32
    assert whole.min() >= -1
    assert whole.max() == 1


def test_mirror_images_follow_the_glyphs():
    source = Glyphs("choose", "picture")
    first, mirrored = source.batch([3, 3 + 64])[0]
    assert torch.equal(first.flip(-1), mirrored)
    assert source.cluster(3) == source.cluster(3 + 64)


def test_drawings_are_gray_lines_on_white():
    drawing = Glyphs("final", "drawing").batch([0])[0][0]
    assert torch.equal(drawing[0], drawing[2])
    assert drawing.median() == 1
    assert drawing.min() < 0


def test_items_beyond_the_last_are_refused():
    source = Glyphs("choose", "drawing")
    with pytest.raises(UserError, match="at most 128 items"):
        source.batch([0, 128])


@pytest.mark.parametrize("make", [lambda split: Latents(split, 4), lambda split: Glyphs(split, "drawing")])
def test_unknown_splits_are_refused(make):
    with pytest.raises(UserError, match="no split"):
        make("test")


def test_altered_glyphs_are_refused(monkeypatch, tmp_path):
    (tmp_path / FILE).write_bytes(b"other")
    monkeypatch.setattr("ganqbench.zoo.glyphs.files", lambda _: tmp_path)
    with pytest.raises(UserError, match="SHA-256"):
        Glyphs("final", "drawing")
