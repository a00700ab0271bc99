"""The simulated market on the CPU: the factors first, then one thread per instrument."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from numba import njit, prange

from kernels.market import model
from kernels.market.rules import (
    dividend_at,
    gjr_next,
    intraday_extremes,
    overnight_gap,
    path_draw,
    shape_draw,
    share_volume,
    split_ratio_after,
)
from kernels.market.streams import FIRST_INSTRUMENT_SERIES, FIRST_SECTOR_SERIES, MARKET_SERIES
from kernels.panel import Float64Array1D, Float64Array2D, Int32Array1D
from kernels.philox import key_words

Float64Array3D = npt.NDArray[np.float64]
ParameterArray1D = npt.NDArray[np.void]

FIELD_COUNT = 7
YEAR = float(model.SESSIONS_PER_YEAR)
FACTOR_VARIANCES = np.array(
    [model.MARKET_VOLATILITY**2 / YEAR] + [sector.factor_volatility**2 / YEAR for sector in model.SECTORS]
)
MARKET_ALPHA, MARKET_GAMMA, MARKET_BETA = model.MARKET_GJR
SECTOR_ALPHA, SECTOR_GAMMA, SECTOR_BETA = model.SECTOR_GJR
OWN_ALPHA, OWN_GAMMA, OWN_BETA = model.OWN_GJR
MARKET_JUMP_PROBABILITY = model.MARKET_JUMP_PROBABILITY
MARKET_JUMP_MEAN = model.MARKET_JUMP_MEAN
MARKET_JUMP_DEVIATION = model.MARKET_JUMP_DEVIATION
# The drift takes back what the market's jumps take away on average.
MARKET_JUMP_DRIFT = MARKET_JUMP_PROBABILITY * MARKET_JUMP_MEAN
OWN_JUMP_PROBABILITY = model.OWN_JUMP_PROBABILITY
OWN_JUMP_DEVIATION = model.OWN_JUMP_DEVIATION
RETURN_LIMIT = model.RETURN_LIMIT


def simulate_bars(
    parameters: ParameterArray1D, rows: Int32Array1D, first: int, session_count: int, seed: int
) -> Float64Array3D:
    """Simulate bars, not yet rounded.

    Args:
        parameters: [S], dtype `universe.PARAMETERS`.
        rows: int32 [R], rows of `parameters`.
        first: the first session number asked for.
        session_count: one more than the last session number asked for.
        seed: 0..2**64-1.

    Returns:
        float64 [7, R, session_count - first]: open, high, low, close (dollars), volume (shares), split ratio, dividend
        (dollars).
    """
    key_0, key_1 = key_words(seed)
    bars = np.empty((FIELD_COUNT, len(rows), session_count - first))
    shocks, variances, jumps = simulate_factors(key_0, key_1, session_count, FACTOR_VARIANCES)
    simulate_rows(key_0, key_1, parameters, rows, first, shocks, variances, jumps, FACTOR_VARIANCES, bars)
    return bars


@njit(cache=True)
def simulate_factors(
    key_0: np.uint64, key_1: np.uint64, session_count: int, long_runs: Float64Array1D
) -> tuple[Float64Array2D, Float64Array2D, Float64Array1D]:
    """Return the factors' shocks and variances of the day [12, T] (market, then sectors) and the market's jumps [T]."""
    shocks = np.empty((len(long_runs), session_count))
    variances = np.empty((len(long_runs), session_count))
    jumps = np.zeros(session_count)
    for factor in range(len(long_runs)):
        market = factor == MARKET_SERIES
        alpha = MARKET_ALPHA if market else SECTOR_ALPHA
        gamma = MARKET_GAMMA if market else SECTOR_GAMMA
        beta = MARKET_BETA if market else SECTOR_BETA
        jump_probability = MARKET_JUMP_PROBABILITY if market else 0.0
        variance = long_runs[factor]
        for session in range(session_count):
            normal, mixing, jumped, jump_normal = path_draw(key_0, key_1, factor, session, jump_probability)
            shock = math.sqrt(variance * mixing) * normal
            shocks[factor, session] = shock
            variances[factor, session] = variance * mixing
            if jumped:
                jumps[session] = MARKET_JUMP_MEAN + MARKET_JUMP_DEVIATION * jump_normal
            variance = gjr_next(variance, shock, long_runs[factor], alpha, gamma, beta)
    return shocks, variances, jumps


@njit(cache=True, parallel=True)
def simulate_rows(
    key_0: np.uint64,
    key_1: np.uint64,
    parameters: ParameterArray1D,
    rows: Int32Array1D,
    first: int,
    shocks: Float64Array2D,
    variances: Float64Array2D,
    jumps: Float64Array1D,
    long_runs: Float64Array1D,
    bars: Float64Array3D,
) -> None:
    """Fill `bars` [7, R, T], each row on its own."""
    for position in prange(len(rows)):
        row = rows[position]
        simulate_row(
            key_0, key_1, row, parameters[row], first, shocks, variances, jumps, long_runs, bars[:, position, :]
        )


@njit(cache=True)
def simulate_row(
    key_0: np.uint64,
    key_1: np.uint64,
    row: int,
    parameter: np.void,
    first: int,
    shocks: Float64Array2D,
    variances: Float64Array2D,
    jumps: Float64Array1D,
    long_runs: Float64Array1D,
    bars: Float64Array2D,
) -> None:
    """Walk one instrument from session 0 to the last and fill its bars [7, T] from `first` on."""
    series = FIRST_INSTRUMENT_SERIES + row
    sector = FIRST_SECTOR_SERIES + parameter["sector"]
    market_beta = parameter["market_beta"]
    sector_beta = parameter["sector_beta"]
    own_long_run = parameter["own_volatility"] ** 2 / YEAR
    own_jump_deviation = OWN_JUMP_DEVIATION * math.sqrt(own_long_run)
    market_share = market_beta * market_beta
    sector_share = sector_beta * sector_beta
    long_run = market_share * long_runs[MARKET_SERIES] + sector_share * long_runs[sector] + own_long_run
    drift = parameter["drift"] / YEAR - market_beta * MARKET_JUMP_DRIFT
    close = parameter["start_price"]
    own_variance = own_long_run
    for session in range(shocks.shape[1]):
        normal, mixing, jumped, jump_normal = path_draw(key_0, key_1, series, session, OWN_JUMP_PROBABILITY)
        own_shock = math.sqrt(own_variance * mixing) * normal
        jump = market_beta * jumps[session] + (own_jump_deviation * jump_normal if jumped else 0.0)
        diffusion = (
            drift + market_beta * shocks[MARKET_SERIES, session] + sector_beta * shocks[sector, session] + own_shock
        )
        log_return = min(max(diffusion + jump, -RETURN_LIMIT), RETURN_LIMIT)

        split_ratio = split_ratio_after(close, parameter["split_level"], parameter["split_ratio"])
        reference = close / split_ratio
        dividend = dividend_at(session, parameter["dividend_phase"], parameter["dividend_yield"], reference)
        reference -= dividend
        close = reference * math.exp(log_return)
        if session >= first:
            variance = (
                market_share * variances[MARKET_SERIES, session]
                + sector_share * variances[sector, session]
                + own_variance * mixing
            )
            gap_normal, volume_normal, high_uniform, low_uniform = shape_draw(key_0, key_1, series, session)
            gap = overnight_gap(log_return - jump, jump, variance, gap_normal)
            high, low = intraday_extremes(log_return - gap, variance, high_uniform, low_uniform)
            opening = reference * math.exp(gap)
            column = session - first
            bars[0, column] = opening
            bars[1, column] = max(opening * math.exp(high), opening, close)
            bars[2, column] = min(opening * math.exp(low), opening, close)
            bars[3, column] = close
            bars[4, column] = share_volume(
                parameter["dollar_volume"], close, variance, log_return, long_run, volume_normal
            )
            bars[5, column] = split_ratio
            bars[6, column] = dividend
        own_variance = gjr_next(own_variance, own_shock, own_long_run, OWN_ALPHA, OWN_GAMMA, OWN_BETA)
