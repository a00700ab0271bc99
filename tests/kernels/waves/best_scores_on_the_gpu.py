"""Best scores of small charts on the GPU, or on the simulator, saved in the file that is named as argument.

The simulator must be asked for before Numba is imported, so the tests run this in a process of its own.
"""

from __future__ import annotations

import pickle
import sys
from types import SimpleNamespace

import numpy as np

from kernels.errors import BackendUnavailableError, InvalidInputError
from kernels.memory import Device
from kernels.waves import BestScores, ScanSettings, best_scores, gpu, gpu_best_scores, gpu_search
from kernels.waves.gpu_charts import Cut, charts_of_cuts, charts_of_prices, columns_of, cuts_of, upload_panel
from kernels.waves.gpu_layout import Charts
from kernels.waves.legs import count_swings, view_bars
from kernels.waves.series import next_origins
from tests.kernels.waves.scan_on_the_gpu import prices

BUCKETS = (5, 12, 30)
SETTINGS = {
    "defaults": ScanSettings(),
    "narrow": ScanSettings(max_skip=2, max_span=25),
    "some": ScanSettings(classes=("zigzag", "double_three", "impulse"), directions=(-1,)),
}


def cases(backend: str) -> dict[str, BestScores]:
    """Every case of the test."""
    low, high = prices()
    found = {
        name: best_scores(low, high, settings=settings, buckets=BUCKETS, backend=backend)
        for name, settings in SETTINGS.items()
    }
    found["alone"] = best_scores(low[3:4], high[3:4], buckets=BUCKETS, backend=backend)
    for name, shape in (("no rows", (0, 9)), ("no bars", (2, 0)), ("one bar", (2, 1))):
        line = np.full(shape, 7.0)
        found[name] = best_scores(line, line, buckets=BUCKETS, backend=backend)
    return found


def on(device: Device) -> BestScores:
    """The case with default settings on a device with a limit."""
    return gpu_best_scores.best_scores(*prices(), ScanSettings(), BUCKETS, "a test", device)


def refusing(most: int) -> Device:
    """A device on which an allocation of more than so many bytes fails."""
    device = Device()
    own = device.xp

    def empty(shape, dtype=np.float64):
        if np.prod(shape) * np.dtype(dtype).itemsize > most:
            raise MemoryError("an allocation that fails")
        return own.empty(shape, dtype)

    everything_else = {name: getattr(own, name) for name in dir(own) if not name.startswith("_")}
    device.xp = SimpleNamespace(**everything_else | {"empty": empty})
    return device


def limited() -> tuple[dict[str, BestScores], dict[str, list[int]]]:
    """The answers of devices that are too small for all series at once, and the chunks that each took."""
    # Planned as one chunk; what is found says that it doesn't fit.
    planned, gpu.BYTES_PER_BAR = gpu.BYTES_PER_BAR, 1
    devices = {"whole": Device(), "counted": Device(memory=80_000), "failing": refusing(9_000)}
    found = {name: on(device) for name, device in devices.items()}
    gpu.BYTES_PER_BAR = 1_000
    devices["planned"] = Device(memory=130_000)
    found["planned"] = on(devices["planned"])
    gpu.BYTES_PER_BAR = planned
    return found, {name: device.chunks for name, device in devices.items()}


def refusals() -> dict[str, str]:
    """What is said of a row with too many patterns or prefixes, and of one that doesn't fit alone."""
    said = {}
    low, high = prices()
    for name in ("MAX_RECORDS", "MAX_VISITS"):
        before = getattr(gpu_search, name)
        setattr(gpu_search, name, 10)
        try:
            best_scores(low[2:], high[2:], backend="gpu")
        except InvalidInputError as error:
            said[name] = str(error)
        setattr(gpu_search, name, before)
    try:
        on(Device(memory=100))
    except BackendUnavailableError as error:
        said["memory"] = str(error)
    return said


def charts() -> dict[str, tuple[Charts, Charts]]:
    """Charts that the device makes of whole rows, and of pieces of rows that it holds or doesn't; and the host's."""
    low, high = prices()
    rows, bars = low.shape
    settings = ScanSettings(max_span=40, max_skip=3)
    device = Device()
    whole = [Cut(row, np.array([row]), 0, bars, 0, bars) for row in range(rows)]
    made = {"whole": charts_of_prices(device, device.upload(low), device.upload(high), 40, 3)}
    expected = {"whole": charts_on_the_host(low, high, whole, np.full(rows, bars - 1, np.int32), settings)}
    row = np.array([0, 0, 1, 3, 3, 4, 5])
    end = np.array([30, 41, 55, 20, 37, 50, 12], np.int32)
    start = np.array([11, 11, 0, 5, 30, 20, 1], np.int32)
    cuts = cuts_of(row, end, start)
    for name in ("pieces", "pieces that are held"):
        panel = upload_panel(device, low, high, cuts)
        made[name] = charts_of_cuts(device, panel, cuts[1:], end, settings)[0]
        expected[name] = charts_on_the_host(low, high, cuts[1:], end, settings)
        device.hold(low, high)
    return {name: (Charts._make(map(device.download, each)), expected[name]) for name, each in made.items()}


def charts_on_the_host(
    low: np.ndarray, high: np.ndarray, cuts: list[Cut], end: np.ndarray, settings: ScanSettings
) -> Charts:
    """The charts out of what the CPU's search is made of."""
    column = columns_of(cuts)
    logged = [np.full((2, column[-1]), np.nan) for _ in range(4)]
    following = [np.zeros((2, column[-1]), np.int32) for _ in range(2)]
    swings, next_origin = (np.zeros(column[-1], np.int32) for _ in range(2))
    for cut, begin in zip(cuts, column.tolist(), strict=False):
        n = cut.stop - cut.offset
        own = low[cut.row, cut.offset : cut.stop], high[cut.row, cut.offset : cut.stop]
        for side, views in enumerate(view_bars(*own)):
            for target, values in zip((*logged, *following), views, strict=True):
                target[side, begin : begin + n] = values
        swings[begin : begin + n + 1] = count_swings(*own)
        next_origin[begin : begin + n] = next_origins(end[cut.origins] - np.int32(cut.offset), n)
    lengths = np.diff(column) - 1
    longest = np.array([cut.longest for cut in cuts])
    limits = [cut.first - cut.offset for cut in cuts], longest, np.minimum(longest, settings.max_span)
    skips = np.minimum(lengths, settings.max_skip)
    return Charts(column, *logged, *following, swings, next_origin, *map(np.array, (*limits, skips)))


def main() -> None:
    """Run everything on the GPU, or on the simulator, and save it."""
    with open(sys.argv[1], "wb") as file:
        pickle.dump((cases("gpu"), *limited(), refusals(), charts()), file)


if __name__ == "__main__":
    main()
