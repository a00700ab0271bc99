"""What is measured by batch size: every kernel that has a GPU version, the gather of samples, and the networks.

A case says beside its call how many bytes it must move at least (each input read once, each output written once) and,
for the networks, how many operations it must do: what the device's limits make of these is the least time possible.
"""

from collections.abc import Callable
from pathlib import Path
from tempfile import gettempdir
from typing import Any, NamedTuple

import numpy as np

from kernels.device import Backend
from kernels.forecast.config import NetworkConfig
from kernels.forecast.fitted import INPUTS
from kernels.nulls import null_histograms
from kernels.samples import gather_windows
from kernels.surrogates import surrogates
from kernels.trading import simulate
from kernels.waves import ScanSettings, best_scores, scan_origins
from resources.gpu_profile.action_values import action_value_work
from resources.gpu_profile.made import (
    MadeBars,
    made_accounts,
    made_bars,
    made_inputs,
    made_network,
    made_places,
)
from resources.gpu_profile.target import Target
from resources.gpu_profile.work import Work, bytes_of

SURROGATE_ROWS, SEED = 20, 7
FIELDS = 4
"""Prices of a bar."""


class Case(NamedTuple):
    """What is measured.

    Attributes:
        name: of the kernel or network.
        unit: what is counted in a second.
        backends: that it is written for.
        batches: sizes that are tried, rising; see `prepare`.
        prepare: makes the work of a batch on a backend.
    """

    name: str
    unit: str
    backends: tuple[str, ...]
    batches: tuple[int, ...]
    prepare: Callable[[int, Backend], Work]


class CaseSizes(NamedTuple):
    """How large the cases are.

    Attributes:
        sessions: bars of each series.
        series: batches of the wave scan and of the best scores.
        surrogates: batches of surrogates and of null histograms.
        accounts: batches of the simulator, over `window` bars each.
        window: bars of an account.
        windows: batches of the gather of samples, `lookback` bars each.
        lookback: bars of a window.
        rows: batches of the networks.
        training_rows: of one epoch.
    """

    sessions: int
    series: tuple[int, ...]
    surrogates: tuple[int, ...]
    accounts: tuple[int, ...]
    window: int
    windows: tuple[int, ...]
    lookback: int
    rows: tuple[int, ...]
    training_rows: tuple[int, ...]


def cases_of(target: Target, sizes: CaseSizes) -> list[Case]:
    """The cases of a target."""
    bars = made_bars(max(*sizes.series, SURROGATE_ROWS, 2), sizes.sessions)
    both = "cpu", "gpu"
    # Only what torch computes can be measured where torch has no CUDA.
    by_torch = both if target.torch_device == "cuda" else ("cpu",)
    return [
        Case("wave scan", "series", both, sizes.series, lambda count, backend: _scan(bars, count, backend)),
        Case("best scores", "series", both, sizes.series, lambda count, backend: _best(bars, count, backend)),
        Case("surrogates", "series", both, sizes.surrogates, lambda count, backend: _surrogates(bars, count, backend)),
        Case("null histograms", "series", both, sizes.surrogates, lambda count, backend: _nulls(bars, count, backend)),
        Case(
            "trading",
            "bars",
            both,
            sizes.accounts,
            lambda count, backend: _trading(bars, count, sizes.window, backend),
        ),
        Case(
            "sample gather",
            "windows",
            by_torch,
            sizes.windows,
            lambda count, backend: _gather(bars, count, sizes.lookback, backend),
        ),
        Case("forecast network", "rows", by_torch, sizes.rows, _forecast),
        Case("forecast training", "rows", by_torch, sizes.training_rows, _training),
        Case(
            "action-value network",
            "rows",
            by_torch,
            sizes.rows,
            lambda count, backend: action_value_work(bars, count, sizes.lookback, backend),
        ),
    ]


def _part(bars: MadeBars, count: int) -> tuple[Any, Any, Any, Any, Any]:
    return bars.open[:count], bars.high[:count], bars.low[:count], bars.close[:count], bars.keys[:count]


def _scan(bars: MadeBars, count: int, backend: Backend) -> Work:
    _, high, low, _, _ = _part(bars, count)
    length = low.shape[1]
    origins = np.arange(count), np.full(count, length - 1), np.full(count, length)

    def call() -> Any:
        return scan_origins(low, high, *origins, settings=ScanSettings(), backend=backend)

    return Work(call, count, low.nbytes + high.nbytes, returns=True)


