"""What Dagster loads: every asset, check, job, schedule and resource of Wavemill."""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from assets.checks import CHECKS
from assets.forecasts import forecasts
from assets.patterns import patterns
from assets.prices import prices
from assets.quarantine import quarantine
from assets.synthetic_samples import synthetic_samples
from assets.universe import universe
from assets.windows import windows
from jobs.daily import daily_sp500, daily_sp500_schedule, price_history
from jobs.scan_symbols import scan_symbols
from jobs.synthetic_dataset import synthetic_dataset
from resources import wiring
from resources.settings import read_settings


def build_defs(*, resource_overrides: Mapping[str, Any] | None = None) -> dg.Definitions:
    """Build the definitions from the environment.

    Args:
        resource_overrides: resources that replace the ones of the same name: `lake`, `price_source`, `scan_settings`,
            `wave_scorer`, `shared_panel`.

    Raises:
        SettingsError: a `WAVEMILL_*` variable that makes no sense.
    """
    settings = read_settings()
    resources = {
        "lake": wiring.LakeResource(root=settings.lake),
        "price_source": wiring.PriceSourceResource(
            source=settings.price_source,
            prices_path=settings.prices_path,
            constituents_path=settings.constituents_path,
            seed=settings.seed,
        ),
        "scan_settings": wiring.ScanSettingsResource(backend=settings.backend),
        "wave_scorer": wiring.WaveScorerResource(backend=settings.backend),
        "shared_panel": wiring.SharedPanelResource(),
    }
    return dg.Definitions(
        assets=[universe, prices, quarantine, windows, patterns, forecasts, synthetic_samples],
        asset_checks=CHECKS,
        jobs=[price_history, daily_sp500, scan_symbols, synthetic_dataset],
        schedules=[daily_sp500_schedule],
        executor=dg.in_process_executor,
        resources=resources | dict(resource_overrides or {}),
    )


defs = build_defs()
