"""The skill of the forecasts, year by year: who is judged, on what, when it is judged again, and what can't be."""

import base64
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow.compute as pc
import pytest

from kernels.errors import InvalidInputError, SettingsError
from kernels.forecast import crps_of_quantiles
from kernels.volatility import DEFAULT_HORIZONS, DEFAULT_LEVELS
from resources.calendar import sessions
from resources.contracts import quantile_column
from resources.forecast_contracts import baseline_column
from resources.lake_files import LakeFiles
from resources.parquet_lake import ParquetLake
from tests.forecast_runs import FIRST, copy_lake, materialize, metadata_of, rows_told
from tests.further_models import Twin
from tests.lake_rows import WRITTEN, fill, universe_rows
from tests.market_lake import fill_lake

BASELINES = ["random-walk", "historical-quantile", "ewma-fhs", "garch-fhs", "gjr-fhs", "har-fhs"]
CANDIDATES = ["model: ensemble", "model: network", "model: har"]
TABLES = ("forecast_scores", "forecast_skill")


@pytest.fixture(scope="module")
def lake(tmp_path_factory) -> Path:
    """Three years and what comes before; nothing is judged yet."""
    root = tmp_path_factory.mktemp("three-years")
    fill_lake(root, 24, FIRST, date(2018, 12, 31))
    return root


@pytest.fixture(scope="module")
def without_model(lake):
    """The result of judging 2015 to 2017, which no model served."""
    return materialize("forecast_skill", lake, "2015", "2017")


@pytest.fixture(scope="module")
def with_model(lake, without_model):
    """The result of judging 2018, which the model of 2017 served."""
    assert without_model.success
    assert materialize("forecast_model", lake, "2017").success
    return materialize("forecast_skill", lake, "2018")


def judge(lake: Path, year: str, *models: str) -> dict:
    config = {"models": list(models)} if models else None
    return metadata_of(materialize("forecast_skill", lake, year, config=config), "forecast_skill", year)


def skill_rows(lake: Path, year: str, period: str | None = None) -> dict[tuple[str, int], dict]:
    table = ParquetLake(str(lake)).read("forecast_skill", year)
    rows = table.filter(pc.equal(table["period"], period or year)).to_pylist()
    return {(row["model"], row["horizon"]): row for row in rows}


def without_names(rows: dict, model: str) -> list[dict]:
    """The rows of one model, without its name."""
    return [{**row, "model": None} for (name, _), row in rows.items() if name == model]


def stamps(lake: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for table in TABLES for path in (lake / table).glob("*.parquet")}


def judged_years(lake: Path) -> list[list[str]]:
    return [ParquetLake(str(lake)).partitions(table) for table in TABLES]


@pytest.mark.usefixtures("with_model")
def test_the_first_year_of_the_history_is_not_judged_and_says_why(lake, without_model):
    told = metadata_of(without_model, "forecast_skill", "2015")
    assert told == {
        "judged": False,
        "reason": "the history begins in 2015: there are no sessions before it to fit a baseline on",
    }
    assert judged_years(lake) == [["2016", "2017", "2018"]] * 2


def test_without_a_model_the_baselines_alone_are_judged_and_it_says_so(lake, without_model):
    told = metadata_of(without_model, "forecast_skill", "2017")
    assert told["model"] == "there is no model of 2016: the baselines alone"
    assert (told["kept"], told["left_out"]) == (False, "none")
    rows = skill_rows(lake, "2017")
    assert list(rows) == [(model, horizon) for horizon in DEFAULT_HORIZONS for model in ["served", *BASELINES]]
    assert without_names(rows, "served") == without_names(rows, "ewma-fhs")


def test_a_baseline_that_cannot_be_judged_is_left_out_with_the_reason(lake, without_model):
    left_out = dict(rows_told(metadata_of(without_model, "forecast_skill", "2016")["left_out"]))
    assert set(left_out) == {"garch-fhs", "gjr-fhs", "har-fhs", "random-walk"}
    assert "at least 250 returns" in left_out["gjr-fhs"]
    assert left_out["random-walk"] == "it forecast no origin with an outcome at h = 21"
    assert ("random-walk", 10) in skill_rows(lake, "2016")
    assert ("random-walk", 21) not in skill_rows(lake, "2016")


