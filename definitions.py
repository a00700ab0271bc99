"""What Dagster loads: every asset, check, job, schedule, sensor and resource of Wavemill."""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from assets.catalogue import ASSETS
from assets.checks import CHECKS
from jobs.catalogue import JOBS, SCHEDULES, SENSORS
from resources import wiring
from resources.settings import read_settings


def build_defs(*, resource_overrides: Mapping[str, Any] | None = None) -> dg.Definitions:
    """Build the definitions from the environment.

    Args:
        resource_overrides: resources that replace the ones of the same name.

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
        "served_model": wiring.ForecastModelResource(),
        "forecaster": wiring.ForecasterResource(folder=settings.compiled),
    }
    return dg.Definitions(
        assets=ASSETS,
        asset_checks=CHECKS,
        jobs=JOBS,
        schedules=SCHEDULES,
        sensors=SENSORS,
        executor=dg.in_process_executor,
        resources=resources | dict(resource_overrides or {}),
    )


defs = build_defs()
