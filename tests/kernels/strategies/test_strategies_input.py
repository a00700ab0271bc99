"""A faulty symbol has a status in words and stops no other; a call that makes no sense is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from kernels.errors import BackendUnavailableError, InvalidInputError
from kernels.strategies import (
    FAULTY_BAR,
    FAULTY_FORECAST,
    NO_BAR,
    NO_FORECAST,
    OK,
    STATUSES,
    STRATEGIES,
    Strategy,
    simulate_rolling,
)
from tests.kernels.strategies.rolling_market import FLOATS, random_case, same_bytes, without

BAD = 2


def _no_bars(bars, quantiles, volatility):
    gone = np.zeros(bars.close.shape, dtype=bool)
    gone[BAD] = True
    return without(bars, gone), quantiles, volatility


def _price(value, name="close"):
    def change(bars, quantiles, volatility):
        prices = getattr(bars, name).copy()
        prices[BAD, 10] = value
        return replace(bars, **{name: prices}), quantiles, volatility

    return change


def _forecast(value, place):
    def change(bars, quantiles, volatility):
        quantiles = quantiles.copy()
        quantiles[(BAD, *place)] = value
        return bars, quantiles, volatility

    return change


def _volatility(value):
    def change(bars, quantiles, volatility):
        volatility = volatility.copy()
        volatility[BAD, 7] = value
        return bars, quantiles, volatility

    return change


def _constant_prices(bars, quantiles, volatility):
    """What volatility models give for them: no forecast."""
    parts = {name: getattr(bars, name).copy() for name in ("open", "high", "low", "close")}
    for prices in parts.values():
        prices[BAD] = 50.0
    quantiles, volatility = quantiles.copy(), volatility.copy()
    quantiles[BAD] = volatility[BAD] = np.nan
    return replace(bars, **parts), quantiles, volatility


EVERY = (slice(None),)


@pytest.mark.parametrize("backend", ["naive", "cpu"])
@pytest.mark.parametrize(
    ("change", "status"),
    [
        (_no_bars, NO_BAR),
        (_price(0.0), FAULTY_BAR),
        (_price(-5.0, "open"), FAULTY_BAR),
        (_price(np.inf, "high"), FAULTY_BAR),
        (_price(1e9, "low"), FAULTY_BAR),
        (_price(np.nan, "dividend"), FAULTY_BAR),
        (_price(-1.0, "dividend"), FAULTY_BAR),
        (_forecast(np.nan, EVERY), NO_FORECAST),
        (_forecast(np.nan, (*EVERY, *EVERY, 0)), NO_FORECAST),
        (_forecast(np.inf, (3, *EVERY, 10)), FAULTY_FORECAST),
        (_forecast(-1e5, (3, *EVERY, 0)), FAULTY_FORECAST),
        (_forecast(1.0, (3, *EVERY, 4)), FAULTY_FORECAST),
        (_volatility(0.0), FAULTY_FORECAST),
        (_volatility(-0.1), FAULTY_FORECAST),
        (_volatility(np.inf), FAULTY_FORECAST),
        (_constant_prices, NO_FORECAST),
    ],
)
def test_a_faulty_symbol_is_named_and_leaves_the_others_alone(backend, change, status) -> None:
    bars, origins, quantiles, volatility = random_case(4, symbols=4)
    options = {"seed": 1, "backend": backend, "resamples": 5}
    whole = simulate_rolling(bars, origins, quantiles, volatility, **options)
    bars, quantiles, volatility = change(bars, quantiles, volatility)
    found = simulate_rolling(bars, origins, quantiles, volatility, **options)
    assert [STATUSES[code] for code in found.status[BAD]] == [STATUSES[status]] * len(STRATEGIES)
    assert all(np.isnan(getattr(found, name)[BAD]).all() for name in FLOATS)
    assert (found.trades[BAD] == 0).all()
    assert found.trials[BAD] == 0
    assert same_bytes(found, whole, [0, 1, 3], [0, 1, 3])


def test_a_fault_at_one_horizon_stops_the_strategies_of_that_horizon_only() -> None:
    bars, origins, quantiles, volatility = random_case(4)
    quantiles[BAD, :, 2] = np.nan
    quantiles[BAD + 1, 5, 4, 3] = np.inf
    found = simulate_rolling(bars, origins, quantiles, volatility, seed=1)
    assert [each.horizon for each in STRATEGIES] == [5, 21, 21, 21]
    assert found.status[BAD].tolist() == [NO_FORECAST, OK, OK, OK]
    assert found.status[BAD + 1].tolist() == [OK, *[FAULTY_FORECAST] * 3]
    assert found.trials.tolist() == [4, 4, 3, 1, 4, 4]


def test_when_every_symbol_is_faulty_or_there_is_none_the_result_is_empty_but_whole() -> None:
    bars, origins, quantiles, volatility = random_case(4)
    found = simulate_rolling(bars, origins, np.full_like(quantiles, np.nan), volatility, seed=1)
    assert (found.status == NO_FORECAST).all()
    assert np.isnan(found.returns).all()
    assert found.returns.shape == (6, 4, 24)
    nobody = simulate_rolling(*(random_case(4, symbols=0)), seed=1)
    assert nobody.total_return.shape == (0, 4)


def test_one_origin_is_enough_for_a_return_but_not_for_a_ratio() -> None:
    found = simulate_rolling(*random_case(4, origins=1), seed=1)
    assert np.isfinite(found.total_return).all()
    assert np.isnan([found.sharpe_low, found.deflated_sharpe]).all()


CASE = random_case(1)
LATE = Strategy("late", 63, "long", 1.0, 0.15, 1.0, None, None)
FINE = Strategy("fine", 5, "long", 1.0, 0.15, 1.0, 0.07, None)
ODD = Strategy("odd", 5, "long", 1.0, 0.15, 1.0, 0.3, None)


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"origins": CASE[1][::-1].copy()}, "origins"),
        ({"origins": CASE[1].astype(np.int64)}, "origins"),
        ({"origins": CASE[1] + np.int32(1)}, "origins"),
        ({"origins": CASE[1] - np.int32(4)}, "origins"),
        ({"origins": CASE[1][:0]}, "origins"),
        ({"quantiles": CASE[2][:, :-1].copy()}, "quantiles"),
        ({"quantiles": CASE[2].astype(np.float32)}, "quantiles"),
        ({"quantiles": np.asfortranarray(CASE[2])}, "quantiles"),
        ({"volatility": CASE[3][..., 0].copy()}, "volatility"),
        ({"bars": replace(CASE[0], low=CASE[0].low[:, :-1].copy())}, "bars.low"),
        ({"bars": replace(CASE[0], close=CASE[0].close[0])}, "bars.close"),
        ({"strategies": []}, "strategies"),
        ({"strategies": [STRATEGIES[0], STRATEGIES[0]]}, "strategies"),
        ({"strategies": [LATE]}, "horizon"),
        ({"strategies": [FINE]}, "quantile level"),
        ({"strategies": [ODD]}, "quantile level"),
        ({"horizons": (1, 2, 5, 10)}, "quantiles"),
        ({"levels": (0.5, 0.1)}, "levels"),
        ({"seed": -1}, "seed"),
        ({"resamples": 1}, "resamples"),
        ({"interval_level": 1.0}, "level"),
    ],
)
def test_a_call_that_makes_no_sense_is_refused_with_the_fault_named(change, where) -> None:
    good = {
        "bars": CASE[0],
        "origins": CASE[1],
        "quantiles": CASE[2],
        "volatility": CASE[3],
        "strategies": STRATEGIES,
        "seed": 1,
    }
    with pytest.raises(InvalidInputError) as caught:
        simulate_rolling(**(good | change))
    assert where in caught.value.where


def test_a_backend_that_it_has_not_is_refused() -> None:
    with pytest.raises(BackendUnavailableError):
        simulate_rolling(*CASE, seed=1, backend="gpu")
