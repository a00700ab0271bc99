"""The project's own model of one year, as one of the models that can serve."""

from datetime import date
from typing import Any

from kernels.device import Backend
from kernels.forecast.bars import ForecastBars
from kernels.forecast.fitted import LOOKBACK, RunNetwork, candidate_forecasts
from kernels.panel import Int32Array1D
from kernels.volatility import Forecasts
from resources.model_store import StoredModel


class TrainedModel:
    """A stored model whose candidate was promoted.

    Attributes:
        name: candidate, year and hash.
        trained_through: the last session whose bar it has seen.
        lookback: bars that it looks at before an origin, the origin's own included.
        details: for the metadata of what it forecasts.
    """

    lookback = LOOKBACK

    def __init__(self, stored: StoredModel, run: RunNetwork, backend: Backend = "auto") -> None:
        """Nothing is loaded before the first forecast.

        Args:
            stored: a model with a candidate that serves.
            run: computes its network; see `resources.forecaster`.
            backend: of everything but the network.
        """
        self._stored, self._run, self._backend = stored, run, backend
        self.name = stored.model_id
        self.trained_through: date | None = stored.trained_through
        self.details: dict[str, Any] = {"serves": stored.serves, "model_reason": stored.reason}

    def forecast(self, bars: ForecastBars, row: Int32Array1D, end: Int32Array1D) -> Forecasts:
        """See `ForecastModel`."""
        made = candidate_forecasts(self._stored.model, bars, row, end, self._run, backend=self._backend)
        return made[str(self._stored.serves)]
