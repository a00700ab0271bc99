"""The null distributions of quarters, made by runs, and the p-values of the sessions that they serve."""

import json
import re
import shlex
from dataclasses import replace
from datetime import date
from pathlib import Path

import dagster as dg
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from assets.quarters import QUARTERS
from definitions import defs
from kernels.device import gpu_support
from kernels.errors import BackendUnavailableError, InvalidInputError, MissingHistoryError
from resources import null_build
from resources.contracts import CONTRACTS
from resources.null_state import NullStates
from resources.null_table import TABLE, null_distributions_of
from resources.parquet_lake import ParquetLake
from resources.pattern_table import SIGNIFICANCE_COLUMNS
from resources.wiring import ScanSettingsResource, WaveScorerResource
from tests.forecast_runs import copy_lake, materialize, metadata_of, rows_told
from tests.lake_rows import WRITTEN
from tests.market_lake import fill_lake

FIRST, LAST = date(2017, 7, 17), date(2018, 4, 4)
QUARTER, NEXT = "2018-01-01", "2018-04-01"
FEW = {"surrogates": 2, "bins": 200}
COUNTING = f"{TABLE}/{QUARTER}.counting"
BEFORE, AFTER = "2017-12-28", "2018-01-03"
TURN = ["2018-03-28", "2018-03-29", "2018-04-02", "2018-04-03"]


def run(assets: str | list[str], lake: Path, first: str, last: str | None = None, **options):
    resources = {
        "scan_settings": ScanSettingsResource(lengths=[63, 126], recall_sample=0),
        "wave_scorer": WaveScorerResource(backend="cpu"),
    }
    return materialize(assets, lake, first, last, **resources | options)


def calibrate(lake: Path, first: str, last: str | None = None, **config):
    return run(TABLE, lake, first, last, config=FEW | config)


def data_of(lake: Path, table: str, *keys: str) -> list[bytes]:
    return [(lake / table / f"{key}.parquet").read_bytes() for key in keys]


def double(lake: Path, row: int, *days: str) -> None:
    """Double the prices of one symbol on these sessions."""
    store = ParquetLake(str(lake))
    for day in days:
        table = store.read("prices", day)
        factor = np.ones(table.num_rows)
        factor[row] = 2.0
        for name in ("open", "high", "low", "close"):
            place = table.schema.get_field_index(name)
            values = pa.array(table[name].to_numpy() * factor)
            table = table.set_column(place, table.schema.field(name), values)
        store.write("prices", day, table, **WRITTEN)


@pytest.fixture(scope="module")
def bare(tmp_path_factory) -> Path:
    """Bars of six symbols, one of which misses the twenty sessions before the quarter; no null distributions."""
    root = tmp_path_factory.mktemp("bare")
    fill_lake(root, 6, FIRST, LAST)
    store = ParquetLake(str(root))
    for day in store.partitions("prices"):
        if "2017-12-01" <= day < QUARTER:
            store.write("prices", day, store.read("prices", day).slice(1), **WRITTEN)
    return root


@pytest.fixture(scope="module")
def gapped(bare) -> str:
    return ParquetLake(str(bare)).read("universe", "2017-12-29")["symbol"][0].as_py()


@pytest.fixture(scope="module")
def calibrated(bare, tmp_path_factory) -> tuple[Path, dg.ExecuteInProcessResult]:
    """The same with both quarters, made in one run."""
    root = copy_lake(bare, tmp_path_factory.mktemp("calibrated"))
    return root, calibrate(root, QUARTER, NEXT)


@pytest.fixture
def copied(bare, tmp_path) -> Path:
    return copy_lake(bare, tmp_path)


