"""The policies: the greedy one, and a random one over the same candidates."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numba import njit

from kernels.errors import InvalidInputError
from kernels.forecast.pinball import level_weights
from kernels.panel import Float64Array2D, Int32Array1D
from kernels.philox import WORD_BITS, WORD_MASK, philox4x32
from kernels.policies.model import ActionValues, Decision
from kernels.volatility.forecasts import require_levels

ROWS_AT_ONCE = 512
"""States that the model is asked about together."""

Words = npt.NDArray[np.uint64]


def criterion(
    quantiles: npt.NDArray[np.float64], levels: Sequence[float], risk_aversion: float = 0.0
) -> Float64Array2D:
    """What a candidate is worth: its expected log growth, less `risk_aversion` times the spread of it.

    The mean of the quantile function, each quantile standing for the levels that are nearer to it than to another
    (`kernels.strategies.expected_returns` does it so), here of log(1 + total return): the policy of Kelly (1956). The
    spread is the standard deviation, likewise.

    Args:
        quantiles: float64 [N, A, Q] of log(1 + total return), finite.
        levels: Q strictly rising numbers above 0 and below 1.
        risk_aversion: at least 0.

    Returns:
        float64 [N, A]. A row depends on its own quantiles only, to the last bit.

    Raises:
        InvalidInputError: levels out of order, or a number of levels that isn't the last axis.
    """
    require_levels(levels)
    if quantiles.ndim != 3 or quantiles.shape[2] != len(levels):
        raise InvalidInputError(
            "criterion, quantiles",
            expected=f"float64 [N, A, {len(levels)}]",
            got=f"shape {quantiles.shape}",
            mend="pass the quantiles that the model gave, with its own levels",
        )
    weights = level_weights(levels)
    # Level by level, so that the order of the additions doesn't depend on the shape.
    mean = np.zeros(quantiles.shape[:2])
    for place, weight in enumerate(weights):
        mean += weight * quantiles[..., place]
    if risk_aversion == 0.0:
        return mean
    variance = np.zeros(mean.shape)
    for place, weight in enumerate(weights):
        variance += weight * (quantiles[..., place] - mean) ** 2
    return mean - risk_aversion * np.sqrt(variance)


def best_of(worth: Float64Array2D) -> Int32Array1D:
    """The candidate of largest worth, int32 [N]; of equals the first, so hold before all others, then flat."""
    best: Int32Array1D = worth.argmax(axis=1).astype(np.int32)
    return best


@dataclass(frozen=True)
class GreedyPolicy:
    """Chooses the candidate of the largest `criterion`.

    Attributes:
        model: what says how a candidate turns out.
        risk_aversion: at least 0.
    """

    model: ActionValues
    risk_aversion: float = 0.0

    def __post_init__(self) -> None:
        if not 0.0 <= self.risk_aversion < np.inf:
            raise InvalidInputError(
                "GreedyPolicy.risk_aversion",
                expected="a finite number, at least 0",
                got=repr(self.risk_aversion),
                mend="use 0 for expected log growth alone",
            )

    def choose(self, decision: Decision) -> Int32Array1D:
        """See `Policy.choose`.

        Raises:
            InvalidInputError: the model gave quantiles of a wrong shape, or some that aren't finite.
        """
        count, width = decision.actions.shape[:2]
        chosen = np.empty(count, dtype=np.int32)
        for begin in range(0, count, ROWS_AT_ONCE):
            rows = slice(begin, min(begin + ROWS_AT_ONCE, count))
            quantiles = self.model.quantiles(decision.windows[rows], decision.states[rows], decision.actions[rows])
            shape = (rows.stop - rows.start, width, len(self.model.levels))
            if quantiles.shape != shape or not np.isfinite(quantiles).all():
                raise InvalidInputError(
                    f"quantiles of the model on day {np.datetime64(decision.day, 'D')}",
                    expected=f"finite float64 {shape}",
                    got=f"shape {quantiles.shape}, {int((~np.isfinite(quantiles)).sum())} not finite",
                    mend="train the model again, or on prices in the range of these",
                )
            chosen[rows] = best_of(criterion(quantiles, self.model.levels, self.risk_aversion))
        return chosen


@dataclass(frozen=True)
class RandomPolicy:
    """Chooses each candidate with equal probability: Philox4x32-10, key = the seed, counter = (low and high word of the
    symbol's identity, day, offset), the candidate is floor(word 0 * A / 2^32). So a choice depends on nothing else, not
    even on what the account holds.

    Attributes:
        seed: uint64 [P], of each account.
        identity: uint64 [P], of each account's symbol, see `identities`.
        offset: of the walk, so that walks from several offsets draw their own.
    """

    seed: Words
    identity: Words
    offset: int = 0

    def choose(self, decision: Decision) -> Int32Array1D:
        """See `Policy.choose`."""
        account = decision.account
        chosen = np.empty(len(account), dtype=np.int32)
        width = decision.actions.shape[1]
        _draw(self.seed[account], self.identity[account], decision.day, self.offset, width, chosen)
        return chosen


def identities(symbols: Sequence[str]) -> Words:
    """A number for each symbol that doesn't depend on the others: the first 8 bytes of its SHA-256, uint64 [S]."""
    digests = [hashlib.sha256(symbol.encode()).digest()[:8] for symbol in symbols]
    return np.array([int.from_bytes(digest, "little") for digest in digests], dtype=np.uint64)


@njit(cache=True, nogil=True, error_model="numpy")
def _draw(seed: Words, identity: Words, day: int, offset: int, width: int, chosen: Int32Array1D) -> None:
    for row in range(len(chosen)):
        words = philox4x32(
            identity[row] & WORD_MASK,
            identity[row] >> WORD_BITS,
            np.uint64(day),
            np.uint64(offset),
            seed[row] & WORD_MASK,
            seed[row] >> WORD_BITS,
        )
        chosen[row] = np.int32((words[0] * np.uint64(width)) >> WORD_BITS)
