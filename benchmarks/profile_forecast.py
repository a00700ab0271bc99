"""A forecast day without Dagster: every symbol at one session, and at 70 rolling origins. What `make profile` samples.

Run from the project root: `python -m benchmarks.profile_forecast [--lake LAKE] [--model MODEL]`. Prints JSON.
"""

from __future__ import annotations

import argparse
import time
from datetime import date
from pathlib import Path

import numpy as np

from benchmarks.machine import machine, report
from kernels.as_of import PriceHistory, as_of_panel
from kernels.forecast.bars import ForecastBars
from kernels.market import instruments, simulate
from kernels.panel import PricePanel
from kernels.volatility import STATUSES, Forecasts
from resources.calendar import ALL_SESSIONS, session_number
from resources.forecast_history import bars_of_panel, sectors_of
from resources.forecast_models import ForecastModel, open_forecast_model, require_forecasts
from resources.forecast_models.serving import serve_trained
from resources.forecaster import Forecaster
from resources.lineage import LOOKBACK
from resources.model_store import ModelStore
from resources.parquet_lake import ParquetLake, open_lake
from resources.price_sources import DEFAULT_SEED
from resources.settings import PROJECT_ROOT

# Of the simulated market; it has no lake.
LAST = date(2018, 2, 7)


def main() -> None:
    """Build the bars, forecast, print."""
    parser = argparse.ArgumentParser(description="Forecast a day.")
    parser.add_argument("--lake", help="folder of a lake; without one, a simulated market")
    parser.add_argument("--symbols", type=int, default=500, help="symbols of the simulated market")
    parser.add_argument("--origins", type=int, default=70, help="rolling origins of each symbol")
    parser.add_argument(
        "--model", default="ewma-fhs", help="as the option `model` of the forecasts; trained: of --lake"
    )
    parser.add_argument("--path", help="of --model chronos: the folder of its checkpoint")
    parser.add_argument("--compiled", default=PROJECT_ROOT / "data" / "compiled", help="folder of compiled networks")
    parser.add_argument("--seconds", type=float, default=5.0, help="repeat the day for at least this long")
    parser.add_argument("--json", type=Path, help="file to write the numbers to")
    asked = parser.parse_args()
    lake = open_lake(asked.lake) if asked.lake else None
    began = time.perf_counter()
    panel, sectors = simulated(asked.symbols, asked.origins) if lake is None else newest(lake, asked.origins)
    bars = bars_of_panel(panel, sectors)
    model = opened(asked.model, asked.path, lake, asked.compiled, panel)
    seconds = {"bars": time.perf_counter() - began}
    began = time.perf_counter()
    warm_up(model, bars)
    seconds["warm_up"] = time.perf_counter() - began
    began, days = time.perf_counter(), 0
    seconds |= {"one_session": 0.0, "rolling_origins": 0.0}
    while days == 0 or time.perf_counter() - began < asked.seconds:
        start = time.perf_counter()
        forecasts = one_session(model, bars)
        middle = time.perf_counter()
        rolling_origins(model, bars, asked.origins)
        seconds["one_session"] += middle - start
        seconds["rolling_origins"] += time.perf_counter() - middle
        days += 1
    result = {
        "machine": machine(),
        "model": model.name,
        **model.details,
        "symbols": len(panel.symbols),
        "last_session": str(panel.sessions[-1]),
        "origins_of_a_symbol": asked.origins,
        "statuses": {name: int((forecasts.status == code).sum()) for code, name in enumerate(STATUSES)},
        "days": days,
        "seconds": {name: round(value, 4) for name, value in seconds.items()},
    }
    report(result, asked.json)


def simulated(symbols: int, origins: int) -> tuple[PricePanel, dict[str, str]]:
    """The panel and the sectors of the simulated market, long enough for the look-back of every origin."""
    stop = session_number(LAST) + 1
    first = stop - LOOKBACK - origins
    market = instruments(DEFAULT_SEED, symbols)
    bars = vars(simulate(market, stop, seed=DEFAULT_SEED, first=first))
    present = np.ones((symbols, stop - first), dtype=np.bool_)
    nothing = np.empty((0, 3), dtype=np.int32)
    history = PriceHistory(market.symbols, ALL_SESSIONS[first:stop], **bars, present=present, quarantined=nothing)
    return as_of_panel(history), dict(zip(market.symbols, market.sectors, strict=True))


def newest(lake: ParquetLake, origins: int) -> tuple[PricePanel, dict[str, str]]:
    """The panel and the sectors of the newest sessions of a lake."""
    last = max(lake.partitions("quarantine"))
    return lake.panel(date.fromisoformat(last), LOOKBACK + origins), sectors_of(lake, last)


def opened(name: str, path: str | None, lake: ParquetLake | None, compiled: str, panel: PricePanel) -> ForecastModel:
    """The model of a name; "trained" is the one of the lake that serves on the last session."""
    if name != "trained":
        return open_forecast_model(name, path=path)
    if lake is None:
        raise SystemExit("--model trained needs --lake: the models lie in it")
    return serve_trained(ModelStore(lake.files), Forecaster(compiled).run)(panel.sessions[-1].item().year)


def warm_up(model: ForecastModel, bars: ForecastBars) -> None:
    """Load and compile what the first forecast needs."""
    forecast(model, bars, 1, 1)


def one_session(model: ForecastModel, bars: ForecastBars) -> Forecasts:
    """Every symbol at the last session."""
    return forecast(model, bars, len(bars.close), 1)


def rolling_origins(model: ForecastModel, bars: ForecastBars, origins: int) -> Forecasts:
    """Every symbol at each of the last sessions, in one batch."""
    return forecast(model, bars, len(bars.close), origins)


def forecast(model: ForecastModel, bars: ForecastBars, rows: int, origins: int) -> Forecasts:
    """The first rows at the last sessions."""
    sessions = bars.close.shape[1]
    row = np.repeat(np.arange(rows, dtype=np.int32), origins)
    end = np.tile(np.arange(sessions - origins, sessions, dtype=np.int32), rows)
    made = model.forecast(bars, row, end)
    require_forecasts(model.name, made, len(row))
    return made


if __name__ == "__main__":
    main()