def test_a_quarter_says_what_it_rests_on(calibrated, gapped):
    lake, result = calibrated
    store = ParquetLake(str(lake))
    told = metadata_of(result, TABLE, QUARTER)
    assert (told["kept"], told["backend"], told["backend_reason"]) == (False, "cpu", "chosen explicitly")
    assert (told["null_model"], told["through"]) == ("block", "2017-12-29")
    assert rows_told(told["left_out"]) == [(63, 1, gapped), (126, 1, gapped)]
    assert (told["symbols_left_out"], told["fewest_surrogates"]) == (1, 10)
    assert [record.data for record in told["lengths"].records] == [
        {"window": length, "symbols": 5, "surrogates": 10, "smallest p-value": 1 / 11} for length in (63, 126)
    ]
    assert told["dagster/partition_row_count"] == store.info(TABLE, QUARTER).rows
    assert len(told["preview"].records) == 10
    found = null_distributions_of(store.read(TABLE, QUARTER))
    assert (found.model.quarter, found.model.through) == (date(2018, 1, 1), date(2017, 12, 29))
    assert found.histograms.counts.shape[-1] == 201
    assert metadata_of(result, TABLE, NEXT)["through"] == "2018-03-29"
    assert not list((lake / TABLE).glob("*.counting"))


def test_a_quarter_that_is_up_to_date_is_kept(calibrated):
    lake, _ = calibrated
    path = lake / TABLE / f"{QUARTER}.parquet"
    before = path.stat().st_mtime_ns
    told = metadata_of(calibrate(lake, QUARTER), TABLE, QUARTER)
    assert told["kept"] is True
    assert "backend" not in told
    assert [record.data["surrogates"] for record in told["lengths"].records] == [10, 10]
    assert path.stat().st_mtime_ns == before


def test_a_range_of_quarters_equals_quarter_by_quarter(calibrated, copied):
    for key in (NEXT, QUARTER):
        calibrate(copied, key)
    assert data_of(copied, TABLE, QUARTER, NEXT) == data_of(calibrated[0], TABLE, QUARTER, NEXT)


def test_bars_of_the_quarter_change_nothing(calibrated, copied):
    days = [day for day in ParquetLake(str(copied)).partitions("prices") if day >= QUARTER]
    assert days[0] == "2018-01-02"
    double(copied, 1, *days)
    calibrate(copied, QUARTER)
    assert data_of(copied, TABLE, QUARTER) == data_of(calibrated[0], TABLE, QUARTER)


@pytest.mark.parametrize(("row", "counted"), [(0, False), (1, True)])
def test_a_bar_before_the_quarter_changes_it_unless_its_symbol_is_left_out(calibrated, tmp_path, row, counted):
    lake = copy_lake(calibrated[0], tmp_path)
    double(lake, row, "2017-11-30")
    assert metadata_of(calibrate(lake, QUARTER), TABLE, QUARTER)["kept"] is False
    ours, theirs = (ParquetLake(str(root)).read(TABLE, QUARTER) for root in (lake, calibrated[0]))
    assert ours.equals(theirs) is not counted


def test_a_quarter_under_an_older_contract_is_made_again(calibrated, tmp_path, monkeypatch):
    lake = copy_lake(calibrated[0], tmp_path)
    newer = replace(CONTRACTS[TABLE], version=CONTRACTS[TABLE].version + 1)
    monkeypatch.setitem(CONTRACTS, TABLE, newer)
    monkeypatch.setattr("assets.null_distributions.NULL_DISTRIBUTIONS", newer)
    assert [metadata_of(calibrate(lake, QUARTER), TABLE, QUARTER)["kept"] for _ in range(2)] == [False, True]
    assert ParquetLake(str(lake)).info(TABLE, QUARTER).schema_version == str(newer.version)


@pytest.mark.parametrize(
    "config", [{"seed": 8}, {"null_model": "sign"}, {"block": 5.0}, {"bins": 100}, {"surrogates": 1}]
)
def test_other_surrogates_are_counted_anew(calibrated, tmp_path, config):
    lake = copy_lake(calibrated[0], tmp_path)
    told = metadata_of(calibrate(lake, QUARTER, **config), TABLE, QUARTER)
    assert told["kept"] is False
    assert data_of(lake, TABLE, QUARTER) != data_of(calibrated[0], TABLE, QUARTER)
    assert told["null_model"] == config.get("null_model", "block")


