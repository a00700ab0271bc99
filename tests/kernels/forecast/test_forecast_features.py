from __future__ import annotations

import math

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import kernels.forecast.features.cpu as features_on_cpu
from kernels.errors import BackendUnavailableError, InvalidInputError
from kernels.forecast.bars import ForecastBars
from kernels.forecast.features import FEATURES, bar_features
from kernels.forecast.features.rules import LOG_VARIANCE_LIMIT, MIN_SECTOR_SYMBOLS

BACKENDS = ["naive", "cpu"]
NAMES = ("open", "high", "low", "close", "volume", "scale", "sector", "days_to_month_end")
MONTH_END = FEATURES.index("month_end")
CROSS_SECTION = slice(FEATURES.index("market_return"), MONTH_END)
OWN = [index for index in range(len(FEATURES)) if not CROSS_SECTION.start <= index < CROSS_SECTION.stop]


def market(seed, rows=7, sessions=90, gaps=0.0):
    """Inputs of `bar_features` by name: random walks; whole bars are missing with probability `gaps`."""
    rng = np.random.default_rng(seed)
    shape = (rows, sessions)
    log_close = math.log(50) + np.cumsum(rng.standard_t(5, shape) * 0.02, axis=1)
    log_open = np.concatenate([log_close[:, :1], log_close[:, :-1]], axis=1) + rng.normal(0, 0.01, shape)
    reach = np.abs(rng.normal(0, 0.01, (2, *shape)))
    logs = (log_open, np.maximum(log_open, log_close) + reach[0], np.minimum(log_open, log_close) - reach[1], log_close)
    bars = dict(zip(("open", "high", "low", "close"), (np.exp(values) for values in logs), strict=True))
    bars["volume"] = np.floor(np.exp(rng.normal(13, 0.5, shape)))
    bars["scale"] = np.exp(rng.normal(-4, 0.2, shape))
    missing = rng.random(shape) < gaps
    for values in bars.values():
        values[missing] = np.nan
    bars["sector"] = (np.arange(rows) // 5).astype(np.int32)
    bars["days_to_month_end"] = (np.arange(sessions)[::-1] % 21).astype(np.int32)
    return bars


def stand_still(inputs, row, columns, price=20.0):
    for name in ("open", "high", "low", "close"):
        inputs[name][row, columns] = price


def compute(inputs, backend="cpu"):
    fields = {name: inputs[name] for name in NAMES if name != "scale"}
    counted = inputs.get("counted", np.ones(inputs["close"].shape, dtype=bool))
    return bar_features(ForecastBars(**fields, counted=counted), inputs["scale"], backend=backend)


def rows_of(inputs, rows):
    return {name: values if name == "days_to_month_end" else values[rows].copy() for name, values in inputs.items()}


def column(features, name):
    return features[..., FEATURES.index(name)]


def assert_same(features, expected):
    """Bitwise, NaN included."""
    assert np.ascontiguousarray(features).tobytes() == np.ascontiguousarray(expected).tobytes()


@given(seed=st.integers(0, 10_000), rows=st.integers(1, 9), gaps=st.sampled_from([0.0, 0.05, 0.4]))
@settings(max_examples=12, deadline=None)
def test_cpu_equals_naive(seed, rows, gaps):
    inputs = market(seed, rows, 80, gaps)
    stand_still(inputs, 0, slice(30, 60))
    inputs["scale"][-1, ::9] = 0.0
    inputs["volume"][0, :40] = 1000.0
    inputs["sector"][-1] = -1
    np.testing.assert_allclose(compute(inputs), compute(inputs, "naive"), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_bar_computed_by_hand(backend):
    inputs = market(1)
    features, t, row = compute(inputs, backend), 80, 2
    logs = {name: np.log(inputs[name][row]) for name in ("open", "high", "low", "close")}
    up, down = logs["high"] - logs["open"], logs["low"] - logs["open"]
    move, gap = logs["close"] - logs["open"], logs["open"][1:] - logs["close"][:-1]
    variance = (up * (up - move) + down * (down - move))[1:] + gap**2
    returns, scale = np.diff(logs["close"]), inputs["scale"]
    ewma = [np.average(returns[:t] ** 2, weights=decay ** np.arange(t - 1, -1, -1.0)) ** 0.5 for decay in (0.94, 0.97)]
    log_volume = np.log1p(inputs["volume"][row, t - 65 : t + 1])
    moves = np.diff(np.log(inputs["close"]), axis=1)[:, t - 1] / scale[:, t - 1]
    expected = [
        *(np.log(variance[t - n : t].mean() / scale[row, t] ** 2) for n in (1, 5, 22, 66)),
        *(np.log(volatility / scale[row, t]) for volatility in ewma),
        *((np.minimum(returns[t - n : t], 0) ** 2).sum() / (returns[t - n : t] ** 2).sum() for n in (5, 22)),
        moves[row],
        gap[t - 1] / scale[row, t - 1],
        returns[t - 5 : t].sum() / (scale[row, t - 5] * math.sqrt(5)),
        (log_volume[-1] - log_volume.mean()) / log_volume.std(),
        np.median(moves),
        np.log((moves**2).mean()),
        np.median(moves[:5]),
        np.log((moves[:5] ** 2).mean()),
        inputs["days_to_month_end"][t] / 21,
    ]
    np.testing.assert_allclose(features[row, t], expected, rtol=1e-10)


@pytest.mark.parametrize("backend", BACKENDS)
def test_each_feature_begins_as_soon_as_it_has_the_bars_it_needs(backend):
    features = compute(market(2), backend)
    first = [int(np.argmax(~np.isnan(features[0, :, index]))) for index in range(len(FEATURES))]
    assert first == [1, 3, 11, 33, 20, 20, 3, 11, 1, 1, 5, 32, 1, 1, 1, 1, 0]


@pytest.mark.parametrize("gaps", [0.0, 0.1])
def test_later_bars_change_nothing(gaps):
    inputs, other = market(3, gaps=gaps), market(4, gaps=0.3)
    before = compute(inputs)
    for t in (0, 5, 40, 66, 88):
        changed = {name: values.copy() for name, values in inputs.items()}
        for name in NAMES[:6]:
            changed[name][:, t + 1 :] = other[name][:, t + 1 :]
        assert_same(compute(changed)[:, : t + 1], before[:, : t + 1])
        # Nothing comes from the number of bars either.
        cut = {name: np.ascontiguousarray(v[..., : t + 1]) if name != "sector" else v for name, v in inputs.items()}
        assert_same(compute(cut), before[:, : t + 1])


def test_a_bar_changes_its_own_features():
    inputs = market(5)
    before = compute(inputs)[0, 80].copy()
    for name in NAMES[:6]:
        inputs[name][:, 80] *= np.linspace(1.1, 1.3, 7)
    inputs["days_to_month_end"][80] += 1
    changed = compute(inputs)[0, 80] != before
    assert changed.all()


def test_the_order_of_rows_changes_nothing():
    inputs = market(6, rows=23, gaps=0.05)
    order = np.random.default_rng(0).permutation(23)
    assert_same(compute(rows_of(inputs, order)), compute(inputs)[order])


def test_own_features_are_the_same_alone_and_in_a_batch():
    inputs = market(7, rows=12, gaps=0.05)
    together = compute(inputs)
    for row in range(12):
        assert_same(compute(rows_of(inputs, [row]))[0][:, OWN], together[row][:, OWN])


def test_the_number_of_threads_changes_nothing():
    inputs, threads = market(8, rows=12, gaps=0.05), numba.get_num_threads()
    before = compute(inputs)
    try:
        numba.set_num_threads(1)
        assert_same(compute(inputs), before)
    finally:
        numba.set_num_threads(threads)


def test_every_cell_is_written(monkeypatch):
    inputs = market(9, gaps=0.1)
    clean, empty = compute(inputs), np.empty

    def poisoned(shape, dtype=np.float64):
        values = empty(shape, dtype)
        if values.dtype == np.float64:
            values.fill(1e300)
        return values

    monkeypatch.setattr(features_on_cpu.np, "empty", poisoned)
    assert_same(compute(inputs), clean)


@given(seed=st.integers(0, 10_000), factor=st.floats(1e-3, 1e3))
@settings(max_examples=15, deadline=None)
def test_the_level_of_prices_does_not_matter(seed, factor):
    inputs = market(seed, gaps=0.05)
    stand_still(inputs, 0, slice(40, 60))
    before = compute(inputs)
    for name in NAMES[:4]:
        inputs[name] *= factor
    np.testing.assert_allclose(compute(inputs), before, rtol=1e-8, atol=1e-8)


def test_moves_and_scale_twice_as_large_are_the_same_features():
    inputs = market(10)
    before = compute(inputs)
    for name in NAMES[:4]:
        inputs[name] = 50 * (inputs[name] / 50) ** 2
    inputs["scale"] *= 2
    np.testing.assert_allclose(compute(inputs), before, rtol=1e-8, atol=1e-8)


@given(seed=st.integers(0, 10_000), gaps=st.sampled_from([0.0, 0.1, 0.6]), exponent=st.integers(-320, 300))
@settings(max_examples=25, deadline=None)
def test_features_are_never_infinite_and_keep_their_ranges(seed, gaps, exponent):
    inputs = market(seed, gaps=gaps)
    stand_still(inputs, 0, slice(20, 70))
    inputs["close"][1, 50:] *= 1e6
    inputs["volume"][2, 60] = 1e300
    inputs["scale"][3] = float(f"1e{exponent}")
    for backend in BACKENDS:
        features = compute(inputs, backend)
        assert not np.isinf(features).any()
        for index, limit in [(0, LOG_VARIANCE_LIMIT), (4, LOG_VARIANCE_LIMIT / 2), (8, 8), (10, 8), (11, 5), (12, 8)]:
            assert np.nanmax(np.abs(features[:, :, index]), initial=0) <= limit
        shares = features[:, :, 6:8]
        assert ((shares >= 0) & (shares <= 1) | np.isnan(shares)).all()


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_missing_bar_knows_nothing_and_the_one_after_it_is_not_usable(backend):
    inputs = market(11)
    for name in NAMES[:6]:
        inputs[name][2, 80] = np.nan
    features = compute(inputs, backend)
    usable = ~np.isnan(features).any(axis=2)
    assert np.isnan(features[2, 80]).all()
    assert np.isnan(column(features, "return_1")[2, 81])
    assert np.isnan(column(features, "return_5")[2, 85])
    assert np.flatnonzero(~usable[2, 40:]).tolist() == [40, 41, 45]
    assert usable[[0, 1, 3, 4, 5, 6], 40:].all()


@pytest.mark.parametrize("name", ["open", "high", "low", "close", "scale"])
@pytest.mark.parametrize("backend", BACKENDS)
def test_a_bar_without_one_price_or_its_scale_knows_nothing(name, backend):
    inputs = market(12)
    inputs[name][1, 70] = np.nan
    assert np.isnan(compute(inputs, backend)[1, 70]).all()


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_scale_of_0_is_no_scale(backend):
    inputs = market(13)
    inputs["scale"][1, 70] = 0.0
    features = compute(inputs, backend)
    assert np.isnan(features[1, 70]).all()
    assert np.isnan([column(features, name)[1, 71] for name in ("return_1", "gap")]).all()


@pytest.mark.parametrize("backend", BACKENDS)
def test_without_volume_only_that_feature_is_unknown(backend):
    inputs = market(14)
    inputs["volume"][1, 70] = np.nan
    features = compute(inputs, backend)
    assert np.flatnonzero(np.isnan(features[1, 70])).tolist() == [FEATURES.index("volume")]
    assert not np.isnan(features[1, 71]).any()


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_halted_symbol_is_no_part_of_the_market(backend):
    inputs = market(15)
    for name in NAMES[:6]:
        inputs[name][3, 60:] = np.nan
    features = compute(inputs, backend)
    without = compute(rows_of(inputs, [0, 1, 2, 4, 5, 6]), backend)
    assert np.isnan(features[3, 60:]).all()
    assert_same(features[0, 60:, 12:14], without[0, 60:, 12:14])


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_row_that_does_not_count_is_told_of_the_market_but_is_no_part_of_it(backend):
    inputs = market(15, rows=12)
    inputs["counted"] = np.ones((12, 90), dtype=bool)
    inputs["counted"][3, 60:] = False
    features = compute(inputs, backend)
    inputs["counted"] = np.ones((12, 90), dtype=bool)
    with_it = compute(inputs, backend)
    without = compute({**rows_of(inputs, [0, 1, 2, *range(4, 12)])}, backend)
    assert_same(features[0, 60:, CROSS_SECTION], without[0, 60:, CROSS_SECTION])
    assert_same(features[3, 60:, 12:14], without[0, 60:, 12:14])
    assert_same(features[:, :60], with_it[:, :60])
    assert_same(features[:, :, OWN], with_it[:, :, OWN])
    assert (features[0, 60:, 12] != with_it[0, 60:, 12]).any()


@pytest.mark.parametrize("backend", BACKENDS)
def test_constant_prices_and_volume_give_the_floors(backend):
    inputs = market(16, rows=1)
    stand_still(inputs, 0, slice(None))
    inputs["volume"][:] = 123_457.0
    last = compute(inputs, backend)[0, -1]
    floor = LOG_VARIANCE_LIMIT
    expected = [-floor] * 4 + [-floor / 2] * 2 + [0.5, 0.5] + [0.0] * 4 + [0.0, -floor] * 2 + [0.0]
    np.testing.assert_allclose(last, expected, rtol=1e-15)


@pytest.mark.parametrize("backend", BACKENDS)
def test_one_symbol_alone_is_the_market_and_its_sector_falls_back(backend):
    features = compute(market(17, rows=1), backend)
    assert_same(column(features, "market_return")[:, 1:], column(features, "return_1")[:, 1:])
    assert_same(features[:, :, 14:16], features[:, :, 12:14])


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_sector_needs_five_symbols_that_moved_and_a_code(backend):
    inputs = market(18, rows=10)
    features = compute(inputs, backend)
    assert (column(features, "sector_return")[0, 1:] != column(features, "market_return")[0, 1:]).any()
    for name in NAMES[:6]:
        inputs[name][4, 80] = np.nan
    fewer = compute(inputs, backend)
    assert MIN_SECTOR_SYMBOLS == 5
    assert_same(fewer[0, 80, 14:16], fewer[0, 80, 12:14])
    assert_same(fewer[5, 80, 14:16], features[5, 80, 14:16])
    inputs["sector"][5:] = -1
    nameless = compute(inputs, backend)
    assert_same(nameless[5:, 70:80, 14:16], nameless[5:, 70:80, 12:14])


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("shape", [(0, 5), (3, 0), (2, 1), (2, 4)])
def test_few_or_no_bars_are_no_error(backend, shape):
    features = compute(market(19, *shape), backend)
    assert features.shape == (*shape, len(FEATURES))
    assert features.dtype == np.float64


def test_names_are_unique_and_in_the_order_of_the_values():
    assert len(set(FEATURES)) == len(FEATURES) == 17
    assert FEATURES[8:12] == ("return_1", "gap", "return_5", "volume")


def spoilt(name, spoil):
    inputs = market(20)
    inputs[name] = spoil(inputs[name])
    return inputs


def with_value(value):
    def spoil(values):
        values[(1, 3)[-values.ndim :]] = value
        return values

    return spoil


@pytest.mark.parametrize(
    ("name", "spoil"),
    [
        *((name, with_value(0.0)) for name in NAMES[:4]),
        *((name, with_value(np.inf)) for name in NAMES[:6]),
        *((name, with_value(-1.0)) for name in NAMES[4:6]),
        *((name, lambda values: values[:, :-1].copy()) for name in (*NAMES[:3], *NAMES[4:6])),
        *((name, lambda values: values.astype(np.float32)) for name in NAMES[:6]),
        *((name, lambda values: np.asfortranarray(values)) for name in NAMES[:6]),
        *((name, lambda values: values.astype(np.int64)) for name in NAMES[6:]),
        *((name, lambda values: values[:-1]) for name in NAMES[6:]),
        *(("days_to_month_end", with_value(days)) for days in (-1, 32)),
    ],
)
def test_bad_input_is_named(name, spoil):
    with pytest.raises(InvalidInputError) as raised:
        compute(spoilt(name, spoil))
    assert raised.value.where.removeprefix("ForecastBars.") == name


def test_a_vector_of_prices_is_refused():
    inputs = market(21)
    inputs["close"] = inputs["close"][0].copy()
    with pytest.raises(InvalidInputError, match="one series a row"):
        compute(inputs)


def test_there_is_no_gpu_version():
    with pytest.raises(BackendUnavailableError, match="bar_features"):
        compute(market(22), "gpu")
