from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels.errors import InvalidInputError
from kernels.samples import COLUMNS, SampleSettings, draw_samples, find_starts, label_samples
from kernels.trading.model import FREE, REASONS, Bars, Costs
from tests.kernels.samples.sample_market import market, same_bytes

SMALL = SampleSettings(lookback=8, forward=5, embargo=2)
LABELS = [name for name, column in COLUMNS.items() if column.group == "label"]
NONE, ORDER, STOP, _, TARGET, RUIN, OPEN = range(len(REASONS))
NAN = math.nan


def flat_bars(sessions=10, price=100.0):
    """One series that doesn't move."""
    return Bars(*(np.full((1, sessions), price) for _ in range(4)), np.zeros((1, sessions)))


def account(hold=True, **changes):
    """The columns of one sample at session 2: 100,000 dollars, no legs, and no order unless `hold` is False."""
    row = {name: 0 for name, column in COLUMNS.items() if column.group != "label"}
    levels = ("stop", "target")
    row |= {f"{who}_{leg}_{kind}": NAN for who in ("state", "action") for leg in ("long", "short") for kind in levels}
    row |= {"session": 2, "state_equity": 1e5, "action_hold": hold, "state_long_entry": NAN, "state_short_entry": NAN}
    row |= changes
    return {name: np.array([value], dtype=COLUMNS[name].dtype) for name, value in row.items()}


def label(bars, columns, backend="cpu", **changes):
    """The labels of one sample by name, without prefix."""
    chosen = dataclasses.replace(SMALL, costs=FREE, **changes)
    labels = label_samples(bars, columns, chosen, backend=backend)
    return {name.removeprefix("label_"): values[0].item() for name, values in labels.items()}


LONG = {"state_long_value": 1e4, "state_long_entry": 1.0, "state_long_age": 1}
SHORT = {"state_short_value": 1e4, "state_short_entry": 1.0, "state_short_age": 1}


def test_a_stop_of_five_percent_loses_five_percent_and_its_costs():
    bars = flat_bars()
    bars.low[0, 4] = 90.0
    sample = account(**LONG, state_long_stop=0.95)
    found = label(bars, sample)
    assert found["total_return"] * 1e5 == pytest.approx(-500, rel=1e-6)
    assert REASONS[found["long_exit"]] == "stop"
    assert found["long_held"] == 2
    assert found["exposure"] == pytest.approx(0.4)
    # Two nights of half a basis point, then fee, half-spread and slippage on the value sold at the stop.
    charged = 2 * 1e4 * 0.5e-4 + 9_500 * 16e-4
    dear = label_samples(bars, sample, dataclasses.replace(SMALL, costs=Costs()))
    assert dear["label_total_return"][0] * 1e5 == pytest.approx(-500 - charged, rel=1e-6)
    assert dear["label_cost"][0] * 1e5 == pytest.approx(charged, rel=1e-6)
    assert dear["label_turnover"][0] * 1e5 == pytest.approx(9_500, rel=1e-6)


def test_the_first_exit_leaves_the_other_leg_alone():
    bars = flat_bars()
    bars.low[0, 3] = 90.0
    bars.close[0, 5:] = bars.open[0, 6:] = bars.low[0, 6:] = 97.0
    bars.low[0, 5] = 97.0
    found = label(bars, account(**LONG, **SHORT, state_long_stop=0.95))
    assert (found["long_exit"], found["short_exit"]) == (STOP, OPEN)
    assert (found["long_held"], found["short_held"]) == (1, 5)
    assert found["total_return"] * 1e5 == pytest.approx(-500 + 300, rel=1e-5)


def test_open_legs_are_marked_at_every_close():
    bars = flat_bars()
    bars.low[0, 4] = bars.close[0, 4] = 80.0
    found = label(bars, account(**LONG))
    assert found["total_return"] == 0.0
    assert found["max_drawdown"] == pytest.approx(0.02, rel=1e-6)
    returns = np.array([0, -0.02, 0.02 / 0.98, 0, 0])
    assert found["sharpe_252"] == pytest.approx(returns.mean() / returns.std(ddof=1) * math.sqrt(252), rel=1e-5)


def test_one_good_session_gives_a_modest_yearly_return():
    bars = flat_bars()
    bars.high[0, 3] = 106.0
    found = label(bars, account(**LONG, state_long_target=1.05))
    assert found["long_exit"] == TARGET
    assert found["total_return"] == pytest.approx(0.005, rel=1e-6)
    # The whole forward span counts, not the one session that the leg was held.
    assert found["cagr"] == pytest.approx(1.005 ** (252 / 5) - 1, rel=1e-5)


