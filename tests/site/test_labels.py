"""Words in a plot keep clear of each other, of the marks, and of the edges."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from ganqbench.site.labels import NARROWEST, STRETCHES, WIDEST, Place, Sheet

HEIGHT = 268
LETTER = 6.6  # what Inter takes on average at 12 px, a little less than is reckoned with
LINE = "FP32 · 4.56 MB"

Rectangle = tuple[float, float, float, float]
Marks = list[tuple[float, float]]

# Where an axis puts its values: 6 % of it are left free at each end.
MARK = st.tuples(st.floats(6, 94), st.floats(16, 252))
WIDTH = st.integers(NARROWEST, WIDEST)


def rectangle(place: Place, text: str, width: int, stretch: int = 1) -> Rectangle:
    """Left, top, right and bottom of a word in a plot of this width, so many times as high as usual."""
    length = LETTER * len(text)
    shift = {"start": 0.0, "middle": length / 2, "end": length}[place.anchor]
    left = place.x * width / 100 + place.dx - shift
    base = place.y * stretch + place.dy
    return left, base - 9, left + length, base + 2


def overlap(one: Rectangle, other: Rectangle) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def written(marks: Marks, labels: int, line: float) -> list[tuple[str, Place]]:
    """The words of a plot whose first marks have labels, as they are placed."""
    sheet = Sheet(HEIGHT, marks)
    words = [(f"W{at}A8*", sheet.beside(f"W{at}A8*", *mark)) for at, mark in enumerate(marks[:labels])]
    words.append((LINE, sheet.along(LINE, line)))
    return [(text, place) for text, place in words if place is not None]


def test_the_line_of_fp32_gives_way_to_a_label() -> None:
    # A small model at the left end, a little better than FP32: its label lies below the line.
    words = dict(written([(7.0, 215.0), (7.0, 190.0), (90.0, 40.0)], 1, 200.0))
    assert words[LINE].x == 100


def test_an_empty_plot_has_its_words_in_the_usual_places() -> None:
    sheet = Sheet(HEIGHT, [(50.0, 100.0)])
    assert sheet.beside("W8A8", 50.0, 100.0) == Place(50.0, 100.0, 9, 4, "start")
    assert sheet.along("FP32", 200.0) == Place(0, 200.0, 4, 14, "start")


def test_a_label_stands_off_the_lines() -> None:
    front = [(20.0, 100.0, 90.0, 100.0), (90.0, 100.0, 90.0, 20.0)]
    place = Sheet(HEIGHT, [(20.0, 100.0), (90.0, 20.0)], front).beside("W4A8", 20.0, 100.0)
    assert place is not None
    left, top, right, bottom = rectangle(place, "W4A8", 300)
    assert bottom < 100 or top > 100 or right < 0.2 * 300
    assert left >= 0


@given(st.lists(MARK, min_size=1, max_size=9), st.integers(0, 6), st.floats(0, HEIGHT), WIDTH)
@example([(4.0, 197.0), (46.0, 200.0)], 2, 200.0, 240)
@example([(4.0, 241.0), (4.0, 245.4), (96.0, 203.0)], 3, 200.0, 240)
@example([(96.0, 246.1), (96.0, 248.9)], 2, 200.0, 460)
# Left of its neighbour where the plot is narrow, right of it where it is wide.
@example([(30.0, 100.0), (35.0, 104.0)], 2, 120.0, 500)
def test_no_two_words_overlap_and_none_is_cut_off(marks: Marks, labels: int, line: float, width: int) -> None:
    for stretch in STRETCHES:
        shapes = [rectangle(place, text, width, stretch) for text, place in written(marks, labels, line)]
        for at, one in enumerate(shapes):
            assert not any(overlap(one, other) for other in shapes[:at])
            assert one[0] >= 0
            assert one[2] <= width
            assert one[3] <= HEIGHT * stretch


@given(MARK, st.lists(MARK, max_size=9), st.floats(0, HEIGHT))
@example((6.0, 252.0), [], HEIGHT)
@example((94.0, 16.0), [], 0.0)
def test_a_word_that_has_no_rival_is_written(mark: tuple[float, float], marks: Marks, line: float) -> None:
    # A label or the line's name by itself, whatever marks lie around it.
    sheet = Sheet(HEIGHT, [mark, *marks])
    assert sheet.beside("W4A8*", *mark) is not None
    assert Sheet(HEIGHT, marks).along(LINE, line) is not None


def test_a_word_without_room_is_left_out() -> None:
    sheet = Sheet(HEIGHT, [(50.0, 100.0)])
    places = [sheet.beside("W4A8", 50.0, 100.0) for _ in range(9)]
    assert places[0] is not None
    assert places[-1] is None
