"""Null models of price bars: series with the volatility of the original, in another order.

`surrogates` makes many and returns them. `prepare` and `write_surrogate` let a compiled loop make one at a time, and
store none. Definitions, formulas and sources are in this folder's README.
"""

from __future__ import annotations

from kernels.device import Backend, choose
from kernels.memory import Device
from kernels.panel import Float64Array2D, Int32Array1D
from kernels.surrogates import cpu, naive
from kernels.surrogates.model import DEFAULT_BLOCK, NULLS, Int64Array1D, Null, Rows, Surrogates, Terms
from kernels.surrogates.rules import write_surrogate
from kernels.surrogates.validate import require_bars, require_keys, require_numbers, require_options
from kernels.volatility.gjr import GjrParameters

__all__ = ["DEFAULT_BLOCK", "NULLS", "Null", "Rows", "Surrogates", "Terms", "prepare", "surrogates", "write_surrogate"]


def surrogates(
    open: Float64Array2D,  # noqa: A002 - the field's word, beside high, low and close
    high: Float64Array2D,
    low: Float64Array2D,
    close: Float64Array2D,
    keys: Int64Array1D,
    numbers: Int32Array1D,
    *,
    null: Null,
    seed: int,
    block: float = DEFAULT_BLOCK,
    parameters: GjrParameters | None = None,
    backend: Backend = "auto",
    device: Device | None = None,
) -> Surrogates:
    """Make surrogates of each row.

    A surrogate depends on the bars of its row, the row's key, its own number, the seed and the null model with its
    options, on nothing else: the same bytes alone or in any batch, on any thread. Sessions without a bar before or
    after the series change nothing.

    Args:
        open: float64 [R, T], C-contiguous, dollars from 1e-100 to 1e100. A bar is there as a whole or NaN as a whole.
        high: float64 [R, T], the same; at least open and close.
        low: float64 [R, T], the same; at most open and close.
        close: float64 [R, T], the same.
        keys: int64 [R], C-contiguous, the identity of each row, such as a hash of its symbol. Rows with the same key
            get the same draws.
        numbers: int32 [B], which surrogates, each at least 0; may be empty.
        null: "block", "gjr" or "sign".
        seed: 0..2**64-1.
        block: mean bars of a block, at least 1; counts for "block" only.
        parameters: for "gjr", which can't do without; counts for nothing else.
        backend: "auto", "naive", "cpu" or "gpu".
        device: of the run, for a GPU: what it holds isn't uploaded again. One of its own if None.

    Returns:
        The surrogates, finite and above 0 where the original has a bar, each high at least and each low at most its
        open and close. NaN where the original has no bar. The first bar of a row is that of the original; a row with
        one bar is its own surrogate, and so, to rounding, is one with two unless mirrored.

    Raises:
        InvalidInputError: a wrong shape or dtype, a faulty bar (named), or an option out of range.
        BackendUnavailableError: an explicit backend that isn't there, or a device too small for one surrogate.
    """
    _require_originals(open, high, low, close, keys, null, seed, block, parameters)
    require_numbers(numbers)
    chosen = choose("surrogates", backend, ("naive", "cpu", "gpu")).backend
    if chosen == "gpu":
        from kernels.surrogates import gpu

        return gpu.surrogates(open, high, low, close, keys, numbers, null, int(seed), float(block), parameters, device)
    if chosen == "naive":
        return naive.surrogates(open, high, low, close, keys, numbers, null, int(seed), float(block), parameters)
    return cpu.surrogates(open, high, low, close, keys, numbers, null, int(seed), float(block), parameters)


def prepare(
    open: Float64Array2D,  # noqa: A002 - the field's word, beside high, low and close
    high: Float64Array2D,
    low: Float64Array2D,
    close: Float64Array2D,
    keys: Int64Array1D,
    *,
    null: Null,
    seed: int,
    block: float = DEFAULT_BLOCK,
    parameters: GjrParameters | None = None,
) -> tuple[Rows, Terms]:
    """Prepare rows for `write_surrogate`, which a compiled loop then calls as often as it likes.

    Arguments and errors are those of `surrogates`. A surrogate of row r written from these is that of `surrogates`, to
    the byte. For a device, upload the arrays of `Rows`.
    """
    _require_originals(open, high, low, close, keys, null, seed, block, parameters)
    return cpu.prepare(open, high, low, close, keys, null, int(seed), float(block), parameters)


def _require_originals(
    open_: Float64Array2D,
    high: Float64Array2D,
    low: Float64Array2D,
    close: Float64Array2D,
    keys: Int64Array1D,
    null: Null,
    seed: int,
    block: float,
    parameters: GjrParameters | None,
) -> None:
    require_bars(open_, high, low, close)
    require_keys(keys, len(close))
    require_options(null, seed, block, parameters)
