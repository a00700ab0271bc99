"""How much a setup may gain for what it risks."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from kernels.errors import InvalidInputError
from kernels.panel import Float64Array1D, Float64Array2D


def risk_reward(
    close: Float64Array1D,
    targets: Float64Array2D,
    invalidation: Float64Array1D,
    next_direction: npt.NDArray[np.integer],
) -> Float64Array1D:
    """The way to the nearest target over the way to the invalidation, `(T - C) / (C - I)` in dollars.

    T is the nearest target that the close has not reached in the direction of the next wave; one that the close equals
    is reached. Multiplying all prices by a constant, or mirroring them with the direction, changes the result by
    rounding only.

    Args:
        close: float64 [N], C, dollars.
        targets: float64 [N, K], dollars, in any order; NaN for none. K may be 0.
        invalidation: float64 [N], I, dollars; NaN for none.
        next_direction: integers [N], 1 where the next wave rises, -1 where it falls.

    Returns:
        float64 [N], above 0. NaN where no target is left, where the close is at the invalidation or beyond it, where
        the next wave runs towards the invalidation (wave 4 of an impulse), and where the close or the invalidation is
        NaN.

    Raises:
        InvalidInputError: shapes that don't fit, or a direction that is neither 1 nor -1.
    """
    count = len(close)
    shapes = close.shape, targets.shape[:1], invalidation.shape, next_direction.shape
    if targets.ndim != 2 or shapes != ((count,),) * 4:
        raise InvalidInputError(
            "risk_reward",
            expected="close [N], targets [N, K], invalidation [N] and next_direction [N]",
            got=f"{close.shape}, {targets.shape}, {invalidation.shape} and {next_direction.shape}",
            mend="pass one row for each setup",
        )
    odd = np.flatnonzero(np.abs(next_direction) != 1)
    if odd.size:
        raise InvalidInputError(
            f"next_direction of setup {odd[0]}",
            expected="1 or -1",
            got=str(next_direction[odd[0]]),
            mend="pass 1 where the next wave rises and -1 where it falls",
        )
    # Oriented like the next wave: what is gained and what is risked are positive.
    gains = (targets - close[:, None]) * next_direction[:, None]
    gain = np.where(gains > 0.0, gains, np.inf).min(axis=1, initial=np.inf)
    risk = (close - invalidation) * next_direction
    known = np.isfinite(gain) & (risk > 0.0)
    worth = np.full(count, np.nan)
    np.divide(gain, risk, out=worth, where=known)
    return worth
