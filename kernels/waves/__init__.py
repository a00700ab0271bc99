"""Elliott-wave patterns: every count that the hard rules allow, scored, as of any bar.

`enumerate_class` lists the patterns of one series; `scan` selects the best confirmed patterns and the standing setups
of many series as of many bars; `best_scores` is the best score of each stage, direction and span in many series.
Definitions, formulas and sources are in this folder's README.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from kernels.device import Backend, choose
from kernels.errors import InvalidInputError
from kernels.memory import Device
from kernels.panel import PricePanel
from kernels.waves import cpu, cpu_best_scores, naive, naive_best_scores
from kernels.waves.cells import SPAN_BUCKETS, STAGES, BestScores, Stage, require_buckets, stage_index
from kernels.waves.classes import CLASS_NAMES, CLASSES, COMPONENTS
from kernels.waves.identity import pattern_id, pattern_ids
from kernels.waves.patterns import (
    CONFIRMED,
    NO_LEG,
    NOT_RESOLVED,
    RESOLVED,
    SETUP,
    UNRESOLVED,
    Patterns,
    Scan,
    ScanSettings,
    require_count,
    require_names,
)
from kernels.waves.reward import risk_reward
from kernels.waves.validate import as_held, checked_bars, checked_origins

__all__ = [
    "CLASSES",
    "CLASS_NAMES",
    "COMPONENTS",
    "CONFIRMED",
    "NOT_RESOLVED",
    "NO_LEG",
    "RESOLVED",
    "SETUP",
    "SPAN_BUCKETS",
    "STAGES",
    "UNRESOLVED",
    "BestScores",
    "Patterns",
    "Scan",
    "ScanSettings",
    "Stage",
    "best_scores",
    "enumerate_class",
    "pattern_id",
    "pattern_ids",
    "risk_reward",
    "scan",
    "scan_origins",
    "stage_index",
]

AVAILABLE = ("naive", "cpu", "gpu")


def enumerate_class(
    low: npt.ArrayLike,
    high: npt.ArrayLike,
    name: str,
    direction: int,
    *,
    max_skip: int | None = None,
    max_span: int = 504,
    backend: Backend = "auto",
) -> npt.NDArray[np.int32]:
    """List every pattern of one class in one series, by the definitions in the README and none else.

    Args:
        low: real numbers [n], positive dollars; NaN in either price means that there is no bar: it splits the series.
        high: real numbers [n], positive dollars, `low` or more.
        name: one of `CLASS_NAMES`.
        direction: 1 where the first leg rises, -1 where it falls.
        max_skip: how many legs from one start, counted from the shortest, may be used; None for all.
        max_span: upper limit of p_last - p0, exclusive, in bars.
        backend: "auto", "naive", "cpu" or "gpu".

    Returns:
        int32 [m, legs + 1], the bars of the pivots, rows sorted lexicographically.

    Raises:
        InvalidInputError: a wrong shape, price, name or limit; a faulty bar is named.
        BackendUnavailableError: an explicit backend that isn't there.
    """
    require_names("class of enumerate_class", (name,), CLASS_NAMES)
    require_names("direction of enumerate_class", (direction,), (1, -1))
    if max_skip is not None:
        require_count("max_skip of enumerate_class", max_skip, 1)
    require_count("max_span of enumerate_class", max_span, 1)
    lows, highs = checked_bars(low, high, 1)
    chosen = choose("waves", backend, AVAILABLE)
    if chosen.backend == "naive":
        return naive.enumerate_class(lows, highs, name, direction, max_skip, max_span)
    if chosen.backend == "gpu":
        from kernels.waves import gpu

        return gpu.enumerate_class(lows, highs, name, direction, max_skip, max_span)
    return cpu.enumerate_class(lows, highs, name, direction, max_skip, max_span)


def scan(
    panel: PricePanel,
    *,
    length: int | None = None,
    settings: ScanSettings | None = None,
    backend: Backend = "auto",
    device: Device | None = None,
) -> Scan:
    """Select the patterns of every symbol of a panel as of its last session.

    Args:
        panel: the bars; NaN where there is no bar, which splits a series.
        length: bars of the window that ends at the last session and holds p0; None for the whole panel.
        settings: what to look for and what to keep; the defaults of `ScanSettings` if None.
        backend: "auto", "naive", "cpu" or "gpu".
        device: of the run, for a GPU: what it holds isn't uploaded again. One of its own if None.

    Returns:
        What is kept; origin i is the panel's symbol i.

    Raises:
        InvalidInputError: a wrong length or price; a faulty bar is named.
        BackendUnavailableError: an explicit backend that isn't there.
    """
    count, sessions = panel.low.shape
    if length is not None:
        require_count("length of scan", length, 1)
    if sessions == 0:
        raise InvalidInputError(
            "panel of scan", expected="one session or more", got="none", mend="ask for a panel with sessions"
        )
    window = sessions if length is None else min(length, sessions)
    origins = np.arange(count), np.full(count, sessions - 1), np.full(count, window)
    return scan_origins(panel.low, panel.high, *origins, settings=settings, backend=backend, device=device)


def scan_origins(
    low: npt.ArrayLike,
    high: npt.ArrayLike,
    row: npt.ArrayLike,
    end: npt.ArrayLike,
    length: npt.ArrayLike,
    *,
    settings: ScanSettings | None = None,
    backend: Backend = "auto",
    device: Device | None = None,
) -> Scan:
    """Select the patterns of many series as of many bars.

    An origin asks for the patterns of one series as known at the close of bar `end`, with p0 on one of the `length`
    bars that end there. Nothing depends on a later bar, on another origin or on another series; the bar before the
    window may serve as the left neighbour of p0, nothing earlier counts.

    Args:
        low: real numbers [R, T], positive dollars; NaN in either price means that there is no bar, which splits the
            series.
        high: real numbers [R, T], positive dollars, `low` or more.
        row: integers [E], series of each origin, in [0, R).
        end: integers [E], last bar that each origin knows, in [0, T); origins are sorted by row, then end.
        length: integers [E], bars in the window of each origin, 0 or more; 0 asks for nothing.
        settings: what to look for and what to keep; the defaults of `ScanSettings` if None.
        backend: "auto", "naive", "cpu" or "gpu".
        device: of the run, for a GPU: what it holds isn't uploaded again. One of its own if None.

    Returns:
        What each origin keeps, and those patterns with all their descendants.

    Raises:
        InvalidInputError: a wrong shape, price, order or range; a faulty bar is named.
        BackendUnavailableError: an explicit backend that isn't there.
    """
    lows, highs = checked_bars(low, high, 2)
    rows, ends, lengths = checked_origins(row, end, length, lows.shape)
    wanted = ScanSettings() if settings is None else settings
    chosen = choose("waves", backend, AVAILABLE)
    start = np.where(lengths > 0, np.maximum(ends - lengths + 1, 0), ends + 1).astype(np.int32)
    if chosen.backend == "naive":
        return naive.scan(lows, highs, rows, ends, start, wanted, chosen.reason)
    if chosen.backend == "gpu":
        from kernels.waves import gpu

        lows, highs = as_held(device, (low, high), (lows, highs))
        return gpu.scan(lows, highs, rows, ends, start, wanted, chosen.reason, device)
    return cpu.scan(lows, highs, rows, ends, start, wanted, chosen.reason)


def best_scores(
    low: npt.ArrayLike,
    high: npt.ArrayLike,
    *,
    settings: ScanSettings | None = None,
    buckets: tuple[int, ...] = SPAN_BUCKETS,
    backend: Backend = "auto",
    device: Device | None = None,
) -> BestScores:
    """Find the best score of the patterns and setups of each stage, direction and bucket of spans.

    The window is the whole row, as in a scan whose origin is the last bar and whose length is the row's: a setup counts
    where it stands as of the last bar. Scores are those that the scan gives. Nothing is ranked, dropped for its
    overlap, described or remembered, so it is several times as fast.

    Args:
        low: real numbers [R, T], positive dollars; NaN in either price means that there is no bar, which splits the
            series.
        high: real numbers [R, T], positive dollars, `low` or more.
        settings: what to look for, `top_n`, `setup_top_n` and `max_overlap` aside; the defaults of `ScanSettings` if
            None.
        buckets: rising upper edges of p_last - p0, inclusive, in sessions, 1 or more.
        backend: "auto", "naive", "cpu" or "gpu".
        device: of the run, for a GPU: what it holds isn't uploaded again. One of its own if None.

    Returns:
        The best scores of each row, and how many patterns they are the best of.

    Raises:
        InvalidInputError: a wrong shape, price or bucket; a faulty bar is named. Or a row with too many patterns.
        BackendUnavailableError: an explicit backend that isn't there.
    """
    lows, highs = checked_bars(low, high, 2)
    require_buckets(buckets)
    wanted = ScanSettings() if settings is None else settings
    chosen = choose("best_scores", backend, AVAILABLE)
    if chosen.backend == "naive":
        return naive_best_scores.best_scores(lows, highs, wanted, buckets, chosen.reason)
    if chosen.backend == "gpu":
        from kernels.waves import gpu_best_scores

        lows, highs = as_held(device, (low, high), (lows, highs))
        return gpu_best_scores.best_scores(lows, highs, wanted, buckets, chosen.reason, device)
    return cpu_best_scores.best_scores(lows, highs, wanted, buckets, chosen.reason)
