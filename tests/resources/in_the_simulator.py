"""Work of the devices' processes, and a run of it, in the simulator with as many devices as the environment names.

The simulator must be asked for before Numba is imported, so the tests run this in a process of its own; what that
starts runs in the simulator too.
"""

import os
import pickle
import signal
import sys
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from kernels.device import gpu_support
from kernels.errors import WavemillError, WorkerError
from kernels.market import instruments, simulate
from kernels.panel import PricePanel
from kernels.waves import ScanSettings, scan_origins
from resources import null_build, wave_scorer
from resources.calendar import ALL_SESSIONS, session_number
from resources.device_pool import DevicePool, Part, own_device, visible_devices
from resources.null_build import NullRequest, build_null
from resources.null_state import NullStates
from resources.null_table import NullModel
from resources.parquet_lake import ParquetLake
from resources.wave_scorer import WaveScorer

ROWS, BARS = 5, 40
THROUGH = date(2017, 12, 29)


def tell(item: int) -> tuple[int, str, str, bool]:
    """An item back, with the device that the process sees, and whether it is one process and one device for all."""
    return item, os.environ["CUDA_VISIBLE_DEVICES"], f"{os.getpid()} {id(own_device())}", gpu_support().simulated


def fail(item: int) -> int:
    """Raise, or end the process, at an item below 0; else give it back."""
    if item == -1:
        raise WavemillError("item -1", expected="a good one", got="a bad one", mend="replace it")
    if item == -2:
        os.kill(os.getpid(), signal.SIGKILL)
    return item


def parts(items: list[int]) -> list[Part[int]]:
    return [Part(f"symbols of {item}", item) for item in items]


def map_of(devices: tuple[str, ...]) -> dict[str, Any]:
    """What a pool of these devices gives, and what it says of those that fail."""
    with DevicePool(devices) as pool:
        told = list(pool.map(tell, parts(list(range(7)))))
        again = list(pool.map(tell, parts(list(range(7)))))
        before: dict[int, list[int]] = {}
        said: dict[int, tuple[str, str]] = {}
        for bad in (-1, -2):
            before[bad] = []
            try:
                for each in pool.map(fail, parts([0, 1, 2, bad, 4, 5])):
                    before[bad].append(each)
            except (WavemillError, WorkerError) as error:
                said[bad] = type(error).__name__, "\n".join([str(error), *getattr(error, "__notes__", [])])
        after = list(pool.map(tell, parts(list(range(7)))))
    return {"told": told, "again": again, "after": after, "before": before, "said": said}


def scan_of_five() -> dict[str, Any]:
    """The scan of the scorer; with more than one device in parts."""
    bars = simulate(instruments(7, ROWS), BARS, seed=7)
    low, high = bars.low.copy(), bars.high.copy()
    low[1, 9] = high[1, 9] = np.nan
    row = np.array([0, 0, 0, 1, 1, 2, 3, 3, 4], np.int32)
    end = np.array([20, 30, 39, 25, 39, 39, 11, 39, 39], np.int32)
    origins = low, high, row, end, np.array([21, 20, 40, 26, 30, 0, 12, 40, 40], np.int32)
    wave_scorer.LEAST_ORIGINS = 2
    scorer = WaveScorer("gpu")
    scorer.hold(low, high)
    found = scorer.score(*origins, ScanSettings(top_n=3))
    report = scorer.report(found, scorer.metrics)
    scorer.score(*origins, ScanSettings(top_n=3))
    bytes_of_scans = report["uploaded_bytes"], scorer.report(found, scorer.metrics)["uploaded_bytes"]
    crossed = low.copy()
    crossed[3, 5] = high[3, 5] * 2.0
    try:
        scorer.score(crossed, *origins[1:], ScanSettings())
    except WavemillError as error:
        said = str(error)
    alone = scan_origins(*origins, settings=ScanSettings(top_n=3), backend="gpu")
    return {"found": asdict(found), "alone": asdict(alone), "said": said, "report": report, "bytes": bytes_of_scans}


def panel_of_five() -> PricePanel:
    """Bars up to the sessions before a quarter; one symbol has no bar on some."""
    bars = simulate(instruments(7, ROWS), BARS, seed=7)
    prices = {name: getattr(bars, name).copy() for name in ("open", "high", "low", "close")}
    for values in prices.values():
        values[3, [30, 35]] = np.nan
    stop = session_number(THROUGH) + 1
    return PricePanel(tuple("ABCDE"), ALL_SESSIONS[stop - BARS : stop], **prices, volume=bars.volume)


def count_or_die(task: Any) -> Any:
    """Count a portion; where it is symbol C's in the longer window and the file isn't there yet, end the process."""
    file = Path(os.environ["DIES_ONCE"])
    if task.portion.length == 30 and 2 in task.portion.rows and not file.exists():
        file.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return null_build._count_task(task)


def nulls_of_five(folder: Path) -> dict[str, Any]:
    """Null distributions, a symbol at a time; on several devices also of a run in which one dies, and of the next."""
    null_build.ROWS_AT_A_TIME = 1
    model = NullModel(date(2018, 1, 1), THROUGH, "block", 20.0, 7, None, 504)
    asked = NullRequest(model, (20, 30), 1, 10, "gpu", "abc")
    made: dict[str, Any] = {}

    def build(name: str, states: NullStates) -> None:
        told: list[int] = []
        made[f"{name} told"] = told
        try:
            made[name] = build_null(panel_of_five(), asked, states, told.append)[0].histograms.counts
        except WorkerError as error:
            made[name] = str(error)

    build("counts", NullStates(ParquetLake(str(folder / "whole")).files))
    if len(visible_devices()) > 1:
        os.environ["DIES_ONCE"] = str(folder / "died")
        states = NullStates(ParquetLake(str(folder / "again")).files)
        original, null_build._count_task = null_build._count_task, count_or_die
        build("died", states)
        build("again", states)
        null_build._count_task = original
    return made


def main() -> None:
    """Do everything, and save what comes in the file that is named."""
    # The simulator polls its threads, and would keep each waiting for as long as Python lets it.
    sys.setswitchinterval(0.0005)
    file = Path(sys.argv[1])
    devices = visible_devices()
    made = {"devices": devices, "scan": scan_of_five(), "nulls": nulls_of_five(file.parent)}
    if len(devices) == 2:
        made["map"] = map_of(devices)
    file.write_bytes(pickle.dumps(made))


if __name__ == "__main__":
    main()
