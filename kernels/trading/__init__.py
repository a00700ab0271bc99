"""The trading simulator: accounts with a long and a short leg over the bars of one series, many paths at once.

Definitions, the order of events, costs and formulas: README.md in this folder. Many symbols and one cash account:
`portfolio.simulate_portfolio`. `path.simulate_path` is the loop over one path, for callers with a compiled loop of
their own.
"""

from __future__ import annotations

from dataclasses import replace

from kernels.device import Backend, choose
from kernels.memory import Device
from kernels.trading import cpu, naive
from kernels.trading.model import (
    COST_KINDS,
    FILLS,
    FREE,
    LEGS,
    LONG,
    NONE,
    OPEN,
    ORDER,
    REASONS,
    RUIN,
    SESSIONS_PER_YEAR,
    SHORT,
    STOP,
    SUMMARY,
    TARGET,
    TRAILING_STOP,
    Bars,
    Costs,
    Fill,
    Orders,
    Paths,
    Simulation,
    Trades,
)
from kernels.trading.validate import require_bars, require_leverage, require_orders, require_paths

__all__ = [
    "AVAILABLE",
    "COST_KINDS",
    "FILLS",
    "FREE",
    "LEGS",
    "LONG",
    "NONE",
    "OPEN",
    "ORDER",
    "REASONS",
    "RUIN",
    "SESSIONS_PER_YEAR",
    "SHORT",
    "STOP",
    "SUMMARY",
    "TARGET",
    "TRAILING_STOP",
    "Bars",
    "Costs",
    "Fill",
    "Orders",
    "Paths",
    "Simulation",
    "Trades",
    "simulate",
]

AVAILABLE = ("naive", "cpu", "gpu")
"""The backends this kernel is written for."""

DEFAULT_COSTS = Costs()


def simulate(
    bars: Bars,
    paths: Paths,
    orders: Orders,
    *,
    fill: Fill,
    costs: Costs = DEFAULT_COSTS,
    max_leverage: float = 1.0,
    record: bool = False,
    backend: Backend = "auto",
    device: Device | None = None,
) -> Simulation:
    """Simulate every path; no path depends on another, nothing on a later bar.

    Args:
        bars: the bars of S series over T sessions.
        paths: P accounts, each over some bars of one series.
        orders: what is decided at the closes of bars.
        fill: when orders are filled: "next_open", "same_close" (optimistic, for comparison) or "limit".
        costs: of trading and holding; `FREE` for none.
        max_leverage: long and short value together after a fill, as a multiple of the equity, above 0.
        record: whether to give the equity at every bar and the trades too.
        backend: "auto", "naive", "cpu" or "gpu".
        device: of the run, for a GPU: what it holds isn't uploaded again. One of its own if None.

    Returns:
        The summaries, and on request the records; the definitions are in the README.

    Raises:
        InvalidInputError: bars, paths, orders or options that can't be simulated; the fault is named.
        BackendUnavailableError: an explicit backend that isn't there, or a path too long for the GPU's memory.
    """
    require_bars(bars)
    require_paths(paths, bars)
    require_orders(orders, paths, fill)
    require_leverage(max_leverage)
    chosen = choose("trading", backend, AVAILABLE)
    asked = (bars, paths, orders, fill, costs, max_leverage, record)
    if chosen.backend == "naive":
        simulation = naive.simulate(*asked)
    elif chosen.backend == "gpu":
        from kernels.trading import gpu

        simulation = gpu.simulate(*asked, device)
    else:
        simulation = cpu.simulate(*asked)
    return replace(simulation, reason_of_backend=chosen.reason)
