"""What a strategy may be, and that those of the table fit the forecasts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kernels.errors import InvalidInputError
from kernels.strategies import STRATEGIES, Strategy
from kernels.volatility import DEFAULT_HORIZONS, DEFAULT_LEVELS

GOOD = Strategy("good", 5, "both", 1.0, 0.15, 1.0, 0.05, 0.9)


def test_the_strategies_have_names_horizons_and_levels_that_are_forecast() -> None:
    assert len({each.name for each in STRATEGIES}) == len(STRATEGIES)
    assert all(each.horizon in DEFAULT_HORIZONS for each in STRATEGIES)
    levels = [level for each in STRATEGIES for level in (each.stop_level, each.target_level) if level is not None]
    assert levels
    assert all(level in DEFAULT_LEVELS and round(1.0 - level, 9) in DEFAULT_LEVELS for level in levels)


def test_either_side_has_as_many_strategies_and_one_is_the_benchmark() -> None:
    asking = [each for each in STRATEGIES if each.hurdle is not None]
    assert sum(each.sides != "short" for each in asking) == sum(each.sides != "long" for each in asking) > 0
    assert [each.sides for each in STRATEGIES if each.hurdle is None] == ["long"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("name", ""),
        ("horizon", 0),
        ("sides", "sideways"),
        ("hurdle", -0.1),
        ("hurdle", float("inf")),
        ("hurdle", float("nan")),
        ("hurdle", None),
        ("target_volatility", 0.0),
        ("target_volatility", float("nan")),
        ("largest_weight", 0.0),
        ("largest_weight", 1.01),
        ("stop_level", 0.5),
        ("stop_level", 0.0),
        ("target_level", 0.5),
        ("target_level", 1.0),
    ],
)
def test_a_strategy_that_makes_no_sense_is_refused_with_the_field_at_fault(name: str, value: object) -> None:
    with pytest.raises(InvalidInputError) as caught:
        replace(GOOD, **{name: value})
    assert caught.value.where.endswith(f", {name}")
