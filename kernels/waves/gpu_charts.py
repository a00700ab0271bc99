"""Charts of series whose prices are on the device: of those that a scan cuts out of a panel, and of whole ones."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from kernels.memory import Device
from kernels.panel import Float64Array2D, Int32Array1D
from kernels.waves.gpu_kernels import kernels, launch
from kernels.waves.gpu_layout import Charts, Cuts, Int64Array1D, Prices
from kernels.waves.patterns import ScanSettings


class Cut(NamedTuple):
    """One series as it is searched.

    Attributes:
        row: its row.
        origins: int64 [k], its origins.
        offset: the bar that its bars count from.
        stop: the first bar after them.
        first: the first bar on which p0 may lie, of the whole series.
        longest: bars in the longest window.
    """

    row: int
    origins: npt.NDArray[np.int64]
    offset: int
    stop: int
    first: int
    longest: int


class Panel(NamedTuple):
    """Prices on the device, and where in the host's arrays they begin.

    Attributes:
        prices: the rows of series on the device.
        row_of: int64 [R], the row on the device of each row of the host's arrays.
        first: the first bar on the device.
    """

    prices: Prices
    row_of: Int64Array1D
    first: int


def cuts_of(row: Int32Array1D, end: Int32Array1D, start: Int32Array1D) -> list[Cut]:
    """The series that an origin asks for; arguments as in `scan`."""
    asked = np.flatnonzero(start <= end)
    rows, begins = np.unique(row[asked], return_index=True)
    cuts = []
    for one, origins in zip(rows, np.split(asked, begins)[1:], strict=True):
        first = int(start[origins].min())
        # One bar before the earliest window is the left neighbour of a p0 on the window's first bar.
        offset, stop = max(first - 1, 0), int(end[origins].max()) + 1
        longest = int((end[origins] - start[origins]).max()) + 1
        cuts.append(Cut(int(one), origins, offset, stop, first, longest))
    return cuts


def columns_of(cuts: list[Cut]) -> Int64Array1D:
    """`Charts.column` of the charts of some cuts."""
    column = np.zeros(len(cuts) + 1, np.int64)
    column[1:] = np.cumsum([cut.stop - cut.offset + 1 for cut in cuts])
    return column


@njit(cache=True, nogil=True)
def logarithms(prices: Float64Array2D) -> Float64Array2D:
    """Natural logarithms, as `legs.view_bars` takes them: a device's may differ in the last bit."""
    return np.log(prices)


def upload_panel(device: Device, low: Float64Array2D, high: Float64Array2D, cuts: list[Cut]) -> Panel:
    """Upload the prices of the cuts and their logarithms; where the device holds the arrays, they are there already.

    Args:
        device: the device.
        low: float64 [R, T], dollars; NaN where there is no bar.
        high: float64 [R, T], dollars; NaN where `low` is and nowhere else.
        cuts: of the rows, one or more.
    """
    row_of, first = np.arange(len(low)), 0
    if not (device.holds(low) and device.holds(high)):
        used = np.array([cut.row for cut in cuts])
        row_of[used] = np.arange(len(used))
        first = min(cut.offset for cut in cuts)
        span = slice(first, max(cut.stop for cut in cuts))
        low, high = (np.ascontiguousarray(values[used, span]) for values in (low, high))
    prices = Prices(
        device.upload(low),
        device.upload(high),
        device.upload_made(low, "logarithms", log_of_bars),
        device.upload_made(high, "logarithms", log_of_bars),
    )
    return Panel(prices, row_of, first)


def log_of_bars(prices: Float64Array2D) -> Float64Array2D:
    """`logarithms` of an array that may be read-only, for which Numba would compile once more."""
    return logarithms(prices if prices.flags.writeable else prices.copy())