def test_an_order_is_filled_at_the_next_open():
    bars = flat_bars()
    bars.open[0, 3] = bars.low[0, 3] = 90.0
    found = label(bars, account(hold=False, action_long_value=2e4))
    assert found["total_return"] * 1e5 == pytest.approx(2e4 / 100 * 10, rel=1e-5)
    assert found["turnover"] == pytest.approx(200 * 90 / 1e5, rel=1e-6)
    # The stop is a multiple of the fill price, so 95 % of 90: not reached by the close of 88.
    bars.close[0, 5] = bars.low[0, 5] = 88.0
    assert label(bars, account(hold=False, action_long_value=2e4, action_long_stop=0.95))["long_exit"] == OPEN
    assert label(bars, account(hold=False, action_long_value=2e4, action_long_stop=0.98))["long_exit"] == STOP


def test_an_action_replaces_the_legs_and_levels_of_the_state():
    bars = flat_bars()
    bars.low[0, 4] = 90.0
    held = account(hold=False, **LONG, state_long_stop=0.95, action_long_value=1e4)
    assert label(bars, held)["long_exit"] == OPEN
    closed = account(hold=False, **LONG, state_long_stop=0.95)
    assert label(bars, closed)["long_exit"] == ORDER
    assert label(bars, closed)["long_held"] == 1


def test_an_action_keeps_the_leverage_cap_when_it_is_filled():
    bars = flat_bars()
    for name in ("open", "high", "low", "close"):
        getattr(bars, name)[0, 3:] = 125.0
    found = label(bars, account(hold=False, action_long_value=2e5))
    assert found["turnover"] == pytest.approx(2.0, rel=1e-6)


@pytest.mark.parametrize("hold", [True, False])
def test_a_flat_account_that_stays_flat_has_labels_of_zero(hold):
    found = label(flat_bars(), account(hold=hold))
    assert set(found.values()) == {0.0}


def test_bars_missing_after_the_decision_are_waited_for():
    bars = flat_bars()
    for name in ("open", "high", "low", "close"):
        getattr(bars, name)[0, 3:5] = NAN
    bars.low[0, 6] = 90.0
    found = label(bars, account(**LONG, state_long_stop=0.95))
    assert found["long_exit"] == STOP
    assert found["total_return"] * 1e5 == pytest.approx(-500, rel=1e-6)


def test_dividends_are_paid_to_the_long_leg():
    bars = flat_bars()
    bars.dividend[0, 4] = 2.0
    assert label(bars, account(**LONG))["total_return"] * 1e5 == pytest.approx(200, rel=1e-6)
    assert label(bars, account(**SHORT))["total_return"] * 1e5 == pytest.approx(-200, rel=1e-6)


@pytest.mark.parametrize(
    ("column", "low", "high"),
    [
        ("state_long_value", 5e3, 2e4),
        ("state_short_value", 5e3, 2e4),
        ("state_long_stop", 0.94, 0.96),
        ("state_long_target", 1.01, 1.30),
        ("state_short_stop", 1.02, 1.30),
        ("state_short_target", 0.94, 0.80),
        ("action_hold", True, False),
    ],
)
def test_every_part_of_the_state_counts(column, low, high):
    bars = flat_bars()
    for t, price in ((3, 103.0), (4, 95.5), (5, 93.0), (6, 101.0), (7, 104.0)):
        for name in ("open", "high", "low", "close"):
            getattr(bars, name)[0, t] = price
    legs = SHORT if column.startswith("state_short_") else LONG
    one, other = (label(bars, account(**{**legs, column: value})) for value in (low, high))
    assert one["total_return"] != other["total_return"]


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    holes=st.sampled_from([0.0, 0.05]),
    forward=st.sampled_from([1, 2, 5, 30]),
    leverage=st.sampled_from([0.3, 2.0, 20.0]),
    costs=st.sampled_from([Costs(), FREE]),
    dollars=st.sampled_from([1.0, 1e-3]),
)
def test_cpu_labels_are_those_of_naive(seed, holes, forward, leverage, costs, dollars):
    symbols, arrays, bars = market(seed % 1000, 3, 130, holes)
    bars = Bars(*(values * dollars for values in (bars.open, bars.high, bars.low, bars.close, bars.dividend)))
    chosen = SampleSettings(
        seed=seed, lookback=8, forward=forward, max_leverage=leverage, costs=costs, held_out_share=0.0, test_share=0.0
    )
    starts = find_starts(symbols, **arrays, settings=chosen)
    drawn = draw_samples(bars, starts, chosen, 0, 0, 60, labels=False)
    naive, cpu = (label_samples(bars, drawn, chosen, backend=backend) for backend in ("naive", "cpu"))
    assert list(naive) == list(cpu) == LABELS
    for name in LABELS:
        assert naive[name].dtype == cpu[name].dtype == COLUMNS[name].dtype
        if COLUMNS[name].dtype == np.float32:
            np.testing.assert_allclose(cpu[name], naive[name], rtol=1e-6, atol=1e-9, err_msg=name)
        else:
            np.testing.assert_array_equal(cpu[name], naive[name], err_msg=name)


