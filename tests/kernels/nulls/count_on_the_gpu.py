"""Count null scores on the GPU, or on the simulator, and save them in the file that is named as argument.

The simulator must be asked for before Numba is imported, so the tests run this in a process of its own.
"""

from __future__ import annotations

import pickle
import sys

import numpy as np

from kernels.errors import BackendUnavailableError, InvalidInputError
from kernels.memory import Device
from kernels.nulls import gpu, null_histograms
from kernels.volatility.gjr import GjrParameters
from kernels.waves import STAGES, ScanSettings, gpu_search
from tests.kernels.waves.best_scores_on_the_gpu import refusing

BARS, ROWS, SURROGATES, BINS = 40, 3, 3, 40
BUCKETS = (6, 15, 40)
NULLS = ("block", "gjr", "sign")
PARAMETERS = GjrParameters(alpha=0.05, gamma=0.1, beta=0.85, degrees=5.0)
SOME = ScanSettings(classes=("zigzag", "impulse", "double_three"), directions=(-1,), max_skip=2, max_span=20)
Originals = tuple[np.ndarray, ...]


def originals() -> Originals:
    """Open, high, low, close and keys of random walks; the second misses bars, the third has none."""
    rng = np.random.default_rng(5)
    close = 50 * np.exp(np.cumsum(rng.normal(0, 0.02, (ROWS, BARS)), axis=1))
    opened = close * np.exp(rng.normal(0, 0.01, close.shape))
    high = np.maximum(opened, close) * np.exp(np.abs(rng.normal(0, 0.01, close.shape)))
    low = np.minimum(opened, close) * np.exp(-np.abs(rng.normal(0, 0.01, close.shape)))
    for prices in (opened, high, low, close):
        prices[1, [0, 9, 21]] = np.nan
        prices[2] = np.nan
    return opened, high, low, close, np.array([3, -(2**40), 3])


def cases(backend: str) -> dict[str, np.ndarray]:
    """The counts of every case of the test."""

    def counts(bars: Originals, null: str, **options: object) -> np.ndarray:
        asked = {"surrogates": SURROGATES, "first": 5, "seed": 2**63 + 1, "block": 6.0, "bins": BINS}
        asked |= {"buckets": BUCKETS, "parameters": PARAMETERS, "backend": backend}
        found = null_histograms(*bars, **asked | {"null": null} | options)
        assert (found.backend, found.buckets) == (backend, BUCKETS)
        return found.counts

    *prices, keys = bars = originals()
    found = {null: counts(bars, null) for null in NULLS}
    found["some"] = counts(bars, "block", settings=SOME)
    found["alone"] = counts((*(values[1:2] for values in prices), keys[1:2]), "block")
    found["later"] = counts(bars, "block", first=6, surrogates=2)
    for name, shape in (("no rows", (0, 9)), ("no bars", (2, 0)), ("one bar", (2, 1))):
        line = np.full(shape, 7.0)
        found[name] = counts((line, line, line, line, np.arange(len(line))), "sign")
    return found


def on(device: Device) -> np.ndarray:
    """One case on a device with a limit."""
    numbers = range(5, 5 + SURROGATES)
    options = "block", 2**63 + 1, 6.0, None, ScanSettings(), BUCKETS, BINS, "a test", device
    return gpu.null_histograms(*originals(), numbers, *options).counts


def resident() -> int:
    """Bytes of the histograms and of the prepared rows, which stay on the device."""
    return ROWS * (8 * len(STAGES) * 2 * len(BUCKETS) * (BINS + 1) + 2 * 8 + BARS + 4 + 8 * 4 * BARS + 8 * 6)


def limited() -> tuple[dict[str, np.ndarray], dict[str, list[int]]]:
    """The counts of devices that are too small for all surrogates at once, and the chunks that each took."""
    # Planned as one chunk; what is found says that it doesn't fit.
    planned, gpu.BYTES_PER_BAR = gpu.BYTES_PER_BAR, 1
    devices = {"whole": Device(), "counted": Device(memory=resident() + 120_000), "failing": refusing(9_000)}
    found = {name: on(device) for name, device in devices.items()}
    gpu.BYTES_PER_BAR = 3_000
    devices["planned"] = Device(memory=resident() + 2 * 3_000 * (BARS + 1))
    found["planned"] = on(devices["planned"])
    gpu.BYTES_PER_BAR = planned
    return found, {name: device.chunks for name, device in devices.items()}


def refusals() -> dict[str, str]:
    """What is said of a surrogate with too many patterns, and of what doesn't fit."""
    said = {}
    before, gpu_search.MAX_RECORDS = gpu_search.MAX_RECORDS, 3
    try:
        on(Device())
    except InvalidInputError as error:
        said["patterns"] = str(error)
    gpu_search.MAX_RECORDS = before
    for name, memory in (("histograms", resident() - 1), ("surrogate", resident() + 100)):
        try:
            on(Device(memory=memory))
        except BackendUnavailableError as error:
            said[name] = str(error)
    return said


def main() -> None:
    """Run everything on the GPU, or on the simulator, and save it."""
    with open(sys.argv[1], "wb") as file:
        pickle.dump((cases("gpu"), *limited(), refusals()), file)


if __name__ == "__main__":
    main()
