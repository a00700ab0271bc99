"""What a path did: how much it traded, how long it was in the market, how often a trade won."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from kernels.errors import InvalidInputError
from kernels.metrics.rules import SESSIONS_PER_YEAR
from kernels.panel import Float64Array1D


def hit_rate(profit: npt.ArrayLike, path: npt.ArrayLike, paths: int) -> Float64Array1D:
    """Share of the trades of each path that made a profit.

    Args:
        profit: [K], dollars, what each trade made after its costs; a profit of exactly 0 is no hit.
        path: integers [K], the path of each trade, from 0 to `paths - 1`, in any order.
        paths: how many paths there are.

    Returns:
        float64 [paths], from 0 to 1; NaN for a path without trades.

    Raises:
        InvalidInputError: different lengths, a profit that isn't finite, or a path that doesn't exist.
    """
    profits, owners = np.asarray(profit, dtype=np.float64), np.asarray(path)
    if owners.size == 0:
        owners = owners.astype(np.int32)
    if profits.ndim != 1 or owners.shape != profits.shape or owners.dtype.kind not in "iu":
        raise InvalidInputError(
            "hit_rate, profit and path",
            expected="vectors of one length, `path` of integers",
            got=f"profit of shape {profits.shape}, path {owners.dtype} of shape {owners.shape}",
            mend="pass one profit and one path for each trade",
        )
    _require("hit_rate, profit", profits, np.isfinite(profits), "finite dollars", "leave trades without a profit out")
    inside = (owners >= 0) & (owners < paths)
    _require("hit_rate, path", owners, inside, f"from 0 to {paths - 1}", "pass the number of paths simulated")
    trades = np.bincount(owners, minlength=paths).astype(np.float64)
    hits = np.bincount(owners[profits > 0.0], minlength=paths).astype(np.float64)
    return _ratio(hits, trades, trades > 0.0)


def turnover_252(traded: npt.ArrayLike, mean_equity: npt.ArrayLike, sessions: npt.ArrayLike) -> Float64Array1D:
    """Value traded per 252 sessions, as a multiple of the mean equity; purchases and sales both count.

    Args:
        traded: [P], dollars bought and sold, at least 0.
        mean_equity: [P], dollars, the mean of the path's equity.
        sessions: [P], number of returns, at least 0.

    Returns:
        float64 [P], at least 0; NaN without a session, or unless the mean equity is above 0.

    Raises:
        InvalidInputError: shapes that don't fit one another, or a negative value traded or number of sessions.
    """
    value, equity, count = _vectors("turnover_252", traded, mean_equity, sessions)
    _require("turnover_252, traded", value, value >= 0.0, "at least 0 dollars", "count sales as positive too")
    _require("turnover_252, sessions", count, count >= 0.0, "at least 0", "pass the number of returns")
    return _ratio(value * SESSIONS_PER_YEAR, equity * count, (equity > 0.0) & (count > 0.0))


def exposure(bars_held: npt.ArrayLike, sessions: npt.ArrayLike) -> Float64Array1D:
    """Share of the sessions in which a leg was held.

    Args:
        bars_held: [P], bars after the first at which a leg was held, from 0 to `sessions`.
        sessions: [P], number of returns.

    Returns:
        float64 [P], from 0 to 1; NaN without a session.

    Raises:
        InvalidInputError: shapes that don't fit one another, or more bars held than there are sessions.
    """
    held, count = _vectors("exposure", bars_held, sessions)
    within = (held >= 0.0) & (held <= count)
    _require("exposure, bars_held", held, within, "from 0 to the number of sessions", "count bars after the first only")
    return _ratio(held, count, count > 0.0)


def _ratio(above: Float64Array1D, below: Float64Array1D, known: npt.NDArray[np.bool_]) -> Float64Array1D:
    """`above / below` where it is known, else NaN."""
    result = np.full(above.shape, np.nan)
    np.divide(above, below, out=result, where=known)
    return result


def _vectors(where: str, *values: npt.ArrayLike) -> tuple[Float64Array1D, ...]:
    """The arguments as float64 vectors of one length."""
    arrays = [np.atleast_1d(np.asarray(each, dtype=np.float64)) for each in values]
    try:
        arrays = list(np.broadcast_arrays(*arrays))
    except ValueError:
        arrays = [array[np.newaxis] for array in arrays]
    if arrays[0].ndim != 1:
        raise InvalidInputError(
            where,
            expected="vectors of one length",
            got=f"shapes {', '.join(str(np.shape(each)) for each in values)}",
            mend="pass one value for each path",
        )
    return tuple(arrays)


def _require(
    where: str, values: npt.NDArray[np.generic], good: npt.NDArray[np.bool_], expected: str, mend: str
) -> None:
    """Raise `InvalidInputError` with the first value that isn't good."""
    if not good.all():
        position = int(np.argmin(good))
        got = f"{values[position]} at position {position}"
        raise InvalidInputError(where, expected=expected, got=got, mend=mend)
