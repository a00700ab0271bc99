"""Bars and entries, drawn or given."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import NamedTuple

import numpy as np

from kernels.outcomes import Entries, Outcomes

NAN = float("nan")
ROWS, SESSIONS = 4, 24


class Bars(NamedTuple):
    open: np.ndarray
    high: np.ndarray
    low: np.ndarray
    close: np.ndarray


def entries_of(rows: list[tuple[int, int, int, float, float]]) -> Entries:
    """Entries from (row, known, side, target, invalidation)."""
    columns = np.array(rows, dtype=np.float64).reshape(-1, 5).T
    return Entries(
        columns[0].astype(np.int32), columns[1].astype(np.int32), columns[2].astype(np.int8), *columns[3:].copy()
    )


def part_of(entries: Entries, places) -> Entries:
    """The entries at these places, in their order."""
    return Entries(*(getattr(entries, field.name)[places] for field in fields(Entries)))


def joined(one: Entries, other: Entries) -> Entries:
    """The entries of both, one after the other."""
    return Entries(*(np.concatenate([getattr(each, field.name) for each in (one, other)]) for field in fields(Entries)))


def mirrored(bars: Bars, entries: Entries) -> tuple[Bars, Entries]:
    """The same with all log prices and sides negated."""
    turned = Bars(1 / bars.open, 1 / bars.low, 1 / bars.high, 1 / bars.close)
    return turned, replace(
        entries, side=-entries.side, target=1 / entries.target, invalidation=1 / entries.invalidation
    )


def random_case(seed: int, count: int = 60) -> tuple[Bars, Entries, np.ndarray]:
    """Bars, entries and a universe. Prices are whole powers of 2: they meet levels exactly, and 1 / price is exact."""
    rng = np.random.default_rng(seed)
    shape = (ROWS, SESSIONS)
    open_ = rng.integers(-2, 3, shape)
    close = np.clip(open_ + rng.integers(-1, 2, shape), -2, 2)
    high = np.maximum(open_, close) + rng.integers(0, 3, shape) // 2
    low = np.minimum(open_, close) - rng.integers(0, 3, shape) // 2
    missing = rng.random(shape) < rng.choice([0.0, 0.15])
    missing[rng.integers(0, ROWS)] |= rng.random() < 0.3
    bars = Bars(*(np.where(missing, NAN, 2.0**each) for each in (open_, high, low, close)))
    side = rng.choice([-1, 1], count)
    row, known = rng.integers(0, ROWS, count), rng.integers(0, SESSIONS, count)
    level = open_[row, np.minimum(known + 1, SESSIONS - 1)]
    levels = 2.0 ** (level + np.array([side, -side]) * rng.integers(0, 5, (2, count)))
    levels[rng.random((2, count)) < 0.05] = NAN
    entries = Entries(
        row=row.astype(np.int32),
        known=known.astype(np.int32),
        side=side.astype(np.int8),
        target=levels[0].copy(),
        invalidation=levels[1].copy(),
    )
    return bars, entries, rng.random(shape) < 0.8


def assert_same(one: Outcomes | Entries, other: Outcomes | Entries, names: tuple[str, ...] = ()) -> None:
    """Every array, or those named, equal to the last bit and of one dtype."""
    for name in names or [field.name for field in fields(one)]:
        left, right = getattr(one, name), getattr(other, name)
        assert left.dtype == right.dtype
        np.testing.assert_array_equal(left, right, err_msg=name)
