"""Markets in which the truth is known: random bars, and impulses planted into some of their rows.

`market_bars` and `gjr_bars` hold no waves but chance ones. `plant` mixes subdivided impulses with guideline ratios into
rows of such bars, `session_of` finds the best scores of the result, and `false_share` and `of_plants` say which
discoveries are true. All is drawn from seeds: the same seed gives the same bars.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from kernels.market import instruments, simulate
from kernels.panel import Float64Array1D, Float64Array2D
from kernels.volatility.gjr import GjrParameters
from kernels.waves import CLASS_NAMES, SPAN_BUCKETS, best_scores

Int64Array1D = npt.NDArray[np.int64]
Scores = npt.NDArray[np.float64]
"""Best scores, p-values or q-values of cells, float64 [..., stages, 2, buckets]."""

Float64Array3D = npt.NDArray[np.float64]

WARM_UP = 252
"""Sessions walked before the first bar, so that volatilities aren't those of the start."""

GJR = GjrParameters(alpha=0.034, gamma=0.101, beta=0.842, degrees=6.0)
"""As fitted on five years of S&P 500 stocks (kernels/surrogates)."""

ANNUAL_VOLATILITIES = 0.14, 0.40
ANNUAL_DRIFTS = -0.10, 0.30
SESSIONS_PER_YEAR = 252
OVERNIGHT_SHARE = 0.22

IMPULSES = (
    (0.618, 2.5, 0.236, 1.05, (0.20, 0.20, 0.20, 0.20, 0.20)),
    (0.5, 1.6, 0.236, 1.56, (0.18, 0.18, 0.22, 0.21, 0.21)),
    (0.618, 1.6, 0.236, 1.59, (0.17, 0.17, 0.22, 0.22, 0.22)),
    (0.618, 1.58, 0.236, 1.05, (0.16, 0.16, 0.27, 0.27, 0.14)),
)
"""l2/l1, l3/l1, l4/l3, l5/l1 and shares of the bars: near guideline ratios, waves 4 and 5 near their channel lines."""

ZIGZAGS = ((0.5, 1.0, (0.35, 0.25, 0.40)), (0.618, 1.0, (0.35, 0.25, 0.40)))
"""l2/l1, l3/l1 and shares of the bars."""

LEAST_BARS_OF_A_LEG = 3
SPANS = 200, 300
BARS_AFTER = 8, 40
MARGIN = 10
"""Bars by which the count of a planted wave may go beyond its pivots."""

BARS_OF_A_TURN = 5
"""The legs that lead to the first pivot and away from the last, so that both are swings."""


class Bars(NamedTuple):
    """Prices, float64 [R, T] each, dollars; no bar is missing."""

    open: Float64Array2D
    high: Float64Array2D
    low: Float64Array2D
    close: Float64Array2D


class Plants(NamedTuple):
    """K planted impulses: their rows, rising; 1 upward or -1 downward; the bars of their six pivots [K, 6]."""

    row: Int64Array1D
    direction: Int64Array1D
    pivots: npt.NDArray[np.int64]


def market_bars(seed: int, rows: int, sessions: int) -> Bars:
    """Bars of the simulated market (kernels.market) [rows, sessions], adjusted for splits."""
    stop = WARM_UP + sessions
    made = simulate(instruments(seed, rows), stop, seed=seed, first=WARM_UP)
    later = np.ones((rows, sessions))
    later[:, :-1] = np.cumprod(made.split_ratio[:, :0:-1], axis=1)[:, ::-1]
    return Bars(*(np.ascontiguousarray(prices / later) for prices in (made.open, made.high, made.low, made.close)))


def gjr_bars(seed: int, rows: int, sessions: int) -> Bars:
    """Bars of independent rows, each a GJR(1,1) with Student t shocks, its own volatility and drift, without jumps.

    The day is a Brownian motion, of which a share passes overnight, as in kernels/market/README.md.
    """
    rng = np.random.default_rng(seed)
    steps = WARM_UP + sessions
    target = rng.uniform(*ANNUAL_VOLATILITIES, rows) ** 2 / SESSIONS_PER_YEAR
    drift = rng.uniform(*ANNUAL_DRIFTS, rows) / SESSIONS_PER_YEAR
    mixing = (GJR.degrees - 2) / rng.chisquare(GJR.degrees, (steps, rows))
    normal, gap_normal = rng.standard_normal((2, steps, rows))
    bars = np.empty((4, rows, steps))
    variance = target
    for session in range(steps):
        spread = np.sqrt(variance * mixing[session])
        shock = spread * normal[session]
        gap = (
            OVERNIGHT_SHARE * shock + math.sqrt(OVERNIGHT_SHARE * (1 - OVERNIGHT_SHARE)) * spread * gap_normal[session]
        )
        day = drift + shock - gap
        reach = np.sqrt(day**2 - 2 * (1 - OVERNIGHT_SHARE) * spread**2 * np.log(1 - rng.random((2, rows))))
        bars[:, :, session] = gap, gap + (day + reach[0]) / 2, gap + (day - reach[1]) / 2, drift + shock
        news = (GJR.alpha + GJR.gamma * (shock < 0)) * shock**2
        variance = target * (1 - GJR.persistence) + news + GJR.beta * variance
    return bars_from(np.full(rows, 50.0), bars[:, :, WARM_UP:])


