"""Scan small charts on the GPU, or on the simulator, and save what comes in the file that is named as argument.

The simulator must be asked for before Numba is imported, so the tests run this in a process of its own.
"""

from __future__ import annotations

import sys
from types import SimpleNamespace

import numpy as np

from kernels.errors import InvalidInputError
from kernels.memory import Device
from kernels.waves import CLASS_NAMES, Scan, ScanSettings, enumerate_class, gpu, gpu_search, scan_origins
from tests.kernels.waves.charts import TEXTBOOK, chart, columns, random_bars

BARS = 56
SETTINGS = {
    "defaults": ScanSettings(),
    "everything": ScanSettings(top_n=10**6, max_overlap=1.0),
    "narrow": ScanSettings(top_n=2, setup_top_n=3, max_overlap=0.3, max_skip=2, max_span=30),
    "some": ScanSettings(classes=("zigzag", "double_three"), directions=(-1,), top_n=50, setup_top_n=0),
}


def prices() -> tuple[np.ndarray, np.ndarray]:
    """Lows and highs of six series: walks with plateaus, gaps, a series without bars, and textbook waves."""
    rng = np.random.default_rng(7)
    walks = [
        random_bars(rng, BARS),
        random_bars(rng, BARS, decimals=0),
        (np.full(BARS, np.nan), np.full(BARS, np.nan)),
        random_bars(rng, BARS, missing=2),
    ]
    pictures = [chart(TEXTBOOK["impulse"]), chart(TEXTBOOK["double_three"], -1)]
    walks += [(picture.low[:BARS], picture.high[:BARS]) for picture in pictures]
    low, high = (np.full((len(walks), BARS), np.nan) for _ in range(2))
    for row, (lows, highs) in enumerate(walks):
        low[row, : len(lows)], high[row, : len(highs)] = lows, highs
    return low, np.where(np.isnan(low), np.nan, high)


def origins(rows: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Row, end and length of the origins: several of a series, short windows, and one that asks for nothing."""
    end = np.tile([20, 37, 37, 50, BARS - 1], rows)
    length = np.tile([21, 18, 0, 40, BARS], rows)
    return np.repeat(np.arange(rows), 5), end, length


def scans(backend: str) -> dict[str, Scan]:
    """Every scan of the test."""
    low, high = prices()
    found = {
        name: scan_origins(low, high, *origins(len(low)), settings=settings, backend=backend)
        for name, settings in SETTINGS.items()
    }
    nothing = np.zeros(0, np.int32)
    found["no_origins"] = scan_origins(low, high, nothing, nothing, nothing, backend=backend)
    return found


def lists(backend: str) -> dict[str, np.ndarray]:
    """Every pattern of every class of one series, of pieces too short for any, and within limits."""
    low, high = prices()
    found = {
        f"{name} {direction}": enumerate_class(low[4], high[4], name, direction, backend=backend)
        for name in CLASS_NAMES
        for direction in (1, -1)
    }
    for count in (0, 1, 3):
        found[f"{count} bars"] = enumerate_class(low[4, :count], high[4, :count], "impulse", 1, backend=backend)
    found["limits"] = enumerate_class(low[4], high[4], "zigzag", -1, max_skip=2, max_span=20, backend=backend)
    return found


def scan_on(device: Device) -> Scan:
    """The scan with default settings on a device with a limit."""
    low, high = prices()
    row, end, length = (values.astype(np.int32) for values in origins(len(low)))
    start = np.where(length > 0, end - length + 1, end + 1).astype(np.int32)
    return gpu.scan(low, high, row, end, start, ScanSettings(), "a test", device)


def limited(chunks: dict[str, np.ndarray]) -> dict[str, Scan]:
    """Scans on devices that are too small for all series at once; `chunks` says what each came to."""
    whole = Device()
    found = {"whole": scan_on(whole)}
    # Planned as one chunk; the count of the patterns says that it doesn't fit.
    gpu.BYTES_PER_BAR = 1
    counted = Device(memory=80_000)
    found["counted"] = scan_on(counted)
    failing = Device()

    def empty(shape, dtype=np.float64):
        if np.prod(shape) * np.dtype(dtype).itemsize > 9_000:
            raise MemoryError("an allocation that fails")
        return whole.xp.empty(shape, dtype)

    everything_else = {name: getattr(whole.xp, name) for name in dir(whole.xp) if not name.startswith("_")}
    failing.xp = SimpleNamespace(**everything_else | {"empty": empty})
    found["failing"] = scan_on(failing)
    gpu.BYTES_PER_BAR = 1_000
    planned = Device(memory=130_000)
    found["planned"] = scan_on(planned)
    for name, device in (("whole", whole), ("counted", counted), ("failing", failing), ("planned", planned)):
        chunks[name] = np.array(device.chunks)
    return found


def refusals() -> dict[str, str]:
    """What is said of a series with too many patterns or prefixes, and of one that doesn't fit alone."""
    said = {}
    low, high = prices()
    for name in ("MAX_RECORDS", "MAX_VISITS"):
        before = getattr(gpu_search, name)
        setattr(gpu_search, name, 10)
        try:
            scan_origins(low, high, [1, 3], [BARS - 1] * 2, [BARS] * 2, backend="gpu")
        except InvalidInputError as error:
            said[name] = str(error)
        setattr(gpu_search, name, before)
    try:
        scan_on(Device(memory=100))
    except gpu.BackendUnavailableError as error:
        said["memory"] = str(error)
    return said


def saved(found: dict[str, Scan]) -> dict[str, np.ndarray]:
    """Scans as arrays with the scan's name in front, and the backend that each names."""
    arrays = {f"{name}/{column}": values for name, scan in found.items() for column, values in columns(scan).items()}
    return arrays | {f"{name}/backend": np.array([scan.backend, scan.reason]) for name, scan in found.items()}


def main() -> None:
    """Run everything on the GPU, or on the simulator, and save it."""
    chunks: dict[str, np.ndarray] = {}
    parts = saved(scans("gpu") | limited(chunks))
    parts |= {f"list {name}": values for name, values in lists("gpu").items()}
    parts |= {f"chunks {name}": values for name, values in chunks.items()}
    parts |= {f"refusal {name}": np.array(text) for name, text in refusals().items()}
    np.savez(sys.argv[1], **parts)


if __name__ == "__main__":
    main()
