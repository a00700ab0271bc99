"""Bars and comparisons that several wave tests use, and the hand-made chart of each class, which the docs show too."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass

import numpy as np

from kernels.waves import CLASS_NAMES, Patterns, Scan, ScanSettings, scan_origins

EVERYTHING = ScanSettings(top_n=10**6, max_overlap=1.0)
"""Every pattern and setup is kept."""


@dataclass(frozen=True)
class Wave:
    """A wave and what its legs are made of.

    Attributes:
        name: its class.
        parts: per leg the wave that subdivides it, or the bars of a straight line.
        lengths: log lengths of its legs, in units of the first.
    """

    name: str
    parts: tuple[Wave | int, ...]
    lengths: tuple[float, ...]

    @property
    def bars(self):
        """Its duration."""
        return sum(part if isinstance(part, int) else part.bars for part in self.parts)

    @property
    def degree(self):
        """0 where every leg is a straight line, else one more than the largest of its parts."""
        return max((part.degree + 1 for part in self.parts if isinstance(part, Wave)), default=0)

    @property
    def children(self):
        """The class of each part, None for a straight line."""
        return tuple(part.name if isinstance(part, Wave) else None for part in self.parts)


LEG_LENGTHS = {
    "impulse": (1, 0.618, 1.618, 0.4, 1),
    "contracting_diagonal": (1, 0.66, 0.75, 0.54, 0.65),
    "expanding_diagonal": (1, 0.66, 1.4, 1.134, 1.7),
    "zigzag": (1, 0.5, 1),
    "regular_flat": (1, 0.95, 1.05),
    "expanded_flat": (1, 1.236, 1.618),
    "running_flat": (1, 1.236, 1),
    "contracting_triangle": (1, 0.8, 0.618, 0.494, 0.382),
    "running_triangle": (1, 1.2, 0.8, 0.742, 0.494),
    "expanding_triangle": (1, 1.2, 1.618, 1.942, 2.618),
    "double_zigzag": (1, 0.5, 1),
    "double_three": (1, 0.786, 1),
}
"""Log lengths of the legs of a textbook example of each class, in units of the first."""


def wave(name, *parts, lengths=None):
    """A wave from its parts, with the proportions of the textbook unless others are given."""
    return Wave(name, parts, LEG_LENGTHS[name] if lengths is None else lengths)


SMALL_IMPULSE = wave("impulse", 2, 2, 3, 2, 2)
SMALL_ZIGZAG = wave("zigzag", 3, 2, 3)
SMALL_FLAT = wave("regular_flat", 3, 2, 3)
SMALL_DIAGONAL = wave("contracting_diagonal", *[SMALL_ZIGZAG] * 5)
SUBDIVIDED_IMPULSE = wave("impulse", SMALL_IMPULSE, SMALL_ZIGZAG, SMALL_IMPULSE, SMALL_FLAT, SMALL_IMPULSE)

TEXTBOOK = {
    example.name: example
    for example in (
        SUBDIVIDED_IMPULSE,
        SMALL_DIAGONAL,
        wave("expanding_diagonal", *[SMALL_ZIGZAG] * 5),
        wave("zigzag", SMALL_IMPULSE, SMALL_FLAT, SMALL_IMPULSE),
        wave("regular_flat", SMALL_ZIGZAG, SMALL_ZIGZAG, SMALL_IMPULSE),
        wave("expanded_flat", SMALL_ZIGZAG, SMALL_ZIGZAG, SMALL_IMPULSE),
        wave("running_flat", SMALL_ZIGZAG, SMALL_ZIGZAG, SMALL_IMPULSE),
        wave("contracting_triangle", *[SMALL_ZIGZAG] * 5),
        wave("running_triangle", *[SMALL_ZIGZAG] * 5),
        wave("expanding_triangle", *[SMALL_ZIGZAG] * 5),
        wave("double_zigzag", SMALL_ZIGZAG, SMALL_FLAT, SMALL_ZIGZAG),
        wave("double_three", SMALL_ZIGZAG, SMALL_ZIGZAG, SMALL_FLAT),
    )
}
"""One subdivided wave of each class."""


@dataclass(frozen=True)
class Chart:
    """Bars that hold one wave.

    Attributes:
        wave: the wave.
        direction: 1 where its first leg rises.
        low, high: float64 [n], dollars.
        pivots: bars of its pivots.
        prices: dollars at its pivots.
    """

    wave: Wave
    direction: int
    low: np.ndarray
    high: np.ndarray
    pivots: list[int]
    prices: np.ndarray

    def found_in(self, patterns: Patterns, legs: int | None = None) -> int:
        """The row of the wave, or of its first `legs` legs, among patterns; an error where it isn't there once."""
        count = len(self.pivots) if legs is None else legs + 1
        padded = [*self.pivots[:count], *[-1] * (6 - count)]
        [row] = np.flatnonzero(
            (patterns.pivots == padded).all(axis=1)
            & (patterns.class_index == CLASS_NAMES.index(self.wave.name))
            & (patterns.direction == self.direction)
        )
        return int(row)


LEAD = 8
"""Bars of the straight moves before and after the wave of a chart."""


def outline(whole: Wave, bar: int, begin: float, end: float) -> list[tuple[int, float]]:
    """The turns (bar, log price) of a wave after its start, down to its straight lines."""
    x = np.cumsum([0, *(length * (-1) ** leg for leg, length in enumerate(whole.lengths))])
    levels = begin + (end - begin) * x / x[-1]
    turns = []
    for part, part_begin, part_end in zip(whole.parts, levels[:-1], levels[1:], strict=True):
        if isinstance(part, int):
            bar += part
            turns.append((bar, float(part_end)))
        else:
            turns.extend(outline(part, bar, part_begin, part_end))
            bar += part.bars
    return turns


