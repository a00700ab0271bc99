"""Forecast models that a user might name as "tests.further_models:Class": honest ones, and ones that must be caught."""

from datetime import date

import numpy as np

from kernels.forecast.bars import ForecastBars
from kernels.volatility import DEFAULT_HORIZONS, DEFAULT_LEVELS, Forecasts
from kernels.volatility.forecasts import OK, TOO_LITTLE_HISTORY
from resources.forecast_models import EwmaModel


class Twin(EwmaModel):
    """The baseline under another name."""

    name = "twin"


class TrainedThroughJune(Twin):
    """What it forecasts for the sessions before, it has learned from them."""

    name = "trained-through-june"
    trained_through: date | None = date(2016, 6, 30)


class TrainedIntoJanuary(Twin):
    """Trained a few sessions into the year that it serves."""

    name = "trained-into-january"
    trained_through: date | None = date(2018, 1, 4)


class _OfSomeOrigins:
    """What the models below share: they know some horizons of some origins, and forecast them narrowly."""

    trained_through: date | None = None
    lookback = 1
    details: dict = {}  # noqa: RUF012

    def _around(self, centre: np.ndarray) -> Forecasts:
        known = ~np.isnan(centre)
        return Forecasts(
            quantiles=centre[:, :, np.newaxis] + np.linspace(-1e-5, 1e-5, len(DEFAULT_LEVELS)),
            volatility=np.where(known, 1e-5, np.nan),
            residuals=np.zeros(centre.shape, dtype=np.int32),
            status=np.where(known.any(axis=1), OK, TOO_LITTLE_HISTORY).astype(np.int8),
        )


class Clairvoyant(_OfSomeOrigins):
    """It looks up what comes: the leak that a table of skill must show."""

    name = "clairvoyant"

    def forecast(self, bars: ForecastBars, row: np.ndarray, end: np.ndarray) -> Forecasts:
        close = np.log(np.pad(bars.close, ((0, 0), (0, max(DEFAULT_HORIZONS))), constant_values=np.nan))
        return self._around(np.stack([close[row, end + h] - close[row, end] for h in DEFAULT_HORIZONS], axis=1))


class EarlyOnly(_OfSomeOrigins):
    """It knows the first sessions of a history only, where no baseline knows anything yet."""

    name = "early-only"

    def forecast(self, bars: ForecastBars, row: np.ndarray, end: np.ndarray) -> Forecasts:
        centre = np.where((end < 30) & (bars.close[row, end] > 0.0), 0.0, np.nan)
        return self._around(np.repeat(centre[:, np.newaxis], len(DEFAULT_HORIZONS), axis=1))