def plant(background: Bars, *, share: float, cleanliness: float, seed: int) -> tuple[Bars, Plants]:
    """Mix impulses into some rows, each 200 to 300 bars long and complete 8 to 40 bars before the last one.

    Per bar, in logs relative to the close before, a planted bar is `cleanliness` of the wave's and 1 - cleanliness of
    the background's, scaled to the variance of the background; the wave's bars have the background's volatility. So
    the noise is (1 - cleanliness) / cleanliness of the wave's own steps. Waves and places depend on the seed alone.

    Args:
        background: bars with at least 350 sessions.
        share: of the rows that get an impulse, from 0 to 1.
        cleanliness: from 0 (the background as it is) to 1 (the wave alone).
        seed: of places, directions and shapes.

    Returns:
        The bars, and what was planted.
    """
    rng = np.random.default_rng(seed)
    rows, sessions = background.close.shape
    row = np.sort(rng.permutation(rows)[: round(share * rows)])
    direction = rng.choice(np.array([1, -1]), len(row))
    span = rng.integers(*SPANS, len(row), endpoint=True)
    last = sessions - 1 - rng.integers(*BARS_AFTER, len(row), endpoint=True)
    moves = log_moves(background)
    pivots = np.empty((len(row), 6), np.int64)
    scale = math.hypot(cleanliness, 1 - cleanliness)
    for index, (own, length) in enumerate(zip(row, span, strict=True)):
        path, places = impulse_path(int(length), rng)
        pivots[index] = last[index] - length + places
        steps = np.diff(path) * direction[index]
        # Move t leads to bar t + 1, and the path begins with the turn before the first pivot.
        first = pivots[index, 0] - BARS_OF_A_TURN
        part = moves[:, own, first : first + len(steps)]
        steps *= np.sqrt(np.mean(part[3] ** 2) / np.mean(steps**2))
        wave = np.stack([steps / 2, np.maximum(steps / 2, steps), np.minimum(steps / 2, steps), steps])
        part[:] = (cleanliness * wave + (1 - cleanliness) * part) / scale
    mixed = bars_from(background.close[:, 0], moves)
    bars = Bars(*(np.concatenate([old[:, :1], new], axis=1) for old, new in zip(background, mixed, strict=True)))
    return bars, Plants(row, direction, pivots)


def log_moves(bars: Bars) -> Float64Array3D:
    """Open, high, low and close of each bar but the first, in logs relative to the close before [4, R, T - 1]."""
    return np.log(np.stack(bars)[:, :, 1:] / bars.close[:, :-1])


def bars_from(before: Float64Array1D, moves: Float64Array3D) -> Bars:
    """The bars [R, T] that such moves [4, R, T] lead to from the closes [R] before them."""
    close = np.log(before)[:, None] + np.cumsum(moves[3], axis=1)
    earlier = np.concatenate([np.log(before)[:, None], close[:, :-1]], axis=1)
    opening, high, low, close = np.exp(np.stack([*(earlier + moves[:3]), close]))
    # Rounding may part a high or low from the open or close that it equals.
    return Bars(
        opening, np.maximum(high, np.maximum(opening, close)), np.minimum(low, np.minimum(opening, close)), close
    )


def impulse_path(bars: int, rng: np.random.Generator) -> tuple[Float64Array1D, Int64Array1D]:
    """Log closes of an upward impulse [bars + 1 + two turns], and its six pivots, counted from the first of them."""
    path = np.zeros(bars + 1 + 2 * BARS_OF_A_TURN)
    places = write_impulse(path[BARS_OF_A_TURN : BARS_OF_A_TURN + bars + 1], 0.0, 1.0, rng)
    turn = np.arange(1, BARS_OF_A_TURN + 1) * np.mean(np.abs(np.diff(path)))
    path[:BARS_OF_A_TURN] = turn[::-1]
    path[-BARS_OF_A_TURN:] = 1.0 - turn
    return path, places


