from __future__ import annotations

import pytest

from ganqbench.recipes.recipe import RECIPES
from ganqbench.site import format as fmt
from ganqbench.site import names
from ganqbench.site.render import relative
from ganqbench.site.whisker import WIDTH, Scale


@pytest.mark.parametrize(
    ("got", "expected"),
    [
        (fmt.number(-0.2, 2), "−0.20"),
        (fmt.number(-0.001, 2), "0.00"),
        (fmt.number(12345.6, 1), "12\u202f345.6"),
        (fmt.number(None, 1), "—"),
        (fmt.number(float("nan"), 1), "—"),
        (fmt.signed(0.031, 2), "+0.03"),
        (fmt.signed(0.001, 2), "0.00"),
        (fmt.signed(-4.0, 1), "−4.0"),
        (fmt.significant(0), "0"),
        (fmt.significant(0.01234), "0.0123"),
        (fmt.significant(45.512), "45.5"),
        (fmt.significant(1234567), "1\u202f234\u202f567"),
        (fmt.share(1.0), "100\u00a0%"),
        (fmt.share(0.99999), "99.9\u00a0%"),
        (fmt.size(11_378_179), "11.4\u00a0MB"),
        (fmt.size(12), "12\u00a0bytes"),
        (fmt.amount(56.8e9, "MACs"), "56.8\u00a0GMACs"),
        (fmt.seconds(0.412), "0.41\u00a0s"),
        (fmt.seconds(42.3), "42\u00a0s"),
        (fmt.seconds(192), "3.2\u00a0min"),
        (fmt.seconds(7200), "2.0\u00a0h"),
        (fmt.plural(1, "row"), "1 row"),
        (fmt.plural(2, "row"), "2 rows"),
        (fmt.plain("a\0b\u202ec\ud800d\ne"), "a\ufffdb\ufffdc\ufffdd\ne"),
    ],
)
def test_numbers_read_well(got: str, expected: str) -> None:
    assert got == expected


def test_links_are_relative() -> None:
    assert relative("data.html", "index.html") == "data.html"
    assert relative("data.html", "mini-v1/gan/index.html") == "../../data.html"
    assert relative("mini-v1/gan/a+b.html", "mini-v1/gan/index.html") == "a%2Bb.html"
    assert relative("a/index.html#x+y.W4A8", "a/index.html") == "#x%2By.W4A8"


@pytest.mark.parametrize("log", [True, False])
def test_a_scale_keeps_order_and_stays_inside(log: bool) -> None:
    values = [-0.2, 0.0, 0.05, 1.0, 300.0]
    scale = Scale.over([*values, None], log=log)
    assert scale is not None
    places = [scale.x(value) for value in values]
    assert places == sorted(places)
    assert min(places) > 0
    assert max(places) < WIDTH


def test_a_scale_of_one_value_is_centred() -> None:
    scale = Scale.over([3.0], log=False)
    assert scale is not None
    assert scale.x(3.0) == WIDTH / 2
    assert Scale.over([None], log=False) is None


def test_a_method_with_a_recipe_no_longer_waits_for_one() -> None:
    assert (
        names.method_title("ganq", "qat-lsq", "distill-short")
        == "Learned steps and offsets + short distillation"
    )
    assert names.method_title("torch_ao", "qat-lsq", "distill").endswith("(LSQ+) + distillation")
    assert "as calibrated" in names.method_title("ganq", "qat-lsq", None)
    assert set(RECIPES) == set(names.RECIPES)
