"""Forecast models, behind one protocol. Importing this package imports neither torch nor chronos."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from kernels.device import Backend
from kernels.errors import SettingsError
from resources.forecast_models.base import ForecastModel, require_forecasts
from resources.forecast_models.baseline import EwmaModel
from resources.forecast_models.chronos import ChronosModel
from resources.forecast_models.user_class import open_user_class

__all__ = [
    "FORECAST_MODELS",
    "ChronosModel",
    "EwmaModel",
    "ForecastModel",
    "open_forecast_model",
    "require_forecasts",
]


@dataclass(frozen=True)
class _Options:
    path: str | Path | None
    backend: Backend


def _ewma(options: _Options) -> ForecastModel:
    return EwmaModel(backend=options.backend)


def _chronos(options: _Options) -> ForecastModel:
    if not options.path:
        raise SettingsError(
            "option path of the forecast model chronos",
            expected="a local folder with a checkpoint of Chronos-2 or Chronos-Bolt",
            got="nothing",
            mend="give the folder with config.json and model.safetensors",
        )
    return ChronosModel(options.path)


_MODELS: dict[str, Callable[[_Options], ForecastModel]] = {"ewma-fhs": _ewma, "chronos": _chronos}

FORECAST_MODELS = tuple(_MODELS)
"""The models with a name of their own. A model of a user's own is named "package.module:Class"."""


def open_forecast_model(name: str, *, path: str | Path | None = None, backend: Backend = "auto") -> ForecastModel:
    """Make the forecast model of a name. It loads nothing yet; the first forecast does.

    Args:
        name: one of `FORECAST_MODELS`, or "package.module:Class" for a class that is called without arguments.
        path: for "chronos": the folder of the checkpoint.
        backend: for the project's own models: "auto", "naive" or "cpu".

    Raises:
        SettingsError: an unknown name, a class that is no forecast model, or a path that is needed and isn't given.
    """
    if ":" in name:
        return open_user_class(name)
    if name not in _MODELS:
        raise SettingsError(
            "option model of the forecast model",
            expected=f"one of {', '.join(FORECAST_MODELS)}, or package.module:Class",
            got=repr(name),
            mend="choose one of these, or name a class of your own as docs/add-a-forecast-model.md shows",
        )
    return _MODELS[name](_Options(path, backend))