def test_a_model_is_judged_in_the_year_that_it_serves_beside_every_baseline(lake, with_model):
    rows = skill_rows(lake, "2018")
    names = ["served", *CANDIDATES, *BASELINES]
    assert list(rows) == [(model, horizon) for horizon in DEFAULT_HORIZONS for model in names]
    assert without_names(rows, "served") == without_names(rows, "model: ensemble")
    for horizon in DEFAULT_HORIZONS:
        # The last sessions of the year have no outcome within it.
        assert {rows[name, horizon]["origins"] for name in names} == {24 * (251 - horizon)}
    scores = [rows[name, 1]["crps"] for name in names[1:]]
    assert len(set(scores)) == len(scores)
    told = metadata_of(with_model, "forecast_skill", "2018")
    assert told["model"].startswith("ensemble-2017-")
    assert "| model: network |" in told["skill"]
    assert told["dagster/partition_row_count"] == 2 * len(rows)
    for horizon in (DEFAULT_HORIZONS[0], DEFAULT_HORIZONS[-1]):
        served = rows["served", horizon]
        assert told[f"skill_over_gjr_fhs_{horizon}"] == served["skill_gjr_fhs"]
        assert told[f"inside_90_{horizon}"] == served["coverage_90"]


@pytest.mark.usefixtures("with_model")
@pytest.mark.parametrize("horizon", [1, 21])
def test_what_is_judged_is_what_was_issued(lake, horizon):
    store, day = ParquetLake(str(lake)), "2018-02-01"
    materialize("forecasts", lake, day)
    issued = store.read("forecasts", day)
    issued = issued.filter(pc.equal(issued["horizon"], horizon)).sort_by("symbol")
    quantiles = np.stack([issued[quantile_column(level)].to_numpy() for level in DEFAULT_LEVELS], axis=1)
    later = sessions(date(2018, 2, 1), date(2018, 12, 31))[horizon].item()
    panel = store.panel(later, horizon + 1)
    assert panel.symbols == tuple(issued["symbol"].to_pylist())
    outcomes = np.log(panel.close[:, -1] / panel.close[:, 0])
    expected = crps_of_quantiles(quantiles[:, np.newaxis], DEFAULT_LEVELS, outcomes[:, np.newaxis]).mean()
    rows = store.read("forecast_scores", "2018").to_pylist()
    key = (date(2018, 2, 1), horizon, "served")
    [row] = [row for row in rows if (row["session"], row["horizon"], row["model"]) == key]
    assert row["origins"] == 24
    # The network computes in float32.
    assert row["crps"] == pytest.approx(expected, rel=1e-5)


@pytest.mark.usefixtures("with_model")
def test_years_judged_one_after_the_other_have_rows_of_the_whole_period(lake):
    periods = {
        year: set(ParquetLake(str(lake)).read("forecast_skill", year)["period"].to_pylist())
        for year in ("2016", "2017", "2018")
    }
    assert periods == {"2016": {"2016"}, "2017": {"2017", "2016-2017"}, "2018": {"2018", "2016-2018"}}
    single = [skill_rows(lake, year) for year in periods]
    for model in ("served", "ewma-fhs", "gjr-fhs", "model: har"):
        of_years = [rows[model, 5] for rows in single if (model, 5) in rows]
        whole = skill_rows(lake, "2018", "2016-2018")[model, 5]
        for name in ("days", "origins", "tested"):
            assert whole[name] == sum(row[name] for row in of_years), (model, name)
        mean = np.average([row["crps"] for row in of_years], weights=[row["origins"] for row in of_years])
        assert whole["crps"] == pytest.approx(mean, rel=1e-12)


@pytest.mark.usefixtures("with_model")
def test_a_year_in_between_that_was_not_judged_ends_the_period(lake, tmp_path):
    other = copy_lake(lake, tmp_path)
    for table in TABLES:
        LakeFiles(str(other)).delete(table, "2017.parquet")
    assert judge(other, "2018")["kept"] is False
    assert set(ParquetLake(str(other)).read("forecast_skill", "2018")["period"].to_pylist()) == {"2018"}
    assert skill_rows(other, "2018") == skill_rows(lake, "2018")


@pytest.mark.usefixtures("with_model")
def test_the_picture_is_a_small_png_within_the_metadata(with_model):
    plots = metadata_of(with_model, "forecast_skill", "2018")["plots"]
    start, end = "![calibration and skill over time](data:image/png;base64,", ")"
    assert plots.startswith(start)
    assert plots.endswith(end)
    assert len(plots) < 100_000
    assert base64.b64decode(plots[len(start) : -len(end)], validate=True).startswith(b"\x89PNG\r\n\x1a\n")


@pytest.mark.usefixtures("with_model")
def test_a_year_that_is_up_to_date_is_kept_and_told_again(lake, with_model):
    before, first = stamps(lake), metadata_of(with_model, "forecast_skill", "2018")
    told = judge(lake, "2018")
    assert told["kept"] is True
    assert stamps(lake) == before
    assert {name: told[name] for name in ("skill", "plots", "model")} == {
        name: first[name] for name in ("skill", "plots", "model")
    }


