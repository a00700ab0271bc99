"""From simulations over rolling origins to the `simulations` table. Columns and words only."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from kernels.strategies import FILL, STATUSES, STRATEGIES, RollingResult, Strategy
from resources.simulation_contracts import SIMULATIONS

_MEASURES = (
    "total_return",
    "total_return_low",
    "total_return_high",
    "sharpe_252",
    "sharpe_low",
    "sharpe_high",
    "deflated_sharpe",
    "hit_rate",
    "max_drawdown",
    "exposure",
    "costs",
)


def simulations_table(
    session: np.datetime64,
    first_origin: np.datetime64,
    symbols: npt.NDArray[np.str_],
    result: RollingResult,
    model: str,
    strategies: Sequence[Strategy] = STRATEGIES,
) -> pa.Table:
    """The simulations of one session, a row for each symbol and strategy.

    Args:
        session: `datetime64[D]`, the session after the last origin.
        first_origin: `datetime64[D]`, the session of the first origin.
        symbols: str [S].
        result: of these symbols and strategies.
        model: of the forecasts.
        strategies: N, as simulated.
    """
    count = len(symbols) * len(strategies)

    def each_strategy(values: list[object], kind: pa.DataType) -> pa.Array:
        return pa.array(values * len(symbols), kind)

    return SIMULATIONS.table(
        {
            "session": np.full(count, session),
            "symbol": np.repeat(symbols, len(strategies)),
            "strategy": each_strategy([each.name for each in strategies], pa.string()),
            "horizon": each_strategy([each.horizon for each in strategies], pa.int16()),
            "sides": each_strategy([each.sides for each in strategies], pa.string()),
            "hurdle": each_strategy([each.hurdle for each in strategies], pa.float64()),
            "status": np.array(STATUSES)[result.status.ravel()],
            "model": np.full(count, model),
            "fill": np.full(count, FILL),
            "first_origin": np.full(count, first_origin),
            "origins": result.origins.ravel(),
            "trials": np.repeat(result.trials, len(strategies)),
            "trades": result.trades.ravel(),
            **{name: getattr(result, name).ravel() for name in _MEASURES},
        }
    )
