"""One profile of a device: limits, transfers, throughput, timeline, and what to set because of them."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from resources.gpu_profile.cases import CaseSizes, cases_of
from resources.gpu_profile.clock import Budget
from resources.gpu_profile.limits import Limit, device_limits
from resources.gpu_profile.recommend import Measurements, recommend
from resources.gpu_profile.target import LOAD, Target
from resources.gpu_profile.throughput import (
    Throughput,
    as_rows,
    beside_limits,
    measure_throughput,
    ratios,
    thread_counts,
)
from resources.gpu_profile.timeline import run_timeline
from resources.gpu_profile.transfers import GIB, KIB, MIB, SIZES, measure_transfers


class ProfileSizes(NamedTuple):
    """How large a profile is.

    Attributes:
        transfers: bytes that each method moves.
        array: bytes of the arrays whose copy is the limit of the memory.
        matrix: rows of the matrices whose product is the limit of the arithmetic.
        cases: of the throughput.
        transfer_seconds: time for the transfers, about.
        throughput_seconds: time for the throughput, about.
    """

    transfers: tuple[int, ...]
    array: int
    matrix: int
    cases: CaseSizes
    transfer_seconds: float
    throughput_seconds: float


TINY = ProfileSizes(
    transfers=(4 * KIB, 64 * KIB),
    array=64 * KIB,
    matrix=16,
    cases=CaseSizes(
        sessions=30,
        series=(1, 2),
        surrogates=(2,),
        accounts=(2,),
        window=10,
        windows=(4,),
        lookback=8,
        rows=(64,),
        training_rows=(1024,),
    ),
    transfer_seconds=60.0,
    throughput_seconds=60.0,
)
"""For tests and rehearsals."""

SMALL = ProfileSizes(
    transfers=tuple(size for size in SIZES if size <= 64 * MIB),
    array=64 * MIB,
    matrix=1024,
    cases=CaseSizes(
        sessions=252,
        series=(8, 32, 128),
        surrogates=(20, 100, 400),
        accounts=(1_000, 10_000, 100_000),
        window=126,
        windows=(1_000, 10_000),
        lookback=64,
        rows=(2_048, 16_384),
        training_rows=(32_768,),
    ),
    transfer_seconds=12.0,
    throughput_seconds=40.0,
)
"""For a CPU: about a minute on two cores."""

LARGE = ProfileSizes(
    transfers=SIZES,
    array=2 * GIB,
    matrix=8192,
    cases=CaseSizes(
        sessions=504,
        series=(16, 64, 256, 512),
        surrogates=(100, 1_000, 10_000, 100_000),
        accounts=(1_000, 10_000, 100_000, 1_000_000),
        window=252,
        windows=(1_000, 10_000, 100_000),
        lookback=64,
        rows=(2_048, 16_384, 131_072),
        training_rows=(131_072,),
    ),
    transfer_seconds=25.0,
    throughput_seconds=60.0,
)
"""For a GPU: about two minutes."""

SIZES_BY_NAME = {"tiny": TINY, "small": SMALL, "large": LARGE}


def profile(
    target: Target, sizes: ProfileSizes, folder: Path, log: Callable[[str], object] = lambda _: None
) -> dict[str, Any]:
    """Measure everything and say what follows.

    Args:
        target: what is measured.
        sizes: how much.
        folder: where trace files go.
        log: told what begins.

    Returns:
        Everything as plain numbers, strings, lists and dicts, as the report takes it.
    """
    log(f"{target.headline} Limits of the device")
    limits = device_limits(target, sizes.array, sizes.matrix)
    log("transfers")
    moved = measure_transfers(target, sizes.transfers, Budget(sizes.transfer_seconds))
    log("throughput by batch size")
    cases = cases_of(target, sizes.cases)
    rows = measure_throughput(target, cases, thread_counts(os.cpu_count() or 1), Budget(sizes.throughput_seconds))
    log("memory by phase, and a trace")
    timeline = run_timeline(target, cases, folder)
    made = profile_of(target, limits, rows)
    load = target.facts.get(LOAD, 0.0)
    measured = Measurements(rows, limits, timeline.phases, timeline.memory, target.name if target.on_gpu else "", load)
    return made | {
        "transfers": as_rows(moved),
        "phases": as_rows(timeline.phases),
        "memory": timeline.memory,
        "utilisation": dict(timeline.utilisation._asdict()),
        "files": timeline.files,
        "recommendations": as_rows(recommend(measured)),
    }


def profile_of(target: Target, limits: list[Limit], rows: list[Throughput]) -> dict[str, Any]:
    """What was measured of the device and the kernels, with the ratios and the shares that follow from it."""
    # The limits are those of where torch computes; the kernels' share of them means something only there.
    backend = "gpu" if target.torch_device == "cuda" else "cpu"
    return {
        "headline": target.headline,
        "device": target.name,
        "reason": target.reason,
        "on_gpu": target.on_gpu,
        "facts": target.facts,
        "limits": as_rows(limits),
        "throughput": as_rows(rows),
        "ratios": as_rows(ratios(rows)),
        "beside_limits": as_rows(beside_limits(rows, limits, backend)),
    }
