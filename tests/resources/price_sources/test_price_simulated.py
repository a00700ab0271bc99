from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest

from kernels.errors import InvalidInputError
from kernels.market import instruments, simulate
from resources.calendar import ALL_SESSIONS, sessions
from resources.price_sources import BAR_COLUMNS, DEFAULT_SEED, UNIVERSE_COLUMNS, SimulatedPrices

NEWEST = date(2000, 12, 29)


def source(seed: int = DEFAULT_SEED, newest: date = NEWEST) -> SimulatedPrices:
    return SimulatedPrices(seed, newest=lambda: newest)


def test_bars_are_those_of_the_market_kernel_at_their_sessions() -> None:
    market = source()
    first, last = date(2000, 6, 1), date(2000, 6, 30)
    fetch = market.fetch(None, first, last)
    days = sessions(first, last)
    start = int(np.searchsorted(ALL_SESSIONS, days[0]))
    drawn = instruments(DEFAULT_SEED)
    bars = simulate(drawn, start + len(days), seed=DEFAULT_SEED, first=start)
    assert tuple(fetch.bars.columns) == BAR_COLUMNS
    assert fetch.report.ok == tuple(drawn.symbols)
    assert (fetch.report.empty, fetch.report.failed, fetch.report.notes) == ((), {}, {})
    by_symbol = fetch.bars.pivot(index="symbol", columns="session")
    for name in BAR_COLUMNS[2:-1]:
        np.testing.assert_array_equal(by_symbol[name].to_numpy(), getattr(bars, name))
    assert by_symbol["close"].columns.tolist() == days.astype("datetime64[s]").tolist()
    assert fetch.bars["session"].dtype == np.dtype("datetime64[s]")
    assert set(fetch.bars["source"]) == {"simulated"}
    assert fetch.bars.equals(fetch.bars.sort_values(["session", "symbol"], ignore_index=True))


def test_a_bar_is_the_same_whatever_range_symbols_and_earlier_fetches() -> None:
    whole = source().fetch(None, date(2000, 1, 1), NEWEST).bars
    days = sessions(date(2000, 3, 1), date(2000, 3, 10)).tolist()
    market = source()
    market.fetch(None, date(2000, 2, 1), date(2000, 3, 3))
    daily = pd.concat([market.fetch(None, day, day).bars for day in days], ignore_index=True)
    there = whole["session"].between(pd.Timestamp(days[0]), pd.Timestamp(days[-1]))
    pd.testing.assert_frame_equal(daily, whole[there].reset_index(drop=True))
    few = whole["symbol"].unique()[[400, 3, 77]].tolist()
    some = market.fetch(few, days[0], days[-1]).bars
    pd.testing.assert_frame_equal(some, whole[there & whole["symbol"].isin(few)].reset_index(drop=True))


def test_coverage_ends_with_the_newest_complete_session() -> None:
    market = source()
    assert market.coverage() == (date(2000, 1, 3), NEWEST)
    bars = market.fetch(None, date(1990, 1, 1), date(2040, 1, 1)).bars
    assert bars["session"].min() == pd.Timestamp("2000-01-03")
    assert bars["session"].max() == pd.Timestamp(NEWEST)
    for day in (date(1999, 12, 31), date(2001, 1, 2), date(2000, 12, 25)):
        nothing = market.fetch(None, day, day)
        assert len(nothing.bars) == 0
        assert len(nothing.report.empty) == 500


def test_a_present_source_covers_yesterday_at_the_latest() -> None:
    assert SimulatedPrices().coverage()[1] < date.today()  # noqa: DTZ011


def test_unknown_and_invalid_symbols_fail_without_stopping_the_others() -> None:
    market = source()
    known = market.universe(NEWEST)["symbol"][0]
    report = market.fetch([known, "NOSUCHSYMBOL", "../x"], NEWEST, NEWEST).report
    assert report.ok == (known,)
    assert sorted(report.failed) == ["../x", "NOSUCHSYMBOL"]
    assert market.fetch(["NOSUCHSYMBOL"], NEWEST, NEWEST).report.empty == ()


def test_every_instrument_is_a_member_from_the_first_session_on() -> None:
    market = source()
    universe = market.universe(date(2000, 1, 3))
    assert tuple(universe.columns) == UNIVERSE_COLUMNS
    assert len(universe) == 500
    assert universe["symbol"].is_monotonic_increasing
    assert universe["sector"].nunique() == 11
    assert (universe["member_from"] == pd.Timestamp("2000-01-03")).all()
    assert universe["member_to"].isna().all()
    assert market.membership_known()
    assert market.as_traded
    assert len(market.universe(date(1999, 12, 31))) == 0


def test_another_seed_is_another_market_with_another_fingerprint() -> None:
    one, other = source(), source(seed=DEFAULT_SEED + 1)
    assert one.fingerprint() == source().fingerprint() != other.fingerprint()
    closes = [market.fetch(None, NEWEST, NEWEST).bars["close"].to_numpy() for market in (one, other)]
    assert not np.array_equal(closes[0], closes[1])


def test_a_seed_out_of_range_is_refused_at_the_first_use() -> None:
    with pytest.raises(InvalidInputError, match="seed"):
        source(seed=-1).universe(NEWEST)


def test_a_range_that_runs_backward_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="first <= last"):
        source().fetch(None, NEWEST, date(2000, 1, 3))


def test_what_a_caller_does_to_a_result_reaches_no_later_fetch() -> None:
    market = source()
    first = market.fetch(None, NEWEST, NEWEST).bars
    kept = first.copy()
    first.loc[:, "close"] = -1.0
    pd.testing.assert_frame_equal(market.fetch(None, NEWEST, NEWEST).bars, kept)
