"""Counts the best scores of the surrogates of a universe, for each window length, some symbols at a time.

On a GPU the bars are there once for all lengths and portions; where there are several, they take the portions in turn.

What belongs here: which bars, in which portions, and how a run that was killed goes on. What doesn't: how surrogates
are made and searched (`kernels/nulls`), and what the table looks like (`null_table`).
"""

from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from hashlib import sha256
from typing import cast

import numpy as np
import numpy.typing as npt

from kernels.device import Backend, choose
from kernels.errors import MissingHistoryError
from kernels.memory import Device
from kernels.nulls import AVAILABLE, NullHistograms, null_histograms, pooled
from kernels.panel import PricePanel
from kernels.surrogates import Null
from kernels.volatility import fit_gjr
from kernels.volatility.gjr import GjrParameters
from kernels.waves import SPAN_BUCKETS, ScanSettings
from resources.device_pool import DevicePool, Part, devices_for, own_device, visible_devices
from resources.null_state import Counts, NullStates
from resources.null_table import NullDistributions, NullModel
from resources.shared_panel import Arrays, Token, attach, share

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


@dataclass(frozen=True)
class _Portion:
    """Symbols that are counted together: their rows of the panel, and how many of the length are done with them."""

    length: int
    rows: npt.NDArray[np.int64]
    done: int


@dataclass(frozen=True)
class _Task:
    """A portion, as the process of a device takes it: bars in shared memory, and the keys of all their rows."""

    token: Token
    keys: npt.NDArray[np.int64]
    request: NullRequest
    parameters: GjrParameters | None
    portion: _Portion


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
        WorkerError: a process of one of several GPUs died; its device and symbols are named. What was counted before
            these is kept.
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
    portions = [
        _Portion(length, chosen, start + len(chosen))
        for length, all_rows in rows.items()
        for start in range(state.done.get(length, 0), len(all_rows), ROWS_AT_A_TIME)
        for chosen in (all_rows[start : start + ROWS_AT_A_TIME],)
    ]
    counted = _counts(panel, request, parameters, portions)
    with closing(counted):
        for portion, own in zip(portions, counted, strict=True):
            length = portion.length
            state.counts[length] = state.counts[length] + own if length in state.counts else own
            state.done[length] = portion.done
            states.write(quarter, request.made_from, state)
            progress(len(portion.rows) * length)
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


def _counts(
    panel: PricePanel, request: NullRequest, parameters: GjrParameters | None, portions: list[_Portion]
) -> Generator[Counts, None, None]:
    """The counts of each portion, in order: here, or, of two portions for each and more, on every GPU."""
    bars = {name: getattr(panel, name) for name in _BAR_FIELDS}
    keys = symbol_keys(panel.symbols)
    device = None
    if choose("null_histograms", request.backend, AVAILABLE).backend == "gpu":
        devices = devices_for(len(portions), 2, visible_devices())
        if len(devices) > 1:
            yield from _counts_of_devices(panel, bars, request, parameters, portions, devices)
            return
        device = Device()
        device.hold(*bars.values())
    for portion in portions:
        yield _count(bars, keys, request, parameters, portion, device)


def _counts_of_devices(
    panel: PricePanel,
    bars: Arrays,
    request: NullRequest,
    parameters: GjrParameters | None,
    portions: list[_Portion],
    devices: Sequence[str],
) -> Generator[Counts, None, None]:
    keys = symbol_keys(panel.symbols)
    with share(bars) as shared, DevicePool(devices) as pool:
        parts = (
            Part(_name(panel, portion), _Task(shared.token, keys, request, parameters, portion)) for portion in portions
        )
        yield from pool.map(_count_task, parts)


def _name(panel: PricePanel, portion: _Portion) -> str:
    symbols = ", ".join(panel.symbols[row] for row in portion.rows.tolist())
    return f"windows of {portion.length} sessions of {symbols}"


def _count_task(task: _Task) -> Counts:
    bars, device = attach(task.token), own_device()
    device.hold(*(bars[name] for name in _BAR_FIELDS))
    return _count(bars, task.keys, task.request, task.parameters, task.portion, device)


def _count(
    bars: Arrays,
    keys: npt.NDArray[np.int64],
    request: NullRequest,
    parameters: GjrParameters | None,
    portion: _Portion,
    device: Device | None,
) -> Counts:
    """The counts of some symbols together: int64 [stages, 2, buckets, bins + 1]."""
    model = request.model
    open_, high, low, close = (bars[name] for name in _BAR_FIELDS)
    found = null_histograms(
        open_,
        high,
        low,
        close,
        keys[portion.rows],
        surrogates=request.surrogates,
        null=cast(Null, model.null),
        seed=model.seed,
        block=model.block,
        parameters=parameters,
        settings=ScanSettings(max_skip=model.max_skip, max_span=model.max_span),
        buckets=SPAN_BUCKETS,
        bins=request.bins,
        rows=portion.rows,
        window=min(portion.length + 1, close.shape[1]),
        backend=request.backend,
        device=device,
    )
    counts: Counts = pooled(found).counts[0]
    return counts


def symbol_keys(symbols: Sequence[str]) -> npt.NDArray[np.int64]:
    """The identity of each symbol for the surrogates' random numbers, int64 [S]: the first bytes of its SHA-256."""
    return np.array(
        [int.from_bytes(sha256(symbol.encode()).digest()[:8], "big", signed=True) for symbol in symbols], dtype=np.int64
    )