def _best(bars: MadeBars, count: int, backend: Backend) -> Work:
    _, high, low, _, _ = _part(bars, count)

    def call() -> Any:
        return best_scores(low, high, backend=backend)

    return Work(call, count, low.nbytes + high.nbytes, returns=True)


def _numbers(count: int) -> tuple[int, int]:
    """Rows, and surrogates of each, so that they are `count` or nearly."""
    rows = min(SURROGATE_ROWS, count)
    return rows, count // rows


def _surrogates(bars: MadeBars, count: int, backend: Backend) -> Work:
    rows, each = _numbers(count)
    originals = _part(bars, rows)
    numbers = np.arange(each, dtype=np.int32)
    least = FIELDS * originals[0].nbytes * (1 + each)

    def call() -> Any:
        return surrogates(*originals, numbers, null="block", seed=SEED, backend=backend)

    return Work(call, rows * each, least)


def _nulls(bars: MadeBars, count: int, backend: Backend) -> Work:
    rows, each = _numbers(count)
    originals = _part(bars, rows)

    def call() -> Any:
        return null_histograms(*originals, surrogates=each, null="block", seed=SEED, backend=backend)

    # Surrogates are made and counted in one go: only the counts need to leave the device.
    return Work(call, rows * each, FIELDS * originals[0].nbytes, returns=True)


def _trading(bars: MadeBars, count: int, window: int, backend: Backend) -> Work:
    market, (paths, orders) = bars.market(), made_accounts(bars, count, window)

    def call() -> Any:
        return simulate(market, paths, orders, fill="next_open", backend=backend)

    return Work(call, count * window, 5 * bars.close.nbytes + bytes_of(paths) + bytes_of(orders), returns=True)


def _gather(bars: MadeBars, count: int, lookback: int, backend: Backend) -> Work:
    panel, (instrument, session) = bars.samples(), made_places(bars, count, lookback)
    made = 4 * count * lookback * panel.shape[2]
    least = panel.nbytes + instrument.nbytes + session.nbytes + made
    if backend == "cpu":
        out = np.empty((count, lookback, panel.shape[2]), dtype=np.float32)
        return Work(lambda: gather_windows(panel, instrument, session, lookback, out=out, parallel=True), count, least)
    import torch

    from resources.sample_batches import gather_on_device

    bars_there, series, last = (torch.from_numpy(values).to("cuda") for values in (panel, instrument, session))
    return Work(lambda: gather_on_device(bars_there, series, last, lookback), count, least)


def _forecast(count: int, backend: Backend) -> Work:
    from resources.forecaster import Forecaster

    config = NetworkConfig()
    weights, inputs = made_network(config), made_inputs(count)
    # Eagerly: a compiled package depends on what was built on the machine before.
    way = Forecaster(Path(gettempdir()), "cuda" if backend == "gpu" else "cpu", warmup=False)
    outputs = 4 * count * len(config.horizons) * len(config.levels)
    least = inputs.nbytes + sum(values.nbytes for values in weights.values()) + outputs
    return Work(lambda: way.run(config, weights, inputs), count, least, count * _products(config))


def _products(config: NetworkConfig) -> int:
    """Operations of the matrix products of a row, over all seeds."""
    hidden, out = config.hidden, len(config.horizons) * len(config.levels)
    return 2 * len(config.seeds) * (len(INPUTS) * hidden + hidden * hidden + hidden * out)


def _training(count: int, backend: Backend) -> Work:
    from kernels.forecast.train import TrainingRows, train

    config = NetworkConfig(epochs=1)
    inputs = made_inputs(count)
    targets = np.random.default_rng(8).normal(size=(count, len(config.horizons))).astype(np.float32)
    pooled = np.sort(np.random.default_rng(3).normal(size=(len(config.horizons), len(config.levels))), axis=1)
    rows = TrainingRows(inputs, targets)
    device = "cuda" if backend == "gpu" else "cpu"
    # A step goes forward and twice as far back.
    operations = 3 * count * _products(config)
    return Work(lambda: train(config, rows, pooled, device=device), count, inputs.nbytes + targets.nbytes, operations)
