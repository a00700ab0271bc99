"""Surrogates on an NVIDIA GPU: the rows are prepared on the host as for the CPU, then each surrogate has a thread.

The rows are uploaded once, the surrogates made in chunks that fit the device's memory; a chunk that doesn't is halved.
A device has its own exponential and may contract `a * b + c` to one rounding, so "gjr" differs from the CPU in the last
digits. "block" and "sign" are single products and quotients, so they don't.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from kernels.errors import BackendUnavailableError
from kernels.memory import Device
from kernels.panel import Float64Array2D, Int32Array1D
from kernels.surrogates.cpu import prepare
from kernels.surrogates.gpu_kernels import THREADS, Chunk, kernel
from kernels.surrogates.model import FIELDS, Int64Array1D, Null, Rows, Surrogates, Terms
from kernels.volatility.gjr import GjrParameters

MOST_PAIRS = 2**22
"""Surrogates of a chunk at most, so that a launch stays short."""

SIMULATED_THREADS = 4
"""Threads of a block in the simulator, where a thread is a thread of the host."""


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
    rows, terms = prepare(open_, high, low, close, keys, null, seed, block, parameters)
    count, bars = len(numbers), close.shape[1]
    made = np.empty((len(FIELDS), len(close) * count, bars))
    needed = sum(values.nbytes for values in rows) + numbers.nbytes
    try:
        device.require(needed)
        own_rows, own_numbers = device.upload_all(rows), device.upload(numbers)
    except MemoryError as error:
        raise _no_room(f"{len(close)} rows of {bars} bars", device, str(error)) from error
    pairs = made.shape[1]
    waiting = [(begin, min(begin + MOST_PAIRS, pairs)) for begin in range(0, pairs, MOST_PAIRS)]
    while waiting:
        begin, stop = waiting.pop(0)
        fits = False
        try:
            device.require(needed + 8 * len(FIELDS) * bars * (stop - begin))
            on_device = make_pairs(device, own_rows, terms, own_numbers, begin, stop, bars)
            made[:, begin:stop] = np.moveaxis(device.download(on_device), 1, 0)
            del on_device
            fits = True
        except MemoryError as error:
            if stop - begin == 1:
                raise _no_room("one surrogate", device, str(error)) from error
        # Only here, after the error's frames are gone, is the memory of the failed chunk free.
        device.release()
        if fits:
            device.chunks.append(stop - begin)
        else:
            middle = (begin + stop) // 2
            waiting[:0] = [(begin, middle), (middle, stop)]
    return Surrogates(*made.reshape(len(FIELDS), len(close), count, bars))


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


def _no_room(what: str, device: Device, got: str) -> BackendUnavailableError:
    """Say that the least there can be is too much."""
    return BackendUnavailableError(
        "memory of the GPU",
        expected=f"room for {what} in {device.memory:,} bytes",
        got=got,
        mend='use backend "cpu", or fewer bars',
    )
