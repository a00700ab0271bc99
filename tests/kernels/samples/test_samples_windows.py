from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from kernels.errors import BackendUnavailableError, InvalidInputError
from kernels.samples import CHANNELS, SampleSettings, find_starts, gather_serially, gather_windows, sample_panel
from tests.kernels.samples.sample_market import market

LOOKBACK = 10


def windows_of(seed=1, holes=0.0, **options):
    _, arrays, _ = market(seed, 3, 50, holes)
    panel = sample_panel(**arrays)
    rng = np.random.default_rng(seed)
    instrument = rng.integers(0, 3, 400, dtype=np.int32)
    session = rng.integers(LOOKBACK - 1, 50, 400, dtype=np.int32)
    return arrays, panel, instrument, session, gather_windows(panel, instrument, session, LOOKBACK, **options)


@pytest.mark.parametrize("holes", [0.0, 0.1])
def test_all_versions_give_the_same_bits(holes):
    _, panel, instrument, session, naive = windows_of(2, holes, backend="naive")
    for parallel in (False, True):
        out = np.full((400, LOOKBACK, 5), np.float32(np.inf))
        fast = gather_windows(panel, instrument, session, LOOKBACK, out=out, parallel=parallel, backend="cpu")
        assert fast is out
        # The payload of a NaN is the processor's choice.
        np.testing.assert_array_equal(fast, naive)


def test_windows_are_those_of_the_bars_to_float32():
    arrays, _, instrument, session, windows = windows_of(3)
    for window, series, t in zip(windows, instrument, session, strict=True):
        span = slice(t - LOOKBACK + 1, t + 1)
        for channel, name in enumerate(("open", "high", "low", "close")):
            exact = arrays[name][series, span] / arrays["close"][series, t]
            np.testing.assert_allclose(window[:, channel], exact, rtol=2e-7)
        exact = np.log1p(arrays["volume"][series, span]) - np.log1p(arrays["volume"][series, t])
        # Two logarithms below 32, each rounded to half a unit of 2**-19.
        np.testing.assert_allclose(window[:, 4], exact, atol=2.0**-19)
        assert window[-1, 3] == 1.0
        assert window[-1, 4] == 0.0


def test_the_largest_volumes_and_prices_stay_finite():
    arrays = {name: np.full((1, 12), 6e5) for name in ("open", "high", "low", "close")}
    arrays["volume"] = np.geomspace(1.0, 1e12, 12)[np.newaxis]
    index = np.zeros(1, np.int32), np.full(1, 11, np.int32)
    windows = gather_windows(sample_panel(**arrays), *index, 12)
    assert windows.dtype == np.float32
    assert np.isfinite(windows).all()
    assert np.abs(windows[0, :, 4] - np.log1p(arrays["volume"][0]) + np.log1p(1e12)).max() < 2.0**-18


def test_no_start_has_a_window_with_missing_bars():
    symbols, arrays, _ = market(4, 4, 200, 0.03)
    chosen = SampleSettings(lookback=LOOKBACK, forward=5)
    starts = find_starts(symbols, **arrays, settings=chosen)
    windows = gather_windows(sample_panel(**arrays), starts.instrument, starts.session, LOOKBACK)
    assert np.isfinite(windows).all()
    assert starts.removed["missing bars"] > 0


def test_a_bar_without_one_value_is_missing_as_a_whole():
    _, arrays, _ = market(5, 1, 20)
    arrays["volume"][0, 7] = np.nan
    panel = sample_panel(**arrays)
    assert panel.shape == (1, 20, len(CHANNELS))
    assert np.isnan(panel[0, 7]).all()
    assert np.isnan(panel).sum() == 5


def test_a_window_does_not_depend_on_other_windows_or_later_bars():
    arrays, panel, instrument, session, windows = windows_of(6)
    for position in (0, 17, 399):
        alone = slice(position, position + 1)
        single = gather_windows(panel, instrument[alone], session[alone], LOOKBACK)
        assert single.tobytes() == windows[position].tobytes()
    early = session <= 30
    changed = {name: values.copy() for name, values in arrays.items()}
    for values in changed.values():
        values[:, 31:] *= 2.5
    again = gather_windows(sample_panel(**changed), instrument, session, LOOKBACK)
    assert again[early].tobytes() == windows[early].tobytes()
    assert again[~early].tobytes() != windows[~early].tobytes()


def test_threads_may_gather_side_by_side():
    _, panel, instrument, session, windows = windows_of(7)
    together = np.full_like(windows, np.nan)
    with ThreadPoolExecutor(4) as pool:
        for begin in range(0, 400, 50):
            part = slice(begin, begin + 50)
            pool.submit(gather_serially, panel, instrument[part], session[part], together[part])
    assert together.tobytes() == windows.tobytes()


def test_no_windows_give_an_empty_array():
    _, panel, instrument, session, _ = windows_of(8)
    for backend in ("naive", "cpu"):
        empty = gather_windows(panel, instrument[:0], session[:0], LOOKBACK, backend=backend)
        assert empty.shape == (0, LOOKBACK, 5)
        assert empty.dtype == np.float32


def test_wrong_arguments_are_refused():
    _, panel, instrument, session, _ = windows_of(9)
    with pytest.raises(InvalidInputError, match="panel"):
        gather_windows(panel.astype(np.float64), instrument, session, LOOKBACK)
    with pytest.raises(InvalidInputError, match="panel"):
        gather_windows(panel[:, :, :4], instrument, session, LOOKBACK)
    with pytest.raises(InvalidInputError, match="session"):
        gather_windows(panel, instrument, session - np.int32(1), LOOKBACK)
    with pytest.raises(InvalidInputError, match="instrument"):
        gather_windows(panel, instrument + np.int32(1), session, LOOKBACK)
    with pytest.raises(InvalidInputError, match="session"):
        gather_windows(panel, instrument, session.astype(np.int64), LOOKBACK)
    with pytest.raises(InvalidInputError, match="session"):
        gather_windows(panel, instrument, session[:5], LOOKBACK)
    with pytest.raises(InvalidInputError, match="lookback"):
        gather_windows(panel, instrument, session, 51)
    with pytest.raises(InvalidInputError, match="out"):
        gather_windows(panel, instrument, session, LOOKBACK, out=np.empty((400, LOOKBACK, 4), np.float32))
    with pytest.raises(BackendUnavailableError):
        gather_windows(panel, instrument, session, LOOKBACK, backend="gpu")
