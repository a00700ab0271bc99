"""Bad input is refused, and the message names it."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from kernels.errors import InvalidInputError
from kernels.trading import Costs, simulate
from tests.kernels.trading.market import NAN, account, bars_of, orders_of

ROWS = [100, 101, 102, 103]


def bars_with(**places):
    """Good bars of one series, with some prices replaced: name = (bar, value)."""
    bars = bars_of(ROWS)
    for name, (bar, value) in places.items():
        getattr(bars, name)[0, bar] = value
    return bars


def paths_with(**changes):
    return dataclasses.replace(account(4, cash=0.0, shares=(100.0, 0.0)), **changes)


def run(bars=None, paths=None, orders=None, fill="next_open", max_leverage=1.0):
    return simulate(
        bars_of(ROWS) if bars is None else bars,
        account(4) if paths is None else paths,
        orders_of([]) if orders is None else orders,
        fill=fill,
        max_leverage=max_leverage,
        backend="naive",
    )


def pair(long, short):
    return np.array([[long, short]], dtype=np.float64)


@pytest.mark.parametrize(
    ("places", "where"),
    [
        ({"open": (1, 0.0)}, "open of series 0, bar 1"),
        ({"close": (2, -5.0)}, "close of series 0, bar 2"),
        ({"high": (3, np.inf)}, "high of series 0, bar 3"),
        ({"low": (1, 102.0)}, "high of series 0, bar 1"),
        ({"dividend": (2, NAN)}, "dividend of series 0, bar 2"),
        ({"dividend": (2, -1.0)}, "dividend of series 0, bar 2"),
        ({"dividend": (2, np.inf)}, "dividend of series 0, bar 2"),
    ],
)
def test_a_faulty_bar_is_named(places, where):
    with pytest.raises(InvalidInputError, match=f"^{where}:"):
        run(bars_with(**places))


def test_an_open_outside_the_range_is_let_pass():
    run(bars_with(open=(1, 101.0000001)))


@pytest.mark.parametrize("name", ["open", "high", "low", "close", "dividend"])
def test_bars_of_a_wrong_shape_dtype_or_layout_are_named(name):
    good = bars_of(ROWS * 2)
    values = getattr(good, name)
    for bad in (values[:, :-1].copy(), values.astype(np.float32), values[:, ::2], values[0]):
        with pytest.raises(InvalidInputError, match=r"^bars\."):
            run(dataclasses.replace(good, **{name: bad}))


@pytest.mark.parametrize("name", [field.name for field in dataclasses.fields(account(4))])
def test_paths_of_a_wrong_shape_dtype_or_layout_are_named(name):
    values = getattr(account(4), name)
    wrong = np.float64 if values.dtype == np.int32 else np.float32
    for bad in (np.concatenate([values, values])[:, None], values.astype(wrong)):
        with pytest.raises(InvalidInputError, match=f"^paths.{name}:"):
            run(paths=dataclasses.replace(account(4), **{name: bad}))


@pytest.mark.parametrize("name", [field.name for field in dataclasses.fields(orders_of([]))])
def test_orders_of_a_wrong_shape_dtype_or_layout_are_named(name):
    orders = orders_of([(0, (0.5, NAN)), (1, (0.5, NAN))])
    values = getattr(orders, name)
    wrong = np.float64 if values.dtype == np.int32 else np.float32
    for bad in (values[:, None], values.astype(wrong)):
        with pytest.raises(InvalidInputError, match=f"^orders.{name}:"):
            run(orders=dataclasses.replace(orders, **{name: bad}))
    if values.ndim == 2:
        with pytest.raises(InvalidInputError, match=f"^orders.{name}:"):
            run(orders=dataclasses.replace(orders, **{name: np.asfortranarray(values)}))


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"series": np.array([1], np.int32)}, "series of path 0"),
        ({"series": np.array([-1], np.int32)}, "series of path 0"),
        ({"first": np.array([-1], np.int32)}, "first of path 0"),
        ({"last": np.array([4], np.int32)}, "last of path 0"),
        ({"last": np.array([0], np.int32)}, "last of path 0"),
        ({"first": np.array([3], np.int32)}, "last of path 0"),
        ({"cash": np.array([NAN])}, "cash of path 0"),
        ({"cash": np.array([-10_000.0])}, "equity of path 0"),
        ({"cash": np.array([-10_001.0])}, "equity of path 0"),
        ({"shares": pair(-1.0, 0.0)}, "shares of path 0, long leg"),
        ({"shares": pair(100.0, NAN)}, "shares of path 0, short leg"),
        ({"entry": pair(NAN, NAN)}, "entry of path 0, long leg"),
        ({"entry": pair(100.0, 100.0)}, "entry of path 0, short leg"),
        ({"entry": pair(-100.0, NAN)}, "entry of path 0, long leg"),
        ({"stop": pair(100.0, NAN)}, "stop of path 0, long leg"),
        ({"stop": pair(101.0, NAN)}, "stop of path 0, long leg"),
        ({"stop": pair(0.0, NAN)}, "stop of path 0, long leg"),
        ({"stop": pair(NAN, 105.0)}, "stop of path 0, short leg"),
        ({"target": pair(100.0, NAN)}, "target of path 0, long leg"),
        ({"target": pair(np.inf, NAN)}, "target of path 0, long leg"),
        ({"trail": pair(0.9, NAN)}, "peak of path 0, long leg"),
        ({"peak": pair(100.0, NAN)}, "peak of path 0, long leg"),
        ({"trail": pair(1.0, NAN), "peak": pair(90.0, NAN)}, "trail of path 0, long leg"),
        ({"trail": pair(0.9, NAN), "peak": pair(120.0, NAN)}, "trail of path 0, long leg"),
        ({"age": np.array([[-1, 0]], np.int32)}, "age of path 0, long leg"),
        ({"age": np.array([[1, 1]], np.int32)}, "age of path 0, short leg"),
    ],
)
def test_a_faulty_path_is_named(changes, where):
    with pytest.raises(InvalidInputError, match=f"^{where}:"):
        run(paths=paths_with(**changes))


@pytest.mark.parametrize(("name", "value"), [("stop", 100.0), ("stop", 95.0), ("target", 100.0), ("target", 105.0)])
def test_levels_of_a_short_leg_lie_the_other_way_round(name, value):
    short = account(4, cash=20_000.0, shares=(0.0, 100.0))
    with pytest.raises(InvalidInputError, match=f"^{name} of path 0, short leg:"):
        run(paths=dataclasses.replace(short, **{name: pair(NAN, value)}))
    trailed = dataclasses.replace(short, trail=pair(NAN, 1.1), peak=pair(NAN, 90.0))
    with pytest.raises(InvalidInputError, match=r"^trail of path 0, short leg:"):
        run(paths=trailed)


@pytest.mark.parametrize("name", ["open", "high", "low", "close"])
def test_a_path_begins_at_a_bar_that_is_there(name):
    with pytest.raises(InvalidInputError, match=r"^first of path 0:"):
        run(bars_with(**{name: (0, NAN)}))


@pytest.mark.parametrize(
    ("order", "where"),
    [
        ((0, (-0.1, NAN)), "weight of order 1 .path 0, bar 2., long leg"),
        ((0, (NAN, np.inf)), "weight of order 1 .path 0, bar 2., short leg"),
        ((0, (0.5, NAN), {"stop": (1.0, NAN)}), "stop of order 1 .path 0, bar 2., long leg"),
        ((0, (0.5, NAN), {"stop": (1.05, NAN)}), "stop of order 1 .path 0, bar 2., long leg"),
        ((0, (0.5, NAN), {"stop": (0.0, NAN)}), "stop of order 1 .path 0, bar 2., long leg"),
        ((0, (0.5, NAN), {"target": (1.0, NAN)}), "target of order 1 .path 0, bar 2., long leg"),
        ((0, (0.5, NAN), {"target": (np.inf, NAN)}), "target of order 1 .path 0, bar 2., long leg"),
        ((0, (0.5, NAN), {"trail": (1.1, NAN)}), "trail of order 1 .path 0, bar 2., long leg"),
        ((0, (NAN, 0.5), {"stop": (NAN, 0.95)}), "stop of order 1 .path 0, bar 2., short leg"),
        ((0, (NAN, 0.5), {"target": (NAN, 1.05)}), "target of order 1 .path 0, bar 2., short leg"),
        ((0, (NAN, 0.5), {"target": (NAN, 0.0)}), "target of order 1 .path 0, bar 2., short leg"),
        ((0, (NAN, 0.5), {"trail": (NAN, 0.9)}), "trail of order 1 .path 0, bar 2., short leg"),
        ((0, (0.5, NAN), {"limit": (100.0, NAN)}), "limit of order 1 .path 0, bar 2., long leg"),
    ],
)
def test_a_faulty_order_is_named(order, where):
    with pytest.raises(InvalidInputError, match=f"^{where}:"):
        run(orders=orders_of([(0, (0.5, NAN)), (2, *order[1:])]))


def test_a_stop_above_the_entry_of_a_long_leg_says_so():
    with pytest.raises(InvalidInputError, match="a stop of a long leg below the entry"):
        run(orders=orders_of([(0, (0.5, NAN), {"stop": (1.02, NAN)})]))


@pytest.mark.parametrize(
    ("weight", "limit", "leg"),
    [
        ((0.5, NAN), (NAN, NAN), "long"),
        ((0.5, 0.5), (100.0, NAN), "short"),
        ((0.5, NAN), (100.0, 100.0), "short"),
        ((0.5, NAN), (0.0, NAN), "long"),
        ((0.5, NAN), (np.inf, NAN), "long"),
    ],
)
def test_with_limits_every_ordered_leg_and_no_other_has_one(weight, limit, leg):
    with pytest.raises(InvalidInputError, match=rf"^limit of order 0 \(path 0, bar 0\), {leg} leg:"):
        run(orders=orders_of([(0, weight, {"limit": limit})]), fill="limit")


@pytest.mark.parametrize("bars", [(1, 0), (1, 1)])
def test_orders_are_sorted_and_single(bars):
    with pytest.raises(InvalidInputError, match="sorted by path, then bar"):
        run(orders=orders_of([(bar, (0.5, NAN)) for bar in bars]))


def test_an_order_lies_within_its_path():
    inner = dataclasses.replace(account(4), first=np.array([1], np.int32), last=np.array([2], np.int32))
    for bar in (0, 3):
        with pytest.raises(InvalidInputError, match=r"^bar of order 0"):
            run(paths=inner, orders=orders_of([(bar, (0.5, NAN))]))
    orders = orders_of([(1, (0.5, NAN))])
    for path in (-1, 1):
        with pytest.raises(InvalidInputError, match=r"^path of order 0"):
            run(orders=dataclasses.replace(orders, path=np.array([path], np.int32)))


def test_an_order_that_leaves_both_legs_is_let_pass():
    run(orders=orders_of([(0, (NAN, NAN))]))


def test_an_unknown_fill_is_refused():
    with pytest.raises(InvalidInputError, match=r"^fill: expected one of next_open, same_close, limit"):
        run(fill="close")


@pytest.mark.parametrize("cap", [0.0, -1.0, NAN, np.inf])
def test_a_senseless_leverage_is_refused(cap):
    with pytest.raises(InvalidInputError, match=r"^max_leverage:"):
        run(max_leverage=cap)


@pytest.mark.parametrize("name", [field.name for field in dataclasses.fields(Costs)])
@pytest.mark.parametrize("value", [-1.0, NAN, np.inf])
def test_a_senseless_cost_is_refused(name, value):
    with pytest.raises(InvalidInputError, match=f"^costs, {name}:"):
        Costs(**{name: value})


def test_no_paths_give_no_rows():
    none = {field.name: getattr(account(4), field.name)[:0] for field in dataclasses.fields(account(4))}
    found = run(paths=dataclasses.replace(account(4), **none))
    assert found.summary.shape[0] == 0
