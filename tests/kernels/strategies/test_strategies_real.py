"""Real prices: what is faulty is named, the others have plausible numbers, and nobody grows rich."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from kernels.strategies import FAULTY_BAR, OK, simulate_rolling
from kernels.trading import Bars
from kernels.volatility import ewma_fhs
from tests.kernels.strategies.rolling_market import rows_of, same_bytes

PRICES = Path(__file__).parents[4] / "shared" / "data" / "sp500_daily.parquet"
SPAN = 71


@pytest.mark.shared
@pytest.mark.skipif(not PRICES.exists(), reason="../shared/data isn't there")
def test_on_real_prices_every_symbol_has_a_result_or_a_reason_and_nobody_grows_rich() -> None:
    import pyarrow.parquet as pq

    table = pq.read_table(PRICES)
    names = table["symbol"].combine_chunks().dictionary_encode()
    days, column = np.unique(table["date"].to_numpy().astype("datetime64[D]"), return_inverse=True)
    prices = {}
    for name in ("open", "high", "low", "close"):
        values = np.full((len(names.dictionary), len(days)), np.nan)
        values[names.indices.to_numpy(), column] = table[name].to_numpy()
        prices[name] = values[::4].copy()
    bars = Bars(**prices, dividend=np.zeros_like(prices["close"]))
    count, first = len(bars.close), len(days) - SPAN
    bars.high[[3, 50], first + 30] = 0.5 * bars.low[[3, 50], first + 30]

    origins = np.arange(first, first + SPAN - 1, dtype=np.int32)
    row, end = np.repeat(np.arange(count, dtype=np.int32), SPAN - 1), np.tile(origins, count)
    forecasts = ewma_fhs(bars.close, row, end)
    case = (
        bars,
        origins,
        forecasts.quantiles.reshape(count, SPAN - 1, *forecasts.quantiles.shape[1:]),
        forecasts.volatility.reshape(count, SPAN - 1, -1),
    )
    found = simulate_rolling(*case, seed=7)
    assert np.flatnonzero((found.status == FAULTY_BAR).all(axis=1)).tolist() == [3, 50]
    good = np.flatnonzero((found.status == OK).all(axis=1)).tolist()
    assert len(good) > 0.9 * count
    assert same_bytes(simulate_rolling(*rows_of(case, good), seed=7), found, list(range(len(good))), good)
    for name in ("total_return", "sharpe_252", "max_drawdown", "exposure", "costs", "sharpe_low", "sharpe_high"):
        assert np.isfinite(getattr(found, name)[good]).all(), name
    assert (found.sharpe_low[good] <= found.sharpe_high[good]).all()
    always = found.origins[:, 3] == SPAN - 1
    assert always.sum() > 0.9 * count
    assert (found.exposure[always & (found.status[:, 3] == OK), 3] == 1.0).all()
    assert np.median(found.total_return[good], axis=0).min() > -0.15
    assert np.median(found.total_return[good], axis=0).max() < 0.15
    assert np.nanmean(found.deflated_sharpe[good] > 0.95) < 0.1
