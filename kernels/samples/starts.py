"""Where a sample may start, what split the start belongs to, and how difficult its window is."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from kernels.errors import InvalidInputError
from kernels.panel import Float64Array1D, Float64Array2D, Int32Array1D
from kernels.samples.settings import MAX_BARS, SampleSettings
from kernels.samples.validate import require_market

SPLITS = ("train", "validation", "test", "held_out")
TRAIN, VALIDATION, TEST, HELD_OUT = range(4)
PURGED = -1

REMOVED = ("too little history", "no forward bars", "missing bars", "purged")
"""Why a bar is no start; the first that fits counts."""

STILL_VOLATILITY = 1e-12
"""A window whose log returns deviate less is constant but for rounding: skewness 0."""


class PhaseThresholds(NamedTuple):
    """Quantiles over the train starts: the terciles of volatility, and the 2/3 quantile of |skewness|."""

    volatility: tuple[float, float]
    skewness: float


@dataclass(frozen=True)
class Starts:
    """M starts, sorted by instrument and then session.

    Attributes:
        instrument: int32 [M], row of the bars.
        session: int32 [M], column of the bar at whose close the decision falls.
        split: int8 [M], position in `SPLITS`.
        phase: int8 [M], 0..3.
        removed: how many bars of the S x T are no start, by reason, see `REMOVED`; with M they add up to S x T.
        blocks: first and last decision column of each split that exists.
        held_out: the held-out symbols, sorted.
        thresholds: of the phases.
    """

    instrument: Int32Array1D
    session: Int32Array1D
    split: npt.NDArray[np.int8]
    phase: npt.NDArray[np.int8]
    removed: dict[str, int]
    blocks: dict[str, tuple[int, int]]
    held_out: tuple[str, ...]
    thresholds: PhaseThresholds


def find_starts(
    symbols: tuple[str, ...],
    open: Float64Array2D,  # noqa: A002
    high: Float64Array2D,
    low: Float64Array2D,
    close: Float64Array2D,
    volume: Float64Array2D,
    settings: SampleSettings,
) -> Starts:
    """Find every start, split by time and by symbol.

    A start needs `lookback` complete bars up to the decision and `forward` columns after it; bars may be missing there.
    The definitions of splits and phases are in the README. A phase depends on the start's own window and the
    thresholds, and these on windows of train starts only.

    Args:
        symbols: S unique names.
        open: float64 [S, T], C-contiguous, dollars, above 0; NaN where there is no bar.
        high: as `open`.
        low: as `open`.
        close: as `open`.
        volume: float64 [S, T], C-contiguous, shares, at least 0; NaN where there is no bar.
        settings: of the dataset.

    Returns:
        The starts.

    Raises:
        InvalidInputError: a wrong shape, dtype or value; no symbols; too few sessions for a window, or for the splits;
            no start, or none in train.
    """
    require_market(symbols, open, high, low, close, volume)
    series_count, session_count = close.shape
    lookback, forward = settings.lookback, settings.forward
    if series_count > MAX_BARS:
        raise InvalidInputError(
            "symbols of the starts",
            expected=f"at most {MAX_BARS}: instruments are stored as int16",
            got=f"{series_count}",
            mend="make several datasets",
        )
    blocks = divide_sessions(session_count, settings)
    held_out = choose_held_out(symbols, settings)

    missing = np.isnan(open) | np.isnan(high) | np.isnan(low) | np.isnan(close) | np.isnan(volume)
    split = np.full(close.shape, PURGED, dtype=np.int8)
    for name, (first, last) in blocks.items():
        split[:, first : last + 1] = SPLITS.index(name)
    split[np.isin(symbols, held_out)] = HELD_OUT
    valid, removed = _valid_starts(missing, split, lookback, forward)
    instrument, session = (index.astype(np.int32) for index in np.nonzero(valid))
    split = split[valid]
    if held_out:
        blocks["held_out"] = (lookback - 1, session_count - 1 - forward)
    if not (split == TRAIN).any():
        raise InvalidInputError(
            "starts in train" if len(split) else "starts",
            expected=f"at least one run of {lookback} complete bars with {forward} sessions after it",
            got=f"none among {series_count} symbols x {session_count} sessions, "
            + ", ".join(f"{count} bars lost to {reason!r}" for reason, count in removed.items())
            + f", {len(split)} starts in other splits",
            mend="read a longer or more complete history, or lower lookback, forward or held_out_share",
        )
    volatility, skewness = window_moments(close, instrument, session, lookback)
    thresholds = fit_thresholds(volatility[split == TRAIN], skewness[split == TRAIN])
    return Starts(
        instrument, session, split, phases_of(volatility, skewness, thresholds), removed, blocks, held_out, thresholds
    )


def _valid_starts(
    missing: npt.NDArray[np.bool_], split: npt.NDArray[np.int8], lookback: int, forward: int
) -> tuple[npt.NDArray[np.bool_], dict[str, int]]:
    """Which bars [S, T] are starts, and how many are not by reason."""
    session_count = missing.shape[1]
    session = np.arange(session_count)
    first_bar = np.where(missing.all(axis=1), session_count, np.argmin(missing, axis=1))
    missed = np.zeros((len(missing), session_count + 1), dtype=np.int32)
    np.cumsum(missing, axis=1, out=missed[:, 1:])
    hole = np.ones(missing.shape, dtype=bool)
    hole[:, lookback - 1 :] = missed[:, lookback:] > missed[:, :-lookback]
    lost = (
        session - lookback + 1 < first_bar[:, np.newaxis],
        np.broadcast_to(session + forward >= session_count, missing.shape),
        hole,
        split == PURGED,
    )
    valid = np.ones(missing.shape, dtype=bool)
    removed = {}
    for reason, rejected in zip(REMOVED, lost, strict=True):
        removed[reason] = int(np.count_nonzero(valid & rejected))
        valid &= ~rejected
    return valid, removed


def divide_sessions(session_count: int, settings: SampleSettings) -> dict[str, tuple[int, int]]:
    """Divide the decision columns into blocks of time that share no bar.

    Args:
        session_count: T.
        settings: of the dataset.

    Returns:
        First and last decision column of train, validation and test, in this order; those with share 0 left out.

    Raises:
        InvalidInputError: too few sessions to give each split one.
    """
    lookback, forward = settings.lookback, settings.forward
    shares = {"validation": settings.validation_share, "test": settings.test_share}
    shares = {name: share for name, share in shares.items() if share > 0.0}
    gap = lookback + forward - 1 + settings.embargo
    divided = session_count - (lookback + forward - 1) - gap * len(shares)
    if divided < len(shares) + 1:
        needed = session_count - divided + len(shares) + 1
        raise InvalidInputError(
            "sessions of the splits",
            expected=f"at least {needed}: lookback {lookback} + forward {forward} - 1, {len(shares)} gaps of {gap} "
            f"(lookback + forward - 1 + embargo {settings.embargo}), and one for each of {len(shares) + 1} splits",
            got=f"{session_count}",
            mend="read a longer history, lower lookback, forward or embargo, or leave a split out: share 0",
        )
    sizes = {name: max(1, round(divided * share)) for name, share in shares.items()}
    train = max(1, divided - sum(sizes.values()))
    if sizes:
        # Rounding may have left nothing for train.
        sizes[max(sizes, key=sizes.__getitem__)] -= train + sum(sizes.values()) - divided
    blocks = {}
    first = lookback - 1
    for name, size in {"train": train, **sizes}.items():
        blocks[name] = (first, first + size - 1)
        first += size + gap
    return blocks


def choose_held_out(symbols: tuple[str, ...], settings: SampleSettings) -> tuple[str, ...]:
    """The held-out symbols, sorted: those with the smallest SHA-256 of "seed|symbol".

    A share above 0 of two symbols or more holds out at least one. Whether a symbol comes before another doesn't depend
    on the other symbols.
    """
    count = round(settings.held_out_share * len(symbols))
    if settings.held_out_share > 0.0 and len(symbols) >= 2:
        count = max(1, count)
    order = sorted(symbols, key=lambda symbol: hashlib.sha256(f"{settings.seed}|{symbol}".encode()).hexdigest())
    return tuple(sorted(order[:count]))


def window_moments(
    close: Float64Array2D, instrument: Int32Array1D, session: Int32Array1D, lookback: int
) -> tuple[Float64Array1D, Float64Array1D]:
    """Volatility and skewness of the `lookback` - 1 log returns of close in each start's window, float64 [M] each.

    Volatility is the standard deviation (divisor n - 1); skewness is g1 = m3 / m2**1.5 of the central moments (divisor
    n), and 0 where the volatility doesn't exceed `STILL_VOLATILITY`. Each window is summed on its own.
    """
    volatility, skewness = np.empty(len(session)), np.empty(len(session))
    # NumPy's log gives a price the same float wherever it stands.
    _moments(np.log(close), instrument, session, lookback, volatility, skewness)
    return volatility, skewness


@njit(cache=True, nogil=True, error_model="numpy")
def _moments(
    log_close: Float64Array2D,
    instrument: Int32Array1D,
    session: Int32Array1D,
    lookback: int,
    volatility: Float64Array1D,
    skewness: Float64Array1D,
) -> None:
    returns = lookback - 1
    for start in range(len(session)):
        levels = log_close[instrument[start], session[start] - returns : session[start] + 1]
        mean = (levels[returns] - levels[0]) / returns
        squares, cubes = 0.0, 0.0
        for bar in range(1, lookback):
            deviation = levels[bar] - levels[bar - 1] - mean
            squares += deviation * deviation
            cubes += deviation * deviation * deviation
        volatility[start] = math.sqrt(squares / (returns - 1))
        variance = squares / returns
        still = volatility[start] <= STILL_VOLATILITY
        skewness[start] = 0.0 if still else cubes / returns / (variance * math.sqrt(variance))


def fit_thresholds(volatility: Float64Array1D, skewness: Float64Array1D) -> PhaseThresholds:
    """Thresholds of the phases from the windows given, as a rule those of train."""
    first, second = np.quantile(volatility, [1 / 3, 2 / 3]).tolist()
    return PhaseThresholds((first, second), float(np.quantile(np.abs(skewness), 2 / 3)))


def phases_of(
    volatility: Float64Array1D, skewness: Float64Array1D, thresholds: PhaseThresholds
) -> npt.NDArray[np.int8]:
    """Phase of each window, int8 [M]: terciles of volatility passed, plus 1 where |skewness| is above its threshold."""
    first, second = thresholds.volatility
    phase = (volatility > first).astype(np.int8)
    phase += volatility > second
    phase += np.abs(skewness) > thresholds.skewness
    return phase
