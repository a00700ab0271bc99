"""`measure_equity`: definitions by hand, the NaN rule, both backends, and what must not matter."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels.errors import BackendUnavailableError, InvalidInputError
from kernels.metrics import EQUITY_METRICS, EquityMetrics, cpu, measure_equity

BACKENDS = ("naive", "cpu")
NAN = float("nan")


def paths_of(*rows: list[float]) -> np.ndarray:
    length = max(map(len, rows))
    return np.array([row + [NAN] * (length - len(row)) for row in rows], dtype=np.float64)


def measured(row: list[float], backend: str) -> dict[str, float]:
    return {name: column[0].item() for name, column in measure_equity(paths_of(row), backend=backend)._asdict().items()}


def random_equity(seed: int, paths: int, sessions: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    growth = 1 + rng.normal(4e-4, 0.01, (paths, sessions)) * rng.uniform(0.1, 3, (paths, 1))
    return np.ascontiguousarray(1e4 * np.cumprod(growth, axis=1))


def assert_same(one: EquityMetrics, other: EquityMetrics, rtol: float = 1e-9) -> None:
    for name in EquityMetrics._fields:
        np.testing.assert_allclose(getattr(one, name), getattr(other, name), rtol=rtol, atol=rtol, err_msg=name)


@pytest.mark.parametrize("backend", BACKENDS)
def test_four_sessions_by_hand(backend: str) -> None:
    got = measured([100.0, 110.0, 99.0, 108.9, 108.9], backend)
    mean, variance = 0.1 / 4, (0.03 - 4 * (0.1 / 4) ** 2) / 3
    assert got["total_return"] == pytest.approx(0.089, rel=1e-12)
    assert got["cagr"] == pytest.approx(1.089**63 - 1, rel=1e-11)
    assert got["sharpe_252"] == pytest.approx(mean / variance**0.5 * 252**0.5, rel=1e-12)
    assert got["sortino_252"] == pytest.approx(mean / (0.01 / 4) ** 0.5 * 252**0.5, rel=1e-12)
    assert got["max_drawdown"] == pytest.approx(0.1, rel=1e-12)
    assert got["calmar"] == pytest.approx((1.089**63 - 1) / 0.1, rel=1e-11)
    returns = np.array([0.1, -0.1, 0.1, 0.0]) - mean
    assert got["skewness"] == pytest.approx((returns**3).mean() / (returns**2).mean() ** 1.5, rel=1e-10)
    assert got["kurtosis"] == pytest.approx((returns**4).mean() / (returns**2).mean() ** 2, rel=1e-10)
    assert got["sessions"] == 4.0


UNKNOWN = dict.fromkeys(EquityMetrics._fields, NAN)
NO_SHAPE = {"skewness": NAN, "kurtosis": NAN}


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    ("row", "expected"),
    [
        pytest.param([NAN], UNKNOWN | {"sessions": 0}, id="no bar at all"),
        pytest.param([5.0], UNKNOWN | {"total_return": 0, "max_drawdown": 0, "sessions": 0}, id="no return"),
        pytest.param([0.0, 5.0, 6.0], UNKNOWN | {"sessions": 2}, id="begins with nothing"),
        pytest.param([-1.0, 5.0, 6.0], UNKNOWN | {"sessions": 2}, id="begins with debt"),
        pytest.param([7.0] * 9, dict.fromkeys(EQUITY_METRICS, 0) | NO_SHAPE | {"sessions": 8}, id="nothing ever moves"),
        pytest.param([7.0, 7.0], {"sharpe_252": NAN, "sortino_252": 0, "calmar": 0, "cagr": 0}, id="one still session"),
        pytest.param(
            [100.0, 95.0],
            {"sharpe_252": NAN, "sortino_252": -(252**0.5), "cagr": 0.95**252 - 1, "max_drawdown": 0.05} | NO_SHAPE,
            id="one falling session",
        ),
        pytest.param(
            [100.0, 101.0], {"sharpe_252": NAN, "sortino_252": NAN, "calmar": NAN, "total_return": 0.01}, id="one rise"
        ),
        pytest.param([1.0, 100.0], {"cagr": NAN, "total_return": 99.0}, id="a year's growth beyond float64"),
        pytest.param(
            [100.0 * 1.01**t for t in range(300)],
            {"sharpe_252": NAN, "sortino_252": NAN, "calmar": NAN, "max_drawdown": 0} | NO_SHAPE,
            id="constant gains",
        ),
        pytest.param(
            [100.0 * 0.99**t for t in range(300)],
            {"sharpe_252": NAN, "sortino_252": -(252**0.5), "calmar": (0.99**252 - 1) / (1 - 0.99**299)} | NO_SHAPE,
            id="constant losses",
        ),
        pytest.param(
            [100.0, 50.0, 0.0, 0.0], {"total_return": -1, "cagr": -1, "max_drawdown": 1, "calmar": -1}, id="ruin"
        ),
        pytest.param(
            [100.0, -50.0, -80.0, 20.0],
            {"total_return": -0.8, "max_drawdown": 1.8, "cagr": 0.2**84 - 1, "sharpe_252": -(84**0.5)},
            id="debt: one return, then 0",
        ),
        pytest.param(
            [100.0, 100.0, 90.0, -10.0], {"total_return": -1.1, "cagr": -1, "max_drawdown": 1.1}, id="ends in debt"
        ),
    ],
)
def test_the_nan_rule_and_ruin(row: list[float], expected: dict[str, float], backend: str) -> None:
    got = measured(row, backend)
    assert {name: got[name] for name in expected} == pytest.approx(expected, rel=1e-9, abs=1e-12, nan_ok=True)


@pytest.mark.parametrize("backend", BACKENDS)
def test_one_trade_gives_modest_ratios(backend: str) -> None:
    won = measured([100.0] * 100 + [105.0] * 153, backend)
    lost = measured([100.0] * 100 + [94.68] * 153, backend)
    assert won["sharpe_252"] == pytest.approx((251 / 252) ** 0.5, rel=0.01)
    assert np.isnan(won["sortino_252"])
    assert np.isnan(won["calmar"])
    assert lost["sharpe_252"] == pytest.approx(-1, rel=0.01)
    assert lost["sortino_252"] == pytest.approx(-1, rel=1e-9)
    assert lost["calmar"] == pytest.approx(-1, rel=1e-9)


def test_naive_and_cpu_agree_on_paths_of_every_length() -> None:
    equity = random_equity(3, 60, 700)
    for path in range(60):
        equity[path, 1 + path * 12 :] = NAN
    assert_same(measure_equity(equity, backend="cpu"), measure_equity(equity, backend="naive"))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(-30, 120), min_size=1, max_size=12))
def test_naive_and_cpu_agree_on_wild_paths_and_are_never_infinite(row: list[int]) -> None:
    equity = np.array([row], dtype=np.float64)
    one, other = (measure_equity(equity, backend=backend) for backend in BACKENDS)
    assert_same(one, other)
    for name in EquityMetrics._fields:
        assert not np.isinf(getattr(one, name)).any()
    if row[0] > 0:
        assert one.max_drawdown[0] >= 0
    if one.kurtosis[0] > 0:
        assert one.kurtosis[0] >= 1 + one.skewness[0] ** 2 - 1e-9


@pytest.mark.parametrize("backend", BACKENDS)
def test_no_ratio_of_a_nearly_constant_path_reaches_a_million(backend: str) -> None:
    # Losses and noise of every size down to rounding, on top of steady gains: each ratio is bounded or unknown.
    rng = np.random.default_rng(2)
    size = 10.0 ** -np.arange(1, 17)[:, np.newaxis]
    steady = 1.001 + size * rng.choice([-0.01, 0.01], (16, 500))
    one_loss = np.full((16, 500), 1.001)
    one_loss[:, 250] = 1 - size[:, 0]
    equity = np.cumprod(np.concatenate([steady, one_loss]), axis=1)
    got = measure_equity(np.ascontiguousarray(equity), backend=backend)
    for name in ("sharpe_252", "sortino_252", "calmar"):
        known = getattr(got, name)[~np.isnan(getattr(got, name))]
        assert len(known) > 5
        assert np.abs(known).max() < 1e6
        assert np.isnan(getattr(got, name)).any()


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_path_alone_gives_the_same_bytes_as_in_a_batch(backend: str) -> None:
    equity = random_equity(5, 17, 90)
    equity[4, 40:] = NAN
    together = measure_equity(equity, backend=backend)
    wide = np.concatenate([equity, np.full((17, 11), NAN)], axis=1)
    for path in (0, 4, 16):
        alone = measure_equity(wide[path : path + 1].copy(), backend=backend)
        for name in EquityMetrics._fields:
            assert getattr(alone, name)[0].tobytes() == getattr(together, name)[path].tobytes()


def test_the_unit_of_money_does_not_matter() -> None:
    equity = random_equity(6, 8, 300)
    one, other = measure_equity(equity, backend="cpu"), measure_equity(equity * 1024.0, backend="cpu")
    for name in EquityMetrics._fields:
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


def test_sharpe_turns_its_sign_with_the_returns_and_ignores_their_scale() -> None:
    returns = np.random.default_rng(7).normal(5e-4, 0.01, 400)
    rows = [np.cumprod(np.append(1.0, 1 + scale * returns)) for scale in (1.0, -1.0, 0.25)]
    sharpe = measure_equity(np.array(rows), backend="cpu").sharpe_252
    np.testing.assert_allclose(sharpe, sharpe[0] * np.array([1, -1, 1]), rtol=1e-10)


def test_every_cell_is_written_even_into_poisoned_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    equity = np.concatenate([random_equity(8, 5, 60), np.full((1, 60), 3.0), np.full((1, 60), NAN)])
    clean = measure_equity(equity, backend="cpu")
    monkeypatch.setattr(cpu, "np", SimpleNamespace(empty=lambda shape: np.full(shape, 12345.0)))
    poisoned = measure_equity(equity, backend="cpu")
    for name in EquityMetrics._fields:
        np.testing.assert_array_equal(getattr(poisoned, name), getattr(clean, name))


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("shape", [(0, 5), (3, 0)])
def test_nothing_in_gives_nothing_out(shape: tuple[int, int], backend: str) -> None:
    got = measure_equity(np.empty(shape), backend=backend)
    assert all(len(column) == shape[0] for column in got)
    assert np.isnan(got.total_return).all()


@pytest.mark.parametrize(
    ("equity", "message"),
    [
        (np.ones(3), "float64 \\[P, L\\]"),
        (np.ones((2, 3), dtype=np.float32), "float32"),
        (np.ones((3, 4))[:, ::2], "C-contiguous: False"),
        (paths_of([1.0, 2.0], [1.0, NAN, 3.0]), "path 1.*nan at session 1"),
        (paths_of([NAN, 3.0]), "path 0.*nan at session 0"),
        (paths_of([1.0, float("inf")]), "inf at session 1"),
    ],
)
def test_bad_equity_is_refused(equity: np.ndarray, message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        measure_equity(equity)


def test_a_backend_that_is_not_there_is_refused() -> None:
    with pytest.raises(BackendUnavailableError):
        measure_equity(np.ones((1, 3)), backend="gpu")
