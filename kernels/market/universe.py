"""The instruments of a simulated market: who they are, and the parameters that drive them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numba import njit

from kernels.errors import InvalidInputError
from kernels.market.model import SECTORS, SESSIONS_PER_QUARTER
from kernels.market.names import company
from kernels.market.streams import FIRST_INSTRUMENT_SERIES, PARAMETER_STREAM
from kernels.panel import Float64Array2D
from kernels.philox import key_words, normal_pair, philox4x32, uniform

PARAMETERS = np.dtype(
    [
        ("sector", np.int64),
        ("market_beta", np.float64),
        ("sector_beta", np.float64),
        ("own_volatility", np.float64),
        ("drift", np.float64),
        ("start_price", np.float64),
        ("split_level", np.float64),
        ("split_ratio", np.float64),
        ("dividend_yield", np.float64),
        ("dividend_phase", np.int64),
        ("dollar_volume", np.float64),
    ]
)
SECTOR_MIDDLES = np.array([(sector.own_volatility, sector.market_beta, sector.dividend_yield) for sector in SECTORS])
SECTOR_SHARES = np.cumsum([sector.weight for sector in SECTORS]) / sum(sector.weight for sector in SECTORS)
SPLIT_RATIOS = np.array([1.5, 2.0, 3.0, 4.0])
SPLIT_RATIO_SHARES = np.array([0.10, 0.80, 0.95, 1.0])
PAYER_SHARE = 0.8
BLOCKS = 4


@dataclass(frozen=True)
class Instruments:
    """S instruments, sorted by symbol; the rows of every array of bars made from them.

    Attributes:
        symbols: unique, rising, 3 or 4 upper-case letters.
        names: invented company names.
        sectors: GICS sector names.
        parameters: [S] of dtype `PARAMETERS`: `sector` (position in `model.SECTORS`); `market_beta` and `sector_beta`
            (factor loadings); `own_volatility` (annual, without jumps); `drift` (annual log return, dividends
            included); `start_price` (dollars, the close before session 0); `split_level` (dollars) and `split_ratio`
            (new shares for one old); `dividend_yield` (annual, 0.0 for none) and `dividend_phase` (0..62, the
            ex-session within each 63); `dollar_volume` (the level, dollars a session).

    Raises:
        InvalidInputError: the fields differ in length, or `parameters` has another dtype.
    """

    symbols: tuple[str, ...]
    names: tuple[str, ...]
    sectors: tuple[str, ...]
    parameters: npt.NDArray[np.void]

    def __post_init__(self) -> None:
        lengths = (len(self.symbols), len(self.names), len(self.sectors), len(self.parameters))
        if len(set(lengths)) != 1 or self.parameters.dtype != PARAMETERS:
            raise InvalidInputError(
                "Instruments",
                expected="symbols, names, sectors and parameters of one length, and parameters of dtype PARAMETERS",
                got=f"lengths {lengths} and dtype {self.parameters.dtype}",
                mend="take the instruments from kernels.market.instruments(seed, count)",
            )


def draw_instruments(seed: int, count: int) -> Instruments:
    """Draw the first `count` instruments of the market of `seed`; see `kernels.market.instruments`."""
    key_0, key_1 = key_words(seed)
    uniforms = draw_uniforms(key_0, key_1, count)
    beta_normal, loading_normal = normals(uniforms, 1)
    volatility_normal, drift_normal = normals(uniforms, 3)
    level_normal, volume_normal = normals(uniforms, 5)

    sector = np.searchsorted(SECTOR_SHARES, uniforms[:, 0], side="right")
    parameters = np.empty(count, dtype=PARAMETERS)
    parameters["sector"] = sector
    volatility_middle, beta_middle, yield_middle = SECTOR_MIDDLES[sector].T
    market_beta = np.clip(beta_middle + 0.2 * beta_normal, 0.35, 1.9)
    parameters["market_beta"] = market_beta
    parameters["sector_beta"] = np.clip(1.0 + 0.25 * loading_normal, 0.4, 1.6)
    parameters["own_volatility"] = np.clip(volatility_middle * np.exp(0.22 * volatility_normal), 0.13, 0.38)
    parameters["drift"] = 0.04 + 0.05 * market_beta + 0.015 * drift_normal
    split_level = np.clip(150.0 * np.exp(0.5 * level_normal), 80.0, 900.0)
    parameters["split_level"] = split_level
    parameters["start_price"] = split_level * (0.25 + 0.55 * uniforms[:, 7])
    parameters["split_ratio"] = SPLIT_RATIOS[np.searchsorted(SPLIT_RATIO_SHARES, uniforms[:, 8], side="right")]
    pays = uniforms[:, 9] < PAYER_SHARE
    parameters["dividend_yield"] = np.where(pays, yield_middle * (0.5 + uniforms[:, 10]), 0.0)
    parameters["dividend_phase"] = np.floor(SESSIONS_PER_QUARTER * uniforms[:, 11])
    parameters["dollar_volume"] = np.clip(1.3e8 * np.exp(0.8 * volume_normal), 1.5e7, 3.0e9)

    companies = [company(row, int(sector[row]), tuple(uniforms[row, 12:16])) for row in range(count)]
    return Instruments(
        symbols=tuple(symbol for symbol, _ in companies),
        names=tuple(name for _, name in companies),
        sectors=tuple(SECTORS[number].name for number in sector),
        parameters=parameters,
    )


@njit(cache=True)
def draw_uniforms(key_0: np.uint64, key_1: np.uint64, count: int) -> Float64Array2D:
    """Return the uniforms behind the parameters: float64 [count, 16] in (0, 1), each row on its own."""
    uniforms = np.empty((count, 4 * BLOCKS))
    for row in range(count):
        for block in range(BLOCKS):
            words = philox4x32(
                np.uint64(FIRST_INSTRUMENT_SERIES + row),
                np.uint64(0),
                np.uint64(PARAMETER_STREAM),
                np.uint64(block),
                key_0,
                key_1,
            )
            for position in range(4):
                uniforms[row, 4 * block + position] = uniform(words[position])
    return uniforms


@njit(cache=True)
def normals(uniforms: Float64Array2D, column: int) -> Float64Array2D:
    """Return float64 [2, count]: the standard normals of `column` and `column + 1`."""
    pairs = np.empty((2, len(uniforms)))
    for row in range(len(uniforms)):
        pairs[0, row], pairs[1, row] = normal_pair(uniforms[row, column], uniforms[row, column + 1])
    return pairs
