"""`profile_gpu`: measure what this machine's GPU, or its CPU, can do; after a new device, driver or release."""

import dagster as dg

from assets.gpu_profile import gpu_profile

profile_gpu = dg.define_asset_job(
    "profile_gpu",
    selection=dg.AssetSelection.assets(gpu_profile),
    executor_def=dg.in_process_executor,
    description="Measure transfers, throughput and memory of this machine, and say what to set.",
)
