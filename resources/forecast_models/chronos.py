"""Chronos-2 and Chronos-Bolt, published forecast models, from a local folder. Nothing is ever fetched.

They are no better than the baseline on daily prices; the adapter is there to compare. What they were trained on isn't
known by the session, so their forecasts of the past may know it: `trained_through` is None.
"""

import hashlib
import json
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from kernels.errors import InvalidInputError, SettingsError
from kernels.forecast.bars import ForecastBars
from kernels.origins import require_origins, require_prices
from kernels.panel import Float64Array2D, Int32Array1D
from kernels.torch_threads import one_thread
from kernels.volatility import DEFAULT_HORIZONS, DEFAULT_LEVELS, MIN_RESIDUALS, Forecasts
from kernels.volatility.forecasts import CONSTANT_PRICES, NO_BAR, OK, TOO_LITTLE_HISTORY, empty_forecasts
from resources.lineage import LOOKBACK

OPTION = "option path of the forecast model chronos"

# Matrices of another shape may be multiplied in another order, so every batch has this many contexts, the last one too.
BATCH = 64

# The 0.9 quantile of the standard normal distribution.
NORMAL_90 = 1.2815515655446004

_CONFIG = "config.json"
_NEEDED = (_CONFIG, "model.safetensors")
_UNSUPPORTED = "adapter_config.json"

Float64Array3D = npt.NDArray[np.float64]


class ChronosModel:
    """A Chronos-2 or Chronos-Bolt checkpoint. It computes in float32 on one thread of the CPU.

    It sees the log of the last `context` closes, less that at the origin, and nothing else: one series at a time, NaN
    where there is no bar. Its quantiles at step h are those of the log return over h sessions. Levels between its own
    are interpolated linearly; those outside repeat the outermost one. Chronos-Bolt has 0.1 to 0.9, so its 0.01 quantile
    is its 0.1 quantile; `details` names the levels.

    Its volatility is that of the normal distribution with the same 0.1 and 0.9 quantiles. Residuals are the bars of the
    context before the origin; with fewer than `MIN_RESIDUALS` the history is too little.

    Args:
        path: the local folder with config.json and model.safetensors.
        context: closes that it looks at, that of the origin included; above `MIN_RESIDUALS`.

    Raises:
        SettingsError: no folder, a file is missing, weights that aren't safetensors, or a context out of range.
    """

    trained_through: date | None = None

    def __init__(self, path: str | Path, *, context: int = 256) -> None:
        self._path = Path(path)
        _require_folder(self._path)
        if not MIN_RESIDUALS < context <= LOOKBACK:
            raise SettingsError(
                "option context of the forecast model chronos",
                expected=f"{MIN_RESIDUALS + 1} to {LOOKBACK} closes",
                got=repr(context),
                mend="leave it out: 256 closes",
            )
        self.lookback = context

    @cached_property
    def name(self) -> str:
        """What begins with "chronos-" and differs with the checkpoint and the context."""
        digest = hashlib.sha256(str(self.lookback).encode())
        for file in _NEEDED:
            with (self._path / file).open("rb") as stream:
                digest.update(hashlib.file_digest(stream, "sha256").digest())
        return f"chronos-{digest.hexdigest()[:8]}"

    @property
    def details(self) -> dict[str, Any]:
        """The kind of the checkpoint and its own levels, from its config.

        Raises:
            SettingsError: the config is that of another model, or damaged.
        """
        try:
            config = json.loads((self._path / _CONFIG).read_text(encoding="utf-8"))
            kind, levels = config["chronos_pipeline_class"], config["chronos_config"]["quantiles"]
            known = f"{min(levels):g} to {max(levels):g}"
        except (ValueError, KeyError, TypeError) as error:
            raise _not_usable(self._path, f"{_CONFIG}: {type(error).__name__}: {error}") from error
        return {"checkpoint": kind, "levels": f"{known}; those outside repeat the outermost"}

    def forecast(self, bars: ForecastBars, row: Int32Array1D, end: Int32Array1D) -> Forecasts:
        """See `ForecastModel`.

        Raises:
            InvalidInputError: also if the checkpoint gives a number that isn't finite.
            SettingsError: chronos-forecasting isn't installed, or the checkpoint is none or too small.
        """
        close = bars.close
        require_prices("close", close, close.shape)
        require_origins(row, end, (close.shape[0], close.shape[1]))
        forecasts = empty_forecasts(len(row), len(DEFAULT_HORIZONS), len(DEFAULT_LEVELS))
        for start in range(0, len(row), BATCH):
            batch = slice(start, start + BATCH)
            contexts = _contexts(close, row[batch], end[batch], self.lookback)
            forecasts.residuals[batch] = np.isfinite(contexts[:, :-1]).sum(axis=1)[:, np.newaxis]
            forecasts.status[batch] = _status(contexts)
        asked = np.flatnonzero(forecasts.status == OK)
        for start in range(0, len(asked), BATCH):
            origins = asked[start : start + BATCH]
            contexts = _contexts(close, row[origins], end[origins], self.lookback)
            forecasts.quantiles[origins] = self._quantiles(contexts)
        tails = forecasts.quantiles[:, :, [DEFAULT_LEVELS.index(0.1), DEFAULT_LEVELS.index(0.9)]]
        volatility = (tails[:, :, 1] - tails[:, :, 0]) / (2.0 * NORMAL_90)
        # No width at all is no forecast, whatever the prices did.
        known = volatility > 0.0
        forecasts.volatility[known] = volatility[known]
        forecasts.quantiles[~known] = np.nan
        forecasts.residuals[~known] = 0
        forecasts.status[(forecasts.status == OK) & ~known.any(axis=1)] = CONSTANT_PRICES
        return forecasts

    def _quantiles(self, contexts: Float64Array2D) -> Float64Array3D:
        """Quantiles [N, H, Q] of the log return from contexts [N, C], N at most `BATCH`."""
        import torch

        pipeline = self._pipeline
        filled = np.zeros((BATCH, contexts.shape[1]), dtype=np.float32)
        filled[: len(contexts)] = contexts
        with one_thread():
            steps, _ = pipeline.predict_quantiles(
                list(torch.from_numpy(filled)),
                prediction_length=max(DEFAULT_HORIZONS),
                quantile_levels=list(pipeline.quantiles),
            )
        # Chronos-2 gives each series an axis of variates more than Chronos-Bolt does.
        own = np.stack([each.reshape(max(DEFAULT_HORIZONS), -1).numpy() for each in steps[: len(contexts)]])
        own = np.sort(own[:, np.array(DEFAULT_HORIZONS) - 1].astype(np.float64), axis=2)
        if not np.isfinite(own).all():
            raise InvalidInputError(
                f"forecast of the checkpoint in {self._path}",
                expected="finite numbers",
                got="NaN or infinity, from finite prices",
                mend="take a checkpoint that was trained, or another model",
            )
        return _interpolated(own, np.sort(pipeline.quantiles))

    @cached_property
    def _pipeline(self) -> Any:
        # Importing it takes seconds, and most runs don't need it.
        try:
            from chronos import BaseChronosPipeline
        except ImportError as error:
            raise SettingsError(
                "forecast model chronos",
                expected="the package chronos-forecasting",
                got=str(error),
                mend='pip install -c constraints.txt -e ".[chronos]"',
            ) from error
        try:
            pipeline = BaseChronosPipeline.from_pretrained(
                self._path, local_files_only=True, use_safetensors=True, trust_remote_code=False, dtype="float32"
            )
        except Exception as error:
            # The libraries below fail in their own ways over a damaged file; each means "no checkpoint".
            raise _not_usable(self._path, f"{type(error).__name__}: {error}") from error
        if pipeline.forecast_type.value != "quantiles":
            raise _not_usable(self._path, f"a {type(pipeline).__name__}, which draws samples")
        limits = pipeline.model_context_length, pipeline.model_prediction_length
        if limits[0] < self.lookback or limits[1] < max(DEFAULT_HORIZONS):
            raise _not_usable(
                self._path,
                f"one that takes {limits[0]} closes and forecasts {limits[1]} sessions, where {self.lookback} and "
                f"{max(DEFAULT_HORIZONS)} are asked for",
            )
        return pipeline


