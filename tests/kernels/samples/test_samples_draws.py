from __future__ import annotations

import dataclasses
import math
from concurrent.futures import ThreadPoolExecutor
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels.errors import BackendUnavailableError, InvalidInputError
from kernels.samples import COLUMNS, SCALER_STREAM, SampleSettings, draw_samples, find_starts
from kernels.samples.model import LEVELS
from kernels.samples.rules import leg_values, normal_quantile, start_number
from tests.kernels.samples.sample_market import market, same_bytes

SMALL = SampleSettings(lookback=8, forward=5, embargo=2)
MANY = 100_000
DRAWN = [name for name, column in COLUMNS.items() if column.group != "label"]
LEVEL_NAMES = ("long_stop", "long_target", "short_stop", "short_target")


def setup(seed=1, series=4, sessions=120, holes=0.0, chosen=SMALL):
    symbols, arrays, bars = market(seed, series, sessions, holes)
    return bars, find_starts(symbols, **arrays, settings=chosen), chosen


@pytest.fixture(scope="module")
def many():
    """Many rows without labels, and what they were drawn from."""
    bars, starts, chosen = setup()
    return bars, starts, draw_samples(bars, starts, chosen, 0, 0, MANY, labels=False)


def within_sampling_error(sample, distribution):
    """Kolmogorov and Smirnov: whether the sample's steps stay near the distribution (one in 10,000 doesn't)."""
    ordered = np.sort(sample)
    expected = np.array([distribution(value) for value in ordered])
    steps = np.arange(len(ordered) + 1) / len(ordered)
    distance = max(np.abs(expected - steps[1:]).max(), np.abs(expected - steps[:-1]).max())
    return distance < 2.23 / math.sqrt(len(ordered))


def assert_share(flags, share):
    """A share within five standard errors."""
    assert abs(flags.mean() - share) < 5 * math.sqrt(share * (1 - share) / len(flags)) + 1e-12


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**63 - 1),
    shard=st.integers(0, 2**32 - 1),
    first=st.integers(0, 2**32 - 40),
    stream=st.sampled_from([0, 1]),
    holes=st.sampled_from([0.0, 0.03]),
    leverage=st.sampled_from([0.2, 1.0, 1.7, 2.0]),
    shares=st.sampled_from([(0.1, 0.3, 0.3), (1.0, 0.0, 0.0), (0.0, 0.0, 1.0), (0.0, 0.0, 0.0)]),
    hold=st.sampled_from([0.0, 0.2, 1.0]),
)
def test_cpu_draws_the_bytes_of_naive(seed, shard, first, stream, holes, leverage, shares, hold):
    flat, long, short = shares
    chosen = SampleSettings(
        seed=seed,
        lookback=8,
        forward=5,
        max_leverage=leverage,
        flat_share=flat,
        long_share=long,
        short_share=short,
        hold_share=hold,
    )
    bars, starts, _ = setup(seed % 100, holes=holes, chosen=chosen)
    drawn = [
        draw_samples(bars, starts, chosen, shard, first, 40, stream=stream, labels=False, backend=backend)
        for backend in ("naive", "cpu")
    ]
    assert list(drawn[0]) == list(drawn[1]) == DRAWN
    assert same_bytes(*drawn)


def test_the_normal_quantile_is_that_of_the_standard_library_bit_for_bit():
    rng = np.random.default_rng(1)
    inside = rng.random(20_000)
    tails = np.concatenate([10.0 ** -rng.uniform(0.1, 300, 5_000), 1 - 10.0 ** -rng.uniform(0.1, 15, 5_000)])
    edges = [0.5, 0.075, 0.925, math.exp(-25), np.nextafter(0.075, 1), 2.0**-33, 1 - 2.0**-33]
    for probability in np.concatenate([inside, tails, edges]).tolist():
        assert normal_quantile(probability) == NormalDist().inv_cdf(probability)


@settings(max_examples=200, deadline=None)
@given(w0=st.integers(0, 2**32 - 1), w1=st.integers(0, 2**32 - 1), count=st.integers(1, 2**31 - 1))
def test_a_start_is_the_exact_floor(w0, w1, count):
    number = start_number(np.uint64(w0), np.uint64(w1), count)
    assert number == count * (w0 * 2**21 + (w1 >> 11)) // 2**53
    assert 0 <= number < count


