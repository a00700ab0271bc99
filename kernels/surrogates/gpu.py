"""Surrogates on an NVIDIA GPU: each has a thread.

The rows are prepared on the device, out of the prices, which go up once or are there already; those of "gjr" on the
host, as for the CPU. Surrogates are made in chunks that fit the device's memory; a chunk that doesn't is halved.
A device has its own exponential and may contract `a * b + c` to one rounding, so "gjr" differs from the CPU in the last
digits. "block" and "sign" are single products and quotients, so they don't.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from kernels.memory import Device, in_chunks, no_room, whole
from kernels.panel import Float64Array2D, Int32Array1D
from kernels.surrogates.cpu import key_pairs, prepare, terms_of
from kernels.surrogates.gpu_kernels import THREADS, Chunk, kernel
from kernels.surrogates.model import (
    FIELDS,
    GJR,
    NULLS,
    VOLATILITY,
    Int64Array1D,
    Null,
    Part,
    Rows,
    Surrogates,
    Terms,
)
from kernels.volatility.gjr import GjrParameters

MOST_PAIRS = 2**22
"""Surrogates of a chunk at most, so that a launch stays short."""

SIMULATED_THREADS = 4
"""Threads of a block in the simulator, where a thread is a thread of the host."""

MEND = 'use backend "cpu", or fewer bars'
"""What helps where there is no room."""


def surrogates(
    open_: Float64Array2D,
    high: Float64Array2D,
    low: Float64Array2D,
    close: Float64Array2D,
    keys: Int64Array1D,
    numbers: Int32Array1D,
    null: Null,
    seed: int,
    block: float,
    parameters: GjrParameters | None,
    device: Device | None = None,
) -> Surrogates:
    """Same as `kernels.surrogates.surrogates`, without its checks; `device` sets a limit of memory.

    Raises:
        BackendUnavailableError: the rows, or one surrogate, don't fit the device's memory.
    """
    device = Device() if device is None else device
    device.plan()
    count, bars = len(numbers), close.shape[1]
    made = np.empty((len(FIELDS), len(close) * count, bars))
    needed = bytes_of_rows(*close.shape) + numbers.nbytes
    what = f"{len(close)} rows of {bars} bars"
    with whole(device, lambda got: no_room(device, what, got, MEND)):
        device.require(needed)
        rows, terms = upload_rows(device, open_, high, low, close, keys, null, seed, block, parameters)
        own_numbers = device.upload(numbers)
    device.plan(needed)

    def work(begin: int, stop: int) -> None:
        device.require(8 * len(FIELDS) * bars * (stop - begin))
        on_device = make_pairs(device, rows, terms, own_numbers, begin, stop, bars)
        made[:, begin:stop] = np.moveaxis(device.download(on_device), 1, 0)

    pairs = made.shape[1]
    chunks = [(begin, min(begin + MOST_PAIRS, pairs)) for begin in range(0, pairs, MOST_PAIRS)]
    in_chunks(device, chunks, work, lambda _, got: no_room(device, "one surrogate", got, MEND))
    return Surrogates(*made.reshape(len(FIELDS), len(close), count, bars))


def bytes_of_rows(rows: int, bars: int) -> int:
    """Bytes that `Rows` takes."""
    return rows * (2 * 8 + bars + 4 + 8 * len(FIELDS) * bars + 8 * VOLATILITY)


def upload_rows(
    device: Device,
    open_: Float64Array2D,
    high: Float64Array2D,
    low: Float64Array2D,
    close: Float64Array2D,
    keys: Int64Array1D,
    null: Null,
    seed: int,
    block: float,
    parameters: GjrParameters | None,
    part: Part | None = None,
) -> tuple[Rows, Terms]:
    """`Rows` on the device, and `Terms`; arguments as in `cpu.prepare`, and where the bars lie in arrays it may hold.

    Price ratios are single quotients, so the device makes them itself out of the prices. The residuals of "gjr" come
    from the host: they rest on logarithms and on sums in their order.
    """
    if null == NULLS[GJR]:
        prepared, terms = prepare(open_, high, low, close, keys, null, seed, block, parameters)
        return device.upload_all(prepared), terms
    if part is not None and all(map(device.holds, part.prices)):
        own = device.upload(part.rows)
        taken = (device.upload(values)[own, part.first :] for values in part.prices)
        prices = [device.xp.ascontiguousarray(values) for values in taken]
    else:
        prices = [device.upload(values) for values in (open_, high, low, close)]
    return rows_of_prices(device, prices, device.upload(key_pairs(keys))), terms_of(null, seed, block)


def rows_of_prices(device: Device, prices: list[Any], keys: Any) -> Rows:
    """`Rows` of prices on the device, as `cpu.prepare` makes them without logarithms.

    Args:
        device: the device.
        prices: four arrays float64 [R, T] on the device, in the order of `FIELDS`.
        keys: uint64 [R, 2] on the device.
    """
    xp, close = device.xp, prices[FIELDS.index("close")]
    there = ~xp.isnan(close)
    row, t = xp.nonzero(there)
    place = xp.cumsum(there, axis=1, dtype=np.int64)[row, t] - 1
    level = xp.ones((close.shape[0], close.shape[1] + 1))
    level[row, place + 1] = close[row, t]
    before = level[row, place]
    moves = xp.zeros((*close.shape, len(FIELDS)))
    for field, values in enumerate(prices):
        moves[row, place, field] = values[row, t] / before
    return Rows(keys, there, there.sum(axis=1, dtype=np.int32), moves, xp.zeros((close.shape[0], VOLATILITY)))


def make_pairs(device: Device, rows: Rows, terms: Terms, numbers: Any, begin: int, stop: int, bars: int) -> Any:
    """Make the pairs of row and number from `begin` to `stop - 1`, numbers within rows.

    Args:
        device: the device.
        rows: from `prepare`, on the device.
        terms: from `prepare`.
        numbers: int32 [B] on the device, the surrogates of each row.
        begin: the first pair.
        stop: the first pair after them.
        bars: bars of a row.

    Returns:
        float64 [pairs, 4, T] on the device, in the order of `FIELDS`.
    """
    chunk = Chunk(numbers, device.xp.empty((stop - begin, len(FIELDS), bars)))
    threads = SIMULATED_THREADS if device.simulated else THREADS
    with warnings.catch_warnings():
        # A few surrogates can't fill the device, and needn't.
        warnings.filterwarnings("ignore", message=".*under-utilization")
        kernel()[-(-(stop - begin) // threads), threads](device.argument(rows), terms, device.argument(chunk), begin)
    return chunk.made
