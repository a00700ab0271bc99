"""`compile_forecaster`: the network of the forecasts as machine code of this machine; once, before it is first used."""

import dagster as dg

from assets.compiled_forecaster import compiled_forecaster

compile_forecaster = dg.define_asset_job(
    "compile_forecaster",
    selection=dg.AssetSelection.assets(compiled_forecaster),
    executor_def=dg.in_process_executor,
    description="Compile the network of the forecasts for this machine. Without it they are computed all the same.",
)
