"""Which model serves which year, and forecasts of origins in several years."""

from collections.abc import Callable
from datetime import date
from functools import cache
from typing import Any

import numpy as np

from kernels.device import Backend
from kernels.forecast.bars import ForecastBars
from kernels.forecast.fitted import RunNetwork
from kernels.panel import Int32Array1D, SessionArray1D
from kernels.volatility import DEFAULT_HORIZONS, DEFAULT_LEVELS, Forecasts
from kernels.volatility.forecasts import empty_forecasts
from resources.forecast_models.base import ForecastModel, require_forecasts
from resources.forecast_models.baseline import EwmaModel
from resources.forecast_models.trained import TrainedModel
from resources.model_store import ModelStore

ModelOfYear = Callable[[int], ForecastModel]
"""The model that forecasts the sessions of a year."""


def serve_trained(store: ModelStore, run: RunNetwork, backend: Backend = "auto") -> ModelOfYear:
    """The project's own models: that of the year before serves, or the baseline where there is none or none better.

    The same model object for each call with the same year, as long as its file isn't replaced.
    """

    @cache
    def opened(year: int, sha256: str | None) -> ForecastModel:
        stored = store.read(year - 1) if sha256 else None
        if stored is not None and stored.serves is not None:
            return TrainedModel(stored, run, backend)
        if stored is None:
            command = _train_command(year - 1)
            reason = f"there is no model of {year - 1}; train it with: {command}"
        else:
            reason = f"the model of {year - 1} does not serve: {stored.reason}"
        return EwmaModel(backend=backend, reason=reason)

    def model_of_year(year: int) -> ForecastModel:
        stored = store.read(year - 1)
        return opened(year, stored.sha256 if stored else None)

    return model_of_year


def _train_command(year: int) -> str:
    return f'dagster job execute -m definitions -j train_forecast_model --tags \'{{"dagster/partition": "{year}"}}\''


def forecast_by_year(
    model_of_year: ModelOfYear, bars: ForecastBars, sessions: SessionArray1D, row: Int32Array1D, end: Int32Array1D
) -> Forecasts:
    """Forecast origins that may lie in several years, each by the model of its year.

    Args:
        model_of_year: which model that is.
        bars: R rows over T sessions.
        sessions: `datetime64[D]` [T].
        row: int32 [E], the series of each origin.
        end: int32 [E], the bar at whose close it stands.

    Raises:
        InvalidInputError: a model that breaks the promises of `Forecasts`; it is named.
    """
    years = sessions[end].astype("datetime64[Y]").astype(int) + 1970
    joined = empty_forecasts(len(row), len(DEFAULT_HORIZONS), len(DEFAULT_LEVELS))
    for year in np.unique(years).tolist():
        chosen = years == year
        model = model_of_year(year)
        made = model.forecast(bars, row[chosen], end[chosen])
        require_forecasts(model.name, made, int(chosen.sum()))
        for name in ("quantiles", "volatility", "residuals", "status"):
            getattr(joined, name)[chosen] = getattr(made, name)
    return joined


def report_of(model: ForecastModel) -> dict[str, Any]:
    """What the metadata of forecasts says of their model."""
    through: date | None = model.trained_through
    return {
        "model": model.name,
        "trained_through": "untrained" if through is None else through.isoformat(),
        **model.details,
    }
