"""What Dagster configures: each resource's options, and how to open the live thing behind it.

Nothing here works at set-up (Dagster sets resources up twice for each run): `open` does it at first use, behind a cache
of the process.
"""

from contextlib import AbstractContextManager
from functools import cache
from typing import Any, cast

import dagster as dg
from pydantic import Field

from kernels.device import Backend
from kernels.forecast.fitted import RunNetwork
from kernels.waves import ScanSettings
from kernels.windows import WindowSettings
from resources.forecast_models import open_forecast_model
from resources.forecast_models.serving import ModelOfYear, serve_trained
from resources.forecaster import Forecaster
from resources.model_store import ModelStore
from resources.parquet_lake import ParquetLake, open_lake
from resources.price_sources import DEFAULT_SEED, PriceSource, open_price_source
from resources.shared_panel import Arrays, SharedPanel, share
from resources.wave_scorer import WaveScorer

_WINDOWS = WindowSettings()
_SCAN = ScanSettings()


class LakeResource(dg.ConfigurableResource[Any]):
    """Where the tables live."""

    root: str = Field(description="Local folder or fsspec URL below which the tables lie.")

    def open(self) -> ParquetLake:
        """The lake, one for each process."""
        return open_lake(self.root)


class PriceSourceResource(dg.ConfigurableResource[Any]):
    """Where the bars come from."""

    source: str = Field(default="simulated", description="simulated, files or yahoo.")
    prices_path: str | None = Field(default=None, description="File or folder that the source `files` reads.")
    constituents_path: str | None = Field(default=None, description="CSV of symbol, name, sector.")
    seed: int = Field(default=DEFAULT_SEED, description="Seed of the simulated market.")

    def open(self) -> PriceSource:
        """The price source, one for each process."""
        return _open_price_source(self.source, self.prices_path, self.constituents_path, self.seed)


@cache
def _open_price_source(name: str, prices_path: str | None, constituents_path: str | None, seed: int) -> PriceSource:
    return open_price_source(name, prices_path=prices_path, constituents_path=constituents_path, seed=seed)


class ScanSettingsResource(dg.ConfigurableResource[Any]):
    """How windows are pre-scored and patterns are searched. The profiles in jobs/profiles set these."""

    lengths: list[int] = Field(default=list(_WINDOWS.lengths), description="Window lengths in sessions.")
    weight_volatility: float = Field(default=_WINDOWS.weight_volatility, description="Weight in the pre-score.")
    weight_range: float = Field(default=_WINDOWS.weight_range, description="Weight in the pre-score.")
    weight_extrema: float = Field(default=_WINDOWS.weight_extrema, description="Weight in the pre-score.")
    weight_slope: float = Field(default=_WINDOWS.weight_slope, description="Weight in the pre-score.")
    threshold: float = Field(default=_WINDOWS.threshold, description="Lowest pre-score that is kept, 0 to 1.")
    pre_score_top_k: int = Field(default=_WINDOWS.top_k, description="Windows kept for each session at most.")
    skip_flat: bool = Field(default=_WINDOWS.skip_flat, description="Drop windows whose log range is below 1e-4.")
    overlap: float = Field(
        default=_WINDOWS.overlap, description="Share of a window that the next one repeats; 1 = a window every session."
    )
    max_skip: int | None = Field(
        default=_SCAN.max_skip, description="Farther leg ends tried from each pivot; null = all of them."
    )
    max_span: int = Field(default=_SCAN.max_span, description="A pattern spans fewer sessions than this.")
    top_n: int = Field(default=_SCAN.top_n, description="Confirmed patterns kept for each symbol.")
    max_overlap: float = Field(
        default=_SCAN.max_overlap, description="Of two patterns that share more of their span than this, one is kept."
    )
    recall_sample: int = Field(
        default=50, ge=0, description="Filtered windows scanned for each session to measure what is missed; 0 = none."
    )
    backend: str = Field(
        default="auto",
        description="What computes windows and forecasts: auto, naive, cpu or gpu. Patterns: see wave_scorer.",
    )

    def windows(self) -> WindowSettings:
        """The window options.

        Raises:
            InvalidInputError: an option out of its range, named.
        """
        return WindowSettings(
            lengths=tuple(self.lengths),
            weight_volatility=self.weight_volatility,
            weight_range=self.weight_range,
            weight_extrema=self.weight_extrema,
            weight_slope=self.weight_slope,
            threshold=self.threshold,
            top_k=self.pre_score_top_k,
            skip_flat=self.skip_flat,
            overlap=self.overlap,
        )

    def scan(self) -> ScanSettings:
        """The search options.

        Raises:
            InvalidInputError: an option out of its range, named.
        """
        return ScanSettings(
            max_skip=self.max_skip, max_span=self.max_span, top_n=self.top_n, max_overlap=self.max_overlap
        )

    def chosen_backend(self) -> Backend:
        """The backend asked for; the kernels check the name."""
        return cast(Backend, self.backend)


class WaveScorerResource(dg.ConfigurableResource[Any]):
    """What scores waves; `scan_settings` says which ones to look for."""

    backend: str = Field(
        default="auto",
        description="auto: the GPU if one is usable, and the CPU if not or if it fails; or naive, cpu or gpu.",
    )

    def open(self) -> WaveScorer:
        """The scorer, one for each backend and process. The kernel checks the name."""
        return _open_wave_scorer(cast(Backend, self.backend))


@cache
def _open_wave_scorer(backend: Backend) -> WaveScorer:
    return WaveScorer(backend, warn=dg.get_dagster_logger().warning)


class ForecasterResource(dg.ConfigurableResource[Any]):
    """What computes the quantile network."""

    folder: str = Field(description="Local folder of compiled networks; `compiled_forecaster` writes there.")
    device: str = Field(default="cpu", description="cpu or cuda.")
    warmup: bool = Field(
        default=True, description="Use the compiled network if there is one for this machine; if not, compute eagerly."
    )

    def open(self) -> Forecaster:
        """The forecaster, one for each folder, device and process."""
        return _open_forecaster(self.folder, self.device, self.warmup)


@cache
def _open_forecaster(folder: str, device: str, warmup: bool) -> Forecaster:
    return Forecaster(folder, device, warmup, warn=dg.get_dagster_logger().warning)


class SharedPanelResource:
    """Where worker processes read a run's arrays from: shared memory of this machine. It has no options."""

    def lease(self, arrays: Arrays) -> AbstractContextManager[SharedPanel]:
        """The arrays in shared memory until the context ends; see `resources.shared_panel.share`."""
        return share(arrays)


class ForecastModelResource(dg.ConfigurableResource[Any]):
    """Which model forecasts."""

    model: str = Field(
        default="trained",
        description="trained: the model of the year before, and the baseline where there is none or it is no better; "
        "or ewma-fhs, chronos, or package.module:Class for one of your own.",
    )
    path: str | None = Field(default=None, description="chronos: the local folder of its checkpoint.")

    def open(self, lake: ParquetLake, run: RunNetwork, backend: Backend) -> ModelOfYear:
        """The model for each year.

        Args:
            lake: that holds the trained models.
            run: computes their network.
            backend: of the project's own models.

        Raises:
            SettingsError: an unknown model, or one that needs a path and has none.
        """
        if self.model == "trained":
            return serve_trained(ModelStore(lake.files), run, backend)
        model = open_forecast_model(self.model, path=self.path, backend=backend)
        return lambda _: model
