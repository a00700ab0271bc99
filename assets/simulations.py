"""What the forecasts were worth in trading lately: rolling origins of every symbol, through the simulator."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import dagster as dg
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from assets.forecast_inputs import Stretch, forecast_bars, stretches
from assets.forecast_model import forecast_model
from assets.lookback import Lookback, load_symbols
from assets.partitions import session_keys
from assets.pictures import simulation_picture, traded_strategies
from assets.quarantine import quarantine
from assets.session_run import PREVIEW_ROWS, Followed, SessionRun, over_lookback, session_asset, table_of
from assets.universe import universe
from kernels.as_of import as_of_dividends, as_of_panel
from kernels.device import Backend
from kernels.strategies import OK, STRATEGIES, RollingResult, simulate_rolling
from kernels.trading import Bars
from resources.contracts import SIMULATIONS
from resources.forecast_models.base import ForecastModel
from resources.forecast_models.serving import ModelOfYear, forecast_by_year
from resources.lineage import LOOKBACK, made_from_lookback, require_history, require_inputs
from resources.parquet_lake import ParquetLake
from resources.price_history import history_sessions, lookback_start
from resources.simulation_tables import simulations_table
from resources.wiring import ForecasterResource, ForecastModelResource, LakeResource, ScanSettingsResource

CODE_VERSION = "1"
SEED = 7
ORIGINS = 70


class SimulationsConfig(dg.Config):
    """How far back the forecasts are traded."""

    origins: int = Field(default=ORIGINS, ge=1, le=LOOKBACK, description="Sessions before this one that are traded.")
    resamples: int = Field(default=1000, ge=2, description="Of the bootstrap behind the intervals.")


@session_asset(
    SIMULATIONS,
    CODE_VERSION,
    group="forecasts",
    kinds=("parquet", "numba", "pytorch"),
    deps=[
        universe,
        over_lookback(quarantine, LOOKBACK + ORIGINS),
        dg.AssetDep(forecast_model, partition_mapping=dg.AllPartitionMapping()),
    ],
)
def simulations(
    context: dg.AssetExecutionContext,
    config: SimulationsConfig,
    lake: LakeResource,
    scan_settings: ScanSettingsResource,
    served_model: ForecastModelResource,
    forecaster: ForecasterResource,
) -> dg.MaterializeResult:
    """What the forecasts were worth in trading: a row is a strategy on a member, with its return and Sharpe ratio.

    At the close of each of the last 70 sessions the model of its year forecasts, a strategy decides, and the order is
    filled at the next open, with costs. The intervals come from a bootstrap; the deflated Sharpe ratio counts the
    strategies tried. Seventy sessions say little, and the intervals say how little.
    """
    keys = session_keys(context)
    store, backend = lake.open(), scan_settings.chosen_backend()
    require_history(store, keys)
    warmed = forecaster.open()
    model_of_year = served_model.open(store, warmed.run, backend)
    made_from = made_from_lookback(
        store,
        keys,
        ["prices", "quarantine"],
        {
            "model": {key: [model_of_year(year).name for year in _years(key, config.origins)] for key in keys},
            "universe": require_inputs(store, "universe", keys),
            "options": (config.origins, config.resamples),
        },
        lookback=LOOKBACK + config.origins,
    )
    run = SessionRun(
        context,
        store,
        SIMULATIONS,
        CODE_VERSION,
        made_from,
        Followed(("hurdle", "trades", "sharpe_252", "sharpe_low"), _numbers),
    )
    pending = run.pending()
    if pending:
        told = run.by_session
        run.write(_tables(store, stretches(store, pending), config, model_of_year, backend, told), len(pending))
        run.metadata |= warmed.report()
    return run.result(lambda key: _best(store, key))


def _numbers(table: pa.Table) -> dict[str, int | float]:
    """Of the strategies that traded, benchmarks apart. By chance alone 2.5 % of the intervals lie above 0."""
    traded = table.filter(pc.and_(pc.is_valid(table["hurdle"]), pc.greater(table["trades"], 0)))
    sharpe, low = traded["sharpe_252"].drop_null(), traded["sharpe_low"].drop_null()
    return {
        **({"median_sharpe": float(np.median(sharpe.to_numpy()))} if len(sharpe) else {}),
        **({"sharpe_above_0_share": float((low.to_numpy() > 0.0).mean())} if len(low) else {}),
    }


def _best(lake: ParquetLake, key: str) -> dict[str, Any]:
    traded = traded_strategies(lake, key)
    best = traded.slice(0, PREVIEW_ROWS)
    rows = zip(*(column.to_pylist() for column in best.columns), strict=True)
    return {"best_deflated_sharpe": simulation_picture(traded), "best_strategies": table_of(best.column_names, rows)}


def _years(key: str, origins: int) -> range:
    """The years that the origins of a session may lie in."""
    session = date.fromisoformat(key)
    return range(lookback_start(session, origins + 1).year, session.year + 1)


@dataclass(frozen=True)
class _Traded:
    """The forecasts that a stretch of sessions trades.

    Attributes:
        look: the look-back of the first origin, and every session up to the last one of the stretch.
        quantiles: float64 [D, S, H, Q], of the asked session and symbol, as forecast at its close.
        volatility: float64 [D, S, H].
        seen: bool [D], whether the model was trained on the session; then its forecasts are NaN: it knows what came.
    """

    look: Lookback
    quantiles: npt.NDArray[np.float64]
    volatility: npt.NDArray[np.float64]
    seen: npt.NDArray[np.bool_]


def _tables(
    lake: ParquetLake,
    pending: Iterator[Stretch],
    config: SimulationsConfig,
    model_of_year: ModelOfYear,
    backend: Backend,
    told: dict[str, dict[str, Any]],
) -> Iterator[tuple[str, pa.Table]]:
    for stretch in pending:
        traded = _forecast(lake, stretch, config.origins, model_of_year)
        look = traded.look
        for key in stretch.keys:
            today = int(np.searchsorted(look.asked, np.datetime64(key)))
            span = slice(max(0, today - config.origins), today)
            origins, seen = look.asked[span], int(traded.seen[span].sum())
            result = _simulate(lake, traded, today, len(origins), config.resamples, backend)
            years = np.unique(origins.astype("datetime64[Y]")).astype(int) + 1970
            model = ", ".join(dict.fromkeys(model_of_year(year).name for year in years.tolist()))
            told[key] = {"model": model, "origins": len(origins), **_faults(look, result)}
            told[key] |= {"origins_in_training": seen} if seen else {}
            yield key, simulations_table(look.asked[today], origins[0], look.symbols, result, model)


def _forecast(lake: ParquetLake, stretch: Stretch, origins: int, model_of_year: ModelOfYear) -> _Traded:
    """Forecast the stretch's members at every session that it trades, in one batch, from bars as known at its close."""
    symbols = np.array(sorted(stretch.sectors), dtype=np.str_)
    first, last = (date.fromisoformat(stretch.keys[place]) for place in (0, -1))
    asked = history_sessions(lookback_start(first, origins + 1), last, min(lake.stamps("prices"), default=None))
    look = load_symbols(lake, asked, symbols, [np.arange(len(symbols))] * len(asked))
    at = look.origins
    made = forecast_by_year(model_of_year, forecast_bars(look, stretch.sectors), look.sessions, at.row, at.end)
    quantiles, volatility = made.quantiles[at.by_session], made.volatility[at.by_session]
    seen = np.array([_has_seen(model_of_year(day.year), day) for day in asked.tolist()])
    quantiles[seen] = volatility[seen] = np.nan
    return _Traded(look, quantiles, volatility, seen)


