"""Judge a fit in the year that its network hadn't been trained on."""

from __future__ import annotations

import numpy as np

from kernels.forecast.bars import ForecastBars
from kernels.forecast.fitted import FittedModel, RunNetwork, candidate_forecasts
from kernels.forecast.outcomes import outcomes_of
from kernels.forecast.promotion import Promotion, promote
from kernels.volatility import fit_gjr, gjr_fhs


def judge_held_out(earlier: FittedModel, bars: ForecastBars, held_out: int, run: RunNetwork) -> Promotion:
    """Forecast every session and symbol of the held-out year with what was known before it, and choose what serves.

    Args:
        earlier: what could have been used in that year, as `fit_model` gives it.
        bars: those that the fit was made on.
        held_out: column of the first session of the held-out year.
        run: computes the network.

    Raises:
        InvalidInputError: too little history before the held-out year to fit GJR on.
    """
    config = earlier.config
    gjr, _ = fit_gjr(bars.close, 0, held_out - 1)
    count, total = bars.close.shape
    row, end = (np.ascontiguousarray(each.ravel(), dtype=np.int32) for each in np.mgrid[0:count, held_out:total])
    candidates = candidate_forecasts(earlier, bars, row, end, run)
    hurdle = gjr_fhs(bars.close, row, end, gjr, horizons=config.horizons, levels=config.levels)
    outcomes = outcomes_of(bars.close, row, end, config.horizons)
    return promote(candidates, hurdle, outcomes, end, config.horizons, config.levels)
