"""What a fitted HAR model consists of: one regression for each horizon."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kernels.errors import InvalidInputError
from kernels.panel import Float64Array2D, require_matrix
from kernels.volatility.forecasts import require_horizons
from kernels.volatility.har.rules import WINDOWS

COEFFICIENT_LIMIT = 100.0
"""Far beyond any sensible coefficient, and small enough for every prediction to be finite."""


@dataclass(frozen=True)
class HarParameters:
    """Coefficients of the log variance, pooled over symbols.

    Attributes:
        coefficients: float64 [H, 5], one row a horizon: the constant, then the slope on the log of the mean daily
            variance over the last 1, 5, 22 and 66 sessions; finite, from -100 to 100.
        horizons: H horizons in sessions, strictly rising, each at least 1.

    Raises:
        InvalidInputError: an attribute that is out of shape or out of range, named.
    """

    coefficients: Float64Array2D
    horizons: tuple[int, ...]

    def __post_init__(self) -> None:
        require_horizons(self.horizons)
        require_matrix("HarParameters.coefficients", self.coefficients, (len(self.horizons), 1 + len(WINDOWS)))
        # No comparison with NaN holds, so this refuses it as well.
        within = np.abs(self.coefficients) <= COEFFICIENT_LIMIT
        if not within.all():
            horizon, term = np.argwhere(~within)[0].tolist()
            raise InvalidInputError(
                "HarParameters.coefficients",
                expected=f"numbers from {-COEFFICIENT_LIMIT:g} to {COEFFICIENT_LIMIT:g}",
                got=f"{self.coefficients[horizon, term]} in row {horizon}, column {term}",
                mend="pass what `fit_har` returned",
            )