def test_the_columns_alone_reproduce_the_labels_in_any_order():
    symbols, arrays, bars = market(3, 4, 200, 0.01)
    starts = find_starts(symbols, **arrays, settings=SMALL)
    drawn = draw_samples(bars, starts, SMALL, 2, 50, 500)
    order = np.random.default_rng(1).permutation(500)
    again = label_samples(bars, {name: values[order].copy() for name, values in drawn.items()}, SMALL)
    assert same_bytes(again, {name: drawn[name][order] for name in LABELS})


def test_labels_of_many_samples_are_modest_and_consistent():
    symbols, arrays, bars = market(5, 20, 400)
    chosen = SampleSettings(lookback=8, forward=63)
    starts = find_starts(symbols, **arrays, settings=chosen)
    drawn = draw_samples(bars, starts, chosen, 0, 0, 20_000)
    unknown = {name for name in LABELS if np.isnan(drawn[name].astype(float)).any()}
    assert unknown <= {"label_sortino_252", "label_calmar"}
    assert np.abs(drawn["label_total_return"]).max() < 2
    assert np.abs(drawn["label_sharpe_252"]).max() < 30
    assert drawn["label_cagr"].min() >= -1
    assert drawn["label_cagr"].max() < 100
    assert np.nanmax(np.abs(drawn["label_sortino_252"])) < 1e5
    assert np.nanmax(np.abs(drawn["label_calmar"])) < 1e5
    assert (drawn["label_max_drawdown"] >= 0).all()
    np.testing.assert_array_less(-drawn["label_max_drawdown"] - 1e-6, drawn["label_total_return"])
    for leg in ("long", "short"):
        reason, held = drawn[f"label_{leg}_exit"], drawn[f"label_{leg}_held"]
        assert {NONE, ORDER, STOP, TARGET, OPEN} <= set(reason.tolist())
        assert held.min() == 0
        assert held.max() == 63
        ever = (drawn[f"state_{leg}_value"] > 0) | (drawn[f"action_{leg}_value"] > 0)
        np.testing.assert_array_equal(reason != NONE, held > 0)
        assert not held[~ever].any()
    longest = np.maximum(drawn["label_long_held"], drawn["label_short_held"])
    np.testing.assert_allclose(drawn["label_exposure"], longest / 63, rtol=1e-6)


@pytest.mark.parametrize("backend", ["naive", "cpu"])
def test_a_yearly_growth_beyond_float32_is_unknown_not_infinite(backend):
    bars = flat_bars()
    for name in ("open", "high", "low", "close"):
        getattr(bars, name)[0, 3:] = 150.0
    found = label(bars, account(state_long_value=1e5, state_long_entry=1.0, state_long_age=1), backend, forward=1)
    assert found["total_return"] == pytest.approx(0.5, rel=1e-6)
    assert math.isnan(found["cagr"])


def test_columns_and_bars_may_be_read_only():
    symbols, arrays, bars = market(4, 2, 100)
    starts = find_starts(symbols, **arrays, settings=SMALL)
    drawn = draw_samples(bars, starts, SMALL, 0, 0, 50)
    for values in (*drawn.values(), *vars(bars).values()):
        values.flags.writeable = False
    assert same_bytes(draw_samples(bars, starts, SMALL, 0, 0, 50), drawn)
    assert same_bytes(label_samples(bars, drawn, SMALL), drawn, LABELS)


def test_wrong_columns_are_refused():
    bars = flat_bars()
    good = account()
    missing = {name: values for name, values in good.items() if name != "state_long_stop"}
    with pytest.raises(InvalidInputError, match="state_long_stop"):
        label_samples(bars, missing, SMALL)
    with pytest.raises(InvalidInputError, match="instrument"):
        label_samples(bars, {}, SMALL)
    with pytest.raises(InvalidInputError, match="state_equity"):
        label_samples(bars, {**good, "state_equity": good["state_equity"].astype(np.float64)}, SMALL)
    with pytest.raises(InvalidInputError, match="action_hold"):
        label_samples(bars, {**good, "action_hold": np.zeros(2, dtype=bool)}, SMALL)
    with pytest.raises(InvalidInputError, match="session"):
        label_samples(bars, account(session=8), SMALL)
    with pytest.raises(InvalidInputError, match="instrument"):
        label_samples(bars, account(instrument=1), SMALL)
