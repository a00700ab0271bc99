"""The baseline: EWMA volatility with filtered historical simulation. It is trained on nothing and always there."""

from datetime import date
from typing import Any

from kernels.device import Backend, choose
from kernels.forecast.bars import ForecastBars
from kernels.panel import Int32Array1D
from kernels.volatility import Forecasts, ewma_fhs


class EwmaModel:
    """`kernels.volatility.ewma_fhs`, as one of the models that can serve.

    Args:
        backend: "auto", "naive" or "cpu".
        reason: why the baseline serves, if another model was wanted.
    """

    name = "ewma-fhs"
    trained_through: date | None = None
    lookback = 504

    def __init__(self, *, backend: Backend = "auto", reason: str = "") -> None:
        self._backend: Backend = backend
        self._reason = reason

    @property
    def details(self) -> dict[str, Any]:
        """The backend and why it was taken, and why the baseline serves."""
        choice = choose("ewma_fhs", self._backend, ("naive", "cpu"))
        details = {"backend": choice.backend, "backend_reason": choice.reason}
        return details | ({"model_reason": self._reason} if self._reason else {})

    def forecast(self, bars: ForecastBars, row: Int32Array1D, end: Int32Array1D) -> Forecasts:
        """See `ForecastModel`."""
        return ewma_fhs(bars.close, row, end, lookback=self.lookback, backend=self._backend)
