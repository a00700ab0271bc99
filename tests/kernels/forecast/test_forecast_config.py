"""The settings of the quantile network: every field is checked and named, and JSON gives them back."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from kernels.errors import InvalidInputError
from kernels.forecast.config import NetworkConfig
from kernels.volatility import DEFAULT_HORIZONS, DEFAULT_LEVELS


def test_the_defaults_are_the_horizons_and_levels_of_all_forecasts() -> None:
    config = NetworkConfig()
    assert (config.horizons, config.levels) == (DEFAULT_HORIZONS, DEFAULT_LEVELS)
    assert config.levels[config.median] == 0.5


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(
            (field, value)
            for field in ("hidden", "epochs", "patience", "batch_rows", "micro_batches")
            for value in (0, -1, 2.0, True)
        ),
        *(("seeds", value) for value in ((), (1, 1), (-1,), (2**63,), (0.5,), (True,), [0, 1], 3)),
        *(("learning_rate", value) for value in (0.0, -1e-3, math.nan, math.inf, "fast", True)),
        *(("weight_decay", value) for value in (-0.1, math.nan, math.inf, None)),
        *(("precision", value) for value in ("float16", "", None)),
        *(("horizons", value) for value in ((), (5, 1), (0, 1), (1.5,), [1, 2])),
        *(
            ("levels", value)
            for value in ((), (0.1, 0.9), (0.5,), (0.1, 0.5), (0.5, 0.9), (0.9, 0.5, 0.1), [0.1, 0.5, 0.9])
        ),
        ("levels", (0.0, 0.5, 0.9)),
    ],
)
def test_a_value_out_of_range_is_refused_by_name(field: str, value: Any) -> None:
    with pytest.raises(InvalidInputError) as caught:
        NetworkConfig(**{field: value})
    assert field in caught.value.where
    assert caught.value.mend


def test_json_gives_the_same_settings_back() -> None:
    config = NetworkConfig(
        hidden=7,
        seeds=(5, 2),
        epochs=3,
        patience=1,
        batch_rows=100,
        micro_batches=2,
        learning_rate=0.01,
        weight_decay=0.0,
        precision="bfloat16",
        horizons=(1, 4),
        levels=(0.1, 0.5, 0.6, 0.9),
    )
    values = json.loads(json.dumps(config.as_json()))
    assert NetworkConfig.from_json(values) == config
    assert set(values) == set(NetworkConfig().as_json())
    assert config.median == 1


def test_a_key_that_json_lacks_has_its_default() -> None:
    assert NetworkConfig.from_json({"hidden": 8}) == NetworkConfig(hidden=8)


def test_an_unknown_key_is_refused_by_name() -> None:
    with pytest.raises(InvalidInputError, match=r"NetworkConfig\.learning_rat\b.*learning_rate"):
        NetworkConfig.from_json({"learning_rat": 0.1})


def test_values_of_json_are_checked_too() -> None:
    with pytest.raises(InvalidInputError, match=r"NetworkConfig\.hidden"):
        NetworkConfig.from_json({"hidden": "24"})
