from __future__ import annotations

import os
import tempfile
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resources.calendar import sessions
from resources.price_sources import BAR_COLUMNS, UNIVERSE_COLUMNS, FilePrices

HEADER = "symbol,date,open,high,low,close,volume"
FIRST, LAST = date(2018, 1, 2), date(2018, 2, 7)


def random_bars(symbols: tuple[str, ...] = ("BRK.B", "AAPL", "MSFT"), seed: int = 7) -> pd.DataFrame:
    days = sessions(FIRST, LAST)
    random = np.random.default_rng(seed)
    close = random.uniform(1.0, 900.0, (len(symbols), len(days)))
    return pd.DataFrame(
        {
            "symbol": np.repeat(symbols, len(days)),
            "date": np.tile(days.astype("datetime64[s]"), len(symbols)),
            "open": (close * 0.99).ravel(),
            "high": (close * 1.02).ravel(),
            "low": (close * 0.98).ravel(),
            "close": close.ravel(),
            "volume": random.integers(1, 2**40, close.size),
        }
    )


def write(bars: pd.DataFrame, path: Path) -> Path:
    if path.suffix == ".csv":
        bars.to_csv(path, index=False)
    else:
        bars.to_parquet(path, index=False)
    return path


def everything(source: FilePrices) -> pd.DataFrame:
    return source.fetch(None, FIRST, LAST).bars


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".CSV", ".Parquet"])
def test_bars_come_as_written_sorted_by_session_then_symbol(tmp_path: Path, suffix: str) -> None:
    bars = random_bars()
    path = write(bars, tmp_path / f"prices{suffix.lower()}").rename(tmp_path / f"prices{suffix}")
    fetch = FilePrices(path).fetch(None, FIRST, LAST)
    assert tuple(fetch.bars.columns) == BAR_COLUMNS
    expected = bars.rename(columns={"date": "session"}).sort_values(["session", "symbol"], ignore_index=True)
    for column in ("open", "high", "low", "close"):
        np.testing.assert_array_equal(fetch.bars[column].to_numpy(), expected[column].to_numpy())
    np.testing.assert_array_equal(fetch.bars["volume"], expected["volume"].astype(float))
    assert fetch.bars["symbol"].tolist() == expected["symbol"].tolist()
    assert fetch.bars["session"].tolist() == expected["session"].tolist()
    assert fetch.bars["session"].dtype == np.dtype("datetime64[s]")
    assert (fetch.bars["split_ratio"] == 1.0).all()
    assert (fetch.bars["dividend"] == 0.0).all()
    assert set(fetch.bars["source"]) == {"files"}
    assert fetch.report.ok == ("AAPL", "BRK.B", "MSFT")
    assert (fetch.report.empty, fetch.report.failed, fetch.report.notes) == ((), {}, {})


@pytest.mark.parametrize(
    "convert",
    [
        lambda days: days.dt.date,
        lambda days: days.dt.strftime("%Y-%m-%d"),
        lambda days: days.dt.strftime("%Y-%m-%dT00:00:00"),
        lambda days: days.dt.strftime("%Y-%m-%d").astype("category"),
        lambda days: days.astype("datetime64[ns]"),
    ],
    ids=["date32", "text", "midnight text", "dictionary", "timestamp"],
)
def test_every_way_to_write_a_date_gives_the_same_bars(tmp_path: Path, convert: object) -> None:
    bars = random_bars()
    plain = everything(FilePrices(write(bars, tmp_path / "plain.parquet")))
    changed = bars.assign(date=convert(bars["date"]))  # type: ignore[operator]
    pd.testing.assert_frame_equal(everything(FilePrices(write(changed, tmp_path / "other.parquet"))), plain)


def test_headers_may_be_in_any_case_and_other_columns_are_ignored(tmp_path: Path) -> None:
    bars = random_bars()
    plain = everything(FilePrices(write(bars, tmp_path / "plain.parquet")))
    renamed = bars.rename(columns={"date": " Session", "symbol": "SYMBOL", "open": "Open"}).assign(vwap="x")
    pd.testing.assert_frame_equal(everything(FilePrices(write(renamed, tmp_path / "other.csv"))), plain)


