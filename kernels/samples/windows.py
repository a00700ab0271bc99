"""The window of bars before a decision, scaled by its last bar."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit, prange

from kernels.device import Backend, choose
from kernels.errors import InvalidInputError
from kernels.panel import Float64Array2D, Int32Array1D
from kernels.samples import naive
from kernels.samples.model import CHANNELS
from kernels.samples.validate import require_bars, require_indexes, require_whole

Float32Array3D = npt.NDArray[np.float32]


def sample_panel(
    open: Float64Array2D,  # noqa: A002
    high: Float64Array2D,
    low: Float64Array2D,
    close: Float64Array2D,
    volume: Float64Array2D,
) -> Float32Array3D:
    """Join the bars into the array that windows are gathered from.

    Args:
        open: float64 [S, T], C-contiguous, dollars, above 0; NaN where there is no bar.
        high: as `open`.
        low: as `open`.
        close: as `open`.
        volume: float64 [S, T], C-contiguous, shares, at least 0; NaN where there is no bar.

    Returns:
        float32 [S, T, 5]: open, high, low, close in dollars, ln(1 + volume). All five are NaN where one of the values
        is. Relative error of a price at most 2**-24, of the volume's logarithm too.

    Raises:
        InvalidInputError: a wrong shape, dtype or value.
    """
    require_bars(open, high, low, close, volume)
    panel = np.stack([open, high, low, close, np.log1p(volume)], axis=-1).astype(np.float32)
    panel[np.isnan(panel).any(axis=-1)] = np.nan
    return panel


def gather_windows(
    panel: Float32Array3D,
    instrument: Int32Array1D,
    session: Int32Array1D,
    lookback: int,
    *,
    out: Float32Array3D | None = None,
    parallel: bool = False,
    backend: Backend = "auto",
) -> Float32Array3D:
    """Gather the windows that end at the sessions given.

    Args:
        panel: float32 [S, T, 5], C-contiguous, from `sample_panel`.
        instrument: int32 [B], rows of the panel.
        session: int32 [B], columns of the panel, each at least `lookback` - 1: the last bar of the window.
        lookback: bars of a window, at least 1.
        out: float32 [B, lookback, 5], C-contiguous, to write into; None = a new array.
        parallel: share the windows out among Numba's threads. Leave it False where several threads call this at once.
        backend: "auto", "cpu" or "naive".

    Returns:
        float32 [B, lookback, 5]: prices / close of the last bar, and the volume's logarithm minus that of the last bar,
        in float32 arithmetic, so the last bar's close is 1 and its volume 0, and the bits are the same on every device.
        NaN in a bar that is missing; the whole window is NaN where its last bar is missing.

    Raises:
        InvalidInputError: a wrong shape or dtype, or a window that begins or ends outside the panel.
        BackendUnavailableError: a backend that this kernel doesn't have.
    """
    choice = choose("gather_windows", backend, ("naive", "cpu"))
    if panel.dtype != np.float32 or panel.ndim != 3 or panel.shape[2] != len(CHANNELS) or not panel.flags.c_contiguous:
        raise InvalidInputError(
            "gather_windows, panel",
            expected=f"C-contiguous float32 [S, T, {len(CHANNELS)}]",
            got=f"{panel.dtype} of shape {panel.shape}, C-contiguous: {panel.flags.c_contiguous}",
            mend="pass what sample_panel returned",
        )
    require_whole("lookback", lookback, 1, panel.shape[1])
    require_indexes(instrument, session, panel.shape[0], lookback - 1, panel.shape[1] - 1)
    shape = (len(session), lookback, len(CHANNELS))
    windows = np.empty(shape, dtype=np.float32) if out is None else out
    if windows.dtype != np.float32 or windows.shape != shape or not windows.flags.c_contiguous:
        raise InvalidInputError(
            "gather_windows, out",
            expected=f"C-contiguous float32 of shape {shape}",
            got=f"{windows.dtype} of shape {windows.shape}, C-contiguous: {windows.flags.c_contiguous}",
            mend="pass np.empty(shape, dtype=np.float32), or leave it out",
        )
    if choice.backend == "naive":
        naive.gather_windows(panel, instrument, session, windows)
    elif parallel:
        _gather_in_parallel(panel, instrument, session, windows)
    else:
        gather_serially(panel, instrument, session, windows)
    return windows


@njit(cache=True, nogil=True, error_model="numpy")
def gather_serially(
    panel: Float32Array3D, instrument: Int32Array1D, session: Int32Array1D, windows: Float32Array3D
) -> None:
    """Fill `windows` [B, lookback, 5] on the calling thread, without checks; it holds no lock."""
    for position in range(len(session)):
        _gather(panel[instrument[position]], session[position], windows[position])


@njit(cache=True, nogil=True, error_model="numpy", parallel=True)
def _gather_in_parallel(
    panel: Float32Array3D, instrument: Int32Array1D, session: Int32Array1D, windows: Float32Array3D
) -> None:
    for position in prange(len(session)):
        _gather(panel[instrument[position]], session[position], windows[position])


@njit(cache=True, nogil=True, error_model="numpy")
def _gather(bars: npt.NDArray[np.float32], last: int, window: npt.NDArray[np.float32]) -> None:
    """Write one window [lookback, 5] from the bars [T, 5] of a series."""
    close, volume = bars[last, 3], bars[last, 4]
    first = last + 1 - len(window)
    for bar in range(len(window)):
        window[bar, 0] = bars[first + bar, 0] / close
        window[bar, 1] = bars[first + bar, 1] / close
        window[bar, 2] = bars[first + bar, 2] / close
        window[bar, 3] = bars[first + bar, 3] / close
        window[bar, 4] = bars[first + bar, 4] - volume
