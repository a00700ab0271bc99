"""`bootstrap_intervals`: equal to its oracle, like arch's in distribution, and the same for a path in any company."""

from __future__ import annotations

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels.errors import BackendUnavailableError, InvalidInputError
from kernels.metrics import EQUITY_METRICS, bootstrap_intervals, resampling_cpu, resampling_naive

RETURNS = np.random.default_rng(1).normal(5e-4, 0.01, (70, 5))


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**64 - 1), sessions=st.integers(1, 30), block=st.integers(1, 12))
def test_the_resamples_are_those_of_the_oracle(seed: int, sessions: int, block: int) -> None:
    fast, slow = (each.drawn_sessions(seed, 4, sessions, block) for each in (resampling_cpu, resampling_naive))
    np.testing.assert_array_equal(fast, slow)
    assert fast.min() >= 0
    assert fast.max() < sessions


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32), size=st.sampled_from([0.0, 1e-3, 0.02, 0.8]), block=st.sampled_from([None, 1, 6]))
def test_the_bounds_are_those_of_the_oracle(seed: int, size: float, block: int | None) -> None:
    rng = np.random.default_rng(seed)
    # Returns of 80 % ruin some accounts.
    returns = rng.normal(0.0, 1.0, (24, 3)) * size * rng.integers(0, 2, (24, 3))
    fast, slow = (
        bootstrap_intervals(returns, EQUITY_METRICS, seed=seed, resamples=9, level=0.8, block=block, backend=backend)
        for backend in ("cpu", "naive")
    )
    for name in EQUITY_METRICS:
        np.testing.assert_allclose(fast[name], slow[name], rtol=1e-9, atol=1e-13)


def test_the_bounds_are_like_those_of_arch() -> None:
    bootstrap = pytest.importorskip("arch.bootstrap")
    path = RETURNS[:, 1].copy()
    drawn = bootstrap.StationaryBootstrap(4, path, seed=np.random.default_rng(5))
    golden = drawn.conf_int(lambda x: x.mean() / x.std(ddof=1) * 252**0.5, 4000, method="percentile", size=0.9)[:, 0]
    bounds = bootstrap_intervals(path[:, None], ["sharpe_252"], seed=5, level=0.9, resamples=4000)["sharpe_252"][0]
    np.testing.assert_allclose(bounds, golden, atol=0.04 * (golden[1] - golden[0]))


@pytest.mark.parametrize("block", [1, 4, 20])
def test_blocks_begin_as_often_as_they_should_and_anywhere(block: int) -> None:
    drawn = resampling_cpu.drawn_sessions(3, 2000, 70, block)
    follows = drawn[:, 1:] == (drawn[:, :-1] + 1) % 70
    # A block that begins by chance where the last one would have gone on can't be seen.
    np.testing.assert_allclose(1.0 - follows.mean(), (1.0 / block) * 69.0 / 70.0, rtol=0.02)
    np.testing.assert_allclose(np.bincount(drawn.ravel(), minlength=70) / drawn.size, 1.0 / 70.0, rtol=0.15)


def test_a_path_alone_and_on_one_thread_has_the_bounds_it_has_among_others() -> None:
    together = bootstrap_intervals(RETURNS, EQUITY_METRICS, seed=3, resamples=40)
    alone = bootstrap_intervals(RETURNS[:, [2]], EQUITY_METRICS, seed=3, resamples=40)
    threads = numba.get_num_threads()
    numba.set_num_threads(1)
    try:
        single = bootstrap_intervals(RETURNS[:, ::-1], EQUITY_METRICS, seed=3, resamples=40)
    finally:
        numba.set_num_threads(threads)
    for name in EQUITY_METRICS:
        assert together[name].shape == (5, 2)
        assert alone[name][0].tobytes() == together[name][2].tobytes()
        assert single[name][::-1].tobytes() == together[name].tobytes()


def test_paths_share_their_resamples() -> None:
    twice = np.column_stack([RETURNS[:, 0], RETURNS[:, 0]])
    bounds = bootstrap_intervals(twice, ["sharpe_252"], seed=3, resamples=40)["sharpe_252"]
    assert bounds[0].tobytes() == bounds[1].tobytes()


