from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from kernels.errors import InvalidInputError, SettingsError
from resources.calendar import sessions
from resources.price_sources import BAR_COLUMNS, YahooPrices
from resources.price_sources.yahoo import request_history

NEWEST = date(2018, 3, 30)
FIRST, LAST = date(2018, 1, 29), date(2018, 2, 7)


class RateLimitError(Exception):
    pass


class FakeTime:
    """A clock that only `sleep` moves."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def history(first: date = FIRST, last: date = LAST, price: float = 100.0, volume: int = 400) -> pd.DataFrame:
    """A frame as yfinance delivers it with auto_adjust=False, actions=True."""
    days = pd.DatetimeIndex(sessions(first, last), name="Date").tz_localize("America/New_York")
    close = price + np.arange(len(days), dtype=float)
    return pd.DataFrame(
        {
            "Open": close - 0.5,
            "High": close + 1.0,
            "Low": close - 1.0,
            "Close": close,
            "Adj Close": close * 0.9,
            "Volume": np.full(len(days), volume, dtype=np.int64),
            "Dividends": 0.0,
            "Stock Splits": 0.0,
        },
        index=days,
    )


def on(day: str) -> pd.Timestamp:
    return pd.Timestamp(day, tz="America/New_York")


@pytest.fixture
def constituents(tmp_path: Path) -> Path:
    path = tmp_path / "constituents.csv"
    path.write_text("symbol,name,sector\nMSFT,Microsoft,Tech\nBRK.B,Berkshire,Financials\n", encoding="utf-8")
    return path


@pytest.fixture
def open_source(constituents: Path) -> Callable[..., YahooPrices]:
    def build(
        request: Callable[[str, date], pd.DataFrame], time: FakeTime | None = None, **more: object
    ) -> YahooPrices:
        time = time or FakeTime()
        options = {"clock": time.clock, "sleep": time.sleep, "newest": lambda: NEWEST} | more
        return YahooPrices(constituents, request=request, **options)  # type: ignore[arg-type]

    return build


@pytest.fixture
def bars_of(open_source: Callable[..., YahooPrices]) -> Callable[..., pd.DataFrame]:
    def fetch(frame: pd.DataFrame, first: date = FIRST, last: date = LAST) -> pd.DataFrame:
        return open_source(lambda *_: frame).fetch(["MSFT"], first, last).bars.set_index("session")

    return fetch


def test_bars_without_actions_come_as_delivered_by_session(open_source: Callable[..., YahooPrices]) -> None:
    frame = history()
    fetch = open_source(lambda *_: frame).fetch(["MSFT"], FIRST, LAST)
    assert tuple(fetch.bars.columns) == BAR_COLUMNS
    assert fetch.bars["session"].tolist() == sessions(FIRST, LAST).astype("datetime64[s]").tolist()
    assert fetch.bars["session"].dtype == np.dtype("datetime64[s]")
    np.testing.assert_array_equal(fetch.bars["close"], frame["Close"])
    np.testing.assert_array_equal(fetch.bars["open"], frame["Open"])
    assert (fetch.bars["volume"] == 400.0).all()
    assert (fetch.bars["split_ratio"] == 1.0).all()
    assert set(fetch.bars["source"]) == {"yahoo"}
    assert fetch.report.ok == ("MSFT",)
    assert fetch.report.notes == {}


def test_later_splits_are_undone_also_when_they_come_after_the_range(bars_of: Callable[..., pd.DataFrame]) -> None:
    frame = history(last=NEWEST)
    frame.loc[on("2018-02-01"), "Stock Splits"] = 4.0
    frame.loc[on("2018-03-01"), "Stock Splits"] = 0.1
    bars, adjusted = bars_of(frame), frame.tz_localize(None)
    for day, factor in {"2018-01-31": 0.4, "2018-02-01": 0.1, "2018-02-07": 0.1}.items():
        for name in ("open", "high", "low", "close"):
            assert bars.loc[day, name] == pytest.approx(adjusted.loc[day, name.capitalize()] * factor, rel=1e-15)
        assert bars.loc[day, "volume"] == pytest.approx(400.0 / factor, rel=1e-15)
    assert bars["split_ratio"].tolist() == [1.0, 1.0, 1.0, 4.0, 1.0, 1.0, 1.0, 1.0]
    after = bars_of(frame, date(2018, 2, 28), date(2018, 3, 2))
    assert after["close"].tolist() == pytest.approx(
        [adjusted.loc["2018-02-28", "Close"] * 0.1, *adjusted.loc["2018-03-01":"2018-03-02", "Close"]]
    )
    assert after["split_ratio"].tolist() == [1.0, 0.1, 1.0]


def test_dividends_are_undone_like_prices(bars_of: Callable[..., pd.DataFrame]) -> None:
    frame = history(last=NEWEST)
    frame.loc[on("2018-01-30"), "Dividends"] = 0.25
    frame.loc[on("2018-02-01"), ["Stock Splits", "Dividends"]] = [4.0, 0.30]
    frame.loc[on("2018-02-05"), "Dividends"] = 0.35
    bars = bars_of(frame)
    dividends = bars["dividend"][bars["dividend"] != 0.0]
    assert dividends.index.strftime("%Y-%m-%d").tolist() == ["2018-01-30", "2018-02-01", "2018-02-05"]
    assert dividends.tolist() == pytest.approx([1.0, 0.30, 0.35])


def test_a_range_gives_the_same_bars_as_its_sessions_one_by_one(open_source: Callable[..., YahooPrices]) -> None:
    frame = history(last=NEWEST)
    frame.loc[on("2018-02-01"), ["Stock Splits", "Dividends"]] = [3.0, 0.30]
    frame.loc[on("2018-02-05"), ["Open", "High", "Low", "Close"]] = np.nan
    frame.loc[on("2018-02-06"), ["Open", "High", "Low", "Close", "Dividends"]] = [np.nan] * 4 + [0.5]
    frame.loc[on("2018-02-03")] = [5.0, 5.0, 5.0, 5.0, 5.0, 1, 0.2, 7.0]
    frame = frame.sort_index()
    source = open_source(lambda _, start: frame.loc[str(start) :])
    daily = [source.fetch(["MSFT"], day, day).bars for day in sessions(FIRST, LAST).tolist()]
    whole = source.fetch(["MSFT"], FIRST, LAST).bars
    pd.testing.assert_frame_equal(pd.concat(daily, ignore_index=True), whole)
    assert whole["split_ratio"].tolist() == [1.0, 1.0, 1.0, 3.0, 1.0, 7.0, 1.0, 1.0]
    assert whole["close"].isna().tolist() == [False] * 5 + [True, True, False]


def test_the_request_reaches_back_over_closed_days_and_uses_yahoos_spelling(
    open_source: Callable[..., YahooPrices],
) -> None:
    asked = []

    def request(symbol: str, start: date) -> pd.DataFrame:
        asked.append((symbol, start))
        return history()

    fetch = open_source(request).fetch(["BRK.B"], date(2018, 1, 29), LAST)
    open_source(request).fetch(["MSFT"], date(2018, 1, 31), LAST)
    open_source(request).fetch(["MSFT"], date(1990, 1, 1), LAST)
    assert asked == [("BRK-B", date(2018, 1, 27)), ("MSFT", date(2018, 1, 31)), ("MSFT", date(2000, 1, 3))]
    assert fetch.report.ok == ("BRK.B",)
    assert set(fetch.bars["symbol"]) == {"BRK.B"}


def test_an_action_on_a_closed_day_counts_for_the_next_session(open_source: Callable[..., YahooPrices]) -> None:
    frame = history(last=NEWEST)
    frame.loc[on("2018-02-03")] = [50.0, 50.0, 50.0, 50.0, 50.0, 7, 0.2, 2.0]
    frame.loc[on("2018-02-05"), "Dividends"] = 0.1
    fetch = open_source(lambda *_: frame).fetch(["MSFT"], FIRST, LAST)
    bars = fetch.bars.set_index("session")
    assert bars.index.tolist() == sessions(FIRST, LAST).astype("datetime64[s]").tolist()
    assert bars.loc["2018-02-05", "split_ratio"] == 2.0
    assert bars.loc["2018-02-05", "dividend"] == pytest.approx(0.3)
    assert bars.loc["2018-02-02", "close"] == 2.0 * frame.loc[on("2018-02-02"), "Close"]
    assert bars.loc["2018-02-05", "close"] == frame.loc[on("2018-02-05"), "Close"]
    assert "2018-02-03" in fetch.report.notes["MSFT"]
    assert "next session" in fetch.report.notes["MSFT"]


def test_partly_nan_rows_come_as_they_are_and_wholly_nan_rows_are_left_out_with_a_note(
    open_source: Callable[..., YahooPrices],
) -> None:
    frame = history()
    frame.loc[on("2018-01-30"), "High"] = np.nan
    frame.loc[on("2018-01-31"), ["Open", "High", "Low", "Close", "Adj Close"]] = np.nan
    frame.loc[on("2018-02-01"), ["Open", "High", "Low", "Close", "Adj Close"]] = np.nan
    frame.loc[on("2018-02-01"), "Stock Splits"] = 2.0
    fetch = open_source(lambda *_: frame).fetch(["MSFT"], FIRST, LAST)
    bars = fetch.bars.set_index("session")
    assert pd.Timestamp("2018-01-31") not in bars.index
    assert np.isnan(bars.loc["2018-01-30", "high"])
    assert bars.loc["2018-01-30", "close"] == 2.0 * frame.loc[on("2018-01-30"), "Close"]
    assert np.isnan(bars.loc["2018-02-01", ["open", "high", "low", "close"]].to_numpy(dtype=float)).all()
    assert bars.loc["2018-02-01", "split_ratio"] == 2.0
    note = fetch.report.notes["MSFT"]
    assert "1 row without any price left out (2018-01-31)" in note
    assert "1 row with an action but without any price (2018-02-01)" in note


@pytest.mark.parametrize("zone", ["America/New_York", "UTC", None])
def test_dates_in_any_zone_become_the_exchanges_sessions(
    bars_of: Callable[..., pd.DataFrame], zone: str | None
) -> None:
    frame = history()
    frame.index = frame.index.tz_convert(zone) if zone else frame.index.tz_localize(None)
    assert bars_of(frame).index.tolist() == sessions(FIRST, LAST).astype("datetime64[s]").tolist()


def test_a_bar_of_a_session_that_is_not_complete_is_not_delivered(open_source: Callable[..., YahooPrices]) -> None:
    source = open_source(lambda *_: history(last=LAST), newest=lambda: date(2018, 2, 6))
    assert source.coverage() == (date(2000, 1, 3), date(2018, 2, 6))
    assert source.fetch(["MSFT"], FIRST, LAST).bars["session"].max() == pd.Timestamp("2018-02-06")
    assert source.fetch(["MSFT"], LAST, LAST).report.empty == ("MSFT",)


@pytest.mark.parametrize("frame", [pd.DataFrame(), history().iloc[:0], history(date(2018, 3, 1), NEWEST)])
def test_a_frame_without_rows_in_the_range_is_empty(
    open_source: Callable[..., YahooPrices], frame: pd.DataFrame
) -> None:
    fetch = open_source(lambda *_: frame).fetch(["MSFT"], FIRST, LAST)
    assert fetch.report.empty == ("MSFT",)
    assert fetch.report.failed == {}
    assert len(fetch.bars) == 0
    assert tuple(fetch.bars.columns) == BAR_COLUMNS


def test_a_rate_limit_is_waited_out_with_growing_full_jitter(open_source: Callable[..., YahooPrices]) -> None:
    def run(failures: int, seed: int) -> tuple[list[float], tuple[str, ...]]:
        time, calls = FakeTime(), []

        def request(*_: object) -> pd.DataFrame:
            calls.append(time.now)
            if len(calls) <= failures:
                raise RateLimitError("Too Many Requests")
            return history()

        source = open_source(request, time, requests_per_second=1e9, backoff_seconds=8.0, attempts=6, seed=seed)
        report = source.fetch(["MSFT"], FIRST, LAST).report
        return list(np.diff(calls)), report.ok

    waits, ok = run(failures=5, seed=3)
    assert ok == ("MSFT",)
    limits = np.array([8.0, 16.0, 32.0, 60.0, 60.0])
    np.testing.assert_allclose(waits, np.random.default_rng(3).uniform(0.0, limits), atol=1e-6)
    assert run(failures=5, seed=3)[0] == waits
    assert run(failures=5, seed=4)[0] != waits
    assert run(failures=0, seed=3)[0] == []
    assert run(failures=6, seed=3)[1] == ()


def test_requests_keep_their_pace(open_source: Callable[..., YahooPrices]) -> None:
    time, calls = FakeTime(), []

    def request(*_: object) -> pd.DataFrame:
        calls.append(time.now)
        time.now += 0.1 if len(calls) != 3 else 2.0
        return history()

    source = open_source(request, time, requests_per_second=2.0)
    source.fetch(["A", "B", "C", "D"], FIRST, LAST)
    source.fetch(["E"], FIRST, LAST)
    np.testing.assert_allclose(np.diff(calls), [0.5, 0.5, 2.0, 0.5])


def test_a_symbol_that_fails_for_good_is_named_while_the_others_are_delivered(
    open_source: Callable[..., YahooPrices],
) -> None:
    calls: list[str] = []

    def request(symbol: str, _: date) -> pd.DataFrame:
        calls.append(symbol)
        if symbol == "BAD":
            raise ConnectionError("no route to host")
        if symbol == "ODD":
            return history().drop(columns=["Close", "Stock Splits"])
        return history()

    fetch = open_source(request).fetch(["MSFT", "BAD", "ODD", "../x", "A"], FIRST, LAST)
    assert fetch.report.ok == ("A", "MSFT")
    assert sorted(fetch.report.failed) == ["../x", "BAD", "ODD"]
    assert fetch.report.failed["BAD"] == "ConnectionError: no route to host (attempt 4 of 4)"
    assert "no Close, Stock Splits" in fetch.report.failed["ODD"]
    assert set(fetch.bars["symbol"]) == {"A", "MSFT"}
    assert not fetch.bars.isna().any().any()
    assert [calls.count(symbol) for symbol in ("BAD", "ODD", "A", "../x")] == [4, 1, 1, 0]
    assert fetch.bars.equals(fetch.bars.sort_values(["session", "symbol"], ignore_index=True))


def test_impossible_answers_fail_with_what_is_wrong(open_source: Callable[..., YahooPrices]) -> None:
    twice = pd.concat([history(), history().iloc[[2]]])
    negative = history()
    negative.loc[on("2018-02-01"), "Stock Splits"] = -2.0
    words = history().astype(object)
    words.loc[on("2018-02-01"), "Close"] = "closed"
    numbered = history().reset_index(drop=True)
    frames = {"TWICE": twice, "NEG": negative, "WORDS": words, "NUM": numbered}
    failed = open_source(lambda symbol, _: frames[symbol]).fetch(list(frames), FIRST, LAST).report.failed
    assert "2018-01-31" in failed["TWICE"]
    assert "-2.0 on 2018-02-01" in failed["NEG"]
    assert "closed" in failed["WORDS"]
    assert "index of dates" in failed["NUM"]


def test_the_universe_is_the_list_of_constituents(open_source: Callable[..., YahooPrices]) -> None:
    source = open_source(lambda *_: history())
    assert source.universe(LAST)["symbol"].tolist() == ["BRK.B", "MSFT"]
    assert not source.membership_known()
    assert source.fingerprint() == "yahoo"
    assert source.fetch(None, FIRST, LAST).report.ok == ("BRK.B", "MSFT")


def test_a_missing_yfinance_stops_the_fetch_instead_of_failing_every_symbol(
    open_source: Callable[..., YahooPrices], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "yfinance", None)
    with pytest.raises(SettingsError, match="pip install"):
        open_source(request_history).fetch(["MSFT"], FIRST, LAST)


@pytest.mark.parametrize("options", [{"requests_per_second": 0.0}, {"attempts": 0}])
def test_an_impossible_pace_is_refused(open_source: Callable[..., YahooPrices], options: dict[str, float]) -> None:
    with pytest.raises(InvalidInputError, match="pace"):
        open_source(lambda *_: history(), **options)
