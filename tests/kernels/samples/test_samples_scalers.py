from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from kernels.errors import InvalidInputError
from kernels.samples import (
    CHANNELS,
    COLUMNS,
    SCALER_STREAM,
    SampleSettings,
    draw_samples,
    find_starts,
    fit_scalers,
    gather_windows,
    sample_panel,
)
from tests.kernels.samples.sample_market import bars_of, market

SMALL = SampleSettings(lookback=8, forward=5, embargo=2)


def fitted(chosen=SMALL, rows=9_000, seed=1):
    symbols, arrays, bars = market(seed, 6, 160)
    starts = find_starts(symbols, **arrays, settings=chosen)
    panel = sample_panel(**arrays)
    return arrays, bars, starts, panel, fit_scalers(bars, panel, starts, chosen, rows)


def test_scalers_are_the_moments_of_the_train_rows():
    _, bars, starts, panel, scalers = fitted()
    drawn = draw_samples(bars, starts, SMALL, 0, 0, 9_000, stream=SCALER_STREAM)
    train = drawn["split"] == 0
    assert 4_096 < train.sum() < 9_000
    floats = [name for name, column in COLUMNS.items() if column.dtype == np.float32]
    assert list(scalers) == floats + [f"window_{channel}" for channel in CHANNELS]
    for name in floats:
        values = drawn[name][train].astype(np.float64)
        np.testing.assert_allclose(scalers[name], (np.nanmean(values), np.nanstd(values)), rtol=1e-9)
    windows = gather_windows(panel, drawn["instrument"][train].astype(np.int32), drawn["session"][train], 8)
    exact = windows.astype(np.float64)
    for number, channel in enumerate(CHANNELS):
        moments = exact[:, :, number].mean(), exact[:, :, number].std()
        np.testing.assert_allclose(scalers[f"window_{channel}"], moments, rtol=1e-9, atol=1e-12)


def test_scalers_do_not_change_with_bars_outside_train():
    arrays, bars, starts, _, scalers = fitted()
    used = np.zeros(arrays["close"].shape, dtype=bool)
    train = starts.split == 0
    for series, t in zip(starts.instrument[train], starts.session[train], strict=True):
        used[series, t - 7 : t + 6] = True
    assert not used.all()
    changed = {name: np.where(used, values, values * 1.7) for name, values in arrays.items()}
    changed["close"] = np.where(used, arrays["close"], arrays["low"] * 1.7)
    other_bars = bars_of(changed, np.where(used, bars.dividend, 3.0))
    other = fit_scalers(other_bars, sample_panel(**changed), starts, SMALL, 9_000)
    assert other == scalers
    inside = {name: np.where(used, values * 1.01, values) for name, values in arrays.items()}
    inside["open"] = np.where(used, inside["low"], inside["open"])
    assert fit_scalers(bars_of(inside, bars.dividend), sample_panel(**inside), starts, SMALL, 9_000) != scalers


def test_scalers_do_not_touch_the_rows_of_the_dataset():
    _, bars, starts, _, _ = fitted()
    fitted_on = draw_samples(bars, starts, SMALL, 0, 0, 500, stream=SCALER_STREAM, labels=False)
    stored = draw_samples(bars, starts, SMALL, 0, 0, 500, labels=False)
    assert np.intersect1d(fitted_on["state_equity"], stored["state_equity"]).size < 5


def test_constant_and_empty_columns_scale_by_one():
    flat = dataclasses.replace(SMALL, flat_share=1.0, long_share=0.0, short_share=0.0)
    scalers = fitted(flat, rows=200)[-1]
    assert scalers["state_long_value"] == (0.0, 1.0)
    assert scalers["state_long_stop"] == (0.0, 1.0)
    assert scalers["label_total_return"] == (0.0, 1.0)
    assert scalers["state_equity"][1] > 1e4
    symbols, arrays, _ = market(2, 2, 100)
    for values in arrays.values():
        values[:] = 7.1
    starts = find_starts(symbols, **arrays, settings=SMALL)
    scalers = fit_scalers(bars_of(arrays), sample_panel(**arrays), starts, SMALL, 200)
    assert [scalers[f"window_{channel}"] for channel in CHANNELS] == [(1.0, 1.0)] * 4 + [(0.0, 1.0)]


def test_no_train_row_is_refused():
    _, bars, starts, panel, _ = fitted()
    others = dataclasses.replace(starts, split=np.full_like(starts.split, 2))
    with pytest.raises(InvalidInputError, match="none of 50"):
        fit_scalers(bars, panel, others, SMALL, 50)
    with pytest.raises(InvalidInputError, match="rows"):
        fit_scalers(bars, panel, starts, SMALL, 0)
