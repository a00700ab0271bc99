"""What to set, and why: one recommendation for each setting that the measurements say something about.

A pure function of numbers. Every setting exists: a key of a run config, or a variable of the environment that a library
reads; the lines can be pasted as they are.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from kernels.memory import Phase
from resources.gpu_profile.limits import Limit, limit_of
from resources.gpu_profile.throughput import Throughput, best_rows, ratios

CLEARLY = 1.2
"""A ratio below this, or above its inverse, is no reason to change anything: two runs differ by that much."""

WASTED_SHARE, WASTED_BYTES = 0.25, 2**30
"""Of reserved memory, how much may be unused at the peak before it counts as in pieces; and how much at least."""

BFLOAT16_GAIN = 1.5

QUIET = 0.25
"""Programs that may have wanted a core before, if numbers of threads are to be compared."""

LEAST_SECONDS = 0.003
"""A shorter call is mostly what starting threads costs, and says nothing about how many to start."""


class Measurements(NamedTuple):
    """What recommendations are made from.

    Attributes:
        throughput: of every case.
        limits: of the device.
        phases: of the memory timeline.
        memory: whose memory that was, as `Timeline.memory`.
        gpu: name of the GPU, or "".
        load: programs that wanted each core of the CPU before, on average.
    """

    throughput: Sequence[Throughput]
    limits: Sequence[Limit]
    phases: Sequence[Phase]
    memory: str
    gpu: str
    load: float = 0.0


class Recommendation(NamedTuple):
    """What to set.

    Attributes:
        setting: its name.
        value: what to set it to.
        reason: the numbers behind it.
        kind: "yaml" (a run config) or "env" (a line of a shell); "" where nothing is to be set.
        lines: to paste, or "".
    """

    setting: str
    value: str
    reason: str
    kind: str = ""
    lines: str = ""


def recommend(found: Measurements) -> list[Recommendation]:
    """Make one recommendation for each setting; where nothing was measured for it, it says so.

    Args:
        found: what was measured.
    """
    return [
        _scorer(found),
        _forecaster(found),
        _training_device(found),
        _action_device(found),
        _training_precision(found),
        _threads(found),
        _allocator(found),
    ]


def _scorer(found: Measurements) -> Recommendation:
    setting, names = "wave_scorer.backend", ("wave scan", "null histograms")
    times = {row.case: row.times_all_threads for row in ratios(found.throughput) if row.case in names}
    if not found.gpu:
        return Recommendation(setting, "auto", "no GPU: `auto` is the CPU, and there is nothing to set")
    if len(times) < len(names):
        missing = ", ".join(name for name in names if name not in times)
        return Recommendation(setting, "auto", f"not measured on both backends: {missing}; leave it")
    told = ", ".join(f"{name} {times[name]:.2f} times the CPU's rate" for name in names)
    if all(each < 1.0 / CLEARLY for each in times.values()):
        lines = "resources:\n  wave_scorer:\n    config:\n      backend: cpu\n"
        return Recommendation(setting, "cpu", f"the GPU is slower: {told}", "yaml", lines)
    return Recommendation(setting, "auto", f"`auto`, the default, takes the GPU: {told}")


def _forecaster(found: Measurements) -> Recommendation:
    # The resource wants its folder whenever anything of it is set.
    lines = "resources:\n  forecaster:\n    config:\n      device: cuda\n      folder: data/compiled\n"
    return _device(found, "forecaster.device", "forecast network", lines)


def _training_device(found: Measurements) -> Recommendation:
    lines = "ops:\n  forecast_model:\n    config:\n      device: cuda\n"
    return _device(found, "forecast_model.device", "forecast training", lines)


def _action_device(found: Measurements) -> Recommendation:
    # Asking the network stands for training it, which needs samples.
    lines = "ops:\n  action_model:\n    config:\n      device: cuda\n"
    return _device(found, "action_model.device", "action-value network", lines)


def _device(found: Measurements, setting: str, case: str, lines: str) -> Recommendation:
    ratio = next((row.times_all_threads for row in ratios(found.throughput) if row.case == case), None)
    if ratio is None:
        why = "no GPU that torch can use was measured" if not found.gpu else f"{case} wasn't measured on both"
        return Recommendation(setting, "cpu", f"{why}; `cpu` is the default, and there is nothing to set")
    told = f"{case}: the GPU does {ratio:.2f} times the rows of the CPU in a second"
    if ratio > CLEARLY:
        return Recommendation(setting, "cuda", f"{told}, transfers included", "yaml", lines)
    return Recommendation(setting, "cpu", f"{told}: not worth a change of the default")


def _training_precision(found: Measurements) -> Recommendation:
    setting = "forecast_model.precision"
    float32, bfloat16 = (limit_of(list(found.limits), f"matmul {name}") for name in ("float32", "bfloat16"))
    if not float32 or not bfloat16:
        return Recommendation(setting, "float32", "bfloat16 wasn't measured; `float32` is the default")
    ratio = bfloat16 / float32
    network = best_rows(found.throughput, "gpu").get("forecast training")
    told = f"products in bfloat16 run at {ratio:.1f} times the rate of float32"
    if network is None or ratio < BFLOAT16_GAIN:
        return Recommendation(setting, "float32", f"{told}: leave it")
    share = network.operations / float32 / (network.seconds or 1.0)
    if share < 1.0 - 1.0 / CLEARLY:
        return Recommendation(setting, "float32", f"{told}, but products take {share:.1%} of a training step: leave it")
    lines = "ops:\n  forecast_model:\n    config:\n      precision: bfloat16\n"
    return Recommendation(
        setting, "bfloat16", f"{told}, and products take {share:.0%} of a training step", "yaml", lines
    )


def _threads(found: Measurements) -> Recommendation:
    setting = "NUMBA_NUM_THREADS"
    scaled = _by_threads(found.throughput)
    if found.load > QUIET:
        why = f"other programs were at work ({found.load:.1f} on each core): measure threads on a quiet machine"
        return Recommendation(setting, "unset", why)
    if not scaled:
        return Recommendation(setting, "unset", "kernels weren't measured with several numbers of threads; leave it")
    most = max(scaled)
    best = max(scaled, key=lambda threads: scaled[threads])
    told = ", ".join(f"{threads}: {rate:.2f}" for threads, rate in sorted(scaled.items()))
    reason = f"work in a second beside one thread's, the kernels' geometric mean, by threads: {told}"
    if best == most or scaled[best] < CLEARLY * scaled[most]:
        return Recommendation(setting, "unset", f"{reason}; all {most}, the default, are as good as any")
    return Recommendation(setting, str(best), reason, "env", f"export {setting}={best}\n")


def _by_threads(rows: Iterable[Throughput]) -> dict[int, float]:
    """The rate with each number of threads beside the fewest: geometric mean over the kernels measured with all."""
    rates: dict[str, dict[int, float]] = {}
    batches: dict[str, int] = {}
    # The networks compute on one thread by design.
    counted = [
        row
        for row in rows
        if row.backend == "cpu" and row.per_second and row.unit != "rows" and (row.seconds or 0.0) > LEAST_SECONDS
    ]
    for row in sorted(counted, key=lambda row: row.threads):
        # The batch that was measured with fewer threads is the one to compare.
        batches.setdefault(row.case, row.batch)
        if row.batch == batches[row.case]:
            rates.setdefault(row.case, {})[row.threads] = float(row.per_second or 0.0)
    asked = {threads for own in rates.values() for threads in own}
    whole = [own for own in rates.values() if set(own) == asked]
    if len(asked) < 2 or not whole:
        return {}
    made = {}
    for threads in asked:
        product = 1.0
        for own in whole:
            product *= own[threads] / own[min(asked)]
        made[threads] = product ** (1.0 / len(whole))
    return made


def _allocator(found: Measurements) -> Recommendation:
    setting = "PYTORCH_CUDA_ALLOC_CONF"
    on_gpu = [phase for phase in found.phases if phase.reserved]
    if not on_gpu or found.memory.startswith("host"):
        return Recommendation(setting, "unset", "no memory of a GPU was followed; leave it")
    worst = max(on_gpu, key=lambda phase: phase.reserved - phase.peak)
    unused = worst.reserved - worst.peak
    reason = f"in the phase {worst.phase} {worst.reserved:,} bytes were reserved and {worst.peak:,} used at the peak"
    if unused < WASTED_BYTES or unused < WASTED_SHARE * worst.reserved:
        return Recommendation(setting, "unset", f"{reason}: little lies in pieces; leave it")
    lines = f"export {setting}=expandable_segments:True\n"
    return Recommendation(setting, "expandable_segments:True", f"{reason}: the rest lay in pieces", "env", lines)
