"""Words in a plot keep clear of each other, of the marks, and of the edges."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ganqbench.site.labels import Place, Sheet

HEIGHT = 268
LETTER = 6.6  # what Inter takes on average at 12 px, a little less than is reckoned with

Rectangle = tuple[float, float, float, float]


def rectangle(place: Place, text: str, width: int) -> Rectangle:
    """Left, top, right and bottom of a word in a plot of this width."""
    length = LETTER * len(text)
    shift = {"start": 0.0, "middle": length / 2, "end": length}[place.anchor]
    left = place.x * width / 100 + place.dx - shift
    base = place.y + place.dy
    return left, base - 9, left + length, base + 2


def overlap(one: Rectangle, other: Rectangle) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def test_the_line_of_fp32_gives_way_to_a_label() -> None:
    # A small model at the left end, a little better than FP32: its label lies below the line.
    sheet = Sheet(HEIGHT, [(7.0, 215.0), (7.0, 190.0), (90.0, 40.0)])
    label = sheet.beside("W4A8", 7.0, 215.0)
    line = sheet.along("FP32 · 4.56 MB", 200.0)
    assert line.x == 100
    for width in (240, 300, 460, 1080):
        assert not overlap(rectangle(label, "W4A8", width), rectangle(line, "FP32 · 4.56 MB", width))


def test_an_empty_plot_has_its_words_in_the_usual_places() -> None:
    sheet = Sheet(HEIGHT, [(50.0, 100.0)])
    assert sheet.beside("W8A8", 50.0, 100.0) == Place(50.0, 100.0, 9, 4, "start")
    assert sheet.along("FP32", 200.0) == Place(0, 200.0, 4, 14, "start")


def test_a_label_stands_off_the_lines() -> None:
    front = [(20.0, 100.0, 90.0, 100.0), (90.0, 100.0, 90.0, 20.0)]
    place = Sheet(HEIGHT, [(20.0, 100.0), (90.0, 20.0)], front).beside("W4A8", 20.0, 100.0)
    left, top, right, bottom = rectangle(place, "W4A8", 300)
    assert bottom < 100 or top > 100 or right < 0.2 * 300
    assert left >= 0


def test_no_word_is_cut_off() -> None:
    for x, anchor in ((2.0, "start"), (98.0, "end")):
        assert Sheet(HEIGHT, [(x, 100.0)]).beside("W4A8", x, 100.0).anchor == anchor
    low = Sheet(HEIGHT, [(50.0, 266.0)]).along("FP32", 266.0)
    assert low.dy < 0


@given(st.lists(st.tuples(st.floats(4, 96), st.floats(15, 250)), min_size=1, max_size=4, unique=True))
def test_a_few_marks_anywhere_leave_every_word_legible(marks: list[tuple[float, float]]) -> None:
    sheet = Sheet(HEIGHT, marks)
    words = [(f"W{place}A8", sheet.beside(f"W{place}A8", *mark)) for place, mark in enumerate(marks[:2])]
    words.append(("FP32 · 4.56 MB", sheet.along("FP32 · 4.56 MB", 200.0)))
    for width in (240, 460):
        shapes = [rectangle(place, text, width) for text, place in words]
        for at, one in enumerate(shapes):
            assert not any(overlap(one, other) for other in shapes[:at])
            assert one[0] >= 0
            assert one[2] <= width
