"""The guide docs/add-a-forecast-model.md: its model forecasts, its run config switches it on, its comparison runs."""

import re
import sys
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow.compute as pc
import pytest

from kernels.volatility import DEFAULT_HORIZONS, DEFAULT_LEVELS, STATUSES
from resources.forecast_models import ForecastModel, open_forecast_model, require_forecasts
from resources.parquet_lake import ParquetLake
from tests.forecast_panel import all_origins, forecast_bars, random_closes
from tests.market_lake import fill_lake

ROOT = Path(__file__).resolve().parent.parent
GUIDE = (ROOT / "docs" / "add-a-forecast-model.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", GUIDE, flags=re.DOTALL | re.MULTILINE)


[MODEL] = blocks("python")


@pytest.fixture
def model(tmp_path, monkeypatch) -> ForecastModel:
    (tmp_path / "my_model.py").write_text(MODEL)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "my_model", raising=False)
    return open_forecast_model("my_model:MyModel")


def test_the_file_of_the_guide_is_short_and_on_one_page():
    assert len(MODEL.splitlines()) <= 40


def test_the_model_of_the_guide_forecasts_what_it_says(model):
    close = random_closes(5, 100, seed=1)
    close[:, 40:] = np.where(np.isnan(close[:, 40:]), 50.0, close[:, 40:])
    close[1, -1], close[2, 70], close[3] = np.nan, np.nan, 20.0
    row, end = all_origins(5, range(99, 100))
    made = model.forecast(forecast_bars(close), row, end)
    require_forecasts(model.name, made, 5)
    assert [STATUSES[status] for status in made.status] == [
        "ok",
        "no bar at the origin",
        "too little history",
        "constant prices",
        "ok",
    ]
    deviation = np.std(np.diff(np.log(close[0, -61:])))
    np.testing.assert_allclose(made.volatility[0], deviation * np.sqrt(DEFAULT_HORIZONS))
    np.testing.assert_allclose(
        made.quantiles[0, :, DEFAULT_LEVELS.index(0.975)], 1.95996 * made.volatility[0], rtol=1e-5
    )
    assert (made.quantiles[0, :, DEFAULT_LEVELS.index(0.5)] == 0.0).all()


def test_the_model_of_the_guide_keeps_its_promises(model):
    close = random_closes(6, 160, seed=2)
    row, end = all_origins(6, range(0, 150, 3))
    together = model.forecast(forecast_bars(close), row, end)
    assert set(together.status.tolist()) == {0, 1, 2}
    later = close.copy()
    later[:, 120:] *= 2.0
    changed = model.forecast(forecast_bars(later), row, end)
    for origin in range(len(row)):
        alone = model.forecast(forecast_bars(close), row[[origin]], end[[origin]])
        for name in ("quantiles", "volatility", "residuals", "status"):
            np.testing.assert_array_equal(getattr(alone, name)[0], getattr(together, name)[origin])
            if end[origin] < 120:
                np.testing.assert_array_equal(getattr(changed, name)[origin], getattr(together, name)[origin])


def test_the_run_config_of_the_guide_switches_it_on(model):
    yaml = pytest.importorskip("yaml")
    definitions = pytest.importorskip("definitions")
    config, _ = blocks("yaml")
    [(resource, options)] = yaml.safe_load(config)["resources"].items()
    assert resource in definitions.defs.resources
    configured = type(definitions.defs.resources[resource])(**options["config"])
    assert configured.open(None, None, "auto")(2018).name == model.name


def test_the_comparison_of_the_guide_judges_it(tmp_path, monkeypatch):
    yaml = pytest.importorskip("yaml")
    runs = pytest.importorskip("tests.forecast_runs")
    fill_lake(tmp_path / "lake", 6, date(2016, 1, 4), date(2017, 12, 29))
    (tmp_path / "my_model.py").write_text(MODEL)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "my_model", raising=False)
    _, config = blocks("yaml")
    runs.execute("train_forecast_model", tmp_path / "lake", "2017", **yaml.safe_load(config))
    table = ParquetLake(str(tmp_path / "lake")).read("forecast_skill", "2017")
    judged = table.filter(pc.equal(table["model"], "my_model:MyModel"))
    assert judged["horizon"].to_pylist() == list(DEFAULT_HORIZONS)
    assert -5.0 < judged["skill_ewma_fhs"][0].as_py() < 5.0
