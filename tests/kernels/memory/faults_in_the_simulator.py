"""Run one computation with a fault at every allocation in turn, and save what came of it.

The simulator must be asked for before Numba is imported, so the tests run this in a process of its own.
"""

from __future__ import annotations

import pickle
import sys
from collections.abc import Callable
from dataclasses import asdict
from typing import Any, NamedTuple

import numpy as np

from kernels.errors import BackendUnavailableError
from kernels.nulls import gpu as nulls
from kernels.surrogates import gpu as surrogates
from kernels.trading import gpu as trading
from kernels.waves import ScanSettings, gpu, gpu_best_scores, gpu_kernels
from tests.kernels.memory.faulty_device import FaultyDevice
from tests.kernels.nulls.count_on_the_gpu import originals
from tests.kernels.trading.market import random_case
from tests.kernels.trading.simulate_on_the_gpu import DEAR
from tests.kernels.waves.scan_on_the_gpu import prices

BARS = 14
BUCKETS = (5, 14)
SEED = 11


class Outcome(NamedTuple):
    """What came of a run whose k-th allocation failed.

    Attributes:
        refused: what was said instead of a result; None where there is one.
        equal: whether the result is that of the undisturbed run, to the byte.
        records, pieces: as the device counted them, like those of the undisturbed run or not.
    """

    refused: str | None
    equal: bool
    records: bool
    pieces: bool


def scan(device: FaultyDevice) -> Any:
    low, high = (values[:2, :BARS] for values in prices())
    origins = (np.array(values, np.int32) for values in ([0, 0, 1], [9, 13, 13], [0, 2, 0]))
    return asdict(gpu.scan(low, high, *origins, ScanSettings(top_n=2), "a test", device))


def best_scores(device: FaultyDevice) -> Any:
    low, high = (values[:2, :BARS] for values in prices())
    return asdict(gpu_best_scores.best_scores(low, high, ScanSettings(), BUCKETS, "a test", device))


def make_surrogates(device: FaultyDevice) -> Any:
    numbers = np.arange(3, dtype=np.int32)
    return asdict(surrogates.surrogates(*originals(), numbers, "block", SEED, 6.0, None, device))


def null_histograms(device: FaultyDevice) -> Any:
    *bars, keys = originals()
    bars = [np.ascontiguousarray(values[:2, :BARS]) for values in bars]
    options = "block", SEED, 6.0, None, ScanSettings(), BUCKETS, 10, "a test", device
    return asdict(nulls.null_histograms(*bars, keys[:2], range(2), *options))


def simulate(device: FaultyDevice) -> Any:
    return asdict(trading.simulate(*random_case(1, "next_open"), "next_open", DEAR, 2.0, True, device))


COMPUTATIONS = {each.__name__: each for each in (scan, best_scores, make_surrogates, null_histograms, simulate)}


def same(one: Any, other: Any) -> bool:
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(each, other[name]) for name, each in one.items())
    if isinstance(one, np.ndarray):
        return (one.dtype, one.shape, one.tobytes()) == (other.dtype, other.shape, other.tobytes())
    return bool(one == other)


def outcome(
    compute: Callable[[FaultyDevice], Any], whole: FaultyDevice, expected: Any, device: FaultyDevice
) -> Outcome:
    """What comes of a run on a faulty device, beside that on a whole one."""
    refused, found = None, None
    try:
        found = compute(device)
    except BackendUnavailableError as error:
        refused = str(error)
    counted = device.records == whole.records, sum(device.chunks) == sum(whole.chunks)
    return Outcome(refused, found is not None and same(found, expected), *counted)


def outcomes(compute: Callable[[FaultyDevice], Any]) -> tuple[int, list[Outcome], list[Outcome]]:
    """What was counted without a fault; the outcomes of each k, until a run asks no more; those of lasting ones.

    Faults that last begin at every seventh allocation only: each run ends there.
    """
    whole = FaultyDevice()
    expected = compute(whole)
    once: list[Outcome] = []
    while True:
        device = FaultyDevice(len(once) + 1)
        made = outcome(compute, whole, expected, device)
        if not device.gate.refused:
            break
        once.append(made)
    lasting = range(1, len(once) + 1, 7)
    return whole.records, once, [outcome(compute, whole, expected, FaultyDevice(k, for_ever=True)) for k in lasting]


def main() -> None:
    """Run the computation that is named, and save its outcomes in the file that is named first."""
    file, name = sys.argv[1:]
    # One thread does all: a fault has nothing to do with their order.
    gpu_kernels.SIMULATED_THREADS = gpu_kernels.SIMULATED_BLOCKS = 1
    records, once, lasting = outcomes(COMPUTATIONS[name])
    with open(file, "wb") as out:
        pickle.dump((records, list(map(tuple, once)), list(map(tuple, lasting))), out)


if __name__ == "__main__":
    main()
