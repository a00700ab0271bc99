"""The daily chain on a small market: a range equals day by day, the future changes nothing, and bad bars stay apart."""

from pathlib import Path

import dagster as dg
import numpy as np
import pandas as pd
import pytest
from dagster._core.errors import DagsterAssetCheckFailedError

from definitions import build_defs
from kernels.errors import WavemillError
from resources.parquet_lake import ParquetLake
from resources.wiring import LakeResource, PriceSourceResource
from tests.daily_chain import DAYS, HISTORY, TABLES, files, run, with_history
from tests.forecast_runs import materialize
from tests.small_market import small_bars, write_prices

CHAIN = 8
"""Sessions that the daily chain runs over, from one month into the next: each costs a run of its own in one test."""


@pytest.fixture(scope="module")
def prices(small_history) -> Path:
    return small_history[0]


@pytest.fixture(scope="module")
def history(small_history) -> Path:
    """A lake with the history of all sessions, to be copied."""
    return small_history[1]


@pytest.fixture(scope="module")
def range_lake(tmp_path_factory, prices, history) -> Path:
    """History and the whole chain over the last `CHAIN` sessions, each as one range."""
    lake = with_history(tmp_path_factory.mktemp("range"), history)
    run("daily_sp500", lake, prices, DAYS[-CHAIN], DAYS[-1])
    return lake


def test_a_range_gives_the_same_bytes_as_day_by_day(tmp_path, prices, range_lake):
    run("price_history", tmp_path, prices, DAYS[0], DAYS[-CHAIN - 1])
    for day in DAYS[-CHAIN:]:
        assert run("daily_sp500", tmp_path, prices, day).success
    by_day, by_range = files(tmp_path), files(range_lake)
    assert by_day.keys() == by_range.keys()
    assert [name for name in by_day if by_day[name] != by_range[name]] == []
    assert sum(name.startswith("patterns/") for name in by_day) == CHAIN


def test_the_tables_are_not_empty(range_lake):
    lake = ParquetLake(str(range_lake))
    for table in TABLES:
        rows = sum(lake.info(table, day).rows for day in (DAYS if table == "quarantine" else DAYS[-CHAIN:]))
        assert rows > 0, table
    kinds = {row for day in DAYS for row in lake.read("quarantine", day)["kind"].to_pylist()}
    assert {"null_price", "nonpositive_price", "ohlc_order", "repeated_bar", "missing_bar"} <= kinds