def test_a_row_depends_on_nothing_but_its_number():
    bars, starts, chosen = setup(2)
    whole = draw_samples(bars, starts, chosen, 5, 0, 700)
    for size in (1, 7, 255, 256, 257, 300):
        for begin in range(0, 700, size)[::-1]:
            count = min(size, 700 - begin)
            if size == 1 and begin % 50:
                continue
            part = draw_samples(bars, starts, chosen, 5, begin, count)
            assert same_bytes(part, {name: values[begin : begin + count] for name, values in whole.items()})


def test_threads_draw_the_same_rows_side_by_side():
    bars, starts, chosen = setup(2)
    whole = draw_samples(bars, starts, chosen, 5, 0, 2_000)
    with ThreadPoolExecutor(4) as pool:
        parts = list(pool.map(lambda begin: draw_samples(bars, starts, chosen, 5, begin, 100), range(0, 2_000, 100)))
    assert same_bytes({name: np.concatenate([part[name] for part in parts]) for name in whole}, whole)


def test_another_seed_shard_or_stream_gives_other_rows():
    bars, starts, chosen = setup(3)
    base = draw_samples(bars, starts, chosen, 0, 0, 200, labels=False)
    others = [
        draw_samples(bars, starts, dataclasses.replace(chosen, seed=8), 0, 0, 200, labels=False),
        draw_samples(bars, starts, chosen, 1, 0, 200, labels=False),
        draw_samples(bars, starts, chosen, 0, 0, 200, stream=SCALER_STREAM, labels=False),
        draw_samples(bars, starts, chosen, 0, 200, 200, labels=False),
    ]
    for other in others:
        assert np.intersect1d(other["state_equity"], base["state_equity"]).size < 5


@pytest.mark.parametrize("backend", ["naive", "cpu"])
def test_no_rows_give_empty_columns_of_the_same_dtypes(backend):
    bars, starts, chosen = setup(3)
    for labels in (True, False):
        empty = draw_samples(bars, starts, chosen, 0, 0, 0, labels=labels, backend=backend)
        assert list(empty) == (list(COLUMNS) if labels else DRAWN)
        for name, values in empty.items():
            assert values.shape == (0,)
            assert values.dtype == COLUMNS[name].dtype


def test_starts_are_drawn_evenly_with_their_split_and_phase(many):
    _, starts, drawn = many
    place = {pair: n for n, pair in enumerate(zip(starts.instrument.tolist(), starts.session.tolist(), strict=True))}
    number = np.array(
        [place[pair] for pair in zip(drawn["instrument"].tolist(), drawn["session"].tolist(), strict=True)]
    )
    np.testing.assert_array_equal(drawn["split"], starts.split[number])
    np.testing.assert_array_equal(drawn["phase"], starts.phase[number])
    expected = MANY / len(starts.session)
    chi_squared = ((np.bincount(number, minlength=len(starts.session)) - expected) ** 2 / expected).sum()
    freedom = len(starts.session) - 1
    assert abs(chi_squared - freedom) < 5 * math.sqrt(2 * freedom)


def test_every_kind_of_state_and_action_has_its_share(many):
    drawn = many[2]
    free = ~drawn["action_hold"]
    assert_share(drawn["action_hold"], 0.2)
    for prefix, rows in (("state", np.ones(MANY, dtype=bool)), ("action", free)):
        long, short = (drawn[f"{prefix}_{leg}_value"][rows] > 0 for leg in ("long", "short"))
        assert_share(~long & ~short, 0.1)
        assert_share(long & ~short, 0.3)
        assert_share(~long & short, 0.3)
        assert_share(long & short, 0.3)


def test_equity_is_uniform(many):
    equity = many[2]["state_equity"]
    assert within_sampling_error(equity, lambda value: (value - 1e4) / 9e4)
    assert equity.min() >= 1e4
    assert equity.max() <= 1e5


