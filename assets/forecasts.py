"""What each symbol may do next: quantiles of the log return to each horizon."""

from collections.abc import Iterator

import dagster as dg
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from assets.forecast_inputs import Stretch, forecast_bars, stretches
from assets.forecast_model import forecast_model
from assets.lookback import load_lookback
from assets.partitions import session_keys
from assets.pictures import forecast_pictures
from assets.quarantine import quarantine
from assets.session_run import Followed, SessionRun, over_lookback, session_asset
from assets.universe import universe
from kernels.volatility import DEFAULT_HORIZONS
from resources.contracts import FORECASTS
from resources.forecast_models.base import ForecastModel, require_forecasts
from resources.forecast_models.serving import report_of
from resources.lineage import made_from_lookback, require_history, require_inputs
from resources.parquet_lake import ParquetLake
from resources.tables import forecast_tables
from resources.wiring import ForecasterResource, ForecastModelResource, LakeResource, ScanSettingsResource

CODE_VERSION = "2"
LONGEST = DEFAULT_HORIZONS[-1]


@session_asset(
    FORECASTS,
    CODE_VERSION,
    group="forecasts",
    kinds=("parquet", "pytorch"),
    deps=[
        universe,
        over_lookback(quarantine),
        # It is the one of the year before; Dagster counts offsets in sessions here, and years differ in them.
        dg.AssetDep(forecast_model, partition_mapping=dg.AllPartitionMapping()),
    ],
)
def forecasts(
    context: dg.AssetExecutionContext,
    lake: LakeResource,
    scan_settings: ScanSettingsResource,
    served_model: ForecastModelResource,
    forecaster: ForecasterResource,
) -> dg.MaterializeResult:
    """What prices may do next: a row is a member and a horizon, with eleven quantiles of its log return to there.

    Horizons are 1, 2, 5, 10 and 21 sessions. The model trained through the year before serves. Where there is none, or
    where it didn't beat its hurdle, the baseline serves and says so: filtered historical simulation over EWMA
    volatility. Either says how much a price may move, hardly in which direction. A symbol with too little history has a
    row that says so.
    """
    keys = session_keys(context)
    store = lake.open()
    require_history(store, keys)
    warmed = forecaster.open()
    model_of_year = served_model.open(store, warmed.run, scan_settings.chosen_backend())
    models = {key: model_of_year(int(key[:4])) for key in keys}
    made_from = made_from_lookback(
        store,
        keys,
        ["prices", "quarantine"],
        {
            "model": {key: model.name for key, model in models.items()},
            "universe": require_inputs(store, "universe", keys),
        },
    )
    run = SessionRun(
        context, store, FORECASTS, CODE_VERSION, made_from, Followed(("horizon", "status", "volatility"), _numbers)
    )
    pending = run.pending()
    if pending:
        run.write(_tables(store, stretches(store, pending), models), len(pending))
        run.metadata |= warmed.report()
    for key in keys:
        run.by_session[key] = report_of(models[key])
    return run.result(lambda key: {"largest_expected_moves": forecast_pictures(store, key)})


def _numbers(table: pa.Table) -> dict[str, int | float]:
    known = table.filter(pc.and_(pc.equal(table["horizon"], LONGEST), pc.equal(table["status"], "ok")))
    median = (
        {f"median_volatility_{LONGEST}": float(np.median(known["volatility"].to_numpy()))} if known.num_rows else {}
    )
    return {"symbols_with_forecast": known.num_rows, **median}


def _tables(
    lake: ParquetLake, pending: Iterator[Stretch], models: dict[str, ForecastModel]
) -> Iterator[tuple[str, pa.Table]]:
    for stretch in pending:
        look = load_lookback(lake, stretch.keys)
        model = models[stretch.keys[0]]
        made = model.forecast(forecast_bars(look, stretch.sectors), look.origins.row, look.origins.end)
        require_forecasts(model.name, made, len(look.origins.row))
        tables = forecast_tables(
            made,
            DEFAULT_HORIZONS,
            look.asked,
            look.origins.by_session,
            look.members,
            look.symbols,
            model.name,
            model.trained_through,
        )
        yield from zip(stretch.keys, tables, strict=True)