@pytest.mark.usefixtures("with_model")
def test_another_model_is_judged_again_and_the_baselines_stay_as_they_were(lake, tmp_path):
    other = copy_lake(lake, tmp_path)
    materialize("forecast_model", other, "2017", config={"seeds": [4], "epochs": 1})
    before, told = stamps(other), judge(other, "2018")
    assert told["kept"] is False
    after = stamps(other)
    assert {name for name in after if after[name] != before[name]} == {"2018.parquet"}
    first, second = (skill_rows(root, "2018") for root in (lake, other))
    assert first["model: network", 1]["crps"] != second["model: network", 1]["crps"]
    assert without_names(first, "gjr-fhs") == without_names(second, "gjr-fhs")


@pytest.mark.usefixtures("with_model")
def test_a_further_model_has_a_row_and_the_years_after_it_are_judged_again(lake, tmp_path, monkeypatch):
    other = copy_lake(lake, tmp_path, "forecast_model")
    twin = "tests.further_models:Twin"
    assert judge(other, "2016", "ewma-fhs", twin)["kept"] is False
    rows = skill_rows(other, "2016")
    assert without_names(rows, twin) == without_names(rows, "ewma-fhs")
    assert {key: row for key, row in rows.items() if key[0] != twin} == skill_rows(lake, "2016")
    assert judge(other, "2016", "ewma-fhs", twin)["kept"] is True
    # Its name says which weights it has.
    monkeypatch.setattr(Twin, "name", "twin-of-other-weights")
    assert judge(other, "2016", "ewma-fhs", twin)["kept"] is False
    assert judge(other, "2017")["kept"] is False
    assert (twin, 1) in skill_rows(other, "2017", "2016-2017")


@pytest.mark.usefixtures("without_model")
def test_an_unknown_model_is_refused_before_anything_is_judged(lake):
    before = stamps(lake)
    with pytest.raises(SettingsError, match=r"one of ewma-fhs, chronos, or package.module:Class.*'ewma'"):
        judge(lake, "2017", "ewma")
    assert stamps(lake) == before


@pytest.mark.usefixtures("without_model")
def test_a_model_that_was_trained_in_the_year_is_refused(lake):
    before, model = stamps(lake), "tests.further_models:TrainedThroughJune"
    with pytest.raises(InvalidInputError, match=r"trained on sessions before 2016-01-04; got trained through 2016-06"):
        judge(lake, "2016", model)
    assert stamps(lake) == before


@pytest.mark.usefixtures("without_model")
def test_a_model_that_knows_the_outcome_has_absurd_skill(lake, tmp_path):
    other, model = copy_lake(lake, tmp_path), "tests.further_models:Clairvoyant"
    earlier = "tests.further_models:TrainedThroughJune"
    told = judge(other, "2017", model, earlier)
    rows = skill_rows(other, "2017")
    for horizon in DEFAULT_HORIZONS:
        leaked = rows[model, horizon]
        assert leaked[baseline_column("skill", "gjr-fhs")] > 99.0
        assert leaked[baseline_column("t", "gjr-fhs")] < -10.0
        assert leaked["rank_ic"] > 0.99
        honest = max(rows[name, horizon][baseline_column("skill", "gjr-fhs")] for name in [*BASELINES, earlier])
        assert honest < 20.0
    assert f"| {model} | +9" in told["skill"]


@pytest.mark.usefixtures("without_model")
def test_a_year_without_an_origin_that_every_model_knows_says_so_and_writes_nothing(lake, tmp_path):
    other = copy_lake(lake, tmp_path, *TABLES)
    told = judge(other, "2016", "tests.further_models:EarlyOnly")
    assert told["judged"] is False
    assert told["reason"].startswith(
        "no origin of 2016 has an outcome and a forecast of every model that forecast any;"
    )
    assert "gjr-fhs: " in told["reason"]
    assert judged_years(other) == [[], []]
    assert judge(other, "2017")["kept"] is False
    assert set(ParquetLake(str(other)).read("forecast_skill", "2017")["period"].to_pylist()) == {"2017"}


def test_a_year_in_which_no_price_moves_says_so_and_writes_nothing(tmp_path):
    days = [str(day) for day in sessions(date(2015, 12, 28), date(2016, 12, 30))]
    store = ParquetLake(str(tmp_path))
    fill(store, {day: {"A": 10.0, "B": 20.0} for day in days})
    store.write("universe", days[-1], universe_rows(days[-1], ["A", "B"]), **WRITTEN)
    told = judge(tmp_path, "2016")
    assert told["judged"] is False
    assert "ewma-fhs: it forecast no origin with an outcome at h = 1, 2, 5, 10, 21" in told["reason"]
    assert judged_years(tmp_path) == [[], []]
