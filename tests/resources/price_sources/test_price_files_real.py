from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from resources.calendar import sessions
from resources.price_sources import FilePrices

DATA = Path(__file__).resolve().parents[4] / "shared" / "data"
FIRST, LAST = date(2013, 2, 8), date(2018, 2, 7)

pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not DATA.is_dir(), reason=f"no real prices: {DATA} isn't there"),
]


@pytest.fixture(scope="module")
def source() -> FilePrices:
    return FilePrices(DATA / "sp500_daily.parquet")


def test_the_whole_real_file_is_delivered(source: FilePrices) -> None:
    fetch = source.fetch(None, FIRST, LAST)
    assert len(fetch.bars) == 619_040
    assert len(fetch.report.ok) == 505
    assert (fetch.report.empty, fetch.report.failed, fetch.report.notes) == ((), {}, {})
    assert source.coverage() == (FIRST, LAST)
    days = fetch.bars["session"].unique().to_numpy()
    np.testing.assert_array_equal(days, sessions(FIRST, LAST).astype("datetime64[s]"))
    assert len(days) == 1_259
    assert not fetch.bars.duplicated(["symbol", "session"]).any()
    raw = pd.read_parquet(DATA / "sp500_daily.parquet")
    raw["session"] = pd.to_datetime(raw["date"]).astype("datetime64[s]")
    raw = raw.sort_values(["session", "symbol"], ignore_index=True)
    assert raw["symbol"].tolist() == fetch.bars["symbol"].tolist()
    for name in ("open", "high", "low", "close", "volume"):
        np.testing.assert_array_equal(fetch.bars[name].to_numpy(), raw[name].to_numpy(dtype=np.float64))


def test_the_real_universe_has_names_and_sectors_for_all(source: FilePrices) -> None:
    universe = source.universe(LAST)
    assert len(universe) == 505
    assert universe["sector"].nunique() == 11
    assert "Unknown" not in set(universe["sector"])
    assert not source.membership_known()
    assert not source.as_traded


def test_real_sessions_one_by_one_give_the_bars_of_the_range(source: FilePrices) -> None:
    first, last = date(2017, 11, 1), LAST
    daily = [source.fetch(None, day, day).bars for day in sessions(first, last).tolist()]
    pd.testing.assert_frame_equal(pd.concat(daily, ignore_index=True), source.fetch(None, first, last).bars)
