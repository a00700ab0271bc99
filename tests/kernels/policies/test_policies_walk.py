"""Walks: equal to the oracle, blind to the future, the same alone as among others, and right about holes and ruin."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels.errors import BackendUnavailableError, InvalidInputError
from kernels.policies import (
    FLAT,
    HOLD,
    STATE_COLUMNS,
    UNDECIDED,
    CandidateGrid,
    GreedyPolicy,
    RandomPolicy,
    Rules,
    buy_and_hold,
    decision_bars,
    identities,
    start_offsets,
    walk,
)
from kernels.trading import Bars, Costs
from tests.kernels.policies.policy_market import (
    FREE_RULES,
    GRID,
    LOOKBACK,
    RULES,
    ConstantModel,
    PickyModel,
    TrendModel,
    all_rows,
    market_of,
    random_market,
    some,
)

FIRST, LAST = 8, 36
DECISIONS = decision_bars(FIRST, LAST, 5, 2)
NAMES = GRID.names


def walked(market, policy, rules=RULES, series=None, decisions=DECISIONS, backend="cpu"):
    series = all_rows(market) if series is None else series
    return walk(market, series, FIRST, LAST, decisions, policy, rules, backend=backend)


def random_policy(market, seed=3, series=None):
    symbols = market.symbols if series is None else [market.symbols[row] for row in series]
    return RandomPolicy(np.full(len(symbols), seed, dtype=np.uint64), identities(symbols))


def assert_close(one, other):
    np.testing.assert_array_equal(one.choice, other.choice)
    np.testing.assert_array_equal(one.exposure, other.exposure)
    for name in ("equity", "traded", "costs"):
        # A state may be rounded to the other float32 neighbour: 6e-8.
        np.testing.assert_allclose(getattr(one, name), getattr(other, name), rtol=1e-6, atol=1e-6, err_msg=name)


def assert_same_bytes(one, other):
    for field in dataclasses.fields(one):
        ours, theirs = getattr(one, field.name), getattr(other, field.name)
        assert (ours.dtype, ours.tobytes()) == (theirs.dtype, theirs.tobytes()), field.name


@settings(max_examples=12)
@given(
    seed=st.integers(0, 2**32 - 1),
    holes=st.sampled_from([0.0, 0.03, 0.15]),
    volatility=st.sampled_from([0.02, 0.3]),
    every=st.integers(1, 9),
)
def test_the_fast_version_equals_the_oracle(seed, holes, volatility, every):
    market = random_market(seed, holes=holes, volatility=volatility)
    decisions = decision_bars(FIRST, LAST, every, seed % every)
    for policy in (random_policy(market, seed), GreedyPolicy(PickyModel(seed=seed))):
        fast, slow = (walked(market, policy, decisions=decisions, backend=name) for name in ("cpu", "naive"))
        assert_close(fast, slow)


def test_the_policies_of_these_tests_do_something():
    market = random_market(1)
    for policy in (random_policy(market), GreedyPolicy(PickyModel())):
        found = walked(market, policy)
        assert len(np.unique(found.choice)) > 4
        assert (found.traded > 0.0).all()
        assert (np.ptp(found.equity, axis=1) > 100.0).all()


@pytest.mark.parametrize("make", [random_policy, lambda _: GreedyPolicy(PickyModel())], ids=["random", "greedy"])
def test_changing_what_comes_after_a_decision_changes_neither_it_nor_earlier_equity(make):
    market = random_market(2, holes=0.02)
    whole = walked(market, make(market))
    for bar in DECISIONS[1:]:
        bars, panel = (np.stack([getattr(market.bars, n) for n in vars(market.bars)]), market.windows.copy())
        bars[:4, :, bar + 1 :] *= np.random.default_rng(bar).uniform(0.5, 1.5, bars[0, :, bar + 1 :].shape)
        bars[1:3, :, bar + 1 :] = bars[:4, :, bar + 1 :].max(axis=0), bars[:4, :, bar + 1 :].min(axis=0)
        bars[4, :, bar + 1 :] = 3.0
        panel[:, bar + 1 :] *= 1.3
        other = dataclasses.replace(market, bars=Bars(*bars), windows=panel)
        changed = walked(other, make(other))
        known = [place for place, each in enumerate(DECISIONS) if each <= bar]
        assert changed.choice[:, known].tobytes() == whole.choice[:, known].tobytes()
        assert changed.equity[:, : bar - FIRST + 1].tobytes() == whole.equity[:, : bar - FIRST + 1].tobytes()
        assert changed.equity.tobytes() != whole.equity.tobytes()


def test_a_shorter_walk_is_the_beginning_of_a_longer_one():
    market = random_market(4, holes=0.02)
    whole = walked(market, random_policy(market))
    for last in (20, 29):
        decisions = tuple(bar for bar in DECISIONS if bar < last)
        short = walk(market, all_rows(market), FIRST, last, decisions, random_policy(market), RULES)
        assert short.equity.tobytes() == whole.equity[:, : last - FIRST + 1].copy().tobytes()
        assert short.choice.tobytes() == whole.choice[:, : len(decisions)].copy().tobytes()


@pytest.mark.parametrize("greedy", [False, True])
def test_an_account_has_the_same_bytes_alone_and_in_any_order(greedy):
    market = random_market(5, series=7, holes=0.03)

    def policy(of, series):
        return GreedyPolicy(PickyModel()) if greedy else random_policy(of, series=series)

    whole = walked(market, policy(market, all_rows(market)))
    order = np.random.default_rng(0).permutation(7).astype(np.int32)
    shuffled = walked(market, policy(market, order), series=order)
    turned = walked(some(market, order), policy(some(market, order), np.arange(7)))
    for other in (shuffled, turned):
        for field in dataclasses.fields(whole):
            assert getattr(other, field.name).tobytes() == getattr(whole, field.name)[order].tobytes(), field.name
    for row in range(7):
        series = np.array([row], dtype=np.int32)
        alone = walked(market, policy(market, series), series=series)
        for field in dataclasses.fields(whole):
            assert getattr(alone, field.name)[0].tobytes() == getattr(whole, field.name)[row].tobytes(), field.name


def test_a_model_that_knows_what_drifts_up_is_long_there_and_gains():
    sessions = np.arange(40)
    drift = np.array([0.01, 0.0, -0.01])[:, None]
    close = 50.0 * np.exp(drift * sessions)
    market = market_of(close, close * 1.001, close * 0.999, close)
    found = walked(market, GreedyPolicy(TrendModel()), FREE_RULES)
    kinds = np.array(GRID.kinds)[found.choice]
    assert (kinds[0, 0], kinds[2, 0]) == ("long", "short")
    # A leg that has grown may be the larger bet, and is then left alone.
    assert set(kinds[0]) <= {"long", "hold"}
    assert set(kinds[2]) <= {"short", "hold"}
    # Nothing to gain: of equals, hold.
    assert (found.choice[1] == HOLD).all()
    assert found.equity[0, -1] > 1.05 * RULES.cash
    assert found.equity[2, -1] > 1.05 * RULES.cash
    assert found.equity[1].tolist() == [RULES.cash] * (LAST - FIRST + 1)


def test_a_model_that_sees_no_difference_never_trades():
    market = random_market(6)
    found = walked(market, GreedyPolicy(ConstantModel()))
    assert (found.choice == HOLD).all()
    assert (found.equity == RULES.cash).all()
    assert not found.traded.any()
    assert not found.costs.any()
    assert not found.exposure.any()


class Always:
    """Takes one candidate, or by account and decision."""

    def __init__(self, *choices):
        self.choices, self.asked, self.states = list(choices), 0, []

    def choose(self, decision):
        choice = self.choices[min(self.asked, len(self.choices) - 1)]
        self.asked += 1
        self.states.append(dict(zip(STATE_COLUMNS, decision.states[0].tolist(), strict=True)))
        return np.full(len(decision.account), choice, dtype=np.int32)


def test_what_an_account_holds_is_read_back_to_the_dollar():
    long_half = NAMES.index("long 50%, stop 5%, target 10%")
    close = np.full((1, 40), 100.0)
    close[0, FIRST + 1 :] = 102.0
    opening = close.copy()
    opening[0, FIRST + 1] = 101.0
    market = market_of(opening, np.maximum(opening, close) + 0.5, np.minimum(opening, close) - 0.5, close)
    policy = Always(long_half, HOLD, FLAT)
    found = walked(market, policy, FREE_RULES, decisions=(FIRST, FIRST + 5, FIRST + 10))
    empty, held, again = policy.states
    assert empty["state_long_value"] == empty["state_long_age"] == 0.0
    assert np.isnan([empty["state_long_entry"], empty["state_long_stop"]]).all()
    shares = 25_000 / 100
    expected = {
        "state_equity": 50_000 + shares,
        "state_cash": 50_000 - shares * 101,
        "state_long_value": shares * 102,
        "state_short_value": 0.0,
        "state_leverage": shares * 102 / (50_000 + shares),
        "state_long_entry": 101 / 102,
        "state_long_age": 4.0,
        "state_long_profit": shares,
        "state_long_stop": 0.95 * 101 / 102,
        "state_long_target": 1.1 * 101 / 102,
        "state_short_profit": 0.0,
        "state_short_age": 0.0,
    }
    for name, value in expected.items():
        # A profit is the small difference of an entry, which is rounded to float32, and 1.
        np.testing.assert_allclose(held[name], value, rtol=1e-5 if "profit" in name else 2e-7, err_msg=name)
    # The age of the last decision is that of the oldest leg a sample may have.
    assert again["state_long_age"] == LOOKBACK - 1
    assert found.exposure.tolist() == [11]
    np.testing.assert_allclose(found.traded, [shares * 101 + shares * 102])
    assert found.equity[0, -1] == pytest.approx(50_000 + shares)


def test_missing_bars_delay_a_fill_and_a_window_with_a_hole_leaves_the_account_as_it_is():
    market = random_market(7, series=2)
    for values in (*(getattr(market.bars, n)[0] for n in ("open", "high", "low", "close")),):
        values[FIRST + 1 : FIRST + 3] = np.nan
    market.windows[0, FIRST + 1 : FIRST + 3] = np.nan
    policy = Always(NAMES.index("long 100%, stop 5%, target 10%"), FLAT)
    found = walked(market, policy, FREE_RULES, decisions=(FIRST, FIRST + 5, FIRST + 10))
    # The window of the second decision has the hole, that of the third hasn't.
    assert found.choice[0].tolist() == [2 + 3 * 1, UNDECIDED, FLAT]
    assert found.choice[1].tolist() == [2 + 3 * 1, FLAT, FLAT]
    assert (found.equity[0, :3] == RULES.cash).all()


def test_a_series_that_ends_keeps_its_last_close_and_one_that_begins_late_its_money():
    market = random_market(8, series=3)
    for values in (*(getattr(market.bars, n) for n in ("open", "high", "low", "close")), market.windows):
        values[0, 20:] = np.nan
        values[1, :20] = np.nan
        values[2, :] = np.nan
    buys = walked(market, Always(NAMES.index("long 100%, stop 5%, target 10%")), FREE_RULES)
    assert (buys.choice[0][np.array(DECISIONS) >= 20] == UNDECIDED).all()
    assert len(set(buys.equity[0, 19 - FIRST :].tolist())) == 1
    # A whole window is there from bar 25 on.
    late = np.array(DECISIONS) < 20 + LOOKBACK - 1
    assert (buys.choice[1][late] == UNDECIDED).all()
    assert (buys.choice[1][~late] != UNDECIDED).all()
    assert (buys.equity[1, : 20 - FIRST] == RULES.cash).all()
    assert (buys.choice[2] == UNDECIDED).all()
    assert (buys.equity[2] == RULES.cash).all()
    kept = buy_and_hold(market, all_rows(market), FIRST, LAST, FREE_RULES)
    assert kept.equity[1, 20 - FIRST] == RULES.cash
    assert kept.exposure.tolist() == [LAST - FIRST, LAST - 20, 0]


def test_a_ruined_account_decides_nothing_more_and_owes_what_it_owes():
    close = np.full((2, 40), 100.0)
    # A short leg of twice the equity, and the price more than doubles overnight.
    close[0, FIRST + 3 :] = 250.0
    market = market_of(close, close * 1.01, close * 0.99, close)
    grid = CandidateGrid(shares=(2.0,), stops=(0.5,), targets=(0.5,), legs=("short",))
    rules = dataclasses.replace(FREE_RULES, grid=grid, max_leverage=2.0)
    for backend in ("cpu", "naive"):
        found = walk(market, all_rows(market), FIRST, LAST, DECISIONS, Always(2), rules, backend=backend)
        assert found.equity[0, 3] < 0.0
        assert (found.equity[0, 3:] == found.equity[0, 3]).all()
        assert (found.choice[0][np.array(DECISIONS) >= FIRST + 3] == UNDECIDED).all()
        assert (found.choice[1] == 2).all()


def test_buy_and_hold_is_one_purchase_with_its_costs_and_dividends():
    close = np.full((1, 40), 100.0)
    close[0, 20:] = 110.0
    dividend = np.zeros((1, 40))
    dividend[0, 15] = 2.0
    market = market_of(close, close * 1.001, close * 0.999, close, dividend=dividend)
    rules = dataclasses.replace(RULES, costs=Costs(10.0, 1.0, 5.0, 50.0, 0.0))
    found = buy_and_hold(market, all_rows(market), FIRST, LAST, rules)
    # 500 shares at 100 for 16 basis points; they pay 2 each and end at 110.
    np.testing.assert_allclose(found.equity[0, [0, 1, -1]], [50_000, 49_920, 49_920 + 1_000 + 5_000])
    np.testing.assert_allclose([found.traded[0], found.costs[0]], [50_000, 80])
    assert found.exposure[0] == LAST - FIRST
    flat = buy_and_hold(market, all_rows(market), FIRST, LAST, rules, share=0.0)
    assert (flat.equity == 50_000).all()
    assert not flat.traded.any()


def test_the_labels_of_the_samples_and_a_walk_of_one_decision_are_one_simulation():
    market = random_market(9, series=4)
    from kernels.samples import COLUMNS, SampleSettings, label_samples

    choice = NAMES.index("long 50%, stop 5%, target 4%")
    found = walk(market, all_rows(market), FIRST, LAST, (FIRST,), Always(choice), RULES)
    count = len(market.symbols)
    columns = {name: np.zeros(count, column.dtype) for name, column in COLUMNS.items() if column.group != "label"}
    for name in columns:
        if name.endswith(("_entry", "_stop", "_target")):
            columns[name][:] = np.nan
    columns |= {
        "instrument": all_rows(market).astype(np.int16),
        "session": np.full(count, FIRST, np.int32),
        "state_equity": np.full(count, RULES.cash, np.float32),
        "state_cash": np.full(count, RULES.cash, np.float32),
        "action_long_value": np.full(count, 0.5 * RULES.cash, np.float32),
        "action_long_stop": np.full(count, 0.95, np.float32),
        "action_long_target": np.full(count, 1.04, np.float32),
    }
    options = SampleSettings(lookback=LOOKBACK, forward=LAST - FIRST, max_leverage=2.0, costs=RULES.costs)
    labels = label_samples(market.bars, columns, options)
    returns = found.equity[:, -1] / found.equity[:, 0] - 1.0
    np.testing.assert_array_equal(labels["label_total_return"], returns.astype(np.float32))
    np.testing.assert_array_equal(labels["label_cost"], (found.costs / RULES.cash).astype(np.float32))


def test_decisions_fall_at_the_first_session_and_then_from_the_offset_on():
    assert decision_bars(8, 20, 5, 0) == (8, 13, 18)
    assert decision_bars(8, 20, 5, 2) == (8, 10, 15)
    assert decision_bars(8, 20, 5, 4) == (8, 12, 17)
    assert decision_bars(8, 9, 5, 3) == (8,)
    assert start_offsets(63, 3) == (0, 21, 42)
    assert start_offsets(5, 5) == (0, 1, 2, 3, 4)
    for bad in ((0, 1), (5, 0), (5, 6)):
        with pytest.raises(InvalidInputError, match=r"offsets|between"):
            start_offsets(*bad)


def test_what_cannot_be_walked_is_refused():
    market = random_market(1)
    rows = all_rows(market)
    asked = {
        "first": (rows, LOOKBACK - 2, LAST, (LOOKBACK - 1,)),
        "last": (rows, FIRST, 40, DECISIONS),
        "decisions": (rows, FIRST, LAST, (FIRST, LAST)),
        "series": (rows + np.int32(1), FIRST, LAST, DECISIONS),
    }
    for message, arguments in asked.items():
        with pytest.raises(InvalidInputError, match=message):
            walk(market, *arguments, Always(HOLD), RULES)
    with pytest.raises(InvalidInputError, match="decisions"):
        walk(market, rows, FIRST, LAST, (FIRST, FIRST), Always(HOLD), RULES)
    with pytest.raises(InvalidInputError, match="choice"):
        walked(market, Always(len(NAMES)))
    with pytest.raises(BackendUnavailableError, match="walk"):
        walked(market, Always(HOLD), backend="gpu")
    with pytest.raises(InvalidInputError, match="cash"):
        Rules(lookback=LOOKBACK, max_leverage=1.0, cash=0.0)
    with pytest.raises(InvalidInputError, match="windows"):
        dataclasses.replace(market, windows=market.windows[:2])
