"""The ranking of picks: what patterns, forecasts and simulations say of a symbol, in one order. See README.md."""

from __future__ import annotations

import numpy as np

from kernels.device import Backend, choose
from kernels.errors import InvalidInputError
from kernels.panel import Float64Array1D
from kernels.ranking import cpu, naive
from kernels.ranking.model import COMPONENTS, Evidence, Picks, Setups
from kernels.ranking.validate import require_evidence, require_setups

__all__ = ["AVAILABLE", "COMPONENTS", "Evidence", "Picks", "Setups", "rank_picks"]

_BACKENDS = {"naive": naive.rank_picks, "cpu": cpu.rank_picks}
AVAILABLE = tuple(_BACKENDS)
"""The backends this kernel is written for."""


def rank_picks(setups: Setups, forecast: Float64Array1D, evidence: Evidence, *, backend: Backend = "auto") -> Picks:
    """Rank S symbols of one session.

    Args:
        setups: the standing setups of the symbols.
        forecast: float64 [S], expected return over its volatility, of one horizon for all; NaN = unknown.
        evidence: the simulations of the symbols.
        backend: "auto", "naive" or "cpu".

    Returns:
        See `Picks`; formulas are in the README. Equal scores rank by position: pass the symbols sorted.

    Raises:
        InvalidInputError: a wrong shape, dtype or value, named.
        BackendUnavailableError: a backend that this kernel doesn't have.
    """
    choice = choose("rank_picks", backend, AVAILABLE)
    if forecast.dtype != np.float64 or forecast.ndim != 1 or np.isinf(forecast).any():
        raise InvalidInputError(
            "rank_picks, forecast",
            expected="float64 [S], finite or NaN",
            got=f"{forecast.dtype} of shape {forecast.shape}, {int(np.isinf(forecast).sum())} infinite",
            mend="pass the expected return over the volatility, NaN where there is no forecast",
        )
    require_setups(setups, len(forecast))
    require_evidence(evidence, len(forecast))
    return _BACKENDS[choice.backend](setups, forecast, evidence)