def _has_seen(model: ForecastModel, day: date) -> bool:
    return model.trained_through is not None and day <= model.trained_through


def _simulate(
    lake: ParquetLake, traded: _Traded, today: int, origins: int, resamples: int, backend: Backend
) -> RollingResult:
    """Trade the `origins` sessions before `today`, an index into the asked sessions, on bars as known today."""
    look, span = traded.look, slice(today - origins, today)
    history = lake.history(look.asked[span.start].item(), look.asked[today].item(), look.symbols.tolist())
    return simulate_rolling(
        Bars.of_panel(as_of_panel(history), as_of_dividends(history)),
        np.arange(origins, dtype=np.int32),
        np.ascontiguousarray(traded.quantiles[span].swapaxes(0, 1)),
        np.ascontiguousarray(traded.volatility[span].swapaxes(0, 1)),
        seed=SEED,
        resamples=resamples,
        backend=backend,
    )


def _faults(look: Lookback, result: RollingResult) -> Mapping[str, Any]:
    """How many symbols couldn't be simulated, and the first of them; the others went on."""
    bad = (result.status != OK).all(axis=1)
    return {
        "simulated_symbols": int((~bad).sum()),
        "strategies": len(STRATEGIES),
        "symbols_not_simulated": int(bad.sum()),
        **({"not_simulated": ", ".join(look.symbols[bad][:20].tolist())} if bad.any() else {}),
    }