def test_a_seed_fixes_the_bounds_and_another_moves_them() -> None:
    one, again, other = (bootstrap_intervals(RETURNS, ["cagr"], seed=seed, resamples=50)["cagr"] for seed in (7, 7, 8))
    assert one.tobytes() == again.tobytes()
    assert (one != other).all()


def test_the_block_is_the_cube_root_of_the_sessions_unless_given() -> None:
    default, four, five = (
        bootstrap_intervals(RETURNS, ["cagr"], seed=1, block=block)["cagr"] for block in (None, 4, 5)
    )
    assert default.tobytes() == four.tobytes() != five.tobytes()


def test_a_higher_level_is_wider() -> None:
    narrow, wide = (bootstrap_intervals(RETURNS, ["cagr"], seed=1, level=level)["cagr"] for level in (0.5, 0.95))
    assert (wide[:, 0] < narrow[:, 0]).all()
    assert (narrow[:, 0] < narrow[:, 1]).all()
    assert (narrow[:, 1] < wide[:, 1]).all()


def test_the_interval_covers_the_truth_of_independent_normals_about_as_often_as_the_readme_says() -> None:
    returns = np.random.default_rng(2).normal(0.001, 0.01, (70, 1500))
    bounds = bootstrap_intervals(returns, ["sharpe_252"], seed=1)["sharpe_252"]
    truth = 0.1 * 252**0.5
    assert 0.89 <= np.mean((bounds[:, 0] <= truth) & (truth <= bounds[:, 1])) <= 0.95


def test_what_cannot_be_known_is_nan_and_leaves_the_others_alone() -> None:
    returns = RETURNS.copy()
    returns[30, 1] = np.nan
    returns[:, 3] = 0.0
    returns[:, 4] = np.abs(returns[:, 4])
    names = ["sharpe_252", "sortino_252"]
    bounds, whole = (bootstrap_intervals(each, names, seed=1, resamples=30) for each in (returns, RETURNS))
    assert np.isnan(bounds["sharpe_252"][1]).all()
    assert (bounds["sharpe_252"][3] == 0.0).all()
    assert np.isnan(bounds["sortino_252"][4]).all()
    assert np.isfinite(bounds["sharpe_252"][4]).all()
    assert bounds["sharpe_252"][[0, 2]].tobytes() == whole["sharpe_252"][[0, 2]].tobytes()
    assert np.isnan(bootstrap_intervals(RETURNS[:19], ["cagr"], seed=1)["cagr"]).all()
    assert np.isfinite(bootstrap_intervals(RETURNS[:20], ["cagr"], seed=1)["cagr"]).all()
    assert bootstrap_intervals(np.empty((50, 0)), ["cagr"], seed=1)["cagr"].shape == (0, 2)


def test_a_path_with_a_hole_has_no_interval_though_no_resample_falls_into_it() -> None:
    drawn = resampling_cpu.drawn_sessions(5, 2, 70, 4)
    (missed, *_) = set(range(70)) - set(drawn.ravel().tolist())
    returns = RETURNS.copy()
    returns[missed, 0] = np.nan
    bounds = bootstrap_intervals(returns, ["cagr"], seed=5, resamples=2)["cagr"]
    assert np.isnan(bounds).all(axis=1).tolist() == [True, False, False, False, False]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"statistics": ["sharpe"]}, "sharpe_252"),
        ({"statistics": []}, "at least one name"),
        ({"seed": -1}, "seed"),
        ({"seed": 2**64}, "seed"),
        ({"level": 1.0}, "level"),
        ({"resamples": 1}, "resamples"),
        ({"block": 0}, "block"),
        ({"returns": RETURNS[:, 0]}, "shape"),
        ({"returns": RETURNS.astype(np.float32)}, "float32"),
        ({"returns": np.where(RETURNS > 0.01, np.inf, RETURNS)}, "infinite"),
        ({"backend": "fast"}, "backend"),
    ],
)
def test_bad_input_is_refused(change: dict[str, object], message: str) -> None:
    good = {"returns": RETURNS, "statistics": ["cagr"], "seed": 1, "resamples": 20}
    with pytest.raises(InvalidInputError, match=message) as caught:
        bootstrap_intervals(**(good | change))
    assert "bootstrap_intervals" in caught.value.where


def test_a_backend_that_it_has_not_is_refused() -> None:
    with pytest.raises(BackendUnavailableError):
        bootstrap_intervals(RETURNS, ["cagr"], seed=1, backend="gpu")