def test_bars_after_a_session_change_no_file_up_to_it(tmp_path, prices, range_lake):
    day = DAYS[-CHAIN // 2]
    bars = pd.read_parquet(prices)
    later = bars["date"] > pd.Timestamp(day)
    rng = np.random.default_rng(3)
    bars.loc[later, ["open", "high", "low", "close"]] *= rng.uniform(0.5, 2.0, (int(later.sum()), 1))
    changed = write_prices(bars, tmp_path / "changed")
    lake = tmp_path / "lake"
    run("price_history", lake, changed, DAYS[0], DAYS[-1])
    run("daily_sp500", lake, changed, DAYS[-CHAIN], DAYS[-1])
    before, after = files(range_lake), files(lake)
    strip = ParquetLake(str(range_lake)), ParquetLake(str(lake))
    upto = [name for name in before if name.split("/")[1].removesuffix(".parquet") <= day]
    assert len(upto) > 200
    for name in upto:
        table, key = name.removesuffix(".parquet").split("/")
        assert strip[0].read(table, key).equals(strip[1].read(table, key)), name
    changed_later = [name for name in before if name not in upto and before[name] != after[name]]
    assert any(name.startswith("patterns/") for name in changed_later)


def test_a_second_run_rewrites_nothing(tmp_path, prices, history):
    with_history(tmp_path, history)
    run("daily_sp500", tmp_path, prices, DAYS[-3], DAYS[-1])
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.parquet")}
    run("daily_sp500", tmp_path, prices, DAYS[-3], DAYS[-1])
    assert before == {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.parquet")}


def test_a_lost_or_torn_file_is_made_again_and_the_same(tmp_path, prices, history):
    with_history(tmp_path, history)
    run("daily_sp500", tmp_path, prices, DAYS[-2], DAYS[-1])
    before = files(tmp_path)
    (tmp_path / "patterns" / f"{DAYS[-1]}.parquet").unlink()
    torn = tmp_path / "windows" / f"{DAYS[-1]}.parquet"
    torn.write_bytes(torn.read_bytes()[:500])
    run("daily_sp500", tmp_path, prices, DAYS[-2], DAYS[-1])
    assert files(tmp_path) == before


@pytest.mark.parametrize(
    ("first", "last", "words"),
    [
        ("2018-02-04", None, "Sunday 2018-02-04, a closed day"),
        ("2018-01-15", None, "the session before it is 2018-01-12"),
        ("2027-12-01", None, "a session still to come"),
        ("2018-02-05", "2018-02-04", "a closed day"),
        ("2018-02-07", "2018-02-05", "swap the two"),
        ("2019-01-02", None, "sessions from 2017-06-01 to 2018-02-07"),
    ],
)
def test_days_that_cannot_run_are_refused_with_the_reason(tmp_path, prices, first, last, words):
    with pytest.raises(WavemillError, match=words):
        run("daily_sp500", tmp_path, prices, first, last)
    assert files(tmp_path, ("prices", "windows")) == {}


def test_missing_history_names_the_range_and_the_command(tmp_path, prices):
    with pytest.raises(WavemillError, match=r"price_history --tags .*\"2016-02-02\".*\"2018-01-31\"") as error:
        run("daily_sp500", tmp_path, prices, "2018-02-01")
    assert "1 sessions" in str(error.value)


def test_a_hole_in_history_names_the_range_and_the_command(tmp_path, prices, history):
    with_history(tmp_path, history)
    (tmp_path / "prices" / f"{DAYS[-30]}.parquet").unlink()
    with pytest.raises(WavemillError, match=rf"1 missing, {DAYS[-30]} to {DAYS[-30]}.*price_history"):
        run("daily_sp500", tmp_path, prices, DAYS[-1])


def test_a_symbol_with_three_bars_is_listed_and_stops_nobody(tmp_path):
    bars = small_bars()
    symbol = bars["symbol"].iloc[0]
    young = (bars["symbol"] == symbol) & (bars["date"] < pd.Timestamp(DAYS[-3]))
    path = write_prices(bars[~young], tmp_path / "prices")
    lake = tmp_path / "lake"
    run("price_history", lake, path, DAYS[-80], DAYS[-1])
    assert run("daily_sp500", lake, path, DAYS[-1]).success
    store = ParquetLake(str(lake))
    windows = store.read("windows", DAYS[-1]).to_pandas()
    assert set(windows.loc[windows["symbol"] == symbol, "reason"]) == {"incomplete"}
    forecasts = store.read("forecasts", DAYS[-1]).to_pandas()
    assert set(forecasts.loc[forecasts["symbol"] == symbol, "status"]) == {"too little history"}
    assert windows["kept"].any()


def test_bad_symbols_are_reported_and_the_others_go_on(tmp_path):
    bars = small_bars()
    bad = bars[bars["symbol"] == bars["symbol"].iloc[0]].assign(symbol="../x")
    dotted = bars[bars["symbol"] == bars["symbol"].iloc[0]].assign(symbol="BRK.B")
    nan = bars[bars["symbol"] == bars["symbol"].iloc[0]].assign(symbol="nan")
    folder = tmp_path / "prices"
    folder.mkdir()
    pd.concat([bars, bad, dotted, nan]).to_parquet(folder / "prices.parquet", index=False)
    result = run("price_history", tmp_path / "lake", folder / "prices.parquet", DAYS[-5], DAYS[-1])
    symbols = ParquetLake(str(tmp_path / "lake")).read("prices", DAYS[-1])["symbol"].to_pylist()
    assert "BRK.B" in symbols
    assert not {"../x", "nan"} & set(symbols)
    assert not (tmp_path / "x").exists()
    assert result.success


def test_most_members_without_a_bar_blocks_what_comes_after(tmp_path):
    bars = small_bars()
    few = bars["symbol"].unique()[:2]
    gone = (bars["date"] == pd.Timestamp(DAYS[-1])) & ~bars["symbol"].isin(few)
    path = write_prices(bars[~gone], tmp_path / "prices")
    run("price_history", tmp_path / "lake", path, DAYS[-80], DAYS[-2])
    with pytest.raises(DagsterAssetCheckFailedError, match="coverage"):
        run("daily_sp500", tmp_path / "lake", path, DAYS[-1])
    assert not (tmp_path / "lake" / "windows").exists()


def evaluations(result: dg.ExecuteInProcessResult) -> dict[tuple[str, str | None], dg.AssetCheckEvaluation]:
    return {(each.check_name, each.partition): each for each in result.get_asset_check_evaluations()}


def test_the_checks_say_what_they_found(tmp_path, prices, history):
    with_history(tmp_path, history, DAYS[99])
    found = evaluations(run("daily_sp500", tmp_path, prices, DAYS[100]))
    assert {partition for _, partition in found} == {DAYS[100]}
    assert not found["positive_prices", DAYS[100]].passed
    assert "is missing" in found["positive_prices", DAYS[100]].description
    assert found["quarantine_complete", DAYS[100]].passed
    assert found["coverage", DAYS[100]].metadata["rows"].value == 8


def test_a_range_has_one_result_and_records_its_sessions(tmp_path, prices, history):
    with_history(tmp_path, history, DAYS[98])
    found = evaluations(run("daily_sp500", tmp_path, prices, DAYS[99], DAYS[102]))
    assert {partition for _, partition in found} == {None, *DAYS[99:103]}
    whole = found["positive_prices", None]
    assert not whole.passed
    assert whole.description == "1 of 4 sessions didn't pass"
    assert [day for day in DAYS[99:103] if not found["positive_prices", day].passed] == [DAYS[100]]


def test_a_long_range_records_the_newest_session_and_those_that_did_not_pass(tmp_path, prices, history):
    with_history(tmp_path, history, DAYS[84])
    # The checks of what comes after follow the same rule.
    source = PriceSourceResource(source="files", prices_path=str(prices))
    found = evaluations(materialize(list(HISTORY), tmp_path, DAYS[85], DAYS[105], price_source=source))
    assert [partition for name, partition in found if name == "positive_prices"] == [DAYS[100], DAYS[105], None]


def test_an_asset_without_its_input_names_the_command(tmp_path, history):
    with_history(tmp_path, history)
    defs = build_defs(resource_overrides={"lake": LakeResource(root=str(tmp_path))})
    with pytest.raises(WavemillError, match=r"table `windows`: .*1 missing.*-j daily_sp500"):
        defs.resolve_implicit_global_asset_job_def().execute_in_process(
            partition_key=DAYS[-1], asset_selection=[dg.AssetKey("patterns")]
        )
