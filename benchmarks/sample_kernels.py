"""Time the synthetic samples on one thread: parity with the oracle first, then rows and windows per second.

Run from the project root: `python -m benchmarks.sample_kernels`. Writes `benchmarks/results/sample_kernels.json`.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from benchmarks.machine import RESULTS, best_seconds, machine, report
from kernels.market import instruments, simulate
from kernels.samples import (
    COLUMNS,
    SampleSettings,
    draw_samples,
    find_starts,
    fit_scalers,
    gather_windows,
    label_samples,
    sample_panel,
)
from kernels.trading.model import Bars

RESULT = RESULTS / "sample_kernels.json"
SEED, SYMBOLS, SESSIONS, FORWARDS, REPEATS = 3, 505, 1259, (63, 252), 7
ROWS, WINDOWS, PARITY_ROWS = 65_536, 1_000_000, 1_000


def main() -> None:
    """Check, time, print and write."""
    listed = instruments(SEED, SYMBOLS)
    arrays, bars = adjusted_bars(listed)
    settings = SampleSettings(forward=max(FORWARDS))
    starts = find_starts(listed.symbols, **arrays, settings=settings)
    panel = sample_panel(**arrays)
    for name, values in draw_samples(bars, starts, settings, 0, 0, PARITY_ROWS, backend="naive").items():
        fast = draw_samples(bars, starts, settings, 0, 0, PARITY_ROWS, backend="cpu")[name]
        tolerance = 1e-6 if COLUMNS[name].group == "label" and values.dtype == np.float32 else 0.0
        np.testing.assert_allclose(fast, values, rtol=tolerance, atol=tolerance / 1e3, err_msg=name)

    drawn = draw_samples(bars, starts, settings, 0, 0, ROWS, labels=False)
    rng = np.random.default_rng(SEED)
    chosen = rng.integers(0, len(starts.session), WINDOWS)
    instrument, session = starts.instrument[chosen], starts.session[chosen]
    windows = np.empty((WINDOWS, settings.lookback, panel.shape[2]), dtype=np.float32)
    few = chosen[:PARITY_ROWS]
    np.testing.assert_array_equal(
        gather_windows(panel, starts.instrument[few], starts.session[few], settings.lookback, backend="naive"),
        gather_windows(panel, starts.instrument[few], starts.session[few], settings.lookback, backend="cpu"),
    )

    draw_s = best_seconds(lambda: draw_samples(bars, starts, settings, 0, 0, ROWS, labels=False), REPEATS)
    gather_s = best_seconds(lambda: gather_windows(panel, instrument, session, settings.lookback, out=windows), 3)
    result: dict[str, object] = {
        "machine": machine(),
        "parity_rows": PARITY_ROWS,
        "rows": ROWS,
        "share_of_states_with_both_legs": round(
            float(np.mean((drawn["state_long_value"] > 0) & (drawn["state_short_value"] > 0))), 3
        ),
        "starts_s": best_seconds(lambda: find_starts(listed.symbols, **arrays, settings=settings), 3),
        "draws_ns_per_row": round(draw_s / ROWS * 1e9),
        "windows": WINDOWS,
        "windows_per_s": round(WINDOWS / gather_s),
        "scalers_s": best_seconds(lambda: fit_scalers(bars, panel, starts, settings), 2),
    }
    for forward in FORWARDS:
        ahead = dataclasses.replace(settings, forward=forward)
        labels = label_samples(bars, drawn, ahead)
        label_s = best_seconds(lambda ahead=ahead: label_samples(bars, drawn, ahead), REPEATS)
        result[f"labels_per_s_forward_{forward}"] = round(ROWS / label_s)
        result[f"sessions_held_forward_{forward}"] = round(float(labels["label_exposure"].mean()) * forward, 1)
    report(result, RESULT)


def adjusted_bars(listed):
    """Split-adjusted bars of the simulated market: the arguments of find_starts, and trading bars with dividends."""
    traded = simulate(listed, SESSIONS, seed=SEED)
    later = np.cumprod(traded.split_ratio[:, ::-1], axis=1)[:, ::-1] / traded.split_ratio
    prices = {name: getattr(traded, name) / later for name in ("open", "high", "low", "close")}
    bars = Bars(**prices, dividend=traded.dividend / later)
    return {**prices, "volume": traded.volume * later}, bars


if __name__ == "__main__":
    main()
