"""`bootstrap_interval`: the same each time, the same alone, and wide enough."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from kernels.errors import InvalidInputError
from kernels.metrics import EQUITY_METRICS, bootstrap_interval

# A machine for GPU checks doesn't have it.
StationaryBootstrap = pytest.importorskip("arch.bootstrap").StationaryBootstrap

RETURNS = np.random.default_rng(1).normal(5e-4, 0.01, (120, 3))


def test_a_seed_fixes_the_interval_and_another_moves_it() -> None:
    one, again, other = (bootstrap_interval(RETURNS[:, 0], ["cagr"], seed=s, resamples=50)["cagr"] for s in (7, 7, 8))
    np.testing.assert_array_equal(one, again)
    assert (one != other).any()


def test_the_global_generator_is_neither_used_nor_moved() -> None:
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    bootstrap_interval(RETURNS[:, 0], ["cagr"], seed=7, resamples=20)
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


def test_a_column_alone_has_the_interval_it_has_among_others() -> None:
    together = bootstrap_interval(RETURNS, EQUITY_METRICS, seed=3, resamples=40)
    alone = bootstrap_interval(RETURNS[:, [2]], EQUITY_METRICS, seed=3, resamples=40, columns=[2])
    first = bootstrap_interval(RETURNS[:, 0].copy(), EQUITY_METRICS, seed=3, resamples=40)
    longer = np.concatenate([RETURNS, np.full((9, 3), np.nan)])
    ended = bootstrap_interval(longer, EQUITY_METRICS, seed=3, resamples=40)
    for name in EQUITY_METRICS:
        assert together[name].shape == (3, 2)
        assert alone[name].tobytes() == together[name][2].tobytes()
        assert first[name].tobytes() == together[name][0].tobytes()
        assert ended[name].tobytes() == together[name].tobytes()


def test_the_interval_is_arch_with_our_metrics() -> None:
    path = RETURNS[:, 1].copy()
    drawn = StationaryBootstrap(4, path, seed=np.random.default_rng([5, 0]))
    golden = drawn.conf_int(lambda x: x.mean() / x.std(ddof=1) * 252**0.5, 60, method="percentile", size=0.9)
    got = bootstrap_interval(path, ["sharpe_252"], seed=5, level=0.9, resamples=60, block=4)["sharpe_252"]
    np.testing.assert_allclose(got, golden[:, 0], rtol=1e-9)


def test_the_interval_covers_the_truth_of_independent_normals_as_often_as_it_says() -> None:
    rng = np.random.default_rng(2)
    returns = rng.normal(0.001, 0.01, (150, 80))
    bounds = bootstrap_interval(returns, ["sharpe_252"], seed=1, level=0.9, resamples=200, block=1)["sharpe_252"]
    truth = 0.1 * 252**0.5
    covered = np.mean((bounds[:, 0] <= truth) & (truth <= bounds[:, 1]))
    assert 0.8 <= covered <= 0.98


def test_a_higher_level_is_wider() -> None:
    narrow, wide = (
        bootstrap_interval(RETURNS[:, 0], ["cagr"], seed=1, resamples=80, level=level)["cagr"] for level in (0.5, 0.95)
    )
    assert wide[0] < narrow[0] < narrow[1] < wide[1]


def test_the_block_length_grows_with_dependence() -> None:
    rng = np.random.default_rng(6)
    noise = rng.normal(0, 0.01, 400)
    slow = np.convolve(noise, np.ones(20) / 20, mode="same")
    automatic = bootstrap_interval(slow, ["cagr"], seed=1, resamples=80)["cagr"]
    independent = bootstrap_interval(slow, ["cagr"], seed=1, resamples=80, block=1)["cagr"]
    assert np.ptp(automatic) > 1.5 * np.ptp(independent)


def test_what_cannot_be_known_is_nan_and_stillness_is_zero() -> None:
    still, rising = np.zeros(60), np.full(60, 0.001)
    names = ["sharpe_252", "sortino_252", "max_drawdown"]
    assert all((bounds == 0).all() for bounds in bootstrap_interval(still, names, seed=1, resamples=20).values())
    got = bootstrap_interval(rising, names, seed=1, resamples=20)
    assert np.isnan(got["sharpe_252"]).all()
    assert np.isnan(got["sortino_252"]).all()
    assert (got["max_drawdown"] == 0).all()
    assert np.isnan(bootstrap_interval(RETURNS[:19, 0], ["cagr"], seed=1)["cagr"]).all()
    assert bootstrap_interval(np.empty((50, 0)), ["cagr"], seed=1)["cagr"].shape == (0, 2)


def test_one_jump_and_its_reversal_need_no_special_care() -> None:
    sparse = np.zeros(80)
    sparse[:2] = 0.01, -0.01
    got = bootstrap_interval(sparse, ["total_return"], seed=1, resamples=40)["total_return"]
    assert got[0] <= 0 <= got[1]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"statistics": ["sharpe"]}, "sharpe_252"),
        ({"statistics": "cagr"}, "names out of"),
        ({"statistics": []}, "at least one name"),
        ({"statistics": ["cagr", "cagr"]}, "each once"),
        ({"seed": -1}, "seed"),
        ({"level": 1.0}, "level"),
        ({"level": float("nan")}, "level"),
        ({"resamples": 1}, "resamples"),
        ({"block": 0}, "block"),
        ({"columns": [1, 2]}, "1 numbers"),
        ({"columns": [-1]}, "at least 0"),
        ({"returns": np.zeros(50, dtype=np.float32)}, "float32"),
        ({"returns": np.zeros((5, 5, 5))}, "shape"),
        ({"returns": np.array([0.1, np.nan, 0.1])}, "column 0"),
        ({"returns": np.array([0.1, np.inf])}, "infinity"),
    ],
)
def test_bad_input_is_refused(change: dict[str, object], message: str) -> None:
    good = {"returns": RETURNS[:, 0], "statistics": ["cagr"], "seed": 1, "resamples": 20}
    with pytest.raises(InvalidInputError, match=message):
        bootstrap_interval(**(good | change))


def test_importing_the_metrics_imports_neither_arch_nor_pandas() -> None:
    code = "import sys, kernels.metrics; print(sorted({'arch', 'pandas'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
