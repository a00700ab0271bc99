"""What a policy chooses from, and how: candidates, states, the criterion, ties, and the random policy."""

from __future__ import annotations

import numpy as np
import pytest

from kernels.errors import InvalidInputError
from kernels.policies import (
    ACTION_COLUMNS,
    FLAT,
    HOLD,
    STATE_COLUMNS,
    CandidateGrid,
    Decision,
    GreedyPolicy,
    RandomPolicy,
    best_of,
    candidates,
    criterion,
    identities,
    naive,
    states_of,
)
from kernels.samples import SampleSettings, draw_samples, find_starts
from kernels.strategies import expected_returns
from kernels.trading.holdings import Holdings
from tests.kernels.policies.policy_market import GRID, LEVELS, LOOKBACK, ConstantModel
from tests.kernels.samples.sample_market import market as sample_market

NAN = np.nan


def test_the_columns_are_those_of_the_samples_in_their_order():
    assert len(STATE_COLUMNS) == 15
    assert len(ACTION_COLUMNS) == 7
    assert ACTION_COLUMNS == (
        "action_hold",
        "action_long_value",
        "action_short_value",
        "action_long_stop",
        "action_long_target",
        "action_short_stop",
        "action_short_target",
    )


@pytest.fixture(scope="module")
def drawn():
    """Samples, and what the accounts of their states hold."""
    symbols, arrays, bars = sample_market(series=4, sessions=120)
    settings = SampleSettings(lookback=16, forward=10, seed=3)
    starts = find_starts(symbols, **arrays, settings=settings)
    columns = draw_samples(bars, starts, settings, 0, 0, 400)
    close = bars.close[columns["instrument"], columns["session"]]

    def both(name):
        return np.stack([columns[f"state_{leg}_{name}"] for leg in ("long", "short")], axis=1).astype(np.float64)

    value, price = both("value"), close[:, None]
    held = Holdings(
        equity=columns["state_equity"].astype(np.float64),
        cash=columns["state_cash"].astype(np.float64),
        shares=value / price,
        entry=both("entry") * price,
        stop=both("stop") * price,
        target=both("target") * price,
        trail=np.full(value.shape, NAN),
        peak=np.full(value.shape, NAN),
        age=both("age").astype(np.int32),
    )
    return columns, held, close, settings


def test_a_state_read_back_is_the_state_that_a_sample_would_have(drawn):
    columns, held, close, settings = drawn
    states = states_of(held, close, settings.lookback)
    assert states.dtype == np.float32
    for place, name in enumerate(STATE_COLUMNS):
        # Through shares and dollars and back: a rounding of float64, which may tip that to float32.
        np.testing.assert_allclose(states[:, place], columns[name].astype(np.float32), rtol=2e-6, atol=2e-3)


def test_ages_stay_within_those_of_the_samples():
    states = states_of(one_account(shares=(10.0, 0.0), age=(0, 0)), np.array([100.0]), LOOKBACK)
    assert states[0, STATE_COLUMNS.index("state_long_age")] == 1
    states = states_of(one_account(shares=(0.0, 10.0), age=(0, 400)), np.array([100.0]), LOOKBACK)
    assert states[0, STATE_COLUMNS.index("state_short_age")] == LOOKBACK - 1
    assert states[0, STATE_COLUMNS.index("state_long_age")] == 0


def one_account(shares=(0.0, 0.0), age=(0, 0), equity=50_000.0):
    held = np.array([shares]) > 0.0
    levels = {name: np.where(held, price, NAN) for name, price in (("entry", 90.0), ("stop", 85.0), ("target", 120.0))}
    none = np.full((1, 2), NAN)
    return Holdings(
        equity=np.array([equity]),
        cash=np.array([equity]),
        shares=np.array([shares]),
        trail=none,
        peak=none,
        age=np.array([age], dtype=np.int32),
        **levels,
    )


def test_hold_repeats_the_state_and_flat_has_no_leg():
    states = states_of(one_account(shares=(100.0, 0.0), age=(3, 0)), np.array([100.0]), LOOKBACK)
    actions = candidates(states, GRID, 2.0)
    assert actions.shape == (1, len(GRID.names), 7)
    np.testing.assert_array_equal(actions[0, HOLD], np.float32([1, 10_000, 0, 0.85, 1.2, NAN, NAN]))
    np.testing.assert_array_equal(actions[0, FLAT], np.float32([0, 0, 0, NAN, NAN, NAN, NAN]))


def test_each_candidate_is_what_its_name_says():
    grid = CandidateGrid(shares=(0.5,), stops=(0.05,), targets=(0.1, 0.02))
    actions = candidates(states_of(one_account(), np.array([100.0]), LOOKBACK), grid, 2.0)[0]
    named = dict(zip(grid.names, actions.tolist(), strict=True))
    assert grid.kinds == ("hold", "flat", "long", "long", "short", "short")
    expected = {
        "long 50%, stop 5%, target 10%": [0, 25_000, 0, 0.95, 1.1, NAN, NAN],
        "long 50%, stop 5%, target 2%": [0, 25_000, 0, 0.95, 1.02, NAN, NAN],
        "short 50%, stop 5%, target 10%": [0, 0, 25_000, NAN, NAN, 1.05, 0.9],
        "short 50%, stop 5%, target 2%": [0, 0, 25_000, NAN, NAN, 1.05, 0.98],
    }
    assert set(expected) == set(named) - {"hold", "flat"}
    for name, row in expected.items():
        np.testing.assert_array_equal(np.float32(named[name]), np.float32(row), err_msg=name)