def test_a_run_that_is_killed_goes_on_where_it_stopped(calibrated, copied, monkeypatch, capfd):
    monkeypatch.setattr(null_build, "ROWS_AT_A_TIME", 2)
    honest, written = NullStates.write, []

    def killed(states, quarter, made_from, state):
        honest(states, quarter, made_from, state)
        written.append(dict(state.done))
        if len(written) == 4:
            raise KeyboardInterrupt

    monkeypatch.setattr(NullStates, "write", killed)
    with pytest.raises(BaseException, match=r".*"):
        calibrate(copied, QUARTER)
    assert (copied / COUNTING).exists()
    assert not (copied / TABLE / f"{QUARTER}.parquet").exists()
    written.append({})
    assert calibrate(copied, QUARTER).success
    assert written == [{63: 2}, {63: 4}, {63: 5}, {63: 5, 126: 2}, {}, {63: 5, 126: 4}, {63: 5, 126: 5}]
    assert data_of(copied, TABLE, QUARTER) == data_of(calibrated[0], TABLE, QUARTER)
    assert not (copied / COUNTING).exists()
    # The symbol left out counts too, and so does what the killed run has done.
    assert "null_distributions 2018-01-01: 1,134 of 1,134 windowed sessions" in capfd.readouterr().err


def test_a_cpu_makes_forty_surrogates_of_each_symbol(copied):
    told = metadata_of(run(TABLE, copied, QUARTER), TABLE, QUARTER)
    assert [record.data["surrogates"] for record in told["lengths"].records] == [200, 200]
    assert [record.data["smallest p-value"] for record in told["lengths"].records] == [1 / 201, 1 / 201]


def test_gjr_is_fitted_to_the_whole_history_before_the_quarter(tmp_path):
    # A window of 126 sessions alone holds fewer returns than a fit needs.
    fill_lake(tmp_path, 2, date(2016, 12, 19), date(2017, 12, 29))
    told = metadata_of(calibrate(tmp_path, QUARTER, null_model="gjr"), TABLE, QUARTER)
    assert told["null_model"] == "gjr"
    assert [record.data["surrogates"] for record in told["lengths"].records] == [4, 4]


@pytest.mark.parametrize(
    ("config", "error", "words"),
    [
        ({"surrogates": 0}, ValueError, r"surrogates\n.*greater than or equal to 1"),
        ({"block": 0.5}, ValueError, r"block\n.*greater than or equal to 1"),
        ({"seed": -1}, ValueError, r"seed\n.*greater than or equal to 0"),
        ({"bins": 0}, ValueError, r"bins\n.*greater than or equal to 1"),
        ({"null_model": "tea leaves"}, InvalidInputError, "expected one of block, gjr, sign; got 'tea leaves'"),
        ({"null_model": "gjr"}, InvalidInputError, "at least 250 returns"),
        ({"surogates": 3}, dg.DagsterInvalidConfigError, "surogates"),
    ],
)
def test_what_makes_no_sense_is_refused_with_words(bare, config, error, words):
    with pytest.raises(error, match=words):
        calibrate(bare, QUARTER, **config)
    assert not (bare / TABLE).exists()


def test_an_explicit_backend_that_is_not_there_is_refused(bare):
    with pytest.raises((BackendUnavailableError, InvalidInputError), match="one of auto, naive, cpu"):
        run(TABLE, bare, QUARTER, wave_scorer=WaveScorerResource(backend="abacus"))


@pytest.mark.skipif(gpu_support().ok, reason="this machine has a GPU, which does what it is asked")
def test_a_gpu_that_is_not_there_is_missed_and_not_unknown(bare):
    with pytest.raises(BackendUnavailableError, match="a usable CUDA device"):
        run(TABLE, bare, QUARTER, wave_scorer=WaveScorerResource(backend="gpu"))


