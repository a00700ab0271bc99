"""QLIKE, the loss of a volatility forecast."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from kernels.errors import InvalidInputError
from kernels.forecast.validate import require_known_or_nan, require_same_shape
from kernels.panel import Float64Array2D

VOLATILITY_FLOOR = 1e-4
"""Standard deviation of a log return, one basis point: a lower forecast is scored as if it were this."""


def qlike(volatility: Float64Array2D, outcomes: Float64Array2D) -> npt.NDArray[np.float64]:
    """QLIKE `ln s^2 + y^2 / s^2` (Patton 2011, with the squared outcome as proxy of the variance).

    s is the greater of the volatility and `VOLATILITY_FLOOR`: the loss grows with 1 / s^2, and one forecast near 0
    would outweigh all others. The outcome needs no floor: its logarithm isn't taken.

    Args:
        volatility: float64 [E, H], forecast standard deviation of the outcome, above 0.
        outcomes: float64 [E, H], in the same unit; taken as having a mean of 0.

    Returns:
        float64 [E, H], at least `2 ln VOLATILITY_FLOOR` (-18.4); negative for ordinary returns, so compare by
        difference and not by ratio. NaN where the volatility or the outcome is NaN.

    Raises:
        InvalidInputError: a wrong shape or dtype, an infinite value, or a volatility of 0 or less.
    """
    require_known_or_nan("qlike, volatility", volatility, dimensions=2)
    require_known_or_nan("qlike, outcomes", outcomes, dimensions=2)
    require_same_shape("qlike, outcomes", outcomes, volatility.shape, "the volatility")
    bad = volatility <= 0.0
    if bad.any():
        origin, horizon = np.argwhere(bad)[0].tolist()
        raise InvalidInputError(
            f"qlike, volatility of origin {origin}, horizon {horizon}",
            expected="a standard deviation above 0, or NaN",
            got=repr(float(volatility[origin, horizon])),
            mend="put NaN where there is no forecast",
        )
    floored = np.maximum(volatility, VOLATILITY_FLOOR)
    return 2.0 * np.log(floored) + (outcomes / floored) ** 2
