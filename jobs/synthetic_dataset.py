"""`synthetic_dataset`: shards of synthetic samples; a range of shards is a backfill of several runs."""

import warnings

import dagster as dg

from assets.synthetic_samples import SHARDS, synthetic_samples

with warnings.catch_warnings():
    # Dagster wants to infer the partitions from the asset; said here, the command line refuses an unknown shard.
    warnings.simplefilter("ignore", DeprecationWarning)
    synthetic_dataset = dg.define_asset_job(
        "synthetic_dataset",
        selection=dg.AssetSelection.assets(synthetic_samples),
        partitions_def=SHARDS,
        # The pool of workers is the asset's own.
        executor_def=dg.in_process_executor,
        description="Draw shards of synthetic samples from the price history, and write them as Parquet.",
    )