def write_impulse(path: Float64Array1D, start: float, end: float, rng: np.random.Generator) -> Int64Array1D:
    """Write an impulse from `start` to `end`, subdivided while its legs are long enough; return its pivots."""
    second, third, fourth, fifth, shares = IMPULSES[rng.integers(len(IMPULSES))]
    places = write_legs(path, start, end, (1.0, -second, third, -fourth * third, fifth), shares)
    for leg in range(5):
        part = path[places[leg] : places[leg + 1] + 1]
        write_leg(part, impulsive=leg % 2 == 0, rng=rng)
    return places


def write_zigzag(path: Float64Array1D, start: float, end: float, rng: np.random.Generator) -> None:
    """Write a zigzag from `start` to `end`, subdivided while its legs are long enough."""
    second, third, shares = ZIGZAGS[rng.integers(len(ZIGZAGS))]
    places = write_legs(path, start, end, (1.0, -second, third), shares)
    for leg in range(3):
        write_leg(path[places[leg] : places[leg + 1] + 1], impulsive=leg != 1, rng=rng)


def write_leg(path: Float64Array1D, *, impulsive: bool, rng: np.random.Generator) -> None:
    """Subdivide a straight leg, where each of its own legs gets enough bars."""
    legs = 5 if impulsive else 3
    if len(path) - 1 >= 1.5 * legs * LEAST_BARS_OF_A_LEG:
        write = write_impulse if impulsive else write_zigzag
        write(path, float(path[0]), float(path[-1]), rng)


def write_legs(
    path: Float64Array1D, start: float, end: float, lengths: tuple[float, ...], shares: tuple[float, ...]
) -> Int64Array1D:
    """Write straight legs of these relative lengths over these shares of the bars; return the pivots."""
    heights = np.concatenate([[0.0], np.cumsum(lengths)])
    heights = start + (end - start) * heights / heights[-1]
    places = np.round(np.concatenate([[0.0], np.cumsum(shares)]) / sum(shares) * (len(path) - 1)).astype(np.int64)
    path[:] = np.interp(np.arange(len(path)), places, heights)
    return places


class Session(NamedTuple):
    """Best scores of a session with planted waves, and of parts of the rows that hold one.

    Attributes:
        score: [R, stages, 2, buckets].
        plants: the K planted waves.
        outside: [K, stages, 2, buckets], of the patterns that share no bar with the plant.
        inside: [K, stages, 2, buckets], of those within the plant and `MARGIN` bars around it.
    """

    score: Scores
    plants: Plants
    outside: Scores
    inside: Scores


def session_of(background: Bars, score: Scores, *, share: float, cleanliness: float, seed: int) -> Session:
    """Plant waves into bars with these best scores; the other arguments are those of `plant`."""
    bars, plants = plant(background, share=share, cleanliness=cleanliness, seed=seed)
    low, high = bars.low[plants.row], bars.high[plants.row]
    mixed = score.copy()
    mixed[plants.row] = best_scores(low, high).score
    place = np.arange(low.shape[1])
    first, last = plants.pivots[:, :1], plants.pivots[:, -1:]
    # The bars of the first and the last pivot remain: a swing next to them needs its neighbour.
    within = (place > first) & (place < last)
    near = (place >= first - MARGIN) & (place <= last + MARGIN)
    outside = best_scores(np.where(within, np.nan, low), np.where(within, np.nan, high)).score
    inside = best_scores(np.where(near, low, np.nan), np.where(near, high, np.nan)).score
    return Session(mixed, plants, outside, inside)


def false_share(session: Session, found: npt.NDArray[np.bool_]) -> float:
    """The share of discovered cells [R, classes, 2, buckets] whose best pattern touches no plant; 0 of none."""
    own, elsewhere = (values[:, : found.shape[1]] for values in (session.score[session.plants.row], session.outside))
    true = np.zeros(found.shape, np.bool_)
    true[session.plants.row] = own > np.nan_to_num(elsewhere, nan=-1.0)
    return float((found & ~true).sum() / max(found.sum(), 1))


def of_plants(session: Session, values: Scores) -> Float64Array1D:
    """p- or q-values [K] of the cell that each plant belongs to; 1 where its best pattern isn't within the plant."""
    plants = session.plants
    bucket = np.searchsorted(SPAN_BUCKETS, plants.pivots[:, -1] - plants.pivots[:, 0])
    cell = CLASS_NAMES.index("impulse"), (1 - plants.direction) // 2, bucket
    at_home = session.inside[np.arange(len(bucket)), *cell] == session.score[plants.row, *cell]
    return np.where(at_home, values[plants.row, *cell], 1.0)