@pytest.mark.parametrize(
    ("quarter", "words"),
    [
        ("2017-07-01", r"the 505 sessions before the quarter that begins on 2017-07-01.*-j price_history --tags"),
        ("2017-10-01", r"90% of the 64 sessions up to 2017-09-29; got none among 6, in 54 sessions.*price_history"),
        ("2000-01-01", "beginning of the calendar. To mend: choose a later quarter"),
        ("2018-07-01", r"2018-04-05 to 2018-06-29.*-j price_history --tags"),
    ],
)
def test_a_quarter_without_the_history_before_it_is_refused_with_the_command(bare, quarter, words):
    with pytest.raises(MissingHistoryError, match=words):
        calibrate(bare, quarter)
    assert not (bare / TABLE).exists()


@pytest.mark.parametrize("table", ["prices", "quarantine", "universe"])
def test_a_hole_in_the_history_is_named(copied, table):
    (copied / table / "2017-12-29.parquet").unlink()
    with pytest.raises(MissingHistoryError, match=f"table `{table}`.*2017-12-29"):
        calibrate(copied, QUARTER)


def significance(lake: Path, day: str) -> pa.Table:
    return ParquetLake(str(lake)).read("patterns", day, ["session", "class", "legs", *SIGNIFICANCE_COLUMNS])


def checks_of(result: dg.ExecuteInProcessResult) -> list[dg.AssetCheckEvaluation]:
    return [each for each in result.get_asset_check_evaluations() if each.check_name == "null_before"]


def test_the_patterns_of_a_calibrated_quarter_have_p_and_q_values(calibrated, tmp_path):
    lake = copy_lake(calibrated[0], tmp_path)
    result = run(["windows", "patterns"], lake, "2018-01-02", AFTER)
    table = significance(lake, AFTER)
    assert table.num_rows > 20
    assert [table[name].null_count for name in SIGNIFICANCE_COLUMNS] == [0] * len(SIGNIFICANCE_COLUMNS)
    assert set(table["null_model"].to_pylist()) == {"block"}
    assert set(table["surrogates"].to_pylist()) == {10}
    assert set(table["null_through"].to_pylist()) == {date(2017, 12, 29)}
    p_values, q_values = table["p_value"].to_numpy(), table["q_value"].to_numpy()
    assert p_values.min() == 1 / 11 < p_values.max()
    assert (p_values * 11 == np.round(p_values * 11)).all()
    assert (q_values >= p_values).all()
    assert [each.passed for each in checks_of(result)] == [True] * 3
    for day in ("2018-01-02", AFTER):
        rows = ParquetLake(str(lake)).read("patterns", day, ["status", "q_value"]).to_pylist()
        told = metadata_of(result, "patterns", day)
        assert told["smallest_q_value"] == min(row["q_value"] for row in rows)
        assert told["discoveries"] == sum(row["q_value"] <= 0.1 and row["status"] != "part" for row in rows)


def test_before_a_quarter_is_calibrated_p_is_null_and_then_only_its_own_patterns_are_made_again(copied, capfd):
    days = [BEFORE, "2017-12-29", "2018-01-02", AFTER]
    result = run(["windows", "patterns"], copied, days[0], days[-1])
    for day in days:
        table = significance(copied, day)
        assert table.num_rows > 20
        assert [table[name].null_count for name in SIGNIFICANCE_COLUMNS] == [table.num_rows] * 5
    assert [each.passed for each in checks_of(result)] == [True] * 5
    warned = re.findall(r"WARNING.*patterns: there are no null distributions.*", capfd.readouterr().err)
    assert len(warned) == 2
    for line, quarter in zip(warned, ("2017-10-01", QUARTER), strict=True):
        words = shlex.split(re.search(r"dagster job execute.*}'", line)[0])
        assert defs.resolve_job_def(words[words.index("-j") + 1]).name == "calibrate_null"
        assert json.loads(words[words.index("--tags") + 1]) == {"dagster/partition": quarter}
        assert quarter in QUARTERS.get_partition_keys()

    unknown = dict(zip(days, data_of(copied, "patterns", *days), strict=True))
    stamps = {day: (copied / "patterns" / f"{day}.parquet").stat().st_mtime_ns for day in days}
    assert calibrate(copied, QUARTER).success
    run(["windows", "patterns"], copied, days[0], days[-1])
    for day in days:
        served = day >= QUARTER
        assert (data_of(copied, "patterns", day) != [unknown[day]]) is served
        assert ((copied / "patterns" / f"{day}.parquet").stat().st_mtime_ns != stamps[day]) is served
        assert (significance(copied, day)["p_value"].null_count == 0) is served
    other = "patterns: there are no null distributions for the quarter from"
    assert re.findall(other + r" (\S+),", capfd.readouterr().err) == []


