"""Is one model's loss lower than another's by more than chance?"""

from __future__ import annotations

import numpy as np

from kernels.forecast.newey_west import MeanTest, mean_test_of_differences
from kernels.forecast.validate import require_known_or_nan, require_same_shape
from kernels.panel import Float64Array1D


def diebold_mariano(loss_a: Float64Array1D, loss_b: Float64Array1D, horizon: int, lags: int | None = None) -> MeanTest:
    """Diebold & Mariano (1995): `mean_test` of the daily differences of two losses.

    Args:
        loss_a: float64 [D], mean loss of model A over the symbols of each day, in the order of time: `daily_means`.
        loss_b: float64 [D], of model B over the same symbols of the same days.
        horizon: h, sessions that the forecasts look ahead.
        lags: None = `max(h - 1, floor(4 (D / 100)^(2/9)))`.

    Returns:
        The test of `loss_a - loss_b`: a mean and t below 0 say that A is better. Days unknown in either are left out
        and their neighbours joined. NaN as in `MeanTest`; so for a model against itself.

    Raises:
        InvalidInputError: a wrong shape or dtype, an infinite value, or a horizon or lags out of range.
    """
    require_known_or_nan("diebold_mariano, loss_a", loss_a, dimensions=1)
    require_known_or_nan("diebold_mariano, loss_b", loss_b, dimensions=1)
    require_same_shape("diebold_mariano, loss_b", loss_b, loss_a.shape, "loss_a")
    scale = max(float(np.nanmax(np.abs(loss), initial=0.0)) for loss in (loss_a, loss_b))
    return mean_test_of_differences(loss_a - loss_b, scale, horizon, lags)
