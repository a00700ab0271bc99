"""Faulty price bars, found with what was known on a session: which bar, which fault, since when, left out or not."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from kernels.device import Backend, choose
from kernels.errors import InvalidInputError
from kernels.panel import Float64Array2D, require_matrix
from kernels.quality import cpu, naive
from kernels.quality.faults import DEFAULT_SETTINGS, KINDS, Bars, Faults, QualitySettings, checked

__all__ = ["DEFAULT_SETTINGS", "KINDS", "Faults", "QualitySettings", "find_faults"]

_BACKENDS = {"naive": naive.find_faults, "cpu": cpu.find_faults}


def find_faults(
    open: Float64Array2D,  # noqa: A002 - the field's word, beside high, low and close
    high: Float64Array2D,
    low: Float64Array2D,
    close: Float64Array2D,
    volume: Float64Array2D,
    present: npt.NDArray[np.bool_],
    split_ratio: Float64Array2D,
    dividend: Float64Array2D,
    first: int,
    last: int,
    *,
    settings: QualitySettings = DEFAULT_SETTINGS,
    backend: Backend = "auto",
) -> Faults:
    """Find the faults that become known on the sessions `first` to `last`.

    A fault known on session k depends on the columns k - lookback to k of its own symbol and on nothing else: other
    symbols, later columns and the range asked for change no bit of it. The rules are in the README.

    Args:
        open: float64 [S, T], C-contiguous, as-traded dollars; NaN where the value is null or there is no bar.
        high: as `open`.
        low: as `open`.
        close: as `open`.
        volume: as `open`, in shares.
        present: bool [S, T], whether there is a row at all, be its prices null. Where it is False nothing else is read
            but `split_ratio` and `dividend`.
        split_ratio: float64 [S, T], new shares per old one that trade from this session on; 1 = no split.
        dividend: float64 [S, T], dollars per share that the session trades without; 0 = none.
        first: first column of the range, 0 to `last`.
        last: last column of the range, below T. Columns after it are not read.
        settings: thresholds.
        backend: "auto", "naive" or "cpu".

    Returns:
        The faults, sorted by (known_on, symbol, session, kind). No prices raise: null, infinite, zero and negative ones
        are faults themselves and enter no other rule.

    Raises:
        InvalidInputError: a wrong shape, dtype, range, action or setting, named.
        BackendUnavailableError: an explicit backend that this kernel doesn't have.
    """
    settings = checked(settings)
    bars = Bars(open, high, low, close, volume, present, split_ratio, dividend)
    _require_matrices(bars)
    _require_range(first, last, open.shape[1])
    start = max(0, first - settings.lookback)
    bars = Bars._make(np.ascontiguousarray(values[:, start : last + 1]) for values in bars)
    _require_actions(bars, start)
    chosen = choose("quality", backend, tuple(_BACKENDS))
    found = _BACKENDS[chosen.backend](bars, first - start, settings)
    order = np.lexsort((found.kind, found.session, found.symbol, found.known_on))
    shift = np.int32(start)
    return Faults(
        symbol=found.symbol[order],
        session=found.session[order] + shift,
        known_on=found.known_on[order] + shift,
        kind=found.kind[order],
        excluded=found.excluded[order],
        other=np.where(found.other < 0, found.other, found.other + shift)[order],
        value=found.value[order],
    )


def _require_matrices(bars: Bars) -> None:
    shape = bars.open.shape
    for name, values in bars._asdict().items():
        if name != "present":
            require_matrix(f"find_faults: {name}", values, shape)
    if len(shape) != 2 or bars.present.dtype != np.bool_ or bars.present.shape != shape:
        raise InvalidInputError(
            "find_faults: present",
            expected=f"bool of shape [S, T], here {shape}",
            got=f"{bars.present.dtype} of shape {bars.present.shape}",
            mend="pass a boolean matrix beside price matrices of two dimensions",
        )


def _require_range(first: int, last: int, n_sessions: int) -> None:
    if not 0 <= first <= last < n_sessions:
        raise InvalidInputError(
            "find_faults: first, last",
            expected=f"0 <= first <= last < {n_sessions} sessions",
            got=f"first {first}, last {last}",
            mend="pass column indexes of the price matrices",
        )


def _require_actions(bars: Bars, start: int) -> None:
    split_ratio, dividend = bars.split_ratio, bars.dividend
    good = np.isfinite(split_ratio) & (split_ratio > 0) & np.isfinite(dividend) & (dividend >= 0)
    if not good.all():
        symbol, column = np.argwhere(~good)[0]
        raise InvalidInputError(
            f"find_faults: split_ratio and dividend of symbol {symbol}, session {column + start}",
            expected="a finite split ratio above 0 (1 = none) and a finite dividend of at least 0 (0 = none)",
            got=f"split ratio {split_ratio[symbol, column]}, dividend {dividend[symbol, column]}",
            mend="fill cells without an action with 1 and 0, and check the source's action",
        )
