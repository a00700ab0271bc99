"""Counts the best scores of the surrogates of a universe, for each window length, some symbols at a time.

What belongs here: which bars, in which portions, and how a run that was killed goes on. What doesn't: how surrogates
are made and searched (`kernels/nulls`), and what the table looks like (`null_table`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import cast

import numpy as np
import numpy.typing as npt

from kernels.device import Backend, choose
from kernels.errors import MissingHistoryError
from kernels.nulls import AVAILABLE, NullHistograms, null_histograms, pooled
from kernels.panel import Float64Array2D, PricePanel
from kernels.surrogates import Null
from kernels.volatility import fit_gjr
from kernels.volatility.gjr import GjrParameters
from kernels.waves import SPAN_BUCKETS, ScanSettings
from resources.null_state import NullStates
from resources.null_table import NullDistributions, NullModel

LEAST_BARS = 0.9
"""Share of a window's sessions on which a symbol must have a bar, to be among those whose surrogates are counted."""

ROWS_AT_A_TIME = 32
_BAR_FIELDS = ("open", "high", "low", "close")


@dataclass(frozen=True)
class NullRequest:
    """What is to be counted.

    Attributes:
        model: of the surrogates and the search.
        lengths: sessions of the windows, rising.
        surrogates: of each symbol and window length.
        bins: of scores from 0 to 1.
        backend: of the kernel.
        made_from: fingerprint of all that and of the bars.
    """

    model: NullModel
    lengths: tuple[int, ...]
    surrogates: int
    bins: int
    backend: Backend
    made_from: str


def build_null(
    panel: PricePanel, request: NullRequest, states: NullStates, progress: Callable[[int], None]
) -> tuple[NullDistributions, dict[int, list[str]]]:
    """Count the surrogates of every symbol with bars enough.

    Args:
        panel: the bars up to `request.model.through`: the longest window and the bar before it, or more, if history has
            them. GJR parameters are fitted to all of them, because a short window holds too few.
        request: what is to be counted.
        states: where counts are kept until all are there.
        progress: told how much is done, in sessions of windows: their length for each symbol. What was counted before,
            and the symbols left out, come first.

    Returns:
        The distributions, of the lengths for which a symbol has bars enough; and the symbols left out, by length.

    Raises:
        MissingHistoryError: no symbol has bars enough for any length.
        InvalidInputError: an option out of its range, or GJR parameters that can't be fitted to the bars.
    """
    model, quarter = request.model, request.model.quarter.isoformat()
    symbols = np.array(panel.symbols)
    enough = {length: _with_bars_enough(panel, length) for length in request.lengths}
    rows = {length: np.flatnonzero(each) for length, each in enough.items() if each.any()}
    if not rows:
        raise MissingHistoryError(
            f"null_distributions {quarter}",
            expected=f"symbols with bars on {LEAST_BARS:.0%} of the {min(request.lengths) + 1} sessions up to "
            f"{model.through}",
            got=f"none among {len(panel.symbols)}, in {len(panel.sessions)} sessions of history",
            mend=f"fill the history up to {model.through} with the job price_history, or choose a later quarter",
        )
    parameters = fit_gjr(panel.close, 0, len(panel.sessions) - 1)[0] if model.null == "gjr" else None
    state = states.read(quarter, request.made_from)
    before = sum(length * (int((~enough[length]).sum()) + state.done.get(length, 0)) for length in request.lengths)
    if before:
        progress(before)
    for length, all_rows in rows.items():
        bars = [np.ascontiguousarray(getattr(panel, name)[:, -(length + 1) :]) for name in _BAR_FIELDS]
        for start in range(state.done.get(length, 0), len(all_rows), ROWS_AT_A_TIME):
            chosen = all_rows[start : start + ROWS_AT_A_TIME]
            own = _count(request, tuple(each[chosen] for each in bars), symbols[chosen].tolist(), parameters)
            state.counts[length] = state.counts[length] + own if length in state.counts else own
            state.done[length] = start + len(chosen)
            states.write(quarter, request.made_from, state)
            progress(len(chosen) * length)
    lengths, pooled_symbols = np.array([(length, len(each)) for length, each in rows.items()], dtype=np.int32).T
    chosen_backend = choose("null_histograms", request.backend, AVAILABLE)
    counts = np.stack([state.counts[length] for length in rows])
    histograms = NullHistograms(counts, SPAN_BUCKETS, chosen_backend.backend, chosen_backend.reason)
    left_out = {length: symbols[~each].tolist() for length, each in enough.items() if not each.all()}
    return NullDistributions(model, lengths, pooled_symbols, histograms), left_out


def _with_bars_enough(panel: PricePanel, length: int) -> npt.NDArray[np.bool_]:
    """Which symbols have bars on enough sessions of the window and the bar before it: bool [S]."""
    there = np.isfinite(panel.close[:, -(length + 1) :]).sum(axis=1)
    enough: npt.NDArray[np.bool_] = there >= LEAST_BARS * (length + 1)
    return enough


def _count(
    request: NullRequest,
    bars: tuple[Float64Array2D, ...],
    symbols: Sequence[str],
    parameters: GjrParameters | None,
) -> npt.NDArray[np.int64]:
    """The counts of some symbols together: int64 [stages, 2, buckets, bins + 1]."""
    model = request.model
    open_, high, low, close = bars
    found = null_histograms(
        open_,
        high,
        low,
        close,
        symbol_keys(symbols),
        surrogates=request.surrogates,
        null=cast(Null, model.null),
        seed=model.seed,
        block=model.block,
        parameters=parameters,
        settings=ScanSettings(max_skip=model.max_skip, max_span=model.max_span),
        buckets=SPAN_BUCKETS,
        bins=request.bins,
        backend=request.backend,
    )
    counts: npt.NDArray[np.int64] = pooled(found).counts[0]
    return counts


def symbol_keys(symbols: Sequence[str]) -> npt.NDArray[np.int64]:
    """The identity of each symbol for the surrogates' random numbers, int64 [S]: the first bytes of its SHA-256."""
    return np.array(
        [int.from_bytes(sha256(symbol.encode()).digest()[:8], "big", signed=True) for symbol in symbols], dtype=np.int64
    )