@pytest.mark.parametrize("cap", [0.3, 1.0, 1.7])
def test_no_candidate_exceeds_the_leverage_cap(cap):
    equity = np.random.default_rng(1).uniform(1e4, 1e5, 500)
    states = np.full((500, 15), NAN, dtype=np.float32)
    states[:, 0] = equity
    actions = candidates(states, CandidateGrid(shares=(0.25, 1.0, 5.0)), cap).astype(np.float64)
    gross = actions[:, FLAT:, 1] + actions[:, FLAT:, 2]
    assert (gross <= cap * states[:, :1].astype(np.float64)).all()
    np.testing.assert_allclose(gross.max(axis=1), cap * states[:, 0], rtol=1e-6)


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"shares": (0.0,)}, "shares"),
        ({"shares": ()}, "shares"),
        ({"shares": (0.5, 0.5)}, "shares"),
        ({"shares": (np.inf,)}, "shares"),
        ({"stops": (0.001,)}, "stops"),
        ({"targets": (0.9,)}, "targets"),
        ({"targets": (NAN,)}, "targets"),
        ({"legs": ("up",)}, "legs"),
        ({"legs": ()}, "legs"),
    ],
)
def test_a_grid_that_makes_no_sense_is_refused(options, field):
    with pytest.raises(InvalidInputError, match=field):
        CandidateGrid(**options)


def test_the_criterion_is_the_mean_of_the_quantile_integral_less_the_spread():
    curves = np.sort(np.random.default_rng(2).normal(0.0, 0.1, (6, 4, len(LEVELS))), axis=2)
    for aversion in (0.0, 0.7):
        worth = criterion(curves, LEVELS, aversion)
        for place in np.ndindex(6, 4):
            np.testing.assert_allclose(worth[place], naive.criterion(curves[place].tolist(), LEVELS, aversion))
    # The mean is the one that forecasts are traded on, of log(1 + return) instead of the return.
    simple = expected_returns(np.ascontiguousarray(np.log1p(curves[0])), levels=LEVELS)
    np.testing.assert_allclose(criterion(curves[:1], LEVELS)[0], simple, rtol=1e-12)


def test_the_criterion_of_a_row_has_the_same_bytes_alone():
    curves = np.random.default_rng(3).normal(size=(50, 9, len(LEVELS)))
    worth = criterion(curves, LEVELS, 0.5)
    for row in range(50):
        assert criterion(curves[row : row + 1], LEVELS, 0.5).tobytes() == worth[row : row + 1].tobytes()


def test_of_equals_hold_comes_first_then_flat():
    assert best_of(np.array([[1.0, 1.0, 1.0], [0.0, 1.0, 1.0], [0.0, 1.0, 2.0]])).tolist() == [0, 1, 2]


def decision_of(count: int, account=None) -> Decision:
    states = np.full((count, 15), NAN, dtype=np.float32)
    states[:, 0] = 50_000.0
    account = np.arange(count, dtype=np.int32) if account is None else account
    windows = np.ones((count, LOOKBACK, 5), dtype=np.float32)
    return Decision(account, 17_000, windows, states, candidates(states, GRID, 2.0))


def test_a_model_that_sees_no_difference_is_never_followed():
    assert GreedyPolicy(ConstantModel()).choose(decision_of(1_200)).tolist() == [HOLD] * 1_200


@pytest.mark.parametrize("bad", [NAN, np.inf])
def test_quantiles_that_are_no_numbers_are_refused_with_the_day(bad):
    class Broken(ConstantModel):
        def quantiles(self, windows, states, actions):
            curves = super().quantiles(windows, states, actions)
            curves[-1, 0, 0] = bad
            return curves

    with pytest.raises(InvalidInputError, match=r"2016-07-18.*1 not finite"):
        GreedyPolicy(Broken()).choose(decision_of(3))
    with pytest.raises(InvalidInputError, match="risk_aversion"):
        GreedyPolicy(ConstantModel(), risk_aversion=-1.0)


def test_the_random_policy_is_the_oracles():
    symbols = ("AAC", "ZZZ", "B.X")
    policy = RandomPolicy(np.array([5, 2**63 + 9, 5], dtype=np.uint64), identities(symbols), offset=4)
    expected = [
        naive.random_choice(seed, symbol, 17_000, 4, len(GRID.names))
        for seed, symbol in zip((5, 2**63 + 9, 5), symbols, strict=True)
    ]
    assert policy.choose(decision_of(3)).tolist() == expected


def test_random_choices_are_uniform_and_depend_on_seed_symbol_day_and_offset_alone():
    width, count = len(GRID.names), 20_000
    symbols = [f"S{number}" for number in range(count)]
    seeds, whole = np.full(count, 7, dtype=np.uint64), decision_of(count)
    chosen = RandomPolicy(seeds, identities(symbols)).choose(whole)
    counts = np.bincount(chosen, minlength=width)
    assert len(counts) == width
    # Chi-squared with 9 degrees of freedom: 27.9 is passed once in a thousand.
    assert ((counts - count / width) ** 2 / (count / width)).sum() < 27.9
    order = np.random.default_rng(1).permutation(count).astype(np.int32)
    shuffled = RandomPolicy(seeds, identities(symbols)).choose(decision_of(count, order))
    assert shuffled.tolist() == chosen[order].tolist()
    for other in (
        RandomPolicy(seeds + np.uint64(1), identities(symbols)).choose(whole),
        RandomPolicy(seeds, identities(symbols), offset=1).choose(whole),
        RandomPolicy(seeds, identities(symbols)).choose(whole._replace(day=17_001)),
    ):
        assert abs((other == chosen).mean() - 1.0 / width) < 0.02
