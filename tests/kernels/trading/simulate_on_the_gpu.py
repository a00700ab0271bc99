"""Simulate small cases on the GPU, or on the simulator, and save them in the file that is named as argument.

The simulator must be asked for before Numba is imported, so the tests run this in a process of its own.
"""

from __future__ import annotations

import pickle
import sys
from dataclasses import replace
from types import SimpleNamespace

import numpy as np

from kernels.errors import BackendUnavailableError
from kernels.trading import FILLS, Bars, Costs, Orders, Paths, Simulation, gpu, simulate
from kernels.trading.gpu import Device
from tests.kernels.trading.market import random_case

DEAR = Costs(100.0, 50.0, 20.0, 800.0, 5.0)
CASES = {f"{fill} {seed}": (fill, seed) for fill in FILLS for seed in range(4)}


def cases(backend: str) -> dict[str, Simulation]:
    """Every case of the test; without orders, too."""
    found = {
        name: simulate(*random_case(seed, fill), fill=fill, costs=DEAR, max_leverage=2.0, record=True, backend=backend)
        for name, (fill, seed) in CASES.items()
    }
    bars, paths, orders = random_case(1, "limit")
    found["summaries"] = simulate(bars, paths, orders, fill="limit", backend=backend)
    found["in debt"] = simulate(bars, in_debt(bars, paths), orders, fill="limit", record=True, backend=backend)
    none = Orders.of_weights([], [], np.zeros((0, 2)))
    found["no orders"] = simulate(bars, paths, none, fill="limit", record=True, backend=backend)
    return found


def in_debt(bars: Bars, paths: Paths) -> Paths:
    """The same accounts with a twentieth of the equity."""
    close = bars.close[paths.series, paths.first]
    equity = paths.cash + (paths.shares[:, 0] - paths.shares[:, 1]) * close
    return replace(paths, cash=paths.cash - 0.95 * equity)


def on(device: Device) -> Simulation:
    """One case on a device with a limit."""
    return gpu.simulate(*random_case(1, "next_open"), "next_open", DEAR, 2.0, True, device)


def refusing(most: int) -> Device:
    """A device on which an allocation of results for more than `most` paths fails."""
    device = Device()
    own = device.xp

    def empty(shape: tuple[int, ...], dtype: type = np.float64) -> np.ndarray:
        if shape[1] == gpu.COUNTS and shape[0] > most:
            raise MemoryError("an allocation that fails")
        return own.empty(shape, dtype)

    everything_else = {name: getattr(own, name) for name in dir(own) if not name.startswith("_")}
    device.xp = SimpleNamespace(**everything_else | {"empty": empty})
    return device


def limited() -> tuple[dict[str, Simulation], dict[str, list[int]], dict[str, str]]:
    """One case on devices that are too small for all paths at once, the chunks of each, and what is refused."""
    size = 5 * random_case(1, "next_open")[0].close.nbytes
    devices = {"whole": Device(), "planned": Device(memory=size + 20_000), "failing": refusing(7)}
    found = {name: on(device) for name, device in devices.items()}
    said = {}
    for name, device in (("bars", Device(memory=size - 1)), ("path", refusing(0))):
        try:
            on(device)
        except BackendUnavailableError as error:
            said[name] = str(error)
    return found, {name: device.chunks for name, device in devices.items()}, said


def main() -> None:
    """Run everything on the GPU, or on the simulator, and save it."""
    with open(sys.argv[1], "wb") as file:
        pickle.dump((cases("gpu"), *limited(), len(random_case(1, "next_open")[1].series)), file)


if __name__ == "__main__":
    main()
