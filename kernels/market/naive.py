"""The simulated market in plain Python, written from the definitions in README.md: the oracle for small sizes."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from kernels.market import model, streams
from kernels.panel import Int32Array1D

MASK = 0xFFFFFFFF


def simulate_bars(
    parameters: npt.NDArray[np.void], rows: Int32Array1D, first: int, session_count: int, seed: int
) -> npt.NDArray[np.float64]:
    """Simulate bars, not yet rounded; same arguments and layout as `cpu.simulate_bars`."""
    bars = np.empty((7, len(rows), session_count - first))
    market = market_path(seed, session_count)
    for position, row in enumerate(rows.tolist()):
        instrument = dict(zip(parameters.dtype.names or (), parameters[row].tolist(), strict=True))
        sector = sector_path(seed, session_count, instrument["sector"])
        walk = instrument_bars(seed, session_count, row, instrument, market, sector)
        bars[:, position, :] = np.array(walk[first:]).T
    return bars


def philox4x32(counter: tuple[int, int, int, int], key: tuple[int, int]) -> tuple[int, int, int, int]:
    """Return the Philox4x32-10 block of a counter of four words under a key of two words (Salmon et al., 2011)."""
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(10):
        high_0, low_0 = divmod(0xD2511F53 * c0, 2**32)
        high_1, low_1 = divmod(0xCD9E8D57 * c2, 2**32)
        c0, c1, c2, c3 = high_1 ^ c1 ^ k0, low_1, high_0 ^ c3 ^ k1, low_0
        k0, k1 = (k0 + 0x9E3779B9) & MASK, (k1 + 0xBB67AE85) & MASK
    return c0, c1, c2, c3


def uniforms(seed: int, series: int, session: int, stream: int, blocks: int) -> list[float]:
    """Return 4 * blocks uniforms in (0, 1)."""
    key = (seed & MASK, seed >> 32)
    words = [word for block in range(blocks) for word in philox4x32((series, session, stream, block), key)]
    return [(word + 0.5) / 2**32 for word in words]


def box_muller(u0: float, u1: float) -> tuple[float, float]:
    """Return two independent standard normals."""
    radius = math.sqrt(-2 * math.log(u0))
    return radius * math.cos(2 * math.pi * u1), radius * math.sin(2 * math.pi * u1)


def student_draw(seed: int, series: int, session: int, jump_probability: float) -> tuple[float, float, float | None]:
    """Return the standard normal, the mixing variance, and the standard normal of a jump's size (None: no jump)."""
    u = uniforms(seed, series, session, streams.PATH_STREAM, 2)
    normal = box_muller(u[0], u[1])[0]
    chi_squared = -2 * math.log(u[2] * u[3] * u[4])
    mixing = (model.DEGREES_OF_FREEDOM - 2) / chi_squared
    return normal, mixing, box_muller(u[6], u[7])[0] if u[5] < jump_probability else None


def next_variance(variance: float, shock: float, long_run: float, gjr: model.Gjr) -> float:
    """Return the GJR(1,1) variance of the next session."""
    omega = long_run * (1 - gjr.alpha - gjr.gamma / 2 - gjr.beta)
    loss = 1 if shock < 0 else 0
    return omega + gjr.alpha * shock**2 + gjr.gamma * loss * shock**2 + gjr.beta * variance


def factor_path(
    seed: int, session_count: int, series: int, volatility: float, gjr: model.Gjr, jump_probability: float
) -> list[tuple[float, float, float]]:
    """Return (shock, variance of the day, jump) of one factor for each session."""
    long_run = volatility**2 / model.SESSIONS_PER_YEAR
    variance = long_run
    path = []
    for session in range(session_count):
        normal, mixing, jump_normal = student_draw(seed, series, session, jump_probability)
        shock = normal * math.sqrt(variance * mixing)
        jump = 0.0
        if jump_normal is not None:
            jump = model.MARKET_JUMP_MEAN + model.MARKET_JUMP_DEVIATION * jump_normal
        path.append((shock, variance * mixing, jump))
        variance = next_variance(variance, shock, long_run, gjr)
    return path


