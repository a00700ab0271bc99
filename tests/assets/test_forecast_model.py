"""The yearly model and the daily forecasts that it serves, on a lake of two years of the simulated market."""

import shutil
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from kernels.errors import InvalidInputError, LakeError, MissingHistoryError
from resources.model_store import ModelStore
from resources.parquet_lake import ParquetLake
from tests.forecast_runs import JANUARY, execute, forecast, metadata_of, two_year_lake


@pytest.fixture(scope="module")
def lake(tmp_path_factory) -> Path:
    return two_year_lake(tmp_path_factory.mktemp("two-years"))


@pytest.fixture(scope="module")
def trained(lake):
    """The result of training the model of 2017; the lake holds it."""
    return execute("train_forecast_model", lake, "2017")


def test_a_model_says_what_it_is_and_whether_it_serves(lake, trained):
    stored = ModelStore(ParquetLake(str(lake)).files).read(2017)
    told = metadata_of(trained, "forecast_model", "2017")
    assert (stored.trained_through, told["trained_through"]) == (date(2017, 12, 29), "2017-12-29")
    assert (stored.serves, told["serves"]) == ("ensemble", "ensemble")
    assert "CRPS below that of GJR-FHS in the held-out year" in told["reason"]
    assert told["symbols"] == 24
    assert told["training_rows"] > 5_000
    assert len(told["held_out"].records) == 3 * 5
    assert told["model"] == stored.model_id
    assert not list(lake.glob("forecast_model/*.training"))


@pytest.mark.usefixtures("trained")
def test_a_model_that_is_up_to_date_is_kept(lake):
    path = lake / "forecast_model" / "2017.safetensors"
    before = path.stat().st_mtime_ns
    told = metadata_of(execute("train_forecast_model", lake, "2017"), "forecast_model", "2017")
    assert told["kept"] is True
    assert path.stat().st_mtime_ns == before


@pytest.mark.usefixtures("trained")
def test_the_same_data_gives_the_same_bytes_and_other_settings_another_model(lake, tmp_path):
    other = tmp_path / "lake"
    shutil.copytree(lake, other, ignore=shutil.ignore_patterns("forecast*"))
    execute("train_forecast_model", other, "2017")
    first, second = ((root / "forecast_model" / "2017.safetensors").read_bytes() for root in (lake, other))
    assert first == second
    config = {"ops": {"forecast_model": {"config": {"seeds": [4]}}}}
    told = metadata_of(execute("train_forecast_model", other, "2017", **config), "forecast_model", "2017")
    assert told["kept"] is False
    assert (other / "forecast_model" / "2017.safetensors").read_bytes() != first


@pytest.mark.usefixtures("trained")
def test_bars_after_the_year_change_no_model(lake, tmp_path):
    other = tmp_path / "lake"
    shutil.copytree(lake, other, ignore=shutil.ignore_patterns("forecast*"))
    for session in JANUARY[1:]:
        shutil.copy(other / "prices" / f"{JANUARY[0]}.parquet", other / "prices" / f"{session}.parquet")
    execute("train_forecast_model", other, "2017")
    first, second = ((root / "forecast_model" / "2017.safetensors").read_bytes() for root in (lake, other))
    assert first == second


def test_a_training_that_is_killed_goes_on_where_it_stopped(lake, tmp_path, monkeypatch, trained):
    assert trained.success
    other = tmp_path / "lake"
    shutil.copytree(lake, other, ignore=shutil.ignore_patterns("forecast*"))
    honest = ModelStore.write_state

    def killed(store, year, made_from, state):
        honest(store, year, made_from, state)
        if state.epoch == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(ModelStore, "write_state", killed)
    with pytest.raises(BaseException, match=r".*"):
        execute("train_forecast_model", other, "2017")
    assert (other / "forecast_model" / "2017.training").exists()
    monkeypatch.setattr(ModelStore, "write_state", honest)
    assert execute("train_forecast_model", other, "2017").success
    first, second = ((root / "forecast_model" / "2017.safetensors").read_bytes() for root in (lake, other))
    assert first == second
    assert not (other / "forecast_model" / "2017.training").exists()


