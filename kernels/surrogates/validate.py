"""Checks of what surrogates are made from."""

from __future__ import annotations

import math
from numbers import Integral, Real

import numpy as np
import numpy.typing as npt

from kernels.errors import InvalidInputError
from kernels.origins import require_prices
from kernels.panel import Float64Array2D, Int32Array1D
from kernels.surrogates.model import FIELDS, GJR, LEAST_PRICE, MOST_PRICE, NULLS, PLACE_BITS, Int64Array1D
from kernels.volatility.gjr import GjrParameters


def require_bars(open_: Float64Array2D, high: Float64Array2D, low: Float64Array2D, close: Float64Array2D) -> None:
    """Raise `InvalidInputError` unless all four are float64 [R, T], and each bar whole, in order and within bounds."""
    prices = (open_, high, low, close)
    for name, values in zip(FIELDS, prices, strict=True):
        require_prices(name, values, close.shape)
    if close.shape[1] >= 2**PLACE_BITS:
        raise InvalidInputError(
            "bars of surrogates",
            expected=f"fewer than {2**PLACE_BITS:,} sessions",
            got=f"{close.shape[1]:,}",
            mend="cut the series",
        )
    missing = np.isnan(prices)
    _require(missing.any(axis=0) == missing.all(axis=0), prices, "bars that are there or NaN as a whole")
    whole = ~missing[0]
    in_order = (high >= np.maximum(open_, close)) & (low <= np.minimum(open_, close))
    _require(in_order | ~whole, prices, "bars whose high and low enclose open and close")
    # With high and low in order these two bound all four.
    bounded = (low >= LEAST_PRICE) & (high <= MOST_PRICE)
    _require(bounded | ~whole, prices, f"prices from {LEAST_PRICE:g} to {MOST_PRICE:g} dollars")


def _require(good: npt.NDArray[np.bool_], prices: tuple[Float64Array2D, ...], expected: str) -> None:
    if not good.all():
        row, session = np.argwhere(~good)[0].tolist()
        raise InvalidInputError(
            f"bars of surrogates, row {row}, column {session}",
            expected=expected,
            got=", ".join(f"{name} {values[row, session]}" for name, values in zip(FIELDS, prices, strict=True)),
            mend="quarantine the faulty bar: all its prices NaN",
        )


def require_keys(keys: Int64Array1D, rows: int) -> None:
    """Raise `InvalidInputError` unless `keys` is C-contiguous int64 [R]."""
    if keys.dtype != np.int64 or keys.shape != (rows,) or not keys.flags.c_contiguous:
        raise InvalidInputError(
            "keys of surrogates",
            expected=f"C-contiguous int64 of shape ({rows},), one for each row",
            got=f"{keys.dtype} of shape {keys.shape}, C-contiguous: {keys.flags.c_contiguous}",
            mend="pass one whole number for each row that names it, such as a hash of its symbol",
        )


def require_numbers(numbers: Int32Array1D) -> None:
    """Raise `InvalidInputError` unless `numbers` is an int32 vector without negative ones."""
    if numbers.dtype != np.int32 or numbers.ndim != 1 or bool(np.any(numbers < 0)):
        raise InvalidInputError(
            "numbers of surrogates",
            expected="an int32 vector, each at least 0",
            got=f"{numbers.dtype} of shape {numbers.shape}"
            + (f", least {numbers.min()}" if numbers.size and numbers.dtype.kind == "i" else ""),
            mend="pass np.arange(count, dtype=np.int32)",
        )


def require_options(null: str, seed: int, block: float, parameters: GjrParameters | None) -> None:
    """Raise `InvalidInputError` unless the null model is known and its options are in range."""
    if null not in NULLS:
        raise InvalidInputError(
            "null of surrogates",
            expected=f"one of {', '.join(NULLS)}",
            got=repr(null),
            mend="choose one of these null models",
        )
    if isinstance(seed, bool) or not isinstance(seed, Integral) or not 0 <= seed < 2**64:
        raise InvalidInputError(
            "seed of surrogates",
            expected=f"a whole number in 0..{2**64 - 1}",
            got=repr(seed),
            mend="pass an int in this range",
        )
    if isinstance(block, bool) or not isinstance(block, Real) or not 1.0 <= block < math.inf:
        raise InvalidInputError(
            "block of surrogates",
            expected="a finite number of bars, at least 1",
            got=repr(block),
            mend="set the mean length of a block, for example 20",
        )
    needed = null == NULLS[GJR] or parameters is not None
    if needed and not isinstance(parameters, GjrParameters):
        raise InvalidInputError(
            "parameters of surrogates",
            expected=f'GjrParameters for the null model "{NULLS[GJR]}"',
            got=type(parameters).__name__,
            mend="pass what fit_gjr returned",
        )
