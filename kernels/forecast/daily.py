"""Losses by day: the symbols of one day aren't independent samples, so a day counts once."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from kernels.errors import InvalidInputError
from kernels.forecast.validate import require_known_or_nan
from kernels.panel import Float64Array1D


def daily_means(loss: Float64Array1D, day: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], Float64Array1D]:
    """Mean loss of each day. To compare models, take a row that is unknown in one of them out of all.

    Args:
        loss: float64 [E]; NaN for an unknown row, which is left out.
        day: integers or datetime64 [E], the day of each row, in any order.

    Returns:
        The D days, each once, rising, in the dtype of `day`; and float64 [D], the mean of each, NaN where no row is
        known. Sums are exact before they are rounded once, so the order of the rows doesn't matter.

    Raises:
        InvalidInputError: a wrong shape or dtype, an infinite loss, or a day that is NaT.
    """
    require_known_or_nan("daily_means, loss", loss, dimensions=1)
    if not are_days(day, loss.shape):
        raise InvalidInputError(
            "daily_means, day",
            expected=f"integers or datetime64 without NaT, of shape {loss.shape}",
            got=f"{day.dtype} of shape {day.shape}",
            mend="pass the session of each row's origin",
        )
    days, group = np.unique(day, return_inverse=True)
    order = np.argsort(group, kind="stable")
    groups = np.split(loss[order], np.searchsorted(group[order], np.arange(1, len(days)))) if len(days) else []
    means = [_mean(values[~np.isnan(values)]) for values in groups]
    return days, np.array(means, dtype=np.float64)


def are_days(day: npt.NDArray[Any], shape: tuple[int, ...]) -> bool:
    """Whether `day` holds integers, or datetime64 without NaT, in this shape."""
    whole = day.dtype.kind in "iu" or (day.dtype.kind == "M" and not bool(np.isnat(day).any()))
    return whole and day.shape == shape


def _mean(values: Float64Array1D) -> float:
    return math.fsum(values) / len(values) if len(values) else math.nan