def charts_of_cuts(
    device: Device, panel: Panel, cuts: list[Cut], end: Int32Array1D, settings: ScanSettings
) -> tuple[Charts, Int64Array1D, int]:
    """The charts of some cuts, with the logarithms of the panel.

    Args:
        device: the device.
        panel: their prices.
        cuts: one or more.
        end: int32 [E], the bar of each origin of the scan.
        settings: limits of what is looked for.

    Returns:
        The charts, on the device; their `column`, and the largest `max_span`, on the host.
    """
    column = columns_of(cuts)
    lengths = np.diff(column) - 1
    longest = np.array([cut.longest for cut in cuts], np.int32)
    skips = lengths if settings.max_skip is None else np.minimum(lengths, settings.max_skip)
    max_span = np.minimum(longest, settings.max_span).astype(np.int32)
    own = Cuts(
        row=panel.row_of[[cut.row for cut in cuts]],
        offset=np.array([cut.offset - panel.first for cut in cuts]),
        origin_at=np.cumsum([0, *(len(cut.origins) for cut in cuts)]),
        # One more, because a series may have no origin.
        end=np.concatenate([*(end[cut.origins] - np.int32(cut.offset) for cut in cuts), np.zeros(1, np.int32)]),
    )
    limits = (np.array([cut.first - cut.offset for cut in cuts], np.int32), longest, max_span, skips.astype(np.int32))
    uploaded = (device.upload(values) for values in (column, *limits))
    charts = empty_charts(device.xp, int(column[-1]), *uploaded)
    return (
        write_charts(device, panel.prices, device.upload_all(own), charts, int(lengths.max())),
        column,
        int(max_span.max()),
    )


def charts_of_prices(device: Device, low: Any, high: Any, max_span: int, max_skip: int) -> Charts:
    """The charts of series whose window is the whole series, with one origin, the last bar.

    Args:
        device: the device.
        low: float64 [S, n] on the device, dollars; NaN where there is no bar.
        high: float64 [S, n] on the device, NaN where `low` is and nowhere else.
        max_span: upper limit of p_last - p0, exclusive, in bars.
        max_skip: legs used per start at most.

    Returns:
        The charts, on the device, with the device's own logarithms.
    """
    xp = device.xp
    series, bars = low.shape
    prices = Prices(low, high, xp.empty(low.shape), xp.empty(low.shape))
    launch(kernels().write_logs, series, bars, device.argument(prices))
    each = xp.arange(series + 1, dtype=np.int64)
    cuts = Cuts(each[:-1], xp.zeros(series, np.int64), each, xp.full(series + 1, bars - 1, np.int32))
    limits = (xp.full(series, limit, np.int32) for limit in (0, bars, max_span, max_skip))
    charts = empty_charts(xp, series * (bars + 1), each * (bars + 1), *limits)
    return write_charts(device, prices, cuts, charts, bars)


def empty_charts(xp: Any, columns: int, column: Any, first: Any, longest: Any, max_span: Any, max_skip: Any) -> Charts:
    """Room for charts of so many columns in all; the other arguments as in `Charts`, on the device."""
    return Charts(
        column,
        low=xp.empty((2, columns)),
        high=xp.empty((2, columns)),
        log_low=xp.empty((2, columns)),
        log_high=xp.empty((2, columns)),
        lower_after=xp.empty((2, columns), np.int32),
        higher_after=xp.empty((2, columns), np.int32),
        swings=xp.zeros(columns, np.int32),
        next_origin=xp.zeros(columns, np.int32),
        first=first,
        longest=longest,
        max_span=max_span,
        max_skip=max_skip,
    )


def write_charts(device: Device, prices: Prices, cuts: Cuts, charts: Charts, longest: int) -> Charts:
    """Write the bars of the charts; `longest` is the most bars that a series has."""
    xp, series = device.xp, len(charts.column) - 1
    arguments = (device.argument(arrays) for arrays in (prices, cuts, charts))
    launch(kernels().write_bars, series, longest, *arguments)
    swings = xp.cumsum(charts.swings, dtype=np.int32)
    own = xp.searchsorted(charts.column[1:], xp.arange(len(swings)), side="right")
    # The first column of a series says 0, so the sum up to there is that of the series before.
    return charts._replace(swings=(swings - swings[charts.column[:-1]][own]))
