"""The names of the null models, what they return, and how the originals lie in memory for a compiled loop."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from kernels.panel import Float64Array2D, Int32Array1D

Float64Array3D = npt.NDArray[np.float64]
Int64Array1D = npt.NDArray[np.int64]
UInt64Array2D = npt.NDArray[np.uint64]
BoolArray2D = npt.NDArray[np.bool_]

Null = Literal["block", "gjr", "sign"]

BLOCK, GJR, SIGN = range(3)
"""Positions in `NULLS`, and the top two bits of a draw's first counter word."""

NULLS: tuple[Null, ...] = ("block", "gjr", "sign")

DEFAULT_BLOCK = 20.0
"""Mean bars of a block; the README says why."""

PLACE_BITS = 30
"""Bits of the first counter word that count the bars; the null model has the other two."""

LEAST_PRICE, MOST_PRICE = 1e-100, 1e100
"""Dollars that prices may have, and within which those of a surrogate are held."""

MOST_MOVE = 461.0
"""What a log price may move from one close, up or down: from one end of the prices to the other."""

STILL = 1e-12
"""Standard deviation of log returns up to which a row is still: rounding of prices, not movement."""

MOST_VARIANCE = 1e6
"""Where the variance of a session is held: beyond any that prices within their bounds have."""

FIELDS = ("open", "high", "low", "close")
"""The last axis of `Rows.moves`."""

MEAN, START, CALM, ALPHA, GAMMA, BETA = range(6)
VOLATILITY = 6
"""The last axis of `Rows.volatility`: mean log return, first variance, constant of the recursion, its three weights."""


@dataclass(frozen=True)
class Surrogates:
    """B surrogates of each of R rows: float64 [R, B, T] each, dollars; NaN where the original has no bar."""

    open: Float64Array3D
    high: Float64Array3D
    low: Float64Array3D
    close: Float64Array3D


class Rows(NamedTuple):
    """The originals, as `write_surrogate` takes them.

    Attributes:
        keys: uint64 [R, 2], the low and the high word of each row's key.
        there: bool [R, T], where the original has a bar.
        bars: int32 [R], how many it has.
        moves: float64 [R, T, 4], bar by bar without the missing ones, in the order of `FIELDS`. The first is the first
            bar itself, in dollars. The others are relative to the close before: price ratios; for "gjr" standardised
            residuals. Zero beyond `bars`.
        volatility: float64 [R, VOLATILITY], for "gjr"; else zero.
    """

    keys: UInt64Array2D
    there: BoolArray2D
    bars: Int32Array1D
    moves: Float64Array3D
    volatility: Float64Array2D


class Terms(NamedTuple):
    """What all surrogates have in common.

    Attributes:
        null: position in `NULLS`.
        new_block: probability that a bar begins a block.
        seed_0, seed_1: the low and the high word of the seed, uint64.
    """

    null: int
    new_block: float
    seed_0: np.uint64
    seed_1: np.uint64


class Part(NamedTuple):
    """Where originals lie in larger arrays, which a device may hold.

    Attributes:
        prices: four arrays float64 [S, C], in the order of `FIELDS`.
        rows: int64 [R], which of their rows the originals are.
        first: the column with which the originals begin; they go on to the last one.
    """

    prices: tuple[Float64Array2D, ...]
    rows: Int64Array1D
    first: int
