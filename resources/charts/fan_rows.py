"""From rows of the `forecasts` table and the bars of a panel to a fan chart."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from kernels.errors import InvalidInputError
from kernels.panel import PricePanel
from resources.charts.fan_chart import HISTORY, LEVELS, FanChart
from resources.forecast_contracts import quantile_column

QUANTILES = tuple(quantile_column(level) for level in LEVELS)


def fan_chart_of(
    rows: pa.Table | Sequence[Mapping[str, Any]], symbol: str, panel: PricePanel, *, name: str = ""
) -> FanChart:
    """The chart of one symbol's forecast.

    Args:
        rows: of `forecasts`, of one session; those of other symbols are left out.
        symbol: the ticker.
        panel: bars as of the session.
        name: the company's name.

    Raises:
        InvalidInputError: the symbol isn't in the rows or in the panel.
    """
    listed = rows.select(["symbol", "horizon", "model", *QUANTILES]).to_pylist() if isinstance(rows, pa.Table) else rows
    ours = sorted((row for row in listed if row["symbol"] == symbol), key=lambda row: row["horizon"])
    if not ours or symbol not in panel.symbols:
        raise InvalidInputError(
            "fan_chart_of, symbol",
            expected="a symbol of the rows and of the panel",
            got=f"{symbol}: {len(ours)} rows, in the panel: {symbol in panel.symbols}",
            mend="pass the forecasts and the panel of one session, with this symbol",
        )
    quantiles = [[np.nan if row[column] is None else row[column] for column in QUANTILES] for row in ours]
    return FanChart(
        symbol=symbol,
        sessions=panel.sessions[-HISTORY:],
        close=np.ascontiguousarray(panel.close[panel.symbols.index(symbol), -HISTORY:]),
        horizons=np.array([row["horizon"] for row in ours], np.int32),
        quantiles=np.array(quantiles, np.float64),
        name=name,
        facts=(f"forecast of {ours[0]['model']}",),
    )
