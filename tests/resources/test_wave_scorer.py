"""The scorer scans where it was told to, falls back to the CPU for all to see, and hides no other error."""

from typing import Any

import numpy as np
import pytest

from kernels.device import Support
from kernels.errors import BackendUnavailableError, InvalidInputError
from kernels.market import instruments, simulate
from kernels.waves import Scan, ScanSettings, scan_origins
from resources import wave_scorer
from resources.wave_scorer import Metrics, WaveScorer, may_be_the_device
from resources.wiring import WaveScorerResource

BARS = simulate(instruments(7, 3), 160, seed=7)
ORIGINS = (BARS.low, BARS.high, np.arange(3), np.full(3, 159), np.full(3, 120))
SETTINGS = ScanSettings(top_n=3)


class DeviceError(Exception):
    """Stands in for what a CUDA library raises."""


DeviceError.__module__ = "numba.cuda.cudadrv.driver"


class Machine:
    """A scan whose GPU raises; it counts the attempts on each backend."""

    def __init__(self, error: Exception) -> None:
        self.error = error
        self.asked: list[str] = []

    def scan(self, *origins: Any, settings: ScanSettings, backend: str) -> Scan:
        self.asked.append(backend)
        if backend != "cpu":
            raise self.error
        return scan_origins(*origins, settings=settings, backend="cpu")


def same(one: Scan, other: Scan) -> bool:
    return all(
        np.array_equal(getattr(one, name), getattr(other, name), equal_nan=name == "line_target")
        for name in ("origin", "pattern", "rank", "line_target", "candidates", "standing")
    ) and np.array_equal(one.patterns.score, other.patterns.score)


@pytest.mark.parametrize(
    "error",
    [
        DeviceError("CUDA_ERROR_ILLEGAL_ADDRESS"),
        BackendUnavailableError("waves", expected="a device", got="none", mend="wait"),
    ],
    ids=["of a CUDA library", "of ours"],
)
def test_a_gpu_that_fails_is_replaced_by_the_cpu_and_that_is_said(error: Exception) -> None:
    machine, told = Machine(error), list[str]()
    scorer = WaveScorer("auto", warn=told.append, scan=machine.scan)
    scan = scorer.score(*ORIGINS, SETTINGS)
    assert scan.backend == "cpu"
    assert type(error).__name__ in scan.reason
    assert str(error) in scan.reason
    assert told == [f"waves: {scan.reason}"]
    assert same(scan, scan_origins(*ORIGINS, settings=SETTINGS, backend="cpu"))
    again = scorer.score(*ORIGINS, SETTINGS)
    assert machine.asked == ["auto", "cpu", "cpu"]
    assert again.reason == scan.reason
    assert len(told) == 1
    report = scorer.report(again, Metrics())
    assert (report["backend"], report["backend_reason"]) == ("cpu", scan.reason)


def test_an_explicit_gpu_that_fails_raises() -> None:
    machine, told = Machine(DeviceError("lost")), list[str]()
    scorer = WaveScorer("gpu", warn=told.append, scan=machine.scan)
    with pytest.raises(DeviceError, match="lost"):
        scorer.score(*ORIGINS, SETTINGS)
    assert (machine.asked, told, scorer.metrics) == (["gpu"], [], Metrics())


def test_an_error_of_the_program_is_not_hidden_by_the_cpu() -> None:
    machine = Machine(TypeError("a defect"))
    with pytest.raises(TypeError, match="a defect"):
        WaveScorer("auto", scan=machine.scan).score(*ORIGINS, SETTINGS)
    assert machine.asked == ["auto"]


def test_prices_are_held_only_where_there_is_a_gpu() -> None:
    low = BARS.low.copy()
    for backend in ("auto", "cpu", "naive"):
        scorer = WaveScorer(backend)
        scorer.hold(low)
        assert (scorer.device, low.flags.writeable) == (None, True)


def test_a_gpu_that_cannot_be_opened_is_replaced_by_the_cpu_too(monkeypatch) -> None:
    def broken() -> None:
        raise DeviceError("CUDA_ERROR_NO_DEVICE")

    monkeypatch.setattr(wave_scorer, "gpu_support", lambda: Support(True, "a device that broke"))
    monkeypatch.setattr(wave_scorer, "Device", broken)
    told: list[str] = []
    scorer = WaveScorer("auto", warn=told.append)
    scorer.hold(BARS.low)
    assert len(told) == 1
    assert "CUDA_ERROR_NO_DEVICE" in told[0]
    scan = scorer.score(*ORIGINS, SETTINGS)
    assert (scan.backend, scorer.device, len(told)) == ("cpu", None, 1)
    scorer = WaveScorer("auto", warn=told.append)
    assert scorer.score(*ORIGINS, SETTINGS).reason == scan.reason
    with pytest.raises(DeviceError):
        WaveScorer("gpu").hold(BARS.low)


def test_bad_input_is_refused_and_is_no_reason_to_fall_back() -> None:
    told: list[str] = []
    scorer = WaveScorer("auto", warn=told.append)
    crossed = BARS.low.copy()
    crossed[1, 5] = BARS.high[1, 5] * 2.0
    with pytest.raises(InvalidInputError, match="bar 5 of row 1"):
        scorer.score(crossed, *ORIGINS[1:], SETTINGS)
    assert told == []
    assert "failed" not in scorer.score(*ORIGINS, SETTINGS).reason


def test_an_unknown_backend_is_refused_at_the_first_scan() -> None:
    with pytest.raises(InvalidInputError, match="backend of waves"):
        WaveScorerResource(backend="abacus").open().score(*ORIGINS, SETTINGS)


def test_the_metrics_count_what_was_done() -> None:
    scorer = WaveScorer("cpu")
    assert scorer.metrics.patterns_per_second == 0.0
    first = scorer.score(*ORIGINS, SETTINGS)
    before = scorer.metrics
    assert (before.scans, before.patterns) == (1, len(first.patterns.score))
    assert before.seconds > 0.0
    second = scorer.score(*ORIGINS, ScanSettings(top_n=1, setup_top_n=0))
    spent = scorer.metrics.since(before)
    assert (spent.scans, spent.patterns) == (1, len(second.patterns.score))
    assert spent.patterns_per_second == pytest.approx(spent.patterns / spent.seconds)
    report = scorer.report(second, before)
    assert report == {
        "backend": "cpu",
        "backend_reason": "chosen explicitly",
        "scan_seconds": round(spent.seconds, 3),
        "patterns_per_second": round(spent.patterns_per_second),
    }


def test_a_process_has_one_scorer_for_each_backend() -> None:
    assert WaveScorerResource(backend="cpu").open() is WaveScorerResource(backend="cpu").open()
    assert WaveScorerResource(backend="cpu").open() is not WaveScorerResource(backend="auto").open()


@pytest.mark.parametrize(
    ("module", "expected"),
    [
        ("numba.cuda.cudadrv.driver", True),
        ("cupy.cuda.memory", True),
        ("cupy_backends.cuda.api.runtime", True),
        ("cuda.bindings.driver", True),
        ("numba.core.errors", False),
        ("cudaless", False),
        ("builtins", False),
    ],
)
def test_an_error_is_the_devices_by_the_library_that_defines_it_or_its_base(module: str, expected: bool) -> None:
    base = type("Base", (Exception,), {"__module__": module})
    assert may_be_the_device(base()) is expected
    assert may_be_the_device(type("Derived", (base,), {"__module__": __name__})()) is expected
