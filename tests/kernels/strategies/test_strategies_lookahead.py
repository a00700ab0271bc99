"""Nothing depends on a later bar or forecast, nor on a bar outside the span."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels.strategies import Strategy, simulate_rolling
from kernels.trading import FREE, Bars
from tests.kernels.strategies.rolling_market import bars_of, constant_forecast, random_case, same_bytes

HOLD = Strategy("hold", 5, "long", None, 100.0, 0.5, None, None)


def changed_from(bars: Bars, other: Bars, column: int) -> Bars:
    """The same bars before `column`, others from it on."""
    return Bars(
        **{
            field.name: np.concatenate(
                [getattr(bars, field.name)[:, :column], getattr(other, field.name)[:, column:]], axis=1
            )
            for field in fields(Bars)
        }
    )


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32), cut=st.integers(4, 27))
def test_another_future_changes_no_return_before_it(seed: int, cut: int) -> None:
    bars, origins, quantiles, volatility = random_case(seed)
    one = simulate_rolling(bars, origins, quantiles, volatility, seed=1)
    # From the bar `cut` on other bars, and other forecasts, which saw them.
    place = cut - origins[0]
    other_bars, _, other_quantiles, other_volatility = random_case(seed + 1)
    quantiles[:, place:], volatility[:, place:] = other_quantiles[:, place:], other_volatility[:, place:]
    two = simulate_rolling(changed_from(bars, other_bars, cut), origins, quantiles, volatility, seed=1)
    assert one.returns[..., : place - 1].tobytes() == two.returns[..., : place - 1].tobytes()
    assert (one.returns[..., place - 1 :] != two.returns[..., place - 1 :]).any()


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32), place=st.integers(0, 23))
def test_another_forecast_changes_no_return_up_to_its_close(seed: int, place: int) -> None:
    bars, origins, quantiles, volatility = random_case(seed)
    other = quantiles.copy()
    other[:, place] = -quantiles[:, place, :, ::-1]
    one, two = (simulate_rolling(bars, origins, each, volatility, seed=1) for each in (quantiles, other))
    assert one.returns[..., :place].tobytes() == two.returns[..., :place].tobytes()
    assert (one.returns[..., place:] != two.returns[..., place:]).any()


@pytest.mark.parametrize("backend", ["naive", "cpu"])
def test_the_bar_of_an_orders_own_close_sets_its_size_and_nothing_before(backend: str) -> None:
    rows = [100.0, (100, 130, 70, 100), (100, 120, 90, 110)]
    quantiles, volatility = constant_forecast(1, 2, 0.0)
    quantiles[0, 0] = np.nan
    returns = []
    for own in (rows[1], (110, 140, 60, 100), (100, 130, 70, 125)):
        bars = bars_of([rows[0], own, rows[2]])
        found = simulate_rolling(
            bars, np.arange(2, dtype=np.int32), quantiles, volatility, [HOLD], seed=1, costs=FREE, backend=backend
        )
        returns.append(found.returns[0, 0])
    # Flat until the close of the own bar. Then 0.5 / close shares, bought at 100, worth 110.
    np.testing.assert_allclose(np.array(returns), [[0, 0.05], [0, 0.05], [0, 0.04]], atol=1e-12)


def test_bars_outside_the_span_are_not_looked_at() -> None:
    bars, origins, quantiles, volatility = random_case(8)
    origins = origins[:-2]
    args = (np.ascontiguousarray(quantiles[:, :-2]), np.ascontiguousarray(volatility[:, :-2]))
    one = simulate_rolling(bars, origins, *args, seed=1)
    outside = np.ones(bars.close.shape, dtype=bool)
    outside[:, origins[0] : origins[-1] + 2] = False
    for value in (-1.0, np.inf, np.nan):
        other = replace(
            bars, **{field.name: np.where(outside, value, getattr(bars, field.name)) for field in fields(Bars)}
        )
        two = simulate_rolling(other, origins, *args, seed=1)
        assert same_bytes(one, two, list(range(6)), list(range(6)))
