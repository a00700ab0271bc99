"""Make surrogates on the GPU, or on the simulator, and save them in the file that is named as argument.

The simulator must be asked for before Numba is imported, so the tests run this in a process of its own.
"""

from __future__ import annotations

import pickle
import sys
from types import SimpleNamespace

import numpy as np

from kernels.errors import BackendUnavailableError
from kernels.memory import Device
from kernels.surrogates import NULLS, Surrogates, gpu
from tests.kernels.surrogates.surrogate_market import PARAMETERS, degenerate, make, market, stacked

KEYS = np.array([-5, 2**40 + 3, 3])


def cases(backend: str) -> dict[str, np.ndarray]:
    """Every case of the test, [4, R, B, T]."""
    found = {}
    for null in NULLS:
        options = {"null": null, "block": 3.5, "backend": backend}
        found[f"{null} market"] = stacked(make(market(1, 3, 40, gaps=0.1), [0, 2**31 - 1], KEYS, seed=2**63, **options))
        found[f"{null} degenerate"] = stacked(make(degenerate(), range(3), **options))
        found[f"{null} nothing"] = stacked(make(market(1, 1, 4), [], **options))
    return found


def on(device: Device) -> Surrogates:
    """One case on a device with a limit."""
    numbers = np.arange(7, dtype=np.int32)
    return gpu.surrogates(*market(2, 3, 12), KEYS, numbers, "gjr", 7, 3.0, PARAMETERS, device)


def refusing(most: int) -> Device:
    """A device on which an allocation of more than `most` surrogates fails."""
    device = Device()
    own = device.xp

    def empty(shape: tuple[int, ...]) -> np.ndarray:
        if shape[0] > most:
            raise MemoryError("an allocation that fails")
        return own.empty(shape)

    everything_else = {name: getattr(own, name) for name in dir(own) if not name.startswith("_")}
    device.xp = SimpleNamespace(**everything_else | {"empty": empty})
    return device


def limited() -> tuple[dict[str, np.ndarray], dict[str, list[int]], dict[str, str]]:
    """One case on devices that are too small for all at once, the chunks of each, and what is refused."""
    rows = 3 * (2 * 8 + 12 + 4 + 12 * 4 * 8 + 6 * 8) + 7 * 4
    one = 4 * 12 * 8
    devices = {"whole": Device(), "small": Device(memory=rows + 6 * one), "failing": refusing(4)}
    found = {name: stacked(on(device)) for name, device in devices.items()}
    said = {}
    for name, device in (
        ("rows", Device(memory=rows - 1)),
        ("one", Device(memory=rows + one - 1)),
        ("failing", refusing(0)),
    ):
        try:
            on(device)
        except BackendUnavailableError as error:
            said[name] = str(error)
    return found, {name: device.chunks for name, device in devices.items()}, said


def main() -> None:
    """Run everything on the GPU, or on the simulator, and save it."""
    with open(sys.argv[1], "wb") as file:
        pickle.dump((cases("gpu"), *limited()), file)


if __name__ == "__main__":
    main()
