"""Checks of what histograms of null scores are asked."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from kernels.errors import InvalidInputError
from kernels.nulls.model import NullHistograms
from kernels.panel import Float64Array1D
from kernels.waves.cells import STAGES, require_buckets
from kernels.waves.patterns import require_count

MOST_NUMBERS = 2**31
"""Surrogates are numbered below it."""

MOST_BINS = 100_000
"""So that a histogram fits memory."""

Int64Array1D = npt.NDArray[np.int64]


def require_numbers(first: int, surrogates: int) -> None:
    """Raise `InvalidInputError` unless these are whole numbers that name surrogates."""
    require_count("surrogates of null_histograms", surrogates, 1)
    require_count("first of null_histograms", first, 0)
    if first + surrogates > MOST_NUMBERS:
        raise InvalidInputError(
            "first and surrogates of null_histograms",
            expected=f"numbers below {MOST_NUMBERS:,}",
            got=f"{first + surrogates - 1:,} as the last one",
            mend="begin with a lower number, or ask for fewer surrogates",
        )


def require_bins(bins: int) -> None:
    """Raise `InvalidInputError` unless `bins` is a whole number from 1 to `MOST_BINS`."""
    require_count("bins of null_histograms", bins, 1)
    if bins > MOST_BINS:
        raise InvalidInputError(
            "bins of null_histograms",
            expected=f"{MOST_BINS:,} or fewer",
            got=f"{bins:,}",
            mend="a p-value needs no finer score than the surrogates can tell apart; 1,000 is enough",
        )


def require_histograms(histograms: NullHistograms) -> None:
    """Raise `InvalidInputError` unless counts and buckets belong together."""
    require_buckets(histograms.buckets)
    counts, leading = histograms.counts, (len(STAGES), 2, len(histograms.buckets))
    if counts.ndim != 5 or counts.dtype != np.int64 or counts.shape[1:4] != leading or counts.shape[4] < 2:
        raise InvalidInputError(
            "counts of the histograms",
            expected=f"int64 [rows, {', '.join(map(str, leading))}, bins + 1]",
            got=f"{counts.dtype} of shape {counts.shape}",
            mend="pass what null_histograms returned, or a sum of such counts",
        )


def checked_scores(score: npt.ArrayLike) -> Float64Array1D:
    """Return scores as a float64 vector, or raise `InvalidInputError`."""
    values = np.asarray(score)
    if values.ndim != 1 or values.dtype.kind not in "fiu" or bool(((values < 0) | (values > 1)).any()):
        raise InvalidInputError(
            "score of p_values",
            expected="a vector of scores in [0, 1], NaN where there is none",
            got=f"{values.dtype} of shape {values.shape}"
            + (f", {values.min()} to {values.max()}" if values.size and values.dtype.kind in "fiu" else ""),
            mend="pass the scores of a scan",
        )
    return values.astype(np.float64)


def checked_indexes(name: str, values: npt.ArrayLike, count: int, least: int, stop: int) -> Int64Array1D:
    """Return whole numbers from `least` to `stop - 1` as int64 [count], or raise `InvalidInputError`."""
    array = np.asarray(values)
    if array.shape != (count,) or (array.size > 0 and array.dtype.kind not in "iu"):
        raise InvalidInputError(
            f"{name} of p_values",
            expected=f"whole numbers of shape ({count},), one for each score",
            got=f"{array.dtype} of shape {array.shape}",
            mend="pass vectors with one entry per pattern",
        )
    outside = np.flatnonzero((array < least) | (array >= stop))
    if outside.size:
        raise InvalidInputError(
            f"{name} of pattern {outside[0]}",
            expected=f"{least} to {stop - 1}",
            got=str(array[outside[0]]),
            mend="pass what belongs to the rows and stages of the histograms",
        )
    return array.astype(np.int64)


def checked_directions(direction: npt.ArrayLike, count: int) -> Int64Array1D:
    """Return directions as int64 [count], each 1 or -1, or raise `InvalidInputError`."""
    directions = checked_indexes("direction", direction, count, -1, 2)
    zero = np.flatnonzero(directions == 0)
    if zero.size:
        raise InvalidInputError(
            f"direction of pattern {zero[0]}",
            expected="1 or -1",
            got="0",
            mend="pass 1 where the first leg rises, -1 where it falls",
        )
    return directions
