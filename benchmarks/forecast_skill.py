"""How good the volatility models are: a walk-forward over the last three years of a lake, refitted every year.

Run from the project root: `python -m benchmarks.forecast_skill LAKE [--json PATH]`. Each fold fits GJR and HAR on the
sessions before it and forecasts every session and symbol of it: with each symbol's own residuals, with those of all
symbols pooled ("pooled"), and with the mean of both ("both"). All models are judged on the same origins and outcomes.
The panel is that of the last session: bars that were found faulty later are left out of the past too.
"""

from __future__ import annotations

import argparse
import time
from datetime import date
from pathlib import Path

import numpy as np

from benchmarks.machine import machine, report
from kernels.forecast import coverage, crps_of_quantiles, daily_means, diebold_mariano, skill
from kernels.panel import PricePanel
from kernels.volatility import (
    DEFAULT_HORIZONS,
    DEFAULT_LEVELS,
    ewma_fhs,
    fit_gjr,
    fit_har,
    fit_pooled_quantiles,
    forecast_from_pool,
    gjr_fhs,
    gjr_scales,
    har_fhs,
    har_scales,
    mean_forecast,
)
from kernels.volatility.gjr import GJR_RETURNS, TARGET_RETURNS
from resources.parquet_lake import open_lake

FOLDS, FOLD_SESSIONS, LOOKBACK = 3, 252, 504
INTERVALS = (0.5, 0.8, 0.9, 0.98)
BASELINES = ("ewma", "gjr")


def main() -> None:
    """Forecast, compare, print and, on request, write."""
    parser = argparse.ArgumentParser(description="Walk-forward skill of the volatility models.")
    parser.add_argument("lake", help="folder of a lake with at least five years of prices")
    parser.add_argument("--json", type=Path, help="file to write the numbers to")
    asked = parser.parse_args()
    lake = open_lake(asked.lake)
    sessions = lake.partitions("quarantine")
    panel = lake.panel(date.fromisoformat(sessions[-1]), len(sessions))
    began = time.perf_counter()
    folds = [one_fold(panel, fold) for fold in range(FOLDS)]
    quantiles = {name: np.concatenate([fold[0][name] for fold in folds]) for name in folds[0][0]}
    outcomes, day = (np.concatenate([fold[part] for fold in folds]) for part in (1, 2))
    result = {
        "machine": machine(),
        "symbols": len(panel.symbols),
        "sessions": [str(panel.sessions[day.min()]), str(panel.sessions[day.max()])],
        "seconds": round(time.perf_counter() - began, 1),
        "fits": [fold[3] for fold in folds],
        "horizons": {
            str(horizon): compare(
                horizon, {name: q[:, [index]] for name, q in quantiles.items()}, outcomes[:, [index]], day
            )
            for index, horizon in enumerate(DEFAULT_HORIZONS)
        },
    }
    report(result, asked.json)


def one_fold(panel: PricePanel, fold: int) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray, dict[str, object]]:
    """Quantiles [E, H, Q] by model, outcomes [E, H], the column of each origin, and what was fitted."""
    series, total = panel.close.shape
    last = total - FOLD_SESSIONS * (FOLDS - fold - 1) - 1
    first = last - FOLD_SESSIONS + 1
    bars = panel.open, panel.high, panel.low, panel.close
    gjr, _ = fit_gjr(panel.close, 0, first - 1)
    har, har_report = fit_har(*bars, 0, first - 1)
    row, end = (np.ascontiguousarray(each.ravel(), dtype=np.int32) for each in np.mgrid[0:series, first : last + 1])
    scales = {"gjr": gjr_scales(panel.close, gjr), "har": har_scales(*bars, har)}
    made = {
        "ewma": ewma_fhs(panel.close, row, end, lookback=LOOKBACK),
        "gjr": gjr_fhs(panel.close, row, end, gjr, lookback=LOOKBACK + GJR_RETURNS + TARGET_RETURNS),
        "har": har_fhs(*bars, row, end, har, lookback=LOOKBACK),
    }
    for name, scale in scales.items():
        pooled = fit_pooled_quantiles(panel.close, scale, 0, first - 1)
        made[f"{name}, pooled"] = forecast_from_pool(panel.close, scale, row, end, pooled)
    made["har, both"] = mean_forecast([made["har"], made["har, pooled"]])
    made["gjr and har, both"] = mean_forecast(
        [each for name, each in made.items() if name not in ("ewma", "har, both")]
    )
    quantiles = {name: each.quantiles for name, each in made.items()}
    fitted = {"first": str(panel.sessions[first]), "gjr": vars(gjr), "har_r_squared": har_report.r_squared}
    return quantiles, outcomes_of(panel, row, end), end, fitted


def outcomes_of(panel: PricePanel, row: np.ndarray, end: np.ndarray) -> np.ndarray:
    """The log return from each origin over each horizon, [E, H]; NaN where a bar is missing or still to come."""
    log_close = np.log(panel.close)
    later = np.full((len(row), len(DEFAULT_HORIZONS)), np.nan)
    for index, horizon in enumerate(DEFAULT_HORIZONS):
        inside = end + horizon < log_close.shape[1]
        later[inside, index] = log_close[row[inside], end[inside] + horizon] - log_close[row[inside], end[inside]]
    return later


def compare(
    horizon: int, quantiles: dict[str, np.ndarray], outcomes: np.ndarray, day: np.ndarray
) -> dict[str, dict[str, object]]:
    """The models at one horizon, on the origins that all of them forecast."""
    crps = {name: crps_of_quantiles(q, DEFAULT_LEVELS, outcomes)[:, 0] for name, q in quantiles.items()}
    known = np.isfinite(list(crps.values())).all(axis=0)
    daily = {name: daily_means(loss[known], day[known])[1] for name, loss in crps.items()}
    table: dict[str, dict[str, object]] = {}
    for name in quantiles:
        inside = coverage(quantiles[name][known], DEFAULT_LEVELS, outcomes[known], INTERVALS)
        table[name] = {
            "origins": int(known.sum()),
            "crps": float(crps[name][known].mean()),
            "coverage": dict(zip(map(str, INTERVALS), np.round(inside.ravel(), 4).tolist(), strict=True)),
        }
        for baseline in BASELINES:
            if baseline != name:
                table[name][f"skill over {baseline}, %"] = round(skill(crps[name][known], crps[baseline][known]), 3)
                test = diebold_mariano(daily[name], daily[baseline], horizon)
                table[name][f"t against {baseline}"] = round(float(test.t), 2)
    return table


if __name__ == "__main__":
    main()
