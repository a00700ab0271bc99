"""Skill: how much lower a model's mean loss is than a baseline's."""

from __future__ import annotations

import math

import numpy as np

from kernels.errors import InvalidInputError
from kernels.forecast.validate import require_known_or_nan, require_same_shape
from kernels.panel import Float64Array1D


def skill(loss_model: Float64Array1D, loss_baseline: Float64Array1D) -> float:
    """Skill `100 (1 - mean(loss_model) / mean(loss_baseline))`.

    Args:
        loss_model: float64 [N], at least 0, such as the CRPS; rows or daily means. NaN = unknown.
        loss_baseline: float64 [N], of the same rows.

    Returns:
        Percent, at most 100; 0 = as good as the baseline, below 0 = worse. Rows unknown in either are left out of both.
        NaN if none is left, or if the baseline's losses are all 0.

    Raises:
        InvalidInputError: a wrong shape or dtype, an infinite value, or a negative loss, of which no ratio makes sense.
    """
    for name, loss in (("loss_model", loss_model), ("loss_baseline", loss_baseline)):
        require_known_or_nan(f"skill, {name}", loss, dimensions=1)
        if (loss < 0.0).any():
            raise InvalidInputError(
                f"skill, {name}",
                expected="losses of at least 0",
                got=repr(float(np.nanmin(loss))),
                mend="compare losses that can be negative, such as QLIKE, with diebold_mariano",
            )
    require_same_shape("skill, loss_baseline", loss_baseline, loss_model.shape, "loss_model")
    known = ~(np.isnan(loss_model) | np.isnan(loss_baseline))
    baseline = math.fsum(loss_baseline[known])
    return 100.0 * (1.0 - math.fsum(loss_model[known]) / baseline) if baseline > 0.0 else math.nan
