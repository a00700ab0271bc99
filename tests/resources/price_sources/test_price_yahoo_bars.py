from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from resources.calendar import sessions
from resources.price_sources.yahoo_bars import as_traded_bars, request_start

FIRST, LAST = date(2018, 1, 2), date(2018, 2, 14)
DAYS = sessions(FIRST, LAST)
PRICES = ("Open", "High", "Low", "Close")


def as_yahoo_adjusts(traded: pd.DataFrame) -> pd.DataFrame:
    """Every row before a split divided by its ratio, split by split."""
    frame = traded.copy()
    for day, ratio in traded["Stock Splits"].items():
        if ratio:
            before = frame.index < day
            frame.loc[before, [*PRICES, "Dividends"]] /= ratio
            frame.loc[before, "Volume"] *= ratio
    return frame


@given(
    splits=st.dictionaries(st.integers(0, len(DAYS) - 1), st.sampled_from([2.0, 4.0, 1.5, 0.1, 1 / 3]), max_size=4),
    dividends=st.dictionaries(st.integers(0, len(DAYS) - 1), st.floats(0.01, 20.0), max_size=6),
    bounds=st.tuples(st.integers(0, len(DAYS) - 1), st.integers(0, len(DAYS) - 1)),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=60, deadline=None)
def test_rebuilding_inverts_the_adjustment(
    splits: dict[int, float], dividends: dict[int, float], bounds: tuple[int, int], seed: int
) -> None:
    random = np.random.default_rng(seed)
    traded = pd.DataFrame(random.uniform(1.0, 500.0, (len(DAYS), 4)), columns=list(PRICES))
    traded["Volume"] = random.integers(1, 10**9, len(DAYS)).astype(float)
    traded["Dividends"] = [dividends.get(number, 0.0) for number in range(len(DAYS))]
    traded["Stock Splits"] = [splits.get(number, 0.0) for number in range(len(DAYS))]
    traded.index = pd.DatetimeIndex(DAYS).tz_localize("America/New_York")
    low, high = min(bounds), max(bounds)
    first, last = DAYS[low].item(), DAYS[high].item()

    bars = as_traded_bars("A", as_yahoo_adjusts(traded).loc[str(request_start(first)) :], first, last)

    np.testing.assert_array_equal(bars.sessions, DAYS[low : high + 1])
    expected = traded.iloc[low : high + 1]
    for name in (*PRICES, "Volume"):
        np.testing.assert_allclose(bars.values[name.lower()], expected[name], rtol=1e-12)
    np.testing.assert_allclose(bars.values["dividend"], expected["Dividends"], rtol=1e-12)
    np.testing.assert_array_equal(bars.values["split_ratio"], expected["Stock Splits"].replace(0.0, 1.0))
    assert bars.notes == ()


def test_a_request_starts_the_day_after_the_session_before() -> None:
    assert request_start(date(2018, 2, 5)) == date(2018, 2, 3)
    assert request_start(date(2018, 2, 4)) == date(2018, 2, 3)
    assert request_start(date(2018, 2, 6)) == date(2018, 2, 6)
    assert request_start(date(2001, 9, 17)) == date(2001, 9, 11)
    assert request_start(date(2000, 1, 3)) == date(2000, 1, 3)