def test_a_search_with_other_settings_has_no_yardstick_and_says_so(calibrated, tmp_path, capfd):
    lake = copy_lake(calibrated[0], tmp_path)
    other = ScanSettingsResource(lengths=[63, 126], recall_sample=0, max_skip=4)
    run(["windows", "patterns"], lake, AFTER, scan_settings=other)
    assert pc.all(pc.is_null(significance(lake, AFTER)["p_value"])).as_py()
    err = capfd.readouterr().err
    assert "are of a search with max_skip, max_span = (None, 504), not (4, 504)" in err
    told = run(TABLE, lake, QUARTER, config=FEW, scan_settings=other)
    assert metadata_of(told, TABLE, QUARTER)["kept"] is False
    run(["windows", "patterns"], lake, AFTER, scan_settings=other)
    assert significance(lake, AFTER)["p_value"].null_count == 0


def test_a_range_over_the_turn_of_a_quarter_equals_day_by_day(calibrated, tmp_path):
    in_range, by_day = (copy_lake(calibrated[0], tmp_path / name) for name in ("range", "day"))
    result = run(["windows", "patterns"], in_range, TURN[0], TURN[-1])
    # One for each session and one for the range.
    assert [each.passed for each in checks_of(result)] == [True] * 5
    for day in reversed(TURN):
        [check] = checks_of(run(["windows", "patterns"], by_day, day))
        assert check.passed
    for table in ("windows", "patterns"):
        assert data_of(in_range, table, *TURN) == data_of(by_day, table, *TURN)
    through = [set(significance(in_range, day)["null_through"].to_pylist()) for day in TURN]
    assert through == [{date(2017, 12, 29)}] * 2 + [{date(2018, 3, 29)}] * 2


def look_ahead(lake: Path, day: str, through: str) -> pa.Table:
    """Let one pattern of a session say that its null model has seen the sessions up to another one."""
    store = ParquetLake(str(lake))
    info, table = store.info("patterns", day), store.read("patterns", day)
    place = table.schema.get_field_index("null_through")
    days = np.full(table.num_rows, np.datetime64("2017-12-29"))
    days[3] = np.datetime64(through)
    made = table.set_column(place, table.schema.field(place), pa.array(days))
    store.write("patterns", day, made, made_from=info.made_from, code_version=info.code_version)
    return made


def test_a_null_model_that_has_seen_the_session_or_more_stops_the_day(calibrated, tmp_path):
    lake = copy_lake(calibrated[0], tmp_path)
    run(["windows", "patterns"], lake, AFTER)
    made = look_ahead(lake, AFTER, "2018-01-02")
    [check] = checks_of(run("patterns", lake, AFTER))
    assert (check.passed, check.blocking) == (True, True)
    told = {name: value.value for name, value in check.metadata.items()}
    assert told == {"rows": made.num_rows, "known": made.num_rows, "late": 0}
    for through in (AFTER, "2018-01-04"):
        made = look_ahead(lake, AFTER, through)
        with pytest.raises(dg.DagsterError, match=r"patterns: null_before$"):
            run("patterns", lake, AFTER)
        assert ParquetLake(str(lake)).read("patterns", AFTER).equals(made)