@pytest.mark.parametrize("prefix", ["state", "action"])
def test_values_are_lognormal_up_to_the_largest(prefix):
    bars, starts, chosen = setup(chosen=dataclasses.replace(SMALL, max_leverage=100.0, hold_share=0.0))
    drawn = draw_samples(bars, starts, chosen, 0, 0, MANY, labels=False)
    logs = {}
    for leg in ("long", "short"):
        value = drawn[f"{prefix}_{leg}_value"]
        assert_share(value[value > 0] == 5e4, 1 - NormalDist().cdf(math.log(5.0)))
        below = np.log(value[(value > 0) & (value < 5e4)] / 1e4)
        top = NormalDist().cdf(math.log(5.0))
        assert within_sampling_error(below, lambda z, top=top: NormalDist().cdf(z) / top)
        logs[leg] = value
    both = (logs["long"] > 0) & (logs["short"] > 0) & (logs["long"] < 5e4) & (logs["short"] < 5e4)
    correlation = np.corrcoef(np.log(logs["long"][both]), np.log(logs["short"][both]))[0, 1]
    assert abs(correlation) < 5 / math.sqrt(both.sum())


@pytest.mark.parametrize("leverage", [0.5, 1.7, 2.0])
def test_the_leverage_cap_holds_in_every_row_and_is_reached(leverage):
    bars, starts, chosen = setup(chosen=dataclasses.replace(SMALL, max_leverage=leverage))
    drawn = draw_samples(bars, starts, chosen, 0, 0, MANY, labels=False)
    equity = drawn["state_equity"].astype(np.float64)
    for prefix in ("state", "action"):
        gross = drawn[f"{prefix}_long_value"].astype(np.float64) + drawn[f"{prefix}_short_value"]
        assert (gross <= leverage * equity).all()
        at_cap = gross > leverage * equity * (1 - 1e-6)
        assert 0.001 < at_cap.mean() < 0.9
    np.testing.assert_allclose(
        drawn["state_leverage"],
        (drawn["state_long_value"].astype(np.float64) + drawn["state_short_value"]) / equity,
        rtol=1e-7,
    )
    assert drawn["state_leverage"].max() <= leverage


@settings(max_examples=300, deadline=None)
@given(
    long=st.floats(-9, 9),
    short=st.floats(-9, 9),
    equity=st.floats(1e4, 1e5, width=32),
    leverage=st.floats(1e-3, 10),
)
def test_values_never_exceed_the_cap(long, short, equity, leverage):
    held = leg_values(3, long, short, leverage * equity)
    assert held[0] + held[1] <= leverage * equity
    assert all(float(np.float32(value)) == value for value in held)


@pytest.mark.parametrize("prefix", ["state", "action"])
@pytest.mark.parametrize("position", range(4))
def test_levels_follow_their_truncated_normals(many, prefix, position):
    drawn = many[2]
    rows = ~drawn["action_hold"]
    values = drawn[f"{prefix}_{LEVEL_NAMES[position]}"][rows]
    held = drawn[f"{prefix}_{LEVEL_NAMES[position].split('_')[0]}_value"][rows] > 0
    np.testing.assert_array_equal(np.isfinite(values), held)
    mean, low, high = [(0.95, 0.50, 0.99), (1.05, 1.01, 21), (1.05, 1.01, 1.50), (0.95, 0.50, 0.99)][position]
    assert LEVELS[position] == (mean, low, high)
    assert np.float32(low) <= values[held].min()
    assert values[held].max() <= np.float32(high)
    normal = NormalDist(mean, 0.03)
    below, inside = normal.cdf(low), normal.cdf(high) - normal.cdf(low)
    assert within_sampling_error(values[held], lambda value: (normal.cdf(float(value)) - below) / inside)


def test_ages_are_even_and_entries_are_opens_inside_the_window(many):
    bars, _, drawn = many
    for leg, sign in (("long", 1), ("short", -1)):
        value, age = drawn[f"state_{leg}_value"].astype(np.float64), drawn[f"state_{leg}_age"]
        entry, profit = drawn[f"state_{leg}_entry"], drawn[f"state_{leg}_profit"]
        held = value > 0
        counts = np.bincount(age[held], minlength=8)
        assert counts[0] == 0
        assert len(counts) == 8
        assert np.abs(counts[1:] / held.sum() - 1 / 7).max() < 5 * math.sqrt(6 / 49 / held.sum())
        series, t = drawn["instrument"][held], drawn["session"][held]
        paid = bars.open[series, t - age[held]]
        np.testing.assert_allclose(entry[held] * bars.close[series, t], paid, rtol=1.2e-7)
        shares = value[held] / bars.close[series, t]
        exact = sign * shares * (bars.close[series, t] - paid)
        np.testing.assert_allclose(profit[held], exact, rtol=1e-6, atol=0.01)
        assert np.isnan(entry[~held]).all()
        assert not age[~held].any()
        assert not profit[~held].any()


