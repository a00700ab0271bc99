"""A lake with a small market and a dataset of samples over it, and models that were never trained."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np

from kernels.samples import SampleSettings
from resources.parquet_lake import ParquetLake
from resources.policy_block import PolicyBlock, open_policy_block
from resources.sample_plan import SampleOptions, plan_dataset
from resources.sample_store import SampleStore
from tests.market_lake import fill_lake

FIRST, LAST = date(2017, 1, 3), date(2018, 2, 7)
DATASET = "small"
SETTINGS = SampleSettings(lookback=12, forward=8, held_out_share=0.25, test_share=0.3, validation_share=0.1)
SEEN = date(2017, 7, 3)
LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)


def policy_lake(root: Path, rows: int = 12, settings: SampleSettings = SETTINGS) -> ParquetLake:
    """Prices of `rows` symbols, and the manifest and panel of a dataset; it has no shards."""
    lake = fill_lake(root, rows, FIRST, LAST)
    draw_manifest(lake, settings)
    return lake


def draw_manifest(lake: ParquetLake, settings: SampleSettings, dataset: str = DATASET, **options) -> None:
    plan = plan_dataset(lake, SampleOptions(dataset=dataset, settings=settings, **options))
    SampleStore(lake.files, dataset).begin(plan.manifest, plan.panel)


def block_of(lake: ParquetLake, **options) -> PolicyBlock:
    return open_policy_block(lake, DATASET, SEEN, **options)


@dataclass
class Momentum:
    """What rose in the window will rise by `strength` of it, what fell will fall; nothing costs anything."""

    strength: float = 0.2
    lookback: int = SETTINGS.lookback
    forward: int = SETTINGS.forward
    levels: tuple[float, ...] = LEVELS

    def quantiles(self, windows, states, actions):
        rise = np.log(1.0 / windows[:, 0, 3].astype(np.float64))
        share = (actions[:, :, 1].astype(np.float64) - actions[:, :, 2]) / states[:, :1]
        return (self.strength * rise[:, None] * share)[:, :, None] + 0.02 * (np.array(self.levels) - 0.5)
