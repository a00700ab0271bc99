"""`WaveScorer`: the wave scan on the backend that was asked for, and on the CPU where a GPU gives up.

What belongs here: which backend and how many GPUs compute, why, and how fast; and the device with what lies on it. What
doesn't: what is looked for (`ScanSettings`).
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from kernels.device import Backend, gpu_support
from kernels.errors import WavemillError
from kernels.memory import Device
from kernels.waves import Scan, ScanSettings, scan_origins
from kernels.waves.validate import checked_bars, checked_origins
from resources.device_pool import DevicePool, devices_for, visible_devices
from resources.scan_parts import scan_on_devices

LEAST_ORIGINS = 20_000
"""Origins that a device must have to be worth a process: 40 sessions of 500 symbols. Fewer stay in the caller."""

_LOGGER = logging.getLogger(__name__)
_DEVICE_LIBRARIES = ("numba.cuda", "cuda", "cupy", "cupy_backends", "torch")


@dataclass(frozen=True)
class Metrics:
    """What a scorer has done in this process.

    Attributes:
        scans: how many scans it made.
        patterns: how many patterns these found and kept, each once for each scan, descendants included.
        seconds: how long they took, compiling included.
    """

    scans: int = 0
    patterns: int = 0
    seconds: float = 0.0

    def since(self, earlier: "Metrics") -> "Metrics":
        """What was done since `earlier`."""
        return Metrics(
            self.scans - earlier.scans, self.patterns - earlier.patterns, max(self.seconds - earlier.seconds, 0.0)
        )

    @property
    def patterns_per_second(self) -> float:
        """Patterns kept for each second; 0.0 before the first scan."""
        return self.patterns / self.seconds if self.seconds > 0.0 else 0.0


class WaveScorer:
    """Scans on one backend. Under "auto" a scan that fails on the GPU is made on the CPU, and so are all later ones.

    Attributes:
        metrics: of all scans so far.
    """

    def __init__(
        self,
        backend: Backend = "auto",
        *,
        warn: Callable[[str], object] = _LOGGER.warning,
        scan: Callable[..., Scan] = scan_origins,
    ) -> None:
        """Nothing is touched before the first scan.

        Args:
            backend: "auto", "naive", "cpu" or "gpu".
            warn: where a fallback is told.
            scan: what scans, see `kernels.waves.scan_origins`.
        """
        self.metrics = Metrics()
        self._backend = backend
        self._fallback = ""
        self._warn = warn
        self._scan = scan
        self._device: Device | None = None

    @property
    def device(self) -> Device | None:
        """The GPU of this process with what it holds; None where the scorer computes elsewhere."""
        if self._device is None and self._backend in ("auto", "gpu"):
            support = gpu_support()
            if support.ok and (self._backend == "gpu" or not support.simulated):
                self._device = Device()
        return self._device

    def hold(self, *prices: npt.NDArray[np.float64]) -> None:
        """Keep prices that several scans look at on the GPU, as long as they are on the host; see `Device.hold`.

        They become read-only. Where there is no GPU nothing happens.

        Raises:
            InvalidInputError: an array that isn't C-contiguous.
        """
        try:
            device = self.device
        except Exception as error:
            if not self._may_fall_back(error):
                raise
            self._fall_back(error)
            return
        if device is not None:
            device.hold(*prices)

    def score(
        self,
        low: npt.ArrayLike,
        high: npt.ArrayLike,
        row: npt.ArrayLike,
        end: npt.ArrayLike,
        length: npt.ArrayLike,
        settings: ScanSettings,
    ) -> Scan:
        """Scan; arguments as in `kernels.waves.scan_origins`. `reason` of the result tells of a fallback.

        Raises:
            InvalidInputError: a wrong shape, price, order or range; a faulty bar is named.
            BackendUnavailableError: an explicit backend that isn't there.
        """
        started = time.monotonic()
        origins = (low, high, row, end, length)
        try:
            scan = self._scan_where_asked(*origins, settings=settings)
        except Exception as error:
            if not self._may_fall_back(error):
                raise
            # Where the input is at fault, the CPU says so too.
            scan = self._scan(*origins, settings=settings, backend="cpu")
            self._fall_back(error)
        done = self.metrics
        self.metrics = Metrics(
            done.scans + 1, done.patterns + len(scan.patterns.score), done.seconds + time.monotonic() - started
        )
        return replace(scan, reason=self._fallback) if self._fallback else scan

    def _may_fall_back(self, error: Exception) -> bool:
        return self._backend == "auto" and may_be_the_device(error)

    def _fall_back(self, error: Exception) -> None:
        self._backend, self._device = "cpu", None
        self._fallback = f"the GPU failed ({type(error).__name__}: {error}), so the CPU scans from then on"
        self._warn(f"waves: {self._fallback}")

    def _scan_where_asked(self, *origins: Any, settings: ScanSettings) -> Scan:
        device = self.device
        if device is None:
            return self._scan(*origins, settings=settings, backend=self._backend)
        devices = devices_for(np.size(origins[2]), LEAST_ORIGINS, visible_devices())
        if len(devices) < 2:
            return self._scan(*origins, settings=settings, backend=self._backend, device=device)
        # Here too, so that what is wrong is said before processes start.
        low, high = checked_bars(origins[0], origins[1], 2)
        asked = checked_origins(origins[2], origins[3], origins[4], low.shape)
        with DevicePool(devices) as pool:
            return scan_on_devices(pool, {"low": low, "high": high}, *asked, settings)

    def report(self, scan: Scan, earlier: Metrics) -> dict[str, str | float]:
        """Metadata of one of its scans: the backend and why, and what all scans since `earlier` took.

        On a GPU also the arrays and bytes that this process has copied to it since the scorer was made.
        """
        spent = self.metrics.since(earlier)
        copied = self._device.transfers if self._device is not None else None
        return {
            "backend": scan.backend,
            "backend_reason": scan.reason,
            "scan_seconds": round(spent.seconds, 3),
            "patterns_per_second": round(spent.patterns_per_second),
            **({} if copied is None else {"uploads": copied.uploads, "uploaded_bytes": copied.uploaded_bytes}),
        }


def may_be_the_device(error: Exception) -> bool:
    """Whether an error may come from a GPU: one of ours, or one of a CUDA library's types."""
    modules = [each.__module__ for each in type(error).__mro__]
    return isinstance(error, WavemillError) or any(
        module == name or module.startswith(f"{name}.") for module in modules for name in _DEVICE_LIBRARIES
    )