def market_path(seed: int, session_count: int) -> list[tuple[float, float, float]]:
    """Return the path of the market factor."""
    return factor_path(
        seed,
        session_count,
        streams.MARKET_SERIES,
        model.MARKET_VOLATILITY,
        model.MARKET_GJR,
        model.MARKET_JUMP_PROBABILITY,
    )


def sector_path(seed: int, session_count: int, sector: int) -> list[tuple[float, float, float]]:
    """Return the path of one sector factor; it never jumps."""
    series = streams.FIRST_SECTOR_SERIES + sector
    return factor_path(seed, session_count, series, model.SECTORS[sector].factor_volatility, model.SECTOR_GJR, 0.0)


def instrument_bars(
    seed: int,
    session_count: int,
    row: int,
    instrument: dict[str, float],
    market: list[tuple[float, float, float]],
    sector: list[tuple[float, float, float]],
) -> list[tuple[float, ...]]:
    """Return (open, high, low, close, volume, split ratio, dividend) of each session."""
    series = streams.FIRST_INSTRUMENT_SERIES + row
    market_beta, sector_beta = instrument["market_beta"], instrument["sector_beta"]
    own_long_run = instrument["own_volatility"] ** 2 / model.SESSIONS_PER_YEAR
    sector_volatility = model.SECTORS[int(instrument["sector"])].factor_volatility
    long_run = (
        own_long_run
        + ((market_beta * model.MARKET_VOLATILITY) ** 2 + (sector_beta * sector_volatility) ** 2)
        / model.SESSIONS_PER_YEAR
    )
    mean_jump = market_beta * model.MARKET_JUMP_PROBABILITY * model.MARKET_JUMP_MEAN
    drift = instrument["drift"] / model.SESSIONS_PER_YEAR - mean_jump

    close = instrument["start_price"]
    own_variance = own_long_run
    bars: list[tuple[float, ...]] = []
    for session in range(session_count):
        market_shock, market_variance, market_jump = market[session]
        sector_shock, sector_variance, _ = sector[session]
        normal, mixing, jump_normal = student_draw(seed, series, session, model.OWN_JUMP_PROBABILITY)
        own_shock = normal * math.sqrt(own_variance * mixing)
        own_jump = 0.0 if jump_normal is None else model.OWN_JUMP_DEVIATION * math.sqrt(own_long_run) * jump_normal
        jump = market_beta * market_jump + own_jump
        total = drift + market_beta * market_shock + sector_beta * sector_shock + own_shock + jump
        log_return = max(-model.RETURN_LIMIT, min(model.RETURN_LIMIT, total))
        variance = market_beta**2 * market_variance + sector_beta**2 * sector_variance + own_variance * mixing

        split_ratio = 1.0
        if close > instrument["split_level"]:
            split_ratio = instrument["split_ratio"]
        elif close < model.REVERSE_SPLIT_LEVEL:
            split_ratio = model.REVERSE_SPLIT_RATIO
        reference = close / split_ratio
        dividend = 0.0
        if session > 0 and session % model.SESSIONS_PER_QUARTER == instrument["dividend_phase"]:
            dividend = round(100 * instrument["dividend_yield"] / 4 * reference) / 100
        reference -= dividend

        u = uniforms(seed, series, session, streams.SHAPE_STREAM, 1)
        gap_normal, volume_normal = box_muller(u[0], u[1])
        share = model.OVERNIGHT_SHARE
        gap = jump + share * (log_return - jump) + math.sqrt(share * (1 - share) * variance) * gap_normal
        rest = log_return - gap
        rest_variance = (1 - share) * variance
        opening = reference * math.exp(gap)
        close = reference * math.exp(log_return)
        high = opening * math.exp((rest + math.sqrt(rest**2 - 2 * rest_variance * math.log(u[2]))) / 2)
        low = opening * math.exp((rest - math.sqrt(rest**2 - 2 * rest_variance * math.log(u[3]))) / 2)

        activity = (variance + log_return**2) / (2 * long_run)
        level = instrument["dollar_volume"] / close
        volume = level * activity**model.VOLUME_ACTIVITY * math.exp(model.VOLUME_NOISE * volume_normal)
        bars.append(
            (opening, max(high, opening, close), min(low, opening, close), close, volume, split_ratio, dividend)
        )
        own_variance = next_variance(own_variance, own_shock, own_long_run, model.OWN_GJR)
    return bars
