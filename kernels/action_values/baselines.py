"""What the network must beat: quantiles that need no network, fitted on training rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from kernels.errors import InvalidInputError
from kernels.panel import Float64Array1D, Float64Array2D

BUCKETS = ("flat", "long", "short", "both")
"""What an account is exposed to after the action."""

LEAST_LEG = 0.2
"""A leg below this share of the gross value doesn't count: the account is long or short, not both."""

MIN_BUCKET_ROWS = 100
"""With fewer training rows a bucket has the quantiles of all rows."""


class Outcomes(NamedTuple):
    """Rows with their anchor and what came of them.

    Attributes:
        location, scale: float64 [N], the anchor, in log return.
        outcome: float64 [N], log(1 + total return); NaN = unknown.
        bucket: int8 [N], positions in `BUCKETS`.
    """

    location: Float64Array1D
    scale: Float64Array1D
    outcome: Float64Array1D
    bucket: npt.NDArray[np.int8]


@dataclass(frozen=True)
class Baselines:
    """Quantiles of training rows at Q levels.

    Attributes:
        unconditional: float64 [Q], of the outcome itself.
        pooled: float64 [Q], of (outcome - location) / scale: the anchor.
        by_bucket: float64 [4, Q], the same for each of `BUCKETS`.
    """

    unconditional: Float64Array1D
    pooled: Float64Array1D
    by_bucket: Float64Array2D

    def forecasts(self, rows: Outcomes) -> dict[str, Float64Array2D]:
        """The quantiles [N, Q] of each baseline by name."""
        shape = (len(rows.outcome), len(self.pooled))
        location, scale = rows.location[:, np.newaxis], rows.scale[:, np.newaxis]
        return {
            "unconditional": np.broadcast_to(self.unconditional, shape),
            "anchor": location + scale * self.pooled,
            "anchor by exposure": location + scale * self.by_bucket[rows.bucket],
        }


def buckets_of(states: npt.NDArray[np.float32], actions: npt.NDArray[np.float32]) -> npt.NDArray[np.int8]:
    """What each account is exposed to after its action: int8 [N], positions in `BUCKETS`.

    Args:
        states: float32 [N, 15], raw columns.
        actions: float32 [N, 7], raw columns; a hold leaves the legs of the state.
    """
    hold = actions[:, 0] > 0.5
    long = np.where(hold, states[:, 2], actions[:, 1]).astype(np.float64)
    short = np.where(hold, states[:, 3], actions[:, 2]).astype(np.float64)
    least = LEAST_LEG * (long + short)
    bucket = np.full(len(long), BUCKETS.index("both"), dtype=np.int8)
    bucket[short < least] = BUCKETS.index("long")
    bucket[long < least] = BUCKETS.index("short")
    bucket[long + short <= 0.0] = BUCKETS.index("flat")
    return bucket


def fit_baselines(rows: Outcomes, levels: Sequence[float]) -> Baselines:
    """Fit the baselines on training rows.

    Raises:
        InvalidInputError: fewer than `MIN_BUCKET_ROWS` rows with a known outcome.
    """
    known = ~np.isnan(rows.outcome)
    if known.sum() < MIN_BUCKET_ROWS:
        raise InvalidInputError(
            "training rows of the action values",
            expected=f"at least {MIN_BUCKET_ROWS} with a known outcome",
            got=f"{int(known.sum())}",
            mend="draw more samples",
        )
    outcome, bucket = rows.outcome[known], rows.bucket[known]
    residual = (outcome - rows.location[known]) / rows.scale[known]
    pooled = _quantiles(residual, levels)
    by_bucket = []
    for number in range(len(BUCKETS)):
        own = residual[bucket == number]
        by_bucket.append(_quantiles(own, levels) if len(own) >= MIN_BUCKET_ROWS else pooled)
    return Baselines(_quantiles(outcome, levels), pooled, np.stack(by_bucket))


def _quantiles(values: Float64Array1D, levels: Sequence[float]) -> Float64Array1D:
    made: Float64Array1D = np.maximum.accumulate(np.quantile(values, levels))
    return made