@given(
    st.lists(
        st.tuples(st.sampled_from("ABCDE"), st.integers(0, 24), st.integers(1, 5)),
        unique_by=lambda row: row[:2],
        min_size=1,
    )
)
@settings(max_examples=25, deadline=None)
def test_the_order_of_rows_and_their_spread_over_files_change_nothing(rows: list[tuple[str, int, int]]) -> None:
    days = sessions(FIRST, LAST)
    texts = [f"{symbol},{days[day]},{price},{price},{price},{price},1" for symbol, day, price in rows]
    with tempfile.TemporaryDirectory() as folder:
        one, many = Path(folder) / "one.csv", Path(folder) / "many"
        many.mkdir()
        one.write_text("\n".join([HEADER, *sorted(texts)]), encoding="utf-8")
        for number in range(3):
            if texts[number::3]:
                text = "\n".join([HEADER, *texts[number::3]])
                (many / f"part{number}.csv").write_text(text, encoding="utf-8")
        pd.testing.assert_frame_equal(everything(FilePrices(many)), everything(FilePrices(one)))


def test_a_range_gives_the_same_bars_as_its_sessions_one_by_one(tmp_path: Path) -> None:
    bars = random_bars()
    repeated = pd.concat([bars, bars.iloc[[3, 40]], bars.iloc[[5]].assign(date=pd.Timestamp("2018-01-15"))])
    source = FilePrices(write(repeated, tmp_path / "prices.parquet"))
    days = sessions(FIRST, LAST).tolist()
    daily = pd.concat([source.fetch(None, day, day).bars for day in days], ignore_index=True)
    pd.testing.assert_frame_equal(daily, everything(source))
    assert len(daily) == len(bars) - 2


def test_rows_added_for_a_later_session_change_no_earlier_bar(tmp_path: Path) -> None:
    bars = random_bars()
    before = FilePrices(write(bars, tmp_path / "before.parquet"))
    later = bars[bars["date"] == pd.Timestamp(LAST)].assign(close=1e9)
    after = FilePrices(write(pd.concat([bars, later]), tmp_path / "after.parquet"))
    until = LAST - timedelta(days=1)
    pd.testing.assert_frame_equal(before.fetch(None, FIRST, until).bars, after.fetch(None, FIRST, until).bars)


def test_faulty_prices_are_delivered_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "prices.csv"
    rows = [
        "A,2018-02-07,NaN,inf,-inf,0,-5",
        "B,2018-02-07,,-1.5,NA,1e-300,1.5",
        "C,2018-02-07, 1.5 ,2,1,null,",
    ]
    path.write_text("\n".join([HEADER, *rows]), encoding="utf-8")
    fetch = FilePrices(path).fetch(None, FIRST, LAST)
    expected = [
        [np.nan, np.inf, -np.inf, 0.0, -5.0],
        [np.nan, -1.5, np.nan, 1e-300, 1.5],
        [1.5, 2.0, 1.0, np.nan, np.nan],
    ]
    got = fetch.bars[["open", "high", "low", "close", "volume"]].to_numpy()
    np.testing.assert_array_equal(got, expected)
    assert fetch.report.ok == ("A", "B", "C")


def test_null_prices_in_parquet_come_as_nan(tmp_path: Path) -> None:
    bars = pa.table(
        {
            "symbol": ["A", "B"],
            "date": pa.array([LAST, LAST]),
            **{name: pa.array([None, 2.0]) for name in ("open", "high", "low")},
            "close": pa.array([1, 2], pa.int32()),
            "volume": pa.nulls(2),
        }
    )
    pq.write_table(bars, tmp_path / "prices.parquet")
    bars = FilePrices(tmp_path / "prices.parquet").fetch(None, LAST, LAST).bars
    np.testing.assert_array_equal(bars["open"], [np.nan, 2.0])
    np.testing.assert_array_equal(bars["close"], [1.0, 2.0])
    assert bars["volume"].isna().all()


