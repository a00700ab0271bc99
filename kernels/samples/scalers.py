"""Means and standard deviations that features and labels are scaled with, from train rows only."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from kernels.errors import InvalidInputError
from kernels.samples.columns import COLUMNS
from kernels.samples.draw import draw_samples
from kernels.samples.model import CHANNELS, SCALER_STREAM
from kernels.samples.settings import SampleSettings
from kernels.samples.starts import TRAIN, Starts
from kernels.samples.validate import require_whole
from kernels.samples.windows import gather_windows
from kernels.trading.model import Bars

Scaler = tuple[float, float]

WINDOWS_AT_ONCE = 4_096
STILL_DEVIATION = 1e-12


def fit_scalers(
    bars: Bars, panel: npt.NDArray[np.float32], starts: Starts, settings: SampleSettings, rows: int = 65_536
) -> dict[str, Scaler]:
    """Mean and standard deviation (divisor n) of the float columns and of the window's channels.

    They are taken over the train rows among the first `rows` of stream SCALER_STREAM, shard 0: rows that no dataset
    holds, and the same for every shard. NaN is ignored.

    Args:
        bars: as for `draw_samples`.
        panel: float32 [S, T, 5], from `sample_panel` of the same bars.
        starts: as for `draw_samples`.
        settings: as for `draw_samples`.
        rows: how many rows to draw, at least 1.

    Returns:
        (mean, standard deviation) by column, in the order of `COLUMNS`, then "window_open", "window_high",
        "window_low", "window_close", "window_log_volume". A column that is constant has the standard deviation 1, one
        without any value also the mean 0, so that scaling is always defined.

    Raises:
        InvalidInputError: as `draw_samples` and `gather_windows`; or no train row among the rows drawn.
    """
    require_whole("rows", rows, 1, 2**32)
    drawn = draw_samples(bars, starts, settings, 0, 0, rows, stream=SCALER_STREAM)
    train = drawn["split"] == TRAIN
    if not train.any():
        raise InvalidInputError(
            "fit_scalers, rows",
            expected="at least one train row among the rows drawn",
            got=f"none of {rows}",
            mend="draw more rows",
        )
    scalers = {
        name: scaler_of(drawn[name][train]) for name, column in COLUMNS.items() if column.dtype == np.dtype("float32")
    }
    instrument, session = (drawn[name][train].astype(np.int32) for name in ("instrument", "session"))
    return scalers | _channel_scalers(panel, instrument, session, settings.lookback)


def scaler_of(values: npt.NDArray[np.float32]) -> Scaler:
    """Mean and standard deviation (divisor n) in float64, NaN ignored; see `fit_scalers` for constants."""
    known = values[~np.isnan(values)].astype(np.float64)
    if known.size == 0:
        return 0.0, 1.0
    constant = known.min() == known.max()
    return float(known.mean()), 1.0 if constant else float(known.std())


def _channel_scalers(
    panel: npt.NDArray[np.float32], instrument: npt.NDArray[np.int32], session: npt.NDArray[np.int32], lookback: int
) -> dict[str, Scaler]:
    """The scalers of the window's channels, in two passes over the windows, `WINDOWS_AT_ONCE` in memory."""
    total, squares = np.zeros(len(CHANNELS)), np.zeros(len(CHANNELS))
    count = len(session) * lookback
    for windows in _blocks_of_windows(panel, instrument, session, lookback):
        total += windows.sum(axis=(0, 1))
    mean = total / count
    for windows in _blocks_of_windows(panel, instrument, session, lookback):
        squares += np.square(windows - mean).sum(axis=(0, 1))
    deviation = np.sqrt(squares / count)
    # A constant channel deviates by the rounding of its mean.
    deviation[deviation <= STILL_DEVIATION] = 1.0
    pairs = zip(mean.tolist(), deviation.tolist(), strict=True)
    return {f"window_{channel}": pair for channel, pair in zip(CHANNELS, pairs, strict=True)}


def _blocks_of_windows(
    panel: npt.NDArray[np.float32], instrument: npt.NDArray[np.int32], session: npt.NDArray[np.int32], lookback: int
) -> Iterator[npt.NDArray[np.float64]]:
    """The windows in float64, a block at a time."""
    for first in range(0, len(session), WINDOWS_AT_ONCE):
        block = slice(first, first + WINDOWS_AT_ONCE)
        yield gather_windows(panel, instrument[block], session[block], lookback).astype(np.float64)