def test_cash_is_what_the_books_leave(many):
    drawn = many[2]
    equity, long, short = (
        drawn[f"state_{name}"].astype(np.float64) for name in ("equity", "long_value", "short_value")
    )
    np.testing.assert_allclose(drawn["state_cash"], equity - long + short, rtol=1e-7, atol=1e-3)
    assert (drawn["state_cash"] < 0).any()


def test_a_hold_repeats_the_state_and_other_actions_do_not(many):
    drawn = many[2]
    hold = drawn["action_hold"]
    for name in ("long_value", "short_value", *LEVEL_NAMES):
        state, action = drawn[f"state_{name}"], drawn[f"action_{name}"]
        np.testing.assert_array_equal(action[hold], state[hold])
        different = ~hold & ~np.isnan(state) & ~np.isnan(action) & (state + action > 0)
        assert (action[different] != state[different]).mean() > 0.95


def test_bars_after_the_decision_change_labels_only():
    bars, starts, chosen = setup(4)
    t = 60
    keep = starts.session <= t
    early = dataclasses.replace(
        starts,
        instrument=starts.instrument[keep],
        session=starts.session[keep],
        split=starts.split[keep],
        phase=starts.phase[keep],
    )
    later = dataclasses.replace(
        bars, **{name: getattr(bars, name).copy() for name in ("open", "high", "low", "close", "dividend")}
    )
    for name in ("open", "high", "low", "close"):
        getattr(later, name)[:, t + 1 :] *= 1.3
    before, after = (draw_samples(each, early, chosen, 0, 0, 3_000) for each in (bars, later))
    assert same_bytes(before, after, DRAWN)
    reached = before["session"] + chosen.forward > t
    for name in ("label_total_return", "label_max_drawdown"):
        assert (before[name] != after[name])[reached].any()
        np.testing.assert_array_equal(before[name][~reached], after[name][~reached])


def test_wrong_arguments_are_refused():
    bars, starts, chosen = setup(5)
    for arguments, name in (
        ((-1, 0, 1), "shard"),
        ((2**32, 0, 1), "shard"),
        ((0, -1, 1), "first_row"),
        ((0, 0, -1), "count"),
        ((0, 2**32 - 1, 2), "count"),
        ((0, 0, 1.0), "count"),
    ):
        with pytest.raises(InvalidInputError, match=name):
            draw_samples(bars, starts, chosen, *arguments)
    with pytest.raises(InvalidInputError, match="stream"):
        draw_samples(bars, starts, chosen, 0, 0, 1, stream=2)
    with pytest.raises(InvalidInputError, match="session"):
        draw_samples(bars, starts, dataclasses.replace(chosen, forward=20), 0, 0, 1)
    with pytest.raises(InvalidInputError, match="session"):
        draw_samples(bars, starts, dataclasses.replace(chosen, lookback=20), 0, 0, 1)
    none = dataclasses.replace(
        starts,
        **{name: getattr(starts, name)[:0] for name in ("instrument", "session", "split", "phase")},
    )
    with pytest.raises(InvalidInputError, match="at least one start"):
        draw_samples(bars, none, chosen, 0, 0, 1)
    with pytest.raises(InvalidInputError, match=r"bars\.open"):
        draw_samples(dataclasses.replace(bars, open=bars.open[:, 1:]), starts, chosen, 0, 0, 1)
    with pytest.raises(InvalidInputError, match="dividend"):
        draw_samples(dataclasses.replace(bars, dividend=bars.dividend * np.nan), starts, chosen, 0, 0, 1)
    with pytest.raises(BackendUnavailableError):
        draw_samples(bars, starts, chosen, 0, 0, 1, backend="gpu")
