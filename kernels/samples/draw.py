"""Draws samples and labels them."""

from __future__ import annotations

import numpy as np

from kernels.device import Backend, choose
from kernels.errors import InvalidInputError
from kernels.panel import require_matrix
from kernels.samples import cpu, naive
from kernels.samples import labels as cpu_labels
from kernels.samples.columns import COLUMNS, ColumnMapping, Columns
from kernels.samples.model import SAMPLE_STREAM, STREAMS
from kernels.samples.settings import SampleSettings
from kernels.samples.starts import Starts
from kernels.samples.validate import require_indexes, require_whole
from kernels.trading.model import Bars


def draw_samples(
    bars: Bars,
    starts: Starts,
    settings: SampleSettings,
    shard: int,
    first_row: int,
    count: int,
    *,
    stream: int = SAMPLE_STREAM,
    labels: bool = True,
    backend: Backend = "auto",
) -> Columns:
    """Draw the rows `first_row` to `first_row + count - 1` of a shard.

    A row depends on the bars, the starts, the settings, `stream`, `shard` and its own number, on nothing else: the same
    bytes alone or in any block, on any thread. May be called from several threads at once.

    Args:
        bars: those that the starts were found in, with dividends. Prices aren't checked again: `find_starts` did.
        starts: from `find_starts` with the same settings.
        settings: of the dataset.
        shard: 0..2**32-1.
        first_row: at least 0; `first_row + count` at most 2**32.
        count: rows to draw, at least 0.
        stream: SAMPLE_STREAM, or SCALER_STREAM for the rows that scalers are fitted on.
        labels: whether to simulate each row; without it the label columns are left out.
        backend: "auto", "cpu" or "naive" (plain Python, for small sizes).

    Returns:
        Arrays [count] in the order of `COLUMNS`; NaN as said there.

    Raises:
        InvalidInputError: an argument out of range, arrays of a wrong shape or dtype, a dividend that isn't finite and
            at least 0, or starts that don't fit the bars.
        BackendUnavailableError: a backend that this kernel doesn't have.
    """
    choice = choose("draw_samples", backend, ("naive", "cpu"))
    _require_bar_arrays(bars)
    require_whole("shard", shard, 0, 2**32 - 1)
    require_whole("first_row", first_row, 0, 2**32)
    require_whole("count", count, 0, 2**32 - first_row)
    require_whole("stream", stream, STREAMS[0], STREAMS[-1])
    series_count, session_count = bars.close.shape
    first, last = settings.lookback - 1, session_count - 1 - settings.forward
    require_indexes(starts.instrument, starts.session, series_count, first, last)
    if len(starts.session) == 0:
        raise InvalidInputError(
            "starts of the samples",
            expected="at least one start",
            got="none",
            mend="find starts in more complete bars",
        )
    if choice.backend == "naive":
        columns = naive.draw_rows(
            bars,
            starts.instrument,
            starts.session,
            starts.split,
            starts.phase,
            settings,
            shard,
            first_row,
            count,
            stream,
        )
    else:
        columns = cpu.draw_rows(bars, starts, settings, shard, first_row, count, stream)
    if labels:
        columns |= label_samples(bars, columns, settings, backend=backend)
    return {name: columns[name] for name in COLUMNS if name in columns}


def label_samples(
    bars: Bars,
    columns: ColumnMapping,
    settings: SampleSettings,
    *,
    backend: Backend = "auto",
) -> Columns:
    """Label rows from their columns, as drawn or as read back from a file: nothing else is needed.

    Each account is simulated by `kernels.trading` over the bars session..session + forward, with at most one order, at
    the decision, filled at the next open. May be called from several threads at once.

    Args:
        bars: those that the rows were drawn from.
        columns: arrays [B] of the key, state and action columns of `COLUMNS`, with their dtypes; others are ignored.
        settings: of the dataset: `forward`, `costs`, `max_leverage` count.
        backend: "auto", "cpu" or "naive".

    Returns:
        The label columns, arrays [B] in the order of `COLUMNS`; NaN where a metric is unknown.

    Raises:
        InvalidInputError: a column that is missing or has a wrong dtype or length, rows outside the bars, or bars of a
            wrong shape or dtype.
        BackendUnavailableError: a backend that this kernel doesn't have.
    """
    choice = choose("label_samples", backend, ("naive", "cpu"))
    _require_bar_arrays(bars)
    count = len(columns["session"]) if "session" in columns else 0
    needed = {name: column for name, column in COLUMNS.items() if column.group != "label"}
    for name, column in needed.items():
        values = columns.get(name)
        if values is None or values.dtype != column.dtype or values.shape != (count,):
            raise InvalidInputError(
                f"label_samples, column {name}",
                expected=f"{column.dtype} [{count}]",
                got="none" if values is None else f"{values.dtype} of shape {values.shape}",
                mend="pass the columns that draw_samples returned",
            )
    instrument = columns["instrument"].astype(np.int32)
    last = bars.close.shape[1] - 1 - settings.forward
    require_indexes(instrument, columns["session"].astype(np.int32), bars.close.shape[0], 0, last)
    label_rows = naive.label_rows if choice.backend == "naive" else cpu_labels.label_rows
    return label_rows(bars, {name: columns[name] for name in needed}, settings)


def _require_bar_arrays(bars: Bars) -> None:
    """Raise `InvalidInputError` unless the arrays belong together and every dividend is finite and at least 0."""
    shape = bars.close.shape
    if len(shape) != 2:
        raise InvalidInputError(
            "bars.close",
            expected="an array [S, T]",
            got=f"an array of shape {shape}",
            mend="pass the bars of a panel",
        )
    for name in ("open", "high", "low", "close", "dividend"):
        require_matrix(f"bars.{name}", getattr(bars, name), shape)
    # NaN fails both comparisons.
    if bars.dividend.size and not (bars.dividend.min() >= 0.0 and bars.dividend.max() < np.inf):
        raise InvalidInputError(
            "bars.dividend",
            expected="finite dollars a share, at least 0",
            got=f"from {bars.dividend.min()} to {bars.dividend.max()}",
            mend="set it to 0 where there is none",
        )
