"""The simulator on an NVIDIA GPU: one thread for each path, the same loop as on the CPU.

The bars are uploaded once, unless the device holds them; the paths in chunks that fit the device's memory; a chunk that
doesn't is halved. A device may contract `a * b + c` to one rounding. Money then differs from the CPU's in the last
digits, far within 1e-9. Exits compare prices with levels that are single products, so they agree; what rests on money
(a limit whose shares asked for equal those held, a cap that leaves exactly nothing, equity of exactly zero) may fall
the other way within rounding.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from kernels.memory import Device, in_chunks, no_room, whole
from kernels.trading.cpu import Int64Array1D, Results, orders_before, room_for, simulation_of
from kernels.trading.gpu_kernels import THREADS, Accounts, Market, Records, Summaries, kernels
from kernels.trading.layout import COUNTS, STATE, WISH, Terms, states_of, terms_of, wishes_of
from kernels.trading.model import FILLS, SUMMARY, Bars, Costs, Fill, Orders, Paths, Simulation
from kernels.trading.records import NUMBERS, VALUES

MOST_PATHS = 2**24
"""Paths of a chunk at most, so that a launch stays short."""

SIMULATED_THREADS = 4
"""Threads of a block in the simulator, where a thread is a thread of the host."""

MEND = 'use backend "cpu", or fewer bars'
"""What helps where there is no room."""


def simulate(
    bars: Bars,
    paths: Paths,
    orders: Orders,
    fill: Fill,
    costs: Costs,
    max_leverage: float,
    record: bool,
    device: Device | None = None,
) -> Simulation:
    """Simulate; arguments as in `cpu.simulate`, and the device, for a limit of its memory.

    Raises:
        BackendUnavailableError: the bars, or one path, don't fit the device's memory.
    """
    device = Device() if device is None else device
    order_at = orders_before(paths, orders)
    results = room_for(paths, orders, record)
    accounts = Accounts(
        paths.series, paths.first, paths.last, states_of(paths), orders.bar, wishes_of(orders), order_at
    )
    terms = terms_of(costs, max_leverage)
    prices = Market(bars.open, bars.high, bars.low, bars.close, bars.dividend)
    needed = sum(values.nbytes for values in prices)
    device.plan()
    what = f"{bars.close.shape[0]} series of {bars.close.shape[1]} bars"
    with whole(device, lambda got: no_room(device, what, got, MEND)):
        device.require(needed)
        market = device.upload_all(prices)
    device.plan(needed)

    def work(begin: int, stop: int) -> None:
        simulate_chunk(device, market, accounts, terms, FILLS.index(fill), results, begin, stop)

    chunks = planned_chunks(bytes_before(order_at, results), device.memory)
    in_chunks(device, chunks, work, lambda path, got: no_room(device, f"path {path}", got, MEND))
    return simulation_of(results, order_at, "gpu")


def bytes_before(order_at: Int64Array1D, results: Results) -> Int64Array1D:
    """Bytes on the device of the paths before each one, and of all, int64 [P + 1]."""
    places = np.arange(len(order_at))
    path = 3 * 4 + 8 * STATE + 8 + 8 * len(SUMMARY) + 4 * COUNTS
    order = 4 + 8 * WISH
    if results.equities is not None:
        trade = 4 * NUMBERS + 8 * VALUES
        path += 8 * results.equities.shape[1] + 2 * trade
        order += 2 * trade
    return places * path + order_at * order


def planned_chunks(before: Int64Array1D, memory: int) -> list[tuple[int, int]]:
    """Runs of paths that take at most `memory` bytes, one path or more each."""
    chunks = []
    begin = 0
    while begin < len(before) - 1:
        stop = int(np.searchsorted(before, before[begin] + memory, side="right")) - 1
        stop = min(max(stop, begin + 1), begin + MOST_PATHS)
        chunks.append((begin, stop))
        begin = stop
    return chunks


def simulate_chunk(
    device: Device,
    market: Market,
    accounts: Accounts,
    terms: Terms,
    fill: int,
    results: Results,
    begin: int,
    stop: int,
) -> None:
    """Simulate the paths from `begin` to `stop - 1` and write what became of them into `results`."""
    first_order, last_order = int(accounts.order_at[begin]), int(accounts.order_at[stop])
    own = device.upload_all(
        Accounts(
            accounts.series[begin:stop],
            accounts.first[begin:stop],
            accounts.last[begin:stop],
            accounts.states[begin:stop],
            accounts.order_bars[first_order:last_order],
            accounts.wishes[first_order:last_order],
            accounts.order_at[begin : stop + 1] - first_order,
        )
    )
    xp, count = device.xp, stop - begin
    out = Summaries(xp.empty((count, len(SUMMARY))), xp.empty((count, COUNTS), np.int32))
    arguments = device.argument(market), device.argument(own), terms, fill, device.argument(out)
    if results.equities is None or results.numbers is None or results.values is None:
        launch(device, kernels().summarise, count, *arguments)
    else:
        rows = slice(2 * (first_order + begin), 2 * (last_order + stop))
        shape = (rows.stop - rows.start,)
        records = Records(
            xp.full((count, results.equities.shape[1]), np.nan),
            xp.zeros((*shape, NUMBERS), np.int32),
            xp.empty((*shape, VALUES)),
        )
        launch(device, kernels().record, count, *arguments, device.argument(records))
        results.equities[begin:stop] = device.download(records.equities)
        results.numbers[rows] = device.download(records.numbers)
        results.values[rows] = device.download(records.values)
    results.summary[begin:stop] = device.download(out.summary)
    results.counts[begin:stop] = device.download(out.counts)


def launch(device: Device, kernel: Any, count: int, *arguments: object) -> None:
    """Run a kernel with a thread for each path."""
    threads = SIMULATED_THREADS if device.simulated else THREADS
    with warnings.catch_warnings():
        # A few paths can't fill the device, and needn't.
        warnings.filterwarnings("ignore", message=".*under-utilization")
        kernel[-(-count // threads), threads](*arguments)