def chart(whole: Wave, direction: int = 1, *, first: float = 100.0, leg: float = 1.2) -> Chart:
    """Bars that hold a wave, with a move towards it and one away from it.

    Args:
        whole: the wave.
        direction: 1 where its first leg rises.
        first: dollars at its start.
        leg: the price ratio of its first leg, upward.
    """
    unit = direction * math.log(leg)
    net = unit * sum(length * (-1) ** place for place, length in enumerate(whole.lengths))
    turns = [(LEAD, math.log(first)), *outline(whole, LEAD, math.log(first), math.log(first) + net)]
    before, after = (0, turns[0][1] + 0.4 * unit), (turns[-1][0] + LEAD, turns[-1][1] - 0.4 * unit)
    low, high = bars_along([before, *turns, after])
    starts = np.cumsum([LEAD, *(part if isinstance(part, int) else part.bars for part in whole.parts)])
    level = dict(turns)
    return Chart(whole, direction, low, high, starts.tolist(), np.exp([level[bar] for bar in starts.tolist()]))


def bars_along(turns) -> tuple[np.ndarray, np.ndarray]:
    """Bars along straight lines between (bar, log price) turns; each covers half a bar on either side.

    So a turn is a swing at exactly its price, and nothing else is one.
    """
    bars, levels = zip(*turns, strict=True)
    t = np.arange(bars[0], bars[-1] + 1)
    path = np.exp([np.interp(t + shift, bars, levels) for shift in (-0.5, 0.0, 0.5)])
    return path.min(axis=0), path.max(axis=0)


def scan_chart(drawn: Chart, end: int | None = None) -> Scan:
    """Everything in a chart, as of its last bar or an earlier one."""
    last = len(drawn.low) - 1 if end is None else end
    return scan_origins(drawn.low[None], drawn.high[None], [0], [last], [last + 1], settings=EVERYTHING, backend="cpu")


def children_of(patterns: Patterns, row: int) -> tuple[str | None, ...]:
    """The class of each leg's child, None for none."""
    return tuple(
        CLASS_NAMES[patterns.class_index[child]] if child >= 0 else None
        for child in patterns.child[row, : patterns.legs[row]]
    )


def zigzag(*vertices, width=0.0005):
    """Bars along straight lines (in log price) between (bar, price) vertices; low and high are `width` off."""
    bars, prices = zip(*vertices, strict=True)
    path = np.exp(np.interp(np.arange(bars[0], bars[-1] + 1), bars, np.log(prices)))
    return path * (1 - width), path * (1 + width)


def random_bars(rng, count, *, step=0.02, drift=0.0, decimals=None, missing=0):
    """A random walk; rounding to few decimals makes plateaus, `missing` bars have no price."""
    close = 50 * np.exp(np.cumsum(rng.normal(drift, step, count)))
    low, high = (close * np.exp(sign * 0.5 * step * np.abs(rng.standard_normal(count))) for sign in (-1, 1))
    if decimals is not None:
        unit = 10.0**-decimals
        low, high = np.maximum(np.floor(low / unit), 1) * unit, np.ceil(high / unit) * unit
    gaps = rng.integers(0, count, missing)
    low[gaps] = np.nan
    return low, high


def columns(result: Patterns | Scan) -> dict[str, np.ndarray]:
    """The arrays of a result by name; those of a scan's patterns among them."""
    own = {field.name: getattr(result, field.name) for field in dataclasses.fields(result)}
    nested = columns(own["patterns"]) if "patterns" in own else {}
    return nested | {name: value for name, value in own.items() if isinstance(value, np.ndarray)}


def assert_same(got: Patterns | Scan, expected: Patterns | Scan, *, relative=0.0) -> None:
    """Equal columns: exact integers and dtypes, floats within `relative`, NaN in the same places."""
    for name, wanted in columns(expected).items():
        value = columns(got)[name]
        assert value.dtype == wanted.dtype, name
        if value.dtype.kind == "f":
            np.testing.assert_allclose(value, wanted, rtol=relative, atol=0, err_msg=name)
        else:
            np.testing.assert_array_equal(value, wanted, err_msg=name)


def of_origin(found: Scan, origin: int, *, pivot_shift=0) -> dict[str, np.ndarray]:
    """What one origin keeps, with all descendants, as if it were alone; pivots counted from bar `pivot_shift`."""
    chosen = np.flatnonzero(found.origin == origin)
    reached = set()
    waiting = found.pattern[chosen].tolist()
    while waiting:
        one = waiting.pop()
        if one not in reached:
            reached.add(one)
            waiting.extend(child for child in found.patterns.child[one].tolist() if child >= 0)
    listed = np.array(sorted(reached), int)
    place = np.full(len(found.patterns.score) + 1, -1, np.int32)
    place[listed] = np.arange(len(listed))
    table = {name: value[listed] for name, value in columns(found.patterns).items() if name != "series"}
    table["child"] = place[table["child"]]
    table["pivots"] = np.where(table["pivots"] < 0, -1, table["pivots"] - pivot_shift)
    return table | {
        "pattern": place[found.pattern[chosen]],
        "rank": found.rank[chosen],
        "line_target": found.line_target[chosen],
        "counts": np.array([found.candidates[origin], found.standing[origin]]),
    }


def assert_bitwise(got: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> None:
    """Equal to the last bit, NaN included."""
    assert got.keys() == expected.keys()
    for name, value in got.items():
        assert value.shape == expected[name].shape, name
        assert value.astype(expected[name].dtype).tobytes() == expected[name].tobytes(), name
