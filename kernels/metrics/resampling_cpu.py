"""The shared bootstrap on the CPU: the resamples are drawn once, then paths run in parallel."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from numba import njit, prange

from kernels.metrics.cpu import metrics_of_returns
from kernels.panel import Float64Array1D, Float64Array2D
from kernels.philox import WORD_BITS, key_words, philox4x32, uniform

Int32Array2D = npt.NDArray[np.int32]


def intervals(
    returns: Float64Array2D, chosen: npt.NDArray[np.int64], seed: int, level: float, resamples: int, block: int
) -> npt.NDArray[np.float64]:
    """Same as `resampling_naive.intervals`."""
    drawn = drawn_sessions(seed, resamples, returns.shape[1], block)
    bounds = np.empty((len(chosen), len(returns), 2))
    lower = (1.0 - level) / 2.0
    _all_paths(returns, drawn, chosen, lower, 1.0 - lower, bounds)
    return bounds


def drawn_sessions(seed: int, resamples: int, sessions: int, block: int) -> Int32Array2D:
    """Same as `resampling_naive.drawn_sessions`, as int32."""
    drawn = np.empty((resamples, sessions), dtype=np.int32)
    _draw(*key_words(seed), 1.0 / block, drawn)
    return drawn


@njit(cache=True, parallel=True, nogil=True, error_model="numpy")
def _draw(key_0: np.uint64, key_1: np.uint64, new_block: float, drawn: Int32Array2D) -> None:
    """Write the sessions of every resample."""
    resamples, sessions = drawn.shape
    for resample in prange(resamples):
        session = 0
        for step in range(sessions):
            words = philox4x32(np.uint64(step), np.uint64(resample), np.uint64(0), np.uint64(0), key_0, key_1)
            if step == 0 or uniform(words[0]) < new_block:
                session = int((words[1] * np.uint64(sessions)) >> WORD_BITS)
            else:
                session = session + 1 if session + 1 < sessions else 0
            drawn[resample, step] = session


@njit(cache=True, parallel=True, nogil=True, error_model="numpy")
def _all_paths(
    returns: Float64Array2D,
    drawn: Int32Array2D,
    chosen: npt.NDArray[np.int64],
    lower: float,
    upper: float,
    bounds: npt.NDArray[np.float64],
) -> None:
    """Write the bounds of each path."""
    for path in prange(len(returns)):
        _one_path(returns[path], drawn, chosen, lower, upper, bounds[:, path])


@njit(cache=True, nogil=True, error_model="numpy")
def _one_path(
    returns: Float64Array1D,
    drawn: Int32Array2D,
    chosen: npt.NDArray[np.int64],
    lower: float,
    upper: float,
    bounds: Float64Array2D,
) -> None:
    """Write the bounds of one path."""
    resamples, sessions = drawn.shape
    values = np.empty((len(chosen), resamples))
    sample = np.empty(sessions)
    for resample in range(resamples):
        for step in range(sessions):
            sample[step] = returns[drawn[resample, step]]
        metrics = metrics_of_returns(sample)
        for place in range(len(chosen)):
            values[place, resample] = metrics[chosen[place]]
    for place in range(len(chosen)):
        ordered = np.sort(values[place])
        # NaN sorts to the end.
        unknown = math.isnan(ordered[-1])
        bounds[place, 0] = math.nan if unknown else quantile(ordered, lower)
        bounds[place, 1] = math.nan if unknown else quantile(ordered, upper)


@njit(cache=True, nogil=True, error_model="numpy")
def quantile(ordered: Float64Array1D, share: float) -> float:
    """The quantile by linear interpolation between order statistics."""
    place = share * (len(ordered) - 1)
    below = math.floor(place)
    above = min(below + 1, len(ordered) - 1)
    return float(ordered[below] + (ordered[above] - ordered[below]) * (place - below))
