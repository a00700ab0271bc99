"""What every forecast model promises.

What belongs here: the protocol, and the check of what a model gives back. What doesn't: any one model.
"""

from collections.abc import Iterator
from datetime import date
from typing import Any, Protocol

import numpy as np

from kernels.errors import InvalidInputError
from kernels.forecast.bars import ForecastBars
from kernels.panel import Int32Array1D
from kernels.volatility import DEFAULT_HORIZONS, DEFAULT_LEVELS, STATUSES, Forecasts
from kernels.volatility.forecasts import OK


class ForecastModel(Protocol):
    """Something that forecasts. Constructing one does no work; the first forecast does."""

    @property
    def name(self) -> str:
        """What the rows of a forecast name the model by; other weights have another name."""

    @property
    def trained_through(self) -> date | None:
        """The last session that the model has seen in training; None if it is untrained, or nobody knows."""

    @property
    def lookback(self) -> int:
        """Bars that it looks at, the origin's own included; at most `resources.lineage.LOOKBACK`."""

    @property
    def details(self) -> dict[str, Any]:
        """What the metadata of its forecasts says of the model: plain values by name."""

    def forecast(self, bars: ForecastBars, row: Int32Array1D, end: Int32Array1D) -> Forecasts:
        """Forecast the log return over each of `DEFAULT_HORIZONS`, at `DEFAULT_LEVELS`.

        The forecast of an origin depends on the bars of its own row up to `end`, and on the rows that count there;
        never on a later bar, on the other origins or on their order.

        Args:
            bars: R rows over T sessions.
            row: int32 [E], the series of each origin.
            end: int32 [E], the bar at whose close each origin stands.

        Returns:
            See `Forecasts` for the NaN rule and the statuses.

        Raises:
            InvalidInputError: prices that aren't positive and finite, or origins outside the bars.
        """


def require_forecasts(name: str, forecasts: Forecasts, origins: int) -> None:
    """Raise `InvalidInputError` unless what the model `name` gave back keeps the promises of `Forecasts`."""
    shape = (origins, len(DEFAULT_HORIZONS))
    expected = {
        "quantiles": (np.float64, (*shape, len(DEFAULT_LEVELS))),
        "volatility": (np.float64, shape),
        "residuals": (np.int32, shape),
        "status": (np.int8, (origins,)),
    }
    for field, (dtype, wanted) in expected.items():
        values = getattr(forecasts, field)
        if values.dtype != dtype or values.shape != wanted:
            raise _broken(
                name, field, f"{np.dtype(dtype)} of shape {wanted}", f"{values.dtype} of shape {values.shape}"
            )
    for field, wanted_values in _faults(forecasts):
        raise _broken(name, field, wanted_values, "other values")


def _faults(forecasts: Forecasts) -> Iterator[tuple[str, str]]:
    """The array at fault, and what its values should be."""
    quantiles, volatility, status = forecasts.quantiles, forecasts.volatility, forecasts.status
    forecast = ~np.isnan(quantiles).all(axis=2)
    if not np.isfinite(quantiles[forecast]).all():
        yield "quantiles", "finite values, or NaN at all levels of a horizon"
    if (quantiles[:, :, 1:] < quantiles[:, :, :-1]).any():
        yield "quantiles", "values that don't fall from level to level"
    if np.isinf(volatility).any() or (volatility <= 0.0).any():
        yield "volatility", "finite values above 0, or NaN"
    if np.isnan(volatility[forecast]).any():
        yield "volatility", "a value wherever there are quantiles"
    if (forecasts.residuals < 0).any():
        yield "residuals", "values from 0"
    if ((status < 0) | (status >= len(STATUSES))).any():
        yield "status", f"indexes from 0 to {len(STATUSES) - 1}"
    if ((status == OK) != np.any(forecast, axis=1)).any():
        yield "status", f"{OK} where a horizon has quantiles, and only there"


def _broken(name: str, field: str, expected: str, got: str) -> InvalidInputError:
    return InvalidInputError(
        f"{field} of the forecast model {name}",
        expected=expected,
        got=got,
        mend="correct the model; `kernels.volatility.Forecasts` says what each array must hold",
    )