def test_symbols_that_look_like_other_things_stay_symbols(tmp_path: Path) -> None:
    path = tmp_path / "prices.csv"
    symbols = ["NA", "TRUE", "NAN", "NULL", "INF", "1", "2018-02-07", "BRK.B", "BF-B", "ON", "NO"]
    path.write_text("\n".join([HEADER, *(f"{s},2018-02-07,1,1,1,1,1" for s in symbols)]), encoding="utf-8")
    report = FilePrices(path).fetch(None, FIRST, LAST).report
    assert report.ok == tuple(sorted(symbols))
    assert report.failed == {}


def test_actions_are_read_and_null_means_none(tmp_path: Path) -> None:
    path = tmp_path / "prices.csv"
    text = f"{HEADER},split_ratio,dividend\nA,2018-02-06,1,1,1,1,1,4,\nA,2018-02-07,1,1,1,1,1,,0.25\n"
    path.write_text(text, encoding="utf-8")
    source = FilePrices(path)
    bars = everything(source)
    assert bars["split_ratio"].tolist() == [4.0, 1.0]
    assert bars["dividend"].tolist() == [0.0, 0.25]
    assert source.as_traded


def test_files_without_splits_are_not_called_as_traded(tmp_path: Path) -> None:
    write(random_bars(("A",)).assign(split_ratio=1.0), tmp_path / "a.csv")
    assert FilePrices(tmp_path).as_traded
    write(random_bars(("B",)), tmp_path / "b.parquet")
    assert not FilePrices(tmp_path).as_traded
    bars = everything(FilePrices(tmp_path))
    assert set(bars["symbol"]) == {"A", "B"}
    assert (bars["split_ratio"] == 1.0).all()


def test_asked_symbols_come_whatever_their_order_and_each_is_in_the_report_once(tmp_path: Path) -> None:
    source = FilePrices(write(random_bars(), tmp_path / "prices.parquet"))
    fetch = source.fetch(["MSFT", "AAPL", "MSFT", "ZZZ", "x"], LAST, LAST)
    assert fetch.bars["symbol"].tolist() == ["AAPL", "MSFT"]
    assert fetch.report.ok == ("AAPL", "MSFT")
    assert sorted(fetch.report.failed) == ["ZZZ", "x"]
    assert "neither" in fetch.report.failed["ZZZ"]


def test_a_range_outside_the_coverage_delivers_nothing_and_reports_it(tmp_path: Path) -> None:
    source = FilePrices(write(random_bars(), tmp_path / "prices.parquet"))
    assert source.coverage() == (FIRST, LAST)
    fetch = source.fetch(None, date(2020, 1, 2), date(2020, 1, 3))
    assert tuple(fetch.bars.columns) == BAR_COLUMNS
    assert len(fetch.bars) == 0
    assert fetch.report.empty == ("AAPL", "BRK.B", "MSFT")
    pd.testing.assert_series_equal(fetch.bars.dtypes, everything(source).dtypes)


def test_without_constituents_the_universe_is_the_symbols_of_the_files(tmp_path: Path) -> None:
    source = FilePrices(write(random_bars(), tmp_path / "prices.parquet"))
    universe = source.universe(LAST)
    assert tuple(universe.columns) == UNIVERSE_COLUMNS
    assert universe["symbol"].tolist() == universe["name"].tolist() == ["AAPL", "BRK.B", "MSFT"]
    assert set(universe["sector"]) == {"Unknown"}
    assert universe["member_from"].isna().all()
    assert not source.membership_known()


