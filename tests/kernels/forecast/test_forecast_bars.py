from dataclasses import fields

import numpy as np
import pytest

from kernels.errors import InvalidInputError
from kernels.forecast.bars import ForecastBars
from tests.forecast_panel import forecast_bars


def parts() -> dict[str, np.ndarray]:
    bars = forecast_bars(np.full((3, 4), 10.0))
    return {field.name: getattr(bars, field.name) for field in fields(ForecastBars)}


def test_bars_of_the_right_shapes_are_taken_and_not_copied():
    given = parts()
    assert ForecastBars(**given).close is given["close"]


@pytest.mark.parametrize("name", list(parts()))
def test_an_array_of_another_type_is_refused_by_name(name):
    given = parts()
    given[name] = given[name].astype(np.float32)
    with pytest.raises(InvalidInputError, match=f"ForecastBars.{name}: .*float32"):
        ForecastBars(**given)


@pytest.mark.parametrize("name", [name for name in parts() if name != "close"])
def test_an_array_of_another_shape_is_refused_by_name(name):
    given = parts()
    given[name] = given[name][:-1].copy()
    with pytest.raises(InvalidInputError, match=f"ForecastBars.{name}: "):
        ForecastBars(**given)


@pytest.mark.parametrize("name", ["open", "high", "low", "close", "volume", "counted"])
def test_an_array_of_another_layout_is_refused_by_name(name):
    given = parts()
    given[name] = np.asfortranarray(given[name])
    with pytest.raises(InvalidInputError, match=f"ForecastBars.{name}: .*C-contiguous: False"):
        ForecastBars(**given)


def test_a_single_series_without_rows_is_refused():
    given = parts()
    given["close"] = given["close"][0]
    with pytest.raises(InvalidInputError, match=r"newaxis"):
        ForecastBars(**given)