def _require_folder(path: Path) -> None:
    expected = f"a local folder with {' and '.join(_NEEDED)}"
    mend = "download a checkpoint of Chronos-2 or Chronos-Bolt and give its folder"
    if not path.is_dir():
        raise SettingsError(OPTION, expected=expected, got=f"{path}, which is no folder", mend=mend)
    missing = [name for name in _NEEDED if not (path / name).is_file()]
    if missing:
        pickles = sorted(each.name for pattern in ("*.bin", "*.pt", "*.pth", "*.ckpt") for each in path.glob(pattern))
        found = f"; {', '.join(pickles)} can hold code and is never opened" if pickles else ""
        raise SettingsError(OPTION, expected=expected, got=f"no {' and no '.join(missing)} in {path}{found}", mend=mend)
    if (path / _UNSUPPORTED).exists():
        raise SettingsError(
            OPTION,
            expected=expected,
            got=f"{_UNSUPPORTED} in {path}: an adapter for another checkpoint",
            mend="merge the adapter into its checkpoint, and give the folder of the merged one",
        )


def _not_usable(path: Path, got: str) -> SettingsError:
    return SettingsError(
        f"checkpoint in {path}",
        expected="a checkpoint of Chronos-2 or Chronos-Bolt",
        got=got,
        mend="download it again, or give the folder of another one",
    )


def _contexts(close: Float64Array2D, row: Int32Array1D, end: Int32Array1D, context: int) -> Float64Array2D:
    """The log of the last closes [E, C] up to each origin less that at the origin; NaN where there is no bar."""
    columns = end[:, np.newaxis] + np.arange(1 - context, 1)
    known = np.where(columns >= 0, close[row[:, np.newaxis], np.maximum(columns, 0)], np.nan)
    log_close = np.log(known)
    relative: Float64Array2D = log_close - log_close[:, -1:]
    return relative


def _status(contexts: Float64Array2D) -> npt.NDArray[np.int8]:
    """The status of each origin before the model is asked: "ok" where it can be."""
    known = np.isfinite(contexts)
    # A close that equals the origin's is 0 here.
    moved = (known & (contexts != 0.0)).any(axis=1)
    status = np.select(
        [~known[:, -1], known[:, :-1].sum(axis=1) < MIN_RESIDUALS, ~moved],
        [NO_BAR, TOO_LITTLE_HISTORY, CONSTANT_PRICES],
        OK,
    )
    return status.astype(np.int8)


def _interpolated(own: Float64Array3D, own_levels: npt.NDArray[np.float64]) -> Float64Array3D:
    """Quantiles at `DEFAULT_LEVELS` from sorted ones [N, H, L] at other rising levels."""
    flat = own.reshape(-1, own.shape[2])
    made = np.array([np.interp(DEFAULT_LEVELS, own_levels, values) for values in flat])
    return made.reshape(*own.shape[:2], len(DEFAULT_LEVELS))