@pytest.mark.parametrize("place", ["beside", "folder", "elsewhere"])
def test_constituents_are_found_and_decide_what_all_symbols_means(tmp_path: Path, place: str) -> None:
    data = tmp_path / "data"
    data.mkdir()
    prices = write(random_bars(), data / "prices.parquet")
    chosen = tmp_path / "list.csv" if place == "elsewhere" else data / "constituents.csv"
    chosen.write_text("symbol,name,sector\nAAPL,Apple,Tech\nIBM,Big Blue,Tech\n", encoding="utf-8")
    source = FilePrices(data if place == "folder" else prices, chosen if place == "elsewhere" else None)
    universe = source.universe(LAST)
    assert universe["symbol"].tolist() == ["AAPL", "IBM"]
    assert universe["name"].tolist() == ["Apple", "Big Blue"]
    report = source.fetch(None, FIRST, LAST).report
    assert report.ok == ("AAPL",)
    assert report.empty == ("IBM",)
    assert sorted(report.notes) == ["BRK.B", "MSFT"]
    assert "no constituent" in report.notes["MSFT"]
    assert source.fetch(["MSFT"], FIRST, LAST).report.ok == ("MSFT",)


def test_a_symbol_that_is_no_constituent_does_not_vanish_when_its_rows_are_faulty(tmp_path: Path) -> None:
    (tmp_path / "constituents.csv").write_text("symbol,name,sector\nAAPL,Apple,Tech\n", encoding="utf-8")
    bars = random_bars()
    twice = bars[(bars["symbol"] == "MSFT") & (bars["date"] == pd.Timestamp(LAST))]
    source = FilePrices(write(pd.concat([bars, twice]), tmp_path / "prices.parquet"))
    whole, day = (source.fetch(None, first, LAST).report for first in (FIRST, LAST))
    assert (whole.ok, whole.failed) == (day.ok, day.failed) == (("AAPL",), {})
    assert "no constituent" in whole.notes["MSFT"]
    for report in (whole, day):
        assert "2 rows with a date that the symbol has more than once" in report.notes["MSFT"]


def test_a_list_of_constituents_inside_the_folder_under_another_name_is_no_price_file(tmp_path: Path) -> None:
    write(random_bars(), tmp_path / "prices.parquet")
    (tmp_path / "members.csv").write_text("symbol,name,sector\nAAPL,Apple,Tech\n", encoding="utf-8")
    assert FilePrices(tmp_path, tmp_path / "members.csv").universe(LAST)["symbol"].tolist() == ["AAPL"]


def test_a_changed_file_is_read_again_and_an_unchanged_one_is_not(tmp_path: Path) -> None:
    path = write(random_bars(), tmp_path / "prices.parquet")
    source = FilePrices(path)
    before, mark = everything(source), source.fingerprint()
    held = source._cached
    assert source.coverage() == (FIRST, LAST)
    assert source._cached is held
    write(random_bars(seed=8), path)
    os.utime(path, ns=(1, 1))
    assert not everything(source)["close"].equals(before["close"])
    assert source.fingerprint() != mark
    (tmp_path / "constituents.csv").write_text("symbol,name,sector\nAAPL,Apple,Tech\n", encoding="utf-8")
    assert len(source.universe(LAST)) == 1


def test_the_fingerprint_is_that_of_the_contents_wherever_they_lie(tmp_path: Path) -> None:
    bars = random_bars()
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    one = FilePrices(write(bars, tmp_path / "a" / "prices.parquet"))
    other = FilePrices(write(bars, tmp_path / "b" / "renamed.parquet"))
    changed = FilePrices(write(bars.assign(close=1.0), tmp_path / "b" / "changed.parquet"))
    assert one.fingerprint() == other.fingerprint() != changed.fingerprint()
    assert str(tmp_path) not in one.fingerprint()


def test_what_a_caller_does_to_a_result_reaches_no_later_fetch(tmp_path: Path) -> None:
    (tmp_path / "constituents.csv").write_text("symbol,name,sector\nAAPL,Apple,Tech\n", encoding="utf-8")
    source = FilePrices(write(random_bars(), tmp_path / "prices.parquet"))
    first, universe = everything(source), source.universe(LAST)
    kept = first.copy()
    first["close"] = -1.0
    first.iloc[0, 2] = -1.0
    universe["name"] = "changed"
    pd.testing.assert_frame_equal(everything(source), kept)
    assert source.universe(LAST)["name"].tolist() == ["Apple"]
