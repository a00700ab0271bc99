"""Charts of series that are on the device already; `gpu.charts_of` makes those of the host's prices."""

from __future__ import annotations

import numpy as np

from kernels.memory import Device
from kernels.waves.gpu_kernels import kernels, launch
from kernels.waves.gpu_layout import Charts, Prices


def charts_of_prices(device: Device, prices: Prices, max_span: int, max_skip: int) -> Charts:
    """The charts of series whose window is the whole series, with one origin, the last bar.

    Args:
        device: the device.
        prices: the series, on the device.
        max_span: upper limit of p_last - p0, exclusive, in bars.
        max_skip: legs used per start at most.

    Returns:
        The charts, on the device, with the device's own logarithms.
    """
    xp = device.xp
    series, bars = prices.low.shape
    columns = series * (bars + 1)
    charts = Charts(
        xp.arange(series + 1, dtype=np.int64) * (bars + 1),
        low=xp.empty((2, columns)),
        high=xp.empty((2, columns)),
        log_low=xp.empty((2, columns)),
        log_high=xp.empty((2, columns)),
        lower_after=xp.empty((2, columns), np.int32),
        higher_after=xp.empty((2, columns), np.int32),
        swings=xp.zeros(columns, np.int32),
        next_origin=xp.full(columns, bars - 1, np.int32),
        first=xp.zeros(series, np.int32),
        longest=xp.full(series, bars, np.int32),
        max_span=xp.full(series, max_span, np.int32),
        max_skip=xp.full(series, max_skip, np.int32),
    )
    launch(kernels().write_bars, series, bars, device.argument(prices), device.argument(charts))
    swings = xp.cumsum(charts.swings.reshape(series, bars + 1), axis=1, dtype=np.int32)
    return charts._replace(swings=swings.ravel())