def test_a_year_with_too_little_history_has_a_model_that_does_not_serve(lake, tmp_path):
    other = tmp_path / "lake"
    shutil.copytree(lake, other, ignore=shutil.ignore_patterns("forecast*"))
    told = metadata_of(execute("train_forecast_model", other, "2016"), "forecast_model", "2016")
    assert told["serves"] == "the baseline ewma-fhs"
    assert "too little" in told["reason"]
    told = metadata_of(forecast(other, "2017-12-29"), "forecasts", "2017-12-29")
    assert told["model"] == "ewma-fhs"
    assert "the model of 2016 does not serve: too little history" in told["model_reason"]


def test_a_year_of_a_few_sessions_is_refused(lake):
    with pytest.raises(InvalidInputError, match="at least 250 rows"):
        execute("train_forecast_model", lake, "2015")


def test_a_year_that_is_not_whole_is_refused(lake):
    with pytest.raises(MissingHistoryError, match="2018-01-16"):
        execute("train_forecast_model", lake, "2018")


@pytest.mark.usefixtures("trained")
def test_the_model_serves_the_next_year_and_never_sees_the_session(lake):
    result = forecast(lake, JANUARY[-1])
    told = metadata_of(result, "forecasts", JANUARY[-1])
    store = ParquetLake(str(lake))
    rows = store.read("forecasts", JANUARY[-1])
    assert set(rows["model"].to_pylist()) == {told["model"]} == {ModelStore(store.files).read(2017).model_id}
    assert set(rows["trained_through"].to_pylist()) == {date(2017, 12, 29)}
    assert told["forecaster_state"] == "switched off"
    assert set(rows["status"].to_pylist()) == {"ok"}
    checks = {each.check_name: each for each in result.get_asset_check_evaluations()}
    assert checks["trained_before"].passed
    assert checks["trained_before"].metadata["known"].value == 24 * 5


@pytest.mark.usefixtures("trained")
def test_the_year_before_has_no_model_so_the_baseline_serves_and_says_how_to_train_one(lake):
    told = metadata_of(forecast(lake, "2017-12-29"), "forecasts", "2017-12-29")
    assert told["model"] == "ewma-fhs"
    assert told["trained_through"] == "untrained"
    assert 'train_forecast_model --tags \'{"dagster/partition": "2016"}\'' in told["model_reason"]
    rows = ParquetLake(str(lake)).read("forecasts", "2017-12-29")
    assert rows["trained_through"].null_count == len(rows)


@pytest.mark.usefixtures("trained")
def test_a_range_over_the_new_year_and_a_change_of_sectors_equals_day_by_day(lake, tmp_path):
    days = ["2017-12-28", "2017-12-29", *JANUARY]
    forecast(lake, days[0], days[-1])
    other = tmp_path / "lake"
    shutil.copytree(lake, other, ignore=shutil.ignore_patterns("forecasts"))
    for day in days:
        forecast(other, day)
    for day in days:
        first, second = ((root / "forecasts" / f"{day}.parquet").read_bytes() for root in (lake, other))
        assert first == second, day


@pytest.mark.usefixtures("trained")
def test_the_trained_model_is_not_the_baseline(lake):
    store = ParquetLake(str(lake))
    forecast(lake, JANUARY[0])
    own = store.read("forecasts", JANUARY[0])["q050"].to_numpy()
    from resources.wiring import ForecastModelResource

    forecast(lake, JANUARY[0], served_model=ForecastModelResource(model="ewma-fhs"))
    baseline = store.read("forecasts", JANUARY[0])
    assert set(baseline["model"].to_pylist()) == {"ewma-fhs"}
    assert np.abs(own / baseline["q050"].to_numpy() - 1.0).min() > 1e-6


def test_a_damaged_model_stops_the_forecasts_and_says_how_to_mend_it(lake, tmp_path, trained):
    assert trained.success
    other = tmp_path / "lake"
    shutil.copytree(lake, other, ignore=shutil.ignore_patterns("forecasts"))
    path = other / "forecast_model" / "2017.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(LakeError, match=r"delete the file, then: dagster job execute"):
        forecast(other, JANUARY[0])
