"""Simulations and picks: what was issued is traded, ranges equal days, the future and other symbols change nothing."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from assets.simulations import ORIGINS, SEED
from kernels.as_of import as_of_dividends, as_of_panel
from kernels.errors import MissingHistoryError
from kernels.strategies import STRATEGIES, simulate_rolling
from kernels.trading import Bars
from kernels.volatility import DEFAULT_HORIZONS, DEFAULT_LEVELS
from resources.calendar import sessions
from resources.contracts import quantile_column
from resources.model_store import ModelStore
from resources.parquet_lake import ParquetLake
from resources.simulation_tables import simulations_table
from resources.wiring import ForecastModelResource
from tests.forecast_runs import FIRST, JANUARY, LAST, copy_lake, forecast, materialize, metadata_of, two_year_lake
from tests.lake_rows import WRITTEN, quarantine_rows
from tests.market_lake import fill_lake

# Over New Year, and over the session on which a symbol changes its sector.
DAYS = [str(day) for day in sessions(date(2017, 12, 28), LAST)]
BEFORE_THE_MOVE = "2018-01-05"
CHAIN = ["windows", "patterns", "forecasts", "simulations", "picks"]


@pytest.fixture(scope="module")
def lake(tmp_path_factory) -> Path:
    """Two years with the model of 2017, and the simulations and picks of the sessions around New Year as one range."""
    root = two_year_lake(tmp_path_factory.mktemp("two-years"))
    materialize("forecast_model", root, "2017")
    assert ModelStore(ParquetLake(str(root)).files).read(2017).serves == "ensemble"
    return root


@pytest.fixture(scope="module")
def ranged(lake):
    """The result of simulating `DAYS` as one range."""
    return materialize("simulations", lake, DAYS[0], DAYS[-1])


@pytest.fixture(scope="module")
def picked(lake, ranged):
    """The result of the chain from the windows to the picks for the last two sessions."""
    assert ranged.success
    return materialize(CHAIN, lake, DAYS[-2], DAYS[-1])


def simulations_of(lake: Path, day: str) -> pa.Table:
    return ParquetLake(str(lake)).read("simulations", day)


def file_bytes(lake: Path, table: str, day: str) -> bytes:
    return (lake / table / f"{day}.parquet").read_bytes()


def stamps(lake: Path, table: str) -> dict[str, int]:
    return {path.stem: path.stat().st_mtime_ns for path in (lake / table).glob("*.parquet")}


def rewrite_prices(lake: Path, days: list[str], change: Callable[[pa.Table], pa.Table]) -> None:
    store = ParquetLake(str(lake))
    for day in days:
        store.write("prices", day, change(store.read("prices", day)), **WRITTEN)


def dearer(bars: pa.Table) -> pa.Table:
    """All prices, and so the volatility, of a session changed by a factor that differs by symbol."""
    factor = pa.array(np.linspace(0.5, 2.0, len(bars)))
    for name in ("open", "high", "low", "close"):
        bars = bars.set_column(bars.column_names.index(name), name, pc.multiply(bars[name], factor))
    return bars


def test_a_session_has_a_row_for_each_member_and_strategy_and_tells_what_was_traded(lake, ranged):
    rows = simulations_of(lake, DAYS[-1]).to_pylist()
    model = ModelStore(ParquetLake(str(lake)).files).read(2017).model_id
    names = [strategy.name for strategy in STRATEGIES]
    assert [row["strategy"] for row in rows] == names * 24
    symbols = [row["symbol"] for row in rows[:: len(names)]]
    assert symbols == sorted(set(symbols))
    origins = [str(day) for day in sessions(FIRST, LAST)[-ORIGINS - 1 : -1]]
    for row in rows:
        assert (row["status"], row["origins"], row["trials"]) == ("ok", ORIGINS, len(names))
        assert (str(row["first_origin"]), row["model"]) == (origins[0], f"ewma-fhs, {model}")
        assert row["total_return_low"] <= row["total_return"] <= row["total_return_high"]
    told = metadata_of(ranged, "simulations", DAYS[-1])
    assert (told["origins"], told["model"]) == (ORIGINS, f"ewma-fhs, {model}")
    assert (told["simulated_symbols"], told["symbols_not_simulated"], told["strategies"]) == (24, 0, 4)
    assert "origins_in_training" not in told
    assert metadata_of(ranged, "simulations", DAYS[0])["model"] == "ewma-fhs"


@pytest.mark.usefixtures("ranged")
def test_a_range_over_the_new_year_and_a_change_of_sectors_equals_day_by_day(lake, tmp_path):
    other = copy_lake(lake, tmp_path, "simulations")
    for day in DAYS:
        materialize("simulations", other, day)
    for day in DAYS:
        assert file_bytes(lake, "simulations", day) == file_bytes(other, "simulations", day), day
    assert len({file_bytes(lake, "simulations", day) for day in DAYS}) == len(DAYS)


@pytest.mark.usefixtures("ranged")
def test_what_is_traded_is_what_was_issued(lake):
    store, symbols = ParquetLake(str(lake)), None
    days = sessions(FIRST, date.fromisoformat(BEFORE_THE_MOVE))[-ORIGINS - 1 :]
    forecast(lake, str(days[0]), str(days[-2]))
    quantiles, volatility = [], []
    for day in days[:-1]:
        issued = store.read("forecasts", str(day)).sort_by([("symbol", "ascending"), ("horizon", "ascending")])
        symbols = np.array(issued["symbol"].to_pylist()[:: len(DEFAULT_HORIZONS)])
        columns = [issued[quantile_column(level)].to_numpy() for level in DEFAULT_LEVELS]
        quantiles.append(np.stack(columns, axis=1).reshape(len(symbols), len(DEFAULT_HORIZONS), -1))
        volatility.append(issued["volatility"].to_numpy().reshape(len(symbols), -1))
    history = store.history(days[0].item(), days[-1].item(), symbols.tolist())
    result = simulate_rolling(
        Bars.of_panel(as_of_panel(history), as_of_dividends(history)),
        np.arange(ORIGINS, dtype=np.int32),
        np.ascontiguousarray(np.stack(quantiles, axis=1)),
        np.ascontiguousarray(np.stack(volatility, axis=1)),
        seed=SEED,
    )
    stored = simulations_of(lake, BEFORE_THE_MOVE)
    assert simulations_table(days[-1], days[0], symbols, result, stored["model"][0].as_py()).equals(stored)
    assert pc.max(stored["trades"]).as_py() > 1


@pytest.mark.usefixtures("ranged")
def test_bars_and_faults_known_later_change_nothing(lake, tmp_path):
    other = copy_lake(lake, tmp_path, "simulations")
    day, later = DAYS[6], DAYS[7:]
    rewrite_prices(other, later, dearer)
    store = ParquetLake(str(other))
    symbol = store.read("prices", day)["symbol"][3].as_py()
    store.write("quarantine", later[0], quarantine_rows(later[0], [(symbol, DAYS[2])]), **WRITTEN)
    materialize("simulations", other, DAYS[0], DAYS[-1])
    for each in DAYS[:7]:
        assert file_bytes(lake, "simulations", each) == file_bytes(other, "simulations", each), each
    for each in later:
        assert not simulations_of(lake, each).equals(simulations_of(other, each)), each


@pytest.mark.usefixtures("ranged")
def test_a_symbol_that_was_halted_or_is_young_says_so_and_changes_no_other(lake, tmp_path):
    other, day = copy_lake(lake, tmp_path, "simulations", "forecast_model"), DAYS[0]
    days = [str(each) for each in sessions(FIRST, date.fromisoformat(day))]
    names = simulations_of(lake, day)["symbol"].to_pylist()[:: len(STRATEGIES)]
    halted, young = names[4], names[9]

    def without(symbol: str) -> Callable[[pa.Table], pa.Table]:
        return lambda bars: bars.filter(pc.not_equal(bars["symbol"], symbol))

    rewrite_prices(other, days[-90:], without(halted))
    rewrite_prices(other, days[:-40], without(young))
    told = metadata_of(materialize("simulations", other, day), "simulations", day)
    assert (told["simulated_symbols"], told["symbols_not_simulated"]) == (22, 2)
    assert told["not_simulated"] == f"{halted}, {young}"
    rows = simulations_of(other, day)
    for symbol, status in ((halted, "no bar at any origin"), (young, "no forecast at any origin")):
        own = rows.filter(pc.equal(rows["symbol"], symbol))
        assert own["status"].to_pylist() == [status] * len(STRATEGIES)
        assert set(own["origins"].to_pylist()) | set(own["trades"].to_pylist()) == {0}
        assert own["total_return"].null_count == own["costs"].null_count == len(STRATEGIES)
    first, second = (
        table.filter(pc.invert(pc.is_in(table["symbol"], pa.array([halted, young]))))
        for table in (simulations_of(lake, day), rows)
    )
    assert first.equals(second)


def test_with_a_short_history_it_says_how_many_origins_there_are(tmp_path):
    days = [str(day) for day in sessions(FIRST, LAST)]
    fill_lake(tmp_path, 4, date.fromisoformat(days[-66]), LAST)
    told = metadata_of(materialize("simulations", tmp_path, days[-1]), "simulations", days[-1])
    assert (told["origins"], told["simulated_symbols"]) == (65, 0)
    rows = simulations_of(tmp_path, days[-1])
    assert set(rows["status"].to_pylist()) == {"no forecast at any origin"}
    assert {str(day) for day in rows["first_origin"].to_pylist()} == {days[-66]}
    with pytest.raises(MissingHistoryError, match=r"price_history"):
        materialize("simulations", tmp_path, days[-5])


def test_the_options_say_how_far_back_and_how_often(lake, tmp_path, ranged):
    assert ranged.success
    other, day = copy_lake(lake, tmp_path), DAYS[-1]
    days = [str(each) for each in sessions(FIRST, LAST)]
    told = metadata_of(materialize("simulations", other, day, config={"origins": 300}), "simulations", day)
    assert told["origins"] == 300
    rows = simulations_of(other, day)
    assert {str(each) for each in rows["first_origin"].to_pylist()} == {days[-301]}
    assert set(rows["origins"].to_pylist()) == {300}
    materialize("simulations", other, day, config={"resamples": 50})
    one, another = (simulations_of(root, day).drop_columns(["sharpe_low", "sharpe_high"]) for root in (lake, other))
    one, another = (each.drop_columns(["total_return_low", "total_return_high"]) for each in (one, another))
    assert one.equals(another)
    assert not simulations_of(lake, day).equals(simulations_of(other, day))


@pytest.mark.usefixtures("ranged")
def test_sessions_that_are_up_to_date_are_kept(lake):
    before = stamps(lake, "simulations")
    result = materialize("simulations", lake, DAYS[0], DAYS[-1])
    assert stamps(lake, "simulations") == before
    assert metadata_of(result, "simulations", DAYS[-1])["rows_in_range"] == 24 * len(STRATEGIES) * len(DAYS)


@pytest.mark.usefixtures("ranged")
def test_another_model_is_traded_again_in_the_sessions_that_have_its_origins(lake, tmp_path):
    other = copy_lake(lake, tmp_path)
    before = stamps(other, "simulations")
    materialize("forecast_model", other, "2017", config={"seeds": [4]})
    materialize("simulations", other, DAYS[0], DAYS[-1])
    after = stamps(other, "simulations")
    assert [day for day in DAYS if after[day] != before[day]] == JANUARY
    model = ModelStore(ParquetLake(str(other)).files).read(2017).model_id
    assert set(simulations_of(other, DAYS[-1])["model"].to_pylist()) == {f"ewma-fhs, {model}"}


@pytest.mark.usefixtures("ranged")
def test_after_new_year_a_model_of_the_year_before_is_traded_too_and_noticed(lake, tmp_path):
    other = copy_lake(lake, tmp_path)
    models = ModelStore(ParquetLake(str(other)).files)
    served = models.read(2017)
    told = {name: getattr(served, name) for name in ("serves", "reason", "made_from", "note")}
    earlier = models.write(2016, served.model, trained_through=date(2016, 12, 30), **told)
    materialize("simulations", other, DAYS[-1])
    rows = simulations_of(other, DAYS[-1])
    assert set(rows["model"].to_pylist()) == {f"{earlier.model_id}, {served.model_id}"}
    assert not rows["total_return"].equals(simulations_of(lake, DAYS[-1])["total_return"])


def test_origins_that_a_model_was_trained_on_are_not_traded(lake, tmp_path, ranged):
    assert ranged.success
    other, day = copy_lake(lake, tmp_path), DAYS[-1]
    model = ForecastModelResource(model="tests.further_models:TrainedIntoJanuary")
    told = metadata_of(materialize("simulations", other, day, served_model=model), "simulations", day)
    # It was trained through 4 January: the sessions from the 5th to the 11th are left.
    assert (told["model"], told["origins"], told["origins_in_training"]) == ("trained-into-january", ORIGINS, 65)
    assert set(simulations_of(other, day)["origins"].to_pylist()) == {5}
    honest = ForecastModelResource(model="tests.further_models:Twin")
    told = metadata_of(materialize("simulations", other, day, served_model=honest), "simulations", day)
    assert "origins_in_training" not in told
    assert set(simulations_of(other, day)["origins"].to_pylist()) == {ORIGINS}


@pytest.mark.usefixtures("picked")
def test_picks_rank_every_member_once_with_the_reasons(lake):
    store = ParquetLake(str(lake))
    for day in DAYS[-2:]:
        rows = store.read("picks", day).to_pylist()
        assert [row["symbol"] for row in rows] == sorted(store.read("universe", day)["symbol"].to_pylist())
        assert {row["direction"] for row in rows} <= {-1, 1}
        by_rank = sorted(rows, key=lambda row: row["rank"])
        assert [row["rank"] for row in by_rank] == list(range(1, 25))
        scores = [row["score"] for row in by_rank]
        assert scores == sorted(scores, reverse=True)
        for row in rows:
            setup, ahead, simulation = row["reasons"].split("; ")
            assert setup.startswith("setup of a") == (row["pattern_id"] is not None)
            assert "expected" in ahead
            assert "Sharpe" in simulation
        assert {row["pattern_id"] for row in rows} != {None}


@pytest.mark.usefixtures("picked")
def test_picks_are_the_same_again_and_kept_until_an_input_changes(lake, tmp_path):
    other, day = copy_lake(lake, tmp_path, "picks"), DAYS[-1]
    materialize("picks", other, day)
    assert file_bytes(lake, "picks", day) == file_bytes(other, "picks", day)
    before = stamps(other, "picks")
    materialize("picks", other, day)
    assert stamps(other, "picks") == before
    materialize("simulations", other, day, config={"origins": 20})
    materialize("picks", other, day)
    assert file_bytes(lake, "picks", day) != file_bytes(other, "picks", day)


@pytest.mark.usefixtures("picked")
@pytest.mark.parametrize("table", ["universe", "patterns", "forecasts", "simulations"])
def test_picks_without_an_input_are_refused_with_the_command(lake, tmp_path, table):
    other = copy_lake(lake, tmp_path, "picks", "prices", "quarantine", "windows", table)
    with pytest.raises(MissingHistoryError, match=rf"table `{table}`: .*1 missing.* -j daily_sp500 .*{DAYS[-1]}"):
        materialize("picks", other, DAYS[-1])
    assert not (other / "picks").exists()


@pytest.mark.usefixtures("picked")
def test_a_member_of_which_nothing_is_known_is_listed_without_a_rank(lake, tmp_path):
    other, day = copy_lake(lake, tmp_path, "picks"), DAYS[-1]
    store = ParquetLake(str(other))
    members = store.read("universe", day)
    rows = members.to_pylist()
    rows.append(rows[0] | {"symbol": "ZZZ"})
    store.write("universe", day, pa.Table.from_pylist(rows, members.schema), **WRITTEN)
    materialize(CHAIN, other, day)
    *others, row = store.read("picks", day).to_pylist()
    assert (row["symbol"], row["rank"], row["direction"], row["score"]) == ("ZZZ", None, 0, None)
    assert row["reasons"] == "no setup with a known gain/risk; no forecast; no strategy traded on this side"
    assert sorted(each["rank"] for each in others) == list(range(1, 25))
    rows = simulations_of(other, day)
    unknown = rows.filter(pc.equal(rows["symbol"], "ZZZ"))
    assert unknown["status"].to_pylist() == ["no bar at any origin"] * len(STRATEGIES)
