"""How good the forecast models are: a walk-forward over the last three whole years of a lake, refitted every year.

Run from the project root: `python -m benchmarks.forecast_skill LAKE [--json PATH]`. Every session and symbol of a year
is forecast by models fitted on all sessions before the year: the baselines, and the candidates of the project's own
model, whose network is trained here, too. All are judged on the same origins and outcomes. The panel is that of the
last session: bars that were found faulty later are left out of the past too.
"""

from __future__ import annotations

import argparse
import json
import time
from datetime import date
from pathlib import Path

import numpy as np

from benchmarks.machine import machine
from kernels.forecast import ForecastScores, join_scores, outcomes_of, score_forecasts, summarise
from kernels.forecast.bars import ForecastBars
from kernels.forecast.baselines import baseline_forecasts
from kernels.forecast.config import NetworkConfig
from kernels.forecast.fit import fit_model
from kernels.forecast.fitted import candidate_forecasts
from kernels.volatility import DEFAULT_HORIZONS, DEFAULT_LEVELS
from resources.forecast_history import bars_of_panel, sectors_of
from resources.forecaster import Forecaster
from resources.parquet_lake import open_lake
from resources.skill_tables import skill_markdown, skill_table

YEARS, WHOLE_YEAR = 3, 200
"""How many years are forecast, and the fewest sessions of a year that counts as whole."""

KEPT = (
    *("period", "horizon", "model", "origins", "crps"),
    *("skill_ewma_fhs", "t_ewma_fhs", "skill_gjr_fhs", "t_gjr_fhs"),
    *("coverage_50", "coverage_80", "coverage_90", "coverage_98", "qlike", "rank_ic", "rank_ic_t"),
)
"""Columns of the skill table that are written."""


def main() -> None:
    """Forecast, compare, print and, on request, write."""
    parser = argparse.ArgumentParser(description="Walk-forward skill of the forecast models.")
    parser.add_argument("lake", help="folder of a lake with at least five years of prices")
    parser.add_argument("--json", type=Path, help="file to write the numbers to")
    asked = parser.parse_args()
    lake = open_lake(asked.lake)
    sessions = lake.partitions("quarantine")
    panel = lake.panel(date.fromisoformat(sessions[-1]), len(sessions))
    bars = bars_of_panel(panel, sectors_of(lake, sessions[-1]))
    years = panel.sessions.astype("datetime64[Y]").astype(int) + 1970
    whole = [int(year) for year in np.unique(years) if np.sum(years == year) >= WHOLE_YEAR and year > years[0]]
    if not whole:
        parser.error(f"{asked.lake} has no year of {WHOLE_YEAR} sessions with a year before it")
    periods, seconds = {}, {}
    for year in whole[-YEARS:]:
        began = time.perf_counter()
        periods[str(year)], training = scores_of_year(bars, panel.sessions, years, year)
        seconds[str(year)] = {"all": round(time.perf_counter() - began, 1), "fit_and_train": round(training, 1)}
        print(f"{year}: {seconds[str(year)]} s")
    periods[f"{min(periods)}-{max(periods)}"] = join_scores(list(periods.values()))
    table = skill_table({period: summarise(each) for period, each in periods.items()})
    print(skill_markdown(table))
    if asked.json is not None:
        rows = [{name: _short(row[name]) for name in KEPT} for row in table.to_pylist()]
        result = {"machine": machine(), "symbols": len(panel.symbols), "seconds": seconds, "skill": rows}
        asked.json.parent.mkdir(parents=True, exist_ok=True)
        asked.json.write_text(json.dumps(result, indent=0) + "\n")


def scores_of_year(bars: ForecastBars, days: np.ndarray, years: np.ndarray, year: int) -> tuple[ForecastScores, float]:
    """The scores of all models in a year, fitted on all sessions before it; and the seconds that training took."""
    columns = np.flatnonzero(years == year)
    first, last = int(columns[0]), int(columns[-1])
    row, end = (
        np.ascontiguousarray(each.ravel(), dtype=np.int32) for each in np.mgrid[0 : len(bars.close), first : last + 1]
    )
    made, left_out = baseline_forecasts(bars, 0, first - 1, row, end)
    assert not left_out, left_out
    began = time.perf_counter()
    model = fit_model(before(bars, first), int(np.argmax(years == year - 1)), NetworkConfig()).model
    seconds = time.perf_counter() - began
    forecaster = Forecaster(Path("unused"), warmup=False)
    made |= {
        f"model: {name}": each for name, each in candidate_forecasts(model, bars, row, end, forecaster.run).items()
    }
    outcomes = outcomes_of(bars.close, row, end, DEFAULT_HORIZONS)
    return score_forecasts(made, outcomes, row, days[end], DEFAULT_HORIZONS, DEFAULT_LEVELS), seconds


def _short(value: object) -> object:
    return float(f"{value:.5g}") if isinstance(value, float) else value


def before(bars: ForecastBars, first: int) -> ForecastBars:
    """The bars of the columns before `first`."""
    cut = {name: np.ascontiguousarray(values[..., :first]) for name, values in vars(bars).items() if name != "sector"}
    return ForecastBars(**cut, sector=bars.sector)


if __name__ == "__main__":
    main()
